;; Two ends of one list.
'(1 . 2 3)
