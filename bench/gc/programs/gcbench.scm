;; SPDX-License-Identifier: MIT
;; The logic of the classic GCBench (Ellis, Kovac, Boehm): a tree that stretches
;; the heap, a long-lived one and an array of numbers, and trees of growing depth
;; that are made from the root down and from the leaves up, and dropped.
;; Argument: the depth of the long-lived tree.

(define depth-max (string->number (cadr (command-line))))
(define depth-min 4)
(define array-length 100000)

(define (make-node left right) (vector left right 0 0))
(define (left node) (vector-ref node 0))
(define (right node) (vector-ref node 1))

(define (tree-nodes depth) (- (expt 2 (+ depth 1)) 1))

(define (grow-down! node depth)
  (if (> depth 0)
      (begin
        (vector-set! node 0 (make-node '() '()))
        (vector-set! node 1 (make-node '() '()))
        (grow-down! (left node) (- depth 1))
        (grow-down! (right node) (- depth 1)))))

(define (grow-up depth)
  (if (= depth 0)
      (make-node '() '())
      (let* ((left (grow-up (- depth 1)))
             (right (grow-up (- depth 1))))
        (make-node left right))))

(define (count tree)
  (if (null? tree)
      0
      (+ 1 (count (left tree)) (count (right tree)))))

(define (grown-down depth)
  (let ((node (make-node '() '())))
    (grow-down! node depth)
    node))

(define (show . things)
  (for-each display things)
  (newline))

;; As many trees of this depth as have twice the nodes of the stretching one.
(define (construct depth)
  (let ((trees (quotient (* 2 (tree-nodes (+ depth-max 2))) (tree-nodes depth))))
    (let loop ((i 0) (kept '()))
      (if (< i trees)
          (loop (+ i 1) (grown-down depth))
          (show trees " trees of depth " depth ", the last one with " (count kept)
                " nodes")))
    (let loop ((i 0) (kept '()))
      (if (< i trees)
          (loop (+ i 1) (grow-up depth))
          (show "and from the leaves up, with " (count kept))))))

(define (make-array)
  (let ((array (make-vector array-length 0.5)))
    (do ((i 0 (+ i 1)))
        ((= i (quotient array-length 2)) array)
      (vector-set! array i (/ 1.0 (+ i 1))))))

(show "stretched by " (count (grow-up (+ depth-max 2))) " nodes")
(let ((kept (grown-down depth-max))
      (array (make-array)))
  (do ((depth depth-min (+ depth 2)))
      ((> depth depth-max))
    (construct depth))
  (show "the long-lived tree has " (count kept) " nodes, and the array "
        (if (= (vector-ref array 3) 0.25) "its numbers" "others")))
