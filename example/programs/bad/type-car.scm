;; The car of what is no pair.
(define (last list)
  (if (null? (cdr list)) (car list) (last (cdr list))))
(display (last '(1 2 . 3)))
