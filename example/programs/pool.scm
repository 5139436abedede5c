;; SPDX-License-Identifier: MIT
;; A pool that a guardian manages: buffers are costly to make, so lost ones are
;; used again. Whoever takes a buffer need not give it back: when nobody refers to
;; it any more, the guardian hands it out.
;; Argument: how many pictures are drawn.
;; small: 40

(define pictures
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      2000))

(define (show . things)
  (for-each display things)
  (newline))

(define side 64)
(define made 0)
(define used-again 0)

(define lost (make-guardian))

(define (make-buffer)
  (set! made (+ made 1))
  (make-bytevector (* side side) 0))

;; A buffer from the guardian, or a new one; registered, so that it will come
;; back in its turn. When there are many, the pool collects before it makes more.
(define (take-buffer)
  (let ((buffer (or (lost)
                    (and (= (remainder made 50) 49)
                         (begin (collect) (lost)))
                    (make-buffer))))
    (if (> (bytevector-u8-ref buffer 0) 0)
        (set! used-again (+ used-again 1)))
    (lost buffer)
    buffer))

(define (draw n)
  (let ((buffer (take-buffer)))
    (do ((i 0 (+ i 1)))
        ((= i side))
      (bytevector-u8-set! buffer (+ (* i side) (remainder (* i n) side)) 255))
    (bytevector-u8-set! buffer 0 255)
    buffer))

;; Some pictures are kept for a while: the ten last.
(define shown (make-vector 10 #f))

(do ((n 0 (+ n 1)))
    ((= n pictures))
  (vector-set! shown (remainder n 10) (draw n)))

(show pictures " pictures were drawn")
(show "into few buffers: " (<= made 200))
(show "all others were used again: " (= (+ made used-again) pictures))
(show "the ten last are intact: "
      (equal? (map (lambda (buffer) (bytevector-u8-ref buffer 0)) (vector->list shown))
              '(255 255 255 255 255 255 255 255 255 255)))

;; An object comes back whole, with what it refers to, once for each time that it
;; was registered.
(define g (make-guardian))
(define (lose n)
  (if (> n 0)
      (begin
        (g (list n (list 'part 'of n)))
        (lose (- n 1)))))
(lose 20)
(collect)
(define (drain found)
  (let ((x (g)))
    (if x (drain (cons x found)) found)))
(define found (drain '()))
(show "most of 20 have come back: " (> (length found) 15))
(show "and are whole: "
      (equal? found (map (lambda (x) (list (car x) (list 'part 'of (car x)))) found)))
(show "a guardian with nothing to give: " (equal? (g) #f))
