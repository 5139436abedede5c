;; Not a number, and not a symbol either.
(display 12ab)
