; SPDX-License-Identifier: MIT
; guardians.scm: what has died comes out of its guardians: whole, once from each
; guardian that it was given to, and with all that it refers to. Collects until
; nearly all have come; old words on a stack may keep a few.
(define bench? (equal? (cadr (command-line)) "bench"))
(define objects (if bench? 60000 6000))
(define rounds (if bench? 6 2))

(define (make-object i)
  (vector 'object i (list i (* i i) (number->string i))))

(define (whole? object)
  (and (vector? object)
       (eq? 'object (vector-ref object 0))
       (equal? (vector-ref object 2)
               (let ((i (vector-ref object 1)))
                 (list i (* i i) (number->string i))))))

; Every fifth object is held, and must not come.
(define (make-all guardians)
  (let loop ((i 0) (held '()))
    (if (= i objects)
        held
        (let ((object (make-object i)))
          (for-each (lambda (guardian) (guardian object)) guardians)
          (loop (+ i 1) (if (= 0 (modulo i 5)) (cons object held) held))))))

; Takes what has come; true if each of them was whole, had died and was the first.
(define (take-all guardian seen)
  (let loop ((right #t))
    (let ((object (guardian)))
      (if object
          (let* ((i (and (whole? object) (vector-ref object 1)))
                 (fresh (and i (not (= 0 (modulo i 5))) (= 0 (array-ref seen i)))))
            (when fresh
              (array-set! seen 1 i))
            (loop (and right fresh)))
          right))))

(define (count-of seen)
  (let loop ((i 0) (count 0))
    (if (= i objects) count (loop (+ i 1) (+ count (array-ref seen i))))))

; Allocates in between, so that old words on the stack go.
(define (litter n)
  (if (= n 0) 0 (+ 1 (litter (- n 1)))))

(define (drain guardian)
  (let ((seen (make-typed-array 'u8 0 objects))
        (dead (- objects (quotient (+ objects 4) 5))))
    (let loop ((tries 0) (right #t))
      (litter 1000)
      (gc)
      (let ((right (and (take-all guardian seen) right))
            (count (count-of seen)))
        (cond ((not right) 'wrong)
              ((> count dead) 'too-many)
              ((>= count (- dead (quotient dead 20))) 'nearly-all)
              ((= tries 1000) (list 'only count))
              (else (usleep (if (< tries 10) 0 2000)) (loop (+ tries 1) right)))))))

; Hooks run after each collection. They run in the thread that collected, and Guile's
; thread of finalizers has none to run them; so this comes before there is that thread.
(define hooked 0)
(add-hook! after-gc-hook (lambda () (set! hooked (+ hooked 1))))
(define (wait-hook tries)
  (gc)
  (or (> hooked 0)
      (and (< tries 1000)
           (begin (usleep (if (< tries 10) 0 2000))
                  (litter 1000)
                  (wait-hook (+ tries 1))))))
(format #t "hook: ~a\n" (wait-hook 0))

(do ((round 0 (+ round 1)))
    ((= round rounds))
  (let* ((one (make-guardian))
         (other (make-guardian))
         (held (make-all (list one other))))
    (format #t "round ~a: from one ~a, from the other ~a\n" round (drain one) (drain other))
    (format #t "held: ~a, whole ~a\n" (length held) (and-map whole? held))))

; An object that is guarded again each time it comes: it comes again.
(define immortal (make-guardian))
(for-each (lambda (i) (immortal (make-object i))) (iota 100))
(define (reborn tries came)
  (litter 100)
  (gc)
  (let loop ((came came))
    (let ((object (immortal)))
      (cond ((not object)
             (cond ((>= came 150) 'it-comes-again)
                   ((= tries 1000) (list 'only came))
                   (else (usleep (if (< tries 10) 0 2000)) (reborn (+ tries 1) came))))
            ((not (whole? object)) 'wrong)
            (else (immortal object) (loop (+ came 1)))))))
(format #t "guarded again: ~a\n" (reborn 0 0))
