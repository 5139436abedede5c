;; A part that has become too short.
(define bytes (bytevector 1 2 3))
(bytevector-resize! bytes 2)
(write-line bytes)
(bytevector-u8-set! bytes 2
                    0)
