; SPDX-License-Identifier: MIT
; recursion.scm: a million frames and more on the stack, each with an object that
; nothing else refers to, while the heap is collected below and above them.
(use-modules (ice-9 control) (system vm vm))

(define bench? (equal? (cadr (command-line)) "bench"))
(define deep (if bench? 2000000 1000000))
(define rounds (if bench? 5 1))

; The objects on the stack are looked at on the way back.
(define (descend n)
  (if (= n 0)
      (begin (gc) 0)
      (let* ((object (cons n (* 3 n)))
             (below (descend (- n 1))))
        (if (and (= (car object) n) (= (cdr object) (* 3 n)))
            (modulo (+ below (cdr object)) 1000003)
            (error "an object was lost" n)))))

(define (even-depth? n) (if (= n 0) #t (not (odd-depth? (- n 1)))))
(define (odd-depth? n) (if (= n 0) #f (not (even-depth? (- n 1)))))

(define (numbers from to)
  (if (= from to) '() (cons (* 1.5 from) (numbers (+ from 1) to))))

(define (ackermann m n)
  (cond ((= m 0) (+ n 1))
        ((= n 0) (ackermann (- m 1) 1))
        (else (ackermann (- m 1) (ackermann m (- n 1))))))

(define (hanoi n from to over)
  (if (= n 0)
      '()
      (append (hanoi (- n 1) from over to) (list (cons from to)) (hanoi (- n 1) over to from))))

(define (tarai x y z)
  (if (<= x y) y (tarai (tarai (- x 1) y z) (tarai (- y 1) z x) (tarai (- z 1) x y))))

(do ((round 0 (+ round 1)))
    ((= round rounds))
  (format #t "descend: ~a\n" (descend deep))
  (format #t "even: ~a\n" (even-depth? deep))
  (format #t "numbers: ~a\n" (apply + (numbers 0 (quotient deep 2))))
  (format #t "map: ~a\n" (apply + (map (lambda (x) (* x x)) (iota (quotient deep 4)))))
  (format #t "strings: ~a\n"
          (let loop ((i 0))
            (if (= i (quotient deep 20))
                0
                (let ((string (number->string i)))
                  (+ (loop (+ i 1)) (string-length string)))))))
(format #t "ackermann: ~a\n" (ackermann 2 (if bench? 1500 400)))
(format #t "hanoi: ~a\n" (length (hanoi (if bench? 18 14) 'a 'b 'c)))
(format #t "tarai: ~a\n" (tarai 12 6 0))

; A stack that overflows is an error that can be caught, and all is well after it.
(define (endless n)
  (+ 1 (endless (cons n n))))
(format #t "overflow: ~a\n"
        (call/ec
         (lambda (leave)
           (call-with-stack-overflow-handler 100000
             (lambda () (endless 0))
             (lambda () (leave 'caught))))))
