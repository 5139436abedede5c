;; SPDX-License-Identifier: MIT
;; A text adventure that plays itself: its commands are a script, its world is
;; a hash table, and everything it says is built from strings.
;; Argument: how many times to play; the last game is shown.
;; small: 3

(define games
  (if (pair? (cdr (command-line)))
      (string->number (cadr (command-line)))
      1500))

(define-record-type room
  (make-room name text exits things)
  room?
  (name room-name)
  (text room-text)
  (exits room-exits)
  (things room-things set-room-things!))

(define-record-type game
  (make-game rooms place carried score moves transcript)
  game?
  (rooms game-rooms)
  (place game-place set-game-place!)
  (carried game-carried set-game-carried!)
  (score game-score set-game-score!)
  (moves game-moves set-game-moves!)
  (transcript game-transcript))

(define (make-world)
  (let ((rooms (make-eq-hash-table)))
    (for-each
     (lambda (room) (hash-table-set! rooms (room-name room) room))
     (list
      (make-room 'heap "a wide heap of boxes, some marked, most not"
                 '((north . stack) (east . queue)) '(lamp))
      (make-room 'stack "a tall stack that creaks when you look up"
                 '((south . heap) (up . roots)) '(key bottle))
      (make-room 'queue "a queue of old men with brooms who wait for work"
                 '((west . heap) (down . cellar)) '(broom))
      (make-room 'roots "the roots of everything; nothing here is ever lost"
                 '((down . stack)) '(acorn))
      (make-room 'cellar "a cellar full of holes of equal size"
                 '((up . queue) (north . vault)) '())
      (make-room 'vault "a vault without doors, and a chest without a key"
                 '((south . cellar)) '(chest))))
    rooms))

(define (new-game)
  (make-game (make-world) 'heap '() 0 0 (open-output-string)))

;; Text.

(define (join texts between)
  (cond ((null? texts) "")
        ((null? (cdr texts)) (car texts))
        (else (string-append (car texts) between (join (cdr texts) between)))))

(define (name thing) (symbol->string thing))

(define (with-article thing)
  (string-append
   (if (memv (string-ref (name thing) 0) '(#\a #\e #\i #\o #\u)) "an " "a ")
   (name thing)))

(define (listing things)
  (cond ((null? things) "nothing")
        ((null? (cdr things)) (with-article (car things)))
        (else
         (let ((reversed (reverse (map with-article things))))
           (string-append (join (reverse (cdr reversed)) ", ")
                          " and " (car reversed))))))

(define (capital text)
  (let ((copy (string-copy text)))
    (string-set! copy 0 (char-upcase (string-ref copy 0)))
    copy))

(define (split-words text)
  (let loop ((start 0) (words '()))
    (let ((space (string-search text " " start)))
      (if space
          (loop (+ space 1) (cons (substring text start space) words))
          (map string->symbol
               (reverse (cons (substring text start (string-length text)) words)))))))

(define (fold-lines text width)
  (let loop ((words (map name (split-words text))) (line "") (lines '()))
    (cond ((null? words)
           (join (reverse (cons line lines)) "\n"))
          ((string=? line "")
           (loop (cdr words) (car words) lines))
          ((> (+ (string-length line) 1 (string-length (car words))) width)
           (loop words "" (cons line lines)))
          (else
           (loop (cdr words) (string-append line " " (car words)) lines)))))

(define (say game . texts)
  (let ((port (game-transcript game)))
    (write-string (fold-lines (apply string-append texts) 60) port)
    (write-string "\n" port)))

;; Rules.

(define (here game)
  (hash-table-ref (game-rooms game) (game-place game)))

(define (score! game points)
  (set-game-score! game (+ (game-score game) points)))

(define (remove thing things)
  (filter (lambda (other) (not (eq? other thing))) things))

(define (look game)
  (let ((room (here game)))
    (say game "You are in " (room-text room) ". You see "
         (listing (room-things room)) ". Ways lead "
         (join (map (lambda (exit) (name (car exit))) (room-exits room)) ", ")
         ".")))

(define (go game direction)
  (let ((exit (assq direction (room-exits (here game)))))
    (cond ((not exit)
           (say game "There is no way " (name direction) "."))
          ((and (eq? (cdr exit) 'cellar) (not (memq 'lamp (game-carried game))))
           (say game "It is dark down there. You might fall into a hole."))
          (else
           (set-game-place! game (cdr exit))
           (look game)))))

(define (take game thing)
  (let ((room (here game)))
    (if (memq thing (room-things room))
        (begin
          (set-room-things! room (remove thing (room-things room)))
          (set-game-carried! game (cons thing (game-carried game)))
          (score! game 5)
          (say game "You take the " (name thing) "."))
        (say game "There is no " (name thing) " here."))))

(define (drop game thing)
  (if (memq thing (game-carried game))
      (let ((room (here game)))
        (set-game-carried! game (remove thing (game-carried game)))
        (set-room-things! room (cons thing (room-things room)))
        (say game "You drop the " (name thing) ". Nobody refers to it any more."))
      (say game "You have no " (name thing) ".")))

(define (open game thing)
  (cond ((not (eq? thing 'chest))
         (say game "You can't open " (with-article thing) "."))
        ((not (memq 'chest (room-things (here game))))
         (say game "There is no chest here."))
        ((memq 'key (game-carried game))
         (score! game 50)
         (set-room-things! (here game) '(treasure))
         (say game "The key fits. In the chest lies a treasure: a mask with one "
              "bit for everything that is alive."))
        (else
         (say game "It is locked."))))

(define (obey game command)
  (set-game-moves! game (+ 1 (game-moves game)))
  (let ((port (game-transcript game)))
    (write-string (string-append "\n> " command "\n") port))
  (let* ((words (split-words command))
         (verb (car words))
         (object (if (pair? (cdr words)) (cadr words) 'it)))
    (case verb
      ((look) (look game))
      ((go) (go game object))
      ((take) (take game object))
      ((drop) (drop game object))
      ((open) (open game object))
      ((inventory)
       (say game (capital (string-append "you carry " (listing (game-carried game)) "."))))
      (else
       (say game "You don't know how to " (name verb) ".")))))

(define script
  '("look" "go east" "go down" "take broom" "go west" "take lamp" "take key"
    "go north" "take key" "take bottle" "go up" "take acorn" "inventory"
    "dance" "go down" "drop bottle" "look" "go south" "go east" "go down"
    "open lamp" "go north" "open chest" "take treasure" "inventory" "go west"))

(define (play)
  (let ((game (new-game)))
    (for-each (lambda (command) (obey game command)) script)
    (say game "\nAfter " (number->string (game-moves game)) " moves you have "
         (number->string (game-score game)) " points.")
    (get-output-string (game-transcript game))))

(let loop ((i 1) (length 0))
  (let* ((text (play))
         (length (+ length (string-length text))))
    (if (< i games)
        (loop (+ i 1) length)
        (begin
          (display text)
          (display (quotient length games))
          (display " characters")
          (newline)))))
