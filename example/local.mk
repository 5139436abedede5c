# SPDX-License-Identifier: MIT
# example/local.mk: a small language on libsmal, and its programs.
#
# make check runs example/run-programs.sh, which runs them all.

noinst_PROGRAMS += example/smile

example_smile_SOURCES = \
	example/value.h \
	example/heap.h example/heap.c \
	example/symbol.c \
	example/error.h example/error.c \
	example/port.h example/port.c \
	example/read.c \
	example/print.c \
	example/number.h example/number.c example/digits.c \
	example/list.h example/list.c example/vector.c \
	example/text.c \
	example/table.c \
	example/code.h example/run.c example/call.c example/inline.c \
	example/compile.h example/compile.c example/bind.c example/syntax.c example/record.c \
	example/measure.h example/measure.c \
	example/machine.h example/machine.c \
	example/repl.c \
	example/main.c
example_smile_CPPFLAGS = $(AM_CPPFLAGS) $(EDIT_CFLAGS)
example_smile_LDADD = libsmal.la $(EDIT_LIBS) $(PTHREAD_LIBS) -lm
example_smile_LDFLAGS = -no-install

TESTS += example/run-programs.sh

EXTRA_DIST += \
	example/run-programs.sh \
	example/demo.sh \
	example/programs
