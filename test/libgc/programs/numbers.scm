; SPDX-License-Identifier: MIT
; numbers.scm: large integers and fractions, whose digits live outside the heap's
; sight of pointers; decimals of pi, factorials, Fibonacci numbers, series.
(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 5 1))

(define (digest n)
  (modulo n 1000000007))

(define (factorial n)
  (if (= n 0) 1 (* n (factorial (- n 1)))))

(define (pi-digits n)
  (let loop ((q 1) (r 0) (t 1) (k 1) (digits '()))
    (if (= (length digits) n)
        (list->string (map (lambda (d) (integer->char (+ 48 d))) (reverse digits)))
        (let ((digit (quotient (+ (* 3 q) r) t)))
          (if (= digit (quotient (+ (* 4 q) r) t))
              (loop (* 10 q) (* 10 (- r (* digit t))) t k (cons digit digits))
              (let ((odd (+ 1 (* 2 k))))
                (loop (* q k) (* odd (+ (* 2 q) r)) (* odd t) (+ k 1) digits)))))))

(define (fibonacci n)
  (let loop ((i 0) (a 0) (b 1))
    (if (= i n) a (loop (+ i 1) b (+ a b)))))

(define (harmonic n)
  (let loop ((i 1) (sum 0))
    (if (> i n) sum (loop (+ i 1) (+ sum (/ 1 i))))))

(define (power-modulo base exponent modulus)
  (let loop ((base base) (exponent exponent) (result 1))
    (cond ((= exponent 0) result)
          ((odd? exponent)
           (loop (modulo (* base base) modulus) (quotient exponent 2)
                 (modulo (* result base) modulus)))
          (else (loop (modulo (* base base) modulus) (quotient exponent 2) result)))))

(define (square-root n)
  (let loop ((x n))
    (let ((y (quotient (+ x (quotient n x)) 2)))
      (if (>= y x) x (loop y)))))

(format #t "factorials: ~a\n"
        (apply + (map (lambda (i) (digest (factorial (+ 800 i)))) (iota (* 40 size)))))
(let ((digits (pi-digits (* 600 size))))
  (format #t "pi: ~a ~a\n" (string-length digits) (substring digits (- (string-length digits) 20))))
(format #t "fibonacci: ~a\n" (digest (fibonacci (* 20000 size))))
(let ((sum (harmonic (* 1000 size))))
  (format #t "harmonic: ~a / ~a\n" (digest (numerator sum)) (digest (denominator sum))))
(format #t "power: ~a\n"
        (power-modulo (+ (expt 2 500) 3) (factorial (* 60 size)) (- (expt 2 521) 1)))
(format #t "root: ~a\n" (digest (square-root (expt 7 (* 1000 size)))))
(format #t "gcd: ~a\n" (gcd (factorial 300) (fibonacci 1200)))
(format #t "bits: ~a ~a\n" (logcount (fibonacci (* 3000 size)))
        (digest (logxor (ash 1 (* 10000 size)) (expt 3 2000))))
(let ((text (number->string (factorial (* 700 size)))))
  (format #t "text: ~a ~a ~a\n" (string-length text) (substring text 0 20)
          (= (string->number text) (factorial (* 700 size)))))
; Many that live a little: in a table, and replaced.
(define table (make-vector 1000 0))
(do ((i 0 (+ i 1)))
    ((= i (* 60000 size)))
  (let ((place (modulo (* i 7919) 1000)))
    (vector-set! table place (+ (vector-ref table place) (expt i (+ 3 (modulo i 17)))))))
(format #t "table: ~a\n" (digest (apply + (vector->list table))))
