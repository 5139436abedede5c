/* SPDX-License-Identifier: MIT */
/*
 * simulate.c: marking by many workers, simulated; a table, or JSON.
 *
 *   shape=WORD     graph, tree, list, lists, leaves (shape.c); all of them
 *   variant=WORD   one of `variants` below; all of them
 *   n=NUMBER       objects (300K)
 *   spread=NUMBER  the heap is so many times as large as its objects (1): marks of
 *                  objects then lie on as many more lines
 *   least=N look=N entries that are handed over at least, objects between two looks
 *                  at the count of the hungry
 *   most=N         workers at most; 1, 2, 4 ... are run
 *   nodes=N ranges=1   nodes of memory; objects lie on them by ranges, not by turns
 *   json=1
 *
 * and the machine, in ns: `costs` below. What each means is said in simulate.h
 * (struct machine). The defaults of what one processor shows are measured
 * (bench/scale/machine.c), or fitted to bench-smal's rows of marking; those about
 * nodes and about lines that travel between processors are assumptions, and mark-line
 * is the one that decides much (doc/design/scale.md).
 */
#include "simulate.h"
#include "../measure.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t at;
	double otherwise;
} costs[] = {
	{ "object", offsetof(struct machine, object_ns), 4 },
	{ "word", offsetof(struct machine, word_ns), 1 },
	{ "test", offsetof(struct machine, test_ns), 3 },
	{ "guess", offsetof(struct machine, guess_ns), 8 },
	{ "near", offsetof(struct machine, near_ns), 170 },
	{ "far", offsetof(struct machine, far_ns), 300 },
	{ "stream", offsetof(struct machine, stream_ns), 3 },
	{ "mark-near", offsetof(struct machine, mark_near_ns), 6 },
	{ "mark-miss", offsetof(struct machine, mark_miss_ns), 25 },
	{ "shared-lines", offsetof(struct machine, shared_lines), 262144 },
	{ "mark-line", offsetof(struct machine, mark_line_ns), 6 },
	{ "atomic", offsetof(struct machine, atomic_ns), 4 },
	{ "line", offsetof(struct machine, line_ns), 60 },
	{ "far-line", offsetof(struct machine, far_line_ns), 150 },
	{ "pass", offsetof(struct machine, pass_ns), 200 },
	{ "copy", offsetof(struct machine, copy_ns), 0.5 },
	{ "call", offsetof(struct machine, call_ns), 5000 },
	{ "wake", offsetof(struct machine, wake_ns), 50000 },
	{ "spin", offsetof(struct machine, spin_ns), 0 },
	{ "gbs", offsetof(struct machine, node_gbs), 100 },
};

struct variant {
	const char *name;
	enum policy policy;
	bool bytes, halves;
	/* Entries handed over at least, 0: as the argument says; objects between looks. */
	unsigned least;
	double spin_ns;
};

static const struct variant variants[] = {
	{ "list", POLICY_LIST, false, false, 0, 0 },
	{ "list-spin", POLICY_LIST, false, false, 0, 50000 },
	{ "node-lists", POLICY_NODE_LISTS, false, false, 0, 50000 },
	{ "steal", POLICY_STEAL, false, false, 0, 0 },
	{ "list-bytes", POLICY_LIST, true, false, 0, 50000 },
	{ "list-one", POLICY_LIST, false, false, 1, 50000 },
	{ "list-halves", POLICY_LIST, false, true, 0, 50000 },
	{ "steal-halves", POLICY_STEAL, false, true, 0, 0 },
};

struct parameters {
	struct machine machine;
	unsigned look, least, most;
	bool json;
	int rows;
};

static double number(const char *name, double otherwise)
{
	const char *word = measure_word(name, NULL);
	double value;
	char *end;

	if (word == NULL)
		return otherwise;
	value = strtod(word, &end);
	if (end == word || *end != '\0')
		measure_fail("an argument is no number");
	return value;
}

static void read_machine(struct machine *machine)
{
	for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++)
		*(double *)(void *)((char *)machine + costs[i].at) =
			number(costs[i].name, costs[i].otherwise);
	machine->fetches = (unsigned)measure_number("fetches", 10);
	machine->nodes = (unsigned)measure_number("nodes", 2);
	machine->cache_lines = (unsigned)measure_number("cache-lines", 4096);
	machine->ranges = measure_number("ranges", 0) != 0;
	if (machine->fetches - 1 >= FETCHES || machine->nodes - 1 >= NODES ||
	    machine->cache_lines == 0)
		measure_fail("fetches, nodes or cache-lines is out of range");
}

