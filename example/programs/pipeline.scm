;; SPDX-License-Identifier: MIT
;; Producers and consumers: three threads generate lines of text, two take them
;; apart into words, and one counts them. Between them are queues of a fixed
;; size, on which a thread waits when there is nothing to take or no room.
;; Argument: how many lines each producer generates.
;; small: 30

(define lines
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      2000))

;; A queue of at most `room` elements: mutex, two condition variables.

(define-record-type queue (queue-make mutex some space room count head tail) queue?
  (mutex queue-mutex)
  (some queue-some)
  (space queue-space)
  (room queue-room)
  (count queue-count set-queue-count!)
  (head queue-head set-queue-head!)
  (tail queue-tail set-queue-tail!))

(define (make-queue room)
  (queue-make (make-mutex) (make-condition-variable) (make-condition-variable) room 0 '() '()))

(define (queue-put! queue x)
  (with-mutex (queue-mutex queue)
    (lambda ()
      (let wait ()
        (when (= (queue-count queue) (queue-room queue))
          (condition-variable-wait! (queue-space queue) (queue-mutex queue))
          (wait)))
      (let ((cell (list x)))
        (if (= (queue-count queue) 0)
            (set-queue-head! queue cell)
            (set-cdr! (queue-tail queue) cell))
        (set-queue-tail! queue cell)
        (set-queue-count! queue (+ (queue-count queue) 1))
        (condition-variable-signal! (queue-some queue))))))

(define (queue-take! queue)
  (with-mutex (queue-mutex queue)
    (lambda ()
      (let wait ()
        (when (= (queue-count queue) 0)
          (condition-variable-wait! (queue-some queue) (queue-mutex queue))
          (wait)))
      (let ((x (car (queue-head queue))))
        (set-queue-head! queue (cdr (queue-head queue)))
        (set-queue-count! queue (- (queue-count queue) 1))
        (condition-variable-signal! (queue-space queue))
        x))))

;; The stages. The end of a queue's elements is the symbol end, once for each
;; thread that takes from it.

(define text '("the" "quick" "brown" "fox" "jumps" "over" "the" "lazy" "dog"))

(define (line n)
  (let loop ((words text) (line (number->string n)))
    (if (null? words)
        line
        (loop (cdr words) (string-append line " " (car words))))))

(define (produce to)
  (do ((i 0 (+ i 1)))
      ((= i lines))
    (queue-put! to (line i))))

(define (split string)
  (let loop ((start 0) (words '()))
    (let ((end (string-search string " " start)))
      (if end
          (loop (+ end 1) (cons (substring string start end) words))
          (cons (substring string start) words)))))

(define (take-apart from to)
  (let loop ((x (queue-take! from)))
    (unless (eq? x 'end)
      (for-each (lambda (word) (queue-put! to word)) (split x))
      (loop (queue-take! from))))
  (queue-put! to 'end))

(define (count from sources)
  (let ((table (make-equal-hash-table)))
    (let loop ((left sources))
      (if (= left 0)
          table
          (let ((x (queue-take! from)))
            (cond ((eq? x 'end) (loop (- left 1)))
                  (else
                   (unless (string->number x)
                     (hash-table-update! table x (lambda (n) (+ n 1)) 0))
                   (loop left))))))))

(define raw (make-queue 16))
(define words (make-queue 64))

(define (start-all number thunk)
  (map (lambda (i) (thread-start! thunk)) (iota number 0)))

(define counter (thread-start! (lambda () (count words 2))))
(define splitters (start-all 2 (lambda () (take-apart raw words))))
(define producers (start-all 3 (lambda () (produce raw))))

(for-each thread-join! producers)
(queue-put! raw 'end)
(queue-put! raw 'end)
(for-each thread-join! splitters)

(define table (thread-join! counter))

(for-each (lambda (word)
            (display word)
            (display " ")
            (display (hash-table-ref table word))
            (newline))
          (sort (hash-table-keys table) string<?))
