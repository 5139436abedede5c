;; A file that is not there.
(define (first-line name)
  (read-line (open-input-file name)))
(first-line "no-such-file")
