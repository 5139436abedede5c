/* SPDX-License-Identifier: MIT */
/*
 * abi_nomem.c: whatever the system refuses, a call of the collector does what it is for, or
 * the program's out-of-memory function is called and NULL, or the error, is returned;
 * what there is stays as it is, and when the system gives again, all goes on.
 *
 * Every call of the system's is refused, one after another (refuse.h), while objects of
 * every sort are made, and freed, and collected; and from the first call of a process on.
 */
#include "test/libgc/refuse.h"

#include <gc/gc_inline.h>
#include <gc/gc_typed.h>

#include <errno.h>
#include <stdlib.h>

enum { MANY = 10 };

/* ---- Objects ---- */

/* Both ends of it, which is where others would write. */
enum { HEAD = 200, TAIL = 16 };

static void fill_ends(void *text, size_t id, size_t bytes)
{
	abi_fill(text, id, bytes < HEAD ? bytes : HEAD);
	if (bytes > HEAD + TAIL)
		abi_fill((char *)text + bytes - TAIL, id, TAIL);
}

static bool filled_ends(const void *text, size_t id, size_t bytes)
{
	return abi_filled(text, id, bytes < HEAD ? bytes : HEAD) &&
	       (bytes <= HEAD + TAIL || abi_filled((const char *)text + bytes - TAIL, id, TAIL));
}

/* The list is static data, and so a root. */
struct node {
	struct node *next;
	size_t id, bytes;
	void *text;
	bool stays;
};

static struct node *list;
static size_t list_length;

static void *make_typed(size_t bytes)
{
	GC_word bits[3] = { 5, 1, 9 };

	return GC_malloc_explicitly_typed(bytes,
	                                  GC_make_descriptor(bits, bytes % 2 != 0 ? 3 : 130));
}

static void *make_typed_array(size_t bytes)
{
	GC_word bits = 1;

	return GC_calloc_explicitly_typed(bytes / 16 + 1, 16, GC_make_descriptor(&bits, 2));
}

/* The first of a list; the others are nobody's. The system's libgc returns NULL and tells
 * nobody. */
static void *make_many(size_t bytes)
{
	void **first = abi_on_stock() ? GC_malloc(bytes) : GC_malloc_many(bytes);

	for (void **at = first; at != NULL; at = *at)
		DEMAND(abi_all(at + 1, 0, bytes > 8 ? bytes - 8 : 0));
	if (first != NULL)
		*first = NULL;
	return first;
}

static void *make_longer(size_t bytes)
{
	size_t half = bytes / 2;
	void *object = GC_malloc_atomic(half), *longer;

	if (object == NULL)
		return NULL;
	fill_ends(object, bytes, half);
	longer = GC_realloc(object, bytes);
	if (longer == NULL)
		DEMAND(GC_size(object) >= half);
	DEMAND(filled_ends(longer != NULL ? longer : object, bytes, half));
	return longer;
}

static void *make_shorter(size_t bytes)
{
	void *object = GC_malloc(bytes * 3), *shorter;

	if (object == NULL)
		return NULL;
	fill_ends(object, bytes, bytes);
	shorter = GC_realloc(object, bytes);
	DEMAND(filled_ends(shorter != NULL ? shorter : object, bytes, bytes));
	return shorter;
}

static void *make_aligned(size_t bytes)
{
	/* The system's libgc has none above a page's. */
	size_t alignment = (size_t)32 << bytes % (abi_on_stock() ? 8 : 9);
	void *object = GC_memalign(alignment, bytes);

	DEMAND((GC_word)object % alignment == 0);
	return object;
}

static void *make_posix(size_t bytes)
{
	void *object = NULL;
	int error = GC_posix_memalign(&object, 64, bytes);

	DEMAND(error == (object != NULL ? 0 : ENOMEM));
	return object;
}

static void *make_string(size_t bytes)
{
	static char text[400];
	char *copy;

	memset(text, 'x', sizeof text - 1);
	copy = GC_strdup(bytes < sizeof text ? text + sizeof text - bytes : text);
	if (copy != NULL || bytes > sizeof text)
		return copy != NULL && bytes > sizeof text ? GC_malloc_atomic(bytes) : copy;
	DEMAND(errno == ENOMEM);
	return NULL;
}

static void *make_kind(size_t bytes)
{
	return GC_malloc_kind(bytes, (int)(bytes % 2));
}

