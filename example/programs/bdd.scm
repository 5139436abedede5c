;; SPDX-License-Identifier: MIT
;; Hash-consing with weak values: binary decision diagrams. A diagram is a graph
;; in which equal parts are one node; a table finds the node of a variable and two
;; branches. Its values are weak: a diagram that is no longer needed leaves it.
;; The diagrams say where n queens can stand on a board.
;; Argument: n.
;; small: 4

(define n
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      6))

;; #t, #f, or a node: which variable decides; what holds if it is false and if it
;; is true; a number of its own.
(define-record-type node (make-node variable low high id) node?
  (variable node-variable)
  (low node-low)
  (high node-high)
  (id node-id))

(define last-id 1)

(define (id x)
  (cond ((eq? x #f) 0)
        ((eq? x #t) 1)
        (else (node-id x))))

(define nodes (make-weak-value-table))

;; The key is a string, so that it keeps no node.
(define (key variable low high)
  (string-append (number->string variable) " " (number->string (id low)) " "
                 (number->string (id high))))

(define (decide variable low high)
  (if (eq? low high)
      low
      (let ((key (key variable low high)))
        (or (table-ref nodes key #f)
            (begin
              (set! last-id (+ last-id 1))
              (let ((node (make-node variable low high last-id)))
                (table-set! nodes key node)
                node))))))

(define (variable i) (decide i #f #t))

;; Both: by the variable that comes first. Results are kept while the operation
;; runs, by the nodes' numbers.
(define (both x y)
  (define done (make-equal-hash-table))
  (define (low x v) (if (= (node-variable x) v) (node-low x) x))
  (define (high x v) (if (= (node-variable x) v) (node-high x) x))
  (define (go x y)
    (cond ((or (eq? x #f) (eq? y #f)) #f)
          ((eq? x #t) y)
          ((eq? y #t) x)
          ((eq? x y) x)
          (else
           (let* ((key (cons (id x) (id y)))
                  (known (hash-table-ref done key 'unknown)))
             (if (eq? known 'unknown)
                 (let* ((v (min (node-variable x) (node-variable y)))
                        (result (decide v
                                        (go (low x v) (low y v))
                                        (go (high x v) (high y v)))))
                   (hash-table-set! done key result)
                   result)
                 known)))))
  (go x y))

(define (negate x)
  (define done (make-eq-hash-table))
  (define (go x)
    (cond ((boolean? x) (not x))
          ((hash-table-ref done x #f))
          (else
           (let ((result (decide (node-variable x) (go (node-low x)) (go (node-high x)))))
             (hash-table-set! done x result)
             result))))
  (go x))

(define (either x y)
  (negate (both (negate x) (negate y))))

;; How many ways there are to choose the variables from `from` to `to`.
(define (count-ways x from to)
  (define done (make-eq-hash-table))
  (define (at x) (if (boolean? x) to (node-variable x)))
  (define (go x)
    (cond ((eq? x #f) 0)
          ((eq? x #t) 1)
          ((hash-table-ref done x #f))
          (else
           (let ((ways (+ (* (expt 2 (- (at (node-low x)) (node-variable x) 1))
                             (go (node-low x)))
                          (* (expt 2 (- (at (node-high x)) (node-variable x) 1))
                             (go (node-high x))))))
             (hash-table-set! done x ways)
             ways))))
  (* (expt 2 (- (at x) from)) (go x)))

;; The board.

(define (square row column) (variable (+ (* n row) column)))

(define (attacks? r c row column)
  (and (not (and (= r row) (= c column)))
       (or (= r row) (= c column) (= (abs (- r row)) (abs (- c column))))))

(define all (iota n 0))

;; A queen on this square excludes those it attacks.
(define (exclusive row column)
  (fold-left (lambda (result r)
               (fold-left (lambda (result c)
                            (if (attacks? r c row column)
                                (both result
                                      (negate (both (square row column) (square r c))))
                                result))
                          result
                          all))
             #t
             all))

(define (row-taken row)
  (fold-left (lambda (result column) (either result (square row column))) #f all))

(define (queens)
  (fold-left (lambda (result row)
               (fold-left (lambda (result column) (both result (exclusive row column)))
                          (both result (row-taken row))
                          all))
             #t
             all))

(define (show . things)
  (for-each display things)
  (newline))

(define answer (queens))

(show n " queens: " (count-ways answer 0 (* n n)) " ways")

;; Equal diagrams are one: also what is computed again.
(show "computed again, it is the same node: " (eq? answer (queens)))
(show "not of not is the same node: " (eq? answer (negate (negate answer))))

(define (size x)
  (define seen (make-eq-hash-table))
  (let visit ((x x))
    (unless (or (boolean? x) (hash-table-contains? seen x))
      (hash-table-set! seen x #t)
      (visit (node-low x))
      (visit (node-high x))))
  (hash-table-count seen))

(define needed (size answer))
(show needed " nodes are needed, more were made: " (> last-id (* 10 needed)))
(collect)
(show "the table has hardly more than those: "
      (and (<= needed (table-count nodes)) (< (table-count nodes) (+ needed 200))))

(define sum 0)
(table-walk nodes (lambda (key node) (if (node? node) (set! sum (+ sum 1)))))
(show "a walk sees as many: " (= sum (table-count nodes)))

(set! answer #f)
(collect)
(show "and without the answer, hardly any: " (< (table-count nodes) 200))
