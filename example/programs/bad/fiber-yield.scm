;; There is nobody to yield to.
(define (numbers n)
  (fiber-yield n)
  (numbers (+ n 1)))
(numbers 0)
