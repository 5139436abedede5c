;; SPDX-License-Identifier: MIT
;; machine.scm: for mixguile: loads and runs a program of the machine MIX many times, and
;; builds lists between. The environment has ROUNDS.
(define rounds (string->number (getenv "ROUNDS")))
(define kept (map number->string (iota 10000)))
(define (drop n) (length (map (lambda (i) (make-vector 10 i)) (iota n))))
(let loop ((n 0) (all 0))
  (if (< n rounds)
      (begin
        (mix-load "sum.mix")
        (mix-run)
        (loop (+ n 1) (+ all (drop 5000) (mix-cell 1007) (mix-reg 'A))))
      (begin (display all) (newline))))
(display (apply + (map string->number kept)))
(newline)
