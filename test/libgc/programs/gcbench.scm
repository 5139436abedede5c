; SPDX-License-Identifier: MIT
; gcbench.scm: binary trees that die young beside one that lives on, built from the
; root down (by writes into old objects) and from the leaves up. Each tree is added
; up, so that a node that was lost or overwritten shows.
(use-modules (srfi srfi-9))

(define bench? (equal? (cadr (command-line)) "bench"))
(define long-depth (if bench? 18 14))
(define max-depth (if bench? 16 14))
(define work (if bench? 18 15))

(define-record-type node
  (make-node left right value)
  node?
  (left node-left set-node-left!)
  (right node-right set-node-right!)
  (value node-value))

(define (make-tree depth value)
  (if (= depth 0)
      (make-node #f #f value)
      (make-node (make-tree (- depth 1) (* 2 value))
                 (make-tree (- depth 1) (+ 1 (* 2 value)))
                 value)))

(define (populate! depth node)
  (when (> depth 0)
    (let ((value (node-value node)))
      (set-node-left! node (make-node #f #f (* 2 value)))
      (set-node-right! node (make-node #f #f (+ 1 (* 2 value))))
      (populate! (- depth 1) (node-left node))
      (populate! (- depth 1) (node-right node)))))

(define (tree-sum node)
  (if node
      (modulo (+ (node-value node) (* 3 (tree-sum (node-left node)))
                 (* 7 (tree-sum (node-right node))))
              1000003)
      1))

(define (trees-of depth rounds)
  (let loop ((i 0) (down 0) (up 0))
    (if (= i rounds)
        (format #t "depth ~a: ~a trees, sums ~a ~a\n" depth rounds down up)
        (let ((root (make-node #f #f (+ i 1))))
          (populate! depth root)
          (loop (+ i 1)
                (+ down (tree-sum root))
                (+ up (tree-sum (make-tree depth (+ i 1)))))))))

(define long-lived (make-node #f #f 1))
(populate! long-depth long-lived)
(define before (tree-sum long-lived))

(define reals (make-vector 50000 0.0))
(do ((i 0 (+ i 1)))
    ((= i (vector-length reals)))
  (vector-set! reals i (/ 1.0 (+ i 1))))

(do ((depth 4 (+ depth 2)))
    ((> depth max-depth))
  (trees-of depth (expt 2 (- work depth -2))))

(format #t "long-lived tree: ~a, as before: ~a\n" before (= before (tree-sum long-lived)))
(format #t "reals: ~a\n" (apply + (vector->list reals)))
