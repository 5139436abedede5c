/* SPDX-License-Identifier: MIT */
/*
 * mark.h: the state of one marking worker.
 *
 * Until the masks change places, a mark bit is a claim: it may have been set for a
 * word that leads to no object, whose live bit is clear then (mark.c). What counts
 * is both.
 */
#ifndef SMAL_GC_MARK_H
#define SMAL_GC_MARK_H

#include <smal/gc/gc.h>

enum {
	/* Objects between their prefetch and their scan. */
	SMAL_RING = 32,
	/* Words of an object that are scanned in one go. */
	SMAL_PIECE_WORDS = 256,
	/* Words behind a queue's limit: a piece, what is left of it, a ring. */
	SMAL_SLACK_WORDS = SMAL_PIECE_WORDS + SMAL_RING + 8
};

/* A queue entry with bit 0 set is a piece: the index of its first word stands
 * below it. Objects begin at multiples of 8. */
enum { SMAL_PIECE = 1 };

/* smal_buffer.marks: its marked objects are to be scanned again; how long nobody has
 * claimed it (sweep.c), in these. */
enum { SMAL_MARKS_OVERFLOWED = 1, SMAL_MARKS_IDLE = 2 };

struct smal_team;
struct smal_pairs;

/* Where a candidate word was found. */
enum smal_source {
	SMAL_FROM_OBJECT,
	/* In a root that is scanned conservatively: interior pointers count. */
	SMAL_FROM_ROOT,
	/* There too, and it is meant as one past the end of an object. */
	SMAL_FROM_ROOT_END,
	/* An object alone, and not what it refers to: the start of one. */
	SMAL_FROM_OWNER
};

/* The segment that most candidates lie in, and what the test of a candidate
 * needs: constant while marking, so that a loop can keep a copy in registers. */
struct smal_view {
	uintptr_t base;
	size_t bytes;
	const uint32_t *owners;
	const smal_word *live;
	smal_word *mark;
	/* Of a member of a team (team.h): the marks that others set; the ids that have some of
	 * this one's, or NULL; whether this one's are set by others, too. */
	const smal_word *others;
	volatile uint32_t *touched;
	bool shared;
	const struct smal_scan *scans;
	const struct smal_segment *segment;
	/* Bits that are kept of a candidate; and those of its granule's address. */
	uintptr_t keep, keep_granule;
	/* Objects may lie in other segments too, but outside of [lowest, lowest + span)
	 * there are none. */
	uintptr_t lowest;
	size_t span;
	/* base - lowest: an offset and this are the distance from lowest. */
	uintptr_t below;
	/* The collector's number, where owner words have it. */
	uint32_t owner;
};

struct smal_marker {
	struct smal_view view;
	unsigned live_index;
	/* An object was marked that the queue had no room for. */
	bool overflowed;
	/* Others are marking: bits are set by atomic operations. */
	bool together;
	/* An object may be at hand: what its mark callback asks for is queued, and no
	 * other callback is called. */
	bool scanning;
	/* Who can help (team.h), or NULL; looks at it that found nobody to help and
	 * little to do. */
	struct smal_team *team;
	unsigned lonely;
	/* The queue: [bottom, top) in [base, limit), and slack behind the limit for what
	 * one step queues; from `relief` on, roots and callbacks have it scanned; the larger
	 * one that it moves to when it is full, or NULL. */
	uintptr_t *top, *bottom, *base, *limit, *relief;
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
	/* Of the collection, once all that the roots reach is marked. */
	struct smal_pairs *pairs;
};

/* Makes a marker with the collector's own queue, and a larger one of `words`
 * words behind it (NULL: there is none). */
void smal_marker_init(struct smal_marker *marker, struct smal_gc *gc, uintptr_t *spare,
                      size_t words);

/* The buffer ids of a view; of the one that a marker would have now. */
static inline size_t smal_view_ids(const struct smal_view *view)
{
	return (view->bytes + SMAL_ID_BYTES - 1) >> SMAL_ID_LOG2;
}
size_t smal_marker_ids(struct smal_gc *gc);

/* The queue's place: what is scanned for relief needs some room itself. */
static inline void smal_marker_place(struct smal_marker *marker, uintptr_t *base, size_t words)
{
	marker->base = base;
	marker->limit = base + words;
	marker->relief = marker->limit - smal_min(words / 4, (size_t)SMAL_PIECE_WORDS);
}

/* Moves the queue, or takes off what is too much: it has grown into its slack. */
void smal_marker_spill(struct smal_marker *marker);

/* The same where roots or a callback have queued much: what is queued is scanned first. */
void smal_marker_relieve(struct smal_marker *marker);

