/* SPDX-License-Identifier: MIT */
/*
 * refuse.h: what libgc.so.1 asks of the system, counted, and refused on purpose.
 *
 * A program that has refuse.c in it has functions of the C library's names, which the
 * loader gives to the collector too: it is tested as it is installed. Calls of the
 * program itself, of the C library and of Check go through.
 *
 * A scenario is a function that gets ready, calls refuse_begin, works, calls refuse_end,
 * and looks at what is there. It runs in a process of its own, each time with another
 * call refused:
 *
 *     once   the first call of all, the second, and so on, until there is none
 *     on     the first and all that follow, of every sort; the second and all that follow
 *     sort   the same, of each sort alone, where the others succeed; of seldom ones, once too
 *
 * What fails ends the process, which says where; one that hangs is ended.
 */
#ifndef TEST_LIBGC_REFUSE_H
#define TEST_LIBGC_REFUSE_H

#include "test/libgc/abi.h"

/* Sorts of calls, as bits: mmap and mremap; mprotect; madvise; munmap; threads; the
 * barrier of all threads; files; what threads are set up with; and what a process is set
 * up with, which the collector asks for once. */
enum {
	REFUSE_MAP = 1,
	REFUSE_PROTECT = 2,
	REFUSE_ADVISE = 4,
	REFUSE_UNMAP = 8,
	REFUSE_THREAD = 16,
	REFUSE_BARRIER = 32,
	REFUSE_FILE = 64,
	REFUSE_STATE = 128,
	REFUSE_ALL = 255,
	REFUSE_ONCE = 256,
	REFUSE_SORTS = 9,
	/* Those of which each is refused alone, among many others. */
	REFUSE_SELDOM = REFUSE_THREAD | REFUSE_BARRIER | REFUSE_FILE | REFUSE_STATE
};

struct refuse_scenario {
	const char *name;
	void (*run)(void);
	/* SMAL_OPTIONS. */
	const char *options;
	/* What may be refused to the system's libgc, which ends the process where others
	 * are; 0: it runs the scenario without refusals. */
	unsigned stock;
	/* What may be refused to ours; and of this, what without an out-of-memory function
	 * ever being called. */
	unsigned ours, unseen;
};

/* Sweeps them all, each a test of Check's: a program's main. */
int refuse_main(const char *name, const struct refuse_scenario *scenarios, int count);

/* Calls are refused from here, to there. */
void refuse_begin(void);
void refuse_end(void);

/* Initialises the collector, with an out-of-memory function that notes that the calling
 * thread was told. Ours has no cause for warnings. */
void refuse_init(void);

/* Failures that the program has seen so far: each collects before, so that thousands of
 * them take long. */
unsigned refuse_failures(void);

/* After each call: true if it has failed. One that has has told it, just now and
 * in this thread, and one that has not has told nothing; and nothing fails any more after
 * refuse_end. */
bool refuse_failed(bool failed);
/* The same of a call without a result: what was told is all that there is. */
bool refuse_told(void);
/* The same of an object of so many bytes; returns it. */
void *refuse_got(void *object, size_t bytes);
/* The same where an error number says it alone. */
bool refuse_error(bool failed);

/* A child has no runner to report to: it says what failed, and ends. */
#define DEMAND(condition)                                                \
	do {                                                             \
		if (__builtin_expect(!(condition), 0))                   \
			refuse_demanded(#condition, __FILE__, __LINE__); \
	} while (0)

_Noreturn void refuse_demanded(const char *condition, const char *file, int line);

#endif
