;; SPDX-License-Identifier: MIT
;; tables.lisp: hash tables of all tests, and weak ones; symbols and packages that
;; come and go; integers, fractions and floats; strings and streams.
(defvar *bench* (equal (car (last ext:*command-args*)) "bench"))
(defvar *size* (if *bench* 20 2))

(defun say (control &rest arguments)
  (format t "~?~%" control arguments))

(defun digest (sequence)
  (reduce (lambda (sum n) (mod (+ (* 31 sum) (if (characterp n) (char-code n) n)) 1000000007))
          sequence :initial-value 7))

;; Tables that grow, lose half, and grow again.
(defun key (test i)
  (ecase test
    (eql i)
    (equal (list i (format nil "~r" (mod i 100))))
    (equalp (vector i (string-upcase (format nil "~d" i))))))
(dolist (test '(eql equal equalp))
  (let ((table (make-hash-table :test test)) (n (* 1000 *size*)))
    (dotimes (i n) (setf (gethash (key test i) table) (list i (* i i))))
    (loop for i below n by 2 do (remhash (key test i) table))
    (loop for i from n below (* 2 n) do (setf (gethash (key test i) table) (list i (* i i))))
    (say "~a: ~a ~a" test (hash-table-count table)
         (loop for i below (* 2 n)
               for value = (gethash (key test i) table)
               sum (if value (+ (first value) (mod (second value) 101)) 1)))))

;; Weak tables: what is held keeps its value, no key has another's, and nearly all of
;; the rest goes; what has died is shown as NIL.
(defun litter (n)
  (if (zerop n) 0 (1+ (litter (1- n)))))
(defun look (table)
  (let ((live 0) (wrong 0))
    (maphash (lambda (key value)
               (cond ((not (and key value)))
                     ((and (vectorp key) (vectorp value) (= (aref key 0) (aref value 0)))
                      (incf live))
                     (t (incf wrong))))
             table)
    (values live wrong)))
(defun fill-weak (table n)
  (loop for i below n
        for key = (vector i)
        for value = (vector i (* i i))
        do (setf (gethash key table) value)
        when (zerop (mod i 4)) collect key into keys and collect value into values
        finally (return (values keys values))))
(defun weak (weakness n)
  (let ((table (make-hash-table :test 'eq :weakness weakness)))
    (multiple-value-bind (keys values) (fill-weak table n)
      (loop repeat 20
            do (litter 1000) (ext:gc t)
            until (<= (look table) (+ (length keys) (floor n 10))))
      (multiple-value-bind (live wrong) (look table)
        (say "weak ~a: ~a held, sum ~a, the rest goes ~a, wrong ~a" weakness (length keys)
             (loop for key in keys
                   for value in values
                   sum (if (eq value (gethash key table)) (aref value 1) -1000000000))
             (<= (length keys) live (+ (length keys) (floor n 10)))
             wrong)))))
(dolist (weakness '(:key :value :key-and-value :key-or-value))
  (weak weakness (* 1000 *size*)))

;; A pointer that is weak.
(let* ((objects (loop for i below 500 collect (vector i)))
       (pointers (mapcar #'ext:make-weak-pointer objects)))
  (ext:gc t)
  (say "pointers: ~a"
       (loop for object in objects
             for pointer in pointers
             count (eq object (ext:weak-pointer-value pointer)))))

;; Symbols, and packages that are dropped with them.
(dotimes (round *size*)
  (let ((package (make-package (format nil "P~a" round) :use nil)))
    (dotimes (i 800)
      (let ((symbol (intern (format nil "S~a" i) package)))
        (setf (get symbol 'number) i (symbol-value symbol) (list i))))
    (say "package: ~a"
         (let ((sum 0))
           (do-symbols (symbol package sum)
             (incf sum (+ (get symbol 'number) (car (symbol-value symbol)))))))
    (delete-package package)))

;; Numbers.
(defun factorial (n) (if (zerop n) 1 (* n (factorial (1- n)))))
(defun pi-digits (n)
  (let ((q 1) (r 0) (s 1) (k 1) (digits nil) (count 0))
    (loop until (= count n)
          do (let ((digit (floor (+ (* 3 q) r) s)))
               (if (= digit (floor (+ (* 4 q) r) s))
                   (setf q (* 10 q) r (* 10 (- r (* digit s))) count (1+ count)
                         digits (cons digit digits))
                   (psetf q (* q k) r (* (1+ (* 2 k)) (+ (* 2 q) r))
                          s (* s (1+ (* 2 k))) k (1+ k)))))
    (nreverse digits)))
(say "factorials: ~a" (digest (loop for i below (* 20 *size*) collect (factorial (+ 200 i)))))
(say "pi: ~a" (digest (pi-digits (* 100 *size*))))
(let ((sum (loop for i from 1 to (* 200 *size*) sum (/ 1 i))))
  (say "harmonic: ~a ~a ~a" (mod (numerator sum) 1000003) (mod (denominator sum) 1000003)
       (coerce sum 'double-float)))
(say "floats: ~,6f ~a"
     (loop for i from 1 to (* 10000 *size*) sum (/ 1d0 (* i i)))
     (expt #c(1 2) (* 20 *size*)))
(say "roots: ~a"
     (digest (loop for i from 1 to (* 20 *size*) collect (isqrt (expt 7 (* 10 i))))))
(say "rounded: ~a"
     (loop for i from 1 to (* 500 *size*) sum (* (floor (/ (expt i 9) 17) i) (rational (/ i 4)))))

;; Strings and streams.
(let ((text (with-output-to-string (out)
              (dotimes (i (* 300 *size*))
                (print (list i (/ i 7) (format nil "~b" i) (code-char (+ 955 (mod i 20))) :k 1.5)
                       out)))))
  (say "text: ~a ~a" (length text) (digest text))
  (with-input-from-string (in text)
    (say "read: ~a"
         (loop for datum = (read in nil nil)
               while datum
               sum (+ (first datum) (second datum) (parse-integer (third datum) :radix 2)))))
  (say "strings: ~a"
       (loop for i from 1 to (* 30 *size*)
             sum (length (concatenate 'string (subseq text 0 (* 2 i))
                                      (string-upcase (subseq text i (* 3 i)))
                                      (reverse (subseq text 0 i))))))
  (say "words: ~a"
       (let ((counts (make-hash-table :test 'equal)) (start 0))
         (loop for end = (position #\Space text :start start)
               while end
               do (incf (gethash (subseq text start end) counts 0))
                  (setf start (1+ end)))
         (hash-table-count counts))))
