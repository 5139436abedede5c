; SPDX-License-Identifier: MIT
; control.scm: continuations, which copy stacks into the heap and back: generators,
; coroutines, re-entrant ones that backtrack; delimited ones; dynamic winds,
; exceptions and parameters across them.
(use-modules (ice-9 control) (srfi srfi-1))

(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 36 4))

; A generator of a tree's leaves by call/cc, so that each leaf is a stack in the heap.
(define (make-generator walk)
  (define return #f)
  (define (resume)
    (walk (lambda (value)
            (call/cc (lambda (continue)
                       (set! resume (lambda () (continue #f)))
                       (return value)))))
    (return 'end))
  (lambda ()
    (call/cc (lambda (k) (set! return k) (resume)))))

(define (tree depth value)
  (if (= depth 0)
      value
      (cons (tree (- depth 1) (* 2 value)) (tree (- depth 1) (+ 1 (* 2 value))))))

(define (leaves tree)
  (make-generator
   (lambda (yield)
     (let walk ((tree tree))
       (if (pair? tree)
           (begin (walk (car tree)) (walk (cdr tree)))
           (yield tree))))))

(define (same-fringe? one other)
  (let ((next-one (leaves one)) (next-other (leaves other)))
    (let loop ((count 0))
      (let ((a (next-one)) (b (next-other)))
        (cond ((not (eqv? a b)) (list 'differ count))
              ((eq? a 'end) (list 'same count))
              (else (loop (+ count 1))))))))
(do ((i 0 (+ i 1)))
    ((= i size))
  (format #t "fringes: ~a ~a\n" (same-fringe? (tree 9 1) (tree 9 1))
          (same-fringe? (tree 8 1) (tree 8 2))))

; Backtracking: a choice is a continuation that is entered again and again.
(define fail-stack '())
(define (fail)
  (if (null? fail-stack)
      (error "no choice is left")
      (let ((back (car fail-stack)))
        (set! fail-stack (cdr fail-stack))
        (back back))))
(define (choose choices)
  (let ((here (call/cc (lambda (k) k))))
    (if (null? choices)
        (fail)
        (let ((choice (car choices)))
          (set! choices (cdr choices))
          (set! fail-stack (cons here fail-stack))
          choice))))
(define (safe? row placed)
  (let loop ((left placed) (distance 1))
    (or (null? left)
        (and (not (= (car left) row))
             (not (= (abs (- (car left) row)) distance))
             (loop (cdr left) (+ distance 1))))))
(define (queens n)
  (set! fail-stack '())
  (let loop ((placed '()))
    (if (= (length placed) n)
        placed
        (let ((row (choose (iota n))))
          (if (safe? row placed) (loop (cons row placed)) (fail))))))
(format #t "queens: ~a\n" (map queens (if bench? '(4 5 6 7 8 9 10 12) '(4 5 6 7 8))))

; Coroutines that take turns by delimited continuations.
(define tag (make-prompt-tag 'turn))
(define (pause value)
  (abort-to-prompt tag value))
(define (worker name steps)
  (lambda ()
    (let loop ((i 0) (kept '()))
      (if (= i steps)
          (list name (length kept) (apply + kept))
          (loop (+ i 1) (cons (+ i (pause (list name i))) kept))))))
(define (run-workers workers)
  (let loop ((ready (map (lambda (w) (lambda (turn) (cons 'done (w)))) workers)) (turn 0) (done '()))
    (if (null? ready)
        (sort done (lambda (a b) (< (car a) (car b))))
        (let ((next (call-with-prompt tag
                      (lambda () ((car ready) turn))
                      (lambda (k value) (cons 'more k)))))
          (if (eq? (car next) 'done)
              (loop (cdr ready) (+ turn 1) (cons (cdr next) done))
              (loop (append (cdr ready) (list (cdr next))) (+ turn 1) done))))))
(format #t "workers: ~a\n"
        (run-workers (map (lambda (i) (worker i (* (+ i 5) size))) (iota 20))))

; Shift and reset: all combinations, then a state monad.
(format #t "shift: ~a\n"
        (length (reset (let* ((a (shift k (append-map k (iota 15))))
                              (b (shift k (append-map k (iota (* 5 size)))))
                              (c (shift k (append-map k (iota 15)))))
                         (list (+ a (* b c)))))))
(define (deep n)
  (if (= n 0) (shift k (list k k)) (+ 1 (deep (- n 1)))))
(format #t "twice: ~a\n"
        (map (lambda (n) (apply + (map (lambda (k) (k 1)) (reset (deep n)))))
             (iota (* 20 size) 1 100)))

; In and out of dynamic extents; an exception from each depth.
(define trace 0)
(define (wound n)
  (dynamic-wind
    (lambda () (set! trace (+ trace 1)))
    (lambda () (if (= n 0) (throw 'bottom (make-string 20 #\x)) (wound (- n 1))))
    (lambda () (set! trace (+ trace 1000)))))
(format #t "winds: ~a ~a\n"
        (fold (lambda (i sum)
                (+ sum (catch 'bottom (lambda () (wound 50))
                         (lambda (key string) (string-length string)))))
              0 (iota (* 50 size)))
        trace)
(define parameter (make-parameter 0))
(define (nest n)
  (if (= n 0) (parameter) (parameterize ((parameter (+ n (parameter)))) (nest (- n 1)))))
(format #t "parameters: ~a\n" (map nest (iota (* 10 size) 100 10)))
(format #t "escapes: ~a\n"
        (fold (lambda (i sum)
                (+ sum (call/ec (lambda (k) (for-each (lambda (j) (when (> (* j j) i) (k j)))
                                                      (iota 1000))
                                   0))))
              0 (iota (* 300 size))))
