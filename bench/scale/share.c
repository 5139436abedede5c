/* SPDX-License-Identifier: MIT */
/*
 * share.c: how work changes hands (simulate.h).
 *
 *   list         a worker that runs out counts itself hungry and waits. One that has
 *                work looks at the count every so many objects, and hands over the
 *                older half of its queue, 8 to 512 entries, as a chunk on a list under
 *                a lock.
 *   node lists   a list, a lock and a count for each node; first for the own node,
 *                then for the others.
 *   steal        every queue is a deque (Chase and Lev): its owner pops at the top,
 *                with a fence; who has run out takes the oldest entry of somebody
 *                else's, by a compare-and-swap, and looks again and again.
 *
 * Marking ends when all are hungry and nothing is on a list, or in a deque.
 */
#include "simulate.h"
#include "../measure.h"

#include <stdlib.h>
#include <string.h>

/* Between two looks of a worker that waits, at most. */
enum { BACKOFF_NS = 500 };

static struct share *share_of(struct simulation *s, unsigned node)
{
	return &s->share[s->policy == POLICY_NODE_LISTS ? node : 0];
}

static unsigned shares(const struct simulation *s)
{
	return s->policy == POLICY_NODE_LISTS ? s->machine.nodes : 1;
}

static void count_change(struct simulation *s, struct worker *w, int by)
{
	cost_atomic(s, w, &s->count);
	s->hungry += (unsigned)by;
	share_of(s, w->node)->hungry += (unsigned)by;
	s->count_version++;
	w->seen = s->count_version;
}

void share_hungry(struct simulation *s, const struct worker *w)
{
	s->hungry++;
	share_of(s, w->node)->hungry++;
}

/* ---- Giving ---- */

/* One of those that sleep is woken: of this node if it has one. */
static void wake_one(struct simulation *s, struct worker *w, const struct share *share)
{
	struct worker *found = NULL;

	for (unsigned i = 0; i < s->workers; i++) {
		struct worker *other = &s->worker[i];

		if (other->asleep && (found == NULL || share_of(s, other->node) == share))
			found = other;
		if (found != NULL && share_of(s, found->node) == share)
			break;
	}
	if (found == NULL)
		return;
	w->now += s->machine.call_ns;
	s->wakes++;
	found->asleep = false;
	if (found->now < w->now + s->machine.wake_ns)
		found->now = w->now + s->machine.wake_ns;
	clock_insert(s, found);
}

static struct share *share_that_is_hungry(struct simulation *s, unsigned node)
{
	for (unsigned i = 0; i < shares(s); i++) {
		struct share *share = &s->share[(node + i) % shares(s)];

		if (share->hungry > 0)
			return share;
	}
	return NULL;
}

static void give(struct simulation *s, struct worker *w, struct share *share)
{
	uint32_t count = (w->top - w->bottom) / 2;
	struct chunk *chunk = malloc(sizeof *chunk);

	if (!chunk)
		measure_fail("out of memory");
	if (count > CHUNK)
		count = CHUNK;
	memcpy(chunk->entry, w->queue + w->bottom, count * sizeof *chunk->entry);
	w->bottom += count;
	chunk->count = count;
	chunk->next = NULL;
	w->now += count * s->machine.copy_ns;
	cost_lock(s, w, &share->lock, 2 * s->machine.test_ns);
	chunk->put_ns = w->now;
	if (share->first == NULL)
		share->first = chunk;
	else
		share->last->next = chunk;
	share->last = chunk;
	share->chunks++;
	s->chunks++;
	s->handed++;
	s->handed_entries += count;
	wake_one(s, w, share);
}

/* With arrays in halves, the oldest entry may be thousands of words: then two entries
 * are enough, at once. */
static bool has_much(const struct simulation *s, const struct worker *w)
{
	return s->halves && w->top - w->bottom >= 2 && (uint32_t)w->queue[w->bottom] != 0;
}

void share_some(struct simulation *s, struct worker *w)
{
	struct share *share;

	if (s->policy == POLICY_STEAL || s->workers == 1)
		return;
	if (!has_much(s, w) &&
	    (w->top - w->bottom < 2 * s->least || ++w->since_look < s->look))
		return;
	w->since_look = 0;
	if (w->seen != s->count_version) {
		w->look_ns += cost_line(s, w, s->count.last);
		w->now += cost_line(s, w, s->count.last);
	}
	w->seen = s->count_version;
	share = s->hungry > 0 ? share_that_is_hungry(s, w->node) : NULL;
	if (share != NULL)
		give(s, w, share);
}

/* ---- Taking ---- */

static bool take_from(struct simulation *s, struct worker *w, struct share *share)
{
	struct chunk *chunk = share->first;

	/* Whether there is one is read first, without the lock. */
	if (chunk == NULL || chunk->put_ns > w->now)
		return false;
	share->first = chunk->next;
	share->chunks--;
	s->chunks--;
	cost_lock(s, w, &share->lock, 2 * s->machine.test_ns);
	for (uint32_t i = 0; i < chunk->count; i++)
		worker_push(w, chunk->entry[i]);
	w->now += chunk->count * s->machine.copy_ns + s->machine.line_ns;
	free(chunk);
	return true;
}

static bool take(struct simulation *s, struct worker *w)
{
	for (unsigned i = 0; i < shares(s); i++)
		if (take_from(s, w, &s->share[(w->node + i) % shares(s)]))
			return true;
	return false;
}

/* Takes the oldest entry of a deque; the first look at it costs two lines. */
static bool steal(struct simulation *s, struct worker *w)
{
	struct worker *victim;
	unsigned other = (unsigned)(random_next(&w->random) % (s->workers - 1));

	victim = &s->worker[other < w->index ? other : other + 1];
	w->now += 2 * cost_line(s, w, (int)victim->index);
	if (victim->top == victim->bottom)
		return false;
	cost_atomic(s, w, &s->top[victim->index]);
	if (victim->top == victim->bottom)
		return false;
	s->steals++;
	w->stolen = victim->queue[victim->bottom++];
	w->has_stolen = true;
	w->now += cost_line(s, w, (int)victim->index);
	return true;
}

/* ---- Waiting ---- */

static bool all_done(const struct simulation *s)
{
	if (s->hungry < s->workers)
		return false;
	return s->chunks == 0;
}

static void fed(struct simulation *s, struct worker *w)
{
	count_change(s, w, -1);
	w->hungry = false;
	w->idle_ns += w->now - w->began_hungry_ns;
	w->backoff_ns = s->machine.line_ns;
	clock_insert(s, w);
}

/* Looks again after a while; a list's worker sleeps when it has looked for long. */
static void wait(struct simulation *s, struct worker *w)
{
	if (s->policy != POLICY_STEAL && w->now - w->began_hungry_ns >= s->machine.spin_ns) {
		/* What was put there since the look. */
		if (s->chunks == 0) {
			w->asleep = true;
			return;
		}
	}
	w->now += w->backoff_ns;
	if (w->backoff_ns < BACKOFF_NS)
		w->backoff_ns *= 2;
	clock_insert(s, w);
}

void share_want(struct simulation *s, struct worker *w)
{
	if (!w->hungry) {
		w->hungry = true;
		w->began_hungry_ns = w->now;
		w->backoff_ns = s->machine.line_ns;
		count_change(s, w, 1);
		if (all_done(s)) {
			s->end_ns = w->now;
			return;
		}
	}
	if (s->policy == POLICY_STEAL ? s->workers > 1 && steal(s, w) : take(s, w))
		fed(s, w);
	else
		wait(s, w);
}
