/* SPDX-License-Identifier: MIT */
/*
 * abi_nomem_table.c: whatever the system refuses, what is noted of objects - finalizers,
 * links, roots, kinds, displacements - is noted, or the program's out-of-memory function is
 * called; and what was noted is kept to, whatever else could not be.
 *
 * Every call of the system's is refused, one after another (refuse.h), while tables grow
 * and collections walk them; afterwards everything works again, and the model that was kept
 * beside it must agree.
 */
#include "test/libgc/refuse.h"

#include <gc/gc_disclaim.h>
#include <gc/gc_inline.h>
#include <gc/gc_typed.h>

#include <stdlib.h>

enum { MANY = 10 };

/* ---- Scarcity ---- */

/* Takes what the collector has at hand, so that the next table needs the system; not for
 * ever, where that gives. */
static void hoard(void)
{
	static const size_t sizes[] = { 64 * KIB, 4 * KIB, 512, 64 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int n = 0; n < 80; n++)
			if (refuse_got(GC_malloc_atomic_uncollectable(sizes[i]), sizes[i]) == NULL)
				break;
}

/* ---- Tables ---- */

enum {
	ITEMS = 1600,
	FIRST_ITEMS = 100,
	FINALIZERS = 4,
	ROOT_EACH = 10,
	KIND_MOST = 8,
	FINALIZED = 40
};

/* The words of items are no roots, but for what is added; `held` is. */
struct item {
	void *object;
	GC_hidden_pointer hidden, link, long_link;
	bool finalizer, linked, long_linked, added;
};

static struct item *items;
static void **held;
static size_t item_count, closed, finalized_count;

static void on_final(void *object, void *data)
{
	struct item *item = &items[(size_t)data];

	DEMAND(item->finalizer && object == GC_REVEAL_POINTER(item->hidden));
	DEMAND(held[(size_t)data] == NULL && abi_filled(object, (size_t)data, 40));
	item->finalizer = false;
}

typedef void finalizer_register(void *, GC_finalization_proc, void *, GC_finalization_proc *,
                                void **);
static finalizer_register *const registers[FINALIZERS] = { GC_register_finalizer,
	                                                   GC_register_finalizer_ignore_self,
	                                                   GC_register_finalizer_no_order,
	                                                   GC_register_finalizer_unreachable };

static bool link_failed(int error)
{
	DEMAND(error == GC_SUCCESS || error == GC_NO_MEMORY);
	return refuse_failed(error != GC_SUCCESS);
}

static bool make_item(void)
{
	size_t i = item_count;
	struct item *item = &items[i];
	void *object = refuse_got(GC_malloc_atomic(40), 40);

	if (object == NULL)
		return false;
	item_count++;
	abi_fill(object, i, 40);
	item->hidden = item->link = item->long_link = GC_HIDE_POINTER(object);
	held[i] = object;
	return true;
}

static void note_root(size_t i)
{
	struct item *item = &items[i];

	if (i % ROOT_EACH != 0)
		return;
	item->object = held[i];
	GC_add_roots(&item->object, &item->object + 1);
	item->added = !refuse_told();
	if (item->added)
		held[i] = NULL;
}

static void note_final(size_t i)
{
	registers[i % FINALIZERS](GC_REVEAL_POINTER(items[i].hidden), on_final, (void *)i, NULL,
	                          NULL);
	items[i].finalizer = !refuse_told();
}

static void note_link(size_t i)
{
	items[i].linked = !link_failed(GC_general_register_disappearing_link(
		(void **)&items[i].link, GC_REVEAL_POINTER(items[i].hidden)));
}

static void note_long_link(size_t i)
{
	items[i].long_linked = !link_failed(GC_register_long_link(
		(void **)&items[i].long_link, GC_REVEAL_POINTER(items[i].hidden)));
}

static void note_toggle(size_t i)
{
	if (i % 3 == 0)
		refuse_error(GC_toggleref_add(GC_REVEAL_POINTER(items[i].hidden), 0) != GC_SUCCESS);
}

static GC_ToggleRefStatus toggle(void *object)
{
	(void)object;
	return GC_TOGGLE_REF_WEAK;
}

static bool is_held(size_t i)
{
	return held[i] != NULL || items[i].object != NULL;
}

static void expect_items(void)
{
	size_t left = 0, dropped = 0;

	for (size_t i = 0; i < item_count; i++) {
		const struct item *item = &items[i];

		if (is_held(i)) {
			DEMAND(abi_filled(GC_REVEAL_POINTER(item->hidden), i, 40));
			DEMAND(item->link == item->hidden && item->long_link == item->hidden);
			continue;
		}
		dropped++;
		left += (item->linked && item->link != 0) + item->finalizer +
		        (item->long_linked && item->long_link != 0);
	}
	DEMAND(left <= dropped / 10 + 5);
}

static void drop_items(size_t first, size_t step)
{
	for (size_t i = first; i < item_count; i += step) {
		held[i] = NULL;
		items[i].object = NULL;
		if (items[i].added && i % 4 == 0)
			GC_remove_roots(&items[i].object, &items[i].object + 1);
	}
}

/* An object with a finalizer is really gone in the second. */
static void settle(void)
{
	for (int i = 0; i < 3; i++) {
		abi_collect();
		GC_invoke_finalizers();
	}
	expect_items();
}

/* Objects of kinds of the program's, which refer to others by their last word. */
static struct GC_ms_entry *mark_last(GC_word *object, struct GC_ms_entry *top,
                                     struct GC_ms_entry *limit, GC_word last)
{
	return GC_MARK_AND_PUSH(GC_REVEAL_POINTER(object[last]), top, limit, (void **)object);
}

