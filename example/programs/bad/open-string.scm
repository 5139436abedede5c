;; The string does not end.
(define s "abc)
