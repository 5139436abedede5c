/* SPDX-License-Identifier: MIT */
/*
 * handle.h: blocks that move, and the table that is the list of them.
 *
 *   blocks  | A | hole | B | C |   hole   | D |  never used ...
 *           0                                 top                limit   (granules)
 *
 *   table   entry = { place, control, next }, 12 bytes; a handle is an entry's number
 *           and its generation
 *
 *           A -> hole -> B -> C -> hole -> D       in the order of their places
 *
 *   pages   the first node that begins in each 4 KiB, or 0
 *
 * Every granule (16 bytes) from 0 to top belongs to exactly one node: an entry that is
 * on the list, as a block or as a hole. So a node's size is where the next one begins
 * minus where it begins itself; nothing is kept at the blocks, nothing is sorted, and
 * a walk can stop at any node. A block that is freed becomes a hole where it stands;
 * an allocation of the same size makes the hole a block again, with the same entry:
 * neither touches the list. Holes beside each other are put together when that is
 * worth a walk (fold), or when a compaction comes by.
 *
 * Holes of a size are a stack whose links stand in the holes themselves, for speed;
 * they are hints: what comes off a stack counts only if its entry says that it is a
 * hole of that size that was put there. A program that writes into what it has freed
 * loses the rest of a stack until the next fold, and nothing else.
 *
 * In a caller's buffer the blocks grow up and the table grows down, until they meet.
 * In the system's memory each has addresses of its own, and blocks of 256 KiB and more
 * are blocks of a heap (heap.h), outside of all this: their entries are on no list.
 *
 * Locks. The heap's lock is for the list, the holes, the table's size and the counts.
 * Locking and unlocking a block is one compare-and-swap of its control word, which
 * also says whether it is being moved; its place is stable while it is locked.
 * A process that never had a second thread does without both.
 *
 * Invariants:
 *   M1  the nodes tile [0, top): first begins at 0, each next one begins later
 *   M2  a node is a block or a hole; an entry on no list is spare, purged or large
 *   M3  page p's word is the first node that begins in it, 0 if none does
 *   M4  the granules of the holes are counted, and the large blocks; no block has more
 *       slack than its last granule
 *   M5  spare entries are a list of spare_count; an entry's MOVING is clear but while
 *       the heap's lock is held
 */
#ifndef SMAL_HANDLE_HANDLE_H
#define SMAL_HANDLE_HANDLE_H

#include <smal/handle.h>
#include <smal/heap.h>
#include <smal/base/atomic.h>
#include <smal/base/list.h>
#include <smal/heap/fork_lock.h>
#include <smal/space/provider.h>

/*
 * struct smal_handle_entry:
 *   place    in granules; NOWHERE: on no list. Large: half of a pointer, as next
 *   control  below
 *   next     the next node, or spare entry; 0: none
 */

/* A control word. */
enum {
	SMAL_CONTROL_LOCKS = SMAL_HANDLE_LOCKS,
	/* Bytes of the last granule that were not asked for; 16 for a block of none. */
	SMAL_CONTROL_SLACK_LOG2 = 8,
	SMAL_CONTROL_SLACK = 0x1f << SMAL_CONTROL_SLACK_LOG2,
	SMAL_CONTROL_USED = SMAL_HANDLE_USED,
	SMAL_CONTROL_MOVING = 1 << 14,
	SMAL_CONTROL_PURGEABLE = 1 << 15,
	SMAL_CONTROL_TELL = 1 << 16,
	SMAL_CONTROL_LARGE = 1 << 17,
	/* Of a block: it has vanished. Of a hole: it was put on a stack. */
	SMAL_CONTROL_PURGED = 1 << 18,
	SMAL_CONTROL_LISTED = 1 << 18,
	SMAL_CONTROL_GENERATION_LOG2 = 19
};

#define SMAL_NOWHERE UINT32_MAX

/* The generation in a handle stands where it does in a control word; above it, the
 * heap's number. */