static void print_row(struct parameters *p, const struct simulation *s, const char *variant,
                      double ns, double one_ns)
{
	double idle = 0, lock = 0, fetch = 0, mark = 0, all = ns * s->workers;

	for (unsigned i = 0; i < s->workers; i++) {
		idle += s->worker[i].idle_ns;
		lock += s->worker[i].lock_ns + s->worker[i].look_ns;
		fetch += s->worker[i].fetch_ns;
		mark += s->worker[i].mark_ns;
	}
	if (p->json) {
		printf("%s{\"shape\": \"%s\", \"variant\": \"%s\", \"workers\": %u, \"ms\": %.3f, "
		       "\"speedup\": %.3f, \"idle\": %.4f, \"lock\": %.4f, \"fetch\": %.4f, "
		       "\"mark\": %.4f, \"handed\": %llu, "
		       "\"entries\": %llu, \"steals\": %llu, \"waits\": %llu, "
		       "\"wakes\": %llu, \"twice\": %llu, \"far\": %.3f}",
		       p->rows++ == 0 ? "[" : ",\n ", s->shape->name, variant, s->workers, ns / 1e6,
		       one_ns / ns, idle / all, lock / all, fetch / all, mark / all,
		       (unsigned long long)s->handed,
		       (unsigned long long)s->handed_entries, (unsigned long long)s->steals,
		       (unsigned long long)s->waits,
		       (unsigned long long)s->wakes, (unsigned long long)s->twice,
		       (double)s->far_lines / (double)(s->lines + 1));
		return;
	}
	printf("%-7s %-13s %4u %9.3f %7.2f %6.1f %6.2f %6.1f %6.1f %8llu %8.0f %9llu %7llu %7llu\n",
	       s->shape->name, variant, s->workers, ns / 1e6, one_ns / ns, 100 * idle / all,
	       100 * lock / all, 100 * fetch / all, 100 * mark / all,
	       (unsigned long long)(s->handed + s->steals),
	       s->handed > 0 ? (double)s->handed_entries / (double)s->handed : 0,
	       (unsigned long long)s->waits, (unsigned long long)s->wakes,
	       (unsigned long long)s->twice);
	fflush(stdout);
}

/* One worker marks plainly, whatever the variant. */
static double run(struct parameters *p, const struct shape *shape, const struct variant *variant,
                  unsigned workers, double one_ns)
{
	struct simulation *s = calloc(1, sizeof *s);
	double ns;

	if (!s)
		measure_fail("out of memory");
	s->shape = shape;
	s->machine = p->machine;
	if (variant->spin_ns > 0)
		s->machine.spin_ns = variant->spin_ns;
	s->policy = variant->policy;
	s->bytes = variant->bytes;
	s->halves = variant->halves;
	s->look = variant->least != 0 ? 1 : p->look;
	s->least = variant->least != 0 ? variant->least : p->least;
	s->workers = workers;
	ns = simulation_run(s);
	print_row(p, s, variant->name, ns, one_ns > 0 ? one_ns : ns);
	simulation_end(s);
	free(s);
	return ns;
}

static void run_shape(struct parameters *p, const char *name, uint32_t n, unsigned spread,
                      const char *which)
{
	struct shape shape;
	double one_ns;

	if (!shape_make(&shape, name, n, spread))
		measure_fail("no such shape");
	one_ns = run(p, &shape, &variants[0], 1, 0);
	for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
		for (unsigned workers = 2; workers <= p->most; workers *= 2)
			if (strcmp(which, "all") == 0 || strcmp(which, variants[i].name) == 0)
				run(p, &shape, &variants[i], workers, one_ns);
	shape_end(&shape);
}

int main(int count, char **arguments)
{
	static const char *const shapes[] = { "graph", "tree", "list", "lists", "leaves" };
	struct parameters p = { .rows = 0 };
	const char *shape, *variant;
	unsigned spread;
	uint32_t n;

	measure_arguments(count - 1, arguments + 1);
	read_machine(&p.machine);
	shape = measure_word("shape", "all");
	variant = measure_word("variant", "all");
	n = (uint32_t)measure_number("n", 300000);
	spread = (unsigned)measure_number("spread", 1);
	p.look = (unsigned)measure_number("look", 32);
	p.least = (unsigned)measure_number("least", 8);
	p.most = (unsigned)measure_number("most", 64);
	p.json = measure_number("json", 0) != 0;
	measure_arguments_done();
	if (n < 1000 || n > 10000000 || spread == 0 || spread > 4096 || p.most > WORKERS)
		measure_fail("n, spread or most is out of range");
	if (!p.json)
		printf("%-7s %-13s %4s %9s %7s %6s %6s %6s %6s %8s %8s %9s %7s %7s\n", "shape",
		       "variant", "P", "ms", "speedup", "idle%", "lock%", "fetch%", "mark%",
		       "handed", "entries", "lockwaits", "wakes", "twice");
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		if (strcmp(shape, "all") == 0 || strcmp(shape, shapes[i]) == 0)
			run_shape(&p, shapes[i], n, spread, variant);
	if (p.json)
		printf("]\n");
	return 0;
}
