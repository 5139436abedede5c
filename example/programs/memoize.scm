;; SPDX-License-Identifier: MIT
;; Memoizing with weak keys: what has been computed for an object is kept as long
;; as the object, and no longer. Documents come and go; each has an index, made
;; when it is first asked for. The index refers to its document, which does not
;; keep it either: an entry with a weak key is an ephemeron.
;; Argument: how many documents in all.
;; small: 60

(define total
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      3000))

(define computed 0)

(define (memoize procedure)
  (let ((table (make-weak-key-table)))
    (lambda (x)
      (or (table-ref table x #f)
          (let ((result (procedure x)))
            (set! computed (+ computed 1))
            (table-set! table x result)
            (set! memory table)
            result)))))

(define memory #f)

(define-record-type document (make-document title words) document?
  (title document-title)
  (words document-words))

(define-record-type index (make-index document positions) index?
  (document index-document)
  (positions index-positions))

(define (compute-index document)
  (let ((positions (make-equal-hash-table)))
    (for-each (lambda (word i) (hash-table-set! positions word i))
              (document-words document)
              (iota (length (document-words document)) 0))
    (make-index document positions)))

(define document-index (memoize compute-index))

(define (where word document)
  (hash-table-ref (index-positions (document-index document)) word #f))

(define (write-document i)
  (make-document i (map (lambda (k) (number->string (* i k))) (iota 12 1))))

(define (show . things)
  (for-each display things)
  (newline))

;; Ten documents are open at a time; each is asked three times.
(define open (make-vector 10 #f))

(define (ask document)
  (let ((word (number->string (* 7 (document-title document)))))
    (unless (and (equal? (where word document) 6)
                 (equal? (where word document) 6)
                 (not (where "none" document)))
      (error "a wrong answer:" document))))

(do ((i 1 (+ i 1)))
    ((> i total))
  (let ((document (write-document i)))
    (vector-set! open (remainder i 10) document)
    (ask document)))

(show "computed once for each document: " (= computed total))

(collect)
(show "ten documents are open, and have their index: "
      (apply + (map (lambda (document) (if (table-ref memory document #f) 1 0))
                    (vector->list open))))
(show "few others are left: " (< (table-count memory) 30))

(vector-for-each ask open)
(show "asking again computes nothing: " (= computed total))

(vector-fill! open #f)
(collect)
(show "all closed, nearly all forgotten: " (< (table-count memory) 10))

;; Weak boxes and ephemerons by themselves.
(define key (list 'a 'key))
(define box (make-weak-box key))
(define ephemeron (make-ephemeron key (list 'about key)))
(collect)
(show (weak-box-value box) " " (ephemeron-key ephemeron) " " (ephemeron-value ephemeron))

(define (boxes n)
  (map (lambda (i) (make-weak-box (vector i))) (iota n 0)))
(define (ephemerons n)
  (map (lambda (i) (let ((key (vector i))) (make-ephemeron key (list key)))) (iota n 0)))
(define (alive value list)
  (length (filter value list)))

(define many-boxes (boxes 100))
(define many-ephemerons (ephemerons 100))
(collect)
(show "of 100 lost vectors, those left: few: " (< (alive weak-box-value many-boxes) 10)
      ", few: " (< (alive ephemeron-value many-ephemerons) 10))

;; Names that nobody uses any more.
(define before (symbol-count))
(do ((i 0 (+ i 1)))
    ((= i (* 10 total)))
  (string->symbol (string-append "name-" (number->string i))))
(collect)
(show "symbols come and go: " (< (- (symbol-count) before) 100))