enum {
	SMAL_HANDLE_HEAP_BITS = SMAL_CONTROL_GENERATION_LOG2,
	SMAL_GENERATIONS = 1 << (32 - SMAL_CONTROL_GENERATION_LOG2)
};

enum {
	SMAL_HANDLE_PAGE_LOG2 = 12 - SMAL_GRANULE_LOG2,
	/* Sizes that have a stack of their own, in granules; larger ones one for each
	 * power of two. */
	SMAL_HANDLE_SMALL = 64,
	SMAL_HANDLE_BINS = 32 - 6,
	/* What the system's memory keeps apart. */
	SMAL_HANDLE_LARGE_BYTES = 256 * 1024,
	/* Holes before locked blocks that a compaction remembers. */
	SMAL_HANDLE_GAPS = 16
};

/* A hole that was left before a locked block, and the node before it (0: none). */
struct smal_gap {
	uint32_t node, before;
};

struct smal_handle_heap {
	/* As struct smal_handle_view. */
	uint32_t magic, number;
	volatile uint32_t entries;
	struct smal_handle_entry *table;
	char *base;
	const volatile char *single;

	/* That new entries begin with. */
	uint32_t first_generation;
	uint32_t *pages;
	struct smal_os_lock lock;
	struct smal_fork_lock fork_lock;

	uint32_t first, last, top, limit;
	uint32_t spare, spare_count;

	/* Holes, by size; a bit for each that has any. */
	uint64_t small_mask;
	uint32_t bin_mask;
	uint32_t small[SMAL_HANDLE_SMALL], bin[SMAL_HANDLE_BINS];
	/* Granules of all holes; as many there were when they were last put together, and
	 * those freed since; how many it takes for a free to do that again. */
	uint32_t free_granules, folded_granules, fold_granules;
	uint64_t unfolded;

	/* The node before the one that the compaction under way comes to; 0: it is at
	 * the beginning. After its end there may be memory left to give back. */
	uint32_t walked;
	bool walking, discarding;
	/* Granules of the last gap whose memory has gone back. */
	uint32_t discarded;
	/* Holes that were left behind. */
	unsigned gap_count;
	struct smal_gap gap[SMAL_HANDLE_GAPS];
	/* Granules that have been used since their memory was given back. */
	uint32_t dirty;

	/* Whether somebody is being told that memory is low, and who was. */
	bool telling, told_lower, told_higher, lower_due;
	smal_handle_moved *moved;
	smal_handle_low_function *low;
	void *user;

	/* The system's: three reservations in one, and what large blocks are in. */
	struct smal_account account;
	struct smal_area block_area, page_area;
	char *reservation, *table_base, *table_committed;
	/* Granules that can be used as they are. */
	uint32_t ready;
	size_t reservation_bytes;
	struct smal_heap *large;

	struct smal_handle_stats stats;
};

/* ---- Entries ---- */

static inline struct smal_handle_entry *smal_entry(const struct smal_handle_heap *heap,
                                                   uint32_t index)
{
	return heap->table - index;
}

/* Both words are read by who looks up a handle, which may be a stale one; and the
 * control word changes with every lock. */
static inline uint32_t smal_entry_control(const struct smal_handle_entry *entry)
{
	return smal_atomic_load_relaxed_u32(&entry->control);
}

static inline void smal_entry_set_place(struct smal_handle_entry *entry, uint32_t place)
{
	smal_atomic_store_u32(&entry->place, place);
}

static inline void smal_entry_set_control(struct smal_handle_entry *entry, uint32_t control)
{
	smal_atomic_store_u32(&entry->control, control);
}

static inline bool smal_entry_is_used(const struct smal_handle_entry *entry)
{
	return (smal_entry_control(entry) & SMAL_CONTROL_USED) != 0;
}

/* A hole or a block of the list. */
static inline bool smal_entry_is_node(const struct smal_handle_entry *entry)
{
	return entry->place != SMAL_NOWHERE &&
	       (smal_entry_control(entry) & SMAL_CONTROL_LARGE) == 0;
}

