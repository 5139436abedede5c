;; if without a test.
(define (f x)
  (if))
