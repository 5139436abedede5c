# SPDX-License-Identifier: MIT
# example/local.mk: a small language on libsmal, and its programs.
#
# make check runs example/run-programs.sh, which runs them all. The part of the
# language that is written in itself, prelude.scm, is built in as a string.

noinst_PROGRAMS += example/smile

example_smile_SOURCES = \
	example/vm.h \
	example/heap.h example/heap.c \
	example/error.c \
	example/port.c \
	example/read.c \
	example/number.c \
	example/list.c example/sequence.c \
	example/compile.h example/run.c example/call.c example/inline.c \
	example/compile.c example/syntax.c \
	example/measure.c \
	example/primitive.c \
	example/machine.c \
	example/repl.c \
	example/main.c
nodist_example_smile_SOURCES = example/prelude.inc
example_smile_CPPFLAGS = $(AM_CPPFLAGS) -Iexample $(EDIT_CFLAGS)
example_smile_LDADD = libsmal.la $(EDIT_LIBS) $(PTHREAD_LIBS) -lm
example_smile_LDFLAGS = -no-install

BUILT_SOURCES += example/prelude.inc
CLEANFILES += example/prelude.inc
example/prelude.inc: example/prelude.scm
	$(AM_V_GEN)$(MKDIR_P) example && \
	$(SED) -e 's/["\\]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' \
		$(srcdir)/example/prelude.scm >$@.tmp && mv $@.tmp $@

TESTS += example/run-programs.sh

EXTRA_DIST += \
	example/run-programs.sh \
	example/demo.sh \
	example/prelude.scm \
	example/programs
