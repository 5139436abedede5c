/* SPDX-License-Identifier: MIT */
/*
 * worker.c: the marking loop, one object at a time, and the workers' clocks
 * (simulate.h).
 *
 *   queue, last in first out --> ring of 32, fetched on entry --> scan --> test, set
 *
 * As smal/gc/mark.c does it: an object is marked where it is found; one without
 * pointers is never queued; a pair's last pointer goes to the ring at once; an array
 * is scanned in pieces of 256 words, and the rest is queued below the piece's
 * children. With `halves` it is queued as two halves, as long as it is more than a
 * piece (and one of them is handed over where others would not be, share.c).
 *
 * An entry is an object, or a range of the words of one: its index, below it the
 * number of the first word over 256 and of the limit over 256.
 *
 * Bytes that are set without an atomic may be set twice: another worker's store is
 * seen when its line has come. Both scan the object then.
 */
#include "simulate.h"
#include "../measure.h"

#include <stdlib.h>
#include <string.h>

static uint64_t entry_of(uint32_t object, uint32_t from, uint32_t limit)
{
	return (uint64_t)object << 32 | (uint64_t)(from / PIECE_WORDS) << 16 |
	       (limit + PIECE_WORDS - 1) / PIECE_WORDS;
}

void worker_push(struct worker *w, uint64_t entry)
{
	if (w->top == w->capacity && w->bottom > w->capacity / 2) {
		memmove(w->queue, w->queue + w->bottom, (w->top - w->bottom) * sizeof *w->queue);
		w->top -= w->bottom;
		w->bottom = 0;
	}
	if (w->top == w->capacity) {
		w->capacity = w->capacity * 2 + 1024;
		w->queue = realloc(w->queue, w->capacity * sizeof *w->queue);
		if (!w->queue)
			measure_fail("out of memory");
	}
	w->queue[w->top++] = entry;
}

/* ---- Marking ---- */

/* True if the worker has marked it just now. */
static bool mark(struct simulation *s, struct worker *w, uint32_t object)
{
	float before = s->marked_ns[object];
	uint64_t granule = s->shape->place[object];

	w->now += cost_test(s, w, granule) + (w->last_new != (before < 0) ? s->machine.guess_ns : 0);
	w->last_new = before < 0;
	if (before >= 0) {
		if (!s->bytes || s->marker[object] == w->index ||
		    w->now - (double)before > s->machine.line_ns)
			return false;
		s->twice++;
	}
	w->now += cost_set(s, w, granule);
	s->marked_ns[object] = (float)w->now;
	s->marker[object] = (uint8_t)w->index;
	w->marked++;
	return true;
}

static void ring_insert(struct simulation *s, struct worker *w, uint32_t object)
{
	unsigned at = w->tail++ % RING;

	w->ring[at] = object;
	w->ready[at] = cost_fetch(s, w, s->shape->place[object], w->now);
}

/* Scans the words [from, limit) of an object. */
static void scan(struct simulation *s, struct worker *w, uint32_t object, uint32_t from,
                 uint32_t limit)
{
	const struct shape *shape = s->shape;
	uint32_t base = shape->first[object], words = limit - from;
	double lines = (double)words / 8;

	w->now += s->machine.object_ns + words * s->machine.word_ns;
	/* The lines behind the first come in order. */
	if (lines > 1)
		w->now += (lines - 1) * s->machine.stream_ns;
	for (uint32_t i = from; i < limit; i++) {
		uint32_t child = shape->edge[base + i];

		if (child == NOTHING || !mark(s, w, child) || shape->leaf[child])
			continue;
		if (shape->tail && words <= 2 && i + 1 == limit)
			ring_insert(s, w, child);
		else
			worker_push(w, (uint64_t)child << 32);
	}
}

/* The first piece of a range; what is left of it is queued before its children. */
static void scan_range(struct simulation *s, struct worker *w, uint32_t object, uint32_t from,
                       uint32_t limit)
{
	uint32_t end = limit;

	if (limit - from > PIECE_WORDS) {
		uint32_t middle;

		end = from + PIECE_WORDS;
		middle = end + (limit - end) / 2 / PIECE_WORDS * PIECE_WORDS;
		if (s->halves && middle > end)
			worker_push(w, entry_of(object, middle, limit));
		else
			middle = limit;
		worker_push(w, entry_of(object, end, middle));
	}
	scan(s, w, object, from, end);
}

static uint32_t words_of(const struct shape *shape, uint32_t object)
{
	return shape->first[object + 1] - shape->first[object];
}

/* Fills the ring from the queue; a piece is scanned where it is found, and ends the
 * step. False: there is nothing. */
static bool fill(struct simulation *s, struct worker *w)
{
	while ((w->has_stolen || w->top != w->bottom) && w->tail - w->head < RING) {
		uint64_t entry = w->has_stolen ? w->stolen : w->queue[--w->top];
		uint32_t object = (uint32_t)(entry >> 32), from, limit;

		/* The owner's pop and a thief's steal meet at the top. */
		w->has_stolen = false;
		if (s->policy == POLICY_STEAL && s->workers > 1) {
			struct shared *top = &s->top[w->index];

			w->now += s->machine.atomic_ns;
			if (top->last >= 0 && (unsigned)top->last != w->index) {
				w->now += cost_line(s, w, top->last);
				top->last = (int)w->index;
			}
		}
		if ((uint32_t)entry == 0) {
			ring_insert(s, w, object);
			continue;
		}
		from = ((uint32_t)entry >> 16) * PIECE_WORDS;
		limit = ((uint32_t)entry & 0xffff) * PIECE_WORDS;
		if (limit > words_of(s->shape, object))
			limit = words_of(s->shape, object);
		scan_range(s, w, object, from, limit);
		return true;
	}
	return w->tail != w->head;
}

