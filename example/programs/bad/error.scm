;; What a program has to say about its own errors.
(define (half n)
  (if (odd? n)
      (error "half: can't halve:" n 'in "two")
      (quotient n 2)))
(half 6)
(half 7)
