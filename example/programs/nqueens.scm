;; SPDX-License-Identifier: MIT
;; N queens: every way to put n queens on an n by n board so that none attacks
;; another, each kept as a list of columns.
;; Argument: n.
;; small: 6

(define n
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      11))

(define (safe? column others)
  (let loop ((others others) (distance 1))
    (or (null? others)
        (let ((other (car others)))
          (and (not (= other column))
               (not (= other (+ column distance)))
               (not (= other (- column distance)))
               (loop (cdr others) (+ distance 1)))))))

(define (columns)
  (do ((i n (- i 1))
       (list '() (cons i list)))
      ((= i 0) list)))

;; All boards with so many rows filled.
(define (boards rows)
  (if (= rows 0)
      '(())
      (let ((columns (columns)))
        (apply-append
         (map (lambda (board)
                (map (lambda (column) (cons column board))
                     (filter (lambda (column) (safe? column board))
                             columns)))
              (boards (- rows 1)))))))

(define (apply-append lists)
  (let loop ((lists (reverse lists)) (result '()))
    (if (null? lists)
        result
        (loop (cdr lists) (append (car lists) result)))))

(define (draw board)
  (for-each (lambda (column)
              (do ((i 1 (+ i 1)))
                  ((> i n) (newline))
                (display (if (= i column) " Q" " ."))))
            board))

(let ((all (boards n)))
  (display (length all))
  (display " ways; the first:")
  (newline)
  (draw (car all)))
