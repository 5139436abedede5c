;; A program that needs more memory than its heap may have.
(define (try n)
  (in-new-heap `(string-length (make-string ,n)) 4000000))
(write-line (try 100000))
(write-line (try 10000000))
