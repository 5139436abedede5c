;; SPDX-License-Identifier: MIT
;; Word frequencies over a dictionary: a text of words drawn at random is
;; written, taken apart again, and counted; the counts must be those of the
;; drawing. So the output is the same for every dictionary.
;; Arguments: how many words to draw; the dictionary, if not the one that the
;; environment's DICTIONARY names, or /usr/share/dict/words.
;; small: 2000

(define arguments (cdr (command-line)))

(define words-drawn
  (if (pair? arguments) (string->number (car arguments)) 150000))

(define dictionary-path
  (cond ((and (pair? arguments) (pair? (cdr arguments))) (cadr arguments))
        ((getenv "DICTIONARY"))
        (else "/usr/share/dict/words")))

(define (show . things)
  (for-each display things)
  (newline))

(define (check what truth)
  (show what ": " (if truth "yes" "no"))
  (unless truth (exit 1)))

;; A word here is a row of letters: "can't" is two.
(define (read-words path)
  (let ((port (open-input-file path)))
    (let loop ((words '()))
      (let ((line (read-line port)))
        (if (eof-object? line)
            (begin
              (close-port port)
              (list->vector (reverse words)))
            (loop (append (split line) words)))))))

(define (letter? c)
  (or (char-alphabetic? c) (> (char->integer c) 127)))

(define (split text)
  (let ((end (string-length text)))
    (let loop ((i 0) (start 0) (words '()))
      (cond ((= i end)
             (if (< start i) (cons (substring text start i) words) words))
            ((letter? (string-ref text i))
             (loop (+ i 1) start words))
            ((< start i)
             (loop (+ i 1) (+ i 1) (cons (substring text start i) words)))
            (else
             (loop (+ i 1) (+ i 1) words))))))

;; A fixed sequence; small words are drawn more often, as in any text.
(define (draw size)
  (let ((bound (+ 1 (random size))))
    (random bound)))

(define (write-text words count drawn)
  (let ((port (open-output-string)))
    (do ((i 0 (+ i 1)))
        ((= i count) (get-output-string port))
      (let ((k (draw (vector-length words))))
        (vector-set! drawn k (+ (vector-ref drawn k) 1))
        (write-string (vector-ref words k) port)
        (write-string (if (= (modulo i 12) 11) ".\n" " ") port)))))

(define (count-words text)
  (let ((table (make-equal-hash-table))
        (port (open-input-string text)))
    (let loop ()
      (let ((line (read-line port)))
        (if (eof-object? line)
            table
            (begin
              (for-each (lambda (word)
                          (hash-table-update! table word (lambda (n) (+ n 1)) 0))
                        (split line))
              (loop)))))))

(define (sum list) (fold-left + 0 list))

(unless (file-exists? dictionary-path)
  (error "word-frequencies: there is no dictionary:" dictionary-path))

(let* ((words (read-words dictionary-path))
       (size (vector-length words)))
  (check "the dictionary has a thousand words and more" (> size 1000))
  (let* ((drawn (make-vector size 0))
         (text (write-text words words-drawn drawn))
         (table (count-words text))
         (expected (make-equal-hash-table)))
    (show "words drawn: " words-drawn)
    (show "words counted: " (sum (hash-table-values table)))
    ;; A word may stand in the dictionary more than once.
    (do ((i 0 (+ i 1)))
        ((= i size))
      (when (> (vector-ref drawn i) 0)
        (hash-table-update! expected (vector-ref words i)
                            (lambda (n) (+ n (vector-ref drawn i))) 0)))
    (check "as many different words as were drawn"
           (= (hash-table-count table) (hash-table-count expected)))
    (check "every word was counted as often as it was drawn"
           (null? (filter (lambda (entry)
                            (not (equal? (cdr entry)
                                         (hash-table-ref expected (car entry) #f))))
                          (hash-table->alist table))))
    (let* ((more? (lambda (a b)
                    (or (> (cdr a) (cdr b))
                        (and (= (cdr a) (cdr b)) (string<? (car a) (car b))))))
           (sorted (sort (hash-table->alist table) more?)))
      (check "the list by frequency is in order"
             (let loop ((rest sorted))
               (or (null? (cdr rest))
                   (and (more? (car rest) (cadr rest))
                        (loop (cdr rest))))))
      (check "and has every word"
             (= (sum (map cdr sorted)) words-drawn)))))
