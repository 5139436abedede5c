;; Too few arguments, and no way around it.
(define (add a b) (+ a b))
(display (add 1 2))
(newline)
(display (add 1))
