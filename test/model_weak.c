/* SPDX-License-Identifier: MIT */
/*
 * model_weak.c: random graphs of objects, weak references, ephemerons, maps,
 * finalizers and watches against a model that is too simple to be wrong: after each
 * collection the same objects live, the same references are cleared, the same entries
 * have gone, the same notices came, in the same order.
 *
 * Things are made, linked, unlinked and dropped at random, by one thread or by
 * several in turn, while others allocate; stacks are not scanned, so that it is known
 * exactly what is reachable.
 */
#include <smal/base/option.h>
#include <smal/gc/gc.h>

#include "test/collector.h"

#include <pthread.h>
#include <string.h>

enum {
	THINGS = 3000,
	EDGES = 3,
	ENTRIES = 6,
	REGISTRATIONS = 600,
	SLOTS = 40,
	/* Of them: what an operation has at hand. */
	HANDS = 4,
	NONE = -1
};

enum what { NODE, WEAK, EPHEMERON, MAP, WHATS };

struct thing {
	uintptr_t hidden;
	enum what what;
	bool used, marked;
	/* A long weak reference; a map's kind. */
	unsigned flags;
	/* A node's edges; a weak reference's target; a key and a value; a map's keys, and
	 * behind them values. */
	int to[2 * ENTRIES];
};

struct registration {
	struct smal_finalizer *finalizer;
	bool used, watch, ordered, queued;
	/* What the collection under way decides. */
	bool due;
	int object, value;
	/* The collection that put it on the queue. */
	unsigned since;
};

static struct thing things[THINGS];
static struct registration registrations[REGISTRATIONS];
static void *slots[SLOTS];
static int slot_of[SLOTS];
static struct smal_type *node_type, *garbage_type;
static struct smal_queue *queue;
static unsigned collections, modelled, waiting;
static struct smal_collection last;
static struct test_random random_numbers;
/* The thread whose turn it is. */
static struct smal_thread *self;

struct node {
	void *edges[EDGES];
	uintptr_t number;
};

static size_t below(size_t limit)
{
	return test_random_below(&random_numbers, limit);
}

static void *object_of(int i)
{
	return i != NONE ? (void *)HIDE(things[i].hidden) : NULL;
}

static void set_slot(int slot, int i)
{
	slot_of[slot] = i;
	slots[slot] = object_of(i);
}

/* ---- The model of a collection ---- */

static bool more;

static bool mark(int i)
{
	if (i == NONE || things[i].marked)
		return false;
	EXPECT(things[i].used);
	things[i].marked = true;
	return more = true;
}

static bool is_marked(int i)
{
	return i == NONE || things[i].marked;
}

static void mark_below(const struct thing *thing)
{
	switch (thing->what) {
	case NODE:
		for (int e = 0; e < EDGES; e++)
			mark(thing->to[e]);
		break;
	case EPHEMERON:
		if (thing->to[0] != NONE && is_marked(thing->to[0]))
			mark(thing->to[1]);
		break;
	case MAP:
		for (int e = 0; e < ENTRIES; e++) {
			int key = thing->to[e], value = thing->to[ENTRIES + e];

			if (key == NONE)
				continue;
			if (thing->flags == SMAL_MAP_STRONG || thing->flags == SMAL_MAP_WEAK_VALUES)
				mark(key);
			if (thing->flags == SMAL_MAP_STRONG ||
			    (thing->flags == SMAL_MAP_WEAK_KEYS && is_marked(key)))
				mark(value);
		}
		break;
	default:
		break;
	}
}

/* Until nothing more is marked. */
static void mark_all(void)
{
	do {
		more = false;
		for (int i = 0; i < THINGS; i++)
			if (things[i].used && things[i].marked)
				mark_below(&things[i]);
		for (int r = 0; r < REGISTRATIONS; r++)
			if (registrations[r].used && !registrations[r].queued &&
			    is_marked(registrations[r].object))
				mark(registrations[r].value);
	} while (more);
}

