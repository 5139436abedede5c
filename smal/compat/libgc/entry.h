/* SPDX-License-Identifier: MIT */
/*
 * entry.h: what is known of each finalizer, from its registration until it has run.
 *
 *   blocks -->  [ entry entry entry ... ] --> [ entry - entry ... ] --> ...
 *
 * Entries lie side by side, nearly in the order of registration, which is nearly that of
 * their objects' allocation: a collection walks all of them, three times, and then both
 * they and the marks that it asks for come in the order of memory. An entry stays where it
 * is. All functions with the lock, or in a collection.
 */
#ifndef SMAL_COMPAT_LIBGC_ENTRY_H
#define SMAL_COMPAT_LIBGC_ENTRY_H

#include <smal/compat/libgc/libgc.h>

enum bdw_order { BDW_NORMAL_ORDER, BDW_IGNORE_SELF, BDW_NO_ORDER, BDW_UNREACHABLE };

enum bdw_state { BDW_FREE, BDW_REGISTERED, BDW_DUE };

enum { BDW_BLOCK_ENTRIES = 84 };

struct bdw_entry {
	/* In its chain; of what is due; of what is free. */
	struct bdw_entry *next;
	/* As the program has it, with its tag, and where it begins. */
	uintptr_t object, base;
	bdw_finalizer *function;
	void *data;
	uint8_t order, state;
	/* Its index in the block. */
	uint16_t place;
};

/* At most a page. */
struct bdw_block {
	struct bdw_block *next, *next_with_room;
	struct bdw_entry *free;
	unsigned begun, used;
	struct bdw_entry entries[BDW_BLOCK_ENTRIES];
};

extern struct bdw_block *bdw_blocks;

/* Of all blocks the entries that are `wanted`, which may be given, and may change their
 * state; one that is made meanwhile may be among them or not. */
#define BDW_EACH_ENTRY(entry, wanted)                                                      \
	for (struct bdw_block *block_ = bdw_blocks; block_ != NULL; block_ = block_->next) \
		for (struct bdw_entry *entry = block_->entries,                            \
		                      *limit_ = block_->entries + block_->begun;           \
		     entry < limit_; entry++)                                              \
			if (entry->state == (wanted))

/* A free one, or NULL: no memory. */
struct bdw_entry *bdw_entry_take(void);
void bdw_entry_give(struct bdw_entry *entry);

/* Gives back blocks in which nothing is used, but for one. Not within a walk. */
void bdw_entries_trim(void);

#endif
