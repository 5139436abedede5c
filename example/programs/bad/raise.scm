;; Anything can be raised.
(define (check x)
  (if (negative? x) (raise (list 'negative x)) x))
(check 1)
(check -1)
