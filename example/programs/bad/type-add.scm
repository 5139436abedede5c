;; A sum of a number and a symbol.
(define (sum list)
  (if (null? list)
      0
      (+ (car list) (sum (cdr list)))))
(display (sum '(1 2 three)))
