;; A parameter that is no name.
(define f (lambda (a 2) a))
