;; SPDX-License-Identifier: MIT
;; Bytes that move: bytevectors of many sizes are made, and most of them dropped.
;; What is left stands far apart, until the machine moves it together and the memory
;; between goes back to the system; nobody sees it, but for (handle-stats).
;; Argument: how many bytevectors.
;; small: 400

(define count
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      10000))

(define (show . things)
  (for-each display things)
  (newline))

(define (stat name) (cdr (assq name (handle-stats))))

;; The bytevector of a number: its size and its bytes.
(define (pattern i)
  (let* ((last (+ 3 (remainder (* i 7919) 3000)))
         (bytes (make-bytevector (+ last 1) (remainder i 256))))
    (bytevector-u8-set! bytes 0 (remainder (quotient i 256) 256))
    (bytevector-u8-set! bytes last (remainder (* i 13) 256))
    bytes))

(define (fill! row)
  (do ((i 0 (+ i 1)))
      ((= i (vector-length row)))
    (vector-set! row i (pattern i))))

;; Keeps every tenth.
(define (thin! row)
  (do ((i 0 (+ i 1)))
      ((= i (vector-length row)))
    (if (> (remainder i 10) 0)
        (vector-set! row i #f))))

(define (whole? row)
  (let loop ((i 0))
    (or (= i (vector-length row))
        (and (or (not (vector-ref row i))
                 (equal? (vector-ref row i) (pattern i)))
             (loop (+ i 1))))))

;; After each collection the machine moves blocks, for a millisecond.
(define (collect-until-span bound tries)
  (collect)
  (or (< (stat 'span-bytes) bound)
      (and (> tries 0) (collect-until-span bound (- tries 1)))))

(define row (make-vector count #f))
(fill! row)
(define full (stat 'span-bytes))
(define moved (stat 'moved-bytes))
(show count " bytevectors are whole: " (whole? row))
(thin! row)
(show "the span shrinks to a third: " (collect-until-span (quotient full 3) 1000))
(show "blocks have moved: " (> (stat 'moved-bytes) moved))
(show "the tenth that is left is whole: " (whole? row))

;; Without a limit of time it is done at once, and hardly anything is free.
(thin! row)
(collect)
(show "compacted: " (compact))
(show "little between blocks is free: " (< (* 10 (stat 'free-bytes)) (stat 'span-bytes)))
(show "and all is whole: " (whole? row))

;; A buffer that grows in place, where there is room.
(define buffer (make-bytevector 0))
(define (put! bytes)
  (let ((at (bytevector-length buffer)))
    (bytevector-resize! buffer (+ at (bytevector-length bytes)))
    (bytevector-copy! buffer at bytes)))
(do ((i 0 (+ i 1)))
    ((= i count))
  (put! (bytevector (remainder i 256) 1 2)))
(show "the buffer has all: "
      (let loop ((i 0))
        (or (= i count)
            (and (= (bytevector-u8-ref buffer (* 3 i)) (remainder i 256))
                 (equal? (bytevector-copy buffer (+ (* 3 i) 1) (+ (* 3 i) 3)) #u8(1 2))
                 (loop (+ i 1))))))
(bytevector-resize! buffer 400000)
(show "as a large block: " (stat 'large-bytes) ", " (bytevector-u8-ref buffer 399999))
(bytevector-resize! buffer 6)
(show "and as a small one: " (stat 'large-bytes) ", " buffer)

;; Two threads that make and drop, and one that moves all the time.
(define working #t)
(define (work)
  (let ((row (make-vector (quotient count 10) #f)))
    (let loop ((round 0))
      (or (= round 3)
          (begin
            (fill! row)
            (thin! row)
            (collect)
            (and (whole? row) (loop (+ round 1))))))))
(define (move times)
  (if working
      (begin
        (compact 50000)
        (thread-yield!)
        (move (+ times 1)))
      (> times 0)))
(define mover (thread-start! (lambda () (move 0))))
(define workers (list (thread-start! work) (thread-start! work)))
(show "two threads at a time: " (map thread-join! workers))
(set! working #f)
(show "and one that moves: " (thread-join! mover))

;; Two threads that use a bytevector, and one that makes it longer and shorter: its
;; bytes are 1, or 0 where it was made longer, or there are none.
(define shared (make-bytevector 5000 1))
(define (resize times)
  (or (= times 0)
      (begin
        (bytevector-resize! shared (+ 1 (random 5000)))
        (resize (- times 1)))))
(define (look times)
  (or (= times 0)
      (and (guard (e ((error-object? e)
                      (equal? (error-object-message e) "bytevector-u8-ref: out of range")))
             (< (bytevector-u8-ref shared (random 5000)) 2))
           (look (- times 1)))))
(define resizer (thread-start! (lambda () (resize count))))
(define lookers (map (lambda (n) (thread-start! (lambda () (look (* 10 count))))) '(1 2)))
(show "a length that changes: " (map thread-join! (cons resizer lookers)))

;; Another heap has handles of its own.
(show "in a new heap: "
      (in-new-heap '(let ((bytes (make-bytevector 1000)))
                      (list (cdr (assq 'block-bytes (handle-stats))) (bytevector-length bytes)))))
