;; At least one.
(define (most first . rest) (apply max first rest))
(most)
