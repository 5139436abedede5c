/* SPDX-License-Identifier: MIT */
/*
 * mark.h: the state of one marking worker.
 */
#ifndef SMAL_GC_MARK_H
#define SMAL_GC_MARK_H

#include <smal/gc/gc.h>

enum {
	/* Objects between their prefetch and their scan. */
	SMAL_RING = 32,
	/* Words of an object that are scanned in one go. */
	SMAL_PIECE_WORDS = 256
};

/* Where a candidate word was found. */
enum smal_source {
	SMAL_FROM_OBJECT,
	/* In a root that is scanned conservatively: interior pointers count. */
	SMAL_FROM_ROOT,
	/* There too, and it is meant as one past the end of an object. */
	SMAL_FROM_ROOT_END
};

/* The segment that most candidates lie in, and what the test of a candidate
 * needs: constant while marking, so that a loop can keep a copy in registers. */
struct smal_view {
	uintptr_t base;
	size_t bytes;
	const uint32_t *owners;
	const smal_word *live;
	smal_word *mark;
	const struct smal_scan *scans;
	/* Bits that are kept of a candidate. */
	uintptr_t keep;
	/* The collector's number, where owner words have it. */
	uint32_t owner;
	/* Objects may lie in other segments too. */
	bool others;
};

struct smal_marker {
	struct smal_view view;
	unsigned live_index;
	/* An object was marked that the queue had no room for. */
	bool overflowed;
	/* The queue grows up from bottom; the larger one it moves to when it is full,
	 * or NULL. */
	uintptr_t *top, *bottom, *limit;
	uintptr_t *spare, *spare_limit;
	struct smal_gc *gc;
	/* A second opinion, or an explanation: candidates go there instead. What is
	 * scanned is a root of this name, and where the word stands. */
	void (*visit)(struct smal_marker *marker, uintptr_t address, enum smal_source source);
	void *visitor;
	const char *root;
	uintptr_t place;
	/* Is told of every object that is marked; the view is empty then. */
	void (*marked)(struct smal_marker *marker, uintptr_t object);
	void *watcher;
	/* Objects on their way from the queue to their scan. */
	uintptr_t ring[SMAL_RING];
};

/* Makes a marker with the collector's own queue, and a larger one of `words`
 * words behind it (NULL: there is none). */
void smal_marker_init(struct smal_marker *marker, struct smal_gc *gc, uintptr_t *spare,
                      size_t words);

/* Marks what the words of a range of roots refer to, interior pointers and one
 * past the end included. */
void smal_mark_roots(struct smal_marker *marker, uintptr_t base, uintptr_t limit);

/* Marks from the stacks of the collector's threads, which are AWAY, and from
 * those that do not run. */
void smal_mark_stacks(struct smal_marker *marker);

/* Has `marked` called, or no more (NULL). */
void smal_marker_watch(struct smal_marker *marker,
                       void (*marked)(struct smal_marker *marker, uintptr_t object),
                       void *watcher);

/* What a word is, as marks go. */
enum smal_fate {
	/* No object of this collector, or none any more. */
	SMAL_FATE_NONE,
	SMAL_FATE_MARKED,
	SMAL_FATE_UNMARKED
};
enum smal_fate smal_mark_fate(const struct smal_marker *marker, uintptr_t word);

/* Marks what an object refers to, and not the object. */
void smal_mark_children(struct smal_marker *marker, uintptr_t object);

/* Marks all live objects of a kind, as roots; or sets their marks alone. */
void smal_mark_kind(struct smal_marker *marker, struct smal_kind *kind);
void smal_mark_kind_bits(struct smal_marker *marker, struct smal_kind *kind);

/* Scans until nothing is queued, overflow included. Returns true if the queue
 * overflowed. */
bool smal_mark_drain(struct smal_marker *marker);

/* The live object of the collector that an address points to or into, or 0. */
static inline uintptr_t smal_marker_resolve(const struct smal_marker *marker, uintptr_t address,
                                            struct smal_buffer **buffer,
                                            const struct smal_scan **scan)
{
	uint16_t kind;

	*buffer = smal_buffer_find_owned(address, marker->gc->owner, &kind);
	if (*buffer == NULL)
		return 0;
	*scan = &marker->view.scans[kind];
	return smal_buffer_find_slot(*buffer, address);
}

/* The words of an object that hold pointers, one after another, as its kind's
 * layout says; for the layouts that are not one word of bits. */
static inline bool smal_layout_has(const struct smal_scan *scan, size_t word)
{
	if (word >= scan->words) {
		if (scan->repeat_words == 0)
			return false;
		word = scan->words - scan->repeat_words + (word - scan->words) % scan->repeat_words;
	}
	return scan->as.layout[word >> SMAL_WORD_LOG2] >> (word & (SMAL_WORD_BITS - 1)) & 1;
}

#endif
