;; Bytes count for the heap's limit, also when they are moved and given back. Then
;; the program goes on.
;; options: --limit=8M
(define (grow list)
  (grow (cons (make-bytevector 10000) list)))
(define (try thunk)
  (display (guard (e ((error-object? e) (error-object-text e)))
             (thunk)))
  (newline))
(try (lambda () (grow '())))
(try (lambda () (grow '())))
(define bytes (make-bytevector 4000000))
(try (lambda () (bytevector-resize! bytes 9000000)))
(try (lambda () (bytevector-length bytes)))
(try (lambda () (bytevector-resize! bytes 7000000) (bytevector-length bytes)))
(bytevector-resize! bytes 1000)
(make-bytevector 9000000)