static void mark_roots(void)
{
	for (int i = 0; i < THINGS; i++)
		things[i].marked = false;
	for (int s = 0; s < SLOTS; s++)
		mark(slot_of[s]);
	for (int r = 0; r < REGISTRATIONS; r++) {
		if (!registrations[r].used || !registrations[r].queued)
			continue;
		if (!registrations[r].watch)
			mark(registrations[r].object);
		mark(registrations[r].value);
	}
	mark_all();
}

static void clear(struct thing *thing, bool all)
{
	if (thing->what == WEAK && (all || (thing->flags & SMAL_WEAK_LONG) == 0) &&
	    !is_marked(thing->to[0]))
		thing->to[0] = NONE;
	if (thing->what == EPHEMERON && !is_marked(thing->to[0]))
		thing->to[0] = thing->to[1] = NONE;
	if (thing->what != MAP || thing->flags == SMAL_MAP_STRONG)
		return;
	for (int e = 0; e < ENTRIES; e++) {
		bool key_stays = thing->flags == SMAL_MAP_WEAK_VALUES || is_marked(thing->to[e]);
		bool value_stays = thing->flags == SMAL_MAP_WEAK_KEYS ||
		                   is_marked(thing->to[ENTRIES + e]);

		if (thing->to[e] != NONE && !(key_stays && value_stays))
			thing->to[e] = thing->to[ENTRIES + e] = NONE;
	}
}

static void clear_all(bool all)
{
	for (int i = 0; i < THINGS; i++)
		if (things[i].used && things[i].marked)
			clear(&things[i], all);
}

/* Unordered ones are due at once; ordered ones if no other's object leads to theirs. */
static void decide(void)
{
	bool dead[REGISTRATIONS] = { false }, any;

	for (int r = 0; r < REGISTRATIONS; r++) {
		struct registration *at = &registrations[r];

		dead[r] = at->used && !at->queued && !at->watch && !is_marked(at->object);
		at->due = dead[r] && !at->ordered;
	}
	/* The object of an owner is not marked itself: what its maps' entries lead to
	 * depends on what else is. */
	do {
		any = false;
		for (int r = 0; r < REGISTRATIONS; r++) {
			more = false;
			if (dead[r] && registrations[r].ordered)
				mark_below(&things[registrations[r].object]);
			any |= more;
		}
		mark_all();
	} while (any);
	for (int r = 0; r < REGISTRATIONS; r++)
		if (dead[r] && registrations[r].ordered)
			registrations[r].due = !is_marked(registrations[r].object);
	for (int r = 0; r < REGISTRATIONS; r++) {
		if (!registrations[r].due)
			continue;
		mark(registrations[r].object);
		mark(registrations[r].value);
	}
	mark_all();
	/* Values of watches are kept, whether they are due or not. */
	for (int r = 0; r < REGISTRATIONS; r++)
		if (registrations[r].used && !registrations[r].queued && registrations[r].watch)
			mark(registrations[r].value);
	mark_all();
}

static void model_collection(void)
{
	unsigned notices = 0;

	modelled = collections;
	mark_roots();
	clear_all(false);
	decide();
	clear_all(true);
	for (int r = 0; r < REGISTRATIONS; r++) {
		struct registration *at = &registrations[r];

		if (!at->used || at->queued || !(at->due || (at->watch && !is_marked(at->object))))
			continue;
		at->queued = true;
		at->due = false;
		at->since = collections;
		notices++;
		if (at->watch)
			at->object = NONE;
	}
	waiting += notices;
	EXPECT(last.notices == notices);
	for (int i = 0; i < THINGS; i++)
		if (!things[i].marked)
			things[i].used = false;
}

static void observe(const struct smal_collection *collection, void *user)
{
	(void)user;
	collections++;
	last = *collection;
}

/* ---- Whether it agrees ---- */

