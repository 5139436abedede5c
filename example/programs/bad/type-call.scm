;; A call of what is no procedure.
(define f 'f)
(display
 (f 1 2))
