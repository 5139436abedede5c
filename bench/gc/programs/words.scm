;; SPDX-License-Identifier: MIT
;; Strings: words are put together at random, counted in a hash table of vectors
;; and lists that grows, and joined to a text, which is taken apart again.
;; Argument: how many words.

(define words (string->number (cadr (command-line))))

(define (show . things)
  (for-each display things)
  (newline))

;; A fixed sequence of numbers.
(define state 1)
(define (draw below)
  (set! state (modulo (+ (* state 16807) 11) 2147483647))
  (modulo (quotient state 64) below))

(define syllables
  (vector "ba" "ce" "di" "fo" "gu" "ha" "je" "ki" "lo" "mu" "na" "pe" "ri" "so" "tu" "we"))

(define (word)
  (let loop ((left (+ 1 (draw 4))) (text ""))
    (if (= left 0)
        text
        (loop (- left 1) (string-append text (vector-ref syllables (draw 16)))))))

;; A table: how many entries, and a vector of lists of (word . count).
(define table-size 0)
(define table (make-vector 64 '()))

(define (bucket text length)
  (let ((end (string-length text)))
    (let loop ((i 0) (sum 7))
      (if (= i end)
          (modulo sum length)
          (loop (+ i 1)
                (modulo (+ (* sum 31) (char->integer (string-ref text i))) 16777213))))))

(define (put! table entry)
  (let ((at (bucket (car entry) (vector-length table))))
    (vector-set! table at (cons entry (vector-ref table at)))))

(define (grow!)
  (let ((larger (make-vector (* 2 (vector-length table)) '())))
    (do ((i 0 (+ i 1)))
        ((= i (vector-length table)))
      (for-each (lambda (entry) (put! larger entry)) (vector-ref table i)))
    (set! table larger)))

(define (count! text)
  (let ((entry (assoc text (vector-ref table (bucket text (vector-length table))))))
    (if entry
        (set-cdr! entry (+ (cdr entry) 1))
        (begin
          (if (> table-size (* 2 (vector-length table)))
              (grow!))
          (put! table (cons text 1))
          (set! table-size (+ table-size 1))))))

;; Joins halves, so that a text of n words costs n log n characters.
(define (join list count)
  (if (= count 1)
      (car list)
      (let ((half (quotient count 2)))
        (string-append (join list half) " "
                       (join (list-tail list half) (- count half))))))

(define (split text)
  (let loop ((i (- (string-length text) 1)) (end (string-length text)) (found '()))
    (cond ((< i 0) (cons (substring text 0 end) found))
          ((char=? (string-ref text i) #\space)
           (loop (- i 1) i (cons (substring text (+ i 1) end) found)))
          (else (loop (- i 1) end found)))))

(define (total)
  (let loop ((i 0) (sum 0))
    (if (= i (vector-length table))
        sum
        (loop (+ i 1) (apply + sum (map cdr (vector-ref table i)))))))

(define (make-words count)
  (do ((i 0 (+ i 1))
       (list '() (cons (word) list)))
      ((= i count) list)))

(let* ((drawn (make-words words))
       (text (join drawn words))
       (found (split text)))
  (for-each count! found)
  (show (string-length text) " characters")
  (show "taken apart, they are the words: " (equal? drawn found))
  (show table-size " different words")
  (show "every word was counted: " (= (total) words)))