static void expect_whole(const struct thing *thing, int i)
{
	void *object = object_of(i);

	switch (thing->what) {
	case NODE:
		EXPECT(smal_type_of(object) == node_type);
		EXPECT(((struct node *)object)->number == (uintptr_t)i);
		for (int e = 0; e < EDGES; e++)
			EXPECT(((struct node *)object)->edges[e] == object_of(thing->to[e]));
		break;
	case WEAK:
		EXPECT(smal_weak_get(object) == object_of(thing->to[0]));
		break;
	case EPHEMERON:
		EXPECT(smal_ephemeron_key(object) == object_of(thing->to[0]));
		EXPECT(smal_ephemeron_value(object) == object_of(thing->to[1]));
		break;
	default: {
		size_t count = 0;

		for (int e = 0; e < ENTRIES; e++) {
			if (thing->to[e] == NONE)
				continue;
			count++;
			EXPECT(smal_map_get(self, object, object_of(thing->to[e])) ==
			       object_of(thing->to[ENTRIES + e]));
		}
		EXPECT(smal_map_count(object) == count);
	}
	}
}

static uint64_t live_of(enum smal_inner_type which)
{
	struct smal_stats stats;

	if (gc->inner[which] == NULL)
		return 0;
	smal_type_get_stats(&gc->inner[which]->public, &stats);
	return stats.live_objects;
}

/* After a collection: exactly those that the model has. */
static void expect_agreement(void)
{
	uint64_t counts[WHATS] = { 0 }, registered = 0;
	struct smal_stats nodes;

	for (int i = 0; i < THINGS; i++) {
		if (!things[i].used)
			continue;
		counts[things[i].what]++;
		expect_whole(&things[i], i);
	}
	smal_type_get_stats(node_type, &nodes);
	EXPECT(nodes.live_objects == counts[NODE]);
	EXPECT(live_of(SMAL_INNER_WEAK) == counts[WEAK]);
	EXPECT(live_of(SMAL_INNER_EPHEMERON) == counts[EPHEMERON]);
	EXPECT(live_of(SMAL_INNER_MAP) == counts[MAP]);
	for (int r = 0; r < REGISTRATIONS; r++)
		registered += registrations[r].used;
	EXPECT(live_of(SMAL_INNER_FINALIZER) == registered);
	EXPECT(smal_queue_count(queue) == waiting);
}

/* ---- Operations ---- */

/* Allocation may have collected (torture), before the new object was there. */
static void catch_up(void)
{
	if (collections != modelled)
		model_collection();
}

/* Where a thing leads to, weakly or not. */
static int random_edge(const struct thing *thing)
{
	size_t edges = thing->what == NODE        ? EDGES
	               : thing->what == WEAK      ? 1
	               : thing->what == EPHEMERON ? 2
	                                          : 2 * ENTRIES;

	return thing->to[below(edges)];
}

/* A thing that can be reached: the end of a random walk; in a hand. */
static int walk(int hand)
{
	int at = slot_of[HANDS + below(SLOTS - HANDS)];

	for (size_t steps = below(12); steps > 0 && at != NONE; steps--) {
		int next = random_edge(&things[at]);

		if (next != NONE)
			at = next;
	}
	set_slot(hand, at);
	return at;
}

/* One of a kind, or NONE. */
static int walk_to(int hand, enum what what)
{
	for (int tries = 0; tries < 8; tries++) {
		int i = walk(hand);

		if (i != NONE && things[i].what == what)
			return i;
	}
	return NONE;
}

static int free_thing(void)
{
	size_t start = below(THINGS);

	for (size_t i = 0; i < THINGS; i++)
		if (!things[(start + i) % THINGS].used)
			return (int)((start + i) % THINGS);
	return NONE;
}

static void *make_object(enum what what, unsigned flags, int a, int b)
{
	switch (what) {
	case NODE:
		return smal_alloc(self, node_type);
	case WEAK:
		return smal_weak_create(self, object_of(a), flags);
	case EPHEMERON:
		return smal_ephemeron_create(self, object_of(a), object_of(b));
	default:
		return smal_map_create(self, (enum smal_map_kind)flags, NULL, NULL, NULL);
	}
}

