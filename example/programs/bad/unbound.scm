;; A name that nobody has defined.
(define (area r)
  (* pi r r))
(display (area 2))
