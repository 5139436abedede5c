;; Another thread's mutex.
(define mutex (make-mutex))
(mutex-lock! mutex)
(thread-join! (thread-start! (lambda () (mutex-unlock! mutex))))