/* Every step ends so: there is slack for the next. */
static SMAL_ALWAYS_INLINE void smal_marker_keep_slack(struct smal_marker *marker)
{
	if (SMAL_UNLIKELY(marker->top > marker->limit))
		smal_marker_spill(marker);
}

/* So ends a step that is no scan of the marker's own. */
static SMAL_ALWAYS_INLINE void smal_marker_keep_room(struct smal_marker *marker)
{
	if (SMAL_UNLIKELY(marker->top > marker->relief))
		smal_marker_relieve(marker);
}

/* True if one of a team has a granule of the view to itself, whose mark is not set in its
 * own word `marks` at `at`: then it is set. */
static SMAL_ALWAYS_INLINE bool smal_mark_share(const struct smal_view *view, smal_word *at,
                                               smal_word marks, size_t granule)
{
	smal_word bit = (smal_word)1 << granule % SMAL_WORD_BITS;

	if ((smal_word_load(&view->others[granule >> SMAL_WORD_LOG2]) & bit) != 0)
		return false;
	if (view->touched != NULL)
		smal_atomic_store_u32(
			&view->touched[granule >> (SMAL_ID_LOG2 - SMAL_GRANULE_LOG2)], 1);
	if (SMAL_UNLIKELY(view->shared))
		return (smal_word_or(at, bit) & bit) == 0;
	smal_word_store(at, marks | bit);
	return true;
}

/* Marks a granule of the view; false: it was marked. */
static SMAL_ALWAYS_INLINE bool smal_mark_set(const struct smal_view *view, size_t granule,
                                             bool together)
{
	smal_word *at = &view->mark[granule >> SMAL_WORD_LOG2], word;

	/* So written, each shift and its remainder are one instruction of x86. */
	word = smal_word_load(at);
	if ((word >> granule % SMAL_WORD_BITS & 1) != 0)
		return false;
	if (together)
		return smal_mark_share(view, at, word, granule);
	smal_word_store(at, word | (smal_word)1 << granule % SMAL_WORD_BITS);
	return true;
}

/* Marks what the words of a range of roots refer to, interior pointers and one
 * past the end included. (range.c) */
void smal_mark_roots(struct smal_marker *marker, uintptr_t base, uintptr_t limit);

/* A word of a conservative root: the object that it refers to as `source` says is
 * marked, and queued. */
void smal_mark_candidate(struct smal_marker *marker, uintptr_t address, enum smal_source source);

/* Marks from the stacks of the collector's threads, which are AWAY, and from
 * those that do not run. */
void smal_mark_stacks(struct smal_marker *marker);

/* Has `marked` called, or no more (NULL). */
void smal_marker_watch(struct smal_marker *marker,
                       void (*marked)(struct smal_marker *marker, uintptr_t object),
                       void *watcher);

/* What a word is, as marks go; not for one of a team that is marking. */
enum smal_fate {
	/* No object of this collector, or none any more. */
	SMAL_FATE_NONE,
	SMAL_FATE_MARKED,
	SMAL_FATE_UNMARKED
};
enum smal_fate smal_mark_fate(const struct smal_marker *marker, uintptr_t word);
/* The same of the object that smal_mark would mark for the word. (candidate.c) */
enum smal_fate smal_mark_fate_of_value(const struct smal_marker *marker, uintptr_t word);

/* Marks what an object refers to, and not the object. */
void smal_mark_children(struct smal_marker *marker, uintptr_t object);

/* Marks all live objects of a kind, as roots; or sets their marks alone. */
void smal_mark_kind(struct smal_marker *marker, struct smal_kind *kind);
void smal_mark_kind_bits(struct smal_marker *marker, struct smal_kind *kind);

/* Scans words [from, ...) of an object by layout or conservatively; what is too long for
 * one piece is queued, below the children. (array.c) */
void smal_scan_words(struct smal_marker *marker, const struct smal_scan *scan, uintptr_t object,
                     size_t from);

/* Scans until nothing is queued, overflow included, with the team's help if there
 * is much. Returns true if the queue overflowed. */
bool smal_mark_drain(struct smal_marker *marker);

/* Scans what is queued, and what follows from it, but for objects with a mark callback:
 * there may be one at work. */
void smal_mark_within(struct smal_marker *marker);

/* Scans what is queued, as one of a team: until nothing is, or until what is left
 * had better be somebody else's, or be marked alone. */
void smal_mark_together(struct smal_marker *marker);

/* The live object of the collector that an address points to or into, or 0. */
static inline uintptr_t smal_marker_resolve(const struct smal_marker *marker, uintptr_t address,
                                            struct smal_buffer **buffer,
                                            const struct smal_scan **scan)
{
	uint16_t kind;

	*buffer = smal_buffer_find_owned(address, marker->gc->owner, &kind);
	if (*buffer == NULL)
		return 0;
	*scan = &marker->view.scans[kind % SMAL_KINDS];
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
