/* SPDX-License-Identifier: MIT */
/*
 * lock.c: simulated locks: a wheel of lists, one for each operation to come.
 *
 * A block stands in one list at most. A lock that was made longer stays in its old
 * list until that time comes, and then goes to the new one; one that has ended early,
 * because the block is gone, is dropped then. So a use costs a few instructions, and
 * an operation as much for each lock that ends with it.
 */
#include "replay.h"

/* Behind the last of a list, for 0 is in no list. */
#define LIST_END UINT32_MAX

enum lock_mode lock_mode;
uint32_t lock_now, lock_lists[LOCK_TIMES];

static uint32_t keep;

void lock_open(void)
{
	const char *word = measure_word("locks", "use");

	keep = (uint32_t)measure_number("keep", 64);
	if (keep < 1 || keep > LOCK_TIMES - 2)
		measure_fail("keep out of range");
	if (!strcmp(word, "use"))
		lock_mode = LOCK_USE;
	else if (!strcmp(word, "long"))
		lock_mode = LOCK_LONG;
	else if (!strcmp(word, "score"))
		lock_mode = LOCK_SCORE;
	else
		measure_fail("locks is none of use, long, score");
}

/* When a lock ends of a block that has just been used. A score of s lasts 2 s
 * operations, as long as no other is the block's own. */
static uint32_t lock_ends(uint32_t unlock_at)
{
	uint32_t latest = lock_now + LOCK_TIMES - 2;

	if (lock_mode == LOCK_LONG)
		return lock_now + keep;
	unlock_at = (unlock_at > lock_now ? unlock_at : lock_now) + 2;
	return unlock_at < latest ? unlock_at : latest;
}

static void list_push(uint32_t id)
{
	uint32_t *list = &lock_lists[entries[id].unlock_at % LOCK_TIMES];

	entries[id].next = *list ? *list : LIST_END;
	*list = id + 1;
}

void lock_queue(uint32_t id)
{
	struct entry *entry = &entries[id];
	uint32_t old = entry->unlock_at;

	entry->unlock_at = lock_ends(old);
	if (old)
		shim_unlock(entry->name);
	if (!entry->next)
		list_push(id);
}

void lock_drain(void)
{
	uint32_t *list = &lock_lists[lock_now % LOCK_TIMES], at = *list;

	*list = 0;
	while (at && at != LIST_END) {
		struct entry *entry = &entries[at - 1];
		uint32_t id = at - 1;

		at = entry->next;
		entry->next = 0;
		if (entry->unlock_at > lock_now)
			list_push(id);
		else
			lock_end(id);
	}
}
