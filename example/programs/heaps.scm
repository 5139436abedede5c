;; SPDX-License-Identifier: MIT
;; Programs with heaps of their own: each has a collector, a symbol table and
;; globals that no other one sees. Data go in and come out as copies; a program
;; that needs too much memory fails alone, and its heap is gone afterwards.
;; Argument: how many heaps.
;; small: 2

(define count
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      20))

(define (show . things)
  (for-each display things)
  (newline))

;; A value, a list, a text of several expressions.
(write-line (in-new-heap '(+ 1 2)))
(write-line (in-new-heap '(list 1.5 "text\n" 'symbol #\c '(a . b) (vector 1 2) #t '())))
(write-line (in-new-heap "(define (square x) (* x x)) (map square '(1 2 3))"))

;; Globals are the other heap's.
(define x 'here)
(in-new-heap '(define x 'there))
(write-line x)

;; A program that is data.
(define (fibonacci-of n)
  `(let ()
     (define (fibonacci n)
       (if (< n 2) n (+ (fibonacci (- n 1)) (fibonacci (- n 2)))))
     (fibonacci ,n)))

(define (sum-of-heaps n)
  (if (= n 0)
      0
      (+ (in-new-heap (fibonacci-of 10)) (sum-of-heaps (- n 1)))))
(write-line (= (sum-of-heaps count) (* 55 count)))

;; Several at the same time, from several threads.
(define threads
  (map (lambda (n) (thread-start! (lambda () (in-new-heap (fibonacci-of n)))))
       '(5 10 15)))
(write-line (map thread-join! threads))

;; One in another.
(write-line (in-new-heap '(cons 1 (in-new-heap '(cons 2 (in-new-heap ''(3)))))))

;; What goes wrong there is an error here.
(define (try program . limit)
  (write-line (guard (e ((error-object? e) (error-object-text e)))
                (apply in-new-heap program limit))))

(try '(car 1))
(try '(raise 'nothing))
(try '(lambda (x) x))
(try '(begin (define (grow l) (grow (cons 1 l))) (grow '())) 8000000)
(try "(define (grow l)")

(show "this heap has not grown: "
      (< (cdr (assq 'heap-peak-bytes (heap-stats))) 100000000))
