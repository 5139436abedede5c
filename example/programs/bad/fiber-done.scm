;; A fiber that has ended has nothing more to give.
(define fiber (make-fiber (lambda (x) (fiber-yield (+ x 1)) 'end)))
(write-line (fiber-resume fiber 1))
(write-line (fiber-resume fiber 2))
(write-line (fiber-resume fiber 3))
