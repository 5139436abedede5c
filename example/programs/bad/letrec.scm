;; Used before it has a value.
(define (f)
  (define a (+ b 1))
  (define b 1)
  a)
(f)
