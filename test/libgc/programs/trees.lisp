;; SPDX-License-Identifier: MIT
;; trees.lisp: conses, arrays and structures: trees that die beside one that lives,
;; lists that are sorted, mapped and destroyed, deep recursion, closures.
(defvar *bench* (equal (car (last ext:*command-args*)) "bench"))
(defvar *size* (if *bench* 12 1))

(defun say (control &rest arguments)
  (format t "~?~%" control arguments))

(defun digest (numbers)
  (reduce (lambda (sum n) (mod (+ (* 31 sum) n) 1000000007)) numbers :initial-value 7))

(defun tree (depth value)
  (if (zerop depth)
      value
      (cons (tree (1- depth) (* 2 value)) (tree (1- depth) (1+ (* 2 value))))))

(defun tree-sum (tree)
  (if (consp tree)
      (mod (+ (* 3 (tree-sum (car tree))) (* 7 (tree-sum (cdr tree)))) 1000003)
      tree))

(defvar *long-lived* (tree (if *bench* 17 13) 1))
(defvar *before* (tree-sum *long-lived*))
(loop for depth from 4 to (if *bench* 14 10) by 2
      do (let ((rounds (floor (* *size* 20000) (expt 2 depth))))
           (say "depth ~a: ~a trees, sum ~a" depth rounds
                (loop for i from 1 to rounds sum (tree-sum (tree depth i))))))
(say "long-lived: ~a ~a" *before* (= *before* (tree-sum *long-lived*)))

;; Lists that are cut, spliced and sorted in place.
(defun numbers (n)
  (loop for i below n
        for x = 1 then (mod (+ (* x 1103515245) 12345) 2147483648)
        collect (mod (floor x 65536) 10007)))
(dotimes (i (* 2 *size*))
  (let* ((list (numbers 5000))
         (copy (copy-list list))
         (sorted (sort copy #'<))
         (odd (remove-if #'evenp sorted))
         (even (delete-if #'oddp sorted)))
    (say "lists: ~a ~a ~a ~a" (digest list) (digest odd) (digest even)
         (digest (mapcar #'* (nreverse odd) (nconc (copy-list even) (numbers 5000)))))))

;; Arrays of all kinds; an array that grows.
(defvar *grown* (make-array 1 :adjustable t :fill-pointer 0))
(dotimes (i (* 10000 *size*))
  (vector-push-extend (make-array (1+ (mod i 30)) :initial-element i) *grown*))
(say "grown: ~a" (reduce #'+ (map 'vector (lambda (a) (* (length a) (aref a 0))) *grown*)))
(say "arrays: ~a"
     (loop for type in '(fixnum double-float bit (unsigned-byte 8) t)
           collect (let ((arrays (loop for i below (* 40 *size*)
                                       collect (make-array 1000 :element-type type
                                                                :initial-element
                                                                (if (eq type 'double-float)
                                                                    1d0
                                                                    (mod i 2))))))
                     (reduce #'+ (mapcar (lambda (a) (reduce #'+ a)) arrays)))))
(let ((matrix (make-array '(60 60) :initial-element nil)))
  (dotimes (n (* 5000 *size*))
    (push n (aref matrix (mod (* 7 n) 60) (mod (floor n 60) 60))))
  (say "matrix: ~a"
       (loop for i below 60
             sum (loop for j below 60 sum (* (1+ i) (reduce #'+ (aref matrix i j)))))))

;; Structures that point both ways.
(defstruct link value previous next)
(defun ring (n)
  (let* ((first (make-link :value 0)) (last first))
    (loop for i from 1 below n
          do (let ((link (make-link :value i :previous last)))
               (setf (link-next last) link last link)))
    (setf (link-next last) first (link-previous first) last)
    first))
(defun around (ring step)
  (loop for link = ring then (funcall step link)
        for i from 0
        until (and (> i 0) (eq link ring))
        sum (* i (link-value link))))
(dotimes (i (* 3 *size*))
  (let ((ring (ring (+ 2000 i))))
    (say "ring: ~a ~a" (around ring #'link-next) (around ring #'link-previous))))

;; Each frame has an object of its own.
(defun descend (n)
  (if (zerop n)
      (progn (ext:gc t) 0)
      (let* ((object (list n (* 3 n))) (below (descend (1- n))))
        (if (= (* 3 (first object)) (second object))
            (mod (+ below (second object)) 1000003)
            (error "an object was lost")))))
(dotimes (i (* 2 *size*))
  (say "descend: ~a" (descend (+ 3000 i))))

(defun adders (n)
  (loop for i below n collect (let ((i i) (calls 0)) (lambda (x) (incf calls) (+ x i calls)))))
(let ((adders (adders (* 2000 *size*))))
  (dotimes (i 2)
    (say "closures: ~a" (reduce (lambda (x f) (mod (funcall f x) 1000003)) adders
                                :initial-value 0))))