static inline bool smal_entry_is_hole(const struct smal_handle_entry *entry)
{
	return !smal_entry_is_used(entry) && entry->place != SMAL_NOWHERE;
}

static inline uint32_t smal_node_limit(const struct smal_handle_heap *heap,
                                       const struct smal_handle_entry *entry)
{
	return entry->next != 0 ? smal_entry(heap, entry->next)->place : heap->top;
}

static inline uint32_t smal_node_granules(const struct smal_handle_heap *heap,
                                          const struct smal_handle_entry *entry)
{
	return smal_node_limit(heap, entry) - entry->place;
}

static inline char *smal_granule(const struct smal_handle_heap *heap, uint32_t place)
{
	return heap->base + ((size_t)place << SMAL_GRANULE_LOG2);
}

static inline uint32_t smal_page_of(uint32_t place)
{
	return place >> SMAL_HANDLE_PAGE_LOG2;
}

static inline size_t smal_entry_slack(uint32_t control)
{
	return (control & SMAL_CONTROL_SLACK) >> SMAL_CONTROL_SLACK_LOG2;
}

/* Granules for a block; 0 if it is larger than any can be. */
static inline uint32_t smal_handle_granules(size_t bytes)
{
	if (bytes == 0)
		return 1;
	if ((uint64_t)(bytes - 1) >> SMAL_GRANULE_LOG2 >= UINT32_MAX - 1)
		return 0;
	return (uint32_t)((bytes - 1) >> SMAL_GRANULE_LOG2) + 1;
}

static inline uint32_t smal_handle_slack(size_t bytes, uint32_t granules)
{
	return (uint32_t)(((size_t)granules << SMAL_GRANULE_LOG2) - bytes)
	       << SMAL_CONTROL_SLACK_LOG2;
}

/* The generation alone, where it stands; the next one. */
static inline uint32_t smal_generation(uint32_t control)
{
	return control >> SMAL_CONTROL_GENERATION_LOG2 << SMAL_CONTROL_GENERATION_LOG2;
}

static inline uint32_t smal_generation_next(uint32_t control)
{
	return smal_generation(control) + ((uint32_t)1 << SMAL_CONTROL_GENERATION_LOG2);
}

static inline smal_handle smal_handle_of(const struct smal_handle_heap *heap, uint32_t index,
                                         uint32_t control)
{
	return (uint64_t)(smal_generation(control) | heap->number) << 32 | index;
}

/* What has to be so of a block for the short ways: that much of its control word is
 * what its handle says. */
enum {
	SMAL_CONTROL_FLAGS = SMAL_CONTROL_USED | SMAL_CONTROL_MOVING | SMAL_CONTROL_LARGE |
	                     SMAL_CONTROL_PURGED
};
#define SMAL_CONTROL_PLAIN (~(uint32_t)0 << SMAL_CONTROL_GENERATION_LOG2 | SMAL_CONTROL_FLAGS)
_Static_assert(SMAL_CONTROL_PLAIN == (uint32_t)SMAL_HANDLE_PLAIN, "handle.h knows the flags");

/* The heap's number stands in a handle where the flags are in a control word. */
static inline uint32_t smal_control_wanted(const struct smal_handle_heap *heap, smal_handle handle)
{
	return ((uint32_t)(handle >> 32) ^ heap->number) | SMAL_CONTROL_USED;
}

/* True if a handle may be one of the heap's, which may be none. */
static inline bool smal_handle_may_be(const struct smal_handle_heap *heap, smal_handle handle)
{
	return SMAL_LIKELY(heap != NULL && heap->magic == SMAL_HANDLE_MAGIC &&
	                   (uint32_t)handle - 1 < smal_atomic_load_u32(&heap->entries));
}

/* ---- Holes on stacks ---- */

static inline uint32_t *smal_hole_link(const struct smal_handle_heap *heap,
                                       const struct smal_handle_entry *entry)
{
	return (uint32_t *)(void *)smal_granule(heap, entry->place);
}

