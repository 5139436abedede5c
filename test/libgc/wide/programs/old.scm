;; SPDX-License-Identifier: MIT
;; old.scm: for Guile 2.2: trees, weak tables, guardians, threads, large numbers, deep
;; recursion, strings. Arguments: check or bench.

(use-modules (ice-9 threads) (srfi srfi-1))

(define times (if (equal? (cadr (command-line)) "bench") 8 1))

(define (tree depth)
  (if (= depth 0) '() (cons (tree (- depth 1)) (tree (- depth 1)))))

(define (nodes tree)
  (if (null? tree) 1 (+ 1 (nodes (car tree)) (nodes (cdr tree)))))

(define (show name value)
  (display name) (display " ") (write value) (newline))

;; Every tree is counted, so that a branch that was lost would be missed.
(define (trees)
  (let ((kept (tree 14)))
    (show "short" (fold + 0 (map (lambda (n) (nodes (tree 12))) (iota (* 20 times)))))
    (show "kept" (nodes kept))))

;; What has a strong holder stays in the table, with its value.
(define (weak)
  (let ((table (make-weak-key-hash-table))
        (keys (map (lambda (n) (list n)) (iota (* 4000 times)))))
    (for-each (lambda (key) (hashq-set! table key (* 3 (car key)))) keys)
    (for-each (lambda (n) (hashq-set! table (list n) n)) (iota (* 20000 times)))
    (gc)
    (show "weak" (fold + 0 (map (lambda (key) (hashq-ref table key)) keys)))))

;; All that were given away come back, sooner or later.
(define (guard)
  (let ((guardian (make-guardian)) (count (* 2000 times)))
    (for-each (lambda (n) (guardian (list n (number->string n)))) (iota count))
    (let loop ((seen 0) (sum 0) (rounds 0))
      (let ((object (guardian)))
        (cond (object
               (loop (+ seen 1)
                     (+ sum (car object) (string->number (cadr object))) rounds))
              ((and (< seen (- count 10)) (< rounds 100))
               (gc)
               (loop seen sum (+ rounds 1)))
              (else
               (show "guardian" (>= seen (- count 10)))))))))

(define (work seed)
  (let loop ((n (* 20000 times)) (list '()) (sum seed))
    (if (= n 0)
        (+ sum (length list))
        (loop (- n 1)
              (if (= (modulo n 100) 0) '() (cons (vector n seed) list))
              (modulo (+ (* sum 31) n) 1000003)))))

(define (threads)
  (let ((all (map (lambda (n) (call-with-new-thread (lambda () (work n)))) (iota 4))))
    (show "threads" (map join-thread all))))

(define (factorial n) (if (= n 0) 1 (* n (factorial (- n 1)))))

(define (digits-sum n)
  (string-fold (lambda (digit sum) (+ sum (- (char->integer digit) 48))) 0
               (number->string n)))

(define (deep n) (if (= n 0) '() (cons n (deep (- n 1)))))

(define (strings)
  (let ((text (call-with-output-string
               (lambda (port)
                 (for-each (lambda (n) (write (number->string n 7) port))
                           (iota (* 20000 times)))))))
    (show "strings" (list (string-length text) (string-hash text 1000003)))))

(trees)
(weak)
(guard)
(threads)
(show "digits" (digits-sum (factorial (* 500 (min times 4)))))
(show "deep" (fold + 0 (deep 300000)))
(strings)
