;; SPDX-License-Identifier: MIT
;; compiled.sc: for Stalin: trees that are counted, tables by association, closures,
;; strings. The number of rounds stands in the first line of what is read.

(define (tree depth)
  (if (= depth 0) '() (cons (tree (- depth 1)) (tree (- depth 1)))))

(define (nodes tree)
  (if (null? tree) 1 (+ 1 (nodes (car tree)) (nodes (cdr tree)))))

(define (count-to n)
  (let loop ((i n) (list '()))
    (if (= i 0) list (loop (- i 1) (cons i list)))))

(define (sum list)
  (let loop ((list list) (all 0))
    (if (null? list) all (loop (cdr list) (modulo (+ (* all 31) (car list)) 1000003)))))

;; more: what follows is left out where little is asked for
(define (queens board-size)
  (define (safe? column distance others)
    (or (null? others)
        (and (not (= (car others) column))
             (not (= (car others) (+ column distance)))
             (not (= (car others) (- column distance)))
             (safe? column (+ distance 1) (cdr others)))))
  (let place ((row 0) (others '()))
    (if (= row board-size)
        1
        (let try ((column 0) (found 0))
          (if (= column board-size)
              found
              (try (+ column 1)
                   (if (safe? column 1 others)
                       (+ found (place (+ row 1) (cons column others)))
                       found)))))))

(define (texts n)
  (let loop ((i 0) (list '()))
    (if (= i n)
        (let add ((list list) (all 0))
          (if (null? list) all (add (cdr list) (+ all (string-length (car list))))))
        (loop (+ i 1) (cons (string-append "number " (number->string i)) list)))))

(define (adders n)
  (map (lambda (i) (lambda (x) (+ x i))) (count-to n)))

(define (apply-all functions x)
  (if (null? functions) x (apply-all (cdr functions) ((car functions) x))))

(define rounds (read))
(define kept (tree 14))

(let loop ((round 0) (all 0))
  (if (< round rounds)
      (loop (+ round 1)
            (modulo (+ all (nodes (tree 16)) (sum (count-to 100000)) (texts 5000)
                       (apply-all (adders 1000) 0))
                    1000003))
      (begin (display all) (newline))))
(display (queens 8))
(newline)
(display (nodes kept))
(newline)
