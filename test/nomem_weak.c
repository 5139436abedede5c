/* SPDX-License-Identifier: MIT */
/*
 * nomem_weak.c: where memory fails, weak references, ephemerons, finalizers,
 * maps and explanations say so, or work without it; and nothing is lost: what is
 * held lives, what is dropped gives each of its notices once, what was put into
 * a map is found there.
 *
 * Every request for memory is refused, one after another and all from one on
 * (test/nomem.h), while things are made and collected; afterwards everything
 * works again, and the model that was kept beside it must agree.
 */
#include "test/nomem.h"

#include <string.h>

struct thing {
	void *link;
	uintptr_t id;
};

enum { KINDS_OF_MAP = 4, THINGS = 3000, MANY = 100 };

/* What the program believes of each thing. */
struct item {
	/* Held, until it is dropped; and its address, hidden. */
	struct thing *thing;
	uintptr_t hidden;
	struct smal_weak *weak;
	struct smal_ephemeron *ephemeron;
	bool finalizer, watch, in_map[KINDS_OF_MAP];
	unsigned finalized, watched;
};

static struct item items[THINGS];
static size_t item_count;
static struct smal_map *maps[KINDS_OF_MAP];
static struct smal_type *thing_type;
static struct smal_queue *queue, *other_queue;

static void mark_items(struct smal_marker *marker, void *user)
{
	(void)user;
	for (size_t i = 0; i < item_count; i++) {
		smal_mark(marker, items[i].thing);
		smal_mark(marker, items[i].weak);
		smal_mark(marker, items[i].ephemeron);
	}
	smal_mark_array(marker, (void *const *)maps, KINDS_OF_MAP);
}

/* ---- Each step until it succeeds ---- */

static enum smal_error make_type(void)
{
	static const uintptr_t first = 1;
	struct smal_type_desc desc = { .name = "thing",
		                       .bytes = sizeof(struct thing),
		                       .marking = SMAL_MARK_LAYOUT,
		                       .layout = { .bits = &first, .words = 1 } };

	return smal_type_create(gc, &desc, &thing_type);
}

static enum smal_error add_roots(void)
{
	return smal_root_add_function(gc, mark_items, NULL, "items");
}

static enum smal_error make_queue(void)
{
	return smal_queue_create(gc, &queue);
}

static enum smal_error make_other_queue(void)
{
	return smal_queue_create(gc, &other_queue);
}

static enum smal_error make_map(void)
{
	for (int kind = 0; kind < KINDS_OF_MAP; kind++) {
		if (maps[kind] == NULL)
			maps[kind] =
				smal_map_create(thread, (enum smal_map_kind)kind, NULL, NULL, NULL);
		if (maps[kind] == NULL)
			return smal_thread_error(thread);
	}
	return SMAL_OK;
}

static void begin(void)
{
	nomem_step(nomem_create);
	nomem_step(nomem_attach);
	nomem_step(make_type);
	nomem_step(add_roots);
	nomem_step(make_queue);
	nomem_step(make_other_queue);
	nomem_step(make_map);
}

static void end(void)
{
	DEMAND(smal_check(thread) == SMAL_OK);
	DEMAND(smal_thread_detach(thread) == SMAL_OK);
	DEMAND(smal_gc_destroy(gc) == SMAL_OK);
}

/* ---- Making ---- */

/* An immediate, which is no object and names an item. */
static void *immediate(size_t i)
{
	return (void *)(i << 1 | 1);
}

static void make_references(struct item *item, size_t i)
{
	struct thing *value;

	item->weak = smal_weak_create(thread, item->thing, i % 2 == 0 ? 0 : SMAL_WEAK_LONG);
	nomem_failed_object(thread, item->weak);
	value = smal_alloc(thread, thing_type);
	if (nomem_failed_object(thread, value))
		return;
	value->id = i;
	/* The value refers to the key: that must not keep it. */
	value->link = item->thing;
	item->ephemeron = smal_ephemeron_create(thread, item->thing, value);
	nomem_failed_object(thread, item->ephemeron);
}

static void make_registrations(struct item *item, size_t i)
{
	struct smal_finalizer *finalizer;

	if (i % 3 != 0) {
		finalizer = smal_finalizer_add(thread, queue, item->thing, immediate(i),
		                               i % 3 == 1 ? 0 : SMAL_FINALIZER_ORDERED);
		item->finalizer = !nomem_failed_object(thread, finalizer);
	}
	finalizer = smal_watch_add(thread, queue, item->thing, immediate(i));
	item->watch = !nomem_failed_object(thread, finalizer);
	if (i % 5 == 0) {
		finalizer = smal_finalizer_add(thread, other_queue, item->thing, NULL, 0);
		if (!nomem_failed_object(thread, finalizer) && i % 10 == 0)
			DEMAND(smal_finalizer_cancel(thread, finalizer) == SMAL_OK);
	}
}

