;; An escape that strings do not know.
(display "a\qb")
