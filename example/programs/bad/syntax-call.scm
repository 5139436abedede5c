;; A call that is no list.
(display (+ 1 . 2))
