;; A fiber's stack has a limit of its own; its end is an error in the resumer.
(define (count n) (+ 1 (count n)))
(define (try)
  (guard (e ((error-object? e) (error-object-text e)))
    (fiber-resume (make-fiber count) 0)))
(write-line (try))
(write-line (try))
(fiber-resume (make-fiber count) 0)
