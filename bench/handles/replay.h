/* SPDX-License-Identifier: MIT */
/*
 * replay.h: the parts of a replay: the blocks and their locks, and what is measured
 * at every hundredth of the trace.
 */
#ifndef BENCH_HANDLES_REPLAY_H
#define BENCH_HANDLES_REPLAY_H

#include "trace.h"
#include "work.h"

/** A block, by its id; a name of 0 is none. */
struct entry {
	shim_name name;
	/* As asked for. */
	uint32_t bytes;
	/* lock.c: the operation at which the lock ends, 0 if there is none; the next
	 * block of the list that it stands in, 0 if in none. */
	uint32_t unlock_at, next;
};

extern struct entry *entries;

/**
 * lock.c: how long a block stays locked that was used:
 *
 *   use    while it is used
 *   long   and during the next so many operations
 *   score  as long as its score is positive: an operation of its own adds one, each
 *          other operation takes a half off
 *
 * lock_open reads the arguments locks= and keep=. lock_take returns the address;
 * lock_give is called when the use ends, lock_step before each operation, lock_end
 * before a block is freed or resized, whether it is locked or not. That a lock has
 * to be ended later is remembered for malloc as well, which has none to end.
 */
enum lock_mode { LOCK_USE, LOCK_LONG, LOCK_SCORE };
extern enum lock_mode lock_mode;

void lock_open(void);
void lock_queue(uint32_t id);
void lock_drain(void);

/** Operations so far, and blocks (their ids and one) whose lock may end at a time. */
enum { LOCK_TIMES = 1024 };
extern uint32_t lock_now, lock_lists[LOCK_TIMES];

static inline unsigned char *lock_take(uint32_t id)
{
	return shim_lock(entries[id].name);
}

static inline void lock_give(uint32_t id)
{
	if (lock_mode == LOCK_USE)
		shim_unlock(entries[id].name);
	else
		lock_queue(id);
}

static inline void lock_end(uint32_t id)
{
	struct entry *entry = &entries[id];

	if (entry->unlock_at) {
		entry->unlock_at = 0;
		shim_unlock(entry->name);
	}
}

static inline void lock_step(void)
{
	lock_now++;
	if (lock_mode != LOCK_USE && lock_lists[lock_now % LOCK_TIMES])
		lock_drain();
}

/**
 * points.c: what is measured at each hundredth of a trace, in percent of what the
 * budget has beyond the live blocks:
 *
 *   resident   budget less memory that is resident: all that malloc can be asked
 *   before     longest block that could be allocated, by smal_handle_get_stats
 *   after      the same after the slice of compaction that follows
 *
 * Where a figure is unknown it is below 0; where nothing is left it is 0. A point's
 * line is written to the file of the argument points=, if there is one.
 */
void points_open(uint64_t budget_bytes);
void points_before(uint64_t live_bytes);
void points_after(unsigned percent, uint64_t live_bytes, uint64_t resident);

/** Writes means over the points, and ends. */
void points_report(void);

#endif
