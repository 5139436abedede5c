;; SPDX-License-Identifier: MIT
;; A parallel map: numbers are factored by four threads, which take the next one
;; from a shared list whenever they are done with the last. What they find goes to
;; a table of all threads, and an error in one of them comes out where it is
;; waited for.
;; Argument: how many numbers.
;; small: 40

(define count
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      3000))

(define workers 4)

;; A list that threads take elements from.
(define (make-source list)
  (let ((mutex (make-mutex)))
    (lambda ()
      (with-mutex mutex
        (lambda ()
          (if (null? list)
              #f
              (let ((first list))
                (set! list (cdr list))
                first)))))))

;; Like map of one list, on so many threads. Each result has its place in a
;; vector, which needs no lock.
(define (parallel-map procedure list)
  (let* ((results (make-vector (length list)))
         (take (make-source (map cons list (iota (length list) 0))))
         (work (lambda ()
                 (let loop ((mine 0))
                   (let ((cell (take)))
                     (if cell
                         (begin
                           (vector-set! results (cdar cell) (procedure (caar cell)))
                           (loop (+ mine 1)))
                         mine)))))
         (threads (map (lambda (i) (thread-start! work)) (iota workers 0))))
    (set! done (apply + (map thread-join! threads)))
    (vector->list results)))

;; How many results the threads of the last one say they have made.
(define done 0)

(define (factors n)
  (let loop ((n n) (d 2) (found '()))
    (cond ((= n 1) (reverse found))
          ((> (* d d) n) (reverse (cons n found)))
          ((= (remainder n d) 0) (loop (quotient n d) d (cons d found)))
          (else (loop n (+ d 1) found)))))

(define (show . things)
  (for-each display things)
  (newline))

(define numbers (map (lambda (i) (+ 100000 (* 7 i))) (iota count 0)))

(define results (parallel-map factors numbers))

(show "each of the " count " was done once: " (= done count))
(show "the same as one after the other: " (equal? results (map factors numbers)))
(show "and multiplied again: "
      (equal? (map (lambda (list) (apply * list)) results) numbers))

;; A table of all threads: the lock makes "look, then add" one step.
(define largest (make-equal-hash-table))
(define lock (make-mutex))

(parallel-map (lambda (list)
                (with-mutex lock
                  (lambda ()
                    (hash-table-update! largest (apply max list) (lambda (n) (+ n 1)) 0))))
              results)
(show "all were counted: " (= (apply + (hash-table-values largest)) count))

;; Strings and symbols made by all threads at once.
(define (names i)
  (map (lambda (n) (string->symbol (string-append "name-" (number->string n))))
       (iota 20 (* 10 i))))
(define made (parallel-map names (iota count 0)))
(show "symbols of one name are the same: "
      (equal? (map eq? (list-tail (car made) 10) (cadr made))
              (map (lambda (x) #t) (iota 10 0))))

;; An error in a thread.
(define failing (thread-start! (lambda () (vector-ref (vector 1 2 3) 3))))
(show (guard (e ((error-object? e) (error-object-text e)))
        (thread-join! failing)))
(show (guard (e ((symbol? e) e))
        (thread-join! (thread-start! (lambda () (raise 'enough))))))
