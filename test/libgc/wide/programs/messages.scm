;; SPDX-License-Identifier: MIT
;; messages.scm: for Guile with mu: every message of an index is an object with a
;; finalizer. Arguments: the folder of the index, rounds.
(use-modules (mu))
(define arguments (cdr (command-line)))
(mu:initialize (car arguments))
(define total 0)
(let loop ((round (string->number (cadr arguments))))
  (if (> round 0)
      (begin
        (mu:for-each-message
         (lambda (message)
           (set! total (+ total (string-length (mu:subject message)) (mu:size message)))))
        (gc)
        (loop (- round 1)))))
(display (list (length (mu:message-list)) total))
(newline)
(for-each
 (lambda (subject) (display subject) (newline))
 (sort (map mu:subject (mu:message-list "subject:number AND from:person")) string<?))
