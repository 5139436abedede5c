/* SPDX-License-Identifier: MIT */
/*
 * nomem.h: scenarios in which memory fails, each in a process of its own.
 *
 * A scenario is a function that gets ready, calls nomem_begin, works, calls
 * nomem_end, and looks at what is there. It is run with the first request for
 * memory refused, with the second, and so on until there is no such request;
 * then with the first and all that follow, the second and all that follow ...
 *
 * Requests are, by turns, the system's memory calls (test/fault.h) and what the
 * collector asks of the spaces below it. The program is linked with
 * $(nomem_ldflags) of test/local.mk.
 */
#ifndef SMAL_TEST_NOMEM_H
#define SMAL_TEST_NOMEM_H

#include "test/collector.h"

struct nomem_scenario {
	const char *name;
	void (*run)(void);
	/* SMAL_OPTIONS. */
	const char *options;
	/* Nobody ever sees a refusal, for what is called does without; or somebody must
	 * (but where the system refuses once: there may be another way). */
	enum { NOMEM_UNSEEN, NOMEM_SEEN } seen;
};

/* Who refuses. */
enum nomem_source { NOMEM_SYSTEM, NOMEM_LIBRARY };

/* The whole sweep of a scenario; fails a test of Check's. */
void nomem_sweep(const struct nomem_scenario *scenario, enum nomem_source source, bool persistent);

/* Adds the sweeps of a program's scenarios to a case, refused once and for good: the
 * first so many by the system, the first so many by the library. */
void nomem_add(TCase *tcase, const struct nomem_scenario *scenarios, int system, int library);

/* Sweeps them all, by each source: a program's main. */
int nomem_main(const char *name, const struct nomem_scenario *scenarios, int count);

/* Memory is refused from here, to there. */
void nomem_begin(void);
void nomem_end(void);

/* Refusals that were seen so far: an allocation that is refused has collected, so
 * that a thousand of them take long. */
unsigned nomem_failures(void);

/* Counts an error that must be none, or the lack of memory; true for the latter. */
bool nomem_failed(enum smal_error error);

/* The same of an object: NULL, and the thread knows why. */
bool nomem_failed_object(struct smal_thread *of, const void *object);

/* Calls make until it succeeds: twice, and then without refusals. */
void nomem_step(enum smal_error (*make)(void));

/* For that: the collector gc, with exact stacks; this thread's attachment to it. */
enum smal_error nomem_create(void);
enum smal_error nomem_attach(void);

/* A child has no runner to report to: it says what failed, and ends. */
#define DEMAND(condition)                                               \
	do {                                                            \
		if (__builtin_expect(!(condition), 0))                  \
			nomem_demanded(#condition, __FILE__, __LINE__); \
	} while (0)

_Noreturn void nomem_demanded(const char *condition, const char *file, int line);

#endif