static GC_word *of_kind[KIND_MOST];
static size_t kind_count;

static void make_kind_object(void)
{
	GC_word descr = GC_MAKE_PROC(GC_new_proc(mark_last), 3);
	unsigned kind = GC_new_kind(GC_new_free_list(), descr, 0, 1);
	GC_word *object, *other;

	if (refuse_told() || kind_count == KIND_MOST)
		return;
	DEMAND(kind > GC_I_NORMAL);
	object = refuse_got(GC_malloc_kind(32, (int)kind), 32);
	other = object != NULL ? refuse_got(GC_malloc_atomic(64), 64) : NULL;
	if (other == NULL)
		return;
	abi_fill(other, kind_count, 64);
	object[3] = GC_HIDE_POINTER(other);
	of_kind[kind_count++] = object;
}

static void expect_kinds(void)
{
	for (size_t i = 0; i < kind_count; i++)
		DEMAND(abi_filled(GC_REVEAL_POINTER(of_kind[i][3]), i, 64));
}

static void GC_CALLBACK on_close(void *object, void *data)
{
	DEMAND(data == &closed && abi_filled(object, 7, 24));
	closed++;
}

static void make_finalized(size_t n)
{
	static const struct GC_finalizer_closure closure = { on_close, &closed };

	GC_init_finalized_malloc();
	if (refuse_told())
		return;
	for (size_t i = 0; i < n; i++) {
		void *object = refuse_got(GC_finalized_malloc(24, &closure), 24);

		if (object != NULL)
			abi_fill(object, 7, 24);
		finalized_count += object != NULL;
	}
}

/* The same for each item, as far as there is memory. */
static void note_items(void (*note)(size_t i), size_t first)
{
	unsigned most = refuse_failures() + MANY;

	for (size_t i = first; i < item_count && refuse_failures() < most; i++)
		note(i);
}

static void make_items(size_t count)
{
	unsigned most = refuse_failures() + MANY;

	while (item_count < count && refuse_failures() < most)
		make_item();
}

static void fill_tables(size_t first, size_t count)
{
	make_items(count);
	note_items(note_final, first);
	make_kind_object();
	note_items(note_link, first);
	note_items(note_long_link, first);
	abi_away(make_finalized, FINALIZED);
	note_items(note_root, first);
	note_items(note_toggle, first);
}

static void tables(void)
{
	size_t before;

	refuse_init();
	items = calloc(ITEMS, sizeof *items);
	held = GC_malloc_uncollectable(ITEMS * sizeof *held);
	DEMAND(items != NULL && held != NULL);
	GC_set_toggleref_func(toggle);
	fill_tables(0, FIRST_ITEMS);
	make_items(ITEMS / 2);
	refuse_begin();
	hoard();
	fill_tables(FIRST_ITEMS, ITEMS * 3 / 4);
	before = item_count;
	drop_items(1, 3);
	settle();
	refuse_end();
	settle();
	fill_tables(before, ITEMS);
	DEMAND(item_count == ITEMS && kind_count > 0);
	expect_kinds();
	drop_items(2, 3);
	settle();
	DEMAND(closed <= finalized_count && closed >= finalized_count * 9 / 10 - 2);
}

/* ---- Displacements ---- */

static void **displaced;

/* Kinds and layouts of many sorts, so that the next one needs memory. */
static void use_up_types(void)
{
	for (GC_word i = 1; i < 40; i++) {
		GC_descr descr = GC_make_descriptor(&i, 12);

		refuse_got(GC_calloc_explicitly_typed(2, 80 + 8 * i, descr), 160);
		if (i <= (abi_on_stock() ? 5 : 20)) {
			unsigned kind = GC_new_kind(GC_new_free_list(), 32, 0, 1);

			DEMAND(refuse_told() || kind > GC_I_NORMAL);
		}
	}
}

/* Where the program was told nothing, a pointer into an object's middle keeps it. */
static void displacement(void)
{
	size_t count = 0;
	bool known;

	GC_set_all_interior_pointers(0);
	refuse_init();
	displaced = GC_malloc(100 * sizeof *displaced);
	refuse_begin();
	hoard();
	use_up_types();
	GC_register_displacement(40);
	known = !refuse_told();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; known && i < 50; i++) {
			char *object = refuse_got(GC_malloc(100), 100);

			if (object == NULL)
				continue;
			abi_fill(object + 8, count, 92);
			displaced[count++] = object + 40;
		}
		refuse_end();
		GC_register_displacement(40);
		known = !refuse_told();
		abi_collect();
		for (int i = 0; i < 500; i++)
			refuse_got(GC_malloc(100), 100);
		for (size_t i = 0; i < count; i++)
			DEMAND(abi_filled((char *)displaced[i] - 32, i, 92));
	}
	DEMAND(count >= 50);
}

/* What none has to be told of: hints, what could be given back, files, the barrier. */
enum { UNSEEN = REFUSE_ADVISE | REFUSE_UNMAP | REFUSE_THREAD | REFUSE_BARRIER | REFUSE_FILE };

static const struct refuse_scenario scenarios[] = {
	{ "tables", tables, "", 0, REFUSE_ALL, UNSEEN },
	{ "tables, without delay", tables, "decay=0", 0, REFUSE_ALL, UNSEEN },
	{ "displacement", displacement, "", 0, REFUSE_ALL, UNSEEN },
};

int main(void)
{
	return refuse_main("nomem table", scenarios, sizeof scenarios / sizeof *scenarios);
}
