;; A key that is not there.
(define t (make-equal-hash-table))
(hash-table-set! t "one" 1)
(hash-table-ref t "two")
