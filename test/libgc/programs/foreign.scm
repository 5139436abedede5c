; SPDX-License-Identifier: MIT
; foreign.scm: calls of C and back: a library loaded at run time, callbacks into
; Scheme that allocate and collect, bytevectors whose memory C writes to, pointers
; with finalizers in C, structures, and a callback that C alone keeps an address of.
;
; Usage: foreign.scm SIZE LIBRARY, which is made of foreign.c.
(use-modules (system foreign) (system foreign-library) (rnrs bytevectors) (srfi srfi-1))

(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 200 20))
(define library (caddr (command-line)))

(define (foreign name result arguments)
  (foreign-library-function library name #:return-type result #:arg-types arguments))

(define make-block (foreign "foreign_block" '* (list size_t)))
(define block-number (foreign "foreign_number" size_t '(*)))
(define freed (foreign "foreign_freed" size_t '()))
(define spoilt (foreign "foreign_spoilt" size_t '()))
(define sum (foreign "foreign_sum" long (list '* long)))
(define keep (foreign "foreign_keep" void '(*)))
(define call-kept (foreign "foreign_call_kept" int (list int)))
(define reverse-bytes (foreign "foreign_reverse" void (list '* size_t)))
(define finalizer (dynamic-func "foreign_free" (dynamic-link library)))
(define qsort
  (pointer->procedure void (dynamic-func "qsort" (dynamic-link)) (list '* size_t size_t '*)))

; Callbacks that allocate, and collect now and then.
(define (square-of i)
  (when (= 0 (modulo i 1000))
    (gc))
  (apply + (map (const i) (iota (modulo i 50)))))
(define callback (procedure->pointer long square-of (list long)))
(format #t "sum: ~a\n" (sum callback (* 1000 size)))
(format #t "nested: ~a\n"
        (sum (procedure->pointer long (lambda (i) (sum callback i)) (list long)) 60))

(define (compare a b)
  (let ((x (bytevector-s32-native-ref (pointer->bytevector a 4) 0))
        (y (bytevector-s32-native-ref (pointer->bytevector b 4) 0)))
    (- x y)))
(define (sort-numbers n)
  (let ((bytes (make-bytevector (* 4 n))))
    (for-each (lambda (i) (bytevector-s32-native-set! bytes (* 4 i) (modulo (* i 7919) n)))
              (iota n))
    (qsort (bytevector->pointer bytes) n 4 (procedure->pointer int compare '(* *)))
    (every (lambda (i) (= i (bytevector-s32-native-ref bytes (* 4 i)))) (iota n))))
(format #t "sorted: ~a\n" (every sort-numbers (list 10 1000 (* 300 size))))

; Only C knows of this callback; the procedure lives as long as its pointer.
(define kept-pointer
  (let ((table (list->vector (iota 100))))
    (procedure->pointer int (lambda (i) (* 2 (vector-ref table i))) (list int))))
(keep kept-pointer)
(gc)
(format #t "kept: ~a\n" (map call-kept (iota 10)))

(define bytes (u8-list->bytevector (map (lambda (i) (modulo i 256)) (iota (* 10000 size)))))
(reverse-bytes (bytevector->pointer bytes) (bytevector-length bytes))
(gc)
(format #t "reversed: ~a\n"
        (fold (lambda (byte sum) (modulo (+ (* 31 sum) byte) 1000003)) 0
              (bytevector->u8-list bytes)))
(format #t "strings: ~a\n"
        (fold (lambda (i sum)
                (+ sum (string-length (pointer->string (string->pointer (make-string i #\é))))))
              0 (iota (* 50 size))))
(define layout (list int8 double '* uint16))
(format #t "structures: ~a\n"
        (fold (lambda (i sum)
                (let ((parts (parse-c-struct
                              (make-c-struct layout (list (modulo i 100) (* i 1.5) %null-pointer (modulo i 5000)))
                              layout)))
                  (+ sum (first parts) (second parts) (fourth parts))))
              0 (iota (* 500 size))))

; Blocks with a finalizer in C: none too early, none twice, nearly all in the end.
(define blocks (* 500 size))
(define (make-blocks n held)
  (if (= n 0)
      held
      (let ((block (make-pointer (pointer-address (make-block n)) finalizer)))
        (make-blocks (- n 1) (if (= 0 (modulo n 5)) (acons n block held) held)))))
(define (litter n)
  (if (= n 0) 0 (+ 1 (litter (- n 1)))))
(define held (make-blocks blocks '()))
(define dead (- blocks (length held)))
(define (wait tries)
  (litter 1000)
  (gc)
  (cond ((> (freed) dead) 'too-many)
        ((>= (freed) (- dead (quotient dead 20))) 'nearly-all)
        ((= tries 1000) (list (quote only) (freed)))
        ; Finalizers run on a thread of their own.
        (else (usleep (if (< tries 10) 0 2000)) (wait (+ tries 1)))))
(format #t "freed: ~a, spoilt: ~a\n" (wait 0) (spoilt))
(format #t "held: ~a\n" (every (lambda (entry) (= (car entry) (block-number (cdr entry)))) held))