static void make_thing(void)
{
	enum what what = below(2) == 0 ? NODE : (enum what)below(WHATS);
	unsigned flags = (unsigned)below(what == WEAK ? 2 : 4);
	int a = walk(0), b = walk(1), i;
	struct thing *thing;
	void *object;

	if (what == EPHEMERON && a == NONE)
		b = NONE;
	object = make_object(what, flags, a, b);
	EXPECT(object != NULL);
	/* The operands are in the hands: they are as alive as they were. */
	catch_up();
	i = free_thing();
	EXPECT(i != NONE);
	thing = &things[i];
	*thing = (struct thing){
		.hidden = HIDE(object), .what = what, .used = true, .flags = flags
	};
	for (int e = 0; e < 2 * ENTRIES; e++)
		thing->to[e] = NONE;
	if (what == NODE)
		((struct node *)object)->number = (uintptr_t)i;
	if (what == WEAK || what == EPHEMERON)
		thing->to[0] = a;
	if (what == EPHEMERON)
		thing->to[1] = b;
	set_slot(2, i);
	if (below(3) == 0)
		set_slot(HANDS + (int)below(SLOTS - HANDS), i);
	a = walk_to(0, NODE);
	if (a != NONE) {
		size_t e = below(EDGES);

		things[a].to[e] = i;
		((struct node *)object_of(a))->edges[e] = object;
	}
}

static void set_edge(void)
{
	int from = walk_to(0, NODE), to = below(3) == 0 ? NONE : walk(1);
	size_t e = below(EDGES);

	if (from == NONE)
		return;
	things[from].to[e] = to;
	((struct node *)object_of(from))->edges[e] = object_of(to);
}

static void set_weak(void)
{
	int i = walk_to(0, below(2) == 0 ? WEAK : EPHEMERON), to = walk(1);

	if (i == NONE)
		return;
	if (things[i].what == WEAK) {
		EXPECT(smal_weak_set(self, object_of(i), object_of(to)) == SMAL_OK);
		things[i].to[0] = to;
		return;
	}
	smal_ephemeron_set(object_of(i), object_of(to));
	if (things[i].to[0] != NONE)
		things[i].to[1] = to;
}

static void put_entry(void)
{
	int map = walk_to(0, MAP), key = walk(1), value = walk(2);
	int at = NONE;

	if (map == NONE || key == NONE || value == NONE)
		return;
	for (int e = 0; e < ENTRIES; e++)
		if (things[map].to[e] == key || (at == NONE && things[map].to[e] == NONE))
			at = e;
	for (int e = 0; e < ENTRIES; e++)
		at = things[map].to[e] == key ? e : at;
	if (at == NONE)
		return;
	EXPECT(smal_map_put(self, object_of(map), object_of(key), object_of(value)) == SMAL_OK);
	catch_up();
	/* A collection may have made room before it. */
	things[map].to[at] = key;
	things[map].to[ENTRIES + at] = value;
}

static void remove_entry(void)
{
	int map = walk_to(0, MAP);
	size_t e = below(ENTRIES);

	if (map == NONE || things[map].to[e] == NONE)
		return;
	EXPECT(smal_map_remove(self, object_of(map), object_of(things[map].to[e])) ==
	       object_of(things[map].to[ENTRIES + e]));
	things[map].to[e] = things[map].to[ENTRIES + e] = NONE;
}

/* True if a value leads to an object: such a watch would never be due. */
static bool leads_to(int value, int object)
{
	bool result;

	for (int i = 0; i < THINGS; i++)
		things[i].marked = false;
	mark(value);
	mark_all();
	result = is_marked(object);
	return result;
}

