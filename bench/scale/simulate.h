/* SPDX-License-Identifier: MIT */
/*
 * simulate.h: P workers that mark a graph together, in simulated time.
 *
 *   shape.c    the graph: objects, what they refer to, where they lie
 *   cost.c     what a machine takes: lines, nodes, locks, wake-ups
 *   share.c    how work changes hands: shared lists, or deques that are stolen from
 *   worker.c   the marking loop, object by object, and the clock
 *   simulate.c arguments, tables
 *
 * Every object of the graph is marked by some worker at some time; which one does
 * follows from the workers' clocks alone. The worker whose clock is lowest makes
 * the next step, which is one object, one piece of an array, or one attempt to get
 * work; so steps of two workers are seen in the order of their beginnings. Time is
 * in ns.
 */
#ifndef BENCH_SCALE_SIMULATE_H
#define BENCH_SCALE_SIMULATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WORKERS = 256,
	NODES = 16,
	RING = 32,
	PIECE_WORDS = 256,
	/* Entries of a chunk at most. */
	CHUNK = 512,
	/* Fetches of one worker that may be under way. */
	FETCHES = 64,
	/* Lines of objects that its cache keeps, at least. */
	RECENT = 512
};

#define NOTHING UINT32_MAX

/* ---- The graph ---- */

struct shape {
	const char *name;
	uint32_t count;
	/* The edges of object i: [first[i], first[i + 1]). */
	uint32_t *first, *edge;
	/* Where it begins, in granules of 16 bytes. */
	uint64_t *place;
	/* Has no pointers: marked, never queued. */
	uint8_t *leaf;
	/* The last pointer goes to the ring directly, as a pair's does. */
	bool tail;
	uint64_t granules;
};

/* One of the shapes by name; `spread` times as much memory as the objects take
 * lies between them. False: no such shape. */
bool shape_make(struct shape *shape, const char *name, uint32_t count, unsigned spread);
void shape_end(struct shape *shape);

/* ---- The machine ---- */

struct machine {
	/* An object's scan; a word of it; a candidate that lies in the cache. */
	double object_ns, word_ns, test_ns;
	/* A line of memory, of this node and of another; one that follows the last; how
	 * many a worker may wait for at once. */
	double near_ns, far_ns, stream_ns;
	unsigned fetches;
	/* A mark line that lies in memory, or in the cache that all share (so many lines of
	 * it), waited for beside others. */
	double mark_miss_ns, mark_near_ns;
	double shared_lines;
	/* A branch that went the other way than the one before it. */
	double guess_ns;
	/* An atomic on a line that is the worker's own. */
	double atomic_ns;
	/* A mark line that another worker of this node has changed, waited for beside
	 * others; of another node: more, as far_line_ns to line_ns. */
	double mark_line_ns;
	/* A line that another worker has changed, waited for: on this node, on another. */
	double line_ns, far_line_ns;
	/* A lock that somebody waits for, passed on; an entry that is copied. */
	double pass_ns, copy_ns;
	/* Waking: the call, and until the other runs. */
	double call_ns, wake_ns;
	/* How long a hungry worker looks before it sleeps. */
	double spin_ns;
	/* GB/s of a node. */
	double node_gbs;
	unsigned nodes;
	/* Lines of marks that a worker's cache holds. */
	unsigned cache_lines;
	/* Objects lie on nodes by ranges, else 64 KiB by turns. */
	bool ranges;
};

/* A word that workers change by atomics, or a lock: one at a time has it. */
struct shared {
	double free_ns;
	int last;
};

struct mark_line {
	uint32_t version;
	int16_t writer;
};

struct worker {
	double now, began_hungry_ns;
	/* What it waited for: work, locks, objects' lines, lines of marks, the count. */
	double idle_ns, lock_ns, fetch_ns, mark_ns, look_ns;
	unsigned index, node;
	/* Its queue, or deque: [bottom, top). */
	uint64_t *queue;
	uint32_t bottom, top, capacity;
	/* What it has stolen, and nobody can steal from it. */
	uint64_t stolen;
	bool has_stolen;
	uint32_t ring[RING];
	double ready[RING];
	unsigned head, tail;
	/* When fetches end, and the lines fetched last. */
	double fetch_end[FETCHES];
	unsigned fetch;
	uint64_t recent[RECENT];
	/* Mark lines in its cache. */
	uint64_t *tag;
	uint32_t *tag_version;
	/* What the last test of a mark said, and what bringing its line cost. */
	bool last_new;
	double last_miss_ns;
	/* The count of the hungry that it has seen. */
	uint64_t seen;
	unsigned since_look;
	bool hungry, asleep, done;
	uint64_t marked, random;
	double backoff_ns;
};

enum policy { POLICY_LIST, POLICY_NODE_LISTS, POLICY_STEAL };

struct chunk {
	struct chunk *next;
	uint32_t count;
	double put_ns;
	uint64_t entry[CHUNK];
};

/* A list of chunks that workers hand over, and who wants one. */
struct share {
	struct shared lock;
	struct chunk *first, *last;
	uint32_t chunks, hungry;
};

struct simulation {
	const struct shape *shape;
	struct machine machine;
	enum policy policy;
	unsigned workers, look, least;
	bool bytes, halves;
	struct worker worker[WORKERS];
	/* Workers by their clocks, the lowest first. */
	uint16_t heap[WORKERS];
	unsigned heap_count;
	/* When each object was marked, and by whom; < 0: it was not. */
	float *marked_ns;
	uint8_t *marker;
	struct mark_line *line;
	uint64_t line_count;
	double node_free_ns[NODES];
	struct share share[NODES];
	struct shared count, top[WORKERS];
	uint32_t hungry, chunks;
	uint64_t count_version;
	double end_ns;
	/* What is reported. */
	uint64_t handed, handed_entries, steals, twice, far_lines, lines, waits, wakes;
};

/* ---- cost.c ---- */

/* When a line of memory at a granule, asked for at `at`, is there. */
double cost_fetch(struct simulation *s, struct worker *w, uint64_t granule, double at);
/* What the test of a candidate's mark costs, and what setting it does. */
double cost_test(struct simulation *s, struct worker *w, uint64_t granule);
double cost_set(struct simulation *s, struct worker *w, uint64_t granule);
/* The worker has a shared word, or a lock, for hold_ns; its clock goes on. */
void cost_atomic(struct simulation *s, struct worker *w, struct shared *shared);
void cost_lock(struct simulation *s, struct worker *w, struct shared *lock, double hold_ns);
/* A line that one of two workers has changed, read by the other. */
double cost_line(const struct simulation *s, const struct worker *w, int other);
uint64_t random_next(uint64_t *state);

/* ---- share.c ---- */

/* After an object: hands work over if somebody is hungry. */
void share_some(struct simulation *s, struct worker *w);
/* A worker begins hungry. */
void share_hungry(struct simulation *s, const struct worker *w);
/* A worker without work: tries to get some, or waits. */
void share_want(struct simulation *s, struct worker *w);

/* ---- worker.c ---- */

void worker_push(struct worker *w, uint64_t entry);
/* A worker's clock goes on the heap (again). */
void clock_insert(struct simulation *s, struct worker *w);
/* Runs a simulation that is set up; returns the time that marking took. */
double simulation_run(struct simulation *s);
void simulation_end(struct simulation *s);

#endif
