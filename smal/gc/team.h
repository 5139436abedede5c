/* SPDX-License-Identifier: MIT */
/*
 * team.h: several markers that mark one heap.
 *
 * The collecting thread marks alone, without atomic operations, until it has marked
 * for a while and has enough queued for others; then the crew is called (crew.h). A
 * marker that has run out is hungry: it counts itself, and waits. One that has more
 * than a little looks at the count now and then and, if it is not 0, hands over the
 * older half of its queue, which leads to the most. When all but the collecting
 * thread are hungry and it has little to do, it goes on alone; the others wait.
 *
 * An atomic operation would wait for all loads under way. So the collecting thread sets
 * the heap's masks by plain stores, and a helper a mask of its own, of the marker's view;
 * a member looks at both, and where two find an object at the same time both scan it.
 * Before the collecting thread goes on alone it takes over what the helpers' mask has.
 * Bits are set by atomic operations where there are several helpers, in their mask, and
 * outside of the view, in the heap's.
 *
 * Invariants, with the lock held:
 *   T1  a member's queue is its own; what is handed over lies in a chunk, or is the
 *       range of roots, and nowhere else
 *   T2  the hungry have empty queues and rings
 *   T3  while all others are hungry and there are no chunks and no range, the
 *       collecting thread marks alone: nobody else looks at a mask
 *   T4  while it does, the helpers' mask is clear
 */
#ifndef SMAL_GC_TEAM_H
#define SMAL_GC_TEAM_H

#include <smal/gc/mark.h>

enum { SMAL_CHUNKS = 32, SMAL_CHUNK_WORDS = 512 };

struct smal_handover {
	size_t count;
	uintptr_t words[SMAL_CHUNK_WORDS];
};

/* What a team has for its queues: in words, for each helper; its chunks; and the helpers'
 * mask, for so many ids, with a word for each: it has marks of theirs. */
struct smal_team_room {
	uintptr_t *queues;
	size_t queue_words;
	struct smal_handover *chunks;
	smal_word *masks;
	uint32_t *touched;
	size_t mask_ids;
	unsigned helpers;
};

struct smal_team {
	struct smal_os_lock lock;
	/* The collecting thread's; what the others' are made from. */
	struct smal_marker *marker, model;
	struct smal_team_room room;
	/* Members that wait, and all of them, the collecting thread included. */
	volatile uint32_t hungry, members;
	/* Changes when there is something for who waits; how many sleep. */
	volatile uint32_t news, sleepers;
	unsigned chunk_count;
	/* Roots that are left to scan. */
	uintptr_t base, limit;
	/* Words with which a marker asks for help, or gives; bytes of a range that is
	 * shared, and of a piece of it. */
	size_t ask_words, least_words, range_bytes, piece_bytes;
	bool called, done, overflowed;
};

/* Makes a team of a marker and of nobody else yet. */
void smal_team_init(struct smal_team *team, struct smal_marker *marker,
                    const struct smal_team_room *room);

/* Sends the helpers home. Everything is marked. */
void smal_team_fini(struct smal_team *team);

/* Marks what the marker has queued, with the others, until nobody has anything left,
 * or until it had better go on alone. */
void smal_team_mark(struct smal_marker *marker);

/* Marks a range of roots, if it is so long that it pays; or returns false. */
bool smal_team_mark_range(struct smal_marker *marker, uintptr_t base, uintptr_t limit);

/* What a marker has to do now and then: alone, returns true if others can help with
 * so many words in its queue, and calls them the first time, but while somebody is to
 * be told of each object, which is not for several threads; as one of a team, helps
 * who is hungry, and returns false if it is to stop. */
bool smal_team_can_help(struct smal_marker *marker, size_t words);
bool smal_team_look(struct smal_marker *marker, size_t words);

static inline void smal_team_lock(struct smal_team *team)
{
	smal_os_lock_take(&team->lock);
}

static inline void smal_team_unlock(struct smal_team *team)
{
	smal_os_lock_give(&team->lock);
}

#endif