static const struct maker {
	void *(*make)(size_t bytes);
	/* Freed by hand alone. */
	bool stays;
} makers[] = {
	{ GC_malloc, false },
	{ GC_malloc_atomic, false },
	{ GC_malloc_uncollectable, true },
	{ GC_malloc_atomic_uncollectable, true },
	{ GC_malloc_ignore_off_page, false },
	{ make_typed, false },
	{ make_typed_array, false },
	{ make_many, false },
	{ make_longer, false },
	{ make_shorter, false },
	{ make_aligned, false },
	{ make_posix, false },
	{ make_string, false },
	{ make_kind, false },
};
enum { MAKERS = sizeof makers / sizeof *makers };

static size_t size_of(size_t id)
{
	return id % 97 == 50   ? 3 * MIB
	       : id % 31 == 20 ? 150 * KIB
	       : id % 11 == 7  ? 9000
	                       : 8 + id * 37 % 700;
}

static bool make_node(size_t i)
{
	const struct maker *maker = &makers[i % MAKERS];
	struct node *node = refuse_got(GC_malloc(sizeof *node), sizeof *node);
	size_t bytes = size_of(i);

	if (node == NULL)
		return false;
	DEMAND(abi_all(node, 0, sizeof *node));
	node->id = i;
	node->next = list;
	list = node;
	list_length++;
	node->text = maker->make(bytes);
	if (refuse_failed(node->text == NULL))
		return false;
	DEMAND(GC_size(node->text) >= bytes && GC_base(node->text) != NULL);
	node->stays = maker->stays;
	node->bytes = bytes;
	fill_ends(node->text, i, bytes);
	return true;
}

static void expect_list(void)
{
	size_t length = 0;

	for (const struct node *node = list; node != NULL; node = node->next, length++)
		DEMAND(filled_ends(node->text, node->id, node->bytes));
	DEMAND(length == list_length);
}

/* The latest half; of what is dropped, some is freed. */
static void keep_half(void)
{
	while (list != NULL && list_length > 20) {
		struct node *node = list;

		list = node->next;
		if (node->text != NULL && (node->stays || node->id % 3 == 0))
			GC_free(GC_base(node->text));
		if (node->id % 3 == 1)
			GC_free(node);
		list_length--;
	}
}

static void work(size_t count)
{
	unsigned most = refuse_failures() + MANY;

	for (size_t i = 0; i < count && refuse_failures() < most; i++) {
		make_node(i);
		if (i % 60 == 40) {
			expect_list();
			keep_half();
			GC_gcollect();
			expect_list();
		}
		if (i % 130 == 110 && !abi_on_stock())
			GC_gcollect_and_unmap();
		if (i % 130 == 70)
			refuse_error(GC_expand_hp(100000) == 0);
	}
	expect_list();
}

static void objects(void)
{
	refuse_init();
	refuse_begin();
	work(320);
	refuse_end();
	work(320);
	keep_half();
	GC_gcollect();
	expect_list();
}

/* ---- The start ---- */

static void start(void)
{
	setenv("GC_INITIAL_HEAP_SIZE", "100M", 1);
	refuse_begin();
	refuse_init();
	DEMAND(GC_base(&list) == NULL && !GC_is_heap_ptr(&list));
	GC_gcollect();
	for (int i = 0; i < 5; i++)
		refuse_got(GC_malloc(100), 100);
	refuse_got(GC_realloc(NULL, 100), 100);
	work(30);
	refuse_end();
	GC_INIT();
	/* It is asked for once, however often the beginning failed. */
	DEMAND(GC_get_heap_size() < 200 * MIB);
	work(100);
	GC_gcollect();
	expect_list();
}

/* What can't be had when the process begins, it does without for good. */
static void never(void)
{
	refuse_begin();
	refuse_init();
	for (int i = 0; i < 5; i++)
		refuse_got(GC_malloc(100), 100);
	GC_gcollect();
	work(30);
}

/* What none has to be told of: hints, what could be given back, files, the barrier. */
enum { UNSEEN = REFUSE_ADVISE | REFUSE_UNMAP | REFUSE_THREAD | REFUSE_BARRIER | REFUSE_FILE };

static const struct refuse_scenario scenarios[] = {
	{ "objects", objects, "", REFUSE_MAP, REFUSE_ALL, UNSEEN },
	{ "objects, without delay", objects, "decay=0", 0, REFUSE_ALL, UNSEEN },
	{ "start", start, "", 0, REFUSE_ALL, UNSEEN },
	{ "never", never, "", 0, REFUSE_ONCE, 0 },
};

int main(void)
{
	return refuse_main("nomem", scenarios, sizeof scenarios / sizeof *scenarios);
}