static void add_registration(void)
{
	int object = walk(0), value = below(2) == 0 ? NONE : walk(1);
	struct registration *at = NULL;
	bool watch = below(3) == 0;
	struct smal_finalizer *finalizer;
	unsigned flags = (unsigned)below(2);

	for (int r = 0; r < REGISTRATIONS && at == NULL; r++)
		at = registrations[r].used ? NULL : &registrations[r];
	if (at == NULL || object == NONE || (watch && value != NONE && leads_to(value, object)))
		return;
	/* Whether an ephemeron owns its value is left open. */
	if (things[object].what == EPHEMERON)
		flags = 0;
	finalizer =
		watch ? smal_watch_add(self, queue, object_of(object), object_of(value))
		      : smal_finalizer_add(self, queue, object_of(object), object_of(value), flags);
	EXPECT(finalizer != NULL);
	catch_up();
	*at = (struct registration){ .finalizer = finalizer,
		                     .used = true,
		                     .watch = watch,
		                     .ordered = !watch && flags != 0,
		                     .object = object,
		                     .value = value };
}

static void cancel_registration(void)
{
	struct registration *at = &registrations[below(REGISTRATIONS)];

	if (!at->used || at->queued)
		return;
	EXPECT(smal_finalizer_cancel(self, at->finalizer) == SMAL_OK);
	at->used = false;
}

static void take_notice(void)
{
	static unsigned newest;
	struct smal_notice notice;
	struct registration *at = NULL;

	EXPECT(smal_queue_take(self, queue, &notice) == (waiting > 0));
	if (waiting == 0)
		return;
	for (int r = 0; r < REGISTRATIONS && at == NULL; r++)
		if (registrations[r].used && registrations[r].queued &&
		    registrations[r].finalizer == notice.finalizer)
			at = &registrations[r];
	EXPECT(at != NULL && notice.in_cycle == 0);
	EXPECT(notice.object == (at->watch ? NULL : object_of(at->object)));
	EXPECT(notice.value == object_of(at->value));
	/* First in, first out: those of an earlier collection before later ones. */
	EXPECT(at->since >= newest || newest > collections);
	newest = at->since;
	waiting--;
	at->used = false;
	if (at->object != NONE && below(2) == 0)
		set_slot(HANDS + (int)below(SLOTS - HANDS), at->object);
	set_slot(3, at->value);
}

static void collect(void)
{
	EXPECT(smal_collect(self) == SMAL_OK);
	model_collection();
	expect_agreement();
}

static unsigned used_things(void)
{
	unsigned used = 0;

	for (int i = 0; i < THINGS; i++)
		used += things[i].used;
	return used;
}

static void step(size_t collect_every)
{
	static void (*const operations[])(void) = {
		make_thing, make_thing, make_thing, make_thing,   set_edge,         set_edge,
		set_weak,   put_entry,  put_entry,  remove_entry, add_registration, take_notice,
	};

	operations[below(sizeof operations / sizeof *operations)]();
	if (below(20) == 0)
		cancel_registration();
	if (below(15) == 0)
		set_slot((int)below(SLOTS), NONE);
	if (below(collect_every) == 0)
		collect();
	if (below(200) == 0 && used_things() > THINGS * 3 / 4) {
		for (int s = 0; s < SLOTS; s++)
			if (below(3) != 0)
				set_slot(s, NONE);
		collect();
	}
}

/* ---- Runs ---- */

static struct run {
	size_t operations, collect_every, threads;
} run;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static size_t done;

static void start(void)
{
	static const uintptr_t edges = ((uintptr_t)1 << EDGES) - 1;
	struct smal_type_desc desc = { .name = "node",
		                       .bytes = sizeof(struct node),
		                       .marking = SMAL_MARK_LAYOUT,
		                       .layout = { .bits = &edges, .words = EDGES } };

	heap_begin_exact();
	node_type = heap_type(&desc);
	garbage_type = heap_pair_type();
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	for (int s = 0; s < SLOTS; s++) {
		ck_assert_int_eq(smal_root_add(gc, &slots[s], "slot"), SMAL_OK);
		set_slot(s, NONE);
	}
	memset(things, 0, sizeof things);
	memset(registrations, 0, sizeof registrations);
	collections = modelled = waiting = 0;
	done = 0;
	smal_gc_set_observer(gc, observe, NULL);
	self = thread;
}

