/* SPDX-License-Identifier: MIT */
/*
 * fault.h: the system's memory calls, counted, and made to fail on purpose.
 *
 * A program that uses this is linked with $(fault_ldflags) of test/local.mk:
 * mmap, munmap, mprotect, madvise and mremap of the library then come here first. What
 * the C library and the test framework map for themselves does not.
 *
 *     struct fault_sweep sweep = { .calls = FAULT_ALL };
 *
 *     while (fault_sweep_next(&sweep)) {
 *             ... get ready ...
 *             fault_sweep_begin(&sweep);
 *             ... the calls that may fail ...
 *             fault_end();
 *             ... what must hold all the same ...
 *     }
 *
 * runs the body with its first call failing, its second, and so on; then with
 * all calls from the first on, from the second on, and so on; each until a run
 * has no call left that fails.
 */
#ifndef SMAL_TEST_FAULT_H
#define SMAL_TEST_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Calls, as bits. Those of madvise that only hint (huge pages or none) are a
 * kind of their own: nobody counts their failures. */
enum fault_call {
	FAULT_MMAP = 1,
	FAULT_MUNMAP = 2,
	FAULT_MPROTECT = 4,
	FAULT_MADVISE = 8,
	FAULT_HINT = 16,
	FAULT_MREMAP = 32,
	FAULT_ALL = 63
};

/* From now on the nth call (from 1) fails, and with `on` every one after it;
 * errno is ENOMEM. The second form: of these kinds. */
void fault_begin(uint64_t nth, bool on);
void fault_begin_only(unsigned calls, uint64_t nth, bool on);
/* Nothing fails from now on. */
void fault_end(void);
/* Calls that might have failed between the two, or since the begin. */
uint64_t fault_count(void);

/* Calls of these kinds since the program began, and those made to fail. */
uint64_t fault_calls(unsigned calls);
uint64_t fault_failures(unsigned calls);

struct fault_sweep {
	/* The kinds that fail; the rest is the sweep's own. */
	unsigned calls;
	uint64_t nth, failures_before;
	bool on, begun;
};

bool fault_sweep_next(struct fault_sweep *sweep);
void fault_sweep_begin(struct fault_sweep *sweep);

#endif
