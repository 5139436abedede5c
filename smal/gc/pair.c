/* SPDX-License-Identifier: MIT */
/*
 * pair.c: values that live if their keys do: ephemerons in linear time.
 *
 * A walk over all pairs marks the values of those whose keys are marked. That may
 * mark more keys; two walks are enough for nearly all programs, and a walk that
 * marks nothing ends it. If the second one did mark something, the pairs that
 * are left go into a table by key, and every object that is marked from then on
 * is looked up there:
 *
 *     marked --> table: key --> pairs --> ready list --> values are marked --> ...
 *
 * Each pair is made ready once, so however long a chain is, and in whatever order
 * it lies in memory, the time is proportional to the pairs and to what they mark.
 * Marking is slower meanwhile, as every candidate takes the long way.
 *
 * The table's memory is reserved before marking and untouched unless it is used.
 * If it can't be had, walks go on until one marks nothing.
 *
 * Algorithm: after Hayes, Ephemerons (1997), with a table like that of Barros and
 * Ierusalimschy, Eliminating cycles in weak tables (2008).
 */
#include <smal/gc/weak.h>

#include <string.h>

enum {
	FAST_WALKS = 2,
	PAIR_BYTES = sizeof(struct smal_pair)
};

/* ---- Walking ---- */

static void each_in_buffer(struct smal_buffer *buffer, unsigned mask,
                           void (*visit)(void *object, void *user), void *user)
{
	const smal_word *words = smal_buffer_mask(buffer, mask), *live = smal_buffer_live(buffer);
	uintptr_t base = smal_buffer_base(buffer);

	/* What visit marks, or unmarks, behind the word at hand is seen. */
	for (size_t w = 0; w < buffer->stride->words; w++) {
		for (smal_word left = words[w] & live[w]; left != 0; left &= left - 1) {
			size_t bit = (w << SMAL_WORD_LOG2) + smal_word_lowest(left);
			uintptr_t at = base + (bit << SMAL_GRANULE_LOG2);

			if (buffer->stride->stride_bytes % SMAL_GRANULE != 0)
				at = smal_buffer_slot(buffer, at + SMAL_GRANULE - 1);
			visit((void *)at, user);
		}
	}
}

void smal_inner_each(struct smal_gc *gc, enum smal_inner_type which, unsigned mask,
                     void (*visit)(void *object, void *user), void *user)
{
	unsigned first, count = smal_inner_kinds(gc, which, &first);

	for (unsigned i = first; i < first + count; i++) {
		if (gc->kinds[i] == NULL)
			continue;
		SMAL_EACH_BUFFER(gc->kinds[i], buffer)
			each_in_buffer(buffer, mask, visit, user);
	}
}

struct walk {
	smal_pair_visitor *visit;
	void *user;
};

static void visit_ephemeron(void *object, void *user)
{
	const struct smal_ephemeron *ephemeron = object;
	const struct walk *walk = user;

	if (ephemeron->key != NULL)
		walk->visit(object, (uintptr_t)ephemeron->key, (uintptr_t)ephemeron->value,
		            walk->user);
}

static void visit_entries(void *object, void *user)
{
	const struct smal_entries *entries = object;
	const struct walk *walk = user;

	if (entries->kind != SMAL_MAP_WEAK_KEYS)
		return;
	for (size_t i = 0; i < entries->capacity; i++)
		if ((entries->entry[i].hash & 1) != 0)
			walk->visit(object, (uintptr_t)entries->entry[i].key,
			            (uintptr_t)entries->entry[i].value, walk->user);
}

static void visit_finalizer(void *object, void *user)
{
	const struct smal_finalizer *finalizer = object;
	const struct walk *walk = user;

	if (finalizer->object != 0 && finalizer->value != NULL &&
	    (finalizer->bits & SMAL_FINALIZER_QUEUED) == 0)
		walk->visit(object, finalizer->object, (uintptr_t)finalizer->value, walk->user);
}

void smal_pairs_each(struct smal_gc *gc, unsigned mask, bool finalizers,
                     smal_pair_visitor *visit, void *user)
{
	struct walk walk = { visit, user };

	smal_inner_each(gc, SMAL_INNER_EPHEMERON, mask, visit_ephemeron, &walk);
	smal_inner_each(gc, SMAL_INNER_ENTRIES, mask, visit_entries, &walk);
	if (finalizers)
		smal_inner_each(gc, SMAL_INNER_FINALIZER, mask, visit_finalizer, &walk);
}

/* ---- Room ---- */

/* Pairs that there can be at most. */
static size_t pairs_bound(struct smal_gc *gc)
{
	static const enum smal_inner_type types[] = { SMAL_INNER_EPHEMERON, SMAL_INNER_ENTRIES,
		                                      SMAL_INNER_FINALIZER };
	size_t pairs = 0;

	for (unsigned t = 0; t < sizeof types / sizeof types[0]; t++) {
		unsigned first, count = smal_inner_kinds(gc, types[t], &first);

		for (unsigned i = first; i < first + count; i++) {
			const struct smal_kind *kind = gc->kinds[i];

			if (kind == NULL)
				continue;
			pairs += types[t] == SMAL_INNER_ENTRIES
			                 ? kind->stride.heap_bytes / sizeof(struct smal_entry)
			                 : (size_t)(kind->counts.claimed_slots -
			                            kind->counts.freed_slots);
		}
	}
	return pairs;
}

