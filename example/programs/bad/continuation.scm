;; A continuation only leads out.
(define k (call/cc (lambda (k) k)))
(k 1)
