/* SPDX-License-Identifier: MIT */
/*
 * entry.c: blocks of entries (entry.h). Of those with room, the one that got some last
 * comes first; after a collection, in the order in which they were made.
 */
#include <smal/compat/libgc/entry.h>

_Static_assert(sizeof(struct bdw_block) <= 4096, "a block is no page");

struct bdw_block *bdw_blocks;
static struct bdw_block **blocks_end = &bdw_blocks, *with_room;

static struct bdw_block *add_block(void)
{
	struct bdw_block *block = bdw_take(sizeof *block);

	if (block == NULL)
		return NULL;
	*blocks_end = block;
	blocks_end = &block->next;
	block->next_with_room = with_room;
	with_room = block;
	return block;
}

struct bdw_entry *bdw_entry_take(void)
{
	struct bdw_block *block = with_room != NULL ? with_room : add_block();
	struct bdw_entry *entry;

	if (block == NULL)
		return NULL;
	entry = block->free;
	if (entry != NULL) {
		block->free = entry->next;
	} else {
		entry = &block->entries[block->begun];
		entry->place = (uint16_t)block->begun++;
	}
	if (++block->used == BDW_BLOCK_ENTRIES)
		with_room = block->next_with_room;
	return entry;
}

void bdw_entry_give(struct bdw_entry *entry)
{
	struct bdw_entry *entries = entry - entry->place;
	struct bdw_block *block = (void *)((char *)entries - offsetof(struct bdw_block, entries));

	entry->state = BDW_FREE;
	entry->next = block->free;
	block->free = entry;
	if (block->used-- < BDW_BLOCK_ENTRIES)
		return;
	block->next_with_room = with_room;
	with_room = block;
}

void bdw_entries_trim(void)
{
	struct bdw_block **at = &bdw_blocks, **at_room = &with_room, *block;

	while ((block = *at) != NULL) {
		if (block->used == 0 && block != bdw_blocks) {
			*at = block->next;
			bdw_give(block);
			continue;
		}
		if (block->used < BDW_BLOCK_ENTRIES) {
			*at_room = block;
			at_room = &block->next_with_room;
		}
		at = &block->next;
	}
	*at_room = NULL;
	blocks_end = at;
}