void smal_pairs_reserve(struct smal_gc *gc, struct smal_pairs *pairs)
{
	size_t count = pairs_bound(gc), heads;

	*pairs = (struct smal_pairs){ 0 };
	if (count == 0 || count > UINT32_MAX / 4)
		return;
	heads = (size_t)1 << smal_log2_ceil(count);
	pairs->run_bytes = smal_round_up(heads * sizeof(uint32_t) + count * PAIR_BYTES, SMAL_CHUNK);
	pairs->run = smal_space_take(gc->books, pairs->run_bytes, SMAL_CHUNK, &pairs->zeroed);
	if (pairs->run == NULL)
		return;
	pairs->pairs = pairs->run;
	pairs->capacity = count;
	pairs->heads = (uint32_t *)(void *)(pairs->pairs + count);
	pairs->head_mask = heads - 1;
}

void smal_pairs_release(struct smal_gc *gc, struct smal_pairs *pairs)
{
	if (pairs->run == NULL)
		return;
	if (pairs->zeroed && !pairs->used)
		smal_space_give_unused(gc->books, pairs->run, pairs->run_bytes);
	else
		smal_space_give(gc->books, pairs->run, pairs->run_bytes);
}

/* ---- Walks ---- */

struct step {
	struct smal_marker *marker;
	struct smal_pairs *pairs;
	/* Values that the walk marked. */
	size_t marked;
	/* The first pair that is ready: its number from 1. */
	uint32_t ready;
};

static void step_pair(void *holder, uintptr_t key, uintptr_t value, void *user)
{
	struct step *step = user;

	(void)holder;
	if (smal_mark_fate(step->marker, key) == SMAL_FATE_UNMARKED ||
	    smal_mark_fate_of_value(step->marker, value) != SMAL_FATE_UNMARKED)
		return;
	smal_mark(step->marker, (const void *)value);
	step->marked++;
}

/* One walk, and all that follows from it. */
static void walk_once(struct step *step)
{
	step->marked = 0;
	smal_pairs_each(step->marker->gc, step->marker->live_index ^ 1, step->pairs->finalizers,
	                step_pair, step);
	smal_mark_drain(step->marker);
}

/* ---- By table ---- */

static uint32_t *head_of(const struct smal_pairs *pairs, uintptr_t key)
{
	uint64_t hash = (uint64_t)key * 0x9e3779b97f4a7c15u;

	return &pairs->heads[(size_t)(hash >> 32) & pairs->head_mask];
}

/* Each pair is added once: when the walk finds its holder marked, or when that is
 * marked later. Nothing is marked by it. */
static void table_add(void *holder, uintptr_t key, uintptr_t value, void *user)
{
	struct step *step = user;
	struct smal_pairs *pairs = step->pairs;
	uint32_t *head = &step->ready;

	(void)holder;
	SMAL_ASSERT(pairs->count < pairs->capacity);
	key &= step->marker->view.keep;
	if (smal_mark_fate(step->marker, key) == SMAL_FATE_UNMARKED)
		head = head_of(pairs, key);
	pairs->pairs[pairs->count++] = (struct smal_pair){ key, value, *head };
	*head = (uint32_t)pairs->count;
}

/* An object has been marked: the pairs whose key it is are ready, and those that
 * it holds are known from now on. */
static void table_marked(struct smal_marker *marker, uintptr_t object)
{
	struct step *step = marker->watcher;
	struct walk walk = { table_add, step };
	uint32_t *at = head_of(step->pairs, object);
	const struct smal_owned_type *type;

	while (*at != 0) {
		struct smal_pair *pair = &step->pairs->pairs[*at - 1];
		uint32_t number = *at;

		if (pair->key != object) {
			at = &pair->next;
			continue;
		}
		*at = pair->next;
		pair->next = step->ready;
		step->ready = number;
	}
	type = smal_buffer_kind(smal_buffer_find(object))->type;
	if (type == marker->gc->inner[SMAL_INNER_EPHEMERON])
		visit_ephemeron((void *)object, &walk);
	else if (type == marker->gc->inner[SMAL_INNER_ENTRIES])
		visit_entries((void *)object, &walk);
}

static void mark_by_table(struct step *step)
{
	struct smal_pairs *pairs = step->pairs;
	struct smal_marker *marker = step->marker;

	if (!pairs->zeroed || pairs->used)
		memset(pairs->heads, 0, (pairs->head_mask + 1) * sizeof *pairs->heads);
	pairs->used = true;
	pairs->count = 0;
	smal_pairs_each(marker->gc, marker->live_index ^ 1, pairs->finalizers, table_add, step);
	smal_marker_watch(marker, table_marked, step);
	while (step->ready != 0) {
		const struct smal_pair *pair = &pairs->pairs[step->ready - 1];

		step->ready = pair->next;
		smal_mark(marker, (const void *)pair->value);
		smal_mark_drain(marker);
	}
	smal_marker_watch(marker, NULL, NULL);
}

void smal_pairs_mark(struct smal_marker *marker, struct smal_pairs *pairs)
{
	struct step step = { .marker = marker, .pairs = pairs };

	for (unsigned walks = 1;; walks++) {
		walk_once(&step);
		if (step.marked == 0)
			break;
		if (walks >= FAST_WALKS && pairs->capacity != 0) {
			mark_by_table(&step);
			break;
		}
	}
}