/* Puts a hole of a small size on its stack; its control word says so already. */
static inline void smal_hole_push(struct smal_handle_heap *heap, uint32_t index, uint32_t granules)
{
	uint32_t *stack = &heap->small[granules];

	if (*stack == 0)
		heap->small_mask |= (uint64_t)1 << granules;
	*smal_hole_link(heap, smal_entry(heap, index)) = *stack;
	*stack = index;
}

/* Takes a hole of exactly a small size off its stack; its control word still says that
 * it is listed. 0: what the stack names is none. */
static inline uint32_t smal_hole_pop(struct smal_handle_heap *heap, uint32_t granules)
{
	uint32_t index = heap->small[granules];
	const struct smal_handle_entry *entry = smal_entry(heap, index);

	if (index - 1 >= heap->entries ||
	    (smal_entry_control(entry) & (SMAL_CONTROL_USED | SMAL_CONTROL_LISTED)) !=
	            SMAL_CONTROL_LISTED ||
	    smal_node_granules(heap, entry) != granules)
		return 0;
	heap->small[granules] = *smal_hole_link(heap, entry);
	__builtin_prefetch(smal_entry(heap, heap->small[granules]));
	return index;
}

/* ---- With other threads, or without ---- */

/* Takes the lock if there is anybody else; gives it if it was taken. */
static inline bool smal_handle_enter(struct smal_handle_heap *heap)
{
	if (smal_os_single_threaded())
		return false;
	smal_os_lock_take(&heap->lock);
	return true;
}

static inline void smal_handle_leave(struct smal_handle_heap *heap, bool locked)
{
	if (locked)
		smal_os_lock_give(&heap->lock);
}

/* Changes a control word; false: another thread was faster. */
static inline bool smal_control_swap(struct smal_handle_entry *entry, uint32_t old, uint32_t new)
{
	if (smal_os_single_threaded()) {
		smal_entry_set_control(entry, new);
		return true;
	}
	return smal_atomic_cas_u32(&entry->control, old, new);
}

/* ---- Entries and nodes (table.c); with the lock ---- */

/* A spare entry, on no list, or a new one; 0: no memory. The last spare one is kept
 * for who may have it (purging). */
uint32_t smal_entry_take(struct smal_handle_heap *heap, bool last);
void smal_entry_give(struct smal_handle_heap *heap, uint32_t index);
/* Gives the end of the table back, where nothing is used. Walks all entries. */
void smal_entries_trim(struct smal_handle_heap *heap);

/* Makes blocks' memory and pages' words up to a place usable. False: no memory. */
bool smal_handle_commit_slow(struct smal_handle_heap *heap, uint32_t top);
static inline bool smal_handle_commit(struct smal_handle_heap *heap, uint32_t top)
{
	return SMAL_LIKELY(top <= heap->ready) || smal_handle_commit_slow(heap, top);
}
/* Granules that top could be raised to, with as many new entries. */
uint32_t smal_handle_room(const struct smal_handle_heap *heap, uint32_t entries);

/* The node before another one; 0: it is the first. */
uint32_t smal_node_before(const struct smal_handle_heap *heap, uint32_t index);
/* Says that a node begins where it does, for pages. */
void smal_node_begins(struct smal_handle_heap *heap, uint32_t index);
/* Puts a node on the list behind another (0: first); its place is set. */
void smal_node_insert(struct smal_handle_heap *heap, uint32_t before, uint32_t index);
/* Says for pages that a node begins behind one at a place, and none between. */
static inline void smal_node_follows(struct smal_handle_heap *heap, uint32_t place, uint32_t index)
{
	uint32_t page = smal_page_of(place), to = smal_page_of(smal_entry(heap, index)->place);

	if (SMAL_LIKELY(page == to))
		return;
	while (++page < to)
		heap->pages[page] = 0;
	heap->pages[to] = index;
}
/* Takes a node off the list; what it had is the one's before it. */
void smal_node_remove(struct smal_handle_heap *heap, uint32_t before, uint32_t index);
/* `next` follows `before` (0: it is the first; and that the last, if there is no next). */
void smal_node_link(struct smal_handle_heap *heap, uint32_t before, uint32_t next);
/* What remembers a node between two steps of a walk remembers another one. */
void smal_node_forget(struct smal_handle_heap *heap, uint32_t index, uint32_t by);
/* Puts another entry where a node is, which is on no list then. */
void smal_node_replace(struct smal_handle_heap *heap, uint32_t index, uint32_t by);

