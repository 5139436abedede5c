;; SPDX-License-Identifier: MIT
;; JSON: a file of some MiB is generated and written, read back, compared, and
;; written again, which must give the same bytes.
;; Objects are hash tables, arrays are vectors, null is the symbol null.
;; Argument: how many records the file has.
;; small: 40

(define records
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      8000))

;; The writer.

(define (write-json x port)
  (cond ((eq? x 'null) (write-string "null" port))
        ((boolean? x) (write-string (if x "true" "false") port))
        ((number? x) (write-string (number->string x) port))
        ((string? x) (write-json-string x port))
        ((vector? x)
         (write-members "[" "]" (vector->list x) write-json port))
        ((hash-table? x)
         (write-members "{" "}" (hash-table->alist x)
                        (lambda (entry port)
                          (write-json-string (car entry) port)
                          (write-string ":" port)
                          (write-json (cdr entry) port))
                        port))
        (else (error "write-json: no JSON" x))))

(define (write-members open close members write-member port)
  (write-string open port)
  (let loop ((members members) (separator ""))
    (when (pair? members)
      (write-string separator port)
      (write-member (car members) port)
      (loop (cdr members) ",")))
  (write-string close port))

(define hex "0123456789abcdef")

(define (write-json-string text port)
  (write-string "\"" port)
  (if (memq #t (map (lambda (special) (and (string-search text special 0) #t))
               specials))
      (for-each (lambda (c) (write-string (escape c) port)) (string->list text))
      (write-string text port))
  (write-string "\"" port))

(define specials (list "\"" "\\" "\n" "\t" (string #\alarm)))

(define (escape c)
  (case c
    ((#\newline) "\\n")
    ((#\tab) "\\t")
    ((#\") "\\\"")
    ((#\\) "\\\\")
    (else
     (let ((code (char->integer c)))
       (if (< code 32)
           (string #\\ #\u #\0 #\0
                   (string-ref hex (quotient code 16))
                   (string-ref hex (modulo code 16)))
           (string c))))))

;; The reader.

(define (fail port what)
  (error (string-append "read-json: " what ", at") (peek-char port)))

(define (expect port text value)
  (for-each (lambda (c)
              (unless (eqv? (read-char port) c)
                (fail port (string-append "expected " text))))
            (string->list text))
  value)

(define (skip-space port)
  (let ((c (peek-char port)))
    (if (and (char? c) (char-whitespace? c))
        (begin
          (read-char port)
          (skip-space port))
        c)))

(define (read-json port)
  (let ((c (skip-space port)))
    (cond ((eof-object? c) (fail port "the text ends"))
          ((char=? c #\{) (read-object port))
          ((char=? c #\[) (read-array port))
          ((char=? c #\") (read-char port) (read-json-string port))
          ((char=? c #\t) (expect port "true" #t))
          ((char=? c #\f) (expect port "false" #f))
          ((char=? c #\n) (expect port "null" 'null))
          (else (read-json-number port)))))

;; What follows a member: another one, or the end.
(define (more? port end)
  (let ((c (skip-space port)))
    (read-char port)
    (cond ((eqv? c #\,) #t)
          ((eqv? c end) #f)
          (else (fail port "a member must be followed by , or the end")))))

(define (read-array port)
  (read-char port)
  (if (eqv? (skip-space port) #\])
      (begin (read-char port) (vector))
      (let loop ((members (list (read-json port))))
        (if (more? port #\])
            (loop (cons (read-json port) members))
            (list->vector (reverse members))))))

(define (read-object port)
  (let ((table (make-equal-hash-table)))
    (define (read-member!)
      (skip-space port)
      (expect port "\"" #t)
      (let ((key (read-json-string port)))
        (skip-space port)
        (expect port ":" #t)
        (hash-table-set! table key (read-json port))))
    (read-char port)
    (if (eqv? (skip-space port) #\})
        (read-char port)
        (let loop ()
          (read-member!)
          (when (more? port #\})
            (loop))))
    table))

(define (read-json-string port)
  (let loop ((chars '()))
    (let ((c (read-char port)))
      (cond ((eof-object? c) (fail port "a string does not end"))
            ((char=? c #\") (list->string (reverse chars)))
            ((char=? c #\\) (loop (cons (read-escape port) chars)))
            (else (loop (cons c chars)))))))

(define (read-escape port)
  (let ((c (read-char port)))
    (case c
      ((#\n) #\newline)
      ((#\t) #\tab)
      ((#\r) #\return)
      ((#\u)
       (let* ((a (read-char port)) (b (read-char port))
              (c (read-char port)) (d (read-char port)))
         (integer->char (string->number (string a b c d) 16))))
      (else c))))

(define (number-char? c)
  (and (char? c)
       (or (char-numeric? c) (memv c '(#\- #\+ #\. #\e #\E)))))

(define (read-json-number port)
  (let loop ((chars '()))
    (if (number-char? (peek-char port))
        (loop (cons (read-char port) chars))
        (or (string->number (list->string (reverse chars)))
            (fail port "not a number")))))

;; The data.

(define names
  (vector "alpha" "beta" "g\"amma\"" "delta\\epsilon" "new\nline" "tab\tbed"
          "zürich" (string #\b #\e #\l #\l #\alarm)))

(define (object . keys-and-values)
  (let ((table (make-equal-hash-table)))
    (let loop ((rest keys-and-values))
      (if (null? rest)
          table
          (begin
            (hash-table-set! table (car rest) (cadr rest))
            (loop (cddr rest)))))))

(define (make-record i)
  (object "id" i
          "name" (vector-ref names (modulo i (vector-length names)))
          "score" (/ (random 1000000) 64.0)
          "active" (= 0 (random 2))
          "parent" (if (= 0 (modulo i 3)) 'null (quotient i 3))
          "tags" (make-tags (random 12))
          "place" (object "x" (- (random 2000) 1000)
                          "y" (- (random 2000) 1000)
                          "empty" (object)
                          "nothing" (vector))))

(define (make-tags n)
  (let loop ((n n) (tags '()))
    (if (= n 0)
        (list->vector tags)
        (loop (- n 1)
              (cons (string-append (vector-ref names (random (vector-length names)))
                                   "-" (number->string (random 1000)))
                    tags)))))

(define (make-data)
  (let ((data (make-vector records 0)))
    (do ((i 0 (+ i 1)))
        ((= i records) data)
      (vector-set! data i (make-record i)))))

(define (same? x y)
  (cond ((vector? x)
         (and (vector? y)
              (= (vector-length x) (vector-length y))
              (let loop ((i 0))
                (or (= i (vector-length x))
                    (and (same? (vector-ref x i) (vector-ref y i))
                         (loop (+ i 1)))))))
        ((hash-table? x)
         (and (hash-table? y)
              (= (hash-table-count x) (hash-table-count y))
              (let loop ((entries (hash-table->alist x)))
                (or (null? entries)
                    (and (same? (cdr (car entries))
                                (hash-table-ref y (car (car entries)) #f))
                         (loop (cdr entries)))))))
        (else (equal? x y))))

(define (save path data)
  (let ((port (open-output-file path)))
    (write-json data port)
    (close-port port)))

(define (load-json path)
  (let* ((port (open-input-file path))
         (data (read-json port)))
    (close-port port)
    data))

(define (to-string data)
  (let ((port (open-output-string)))
    (write-json data port)
    (get-output-string port)))

(define (show . things)
  (for-each display things)
  (newline))

(let ((path (temporary-file))
      (data (make-data)))
  (show "records: " (vector-length data))
  (show (to-string (vector-ref data (min 4 (- records 1)))))
  (save path data)
  (let* ((copy (load-json path))
         (text (to-string copy)))
    (show "KiB: " (quotient (string-length text) 1024))
    (show "read back the same: " (same? data copy))
    (show "written the same: " (string=? text (read-line (open-input-file path)))))
  (delete-file path))

(for-each (lambda (text)
            (show text "  ->  "
                  (guard (e ((error-object? e) (error-object-text e)))
                    (to-string (read-json (open-input-string text))))))
          '("[1, 2.5, -3e2, true, false, null]"
            "{\"a\": [], \"b\": {}}"
            "[1 2]"
            "\"open"
            "[tru]"
            "-"))
