;; A vector that no machine has memory for.
(display (guard (e ((error-object? e) (error-object-text e)))
           (make-vector 500000000 0)))
(newline)
(string-length (make-string 500000000))
;; options: --limit=64M