static void make_item(void)
{
	size_t i = item_count;
	struct item *item = &items[i];
	struct thing *thing = smal_alloc(thread, thing_type);

	if (nomem_failed_object(thread, thing))
		return;
	thing->id = i;
	*item = (struct item){ .thing = thing, .hidden = HIDE(thing) };
	item_count++;
	make_references(item, i);
	make_registrations(item, i);
	for (int kind = 0; kind < KINDS_OF_MAP; kind++) {
		/* What keeps its keys would keep the thing. */
		bool by_thing = kind == SMAL_MAP_WEAK_KEYS || kind == SMAL_MAP_WEAK_BOTH;
		void *key = by_thing ? (void *)thing : immediate(i);
		void *value = kind == SMAL_MAP_STRONG ? immediate(i) : (void *)thing;

		item->in_map[kind] = !nomem_failed(smal_map_put(thread, maps[kind], key, value));
	}
}

/* ---- What must hold ---- */

static void *map_get(int kind, const struct item *item, size_t i)
{
	bool by_thing = kind == SMAL_MAP_WEAK_KEYS || kind == SMAL_MAP_WEAK_BOTH;

	return smal_map_get(thread, maps[kind],
	                    by_thing ? (void *)HIDE(item->hidden) : immediate(i));
}

static void expect_held(const struct item *item, size_t i)
{
	DEMAND(item->thing->id == i && item->finalized == 0 && item->watched == 0);
	DEMAND(item->weak == NULL || smal_weak_get(item->weak) == item->thing);
	if (item->ephemeron != NULL) {
		const struct thing *value = smal_ephemeron_value(item->ephemeron);

		DEMAND(smal_ephemeron_key(item->ephemeron) == item->thing);
		DEMAND(value->id == i && value->link == item->thing);
	}
	for (int kind = 0; kind < KINDS_OF_MAP; kind++)
		DEMAND(map_get(kind, item, i) == (!item->in_map[kind]       ? NULL
		                                  : kind == SMAL_MAP_STRONG ? immediate(i)
		                                                            : item->thing));
}

static void expect_dropped(const struct item *item)
{
	DEMAND(item->weak == NULL || smal_weak_get(item->weak) == NULL);
	DEMAND(item->ephemeron == NULL || smal_ephemeron_key(item->ephemeron) == NULL);
	DEMAND(item->ephemeron == NULL || smal_ephemeron_value(item->ephemeron) == NULL);
	DEMAND(item->finalized == item->finalizer && item->watched == item->watch);
}

static void expect_items(void)
{
	size_t counts[KINDS_OF_MAP] = { 0 };

	for (size_t i = 0; i < item_count; i++) {
		const struct item *item = &items[i];

		if (item->thing != NULL)
			expect_held(item, i);
		else
			expect_dropped(item);
		for (int kind = 0; kind < KINDS_OF_MAP; kind++)
			counts[kind] += item->in_map[kind] &&
			                (item->thing != NULL || kind == SMAL_MAP_STRONG);
	}
	for (int kind = 0; kind < KINDS_OF_MAP; kind++)
		DEMAND(smal_map_count(maps[kind]) == counts[kind]);
}

/* Takes notices; each names an item that was dropped. */
static void take_notices(void)
{
	struct smal_notice notice;

	while (smal_queue_take(thread, queue, &notice)) {
		struct item *item = &items[(uintptr_t)notice.value >> 1];
		const struct thing *thing = notice.object;

		DEMAND(((uintptr_t)notice.value & 1) != 0 && item->thing == NULL);
		if (thing != NULL)
			DEMAND(thing->id == (uintptr_t)notice.value >> 1);
		if (thing != NULL)
			item->finalized++;
		else
			item->watched++;
	}
	while (smal_queue_take(thread, other_queue, &notice))
		DEMAND(notice.object != NULL);
}

static void collect(void)
{
	DEMAND(smal_collect(thread) == SMAL_OK);
	take_notices();
	DEMAND(smal_check(thread) == SMAL_OK);
}

/* Two collections: a finalizer's object is really gone in the second. */
static void settle(void)
{
	for (int i = 0; i < 3; i++)
		collect();
	expect_items();
}

static void drop_items(size_t from, size_t step_by)
{
	for (size_t i = from; i < item_count; i += step_by)
		items[i].thing = NULL;
}

/* ---- Scenarios ---- */

