;; A number never dies.
(define table (make-weak-key-table))
(table-set! table 'five 5)
(write-line (table-ref table 'five #f))
(table-set! table 5 'five)
