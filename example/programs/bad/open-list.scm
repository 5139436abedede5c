;; The list does not end.
(display "before")
(newline)
(define (f x)
  (if x
      1
      2)
