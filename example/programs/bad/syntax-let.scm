;; A binding of three.
(define (f x)
  (let ((a 1)
        (b 2 3))
    (+ a b)))
