;; Locked twice by the same thread: an error, where there would be a deadlock.
(define mutex (make-mutex))
(with-mutex mutex
  (lambda ()
    (with-mutex mutex
      (lambda () 'never))))
