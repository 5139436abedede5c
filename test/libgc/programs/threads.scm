; SPDX-License-Identifier: MIT
; threads.scm: threads that allocate at once, and what they hand to each other:
; through a mutex, a queue with a condition variable, futures, par-map, thread
; locals and atomic boxes. What is printed does not depend on who came first.
(use-modules (ice-9 threads) (ice-9 futures) (ice-9 atomic) (srfi srfi-1))

(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 130 8))

(define (build depth value)
  (if (= depth 0)
      (list value)
      (list (build (- depth 1) (* 2 value)) value (build (- depth 1) (+ 1 (* 2 value))))))

(define (add-up tree)
  (cond ((null? tree) 0)
        ((pair? tree) (modulo (+ (* 3 (add-up (car tree))) (* 5 (add-up (cdr tree))) 1) 1000003))
        (else tree)))

(define (work seed rounds)
  (let loop ((i 0) (sum 0))
    (if (= i rounds)
        sum
        (loop (+ i 1) (modulo (+ (* 7 sum) (add-up (build 9 (+ seed i)))) 1000003)))))

; Threads, each with its own sum.
(define threads
  (map (lambda (i) (call-with-new-thread (lambda () (work i (* 5 size))))) (iota 4)))
(format #t "threads: ~a\n" (map join-thread threads))

; Threads that come and go.
(format #t "short: ~a\n"
        (fold + 0
              (append-map
               (lambda (round)
                 (map join-thread
                      (map (lambda (i) (call-with-new-thread (lambda () (work (+ i round) 1))))
                           (iota 8))))
               (iota (* 2 size)))))

; A table behind a mutex.
(define table (make-hash-table))
(define mutex (make-mutex))
(define (enter! i)
  (do ((j 0 (+ j 1)))
      ((= j (* 500 size)))
    (with-mutex mutex
      (hash-set! table (list 'key i j) (number->string (* i j))))))
(for-each join-thread
          (map (lambda (i) (call-with-new-thread (lambda () (enter! i)))) (iota 4)))
(format #t "table: ~a entries, ~a characters\n" (hash-count (const #t) table)
        (hash-fold (lambda (key value sum)
                     (if (equal? value (number->string (* (cadr key) (caddr key))))
                         (+ sum (string-length value))
                         -1000000))
                   0 table))

; A queue: two give, two take; the first list is what came, the second what goes.
(define came '())
(define goes '())
(define filled (make-condition-variable))
(define (give! item)
  (with-mutex mutex
    (set! came (cons item came))
    (signal-condition-variable filled)))
(define (take!)
  (with-mutex mutex
    (let loop ()
      (cond ((pair? goes)
             (let ((item (car goes)))
               (set! goes (cdr goes))
               item))
            ((pair? came)
             (set! goes (reverse came))
             (set! came '())
             (loop))
            (else
             (wait-condition-variable filled mutex)
             (loop))))))
(define (giver base)
  (lambda ()
    (do ((i 0 (+ i 1)))
        ((= i (* 300 size)))
      (give! (list base (+ base i) (number->string i))))))
(define (taker)
  (let loop ((sum 0))
    (let ((item (take!)))
      (if (eq? item 'end)
          sum
          (loop (+ sum (cadr item) (string->number (caddr item))))))))
(let ((givers (map (lambda (base) (call-with-new-thread (giver base))) '(1000 2000)))
      (takers (map (lambda (i) (call-with-new-thread taker)) '(1 2))))
  (for-each join-thread givers)
  (give! 'end)
  (give! 'end)
  (format #t "queue: ~a\n" (apply + (map join-thread takers))))

(format #t "futures: ~a\n"
        (map touch (map (lambda (i) (make-future (lambda () (work i size)))) (iota 8))))
(format #t "par-map: ~a\n" (par-map (lambda (i) (work i 2)) (iota (* 2 size))))

; A value for each thread.
(define fluid (make-thread-local-fluid 0))
(define (count-up n)
  (let loop ((i 0))
    (when (< i n)
      (fluid-set! fluid (cons i (if (pair? (fluid-ref fluid)) (fluid-ref fluid) '())))
      (loop (+ i 1))))
  (apply + (fluid-ref fluid)))
(format #t "fluids: ~a ~a\n"
        (map join-thread
             (map (lambda (i) (call-with-new-thread (lambda () (count-up (* 100 (+ i 1))))))
                  (iota 4)))
        (fluid-ref fluid))

; A list that all push to without a lock.
(define box (make-atomic-box '()))
(define (push! item)
  (let loop ((old (atomic-box-ref box)))
    (let ((seen (atomic-box-compare-and-swap! box old (cons item old))))
      (unless (eq? seen old)
        (loop seen)))))
(for-each join-thread
          (map (lambda (i)
                 (call-with-new-thread
                  (lambda () (for-each (lambda (j) (push! (+ j (* 10000 i)))) (iota (* 100 size))))))
               (iota 4)))
(format #t "pushed: ~a ~a\n" (length (atomic-box-ref box)) (apply + (atomic-box-ref box)))

; A thread that is stopped from outside, and one that ends by an error.
(define stopped (call-with-new-thread (lambda () (let loop ((i 0)) (loop (cons i '()))))))
(cancel-thread stopped 'was 'stopped)
(format #t "stopped: ~a\n" (call-with-values (lambda () (join-thread stopped)) list))
(format #t "error: ~a\n"
        (join-thread (call-with-new-thread
                      (lambda () (catch 'mine (lambda () (throw 'mine (work 1 1)))
                                   (lambda (key value) (list key value)))))))
