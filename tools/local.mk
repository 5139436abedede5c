# SPDX-License-Identifier: MIT
# tools/local.mk: scripts that look at the tree. Each lint takes the top of the
# tree as its argument; lint-selftest.sh shows each rule a tree that breaks it.

lints = \
	tools/lint-floors.sh \
	tools/lint-headers.sh \
	tools/lint-exports.sh \
	tools/lint-man.sh \
	tools/lint-selftest.sh

TESTS += $(lints) tools/man-examples.sh
EXTRA_DIST += $(lints) \
	tools/check-all.sh \
	tools/check-models.sh \
	tools/check-summary.sh \
	tools/header-names.sh \
	tools/man-examples.sh \
	tools/man-names.sh \
	tools/mutants-handles.txt \
	tools/mutate-handles.sh
