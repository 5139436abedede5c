;; SPDX-License-Identifier: MIT
;; Symbolic derivatives, and their simplification.
;; Argument: how many times to do it.
;; small: 20

(define times
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      2500))

(define (make-sum x y)
  (cond ((eqv? x 0) y)
        ((eqv? y 0) x)
        ((and (number? x) (number? y)) (+ x y))
        ((equal? x y) (make-product 2 x))
        (else (list '+ x y))))

(define (make-difference x y)
  (cond ((eqv? y 0) x)
        ((and (number? x) (number? y)) (- x y))
        ((equal? x y) 0)
        (else (list '- x y))))

(define (make-product x y)
  (cond ((or (eqv? x 0) (eqv? y 0)) 0)
        ((eqv? x 1) y)
        ((eqv? y 1) x)
        ((and (number? x) (number? y)) (* x y))
        ((number? y) (make-product y x))
        ((and (number? x) (pair? y) (eq? (car y) '*) (number? (cadr y)))
         (make-product (* x (cadr y)) (caddr y)))
        (else (list '* x y))))

(define (make-quotient x y)
  (cond ((eqv? x 0) 0)
        ((eqv? y 1) x)
        (else (list '/ x y))))

(define (make-power x n)
  (case n
    ((0) 1)
    ((1) x)
    (else (list '^ x n))))

(define (derivative e)
  (cond ((number? e) 0)
        ((symbol? e) (if (eq? e 'x) 1 0))
        (else
         (let ((u (cadr e))
               (v (if (pair? (cddr e)) (caddr e) #f)))
           (case (car e)
             ((+) (make-sum (derivative u) (derivative v)))
             ((-) (make-difference (derivative u) (derivative v)))
             ((*) (make-sum (make-product u (derivative v))
                            (make-product (derivative u) v)))
             ((/) (make-quotient
                   (make-difference (make-product v (derivative u))
                                    (make-product u (derivative v)))
                   (make-power v 2)))
             ((^) (make-product (make-product v (make-power u (- v 1)))
                                (derivative u)))
             ((sin) (make-product (list 'cos u) (derivative u)))
             ((cos) (make-product -1 (make-product (list 'sin u)
                                                   (derivative u))))
             ((exp) (make-product e (derivative u)))
             (else (error "derivative: unknown operator" (car e))))))))

(define expressions
  '((+ (* 3 (* x x)) (+ (* a (* x x)) (+ (* b x) 5)))
    (* (sin (* 2 x)) (cos (* 3 x)))
    (/ (^ x 3) (+ (^ x 2) 1))
    (exp (- (* a x) (^ x 2)))
    (- (* x (exp x)) (^ (+ x 1) 4))))

(define (nodes e)
  (if (pair? e)
      (+ (nodes (car e)) (nodes (cdr e)))
      1))

(define (nth-derivative e n)
  (if (= n 0)
      e
      (nth-derivative (derivative e) (- n 1))))

(for-each (lambda (e)
            (write e)
            (display "  =>  ")
            (write (derivative e))
            (newline))
          expressions)

(let loop ((i 0) (total 0))
  (if (< i times)
      (loop (+ i 1)
            (+ total
               (fold-left + 0
                          (map (lambda (e) (nodes (nth-derivative e 3)))
                               expressions))))
      (begin
        (display "nodes of all third derivatives: ")
        (display (quotient total times))
        (newline))))
