;; Too many arguments for a primitive.
(display (string-length "a" "b"))