/* ---- Holes (hole.c); with the lock ---- */

/* Puts a hole on its stack. */
void smal_hole_list(struct smal_handle_heap *heap, uint32_t index);
/* A hole of at least so many granules, off its stack, cut to size; 0: none is listed. */
uint32_t smal_hole_take(struct smal_handle_heap *heap, uint32_t granules);
/* Puts holes beside each other together, and lists all. */
void smal_holes_fold(struct smal_handle_heap *heap);
/* They are together as they are. */
void smal_holes_folded(struct smal_handle_heap *heap);
/* True if so much was freed since the last fold that one is paid for. */
bool smal_holes_pay(const struct smal_handle_heap *heap);
/* Gives whole pages inside of a hole back to the system: `most` granules of them, after
 * the first `from`. True: there are no more. */
bool smal_hole_discard(struct smal_handle_heap *heap, uint32_t index, uint32_t from, uint32_t most);
/* Cuts a node: a hole begins at the place. False: no entry (see smal_entry_take). */
bool smal_node_cut(struct smal_handle_heap *heap, uint32_t index, uint32_t place, bool last);

/* ---- Blocks (block.c) ---- */

/* A node of so many granules, that is no block yet; 0: there is none without moving
 * others. With the lock. */
uint32_t smal_node_take(struct smal_handle_heap *heap, uint32_t granules);
/* Lets unlocked purgeable blocks vanish, and compacts if that takes more entries than
 * there are; returns bytes. With the lock. */
size_t smal_blocks_purge(struct smal_handle_heap *heap);

/* ---- Large blocks (large.c): a record each, in the heap they are in ---- */

struct smal_large {
	char *address;
	size_t bytes;
};

struct smal_large *smal_large_of(const struct smal_handle_entry *entry);
/* With the lock. False: no memory. */
bool smal_large_make(struct smal_handle_heap *heap, struct smal_handle_entry *entry, size_t bytes);
void smal_large_end(struct smal_handle_heap *heap, struct smal_handle_entry *entry);

/* ---- What goes back (discard.c) ---- */

/* Of what is given back between two looks at the clock. */
enum { SMAL_DISCARD_GRANULES = (2 << 20) / SMAL_GRANULE };

/* True if a gap that was left is still a hole where it was. */
bool smal_gap_is_there(const struct smal_handle_heap *heap, const struct smal_gap *gap);
/* Gives a piece back after a walk; true: there is no more. With the lock. */
bool smal_handle_discard(struct smal_handle_heap *heap);

/* ---- Compaction (compact.c) ---- */

/* Goes on for at most max_ns (0: to the end). True: at the end. With the lock. */
bool smal_compact_locked(struct smal_handle_heap *heap, uint64_t max_ns);
/* To the end of a walk that begins now. With the lock. */
void smal_compact_whole(struct smal_handle_heap *heap);

/* ---- Mistakes (lock.c) ---- */

/* Finds out what a handle that is none of a block's is, and tells the sink. */
enum smal_error smal_handle_fail(struct smal_handle_heap *heap, smal_handle handle,
                                 const char *function);
/* The heap, or the sink is told. */
enum smal_error smal_handle_heap_check(const struct smal_handle_heap *heap, const char *function);
/* The entry of a handle that is a block's, or that was purged; else NULL. */
struct smal_handle_entry *smal_handle_entry(const struct smal_handle_heap *heap,
                                            smal_handle handle);

#endif
