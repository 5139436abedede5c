/* SPDX-License-Identifier: MIT */
/*
 * array.c: scanning objects of many words: arrays, long structures, and what is
 * scanned conservatively (mark.h).
 *
 *   object --> a piece of 256 words --> groups of 8 --> candidates
 *      `- the rest, queued below the piece's children
 *
 * Pieces keep the queue short, and let others have a share of a long array's children
 * before its end is seen.
 */
#include <smal/gc/candidate.h>

static size_t object_words(const struct smal_scan *scan, uintptr_t object)
{
	size_t bytes = scan->slot_bytes != 0 ? scan->slot_bytes
	                                     : smal_buffer_bytes(smal_buffer_find(object));

	return bytes / sizeof(uintptr_t);
}

/* The mark bits of what the words lead to are fetched. */
static SMAL_ALWAYS_INLINE void prefetch_marks(const struct smal_view *view, const uintptr_t *words,
                                              size_t count)
{
	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(&view->mark[((words[i] & view->keep) - view->base) >>
		                               (SMAL_GRANULE_LOG2 + SMAL_WORD_LOG2)]);
}

/* The words [words, limit) of an array. Many are sparse, or filled with one value: eight
 * words that are alike cost little more than one. In others, what comes next is known
 * long before. */
static SMAL_ALWAYS_INLINE uintptr_t *scan_array(struct smal_marker *marker,
                                                const struct smal_view *view,
                                                const uintptr_t *words, const uintptr_t *limit,
                                                bool together, uintptr_t *top)
{
	for (; limit - words >= 8; words += 8) {
		const uintptr_t word = words[0];

		if (((word ^ words[1]) | (word ^ words[2]) | (word ^ words[3]) | (word ^ words[4]) |
		     (word ^ words[5]) | (word ^ words[6]) | (word ^ words[7])) == 0) {
			if (word != 0)
				top = smal_mark_word(marker, view, word, together, top);
			continue;
		}
		if (limit - words >= 16)
			prefetch_marks(view, words + 8, 8);
		top = smal_mark_row(marker, view, words, words + 8, together, top);
	}
	return words < limit ? smal_mark_row(marker, view, words, limit, together, top) : top;
}

/* Scans words [from, end) of an object by layout or conservatively. */
static SMAL_NOINLINE void scan_piece(struct smal_marker *marker, const struct smal_scan *scan,
                                     const uintptr_t *words, size_t from, size_t end)
{
	const struct smal_view view = marker->view;
	uintptr_t *top = marker->top;
	/* Where the layout has to be asked word by word, and where all are alike. */
	size_t prefix = end;

	if (scan->how == SMAL_HOW_CONSERVATIVE)
		prefix = from;
	else if (scan->repeat_words == 1)
		prefix = smal_max(from, smal_min(end, scan->words));
	for (; from < prefix; from++)
		if (smal_layout_has(scan, from))
			top = smal_mark_word(marker, &view, words[from], marker->together, top);
	if (from < end && (scan->how == SMAL_HOW_CONSERVATIVE || smal_layout_has(scan, from)))
		top = marker->together
		              ? scan_array(marker, &view, words + from, words + end, true, top)
		              : scan_array(marker, &view, words + from, words + end, false, top);
	marker->top = top;
}

SMAL_NOINLINE void smal_scan_words(struct smal_marker *marker, const struct smal_scan *scan,
                                   uintptr_t object, size_t from)
{
	const uintptr_t *words = (const uintptr_t *)object;
	size_t limit = object_words(scan, object), end;

	if (scan->how == SMAL_HOW_LAYOUT && scan->repeat_words == 0)
		limit = smal_min(limit, scan->words);
	while (from < limit) {
		end = smal_min(limit, from + SMAL_PIECE_WORDS);
		/* Without room for that, all of it now. */
		if (end < limit && marker->limit - marker->top >= 2) {
			*marker->top++ = limit = end;
			*marker->top++ = object | SMAL_PIECE;
		}
		scan_piece(marker, scan, words, from, end);
		smal_marker_keep_slack(marker);
		from = end;
	}
}
