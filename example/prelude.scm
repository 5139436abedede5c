;; SPDX-License-Identifier: MIT
;; prelude.scm: the part of the language that is written in the language.
;;
;; It is built into the binary and evaluated at every start. Its code has no
;; place of its own: an error in it stands where the program called. Names that
;; exist at its end can't be defined anew. In what a macro makes, procedures are
;; put in as values, and only syntax by its name: a program that hides "if" by a
;; local variable can't use the macros there.

(define (list . elements) elements)

(define (append . lists)
  (if (null? lists)
      '()
      (if (null? (cdr lists))
          (car lists)
          (append-two (car lists) (apply-list append (cdr lists))))))

(define (error message . irritants) (raise-error message irritants))

;; Templates.

(define (form-of? x name)
  (if (pair? x)
      (if (eq? (car x) name)
          (if (pair? (cdr x)) (null? (cddr x)) #f)
          #f)
      #f))

(define (template-pair x depth)
  (if (if (= depth 1) (form-of? (car x) 'unquote-splicing) #f)
      (list append (cadr (car x)) (template (cdr x) depth))
      (list cons (template (car x) depth) (template (cdr x) depth))))

;; An expression that makes what the template describes.
(define (template x depth)
  (if (vector? x)
      (list list->vector (template (vector->list x) depth))
      (if (not (pair? x))
          (list 'quote x)
          (if (form-of? x 'unquote)
              (if (= depth 1) (cadr x) (template-pair x (- depth 1)))
              (template-pair x (if (form-of? x 'quasiquote) (+ depth 1) depth))))))

(define-macro (quasiquote x) (template x 1))

;; Syntax.

(define temporary (string->symbol " t"))

(define-macro (let* bindings . body)
  (if (if (pair? bindings) (pair? (cdr bindings)) #f)
      `(let (,(car bindings)) (let* ,(cdr bindings) ,@body))
      `(let ,bindings ,@body)))

(define-macro (letrec* bindings . body)
  `(letrec ,bindings ,@body))

;; What let makes of (let NAME ...).
(define-macro (named-let name bindings . body)
  `((letrec ((,name (lambda ,(map-list car bindings) ,@body))) ,name)
    ,@(map-list cadr bindings)))

(define-macro (and . tests)
  (if (null? tests)
      #t
      (if (null? (cdr tests))
          (car tests)
          `(if ,(car tests) (and ,@(cdr tests)) #f))))

(define-macro (or . tests)
  (if (null? tests)
      #f
      (if (null? (cdr tests))
          (car tests)
          `(let ((,temporary ,(car tests)))
             (if ,temporary ,temporary (or ,@(cdr tests)))))))

(define-macro (when test first . rest)
  `(if ,test (begin ,first ,@rest)))

(define-macro (unless test first . rest)
  `(if ,test (if #f #f) (begin ,first ,@rest)))

(define (check-clause name clause)
  (if (not (and (pair? clause) (list? clause)))
      (error (string-append name ": bad clause:") clause)))

(define-macro (cond . clauses)
  (if (null? clauses)
      '(if #f #f)
      (let ((clause (car clauses)))
        (check-clause "cond" clause)
        (if (eq? (car clause) 'else)
            `(begin ,@(cdr clause))
            (if (null? (cdr clause))
                `(or ,(car clause) (cond ,@(cdr clauses)))
                (if (eq? (cadr clause) '=>)
                    `(let ((,temporary ,(car clause)))
                       (if ,temporary
                           (,(caddr clause) ,temporary)
                           (cond ,@(cdr clauses))))
                    `(if ,(car clause)
                         (begin ,@(cdr clause))
                         (cond ,@(cdr clauses)))))))))

(define-macro (case key . clauses)
  `(let ((,temporary ,key))
     (cond ,@(map (lambda (clause)
                    (check-clause "case" clause)
                    (cond ((eq? (car clause) 'else) clause)
                          ((and (pair? (car clause)) (null? (cdar clause)))
                           `((,eqv? ,temporary ',(caar clause)) ,@(cdr clause)))
                          (else
                           `((,memv ,temporary ',(car clause)) ,@(cdr clause)))))
                  clauses))))

(define-macro (do bindings end . body)
  (check-clause "do" end)
  (let ((loop (string->symbol " do")))
    (for-each (lambda (b)
                (if (not (and (list? b) (<= 2 (length b) 3)))
                    (error "do: bad binding:" b)))
              bindings)
    `(let ,loop ,(map (lambda (b) (list (car b) (cadr b))) bindings)
       (if ,(car end)
           (begin ,@(if (null? (cdr end)) '((if #f #f)) (cdr end)))
           (begin
             ,@body
             (,loop ,@(map (lambda (b) (if (pair? (cddr b)) (caddr b) (car b)))
                           bindings)))))))

(define-macro (guard head . body)
  (check-clause "guard" head)
  `(,with-handler
    (lambda (,(car head))
      (cond ,@(cdr head) (else (,raise ,(car head)))))
    (lambda () ,@body)))

(define-macro (define-record-type type maker is . fields)
  (check-clause "define-record-type" maker)
  (for-each (lambda (field) (check-clause "define-record-type" field)) fields)
  (let ((names (map car fields)))
    (for-each (lambda (name)
                (if (not (memq name names))
                    (error "define-record-type: not a field:" name)))
              (cdr maker))
    `(begin
       (define ,type (,vector ',type ',names))
       (define (,(car maker) ,@(cdr maker))
         (,record ,type ,@(map (lambda (name) (and (memq name (cdr maker)) name)) names)))
       (define (,is x)
         (,record-of? x ,type))
       ,@(apply append
                (map (lambda (field number)
                       (map (lambda (name make) `(define ,name (,make ',name ,type ,number)))
                            (cdr field)
                            (list record-accessor record-modifier)))
                     fields
                     (iota (length fields) 1))))))

;; Procedures.

(define (apply procedure first . rest)
  (if (null? rest)
      (apply-list procedure first)
      (apply-list procedure
                  (let loop ((first first) (rest rest))
                    (if (null? rest)
                        first
                        (cons first (loop (car rest) (cdr rest))))))))

;; Lists.

(define (every-pair? lists)
  (or (null? lists)
      (and (pair? (car lists)) (every-pair? (cdr lists)))))

(define (map-lists procedure lists)
  (if (every-pair? lists)
      (let ((first (apply-list procedure (map-list car lists))))
        (cons first (map-lists procedure (map-list cdr lists))))
      '()))

(define (map procedure list . more)
  (if (null? more)
      (map-list procedure list)
      (map-lists procedure (cons list more))))

(define (for-each procedure list . more)
  (if (null? more)
      (for-each-list procedure list)
      (map-lists procedure (cons list more))))

(define (fold-left procedure result list)
  (if (pair? list)
      (fold-left procedure (procedure result (car list)) (cdr list))
      result))

(define (list-tail list k)
  (if (= k 0) list (list-tail (cdr list) (- k 1))))

(define (list-ref list k)
  (car (list-tail list k)))

(define (iota count start)
  (if (= count 0) '() (cons start (iota (- count 1) (+ start 1)))))

(define (merge-lists a b less?)
  (let ((head (cons #f '())))
    (let loop ((a a) (b b) (last head))
      (cond ((null? a) (set-cdr! last b))
            ((null? b) (set-cdr! last a))
            ((less? (car b) (car a))
             (set-cdr! last b)
             (loop a (cdr b) b))
            (else
             (set-cdr! last a)
             (loop (cdr a) b a))))
    (cdr head)))

(define (sort sequence less?)
  (define rest (if (vector? sequence) (vector->list sequence) sequence))
  (define (take-sorted count)
    (if (= count 1)
        (let ((first (car rest)))
          (set! rest (cdr rest))
          (list first))
        (let* ((half (quotient count 2))
               (left (take-sorted half)))
          (merge-lists left (take-sorted (- count half)) less?))))
  (let ((sorted (if (null? rest) '() (take-sorted (length rest)))))
    (if (vector? sequence) (list->vector sorted) sorted)))

;; Vectors, strings, hash tables.

(define (vector . elements) (list->vector elements))
(define (string . characters) (list->string characters))
(define (bytevector . bytes) (list->bytevector bytes))
(define (record . type-and-fields) (list->record type-and-fields))

(define (record-of? x type)
  (and (record? x) (eq? (record-ref x 0) type)))

(define (check-record name record type)
  (if (not (record-of? record type))
      (error (string-append (symbol->string name) ": not a "
                            (symbol->string (vector-ref type 0)) ":")
             record)))

(define (record-accessor name type i)
  (lambda (record)
    (check-record name record type)
    (record-ref record i)))

(define (record-modifier name type i)
  (lambda (record x)
    (check-record name record type)
    (record-set! record i x)))

(define (vector-fill! vector fill)
  (do ((i 0 (+ i 1)))
      ((= i (vector-length vector)))
    (vector-set! vector i fill)))

(define (vector-map procedure vector)
  (list->vector (map procedure (vector->list vector))))

(define (vector-for-each procedure vector)
  (for-each procedure (vector->list vector)))

;; Hash tables: records of four fields: whether keys are compared by equal?; how
;; many there are; a vector of lists of entries (KEY . VALUE); a list of all
;; entries, the newest first. A deleted entry loses its key, and is dropped
;; when the table grows.

(define table-type (vector 'hash-table))
(define (hash-table? x) (record-of? x table-type))
(define (hash-table-count table) (record-ref table 2))

(define deleted (list 'deleted))

(define (make-eq-hash-table) (record table-type #f 0 (make-vector 8 '()) '()))
(define (make-equal-hash-table) (record table-type #t 0 (make-vector 8 '()) '()))

(define (table-list table key)
  (hash key (vector-length (record-ref table 3)) (record-ref table 1)))

(define (table-entry table key)
  ((if (record-ref table 1) assoc assq)
   key
   (vector-ref (record-ref table 3) (table-list table key))))

(define (table-insert! table entry)
  (let ((i (table-list table (car entry))))
    (vector-set! (record-ref table 3) i
                 (cons entry (vector-ref (record-ref table 3) i)))))

(define (table-grow! table)
  (record-set! table 3 (make-vector (* 2 (hash-table-count table)) '()))
  (record-set! table 4 (filter (lambda (entry) (not (eq? (car entry) deleted)))
                               (record-ref table 4)))
  (for-each (lambda (entry) (table-insert! table entry)) (record-ref table 4)))

(define (hash-table-set! table key value)
  (let ((entry (table-entry table key)))
    (if entry
        (set-cdr! entry value)
        (let ((entry (cons key value)))
          (if (> (hash-table-count table) (vector-length (record-ref table 3)))
              (table-grow! table))
          (record-set! table 2 (+ (hash-table-count table) 1))
          (record-set! table 4 (cons entry (record-ref table 4)))
          (table-insert! table entry)))))

(define (hash-table-ref table key . otherwise)
  (let ((entry (table-entry table key)))
    (cond (entry (cdr entry))
          ((pair? otherwise) (car otherwise))
          (else (error "hash-table-ref: no such key:" key)))))

(define (hash-table-delete! table key)
  (let ((entry (table-entry table key)) (i (table-list table key)))
    (when entry
      (record-set! table 2 (- (hash-table-count table) 1))
      (vector-set! (record-ref table 3) i
                   (filter (lambda (other) (not (eq? other entry)))
                           (vector-ref (record-ref table 3) i)))
      (set-car! entry deleted)
      (set-cdr! entry #f))))

(define (hash-table-contains? table key) (if (table-entry table key) #t #f))

(define (hash-table-update! table key procedure default)
  (hash-table-set! table key (procedure (hash-table-ref table key default))))

;; In the order in which the keys came.
(define (hash-table->alist table)
  (fold-left (lambda (list entry)
               (if (eq? (car entry) deleted)
                   list
                   (cons (cons (car entry) (cdr entry)) list)))
             '()
             (record-ref table 4)))

(define (hash-table-keys table) (map car (hash-table->alist table)))
(define (hash-table-values table) (map cdr (hash-table->alist table)))

;; Numbers, booleans, files, the heap.

(define (eof-object? x) (eq? x (eof-object)))

(define (file-exists? path)
  (guard (e (#t #f))
    (close-port (open-input-file path))
    #t))

(define (heap-stats)
  (map cons
       '(collections allocated-objects allocated-bytes live-objects live-bytes
         heap-bytes heap-peak-bytes pause-max-ns)
       (heap-counts)))

(define (handle-stats)
  (map cons
       '(blocks block-bytes large-bytes span-bytes free-bytes holes compactions moved-blocks
         moved-bytes)
       (handle-counts)))

(define (boolean? x) (or (eq? x #t) (eq? x #f)))
(define (zero? n) (= n 0))
(define (positive? n) (> n 0))
(define (negative? n) (< n 0))
(define (odd? n) (not (= (remainder n 2) 0)))
(define (even? n) (= (remainder n 2) 0))
(define (abs n) (if (< n 0) (- n) n))
(define (max n . more) (fold-left (lambda (m n) (if (< m n) n m)) n more))
(define (min n . more) (fold-left (lambda (m n) (if (> m n) n m)) n more))

(define (expt base power)
  (let loop ((base base) (power power) (result 1))
    (cond ((< power 0) (error "expt: a negative power:" power))
          ((= power 0) result)
          ((= power 1) (* result base))
          (else
           (loop (* base base)
                 (quotient power 2)
                 (if (odd? power) (* result base) result))))))

;; Printing. So many levels deep, and so many elements of each list and vector,
;; which -1 leaves open; then "...".

(define (print x port write? levels elements)
  (cond ((string? x) ((if write? print-string write-string) x port))
        ((char? x) (if write? (write-string (describe x) port) (write-char x port)))
        ((symbol? x) (write-string (symbol->string x) port))
        ((number? x) (write-string (number->string x) port))
        ((= levels 0) (write-string "..." port))
        ((pair? x) (print-list "(" x ")" port write? levels elements))
        ((vector? x) (print-list "#(" (vector->list x) ")" port write? levels elements))
        ((bytevector? x)
         (print-list "#u8(" (bytevector->list x) ")" port write? levels elements))
        ((hash-table? x) (write-string "#<hash-table>" port))
        ((record? x)
         (print-list "#<record " (cons (vector-ref (record-ref x 0) 0) (cdr (record->list x))) ">"
                     port write? levels elements))
        (else (write-string (describe x) port))))

(define (print-list open list close port write? levels elements)
  (write-string open port)
  (let loop ((list list) (left elements) (between ""))
    (cond ((pair? list)
           (write-string between port)
           (if (= left 0)
               (write-string "..." port)
               (begin
                 (print (car list) port write? (- levels 1) elements)
                 (loop (cdr list) (- left 1) " "))))
          ((not (null? list))
           (write-string " . " port)
           (print list port write? (- levels 1) elements))))
  (write-string close port))

(define (print-string string port)
  (write-string "\"" port)
  (for-each (lambda (c)
              (case c
                ((#\") (write-string "\\\"" port))
                ((#\\) (write-string "\\\\" port))
                ((#\newline) (write-string "\\n" port))
                ((#\tab) (write-string "\\t" port))
                ((#\return) (write-string "\\r" port))
                (else (write-char c port))))
            (string->list string))
  (write-string "\"" port))

(define (port-of ports) (if (null? ports) (current-output-port) (car ports)))
(define (write x . ports) (print x (port-of ports) #t -1 -1))
(define (display x . ports) (print x (port-of ports) #f -1 -1))
(define (newline . ports) (write-char #\newline (port-of ports)))
(define (write-line x) (write x) (newline))

;; Errors. Running out of memory has no message of its own: there was no memory
;; to make one.

(define (error-object-message e)
  (if (string? (error-message e))
      (error-message e)
      (if (= (error-irritants e) 1)
          "out of memory: the heap's limit is reached"
          "out of memory")))

(define (error-object-irritants e)
  (if (string? (error-message e)) (error-irritants e) '()))

;; What an uncaught error is reported by.
(define (error-object-text e)
  (let ((port (open-output-string)))
    (if (error-object? e)
        (let* ((message (error-object-message e))
               (last (- (string-length message) 1)))
          (write-string message port)
          (if (and (pair? (error-object-irritants e))
                   (or (< last 0) (not (char=? (string-ref message last) #\:))))
              (write-string ":" port))
          (for-each (lambda (irritant)
                      (write-string " " port)
                      (print irritant port #t 4 12))
                    (error-object-irritants e)))
        (begin
          (write-string "raised: " port)
          (print e port #t 4 12)))
    (get-output-string port)))

;; Threads: calls a procedure with a mutex locked, which is unlocked also after an
;; error. (A continuation that leads out leaves it locked.)

(define (with-mutex mutex thunk)
  (mutex-lock! mutex)
  (let ((result (guard (e (#t (mutex-unlock! mutex) (raise e)))
                  (thunk))))
    (mutex-unlock! mutex)
    result))

;; Heaps of their own: what goes in and out is text.

(define (datum? x)
  (or (number? x) (string? x) (symbol? x) (char? x) (boolean? x) (null? x) (bytevector? x)
      (and (pair? x) (datum? (car x)) (datum? (cdr x)))
      (and (vector? x) (datum? (vector->list x)))))

;; A text that reads back as the same; nothing, if there is no value.
(define (datum->text x)
  (let ((port (open-output-string)))
    (cond ((datum? x) (write x port))
          ((not (eq? x (if #f #f))) (error "this can't be copied to another heap:" x)))
    (get-output-string port)))

;; The value of a program, a text or an expression, in a heap that is made for it
;; and gone afterwards; with a limit of bytes, if one is given.
(define (in-new-heap program . limit)
  (let* ((text (if (string? program) program (datum->text program)))
         (result (run-in-new-heap text (if (null? limit) 0 (car limit)))))
    (if (> (string-length result) 0)
        (read (open-input-string result)))))

;; What (why x) prints: the steps from a root to x, a line each.

(define (short-text x)
  (let ((port (open-output-string)))
    (print x port #t 3 4)
    (let ((text (get-output-string port)))
      (if (> (string-length text) 60)
          (string-append (substring text 0 57) "...")
          text))))

(define (print-path steps)
  (define port (current-output-port))
  (if (null? steps)
      (write-string "nothing keeps it\n" port)
      (for-each (lambda (step)
                  (write-string (if (eq? step (car steps)) "" "  ") port)
                  (write-string (car step) port)
                  (when (pair? (cdr step))
                    (write-string " " port)
                    (write-string (short-text (cadr step)) port))
                  (newline port))
                steps)))

(fix-globals!)
