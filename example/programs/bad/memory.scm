;; A vector that is filled with strings until there is no more room.
;; options: --limit=8M
(define keep (make-vector 10000))
(define (fill i)
  (vector-set! keep i (make-string 10000))
  (fill (+ i 1)))
(fill 0)
