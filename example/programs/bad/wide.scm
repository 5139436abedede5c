;; What an error is about is cut when it is long.
(define (numbers n) (if (= n 0) '() (cons n (numbers (- n 1)))))
(car (list->vector (numbers 1000)))
