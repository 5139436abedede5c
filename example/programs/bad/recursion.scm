;; Recursion that runs away; a tail call would not.
(define (count n)
  (if (= n -1)
      0
      (+ 1 (count (+ n 1)))))
(display (count 0))
