;; Before the beginning.
(string-ref "abc" -1)