/* From the first request of a process on. */
static void scenario_all(void)
{
	nomem_begin();
	begin();
	for (int i = 0; i < 60; i++) {
		make_item();
		if (i % 20 == 13)
			collect();
	}
	drop_items(0, 2);
	collect();
	smal_trim(thread);
	nomem_end();
	settle();
	for (int i = 0; i < 60; i++)
		make_item();
	drop_items(1, 3);
	settle();
	end();
}

/* Tables, queues and the heap grow. */
static void scenario_growth(void)
{
	size_t count = test_is_slow() ? 300 : 1200, before;

	begin();
	nomem_begin();
	for (size_t i = 0; i < count && nomem_failures() < MANY; i++) {
		make_item();
		if (i % 300 == 200) {
			drop_items(i / 2, 5);
			collect();
			smal_trim(thread);
		}
	}
	drop_items(0, 2);
	collect();
	nomem_end();
	settle();
	before = item_count;
	for (size_t i = 0; i < 300; i++)
		make_item();
	DEMAND(item_count == before + 300);
	drop_items(0, 1);
	settle();
	end();
}

/* A queue ends, with its notices and registrations; another takes its place. */
static void scenario_queues(void)
{
	begin();
	for (int i = 0; i < 100; i++)
		make_item();
	drop_items(1, 4);
	nomem_begin();
	DEMAND(smal_collect(thread) == SMAL_OK);
	DEMAND(smal_queue_count(other_queue) > 0);
	DEMAND(smal_queue_destroy(other_queue) == SMAL_OK);
	nomem_step(make_other_queue);
	collect();
	for (int i = 0; i < 100; i++)
		make_item();
	drop_items(0, 4);
	collect();
	nomem_end();
	settle();
	end();
}

/* A chain of ephemerons, each the key of the one before it: found in whatever
 * order, also without the table that makes that fast. */
static void scenario_chain(void)
{
	size_t count = test_is_slow() ? 200 : 1000;
	struct thing *value = NULL;

	begin();
	for (size_t i = 0; i < count; i++) {
		struct item *item = &items[item_count];

		item->thing = smal_alloc(thread, thing_type);
		item->thing->id = i;
		item->hidden = HIDE(item->thing);
		item_count++;
		item->ephemeron = smal_ephemeron_create(thread, item->thing, value);
		value = item->thing;
	}
	/* The last key alone is held: it leads to all others. */
	for (size_t i = 0; i + 1 < count; i++)
		items[i].thing = NULL;
	nomem_begin();
	collect();
	smal_trim(thread);
	collect();
	nomem_end();
	for (size_t i = 0; i < count; i++)
		DEMAND(smal_ephemeron_key(items[i].ephemeron) == (void *)HIDE(items[i].hidden));
	items[count - 1].thing = NULL;
	collect();
	for (size_t i = 0; i < count; i++)
		DEMAND(smal_ephemeron_key(items[i].ephemeron) == NULL);
	end();
}

/* A way is explained, or there is no memory to do so; never a wrong one. */
static void scenario_explain(void)
{
	enum { LENGTH = 20000 };
	struct thing *last = NULL;
	struct smal_step steps[4];
	ptrdiff_t count;

	begin();
	for (size_t i = 0; i < LENGTH; i++) {
		struct thing *thing = smal_alloc(thread, thing_type);

		thing->link = items[0].thing;
		items[0].thing = thing;
		item_count = 1;
		if (last == NULL)
			last = thing;
	}
	nomem_begin();
	for (int i = 0; i < 3; i++) {
		count = smal_retainers(thread, last, steps, 4);
		if (count < 0)
			DEMAND(nomem_failed(smal_thread_error(thread)));
		DEMAND(count == -1 || (count == LENGTH + 1 && strcmp(steps[0].root, "items") == 0 &&
		                       steps[1].object == items[0].thing));
		collect();
	}
	nomem_end();
	DEMAND(smal_retainers(thread, last, steps, 4) == LENGTH + 1);
	items[0].thing = NULL;
	collect();
	end();
}

static const struct nomem_scenario scenarios[] = {
	{ "all", scenario_all, "", NOMEM_SEEN },
	{ "all, without delay", scenario_all, "decay=0", NOMEM_SEEN },
	{ "growth", scenario_growth, "", NOMEM_SEEN },
	{ "growth, without delay", scenario_growth, "decay=0", NOMEM_SEEN },
	{ "queues", scenario_queues, "decay=0", NOMEM_SEEN },
	{ "chain", scenario_chain, "decay=0", NOMEM_UNSEEN },
	{ "explain", scenario_explain, "decay=0", NOMEM_SEEN },
};

int main(void)
{
	return nomem_main("nomem weak", scenarios, sizeof scenarios / sizeof *scenarios);
}
