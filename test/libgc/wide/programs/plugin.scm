;; SPDX-License-Identifier: MIT
;; plugin.scm: a script in WeeChat: hooks, closures, buffers, lists, a table.
(weechat:register "plugin" "smal" "1" "MIT" "a test" "" "")
(define out (open-output-file (getenv "SCRIPT_OUTPUT")))
(define table (make-hash-table))
(define (fill n)
  (for-each (lambda (i) (hash-set! table (number->string (modulo (* i 7919) 9973)) (list i i)))
            (iota n)))
(define (command data buffer arguments)
  (fill 20000)
  (write (list arguments (hash-count (const #t) table)) out)
  (newline out)
  weechat:WEECHAT_RC_OK)
(weechat:hook_command "fill" "" "" "" "" "command" "")
(for-each
 (lambda (i)
   (weechat:command "" (string-append "/fill " (number->string i)))
   (write (weechat:string_remove_color (weechat:string_eval_expression
            (string-append "${calc:" (number->string i) "*7}") '() '() '()) "") out)
   (newline out))
 (iota 10))
(write (hash-fold (lambda (key value sum) (+ sum (string->number key) (car value))) 0 table) out)
(newline out)
(force-output out)
