;; SPDX-License-Identifier: MIT
;; Symbolic derivatives without simplification: lists that are made and dropped.
;; Argument: how many times to do it.

(define times (string->number (cadr (command-line))))

(define (show . things)
  (for-each display things)
  (newline))

(define (derivative e)
  (cond ((number? e) 0)
        ((symbol? e) (if (eq? e 'x) 1 0))
        ((eq? (car e) '+) (cons '+ (map derivative (cdr e))))
        ((eq? (car e) '-) (cons '- (map derivative (cdr e))))
        ((eq? (car e) '*)
         (list '* e (cons '+ (map (lambda (factor) (list '/ (derivative factor) factor))
                                  (cdr e)))))
        (else
         (let ((u (cadr e))
               (v (car (cddr e))))
           (list '- (list '/ (derivative u) v)
                 (list '/ u (list '* v v (derivative v))))))))

(define expression '(+ (* 3 x x) (* a x x x) (/ b x) (- (* x x) 5)))

(define (nodes e)
  (if (pair? e)
      (+ (nodes (car e)) (nodes (cdr e)))
      1))

(define (nth-derivative e n)
  (if (= n 0)
      e
      (nth-derivative (derivative e) (- n 1))))

(do ((i 0 (+ i 1))
     (total 0 (+ total (nodes (nth-derivative expression 3)))))
    ((= i times)
     (show "nodes of the third derivatives: " total)))
