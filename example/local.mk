# SPDX-License-Identifier: MIT
# example/local.mk: a small language on libsmal, and its programs.
#
# make check runs example/run-programs.sh, which runs them all.

noinst_PROGRAMS += example/smile

example_smile_SOURCES = \
	example/value.h \
	example/heap.h example/heap.c \
	example/share.c \
	example/symbol.c \
	example/vm.h \
	example/error.c \
	example/primitive.c \
	example/number.c \
	example/list.c \
	example/sequence.c \
	example/port.c \
	example/read.c \
	example/run.c \
	example/call.c \
	example/inline.c \
	example/compile.h example/compile.c example/syntax.c \
	example/weak.c \
	example/guardian.c \
	example/thread.c \
	example/mutex.c \
	example/stack.h example/stack.c \
	example/fiber.c \
	example/explain.c \
	example/isolate.c \
	example/payload.h example/payload.c \
	example/bytevector.c \
	example/measure.c \
	example/machine.c \
	example/repl.c \
	example/main.c
example_smile_CPPFLAGS = $(AM_CPPFLAGS) $(EDIT_CFLAGS) -Iexample
example_smile_LDADD = libsmal.la $(EDIT_LIBS) $(PTHREAD_LIBS) -lm
example_smile_LDFLAGS = -no-install

# The part of the language that is written in the language, as a C string.
example/prelude.inc: example/prelude.scm
	$(AM_V_GEN)$(MKDIR_P) example && \
	$(SED) -e 's/["\\]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' $(srcdir)/example/prelude.scm >$@.tmp && \
	mv $@.tmp $@

example/smile-machine.$(OBJEXT): example/prelude.inc
CLEANFILES += example/prelude.inc

TESTS += example/run-programs.sh

EXTRA_DIST += \
	example/prelude.scm \
	example/run-programs.sh \
	example/demo.sh \
	example/programs