/* All that can come has come. */
static void drain(void)
{
	do {
		for (int s = 0; s < SLOTS; s++)
			set_slot(s, NONE);
		collect();
		while (waiting > 0)
			take_notice();
	} while (last.notices > 0);
	for (int s = 0; s < SLOTS; s++)
		set_slot(s, NONE);
}

/* All is dropped, and comes, and dies. */
static void finish(void)
{
	self = thread;
	drain();
	/* What is left are ordered ones in cycles, and what those keep. */
	for (int r = 0; r < REGISTRATIONS; r++) {
		if (!registrations[r].used || (!registrations[r].ordered && !registrations[r].watch))
			continue;
		EXPECT(smal_finalizer_cancel(self, registrations[r].finalizer) == SMAL_OK);
		registrations[r].used = false;
	}
	drain();
	for (int r = 0; r < REGISTRATIONS; r++)
		EXPECT(!registrations[r].used);
	collect();
	EXPECT(used_things() == 0);
	smal_gc_set_torture(gc, 0);
	heap_end();
}

static void run_alone(void)
{
	start();
	for (size_t i = 0; i < run.operations; i++)
		step(run.collect_every);
	finish();
}

START_TEST(test_alone)
{
	run = (struct run){ .operations = test_long() ? 30000000 : heap_scale(600000),
		            .collect_every = 150 };
	test_random_init(&random_numbers, 1);
	run_alone();
}
END_TEST

/* A collection at every few allocations; with a second marker and the checker. */
START_TEST(test_torture)
{
	run = (struct run){ .operations = heap_scale(test_long() ? 1000000 : 20000),
		            .collect_every = 200 };
	test_random_init(&random_numbers, 2 + (uint64_t)_i);
	start();
	smal_gc_set_torture(gc, 1 + (unsigned)_i * 3);
	smal_process.options.check_mark = smal_process.options.check_all = _i % 2 == 0;
	for (size_t i = 0; i < run.operations; i++)
		step(run.collect_every);
	finish();
}
END_TEST

/* Several threads, one at a time in the model; the others go on allocating garbage,
 * and are stopped at it. */
static void *take_turns(void *argument)
{
	struct smal_thread *mine;
	bool more_to_do = true;

	EXPECT(smal_thread_attach(gc, &mine) == SMAL_OK);
	while (more_to_do) {
		EXPECT(smal_thread_leave(mine) == SMAL_OK);
		pthread_mutex_lock(&turn);
		EXPECT(smal_thread_enter(mine) == SMAL_OK);
		self = mine;
		for (int i = 0; i < 20; i++)
			step(run.collect_every);
		done += 20;
		more_to_do = done < run.operations;
		pthread_mutex_unlock(&turn);
		/* Where each allocation collects, the model would not see when. */
		for (int i = 0; i < 50 && gc->torture == 0; i++)
			EXPECT(smal_alloc(mine, garbage_type) != NULL);
	}
	EXPECT(smal_thread_detach(mine) == SMAL_OK);
	return argument;
}

START_TEST(test_threads)
{
	pthread_t ids[8];

	run = (struct run){ .operations = test_long() ? 10000000 : heap_scale(200000),
		            .collect_every = 300,
		            .threads = 8 };
	test_random_init(&random_numbers, 9);
	start();
	for (size_t i = 0; i < run.threads; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, take_turns, NULL), 0);
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	for (size_t i = 0; i < run.threads; i++)
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	finish();
}
END_TEST

static Suite *weak_suite(void)
{
	Suite *suite = suite_create("model weak");
	TCase *model = tcase_create("model");

	tcase_add_test(model, test_alone);
	tcase_add_loop_test(model, test_torture, 0, 3);
	tcase_add_test(model, test_threads);
	suite_add_tcase(suite, model);
	return suite;
}

int main(void)
{
	return test_main(weak_suite);
}
