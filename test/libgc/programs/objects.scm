; SPDX-License-Identifier: MIT
; objects.scm: records, GOOPS objects of classes with several parents, generic
; functions that gain methods while they are called, classes redefined under their
; instances, closures and streams.
(use-modules (oop goops) (srfi srfi-1) (srfi srfi-9) (srfi srfi-9 gnu) (srfi srfi-41))

(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 24 2))

(define-record-type account
  (make-account number owner balance)
  account?
  (number account-number)
  (owner account-owner)
  (balance account-balance set-account-balance!))

(define accounts
  (list->vector (map (lambda (i) (make-account i (string-append "owner " (number->string i)) 0))
                     (iota 1000))))
(do ((i 0 (+ i 1)))
    ((= i (* 40000 size)))
  (let ((from (vector-ref accounts (modulo (* i 31) 1000)))
        (to (vector-ref accounts (modulo (* i 17) 1000))))
    (set-account-balance! from (- (account-balance from) (/ i 4)))
    (set-account-balance! to (+ (account-balance to) (/ i 4)))))
(format #t "accounts: ~a ~a\n"
        (apply + (map account-balance (vector->list accounts)))
        (apply + (map (lambda (a) (* (account-number a) (account-balance a)))
                      (vector->list accounts))))

(define-immutable-record-type point
  (make-point x y)
  point?
  (x point-x set-point-x)
  (y point-y set-point-y))
(format #t "points: ~a\n"
        (fold (lambda (i p) (set-point-y (set-point-x p (+ (point-y p) i)) (- (point-x p) i)))
              (make-point 0 1) (iota (* 50000 size))))

(define-class <shape> ()
  (name #:init-keyword #:name #:getter name-of)
  (children #:init-value '() #:accessor children-of))
(define-class <square> (<shape>)
  (side #:init-keyword #:side #:accessor side-of))
(define-class <circle> (<shape>)
  (radius #:init-keyword #:radius #:accessor radius-of))
(define-class <coloured> ()
  (colour #:init-form (list 'colour 7) #:accessor colour-of))
(define-class <coloured-square> (<square> <coloured>))

(define-generic area)
(define-method (area (s <square>)) (* (side-of s) (side-of s)))
(define-method (area (c <circle>)) (* 3 (radius-of c) (radius-of c)))
(define-method (area (c <coloured-square>)) (+ (cadr (colour-of c)) (next-method)))
(define-method (+ (a <shape>) (b <shape>))
  (let ((both (make <shape> #:name (list (name-of a) (name-of b)))))
    (set! (children-of both) (list a b))
    both))
(define-method (area (s <shape>)) (apply + (map area (children-of s))))

(define (shape i)
  (case (modulo i 3)
    ((0) (make <square> #:name i #:side i))
    ((1) (make <circle> #:name i #:radius i))
    (else (make <coloured-square> #:name i #:side (* 2 i)))))
(define (group from to)
  (if (= from (- to 1))
      (shape from)
      (let ((middle (quotient (+ from to) 2)))
        (+ (group from middle) (group middle to)))))
(do ((i 0 (+ i 1)))
    ((= i size))
  (format #t "areas: ~a\n" (area (group i (+ i 3000)))))

; A class gains a slot; its instances gain it when they are next looked at.
(define-class <thing> ()
  (number #:init-keyword #:number #:accessor number-of)
  #:metaclass <redefinable-class>)
(define things (map (lambda (i) (make <thing> #:number i)) (iota (* 1000 size))))
(define-class <thing> ()
  (number #:init-keyword #:number #:accessor number-of)
  (added #:init-form (list 1 2) #:accessor added-of)
  #:metaclass <redefinable-class>)
(gc)
(format #t "things: ~a\n"
        (fold (lambda (thing sum) (+ sum (number-of thing) (apply + (added-of thing)))) 0 things))

; Classes and methods made at run time.
(define-generic tag-of)
(define classes
  (map (lambda (i)
         (let ((class (make-class (list <shape>)
                                  (list (list 'tag #:init-value i #:init-keyword #:tag))
                                  #:name (string->symbol (format #f "<class-~a>" i)))))
           (add-method! tag-of (method ((s class)) (* 2 (slot-ref s 'tag))))
           class))
       (iota (* 8 (min size 8)))))
(format #t "classes: ~a\n"
        (fold (lambda (i sum)
                (+ sum (tag-of (make (list-ref classes (modulo i (length classes))) #:name i))))
              0 (iota (* 300 size))))

; Closures over closures, and streams that hold what they have made.
(define (compose-all n)
  (let loop ((i 0) (f (lambda (x) x)))
    (if (= i n) f (loop (+ i 1) (lambda (x) (modulo (+ i (f (* 3 x))) 1000003))))))
(format #t "closures: ~a\n" (map (lambda (i) ((compose-all (+ 2000 i)) i)) (iota size)))
(define-stream (sieve s)
  (stream-cons (stream-car s)
               (sieve (stream-filter (lambda (x) (not (= 0 (modulo x (stream-car s)))))
                                     (stream-cdr s)))))
(format #t "primes: ~a\n" (stream-ref (sieve (stream-from 2)) (+ 120 (* 15 size))))
