;; A body of definitions alone.
(define (f)
  (define x 1))
