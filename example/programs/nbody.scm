;; SPDX-License-Identifier: MIT
;; N bodies: the sun and the outer planets, each a vector of flonums.
;; Argument: how many steps.
;; small: 200

(define steps
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      30000))

(define days-per-year 365.24)
(define solar-mass (* 4 9.8696044010893586))

;; A body: x y z, its velocity, its mass.
(define (body x y z vx vy vz mass)
  (vector x y z
          (* vx days-per-year) (* vy days-per-year) (* vz days-per-year)
          (* mass solar-mass)))

(define bodies
  (list
   (body 0.0 0.0 0.0 0.0 0.0 0.0 1.0)
   (body 4.84143144246472090 -1.16032004402742839 -0.103622044471123109
         0.00166007664274403694 0.00769901118419740425 -0.0000690460016972063023
         0.000954791938424326609)
   (body 8.34336671824457987 4.12479856412430479 -0.403523417114321381
         -0.00276742510726411500 0.00499852801234917238 0.0000230417297573763929
         0.000285885980666130812)
   (body 12.8943695621391310 -15.1111514016986312 -0.223307578892655734
         0.00296460137564761618 0.00237847173959480950 -0.0000296589568540237556
         0.0000436624404335156298)
   (body 15.3796971148509165 -25.9193146099879641 0.179258772950371181
         0.00268067772490389322 0.00162824170038242295 -0.0000951592254519715870
         0.0000515138902046611451)))

(define (add-scaled! target base source source-base scale)
  (do ((i 0 (+ i 1)))
      ((= i 3))
    (vector-set! target (+ base i)
                 (+ (vector-ref target (+ base i))
                    (* (vector-ref source (+ source-base i)) scale)))))

;; The sun moves so that the centre of mass does not.
(define (offset-momentum!)
  (for-each (lambda (b)
              (add-scaled! (car bodies) 3 b 3
                           (- (/ (vector-ref b 6) solar-mass))))
            (cdr bodies)))

(define (square x) (* x x))

(define (attract! a b dt)
  (let* ((dx (- (vector-ref a 0) (vector-ref b 0)))
         (dy (- (vector-ref a 1) (vector-ref b 1)))
         (dz (- (vector-ref a 2) (vector-ref b 2)))
         (distance2 (+ (square dx) (square dy) (square dz)))
         (magnitude (/ dt (* distance2 (sqrt distance2))))
         (pull (* (vector-ref b 6) magnitude))
         (push (* (vector-ref a 6) magnitude)))
    (vector-set! a 3 (- (vector-ref a 3) (* dx pull)))
    (vector-set! a 4 (- (vector-ref a 4) (* dy pull)))
    (vector-set! a 5 (- (vector-ref a 5) (* dz pull)))
    (vector-set! b 3 (+ (vector-ref b 3) (* dx push)))
    (vector-set! b 4 (+ (vector-ref b 4) (* dy push)))
    (vector-set! b 5 (+ (vector-ref b 5) (* dz push)))))

(define (advance! dt)
  (let loop ((rest bodies))
    (when (pair? rest)
      (for-each (lambda (b) (attract! (car rest) b dt)) (cdr rest))
      (loop (cdr rest))))
  (for-each (lambda (b) (add-scaled! b 0 b 3 dt)) bodies))

(define (energy)
  (let loop ((rest bodies) (e 0.0))
    (if (null? rest)
        e
        (let* ((b (car rest))
               (speed2 (+ (square (vector-ref b 3)) (square (vector-ref b 4))
                          (square (vector-ref b 5)))))
          (loop (cdr rest)
                (fold-left (lambda (e other)
                             (- e (/ (* (vector-ref b 6) (vector-ref other 6))
                                     (distance b other))))
                           (+ e (* 0.5 (vector-ref b 6) speed2))
                           (cdr rest)))))))

(define (distance a b)
  (sqrt (+ (square (- (vector-ref a 0) (vector-ref b 0)))
           (square (- (vector-ref a 1) (vector-ref b 1)))
           (square (- (vector-ref a 2) (vector-ref b 2))))))

;; Nine digits after the point, whatever the machine's last bits are.
(define (show-energy)
  (display (/ (round (* (energy) 1e9)) 1e9))
  (newline))

(offset-momentum!)
(show-energy)
(do ((i 0 (+ i 1)))
    ((= i steps))
  (advance! 0.01))
(show-energy)
