;; Running out of memory is an error like others: the program goes on.
;; options: --limit=8M
(define (grow list)
  (grow (cons 0 list)))
(define (try thunk)
  (display (guard (e ((error-object? e) (error-object-text e)))
             (thunk)))
  (newline))
(try (lambda () (grow '())))
(try (lambda () (grow '())))
(try (lambda () (string-length (make-string 1000000))))
(try (lambda () (string-length (make-string 10000000))))
(grow '())
