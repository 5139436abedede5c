;; SPDX-License-Identifier: MIT
;; Files that close themselves: thousands are opened for writing, none is closed.
;; What was written is there all the same, and the system has never had too many
;; of them open.
;; Argument: how many.
;; small: 40

(define count
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      5000))

(define (show . things)
  (for-each display things)
  (newline))

(define name (temporary-file))

;; One file, written anew each time; a new port each time.
(define (write-once i)
  (let ((port (open-output-file name)))
    (write (list 'number i) port)
    i))

(define (read-once)
  (read (open-input-file name)))

(do ((i 0 (+ i 1)))
    ((= i count))
  (write-once i))
(show count " files were opened for writing")

;; Many files at a time, each with its own text, and their ports lost.
(define names (map (lambda (i) (temporary-file)) (iota 30 0)))

(for-each (lambda (name i)
            (write (list 'file i) (open-output-file name)))
          names
          (iota 30 0))

;; The last ports may still lie somewhere on the stack; a few more opened ports
;; take their place.
(define (busy n)
  (if (> n 0)
      (begin
        (write-once n)
        (busy (- n 1)))))
(busy 20)
(collect)

(define (text name)
  (read (open-input-file name)))

(define whole
  (filter (lambda (i) (equal? (text (list-ref names i)) (list 'file i))) (iota 30 0)))
(show "most were closed, with all that was written: " (> (length whole) 25))

(do ((i 0 (+ i 1)))
    ((= i count))
  (read-once))
(show count " files were opened for reading")

(for-each delete-file names)
(delete-file name)
