;; SPDX-License-Identifier: MIT
;; An evaluator for a small Scheme, in Scheme, that runs a program: the primes
;; below n by trial division, and the ways to put queens on a board.
;; Argument: n.
;; small: 60

(define limit
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      6000))

;; A closure is (closure PARAMETERS BODY ENVIRONMENT).
(define (cdddr x) (cdr (cddr x)))

;; An environment is a list of frames, a frame a list of (name . value), with a
;; head so that definitions can be added.

(define (make-frame names values)
  (cons 'frame (map cons names values)))

(define (find-binding name environment)
  (if (null? environment)
      (error "meta: unbound variable" name)
      (or (assq name (cdr (car environment)))
          (find-binding name (cdr environment)))))

(define (define-name! name value environment)
  (let ((frame (car environment)))
    (set-cdr! frame (cons (cons name value) (cdr frame)))))

(define (meta-eval e environment)
  (cond ((symbol? e) (cdr (find-binding e environment)))
        ((not (pair? e)) e)
        (else
         (case (car e)
           ((quote) (cadr e))
           ((if) (if (meta-eval (cadr e) environment)
                     (meta-eval (caddr e) environment)
                     (meta-eval (car (cdddr e)) environment)))
           ((lambda) (list 'closure (cadr e) (cddr e) environment))
           ((define)
            (if (pair? (cadr e))
                (define-name! (car (cadr e))
                              (list 'closure (cdr (cadr e)) (cddr e) environment)
                              environment)
                (define-name! (cadr e) (meta-eval (caddr e) environment) environment)))
           ((let)
            (meta-sequence (cddr e)
                           (cons (make-frame (map car (cadr e))
                                             (map (lambda (b) (meta-eval (cadr b) environment))
                                                  (cadr e)))
                                 environment)))
           (else
            (meta-apply (meta-eval (car e) environment)
                        (map (lambda (x) (meta-eval x environment)) (cdr e))))))))

(define (meta-sequence es environment)
  (if (null? (cdr es))
      (meta-eval (car es) environment)
      (begin
        (meta-eval (car es) environment)
        (meta-sequence (cdr es) environment))))

(define (meta-apply f arguments)
  (if (procedure? f)
      (apply f arguments)
      (meta-sequence (caddr f)
                     (cons (make-frame (cadr f) arguments) (car (cdddr f))))))

(define primitives
  (list (make-frame '(+ - * = < remainder cons car cdr null? not list length append)
                    (list + - * = < remainder cons car cdr null? not list length append))))

(define program
  `((define (divides? a b) (= (remainder b a) 0))
    (define (prime? n)
      (define (try d)
        (if (< n (* d d))
            #t
            (if (divides? d n) #f (try (+ d 1)))))
      (try 2))
    (define (primes from to)
      (if (= from to)
          '()
          (if (prime? from)
              (cons from (primes (+ from 1) to))
              (primes (+ from 1) to))))
    (define (sum numbers)
      (if (null? numbers)
          0
          (+ (car numbers) (sum (cdr numbers)))))
    (define (safe? column others distance)
      (if (null? others)
          #t
          (if (= (car others) column)
              #f
              (if (= (car others) (+ column distance))
                  #f
                  (if (= (car others) (- column distance))
                      #f
                      (safe? column (cdr others) (+ distance 1)))))))
    (define (queens n row board)
      (define (try column)
        (if (= column 0)
            0
            (+ (if (safe? column board 1)
                   (queens n (+ row 1) (cons column board))
                   0)
               (try (- column 1)))))
      (if (= row n) 1 (try n)))
    (let ((found (primes 2 ,limit)))
      (list (length found) (sum found) (queens 6 0 '())))))

(let ((result (meta-sequence program primitives)))
  (display (car result))
  (display " primes below ")
  (display limit)
  (display "; ")
  (display "their sum is ")
  (display (cadr result))
  (newline)
  (display (caddr result))
  (display " ways to place 6 queens")
  (newline))
