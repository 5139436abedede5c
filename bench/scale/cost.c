/* SPDX-License-Identifier: MIT */
/*
 * cost.c: what a machine takes for what workers do (simulate.h).
 *
 * Memory. A line is on the node that its address says. It comes after the node's
 * latency, when the node's channel has served those that were asked for before (so
 * many GB/s), and a worker waits for a few at most at once. A line beside one of
 * the last comes by itself.
 *
 * Marks. A line of marks is 512 granules of bits, or 64 of bytes. A worker has it in
 * its cache until another one changes it or its place is taken; a line that another
 * one has changed comes from that one's cache. The tests of an object's words do not
 * wait for each other, so what a line costs here is a fraction of its latency. A plain
 * store is not waited for; an atomic is.
 *
 * Words that are shared, and locks: one worker at a time; who comes meanwhile waits
 * for those before it. So contention is not a parameter: it happens.
 */
#include "simulate.h"

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static unsigned node_of(const struct simulation *s, uint64_t granule)
{
	const struct machine *m = &s->machine;

	if (m->nodes == 1)
		return 0;
	if (m->ranges)
		return (unsigned)(granule * m->nodes / (s->shape->granules + 1));
	return (unsigned)((granule >> 12) % m->nodes);
}

/* The node's channel has one more line to send: when it is there, with no latency but
 * what those before it take. By the worker's clock, which is nobody's future. */
static double channel(struct simulation *s, const struct worker *w, unsigned node)
{
	double *free_ns = &s->node_free_ns[node];

	*free_ns = (*free_ns > w->now ? *free_ns : w->now) + 64 / s->machine.node_gbs;
	s->lines++;
	s->far_lines += node != w->node;
	return *free_ns - w->now;
}

/* A line's place in a cache of so many: scattered, for lines of large heaps lie at
 * multiples of powers of two. */
static uint64_t spot(uint64_t line, uint64_t count)
{
	return (line * 0x9e3779b97f4a7c15u >> 32) % count;
}

double cost_fetch(struct simulation *s, struct worker *w, uint64_t granule, double at)
{
	const struct machine *m = &s->machine;
	unsigned node = node_of(s, granule);
	uint64_t line = granule >> 2;
	double *oldest = &w->fetch_end[w->fetch % m->fetches], wait;
	bool follows = w->recent[spot(line - 1, RECENT)] == line - 1 ||
	               w->recent[spot(line + 1, RECENT)] == line + 1;

	if (w->recent[spot(line, RECENT)] == line)
		return at;
	w->recent[spot(line, RECENT)] = line;
	wait = channel(s, w, node);
	if (follows)
		return at + wait + m->stream_ns;
	w->fetch++;
	*oldest = (*oldest > at ? *oldest : at) + wait + (node != w->node ? m->far_ns : m->near_ns);
	return *oldest;
}

double cost_line(const struct simulation *s, const struct worker *w, int other)
{
	if (other < 0 || (unsigned)other == w->index)
		return 0;
	return s->worker[other].node == w->node ? s->machine.line_ns : s->machine.far_line_ns;
}

/* ---- Marks ---- */

static uint64_t line_of(const struct simulation *s, uint64_t granule)
{
	return granule >> (s->bytes ? 6 : 9);
}

/* True if another worker changed the line last. */
static bool is_others(const struct worker *w, const struct mark_line *mark)
{
	return mark->writer >= 0 && (unsigned)mark->writer != w->index;
}

/* What a mark line that another worker has changed costs: it comes beside others. */
static double mark_line(const struct simulation *s, const struct worker *w,
                        const struct mark_line *mark)
{
	const struct machine *m = &s->machine;

	return m->mark_line_ns * cost_line(s, w, mark->writer) / m->line_ns;
}

/* A mark line that nobody has changed: as many as there is room for lie in the cache
 * that all share, the others in memory. */
static double mark_miss(const struct simulation *s, const struct worker *w, uint64_t granule)
{
	const struct machine *m = &s->machine;
	uint64_t scattered = (line_of(s, granule) * 0x9e3779b97f4a7c15u) >> 40;

	if ((double)scattered * (double)s->line_count < m->shared_lines * (1 << 24))
		return m->mark_near_ns;
	return m->mark_miss_ns * (node_of(s, granule) != w->node ? m->far_ns / m->near_ns : 1);
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

double cost_test(struct simulation *s, struct worker *w, uint64_t granule)
{
	uint64_t line = line_of(s, granule), at = spot(line, s->machine.cache_lines);
	const struct mark_line *mark = &s->line[line];
	bool had = w->tag[at] == line + 1;

	w->last_miss_ns = had ? 0 : mark_miss(s, w, granule);
	/* Most lines that others have changed have left their caches since. */
	if (is_others(w, mark) && (!had || w->tag_version[at] != mark->version))
		w->last_miss_ns = larger(w->last_miss_ns, mark_line(s, w, mark));
	w->tag[at] = line + 1;
	w->tag_version[at] = mark->version;
	w->mark_ns += w->last_miss_ns;
	return s->machine.test_ns + w->last_miss_ns;
}

double cost_set(struct simulation *s, struct worker *w, uint64_t granule)
{
	uint64_t line = line_of(s, granule);
	struct mark_line *mark = &s->line[line];
	/* The live mask's line: read alone, it is where the mark's would be. */
	double cost = w->last_miss_ns > 0 ? mark_miss(s, w, granule) : 0;

	/* The test has just brought the line; to have it alone costs once more if another
	 * one had it. A plain store does not wait for that. */
	if (s->workers > 1 && !s->bytes)
		cost += s->machine.atomic_ns + (is_others(w, mark) ? mark_line(s, w, mark) : 0);
	mark->version++;
	mark->writer = (int16_t)w->index;
	w->tag_version[spot(line, s->machine.cache_lines)] = mark->version;
	w->mark_ns += cost;
	return cost;
}

/* ---- Shared words and locks ---- */

void cost_atomic(struct simulation *s, struct worker *w, struct shared *shared)
{
	double cost = s->machine.atomic_ns + cost_line(s, w, shared->last);

	if (shared->free_ns > w->now)
		w->now = shared->free_ns;
	w->now += cost;
	shared->free_ns = w->now;
	shared->last = (int)w->index;
}

void cost_lock(struct simulation *s, struct worker *w, struct shared *lock, double hold_ns)
{
	double came = w->now;

	if (lock->free_ns > w->now) {
		s->waits++;
		w->now = lock->free_ns + s->machine.pass_ns;
	}
	w->now += s->machine.atomic_ns + cost_line(s, w, lock->last);
	w->lock_ns += w->now - came;
	w->now += hold_ns;
	lock->free_ns = w->now;
	lock->last = (int)w->index;
}