/* One object, or one piece. */
static void step(struct simulation *s, struct worker *w)
{
	uint32_t object;
	unsigned at;

	if (w->hungry || !fill(s, w)) {
		share_want(s, w);
		return;
	}
	if (w->head != w->tail) {
		at = w->head++ % RING;
		object = w->ring[at];
		if (w->ready[at] > w->now) {
			w->fetch_ns += w->ready[at] - w->now;
			w->now = w->ready[at];
		}
		scan_range(s, w, object, 0, words_of(s->shape, object));
	}
	share_some(s, w);
	clock_insert(s, w);
}

/* ---- Clocks ---- */

static bool is_before(const struct simulation *s, unsigned a, unsigned b)
{
	return s->worker[s->heap[a]].now < s->worker[s->heap[b]].now;
}

static void swap(struct simulation *s, unsigned a, unsigned b)
{
	uint16_t other = s->heap[a];

	s->heap[a] = s->heap[b];
	s->heap[b] = other;
}

void clock_insert(struct simulation *s, struct worker *w)
{
	unsigned at = s->heap_count++;

	s->heap[at] = (uint16_t)w->index;
	for (; at > 0 && is_before(s, at, (at - 1) / 2); at = (at - 1) / 2)
		swap(s, at, (at - 1) / 2);
}

static struct worker *clock_first(struct simulation *s)
{
	struct worker *first = &s->worker[s->heap[0]];
	unsigned at = 0, child;

	s->heap[0] = s->heap[--s->heap_count];
	while ((child = 2 * at + 1) < s->heap_count) {
		if (child + 1 < s->heap_count && is_before(s, child + 1, child))
			child++;
		if (!is_before(s, child, at))
			break;
		swap(s, at, child);
		at = child;
	}
	return first;
}

/* ---- A run ---- */

static void *allocate(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);

	if (!memory)
		measure_fail("out of memory");
	return memory;
}

static void begin(struct simulation *s)
{
	uint64_t lines = (s->shape->granules >> (s->bytes ? 6 : 9)) + 1;

	s->line_count = lines;

	s->marked_ns = allocate(s->shape->count, sizeof *s->marked_ns);
	s->marker = allocate(s->shape->count, 1);
	s->line = allocate(lines, sizeof *s->line);
	for (uint32_t i = 0; i < s->shape->count; i++)
		s->marked_ns[i] = -1;
	for (uint64_t i = 0; i < lines; i++)
		s->line[i].writer = -1;
	s->count.last = -1;
	for (unsigned i = 0; i < NODES; i++)
		s->share[i].lock.last = -1;
	for (unsigned i = 0; i < s->workers; i++) {
		struct worker *w = &s->worker[i];

		w->index = i;
		w->node = i % s->machine.nodes;
		w->random = i * 77 + 1;
		for (unsigned k = 0; k < RECENT; k++)
			w->recent[k] = (uint64_t)-4;
		w->tag = allocate(s->machine.cache_lines, sizeof *w->tag);
		w->tag_version = allocate(s->machine.cache_lines, sizeof *w->tag_version);
		s->top[i].last = -1;
		/* The first one wakes the others, one after another; they are hungry. */
		w->now = i > 0 ? i * s->machine.call_ns + s->machine.wake_ns : 0;
		if (i == 0)
			continue;
		w->hungry = true;
		w->backoff_ns = s->machine.line_ns;
		share_hungry(s, w);
		clock_insert(s, w);
	}
	s->worker[0].now = (s->workers - 1) * s->machine.call_ns;
	s->worker[0].marked = 1;
	s->marked_ns[0] = (float)s->worker[0].now;
	worker_push(&s->worker[0], 0);
	clock_insert(s, &s->worker[0]);
}

double simulation_run(struct simulation *s)
{
	begin(s);
	while (s->end_ns == 0) {
		if (s->heap_count == 0)
			measure_fail("every worker sleeps, and there is work");
		step(s, clock_first(s));
	}
	for (uint32_t i = 0; i < s->shape->count; i++)
		if (s->marked_ns[i] < 0)
			measure_fail("an object was not marked");
	for (unsigned i = 0; i < s->workers; i++)
		if (s->worker[i].hungry && s->worker[i].began_hungry_ns < s->end_ns)
			s->worker[i].idle_ns += s->end_ns - s->worker[i].began_hungry_ns;
	return s->end_ns;
}

void simulation_end(struct simulation *s)
{
	free(s->marked_ns);
	free(s->marker);
	free(s->line);
	for (unsigned i = 0; i < s->workers; i++) {
		free(s->worker[i].queue);
		free(s->worker[i].tag);
		free(s->worker[i].tag_version);
	}
}
