;; A definition after an expression.
(define (f x)
  (display x)
  (define y 2)
  y)
