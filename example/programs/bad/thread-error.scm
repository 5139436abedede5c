;; An error in a thread comes out where it is waited for; it stands where it was.
(define (halves n)
  (quotient 1 n))
(define t (thread-start! (lambda () (halves 0))))
(thread-join! t)
