;; SPDX-License-Identifier: MIT
;; The language, bit by bit: prints what does not come out as it should.
;; small: 1

(define passed 0)

(define (check name got wanted)
  (if (equal? got wanted)
      (set! passed (+ passed 1))
      (begin
        (display "WRONG ")
        (write name)
        (display ": ")
        (write got)
        (display " is not ")
        (write wanted)
        (newline))))

(define (text x)
  (let ((port (open-output-string)))
    (write x port)
    (get-output-string port)))

(define-record-type point (make-point x y) point? (x point-x set-point-x!) (y point-y))

(define (fails thunk)
  (guard (e ((error-object? e) (error-object-text e)))
    (thunk)
    'fine))

;; Binding.
(check 'shadow (let ((if list) (car cdr)) (if 1 (car '(2 3)))) '(1 (3)))
(check 'let* (let* ((x 1) (y (+ x 1)) (x (* y 10))) (list x y)) '(20 2))
(check 'let-parallel (let ((x 1)) (let ((x 2) (y x)) (list x y))) '(2 1))
(check 'inner-let (let ((a (let ((t 1)) (+ t 1))) (b (let ((u 5)) u))) (list a b)) '(2 5))
(check 'letrec (letrec ((even? (lambda (n) (if (= n 0) #t (odd? (- n 1)))))
                        (odd? (lambda (n) (if (= n 0) #f (even? (- n 1))))))
                 (even? 1001)) #f)
(check 'named-let (let loop ((i 3) (l '())) (if (= i 0) l (loop (- i 1) (cons i l)))) '(1 2 3))
(check 'named-let-swap (let loop ((a 1) (b 2) (n 3)) (if (= n 0) (list a b) (loop b a (- n 1)))) '(2 1))
(check 'not-a-loop (let loop ((n 5)) (if (= n 0) 1 (* n (loop (- n 1))))) 120)
(check 'loop-as-value (let loop ((n 2)) (if (= n 0) '() (cons n (map loop (list (- n 1)))))) '(2 (1 ())))
(check 'loops-nested
       (let outer ((i 0) (all '()))
         (if (= i 3)
             (reverse all)
             (let inner ((j 0) (all all))
               (if (= j 2)
                   (outer (+ i 1) all)
                   (inner (+ j 1) (cons (list i j) all))))))
       '((0 0) (0 1) (1 0) (1 1) (2 0) (2 1)))
(check 'closures-in-a-loop
       (map (lambda (f) (f))
            (let loop ((i 0) (fs '()))
              (if (= i 3) (reverse fs) (loop (+ i 1) (cons (lambda () i) fs)))))
       '(0 1 2))
(check 'boxes-in-a-loop
       (map (lambda (f) (f) (f))
            (do ((i 0 (+ i 1)) (fs '() (cons (lambda () (set! i (+ i 10)) i) fs)))
                ((= i 3) (reverse fs))))
       '(20 21 22))
(check 'do (do ((v (make-vector 5)) (i 0 (+ i 1))) ((= i 5) v) (vector-set! v i i)) '#(0 1 2 3 4))
(check 'counter
       (let* ((n 0) (next (lambda () (set! n (+ n 1)) n)))
         (next) (next) (list (next) n))
       '(3 3))
(check 'boxed-argument ((lambda (x) (let ((f (lambda () x))) (set! x 2) (f))) 1) 2)
(check 'rest ((lambda (a . rest) (list a rest)) 1 2 3) '(1 (2 3)))
(check 'rest-only ((lambda all all)) '())
(check 'body (let () (define a 1) (define (f) (+ a (g))) (define (g) 10) (f)) 11)
(check 'body-begin (let () (begin (define a 1) (define b 2)) (+ a b)) 3)
(check 'body-set (let () (define (f) 1) (define (g) (f)) (set! f (lambda () 2)) (g)) 2)
(check 'body-record
       (let ()
         (define-record-type p (make x) p? (x x-of))
         (list (p? (make 5)) (x-of (make 7))))
       '(#t 7))
(check 'deep-capture ((((lambda (a) (lambda (b) (lambda (c) (list a b c)))) 1) 2) 3) '(1 2 3))
(define later #f)
(check 'late-global (let ((f (lambda () (later)))) (set! later (lambda () 'now)) (f)) 'now)

;; Tail calls need no stack.
(define (ping n) (if (= n 0) 'done (pong (- n 1) 'extra)))
(define (pong n extra) (let ((a 1) (b 2)) (cond ((= n 0) 'done) (else (ping (- n 1))))))
(check 'tail (ping 1000000) 'done)
(define (apply-loop n) (if (= n 0) 'done (apply apply-loop (list (- n 1)))))
(check 'tail-apply (apply-loop 300000) 'done)
(define (rest-loop n . more) (if (= n 0) more (apply rest-loop (- n 1) (list n n))))
(check 'tail-rest (rest-loop 300000) '(1 1))
(check 'tail-and-or
       (let loop ((n 300000)) (and #t (or #f (when #t (unless #f (case 1 ((1) (if (= n 0) 'done (loop (- n 1)))))))))) 'done)

;; Control.
(check 'cond-arrow (cond ((assv 2 '((1 . a) (2 . b))) => cdr) (else 'none)) 'b)
(check 'cond-test-only (cond (#f 1) (5)) 5)
(check 'case (map (lambda (x) (case x ((1 2) 'low) ((#\a "s") 'char) ((sym) 'sym) (else 'else)))
                  (list 1 2 3 #\a 'sym)) '(low low else char sym))
(check 'and-or (list (and) (or) (and 1 2) (or #f 3) (and #f 1)) '(#t #f 2 3 #f))
(check 'when (list (when #t 1 2) (unless #f 3)) '(2 3))
(check 'quasi `(1 ,(+ 1 1) ,@(list 3 4) . 5) '(1 2 3 4 . 5))
(check 'quasi-vector `#(1 ,(+ 1 1) ,@(list 3)) '#(1 2 3))
(check 'quasi-nested `(a `(b ,(c ,(+ 1 2)))) '(a (quasiquote (b (unquote (c 3))))))
(check 'escape (call/cc (lambda (k) (for-each (lambda (x) (when (> x 2) (k x))) '(1 2 3 4)) 'none)) 3)
(check 'escape-nested (call/cc (lambda (a) (+ 1 (call/cc (lambda (b) (a 10)))))) 10)
(check 'guard (guard (e ((symbol? e) (list 'symbol e)) ((string? e) 'string)) (raise 'boom)) '(symbol boom))
(check 'guard-else (guard (e (else 'else)) (car 1)) 'else)
(check 'guard-again (guard (e (#t (list 'outer e))) (guard (e ((string? e) 'inner)) (raise 'x))) '(outer x))
(check 'guard-fine (guard (e (#t 'never)) 1 2) 2)
(check 'guard-escape (call/cc (lambda (k) (guard (e (#t 'never)) (k 'out)))) 'out)
(check 'guard-message (guard (e (#t (list (error-object-message e) (error-object-irritants e))))
                        (error "bad thing:" 1 'two)) '("bad thing:" (1 two)))
(check 'guard-closure (let ((f (guard (e (#t (lambda () e))) (raise 7)))) (f)) 7)

;; Numbers.
(check 'sums (list (+) (*) (+ 1) (- 5) (+ 1 2 3) (- 10 1 2) (* 2 3 4) (/ 8 2 2) (/ 2)) '(0 1 1 -5 6 7 24 2 0.5))
(check 'mixed (list (+ 1 0.5) (* 2 1.5) (- 0.5) (/ 1 4)) '(1.5 3.0 -0.5 0.25))
(check 'compare (list (< 1 2 3) (< 1 3 2) (= 1 1.0) (>= 3 3 2) (> 2 1.5) (<= 1 1 0)) '(#t #f #t #t #t #f))
(check 'division (list (quotient -7 2) (remainder -7 2) (modulo -7 2) (modulo 7 -2)) '(-3 -1 1 -1))
(check 'rounding (list (floor -1.5) (round 2.5) (round 3.5) (floor 3)) '(-2.0 2.0 4.0 3))
(check 'exact (list (exact 3.0) (inexact 3) (exact? 1) (exact? 1.0)) '(3 3.0 #t #f))
(check 'functions (list (sqrt 16) (sqrt 2.25) (expt 2 20) (expt 2.0 3) (abs -3) (abs -2.5) (max 1 5 3) (min 1.5 2))
       '(4 1.5 1048576 8.0 3 2.5 5 1.5))
(check 'signs (list (zero? 0) (positive? -1) (negative? -0.5) (odd? 3) (even? 3)) '(#t #f #t #t #f))
(check 'number->string (map number->string '(255 -10 1.5)) '("255" "-10" "1.5"))
(check 'string->number (map string->number '("12" "-7" "1.5" "1e3" "abc" "1.2.3" "" "-" "+5")) '(12 -7 1.5 1000.0 #f #f #f #f 5))
(check 'shortest (map text '(0.1 1e21 1e-7 123456.789 -0.0)) '("0.1" "1e+21" "1e-07" "123456.789" "-0.0"))
(check 'literals (list #xff 1e2 -5 #t #f) '(255 100.0 -5 #t #f))
(check 'radix (list (string->number "ff" 16) (string->number "101" 2) (string->number "8" 8)) '(255 5 #f))
(check 'random (let loop ((i 0)) (or (= i 1000) (and (< -1 (random 7) 7) (< -0.1 (random 1.0) 1.0) (loop (+ i 1))))) #t)

;; Lists.
(check 'parts (list (caar '((1) 2)) (cadr '(1 2)) (cdar '((1 . 5))) (cddr '(1 2 3)) (caddr '(1 2 3))) '(1 2 5 (3) 3))
(check 'append (list (append) (append '(1) '(2 3) '()) (append '(1) 2) (append '() '(1))) '(() (1 2 3) (1 . 2) (1)))
(check 'list-tail (list (list-tail '(1 2 3) 2) (list-ref '(1 2 3) 1)) '((3) 2))
(check 'member (list (memq 'c '(a b c d)) (member "b" '("a" "b")) (memv 1.5 '(1 1.5)) (memq 'x '(a))) '((c d) ("b") (1.5) #f))
(check 'assoc (list (assq 'b '((a 1) (b 2))) (assoc "b" '(("a" . 1) ("b" . 2))) (assv 5 '())) '((b 2) ("b" . 2) #f))
(check 'map (list (map + '(1 2 3) '(10 20 30 40)) (map car '((1) (2)))) '((11 22 33) (1 2)))
(check 'filter (filter odd? '(1 2 3 4 5)) '(1 3 5))
(check 'fold (fold-left (lambda (l x) (cons x l)) '() '(1 2 3)) '(3 2 1))
(check 'sort (list (sort '(3 1 2) <) (sort (vector 3 1 2) >) (sort '() <)
                   (sort '((2 b) (1 y) (1 x) (2 a)) (lambda (x y) (< (car x) (car y)))))
       '((1 2 3) #(3 2 1) () ((1 y) (1 x) (2 b) (2 a))))
(check 'apply (list (apply + '()) (apply + 1 2 '(3 4)) (apply list '(1))) '(0 10 (1)))
(check 'set (let ((p (list 1 2))) (set-car! p 5) (set-cdr! p 6) p) '(5 . 6))
(check 'list? (map list? (list '() '(1) '(1 . 2) 1)) '(#t #t #f #f))
(check 'equal (list (equal? '(1 #(2 "x")) (list 1 (vector 2 "x"))) (equal? "a" 'a) (eqv? 1.5 1.5) (eq? '() '())) '(#t #f #t #t))

;; Vectors, strings, bytes, characters.
(check 'vectors (list (vector-length (make-vector 3 0)) (vector->list '#(1 2)) (list->vector '(1 2)) (vector-map - '#(1 2)))
       '(3 (1 2) #(1 2) #(-1 -2)))
(check 'strings (list (string-append "a" "" "bc") (substring "hello" 1 3) (string-length "abc") (string #\a #\b) (string-copy "xyz" 1))
       '("abc" "el" 3 "ab" "yz"))
(check 'string-order (list (string<? "a" "b") (string<? "ab" "a") (string=? "x" "x") (string<? "abc" "b")) '(#t #f #t #t))
(check 'string-search (list (string-search "hello" "ll" 0) (string-search "hello" "o" 0) (string-search "hello" "l" 3) (string-search "a" "b" 0)) '(2 4 3 #f))
(check 'string-list (list (string->list "ab") (list->string '(#\c #\d))) '((#\a #\b) "cd"))
(check 'symbols (list (symbol->string 'abc) (string->symbol "x y") (eq? (string->symbol "car") 'car)) (list "abc" (string->symbol "x y") #t))
(check 'characters (list (char->integer #\A) (integer->char 97) (char-upcase #\b) (char-downcase #\B) (char-alphabetic? #\1) (char-numeric? #\1) (char<? #\a #\b))
       '(65 #\a #\B #\b #f #t #t))
(check 'bytes (let ((b (make-bytevector 3 7))) (bytevector-u8-set! b 1 255) (list b (bytevector-u8-ref b 1) (bytevector-copy b 1) (utf8->string (string->utf8 "hi"))))
       '(#u8(7 255 7) 255 #u8(255 7) "hi"))
(check 'write (text '(1 "a\n\"\\" #\a #\space sym (quote x) #u8(1 2) #() . 2.5)) "(1 \"a\\n\\\"\\\\\" #\\a #\\space sym (quote x) #u8(1 2) #() . 2.5)")
(check 'big-string (let loop ((s "ab") (n 20)) (if (= n 0) (string-length s) (loop (string-append s s) (- n 1)))) 2097152)

;; Hash tables.
(define (numbers from to) (if (= from to) '() (cons from (numbers (+ from 1) to))))
(check 'table
       (let ((t (make-equal-hash-table)))
         (for-each (lambda (i) (hash-table-set! t (list i (number->string i)) i)) (numbers 0 1000))
         (for-each (lambda (i) (hash-table-delete! t (list i (number->string i)))) (numbers 100 1000))
         (for-each (lambda (i) (hash-table-set! t i (- i))) (numbers 0 100))
         (list (hash-table-count t) (hash-table-ref t (list 7 "7")) (hash-table-ref t 9)
               (hash-table-ref t (list 200 "200") 'gone) (hash-table-contains? t 1000)
               (fold-left + 0 (hash-table-values t))))
       '(200 7 -9 gone #f 0))
(check 'table-order (let ((t (make-eq-hash-table))) (for-each (lambda (k) (hash-table-update! t k (lambda (n) (+ n 1)) 0)) '(b a b c a b)) (hash-table->alist t))
       '((b . 3) (a . 2) (c . 1)))
(check 'table-keys (let ((t (make-equal-hash-table))) (hash-table-set! t 1.5 'x) (hash-table-set! t "s" 'y) (hash-table-set! t '#(1) 'z)
                     (list (hash-table-ref t (/ 3 2)) (hash-table-ref t (string #\s)) (hash-table-ref t (vector 1)) (hash-table-keys t)))
       '(x y z (1.5 "s" #(1))))

;; Ports.
(define path (temporary-file))
(let ((port (open-output-file path)))
  (write '(a "b" 1.5) port)
  (newline port)
  (display "two" port)
  (close-port port))
(check 'file (let* ((port (open-input-file path)) (datum (read port)) (rest (read-char port)) (line (read-line port)) (end (read-line port)))
               (close-port port)
               (list datum rest line (eof-object? end)))
       '((a "b" 1.5) #\newline "two" #t))
(check 'string-port (let ((port (open-input-string "a b"))) (list (peek-char port) (read-char port) (read port) (eof-object? (read-char port)))) '(#\a #\a b #t))
(check 'read (let ((port (open-input-string "(1 . (2)) ; c\n 'x `(a ,b ,@c) #t #\\a \"A\""))) (let loop ((l '())) (let ((x (read port))) (if (eof-object? x) (reverse l) (loop (cons x l))))))
       '((1 2) (quote x) (quasiquote (a (unquote b) (unquote-splicing c))) #t #\a "A"))
(check 'closed (fails (lambda () (let ((port (open-output-file path))) (close-port port) (write 1 port)))) (string-append "the port is closed: \"" path "\""))
(check 'closed-twice (let ((port (open-input-file path))) (close-port port) (close-port port) (eof-object? (read-char port))) #t)
;; More files than a process may have open: those that are lost are closed.
(check 'lost-files (do ((i 0 (+ i 1))) ((= i 3000) 'fine) (open-input-file path)) 'fine)
(delete-file path)
(check 'file-gone (file-exists? path) #f)

;; Errors that can be caught.
(check 'errors
       (map fails
            (list (lambda () (car 1)) (lambda () (vector-ref (vector 1) 1)) (lambda () (undefined-name))
                  (lambda () ((lambda (x) x))) (lambda () (+ 1 'a)) (lambda () (1 2))
                  (lambda () (exact 1.5)) (lambda () (integer->char 256)) (lambda () (list-tail '(1) 2))
                  (lambda () (hash-table-ref (make-eq-hash-table) 'k)) (lambda () (point-x 5))
                  (lambda () (string-append "a" 1)) (lambda () (substring "abc" 2 1)) (lambda () (read (open-input-string "(1")))
                  (lambda () (eval '(if))) (lambda () (letrec ((a (lambda () b)) (b (a))) b))
                  (lambda () ((call/cc (lambda (k) k)) 1)) (lambda () (let loop () (+ 1 (loop))))))
       '("car: not a pair: 1" "vector-ref: out of range: 1" "unbound variable: undefined-name"
         "lambda: needs 1 argument, got 0" "+: not a number: a" "not a procedure: 1"
         "exact: not an integer, or too large: 1.5" "integer->char: not a byte: 256" "cdr: not a pair: ()"
         "hash-table-ref: no such key: k" "point-x: not a point: 5"
         "string-append: not a string: 1" "substring: out of range: 2" "this list does not end"
         "if: bad form: (if)" "b is used before it has a value"
         "a continuation that has been left can't be entered again" "the recursion is too deep"))

;; Threads, fibers, weak things.
(check 'objects
       (map text (list (make-mutex) (make-condition-variable) (make-weak-key-table)
                       (make-weak-value-table) (make-weak-box car) (make-ephemeron car 1)
                       (make-fiber car) (thread-start! list) (make-guardian)))
       '("#<mutex>" "#<condition-variable>" "#<table>" "#<table>" "#<weak-box>" "#<ephemeron>"
         "#<fiber>" "#<thread>" "#<procedure guardian>"))
(check 'thread (let ((t (thread-start! (lambda () (thread-yield!) (thread-sleep! 0.001) (list 1 2)))))
                 (list (thread-join! t) (eq? (thread-join! t) (thread-join! t))))
       '((1 2) #t))
(check 'thread-in-thread
       (thread-join! (thread-start! (lambda () (+ 1 (thread-join! (thread-start! (lambda () 2))))))) 3)
(check 'with-mutex (let ((m (make-mutex)))
                     (list (with-mutex m (lambda () 1))
                           (fails (lambda () (with-mutex m (lambda () (car 2)))))
                           (with-mutex m (lambda () 3))))
       '(1 "car: not a pair: 2" 3))
(check 'fiber (let ((f (make-fiber (lambda (x) (list x (fiber-yield (+ x 1)) (fiber-yield 'again))))))
                (list (fiber-done? f) (fiber-resume f 1) (fiber-resume f 2) (fiber-resume f 3) (fiber-done? f)))
       '(#f 2 again (1 2 3) #t))
(define (outer x)
  (let ((inner (make-fiber (lambda (y) (fiber-yield (* 2 y)) (* 3 y)))))
    (let* ((a (fiber-resume inner x)) (b (fiber-yield a)))
      (list a b (fiber-resume inner 0)))))
(check 'fiber-in-fiber (let ((f (make-fiber outer))) (list (fiber-resume f 5) (fiber-resume f 6))) '(10 (10 6 15)))
(check 'fiber-escape (call/cc (lambda (k) (fiber-resume (make-fiber (lambda (x) (call/cc (lambda (k) (k x))))) 7))) 7)
(check 'fiber-in-thread
       (let ((f (make-fiber (lambda (x) (fiber-yield x) 'end))))
         (list (thread-join! (thread-start! (lambda () (fiber-resume f 1))))
               (fails (lambda () (fiber-resume f 2)))))
       '(1 "fiber-resume: the fiber belongs to another thread"))
(define (keys table)
  (let ((all '())) (table-walk table (lambda (key value) (set! all (cons key all)))) all))
(check 'weak-value-table
       (let ((t (make-weak-value-table)) (a (list 1)) (b (list 2)))
         (table-set! t "a" a)
         (table-set! t (string #\a) b)
         (table-set! t 1.5 b)
         (table-set! t (* 3 0.5) a)
         (table-set! t 'c a)
         (table-delete! t 'c)
         (list (table-ref t "a" 0) (table-ref t 1.5 0) (table-ref t 'c 0) (table-count t) (length (keys t))))
       '((2) (1) 0 2 2))
(check 'weak-key-table
       (let ((t (make-weak-key-table)) (a (list 1)))
         (table-set! t a 'x)
         (table-set! t a 5)
         (list (table-ref t a 0) (table-ref t (list 1) 0) (table-ref t 7 0) (table-count t) (keys t)))
       '(5 0 0 1 ((1))))
(check 'guardian (let ((g (make-guardian)) (x (list 1))) (g x) (collect) (list (g) x)) '(#f (1)))
(check 'new-heap (in-new-heap '(list "a b" 'c 1.5 #\space (vector) #u8(1 2))) '("a b" c 1.5 #\space #() #u8(1 2)))
(check 'thread-errors
       (map fails
            (list (lambda () (thread-sleep! -1)) (lambda () (make-weak-box 1)) (lambda () ((make-guardian) #\a))
                  (lambda () (table-set! (make-weak-value-table) 1 2)) (lambda () (why 5))
                  (lambda () (thread-join! 1)) (lambda () (fiber-resume car 1)) (lambda () (mutex-lock! car))
                  (lambda () (in-new-heap '(error "no" 1)))))
       '("thread-sleep!: out of range: -1" "make-weak-box: not an object: 1" "guardian: not an object: #\\a"
         "table-set!: what is weak must be an object: 2" "why: not an object: 5"
         "thread-join!: not a thread: 1" "fiber-resume: not a fiber: #<procedure car>"
         "mutex-lock!: not a mutex: #<procedure car>" "in a new heap: no: 1"))

;; The machine.
(check 'record (let ((p (make-point 1 2))) (set-point-x! p 5) (list (point? p) (point? 1) (point-x p) (point-y p) (text p)))
       '(#t #f 5 2 "#<record point 5 2>"))
(check 'eval (eval '(let ((x 2)) (* x 21))) 42)
(define (statistic name) (cdr (assq name (heap-stats))))
(check 'collect (let ((before (statistic 'collections))) (collect) (< before (statistic 'collections))) #t)
(check 'heap-stats
       (begin
         (collect)
         (let ((before (statistic 'live-bytes)))
           (make-vector 100000 0)
           (let ((after (statistic 'live-bytes)))
             (< 390000 (- after before) 900000))))
       #t)
(check 'runtime (let ((start (runtime))) (<= 0.0 start (runtime))) #t)
(check 'environment (getenv "NO_SUCH_VARIABLE") #f)

(display passed)
(display " checks passed")
(newline)
