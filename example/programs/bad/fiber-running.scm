;; A fiber can't resume itself, however indirectly.
(define a (make-fiber (lambda (x) (fiber-resume b x))))
(define b (make-fiber (lambda (x) (fiber-resume a x))))
(fiber-resume a 1)
