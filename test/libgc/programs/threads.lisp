;; SPDX-License-Identifier: MIT
;; threads.lisp: threads that allocate at once, hand lists to each other, wait for
;; each other, and end; finalizers and collections that one of them asks for.
(defvar *bench* (equal (car (last ext:*command-args*)) "bench"))
(defvar *size* (if *bench* 30 3))

(defun say (control &rest arguments)
  (format t "~?~%" control arguments))

(defun tree (depth value)
  (if (zerop depth)
      (list value)
      (list (tree (1- depth) (* 2 value)) value (tree (1- depth) (1+ (* 2 value))))))
(defun add-up (tree)
  (cond ((null tree) 0)
        ((consp tree) (mod (+ (* 3 (add-up (car tree))) (* 5 (add-up (cdr tree))) 1) 1000003))
        (t tree)))
(defun work (seed rounds)
  (let ((sum 0))
    (dotimes (i rounds sum)
      (setf sum (mod (+ (* 7 sum) (add-up (tree 6 (+ seed i)))) 1000003)))))

(defun start (function)
  (mp:process-run-function 'worker function))
(defun results (functions)
  (mapcar #'mp:process-join (mapcar #'start functions)))

(say "threads: ~a"
     (results (loop for i below 4 collect (let ((i i)) (lambda () (work i (* 20 *size*)))))))

;; Threads that come and go.
(say "short: ~a"
     (loop for round below (* 3 *size*)
           sum (reduce #'+ (results (loop for i below 6
                                          collect (let ((i (+ i round)))
                                                    (lambda () (work i 2))))))))

;; A table behind a lock.
(defvar *lock* (mp:make-lock :name 'table))
(defvar *table* (make-hash-table :test 'equal))
(results (loop for i below 4
               collect (let ((i i))
                         (lambda ()
                           (dotimes (j (* 200 *size*))
                             (let ((key (list i j)) (value (format nil "~d" (* i j))))
                               (mp:with-lock (*lock*)
                                 (setf (gethash key *table*) value))))))))
(say "table: ~a ~a" (hash-table-count *table*)
     (let ((sum 0))
       (maphash (lambda (key value)
                  (incf sum (if (= (parse-integer value) (* (first key) (second key)))
                                (length value)
                                -1000000)))
                *table*)
       sum))

;; A queue with a condition variable; the first list is what came, the second what goes.
(defvar *came* nil)
(defvar *goes* nil)
(defvar *filled* (mp:make-condition-variable))
(defun give (item)
  (mp:with-lock (*lock*)
    (push item *came*)
    (mp:condition-variable-signal *filled*)))
(defun take ()
  (mp:with-lock (*lock*)
    (loop until (or *came* *goes*) do (mp:condition-variable-wait *filled* *lock*))
    (unless *goes*
      (setf *goes* (reverse *came*) *came* nil))
    (pop *goes*)))
(say "queue: ~a"
     (let ((takers (loop repeat 2
                         collect (start (lambda ()
                                          (loop for item = (take)
                                                until (eq item 'end)
                                                sum (+ (first item) (parse-integer (second item))))))))
           (givers (loop for base in '(1000 2000)
                         collect (let ((base base))
                                   (start (lambda ()
                                            (dotimes (i (* 200 *size*))
                                              (give (list (+ base i) (format nil "~d" i))))))))))
       (mapc #'mp:process-join givers)
       (give 'end)
       (give 'end)
       (reduce #'+ (mapcar #'mp:process-join takers))))

;; A list that all push to; values of each thread's own; errors inside.
(defvar *pushed* (list nil))
(results (loop for i below 4
               collect (let ((i i))
                         (lambda ()
                           (dotimes (j (* 100 *size*))
                             (mp:atomic-push (+ j (* 10000 i)) (car *pushed*)))))))
(say "pushed: ~a ~a" (length (car *pushed*)) (reduce #'+ (car *pushed*)))
(defvar *own* nil)
(say "own: ~a ~a"
     (results (loop for i below 4
                    collect (let ((n (* 100 *size* (1+ i))))
                              (lambda ()
                                (let ((*own* nil))
                                  (dotimes (j n) (push (list j) *own*))
                                  (reduce #'+ (mapcar #'car *own*)))))))
     *own*)
(say "errors: ~a"
     (results (loop for i below 4
                    collect (let ((i i))
                              (lambda ()
                                (handler-case (error "number ~a ~a" i (work i 1))
                                  (error (c) (format nil "~a" c))))))))

;; One collects all the time while the others work.
(defvar *done* nil)
(let ((collector (start (lambda () (loop until *done* do (ext:gc t) (sleep 0.002))))))
  (say "collected meanwhile: ~a"
       (results (loop for i below 3 collect (let ((i i)) (lambda () (work (* 100 i) (* 10 *size*)))))))
  (setf *done* t)
  (mp:process-join collector))
(let ((semaphore (mp:make-semaphore :count 0)))
  (results (loop for i below 5 collect (lambda () (work 1 1) (mp:signal-semaphore semaphore))))
  (dotimes (i 5) (mp:wait-on-semaphore semaphore))
  (say "semaphore: ~a" (mp:semaphore-count semaphore)))
