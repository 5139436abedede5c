# SPDX-License-Identifier: MIT
# makefile.mk: Scheme within make: what it is given, what it gives back, and what of make
# it asks for. Variable: rounds.
$(guile (define (tree depth) (if (= depth 0) '() (cons (tree (- depth 1)) (tree (- depth 1))))))
$(guile (define (nodes t) (if (null? t) 1 (+ 1 (nodes (car t)) (nodes (cdr t))))))
$(guile (define kept (tree 12)))
numbers := $(guile (iota 2000))
sum := 0
all: $(addprefix round-,$(wordlist 1,$(rounds),$(numbers)))
	@echo kept $(guile (nodes kept)) $(words $(numbers))
	@echo $(sort $(guile (map (lambda (n) (* n n)) (iota 10))))
	@echo $(guile (gmk-expand "$$(words $$(numbers))"))
round-%:
	@echo $* $(guile (+ $* (nodes (tree 13)))) $(guile (string-length (gmk-expand "$$(numbers)")))
