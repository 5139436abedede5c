; SPDX-License-Identifier: MIT
; crystal.ctl: for mpb: bands of a lattice of rods; lists before and after. The variable
; rounds is set before.
(define-param rounds 1)
(define kept (map number->string (iota 20000)))
(define (drop n) (apply + (map (lambda (i) (vector-length (make-vector 20 i))) (iota n))))
(set! num-bands 4)
(set! k-points (interpolate rounds (list (vector3 0 0 0) (vector3 0.5 0 0) (vector3 0.5 0.5 0))))
(set! geometry
  (list (make cylinder (center 0 0 0) (radius 0.2) (height infinity)
          (material (make dielectric (epsilon 12))))))
(set! geometry-lattice (make lattice (size 1 1 no-size)))
(set! resolution 16)
(print "dropped: " (drop 100000) "\n")
(run-te (lambda (which) (drop 1000)))
(print "kept: " (apply + (map string->number kept)) "\n")
