; SPDX-License-Identifier: MIT
; tables.scm: hash tables of all kinds that grow, shrink and are rebuilt; sorting of
; lists and vectors; vectors, lists and bytevectors that grow; association lists;
; functional sequences.
(use-modules (srfi srfi-1) (srfi srfi-69) ((rnrs bytevectors) #:prefix b:) (ice-9 receive)
             (ice-9 vlist) (ice-9 q))

(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 16 2))

(define seed 1)
(define (random-below n)
  (set! seed (modulo (+ (* seed 1103515245) 12345) 2147483648))
  (modulo (quotient seed 65536) n))

(define (digest numbers)
  (fold (lambda (n sum) (modulo (+ (* 31 sum) n) 1000000007)) 7 numbers))

(define equal-table (make-hash-table))
(define (put! key value) (hash-table-set! equal-table key value))
(for-each (lambda (i) (put! (list i (number->string i)) (cons i (* i i)))) (iota (* 8000 size)))
(for-each (lambda (i) (hash-table-delete! equal-table (list i (number->string i))))
          (iota (* 4000 size) 0 2))
(format #t "equal: ~a ~a\n" (hash-table-size equal-table)
        (hash-table-fold equal-table
                         (lambda (key value sum)
                           (+ sum (if (= (car key) (car value)) (cdr value) -1)))
                         0))

(define string-table (make-hash-table string=?))
(for-each (lambda (i)
            (hash-table-update!/default string-table (number->string (random-below 5000))
                                        (lambda (old) (cons i old)) '()))
          (iota (* 15000 size)))
(format #t "strings: ~a\n"
        (digest (sort (map (lambda (entry) (+ (string->number (car entry)) (apply + (cdr entry))))
                           (hash-table->alist string-table))
                      <)))

; Sorting: each pass makes lists of its own.
(define numbers (map (lambda (i) (random-below 32768)) (iota (* 10000 size))))
(define numbers-vector (list->vector numbers))
(format #t "lists: ~a ~a\n" (digest (sort numbers <)) (digest (stable-sort numbers >)))
(sort! numbers-vector <)
(format #t "vector: ~a\n" (digest (vector->list numbers-vector)))
(define records (map (lambda (n i) (cons (modulo n 100) i)) numbers (iota (length numbers))))
(format #t "stable: ~a\n"
        (digest (map cdr (stable-sort records (lambda (a b) (< (car a) (car b)))))))
(define (quick-sort list)
  (if (null? list)
      '()
      (receive (low high) (partition (lambda (x) (< x (car list))) (cdr list))
        (append (quick-sort low) (cons (car list) (quick-sort high))))))
(format #t "quick: ~a\n" (equal? (sort numbers <) (quick-sort numbers)))

; A vector that doubles, of vectors that double.
(define (grow vector used item)
  (let ((wide (if (= used (vector-length vector))
                  (let ((new (make-vector (* 2 used) #f)))
                    (vector-move-left! vector 0 used new 0)
                    new)
                  vector)))
    (vector-set! wide used item)
    wide))
(define grown
  (let loop ((i 0) (vector (make-vector 1 #f)))
    (if (= i (* 20000 size))
        vector
        (loop (+ i 1) (grow vector i (make-vector (+ 1 (modulo i 40)) i))))))
(format #t "grown: ~a ~a\n" (vector-length grown)
        (let loop ((i 0) (sum 0))
          (if (= i (* 20000 size))
              sum
              (loop (+ i 1)
                    (+ sum (* (vector-length (vector-ref grown i))
                              (vector-ref (vector-ref grown i) 0)))))))

; Large and without pointers; each is looked at when the next is there.
(define (block i)
  (b:make-bytevector (+ 100000 (* 1000 i)) (modulo i 256)))
(format #t "bytes: ~a\n"
        (let loop ((i 0) (last (block 0)) (sum 0))
          (if (= i (* 50 size))
              sum
              (let ((next (block (+ i 1)))
                    (n (- (b:bytevector-length last) 1)))
                (loop (+ i 1) next
                      (+ sum (b:bytevector-u8-ref last 0) (b:bytevector-u8-ref last n)
                         (b:bytevector-u8-ref last (quotient n 2))))))))

; Persistent sequences, and versions of them that are kept.
(define versions
  (let loop ((i 0) (hash vlist-null) (kept '()))
    (if (= i (* 3000 size))
        kept
        (let ((hash (vhash-cons (number->string i) i hash)))
          (loop (+ i 1) hash (if (= 0 (modulo i 500)) (cons hash kept) kept))))))
(format #t "versions: ~a\n"
        (map (lambda (hash) (vhash-fold (lambda (key value sum) (+ sum value)) 0 hash)) versions))

(define queue (make-q))
(for-each (lambda (i)
            (enq! queue (list i i))
            (when (> (q-length queue) 1000)
              (unless (= (car (deq! queue)) (- i 1000))
                (error "the queue is out of order"))))
          (iota (* 2000 size)))
(format #t "queue: ~a ~a\n" (q-length queue) (car (q-front queue)))
(define alist
  (fold (lambda (i alist) (assv-set! alist (random-below 300) (list i))) '() (iota (* 5000 size))))
(format #t "alist: ~a\n" (digest (map cadr (sort alist (lambda (a b) (< (car a) (car b)))))))
