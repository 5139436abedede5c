;; Unknown # syntax.
(display #hello)
