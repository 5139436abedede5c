;; A record of another type.
(define-record-type cat (make-cat name) cat? (name cat-name))
(define-record-type dog (make-dog name) dog? (name dog-name))
(display (cat-name (make-cat "Tom")))
(newline)
(display (cat-name (make-dog "Rex")))
