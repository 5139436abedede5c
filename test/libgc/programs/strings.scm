; SPDX-License-Identifier: MIT
; strings.scm: strings that grow, share and are copied, string ports, symbols,
; characters of one byte and of four, bytevectors, regular expressions; and files
; and ports of our own.
(use-modules (ice-9 regex) (ice-9 rdelim) (ice-9 binary-ports) (ice-9 textual-ports)
             (rnrs bytevectors) (srfi srfi-1) (srfi srfi-13))

(define bench? (equal? (cadr (command-line)) "bench"))
(define size (if bench? 15 2))

(define seed 1)
(define (random-below n)
  (set! seed (modulo (+ (* seed 1103515245) 12345) 2147483648))
  (modulo (quotient seed 65536) n))

(define (digest string)
  (string-fold (lambda (c sum) (modulo (+ (* 31 sum) (char->integer c)) 1000000007)) 7 string))

(define (word wide?)
  (string-tabulate (lambda (i) (integer->char (+ (if wide? #x1f600 97) (random-below 26))))
                   (+ 1 (random-below 12))))

(define words (map (lambda (i) (word (= 0 (modulo i 10)))) (iota (* 2000 size))))
(define text (string-join words " "))
(format #t "text: ~a ~a\n" (string-length text) (digest text))
(format #t "tokens: ~a\n" (equal? words (string-tokenize text (char-set-complement (char-set #\space)))))
(format #t "sorted: ~a\n" (digest (string-concatenate (sort words string<?))))

; By parts: each round makes a longer one.
(define grown
  (let loop ((i 0) (string ""))
    (if (= i (* 150 size)) string (loop (+ i 1) (string-append string (list-ref words i))))))
(format #t "grown: ~a ~a\n" (string-length grown) (digest grown))

(define out
  (call-with-output-string
    (lambda (port)
      (let loop ((i 0))
        (when (< i (* 3000 size))
          (write (list i (* i i) (number->string i 16) 'symbol #\a 1.5) port)
          (newline port)
          (loop (+ i 1)))))))
(format #t "written: ~a ~a\n" (string-length out) (digest out))
(format #t "read: ~a\n"
        (call-with-input-string out
          (lambda (port)
            (let loop ((count 0) (sum 0))
              (let ((datum (read port)))
                (if (eof-object? datum)
                    (list count sum)
                    (loop (+ count 1)
                          (+ sum (car datum) (string->number (caddr datum) 16)))))))))

; Shared substrings, written to afterwards.
(define parts
  (map (lambda (i) (substring/shared text (* 10 i) (+ 200 (* 10 i)))) (iota (* 100 size))))
(define copies (map string-copy parts))
(for-each (lambda (copy i) (string-set! copy 0 #\λ) (string-set! copy (modulo i 200) #\x))
          copies (iota (length copies)))
(format #t "shared: ~a copies: ~a\n" (digest (string-concatenate parts))
        (digest (string-concatenate copies)))

(format #t "symbols: ~a\n"
        (length (delete-duplicates (map string->symbol (list-head words (* 50 size))) eq?)))
(format #t "numbers: ~a\n"
        (fold (lambda (i sum) (+ sum (string->number (number->string (* i 1.25)))))
              0 (iota (* 5000 size))))
(format #t "utf-8: ~a\n"
        (let loop ((i 0) (bytes (string->utf8 text)))
          (if (= i (* 2 size))
              (list (bytevector-length bytes) (equal? text (utf8->string bytes)))
              (loop (+ i 1) (string->utf8 (utf8->string bytes))))))
(format #t "matches: ~a\n"
        (fold-matches "[a-m]+n[a-z]*" (substring text 0 (* 800 size)) 0
                      (lambda (match sum) (+ sum (match:start match) (match:end match)))))
(format #t "replaced: ~a\n"
        (digest (regexp-substitute/global #f "[aeiou]" (substring text 0 (* 400 size))
                                          'pre (lambda (m) (string-upcase (match:substring m)))
                                          'post)))

; Files: written, read by lines, closed only by the collector.
(define (write-file name count)
  (let ((port (open-output-file name)))
    (for-each (lambda (i) (format port "line ~a ~a\n" i (list-ref words (modulo i 500))))
              (iota count))
    (close-port port)))
(define (read-file name)
  (let ((port (open-input-file name)))
    (let loop ((count 0) (sum 0))
      (let ((line (read-line port)))
        (if (eof-object? line)
            (list count sum)
            (loop (+ count 1) (modulo (+ (* 3 sum) (digest line)) 1000003)))))))
(write-file "lines" (* 300 size))
(format #t "file: ~a\n" (read-file "lines"))
(format #t "files: ~a\n" (delete-duplicates (map (lambda (i) (read-file "lines")) (iota 20))))

; A port of our own, whose bytes are made when they are asked for.
(define (counting-port limit)
  (let ((next 0))
    (make-custom-binary-input-port
     "counting"
     (lambda (bytes start count)
       (let ((n (min count (- limit next))))
         (do ((i 0 (+ i 1)))
             ((= i n))
           (bytevector-u8-set! bytes (+ start i) (modulo (+ next i) 251)))
         (set! next (+ next n))
         n))
     #f #f #f)))
(define bytes (get-bytevector-all (counting-port (* 50000 size))))
(format #t "custom port: ~a ~a\n" (bytevector-length bytes)
        (fold + 0 (bytevector->u8-list bytes)))
