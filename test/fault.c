/* SPDX-License-Identifier: MIT */
/*
 * fault.c: counting the system's memory calls and making them fail (fault.h).
 *
 * The counters are atomic, so that any thread may call; faults begin and end
 * while one thread runs.
 */
#include "test/fault.h"

#include <smal/base/atomic.h>

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/types.h>

void *__real_mmap(void *base, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void *base, size_t bytes);
int __real_mprotect(void *base, size_t bytes, int protection);
int __real_madvise(void *base, size_t bytes, int advice);
void *__real_mremap(void *base, size_t bytes, size_t new_bytes, int flags, ...);

void *__wrap_mmap(void *base, size_t bytes, int protection, int flags, int file, off_t offset);
int __wrap_munmap(void *base, size_t bytes);
int __wrap_mprotect(void *base, size_t bytes, int protection);
int __wrap_madvise(void *base, size_t bytes, int advice);
void *__wrap_mremap(void *base, size_t bytes, size_t new_bytes, int flags, ...);

enum { KINDS = 6 };

static volatile AO_t called[KINDS], failed[KINDS];

/* The fault at hand: kinds (0: none), calls of these kinds until it comes. */
static unsigned fault_kinds;
static volatile AO_t calls_seen;
static uint64_t fault_nth;
static bool fault_on;

void fault_begin(uint64_t nth, bool on)
{
	fault_begin_only(FAULT_ALL, nth, on);
}

void fault_begin_only(unsigned calls, uint64_t nth, bool on)
{
	fault_nth = nth;
	fault_on = on;
	smal_atomic_store(&calls_seen, 0);
	fault_kinds = calls;
}

void fault_end(void)
{
	fault_kinds = 0;
}

uint64_t fault_count(void)
{
	return smal_atomic_load(&calls_seen);
}

static uint64_t sum(const volatile AO_t *counters, unsigned calls)
{
	uint64_t total = 0;

	for (unsigned kind = 0; kind < KINDS; kind++)
		if (calls >> kind & 1)
			total += smal_atomic_load(&counters[kind]);
	return total;
}

uint64_t fault_calls(unsigned calls)
{
	return sum(called, calls);
}

uint64_t fault_failures(unsigned calls)
{
	return sum(failed, calls);
}

/* Counts a call; true if it is to fail. */
static bool fails(enum fault_call call)
{
	unsigned kind = (unsigned)__builtin_ctz(call);
	uint64_t n;

	smal_atomic_add(&called[kind], 1);
	if ((fault_kinds & call) == 0)
		return false;
	n = smal_atomic_add(&calls_seen, 1) + 1;
	if (n != fault_nth && !(fault_on && n > fault_nth))
		return false;
	smal_atomic_add(&failed[kind], 1);
	errno = ENOMEM;
	return true;
}

void *__wrap_mmap(void *base, size_t bytes, int protection, int flags, int file, off_t offset)
{
	return fails(FAULT_MMAP) ? MAP_FAILED
	                         : __real_mmap(base, bytes, protection, flags, file, offset);
}

int __wrap_munmap(void *base, size_t bytes)
{
	return fails(FAULT_MUNMAP) ? -1 : __real_munmap(base, bytes);
}

int __wrap_mprotect(void *base, size_t bytes, int protection)
{
	return fails(FAULT_MPROTECT) ? -1 : __real_mprotect(base, bytes, protection);
}

int __wrap_madvise(void *base, size_t bytes, int advice)
{
#ifdef MADV_HUGEPAGE
	bool hint = advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE;
#else
	bool hint = false;
#endif

	return fails(hint ? FAULT_HINT : FAULT_MADVISE) ? -1 : __real_madvise(base, bytes, advice);
}

/* The library always says where to. */
void *__wrap_mremap(void *base, size_t bytes, size_t new_bytes, int flags, ...)
{
	va_list arguments;
	void *to;

	va_start(arguments, flags);
	to = va_arg(arguments, void *);
	va_end(arguments);
	return fails(FAULT_MREMAP) ? MAP_FAILED
	                           : __real_mremap(base, bytes, new_bytes, flags, to);
}

bool fault_sweep_next(struct fault_sweep *sweep)
{
	bool met = fault_failures(sweep->calls) != sweep->failures_before;

	fault_end();
	if (sweep->begun && !met) {
		if (sweep->on)
			return false;
		sweep->on = true;
		sweep->nth = 0;
	}
	sweep->nth++;
	return true;
}

void fault_sweep_begin(struct fault_sweep *sweep)
{
	sweep->begun = true;
	sweep->failures_before = fault_failures(sweep->calls);
	fault_begin_only(sweep->calls, sweep->nth, sweep->on);
}
