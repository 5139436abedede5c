;; SPDX-License-Identifier: MIT
;; clos.lisp: classes, generic functions and methods that are made while they are
;; used, instances whose class changes, finalizers, conditions and restarts, catch
;; and unwinding, code that is made, compiled to bytecodes and dropped.
(defvar *bench* (equal (car (last ext:*command-args*)) "bench"))
(defvar *size* (if *bench* 30 2))

(defun say (control &rest arguments)
  (format t "~?~%" control arguments))

(defclass shape () ((name :initarg :name :reader name-of)))
(defclass square (shape) ((side :initarg :side :accessor side-of)))
(defclass circle (shape) ((radius :initarg :radius :accessor radius-of)))
(defclass coloured () ((colour :initform (list 'colour 7) :accessor colour-of)))
(defclass coloured-square (square coloured) ())
(defclass group (shape) ((children :initarg :children :accessor children-of)))

(defgeneric area (shape))
(defmethod area ((s square)) (* (side-of s) (side-of s)))
(defmethod area ((c circle)) (* 3 (radius-of c) (radius-of c)))
(defmethod area ((s coloured-square)) (+ (second (colour-of s)) (call-next-method)))
(defmethod area ((g group)) (reduce #'+ (mapcar #'area (children-of g))))
(defmethod area :around ((g group)) (mod (call-next-method) 1000003))

(defun shape (i)
  (ecase (mod i 3)
    (0 (make-instance 'square :name i :side i))
    (1 (make-instance 'circle :name (format nil "~a" i) :radius i))
    (2 (make-instance 'coloured-square :name (list i) :side (* 2 i)))))
(defun group (from to)
  (if (= from (1- to))
      (shape from)
      (let ((middle (floor (+ from to) 2)))
        (make-instance 'group :name nil :children (list (group from middle) (group middle to))))))
(dotimes (i *size*)
  (say "area: ~a" (area (group i (+ i 600)))))

;; A class that changes under its instances.
(defclass thing () ((number :initarg :number :accessor number-of)))
(defvar *things* (loop for i below (* 100 *size*) collect (make-instance 'thing :number i)))
(defclass thing () ((number :initarg :number :accessor number-of)
                    (added :initform (list 1 2) :accessor added-of)))
(ext:gc t)
(say "things: ~a" (loop for thing in *things* sum (reduce #'+ (added-of thing)
                                                          :initial-value (number-of thing))))
(dotimes (i (* 2 *size*))
  (let ((name (intern (format nil "CLASS-~a" i))))
    (eval `(progn (defclass ,name (shape) ((tag :initform ,i :accessor tag-of)))
                  (defmethod area ((s ,name)) (+ ,i (tag-of s)))))
    (say "~a: ~a" name (loop repeat 20 sum (area (make-instance name :name i))))))

;; Finalizers: each runs once, and on the object as it was.
(defstruct owner round number payload)
(defvar *round* 0)
(defvar *came* 0)
(defvar *wrong* 0)
(defun finalize (owner)
  (if (equal (owner-payload owner) (list (owner-number owner) (* 2 (owner-number owner))))
      (when (= *round* (owner-round owner))
        (incf *came*))
      (incf *wrong*))
  (setf (owner-payload owner) nil))
(defun make-owners (n)
  (loop for i below n
        for owner = (make-owner :round *round* :number i :payload (list i (* 2 i)))
        do (ext:set-finalizer owner #'finalize)
        when (zerop (mod i 5)) collect owner))
(defun litter (n)
  (if (zerop n) 0 (1+ (litter (1- n)))))
(dotimes (round 2)
  (setf *came* 0 *round* round)
  (let* ((n (* 1000 *size*)) (held (make-owners n)) (dead (- n (length held))))
    (loop repeat 50
          until (>= *came* (- dead (floor dead 20)))
          do (litter 1000) (ext:gc t) (make-list 10000))
    (say "finalizers: ~a, wrong ~a, held ~a"
         (if (<= (- dead (floor dead 20)) *came* dead) 'nearly-all *came*) *wrong*
         (count-if #'owner-payload held))
    (mapc (lambda (owner) (ext:set-finalizer owner nil)) held)))

;; Conditions, restarts, and what leaves many frames at once.
(define-condition odd-number (error) ((number :initarg :number :reader number-in)))
(defun check-number (n)
  (restart-case (if (oddp n) (error 'odd-number :number n) n)
    (use-value (value) value)
    (skip () 0)))
(say "restarts: ~a"
     (handler-bind ((odd-number (lambda (c)
                                  (if (zerop (mod (number-in c) 3))
                                      (invoke-restart 'skip)
                                      (invoke-restart 'use-value (* 10 (number-in c)))))))
       (loop for i below (* 1000 *size*) sum (check-number i))))
(say "cases: ~a"
     (loop for i below (* 500 *size*)
           sum (handler-case (if (zerop (mod i 7)) (/ i 0) (parse-integer (format nil "~ax" i)))
                 (division-by-zero () 1)
                 (parse-error (c) (length (format nil "~a" (type-of c)))))))
(defvar *unwound* 0)
(defun leave (n tag)
  (unwind-protect (if (zerop n) (throw tag (make-string 10)) (leave (1- n) tag))
    (incf *unwound* (length (list n n)))))
(say "thrown: ~a ~a"
     (loop for i below (* 50 *size*)
           sum (length (catch 'here (leave (mod i 100) 'here))))
     *unwound*)
(say "specials: ~a"
     (labels ((nest (n *unwound*)
                (declare (special *unwound*))
                (if (zerop n) (funcall (lambda () *unwound*)) (nest (1- n) (+ n *unwound*)))))
       (nest 200 0)))

;; Functions that are compiled to bytecodes, used and dropped.
(ext:install-bytecodes-compiler)
(defun term (depth i)
  (if (zerop depth)
      (if (oddp i) 'x i)
      (let ((left (term (1- depth) (1+ i))) (right (term (1- depth) (* 2 i))))
        (ecase (mod i 4)
          (0 `(+ ,left ,right))
          (1 `(let ((x (mod ,left 97))) (- x ,right)))
          (2 `(if (< ,left ,right) ,left (mod ,right 31)))
          (3 `(funcall (lambda (y) (1+ (* 3 y))) ,left))))))
(say "bytecodes: ~a"
     (loop for i below (* 30 *size*)
           sum (funcall (compile nil `(lambda (x) ,(term 5 i))) i)))
(say "macros: ~a"
     (loop for i below (* 20 *size*)
           sum (eval `(macrolet ((twice (form) (list '+ form form)))
                        (let ((x ,i)) (twice (twice (twice x))))))))

;; Recursion to the end of the stack is an error, and all is well after it.
(defun endless (n) (1+ (endless (list n))))
(dotimes (i 3)
  (say "overflow: ~a" (handler-case (endless 0)
                        (ext:stack-overflow () 'caught))))
(say "after it: ~a" (area (group 5 100)))
