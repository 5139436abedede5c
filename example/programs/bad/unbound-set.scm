;; set! is no definition.
(define (next!)
  (set! counter (+ counter 1)))
(set! counter 1)
