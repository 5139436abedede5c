;; SPDX-License-Identifier: MIT
;; Generators made of fibers: a walk through a tree that yields its leaves one by
;; one. Two trees have the same fringe if two such walks, taken in turn, see the
;; same leaves; the comparison ends at the first difference, however large the
;; trees are.
;; Argument: the number of leaves.
;; small: 60

(define leaves
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      50000))

(define (show . things)
  (for-each display things)
  (newline))

;; A generator is a procedure that returns the next element, or the symbol end.
(define (make-generator procedure)
  (let ((fiber (make-fiber (lambda (start) (procedure fiber-yield) 'end))))
    (lambda ()
      (if (fiber-done? fiber) 'end (fiber-resume fiber #f)))))

;; Trees: a pair is a branch, everything else a leaf.

(define (fringe tree)
  (make-generator
   (lambda (yield)
     (let walk ((tree tree))
       (if (pair? tree)
           (begin
             (walk (car tree))
             (walk (cdr tree)))
           (yield tree))))))

(define compared 0)

(define (same-fringe? a b)
  (let ((next-a (fringe a)) (next-b (fringe b)))
    (set! compared 0)
    (let loop ()
      (let ((x (next-a)) (y (next-b)))
        (set! compared (+ compared 1))
        (cond ((not (eqv? x y)) #f)
              ((eq? x 'end) #t)
              (else (loop)))))))

(define (left-tree from to)
  (let loop ((i (+ from 1)) (tree from))
    (if (= i to) tree (loop (+ i 1) (cons tree i)))))

(define (balanced-tree from to)
  (if (= (- to from) 1)
      from
      (let ((middle (quotient (+ from to) 2)))
        (cons (balanced-tree from middle) (balanced-tree middle to)))))

(define depth (min leaves 300))
(show "same fringe: " (same-fringe? (left-tree 0 depth) (balanced-tree 0 depth)))
(show "of large trees: "
      (same-fringe? (balanced-tree 0 leaves)
                    (cons (balanced-tree 0 10) (balanced-tree 10 leaves)))
      ", compared: " (= compared (+ leaves 1)))
(show "another: "
      (same-fringe? (balanced-tree 0 leaves)
                    (cons (balanced-tree 0 10) (balanced-tree 11 leaves)))
      ", compared: " compared)

;; A pipeline: numbers without end, those that no smaller prime divides.

(define (numbers from)
  (make-generator
   (lambda (yield)
     (let loop ((i from))
       (yield i)
       (loop (+ i 1))))))

(define (without-multiples next prime)
  (make-generator
   (lambda (yield)
     (let loop ((i (next)))
       (if (not (= (remainder i prime) 0)) (yield i))
       (loop (next))))))

(define (take-primes count)
  (let loop ((count count) (next (numbers 2)) (primes '()))
    (if (= count 0)
        (reverse primes)
        (let ((prime (next)))
          (loop (- count 1) (without-multiples next prime) (cons prime primes))))))

(write-line (take-primes 25))

;; Values go both ways: a fiber that keeps a sum.
(define (make-adder)
  (make-fiber (lambda (x)
                (let loop ((sum x))
                  (loop (+ sum (fiber-yield sum)))))))
(define adder (make-adder))
(write-line (map (lambda (x) (fiber-resume adder x)) '(1 2 3 4)))

;; An error in a fiber comes out where the fiber was resumed, and ends it.
(define (make-failing)
  (make-fiber (lambda (x)
                (fiber-yield (car x))
                (fiber-yield (car (cdr x)))
                'never)))
(define failing (make-failing))
(write-line (fiber-resume failing '(1 . 2)))
(write-line (guard (e ((error-object? e) (error-object-text e)))
              (fiber-resume failing #f)))
(write-line (fiber-done? failing))

;; Inside it can be caught, too, with yields in between.
(define (make-careful)
  (make-fiber (lambda (x)
                (guard (e ((symbol? e) (fiber-yield (list 'caught e)) 'done))
                  (fiber-yield 'began)
                  (raise 'problem)))))
(define careful (make-careful))
(write-line (map (lambda (x) (fiber-resume careful x)) '(1 2 3)))
