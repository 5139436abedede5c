; SPDX-License-Identifier: MIT
; weak.scm: weak tables of all three kinds, with many entries. What is held stays
; with its value; what is not held goes but for a few that old words on a stack may
; keep; no entry ever has another's value.
(use-modules (ice-9 receive)
             ((srfi srfi-43) #:select (vector-for-each)))

(define bench? (equal? (cadr (command-line)) "bench"))
(define entries (if bench? 60000 8000))
(define rounds (if bench? 6 2))

(define (number-of key)
  (string->number (substring key 4)))

(define (make-key i)
  (string-append "key " (number->string i)))

; Every third key is held. A value is (i . square), and knows its key by i.
(define (fill table weak-value? first)
  (let ((keys (make-vector entries #f))
        (values (make-vector entries #f)))
    (do ((i 0 (+ i 1)))
        ((= i entries) (cons keys values))
      (let ((key (make-key (+ first i)))
            (value (cons (+ first i) (* i i))))
        (when (= 0 (modulo i 3))
          (vector-set! keys i key)
          (when weak-value?
            (vector-set! values i value)))
        (hashq-set! table key value)))))

; How many entries there are, and how many of them are wrong.
(define (look table)
  (let ((count 0) (wrong 0))
    (hash-for-each
     (lambda (key value)
       (set! count (+ count 1))
       (unless (and (string? key) (pair? value) (= (number-of key) (car value)))
         (set! wrong (+ wrong 1))))
     table)
    (values count wrong)))

; How many of the keys that are held have their value.
(define (held table keys first)
  (let loop ((i 0) (sum 0) (count 0))
    (if (= i entries)
        (list count sum)
        (let ((value (and (vector-ref keys i) (hashq-ref table (vector-ref keys i)))))
          (if (and value (= (car value) (+ first i)) (= (cdr value) (* i i)))
              (loop (+ i 1) (modulo (+ sum (cdr value)) 1000003) (+ count 1))
              (loop (+ i 1) sum count))))))

; Collects until at most a tenth more is there than was held.
(define (shrinks? table expected)
  (let loop ((tries 0))
    (receive (count wrong) (look table)
      (cond ((> wrong 0) #f)
            ((<= expected count (+ expected (quotient entries 10))) #t)
            ((= tries 20) #f)
            (else (gc) (loop (+ tries 1)))))))

(define (test name make weak-value?)
  (do ((round 0 (+ round 1)))
      ((= round rounds))
    (let* ((table (make))
           (first (* round entries))
           (kept (fill table weak-value? first))
           (expected (quotient (+ entries 2) 3)))
      (gc)
      (format #t "~a ~a: held ~a; the rest goes: ~a; held ~a\n" name round
              (held table (car kept) first)
              (shrinks? table expected)
              (held table (car kept) first))
      (unless (vector-ref (cdr kept) 0)
        (when weak-value? (display "lost\n")))
      (vector-fill! (car kept) #f)
      (vector-fill! (cdr kept) #f)
      (format #t "~a ~a: all goes: ~a\n" name round (shrinks? table 0)))))

(test "weak keys" make-weak-key-hash-table #f)
(test "weak values" make-weak-value-hash-table #t)
(test "weak both" make-doubly-weak-hash-table #t)

; A table whose entries are replaced and removed all the time.
(define table (make-weak-key-hash-table))
(define ring (make-vector 1000 #f))
(do ((i 0 (+ i 1)))
    ((= i (* 8 entries)))
  (let* ((place (modulo (* i 7919) 1000))
         (old (vector-ref ring place))
         (key (make-key i)))
    (when (and old (odd? i))
      (hashq-remove! table old))
    (vector-set! ring place key)
    (hashq-set! table key (list i place))))
(define ring-sum 0)
(vector-for-each
 (lambda (place key)
   (let ((value (hashq-ref table key)))
     (set! ring-sum (+ ring-sum (if (= (car value) (number-of key)) (* 3 (car value)) -1)
                       (cadr value)))))
 ring)
(format #t "ring: ~a\n" ring-sum)
; Symbols are in a weak table of Guile's own.
(define symbols
  (let loop ((i 0) (kept '()))
    (if (= i (* 4 entries))
        kept
        (let ((symbol (string->symbol (string-append "symbol" (number->string i)))))
          (loop (+ i 1) (if (= 0 (modulo i 100)) (cons symbol kept) kept))))))
(gc)
(format #t "symbols: ~a ~a\n" (length symbols)
        (let loop ((left (reverse symbols)) (i 0))
          (or (null? left)
              (and (eq? (car left) (string->symbol (string-append "symbol" (number->string i))))
                   (loop (cdr left) (+ i 100))))))
