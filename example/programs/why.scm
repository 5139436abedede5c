;; SPDX-License-Identifier: MIT
;; Why an object is alive: a leak is found. Sessions are meant to be gone when
;; they end; some are not, since a log refers to them. (why x) prints the way
;; from a root to x.
;; small: 1

(define-record-type session (make-session user data) session?
  (user session-user)
  (data session-data))

(define sessions (make-eq-hash-table))
(define log '())

(define (begin-session! user)
  (let ((session (make-session user (make-bytevector 10000 0))))
    (hash-table-set! sessions user session)
    (set! log (cons (list 'began session) log))))

(define (end-session! user)
  (hash-table-delete! sessions user))

;; Weak boxes watch, and keep nothing.
(define (watch user)
  (make-weak-box (hash-table-ref sessions user)))

(begin-session! 'anna)
(define watched (watch 'anna))
(end-session! 'anna)
(collect)

(define (show . things)
  (for-each display things)
  (newline))

(show "the session has ended, and is still there: " (session? (weak-box-value watched)))
(why (weak-box-value watched))

(set! log '())
(show "without the log:")
(collect)
(show (if (session? (weak-box-value watched)) "it is still there" "it is gone"))
