;; Syntax is not a value.
(map if '(1 2))
