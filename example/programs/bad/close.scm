;; One parenthesis too many.
(display 1))
