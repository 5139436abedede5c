/* SPDX-License-Identifier: MIT */
/*
 * marker.c: a marker before and beside its marking: where it looks, whom it tells,
 * and what the marks say of a word.
 *
 *   segments ---> the view: the one that holds most; its owner words and masks
 *                 |         by address alone; and the bounds of all of them
 *                 `- empty while every candidate is to take the long way
 *
 * The view is made once, for masks and owner words stay where they are while the
 * world is stopped. A fate is what a candidate's test would find (candidate.h), of the
 * address alone; nothing here changes a mark but where a whole kind's are set, and
 * nothing is queued.
 *
 * One thread owns a marker. It takes the space's lock as it begins, for other
 * collectors' threads may add segments.
 */
#include <smal/gc/mark.h>

/* Bytes from a segment's base on in which there may be objects. */
static size_t segment_bytes(const struct smal_segment *segment)
{
	return segment->direct ? segment->bytes
	                       : smal_min(segment->bytes,
	                                  (size_t)segment->committed_blocks << SMAL_BLOCK_LOG2);
}

static void point_at(struct smal_marker *marker, const struct smal_segment *segment)
{
	struct smal_view *view = &marker->view;

	view->segment = segment;
	view->base = segment->base;
	view->below = segment->base - view->lowest;
	view->bytes = segment_bytes(segment);
	view->owners = smal_segment_owner(segment, 0);
	view->live = (void *)segment->side[SMAL_SIDE_MASK + marker->live_index].base;
	view->mark = (void *)segment->side[SMAL_SIDE_MASK + (marker->live_index ^ 1)].base;
}

void smal_marker_init(struct smal_marker *marker, struct smal_gc *gc, uintptr_t *spare,
                      size_t words)
{
	struct smal_segment *largest = NULL;
	uintptr_t limit = 0;

	*marker = (struct smal_marker){ .view = { .scans = gc->scans,
		                                  .owner = (uint32_t)gc->owner << 16,
		                                  .keep = ~gc->options.tag_mask,
		                                  .keep_granule = ~(gc->options.tag_mask |
		                                                    (SMAL_GRANULE - 1)),
		                                  .lowest = UINTPTR_MAX },
		                        .gc = gc,
		                        .live_index = gc->live,
		                        .top = gc->queue,
		                        .bottom = gc->queue };
	smal_marker_place(marker, gc->queue, gc->queue_words);
	if (spare != NULL && words > gc->queue_words) {
		marker->spare = spare;
		marker->spare_limit = spare + words - SMAL_SLACK_WORDS;
	}
	/* Other collectors' threads may add segments. */
	smal_os_lock_take(&gc->space->lock);
	SMAL_LIST_EACH(link, &gc->space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);

		marker->view.lowest = smal_min(marker->view.lowest, segment->base);
		limit = smal_max(limit, segment->base + segment_bytes(segment));
		if (!segment->direct &&
		    (largest == NULL || segment->used_bytes > largest->used_bytes))
			largest = segment;
	}
	if (limit != 0)
		marker->view.span = limit - marker->view.lowest;
	if (largest != NULL)
		point_at(marker, largest);
	smal_os_lock_give(&gc->space->lock);
}

size_t smal_marker_ids(struct smal_gc *gc)
{
	struct smal_marker marker;

	smal_marker_init(&marker, gc, NULL, 0);
	return smal_view_ids(&marker.view);
}

void smal_marker_watch(struct smal_marker *marker,
                       void (*marked)(struct smal_marker *marker, uintptr_t object),
                       void *watcher)
{
	struct smal_marker fresh;

	marker->marked = marked;
	marker->watcher = watcher;
	if (marked != NULL) {
		/* Every candidate takes the long way, where the watcher is told. */
		marker->view.bytes = 0;
		marker->view.lowest = 0;
		marker->view.below = marker->view.base;
		marker->view.span = SIZE_MAX;
		return;
	}
	smal_marker_init(&fresh, marker->gc, NULL, 0);
	marker->view = fresh.view;
}

/* ---- What the marks say ---- */

/* The long way: other segments, large and medium buffers, what is pending. */
static SMAL_NOINLINE enum smal_fate fate_slow(const struct smal_marker *marker, uintptr_t address)
{
	const struct smal_scan *scan;
	struct smal_buffer *buffer;
	size_t at;

	if (address == 0 || address % 8 != 0 ||
	    smal_marker_resolve(marker, address, &buffer, &scan) != address)
		return SMAL_FATE_NONE;
	at = smal_buffer_bit(buffer, address);
	if (smal_bit_get(smal_buffer_mask(buffer, marker->live_index ^ 1), at))
		return SMAL_FATE_MARKED;
	if ((scan->flags & SMAL_SCAN_FREES) != 0 && smal_bit_get(smal_buffer_mask(buffer, 2), at))
		return SMAL_FATE_NONE;
	return SMAL_FATE_UNMARKED;
}

enum smal_fate smal_mark_fate(const struct smal_marker *marker, uintptr_t word)
{
	const struct smal_view *view = &marker->view;
	uintptr_t address = word & view->keep, offset = address - view->base;
	size_t granule = offset >> SMAL_GRANULE_LOG2, w = granule >> SMAL_WORD_LOG2;
	unsigned bit = granule & (SMAL_WORD_BITS - 1);
	uint32_t kind;

	if (SMAL_UNLIKELY(offset >= view->bytes))
		return address - view->lowest < view->span ? fate_slow(marker, address)
		                                           : SMAL_FATE_NONE;
	kind = view->owners[offset >> SMAL_ID_LOG2] ^ view->owner;
	if (kind >> 16 != 0)
		return SMAL_FATE_NONE;
	if (SMAL_UNLIKELY((address & (SMAL_GRANULE - 1)) != 0 ||
	                  (kind & (SMAL_CLASS_ODD | SMAL_CLASS_SPECIAL)) != 0))
		return fate_slow(marker, address);
	if ((view->live[w] >> bit & 1) == 0)
		return SMAL_FATE_NONE;
	return (view->mark[w] >> bit & 1) != 0 ? SMAL_FATE_MARKED : SMAL_FATE_UNMARKED;
}

void smal_mark_kind_bits(struct smal_marker *marker, struct smal_kind *kind)
{
	SMAL_EACH_BUFFER(kind, buffer) {
		const smal_word *live = smal_buffer_mask(buffer, marker->live_index);
		smal_word *mark = smal_buffer_mask(buffer, marker->live_index ^ 1);

		for (size_t w = 0; w < kind->stride.words; w++)
			smal_word_store(&mark[w], mark[w] | live[w]);
	}
}
