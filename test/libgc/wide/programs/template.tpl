[= AutoGen5 template txt
# SPDX-License-Identifier: MIT
# template.tpl: every entry with what Scheme makes of it; lists that are dropped.
=]
[= (define kept (map number->string (iota 20000))) =]
[= FOR entry =]
[= (define (repeat n) (map (lambda (i) (string-append (get "name") ",")) (iota n)))
   (string-upcase (get "name")) =]
[= (apply + (map (lambda (n) (* n (string->number (get "number")))) (iota 3000))) =]
[= (length (string-split (apply string-append (repeat 500)) #\,)) =]
[= ENDFOR =]
[= (apply + (map string->number kept)) =]
