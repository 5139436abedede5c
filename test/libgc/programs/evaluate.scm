; SPDX-License-Identifier: MIT
; evaluate.scm: code that is made at run time: evaluated, expanded, compiled to the
; virtual machine's, loaded from bytes, and forgotten; modules likewise.
(use-modules (system base compile) (system vm loader) (srfi srfi-1) (ice-9 match))

(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 12 2))

(define (term depth i)
  (if (= depth 0)
      (if (odd? i) 'x i)
      (let ((left (term (- depth 1) (+ i 1))) (right (term (- depth 1) (* 2 i))))
        (match (modulo i 4)
          (0 `(+ ,left ,right))
          (1 `(let ((x (modulo ,left 97))) (- x ,right)))
          (2 `(if (< ,left ,right) ,left (modulo ,right 31)))
          (3 `((lambda (y) (+ (* 3 y) 1)) ,left))))))

(define (procedure-of depth i)
  `(lambda (x) ,(term depth i)))

(format #t "evaluated: ~a\n"
        (map (lambda (i) ((eval (procedure-of 4 i) (current-module)) i)) (iota (* 12 size))))
(define kept
  (map (lambda (i) (compile (procedure-of 4 i) #:env (current-module))) (iota (* 3 size))))
(format #t "compiled: ~a\n" (map (lambda (f i) (f i)) kept (iota (* 3 size))))

; Compiled to bytes, and loaded from them; the code is in no file.
(define loaded
  (map (lambda (i)
         ((load-thunk-from-memory
           (compile (procedure-of 3 i) #:to 'bytecode #:env (current-module)))))
       (iota (* 4 size))))
(gc)
(format #t "loaded: ~a\n" (map (lambda (f i) (f (+ i 1))) loaded (iota (* 4 size))))

; Both ways agree.
(format #t "agree: ~a\n"
        (every (lambda (i)
                 (let ((code (procedure-of 3 i)))
                   (= ((eval code (current-module)) 5) ((compile code) 5))))
               (iota (* 2 size))))

; Macros, and what they expand to.
(eval '(define-syntax repeat
         (syntax-rules ()
           ((_ () body ...) (begin body ...))
           ((_ (x . rest) body ...) (let ((x 1)) (repeat rest body ... x)))))
      (current-module))
(define (expand-once i)
  (eval `(let ((total 0))
           (repeat (a b c d e f g) (set! total (+ total ,i)))
           (define-syntax swap!
             (syntax-rules () ((_ p q) (let ((temporary p)) (set! p q) (set! q temporary)))))
           (let ((p 1) (temporary ,i))
             (swap! p temporary)
             (+ total p)))
        (current-module)))
(format #t "macros: ~a\n" (fold (lambda (i sum) (+ sum (expand-once i))) 0 (iota (* 8 size))))

; Modules that use one another, made and dropped.
(define (make-counter-module i)
  (let ((module (make-fresh-user-module)))
    (eval `(begin
             (define base ,i)
             (define items (iota ,(+ 5 i)))
             (define (total . more) (apply + base (append items more))))
          module)
    module))
(format #t "modules: ~a\n"
        (fold (lambda (i sum) (+ sum (eval `(total ,i 1) (make-counter-module (modulo i 50)))))
              0 (iota (* 10 size))))
(format #t "kept: ~a\n" (map (lambda (f i) (f (* i i))) kept (iota (* 3 size))))
