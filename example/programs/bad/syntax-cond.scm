;; A clause that is no list.
(cond (#f 1)
      else)
