;; A thread that waits for itself would wait forever.
(define mutex (make-mutex))
(mutex-lock! mutex)
(define self #f)
(define (wait)
  (with-mutex mutex (lambda () (thread-join! self))))
(set! self (thread-start! wait))
(mutex-unlock! mutex)
(thread-join! self)
