;; SPDX-License-Identifier: MIT
;; Binary trees: many that die young, one that lives throughout.
;; Argument: the depth of the largest.
;; small: 10

(define depth
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      15))

(define (make-tree depth)
  (if (= depth 0)
      (cons '() '())
      (cons (make-tree (- depth 1)) (make-tree (- depth 1)))))

(define (count-nodes tree)
  (if (null? (car tree))
      1
      (+ 1 (count-nodes (car tree)) (count-nodes (cdr tree)))))

(define (show . things)
  (for-each display things)
  (newline))

(define least 4)

(let ((long-lived (make-tree depth)))
  (show "a tree of depth " (+ depth 1) " has "
        (count-nodes (make-tree (+ depth 1))) " nodes")
  (do ((d least (+ d 2)))
      ((> d depth))
    (let ((trees (expt 2 (+ (- depth d) least))))
      (do ((i 0 (+ i 1))
           (nodes 0 (+ nodes (count-nodes (make-tree d)))))
          ((= i trees)
           (show trees " trees of depth " d " have " nodes " nodes")))))
  (show "the long-lived tree of depth " depth " has "
        (count-nodes long-lived) " nodes"))
