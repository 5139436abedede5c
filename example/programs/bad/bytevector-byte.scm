;; A byte that is none.
(write-line (list->bytevector '(0 128 255)))
(list->bytevector
  '(0 256))
