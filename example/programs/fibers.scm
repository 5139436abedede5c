;; SPDX-License-Identifier: MIT
;; Ten thousand fibers at once: each has a stack of its own, with local variables
;; on it. A scheduler lets them run in turn; they pass messages through
;; mailboxes around a ring. Afterwards nobody holds them, and their stacks are
;; used again.
;; Argument: how many fibers.
;; small: 200

(define count
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      10000))

(define (show . things)
  (for-each display things)
  (newline))

;; A mailbox is a vector's element: a list of messages.

(define boxes (make-vector count '()))

(define (send! i message)
  (vector-set! boxes i (cons message (vector-ref boxes i))))

;; Yields until there is a message.
(define (receive i)
  (let ((messages (vector-ref boxes i)))
    (if (null? messages)
        (begin
          (fiber-yield 'waits)
          (receive i))
        (begin
          (vector-set! boxes i (cdr messages))
          (car messages)))))

;; Each hands on what it receives, one more, and remembers all of it on its stack.
(define (node i rounds)
  (let ((seen (list i)))
    (let loop ((left rounds) (sum 0))
      (if (= left 0)
          (+ sum (car seen))
          (let ((n (receive i)))
            (send! (remainder (+ i 1) count) (+ n 1))
            (loop (- left 1) (+ sum n)))))))

(define (make-node i rounds)
  (make-fiber (lambda (start) (node i rounds))))

(define (run fibers)
  (let loop ((running fibers) (results '()))
    (if (null? running)
        results
        (let ((values (map (lambda (fiber) (fiber-resume fiber #f)) running)))
          (loop (filter (lambda (fiber) (not (fiber-done? fiber))) running)
                (append (filter number? values) results))))))

(define rounds 3)
(define ring (map (lambda (i) (make-node i rounds)) (iota count 0)))

(send! 0 0)
(define results (run ring))

(show count " fibers, " rounds " rounds")
(show "each has ended: " (= (length results) count))
;; The messages were 0, 1, 2 ... , and every fiber added its number.
(show "the sum is right: "
      (let ((messages (* rounds count)))
        (= (apply + results)
           (+ (quotient (* messages (- messages 1)) 2)
              (quotient (* count (- count 1)) 2)))))

;; Fibers that are left in the middle, again and again.
(define (abandon i)
  (let ((fiber (make-fiber (lambda (x) (fiber-yield (vector x i)) 'never))))
    (vector-ref (fiber-resume fiber i) 0)))

(define (repeat times sum)
  (if (= times 0)
      sum
      (repeat (- times 1) (+ sum (abandon times)))))

(show "abandoned fibers: "
      (= (repeat (* 2 count) 0) (quotient (* 2 count (+ (* 2 count) 1)) 2)))
