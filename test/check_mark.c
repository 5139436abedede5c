/* SPDX-License-Identifier: MIT */
/*
 * check_mark.c: each way of marking finds the words that it promises to find
 * and no others; a word counts only if, without its tag, it is the address of
 * an allocated object of the same collector; no other word marks or harms
 * anything.
 */
#include "test/collector.h"

#include <string.h>

enum { WORD_BITS = sizeof(uintptr_t) * 8, MOST_WORDS = 200000 };

static struct smal_type *text;
/* A range of roots. */
static uintptr_t words[1 << 15];

static void begin(void)
{
	heap_begin_exact();
	text = heap_text_type();
	memset(words, 0, sizeof words);
	ck_assert_int_eq(smal_root_add_range(gc, words, words + sizeof words / sizeof *words, NULL),
	                 SMAL_OK);
}

/* The kinds of leaves that words refer to: small, at odd multiples of 8, medium,
 * large. */
static const size_t leaf_bytes[] = { 16, 24, 40000, 200000 };
static struct smal_type *leaves[4];

static void make_leaves(void)
{
	for (int i = 0; i < 4; i++) {
		struct smal_type_desc desc = { .name = "leaf", .bytes = leaf_bytes[i] };

		leaves[i] = heap_type(&desc);
	}
}

/* Puts a leaf into every word of an object of some bytes, collects, and sees
 * those kept that `expected` names, and no others. */
static void expect_words(struct smal_type *type, size_t bytes, bool fixed,
                         bool (*expected)(size_t word))
{
	size_t count = bytes / sizeof(uintptr_t), kept = 0;
	static uintptr_t hidden[MOST_WORDS];
	uintptr_t *object;

	roots[0] = object = fixed ? heap_alloc(type) : heap_alloc_bytes(type, bytes);
	for (size_t i = 0; i < count; i++) {
		struct smal_type *leaf = leaves[count > 1000 ? i % 2 : i % 100 % 4];

		object[i] = (uintptr_t)heap_alloc(leaf);
		hidden[i] = HIDE(object[i]);
	}
	heap_collect();
	for (size_t i = 0; i < count; i++) {
		bool live = smal_type_of((void *)~hidden[i]) != NULL;

		if (live != expected(i))
			ck_abort_msg("word %zu of %zu is %smarked", i, count, live ? "" : "not ");
		kept += live;
	}
	ck_assert_uint_eq(heap_live(), kept + 1);
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}

static bool none(size_t word)
{
	(void)word;
	return false;
}

static bool all(size_t word)
{
	(void)word;
	return true;
}

START_TEST(test_nothing)
{
	struct smal_type_desc desc = { .name = "t", .bytes = 800 };

	make_leaves();
	expect_words(heap_type(&desc), 800, true, none);
	expect_words(text, 800, false, none);
	expect_words(text, 300000, false, none);
}
END_TEST

/* ---- Layouts ---- */

static struct smal_layout layout;

/* What type.h says of a layout, word for word. */
static bool in_layout(size_t word)
{
	if (word >= layout.words) {
		if (layout.repeat_words == 0)
			return false;
		if (word - layout.words >= 1000)
			word -= (word - layout.words) / layout.repeat_words * layout.repeat_words;
		while (word >= layout.words)
			word -= layout.repeat_words;
	}
	return layout.bits[word / WORD_BITS] >> word % WORD_BITS & 1;
}

static void expect_layout(size_t bytes)
{
	struct smal_type_desc desc = { .name = "t", .bytes = bytes, .marking = SMAL_MARK_LAYOUT,
		                       .layout = layout };

	expect_words(heap_type(&desc), bytes, true, in_layout);
}

/* All words, one to two machine words of them, in objects of that size and of
 * larger ones. */
START_TEST(test_dense_layouts)
{
	static const uintptr_t ones[3] = { UINTPTR_MAX, UINTPTR_MAX, UINTPTR_MAX };

	make_leaves();
	layout.bits = ones;
	for (layout.words = 1; layout.words <= 2 * WORD_BITS;
	     layout.words += test_is_slow() ? 7 : 1) {
		expect_layout(layout.words * sizeof(uintptr_t));
		expect_layout(layout.words * sizeof(uintptr_t) + 40);
	}
}
END_TEST

START_TEST(test_random_layouts)
{
	uintptr_t bits[4];
	struct test_random random;

	make_leaves();
	test_random_init(&random, 1);
	layout.bits = bits;
	for (size_t i = 0; i < heap_scale(300); i++) {
		for (int w = 0; w < 4; w++)
			bits[w] = (uintptr_t)(test_random_next(&random) &
			                      test_random_next(&random));
		layout.words = 1 + test_random_below(&random, 4 * WORD_BITS);
		layout.repeat_words =
			i % 2 == 0 ? 0 : test_random_below(&random, layout.words + 1);
		expect_layout((layout.words + test_random_below(&random, 70)) * sizeof(uintptr_t));
	}
}
END_TEST

/* Objects of variable size, shorter than the layout and much longer. */
START_TEST(test_repeating_layouts)
{
	const struct smal_layout layouts[] = {
		{ (const uintptr_t[]){ 2 }, 2, 1 }, { (const uintptr_t[]){ 1 }, 2, 1 },
		{ (const uintptr_t[]){ 5 }, 3, 2 }, { (const uintptr_t[]){ 6 }, 3, 3 },
		{ (const uintptr_t[]){ 0x91 }, 8, 5 }, { (const uintptr_t[]){ 0x91 }, 8, 0 },
		{ (const uintptr_t[]){ 1, 2, 4, 8, 16, 32 }, 6 * 32, 33 },
	};
	static const size_t bytes[] = { 8, 16, 32, 800, 8 * 255, 8 * 256, 8 * 257, 8 * 512,
		                        8 * 1025, 200000, 8 * 100000 };

	make_leaves();
	for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++) {
		struct smal_type_desc desc = { .name = "t", .marking = SMAL_MARK_LAYOUT,
			                       .layout = layouts[l] };
		struct smal_type *type = heap_type(&desc);

		layout = layouts[l];
		for (size_t b = 0; b < sizeof bytes / sizeof *bytes; b++)
			expect_words(type, bytes[b] / (bytes[b] > 10000 && test_is_slow() ? 4 : 1),
			             false, in_layout);
	}
}
END_TEST

/* ---- Conservative ---- */

START_TEST(test_conservative)
{
	static const size_t bytes[] = { 8, 24, 800, 8 * 257, 100000, 200000, 8 * 100000 };
	struct smal_type *array = heap_array_type();
	struct smal_type_desc desc = { .name = "t", .bytes = 4096,
		                       .marking = SMAL_MARK_CONSERVATIVE };

	make_leaves();
	expect_words(heap_type(&desc), 4096, true, all);
	for (size_t b = 0; b < sizeof bytes / sizeof *bytes; b++)
		expect_words(array, bytes[b], false, all);
}
END_TEST

/* An array that is larger than every piece and every size class, in which one
 * word in a thousand refers to something. */
START_TEST(test_huge_array)
{
	struct smal_type *array = heap_array_type(), *pair = heap_pair_type();
	size_t count = heap_scale((size_t)4 << 20);
	void **object = heap_alloc_bytes(array, count * sizeof *object);
	uint64_t expected = 1;

	roots[0] = object;
	for (size_t i = 0; i < count; i += 999, expected += 2) {
		void **cell = object[i] = heap_alloc(pair);

		cell[1] = heap_alloc(pair);
	}
	heap_collect();
	ck_assert_uint_eq(heap_live(), expected);
	for (size_t i = 0; i < count; i += 999)
		EXPECT(smal_type_of(((void **)object[i])[1]) == pair);
}
END_TEST

/* ---- Callbacks ---- */

struct node {
	struct node *one, *array[3], *tail;
	void *interior;
};

static size_t callbacks, seen_bytes;

static void *mark_node(struct smal_marker *marker, void *object)
{
	struct node *node = object;

	callbacks++;
	seen_bytes = smal_size(node);
	smal_mark(marker, node->one);
	smal_mark_array(marker, (void **)node->array, 3);
	smal_mark_range(marker, &node->interior, &node->interior + 1);
	return node->tail;
}

static struct smal_type *node_type(void)
{
	struct smal_type_desc desc = { .name = "node", .bytes = sizeof(struct node),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_node };

	return heap_type(&desc);
}

/* Each object is handed to its callback once, though all refer to all. */
START_TEST(test_callback)
{
	enum { NODES = 5000 };
	struct smal_type *type = node_type(), *array = heap_array_type();
	struct node **nodes = heap_alloc_bytes(array, NODES * sizeof *nodes);
	struct test_random random;

	test_random_init(&random, 2);
	roots[0] = nodes;
	for (int i = 0; i < NODES; i++)
		nodes[i] = heap_alloc(type);
	for (int i = 0; i < NODES; i++) {
		nodes[i]->one = nodes[test_random_below(&random, NODES)];
		nodes[i]->array[1] = nodes[test_random_below(&random, NODES)];
		nodes[i]->tail = nodes[(i + 1) % NODES];
		if (i == NODES / 2)
			nodes[i]->interior = (char *)heap_alloc_bytes(text, 100) + 50;
	}
	/* The tails alone lead to all of them. */
	roots[0] = nodes[0];
	callbacks = 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	if (callbacks != 2 * NODES) /* a second marker asks again */
		ck_assert_uint_eq(callbacks, NODES);
	ck_assert_uint_eq(seen_bytes, smal_type_stride(type));
	ck_assert_uint_eq(heap_live(), NODES + 1);
}
END_TEST

/* What a callback returns counts as what it marks does: with its tag, and not
 * if it is no object. */
START_TEST(test_callback_returns_anything)
{
	struct smal_type *type = node_type();
	struct node *node = roots[0] = heap_alloc(type);
	char *freed = heap_alloc_bytes(text, 100);
	static char foreign[64];
	void *tails[] = { NULL, node, freed, foreign, (char *)node + 8, (void *)UINTPTR_MAX };

	smal_free(thread, freed);
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		node->tail = tails[i];
		heap_collect();
		ck_assert_uint_eq(heap_live(), 1);
	}
}
END_TEST

/* ---- Only the object ---- */

/* A stack of which a part is in use: its slots lie in an array beside it. */
struct used {
	size_t count;
	void **slots;
};

static void *mark_used(struct smal_marker *marker, void *object)
{
	struct used *used = object;

	smal_mark_only(marker, used->slots);
	if (used->slots != NULL)
		smal_mark_array(marker, used->slots, used->count);
	return NULL;
}

/* What lies beyond is garbage, whatever else refers to the array later on. */
START_TEST(test_only)
{
	struct smal_type_desc desc = { .name = "used", .bytes = sizeof(struct used),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_used };
	struct smal_type *type = heap_type(&desc), *array = heap_array_type(),
			 *pair = heap_pair_type();

	for (size_t slots = 4; slots <= heap_scale(160000) / 4; slots *= 100) {
		struct used *used = roots[0] = heap_alloc(type);
		void **cell;

		used->slots = heap_alloc_bytes(array, slots * sizeof *used->slots);
		roots[7] = used->slots;
		for (size_t i = 0; i < slots; i++) {
			used->slots[i] = cell = heap_alloc(pair);
			cell[0] = heap_alloc(pair);
		}
		used->count = slots;
		heap_collect();
		ck_assert_uint_eq(heap_live(), 2 + 2 * slots);
		roots[7] = NULL;
		used->count = slots / 2;
		heap_collect();
		ck_assert_uint_eq(heap_live(), 2 + slots);
		ck_assert_ptr_eq(smal_type_of(used->slots), array);
		roots[0] = NULL;
		heap_collect();
		ck_assert_uint_eq(heap_live(), 0);
	}
}
END_TEST

static void mark_word_only(struct smal_marker *marker, void *user)
{
	smal_mark_only(marker, *(void **)user);
}

/* As smal_mark it takes any word. */
START_TEST(test_only_anything)
{
	struct smal_type *pair = heap_pair_type();
	static char foreign[64];
	static void *word;
	char *live = roots[0] = heap_alloc_bytes(text, 100), *freed = heap_alloc_bytes(text, 100);
	void *nothing[] = { NULL, live, live + 16, foreign, freed, (void *)UINTPTR_MAX, (void *)8 };

	smal_free(thread, freed);
	ck_assert_int_eq(smal_root_add_function(gc, mark_word_only, &word, "only"), SMAL_OK);
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		word = nothing[i];
		heap_collect();
		ck_assert_uint_eq(heap_live(), 1);
	}
	/* Slots are roots that come first: they have what it refers to marked. */
	for (int i = 0; i < 2; i++) {
		void **cell = roots[1] = word = heap_alloc(pair);

		cell[0] = heap_alloc(pair);
		roots[1] = i == 0 ? cell : NULL;
		heap_collect();
		ck_assert_ptr_eq(smal_type_of(cell), pair);
		ck_assert_uint_eq(heap_live(), i == 0 ? 3 : 2);
		roots[1] = NULL;
	}
}
END_TEST

/* ---- Tags ---- */

static void begin_tagged(uintptr_t tag_mask)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .tag_mask = tag_mask,
		                           .exact_stacks = 1 };

	heap_begin(&options);
	text = heap_text_type();
}

/* Any combination of the mask's bits may be set, in roots, fields, ranges and
 * what callbacks mark. */
static void expect_tags(uintptr_t tag_mask)
{
	static uintptr_t range[1];
	struct smal_type *array, *pair, *type;
	struct test_random random;

	begin_tagged(tag_mask);
	test_random_init(&random, 3);
	array = heap_array_type();
	pair = heap_pair_type();
	type = node_type();
	ck_assert_int_eq(smal_root_add_range(gc, range, range + 1, NULL), SMAL_OK);
	for (int i = 0; i < 200; i++) {
		uintptr_t tag[6], *cell, *fields;
		struct node *node;

		for (int j = 0; j < 6; j++)
			tag[j] = (uintptr_t)test_random_next(&random) & tag_mask;
		cell = heap_alloc(pair);
		roots[0] = (void *)((uintptr_t)cell | tag[0]);
		cell[0] = (uintptr_t)heap_alloc_bytes(text, 24) | tag[1];
		fields = heap_alloc_bytes(array, 24);
		cell[1] = (uintptr_t)fields | tag[2];
		node = heap_alloc(type);
		fields[1] = (uintptr_t)node | tag[3];
		node->one = (void *)((uintptr_t)heap_alloc(pair) | tag[4]);
		node->tail = (void *)((uintptr_t)heap_alloc_bytes(text, 200000) | tag[5]);
		range[0] = (uintptr_t)heap_alloc(pair) | tag[1];
		heap_collect();
		ck_assert_uint_eq(heap_live(), 7);
		ck_assert_ptr_eq(smal_base(thread, (uintptr_t)cell | tag[5]), cell);
	}
	heap_end();
}

START_TEST(test_low_tags)
{
	expect_tags(7);
}
END_TEST

START_TEST(test_nan_boxes)
{
	expect_tags((uintptr_t)0xffff000000000007);
}
END_TEST

/* Without a mask, the lowest four bits alone don't matter. */
START_TEST(test_no_tags)
{
	for (size_t tag = 0; tag < 16; tag++) {
		roots[0] = (char *)heap_alloc_bytes(text, 100) + tag;
		heap_collect();
		ck_assert_uint_eq(heap_live(), 1);
	}
	roots[0] = (char *)heap_alloc_bytes(text, 100) + 16;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
	roots[0] =
		(void *)((uintptr_t)heap_alloc_bytes(text, 100) ^ (uintptr_t)1 << (WORD_BITS - 1));
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Slots at odd multiples of 8: the one that begins in the word's granule is meant. */
START_TEST(test_odd_granules)
{
	struct smal_type_desc desc = { .name = "t", .bytes = 24 };
	struct smal_type *type = heap_type(&desc);
	uintptr_t first;

	for (size_t at = 0; at < 64; at++) {
		do {
			first = (uintptr_t)roots[1];
			roots[1] = roots[2];
			roots[2] = heap_alloc(type);
		} while (first % 32 != 0 || (uintptr_t)roots[1] != first + 24 ||
		         (uintptr_t)roots[2] != first + 48);
		roots[1] = roots[2] = NULL;
		roots[0] = (void *)(first + at);
		heap_collect();
		/* They begin at 0, 24, and 48. */
		ck_assert_uint_eq(heap_live(), at / 16 != 2);
		ck_assert_ptr_eq(smal_type_of((void *)first), at / 16 == 0 ? type : NULL);
		ck_assert_ptr_eq(smal_type_of((void *)(first + 24)), at / 16 == 1 ? type : NULL);
		ck_assert_ptr_eq(smal_type_of((void *)(first + 48)), at / 16 == 3 ? type : NULL);
	}
}
END_TEST

/* ---- Interior pointers ---- */

START_TEST(test_interior)
{
	static const size_t sizes[] = { 16, 24, 48, 1000, 1032, 20000, 20008, 200000, 300u << 20 };
	struct smal_type *array = heap_array_type();
	struct smal_type_desc desc = { .name = "t" };

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t step = sizes[s] / (test_is_slow() && sizes[s] > 1 << 20 ? 1 : 9);

		for (unsigned flag = 0; flag <= SMAL_TYPE_INTERIOR; flag++) {
			struct smal_type *type;
			uintptr_t object, *holder;
			bool begins;

			desc.bytes = sizes[s];
			desc.flags = flag;
			type = heap_type(&desc);
			for (size_t at = 1; at < sizes[s]; at += step) {
				/* A neighbour on either side, so that nothing else is meant. */
				if (sizes[s] < 1 << 20)
					heap_alloc(type);
				object = (uintptr_t)heap_alloc(type);
				if (sizes[s] < 1 << 20)
					heap_alloc(type);
				roots[0] = holder = heap_alloc_bytes(array, 16);
				holder[1] = object + at;
				roots[1] = (void *)(object + at);
				heap_collect();
				begins = (object + at) / 16 == object / 16 ||
				         (object + at) / 16 ==
				                 (object + smal_type_stride(type)) / 16;
				ck_assert_uint_eq(heap_live(), flag || begins ? 2 : 1);
				if (flag)
					ck_assert_ptr_eq(smal_type_of((void *)object), type);
			}
			roots[0] = roots[1] = NULL;
			heap_collect();
		}
	}
}
END_TEST

/* ---- Words that mean nothing ---- */

/* Every word of the addresses around a kind's objects, aligned and not: what was
 * live stays, and what was not does not come back. */
START_TEST(test_every_word_around)
{
	static const size_t sizes[] = { 16, 24, 48, 56, 1000, 8000, 9000, 20008, 200000 };
	enum { OBJECTS = 200, WORDS = sizeof words / sizeof *words };
	static uintptr_t hidden[OBJECTS];
	struct test_random random;

	test_random_init(&random, 4);
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct smal_type_desc desc = { .name = "t", .bytes = sizes[s],
			                       .flags = s % 2 == 0 ? SMAL_TYPE_INTERIOR : 0,
			                       .marking = SMAL_MARK_CONSERVATIVE };
		struct smal_type *type = heap_type(&desc);
		uintptr_t base, live = 0;

		for (int i = 0; i < OBJECTS; i++) {
			void *object = heap_alloc(type);

			memset(object, 0xff, sizes[s]);
			hidden[i] = HIDE(object);
		}
		for (int i = 0; i < OBJECTS; i++) {
			if (test_random_below(&random, 2) != 0) {
				smal_free(thread, (void *)~hidden[i]);
				hidden[i] = 0;
			} else if (i >= OBJECTS / 2) {
				/* Not its start: one past the end of its neighbour. */
				words[live++] = ~hidden[i] + 8;
			} else {
				hidden[i] = 0;
			}
		}
		heap_collect();
		ck_assert_uint_eq(heap_live(), live);
		base = ~hidden[OBJECTS - 1] != UINTPTR_MAX ? ~hidden[OBJECTS - 1] : words[0];
		base = (base & ~(uintptr_t)0xffff) - 0x4000;
		for (size_t i = live; i < WORDS; i++)
			words[i] = base + (i - live) * 8 + (i % 16 == 0);
		heap_collect();
		ck_assert_uint_eq(heap_live(), live);
		memset(words, 0, sizeof words);
		heap_collect();
		ck_assert_uint_eq(heap_live(), 0);
	}
}
END_TEST

START_TEST(test_random_words)
{
	enum { OBJECTS = 300, WORDS = sizeof words / sizeof *words };
	struct smal_type *array = heap_array_type();
	size_t rounds = heap_scale(1 << 20) / WORDS + 1;
	uintptr_t hidden[OBJECTS];
	struct test_random random;

	test_random_init(&random, 5);
	for (size_t round = 0; round < rounds; round++) {
		uintptr_t *object = roots[0] = heap_alloc_bytes(array, sizeof words);

		for (int i = 0; i < OBJECTS; i++)
			hidden[i] = HIDE(heap_alloc_bytes(text, 1 + (size_t)i * i * 2));
		for (int i = 0; i < OBJECTS; i += 2)
			smal_free(thread, (void *)~hidden[i]);
		for (size_t i = 0; i < WORDS; i++) {
			uintptr_t word = (uintptr_t)test_random_next(&random) >>
			                 test_random_below(&random, WORD_BITS);

			words[i] = i % 2 == 0 ? word : word ^ ~hidden[i % OBJECTS];
			object[i] = i % 4 == 0 ? word : word ^ ~hidden[i % OBJECTS];
		}
		heap_collect();
		ck_assert_uint_le(heap_live(), 1 + OBJECTS / 2);
		for (int i = 0; i < OBJECTS; i += 2)
			EXPECT(smal_type_of((void *)~hidden[i]) == NULL);
		memset(words, 0, sizeof words);
		roots[0] = NULL;
		heap_collect();
		ck_assert_uint_eq(heap_live(), 0);
	}
}
END_TEST

/* Words that lead to free slots, into the middle of slots and of large objects, and
 * behind the last slot leave nothing behind: what is made of that memory afterwards
 * has no bit of theirs. */
START_TEST(test_no_trace)
{
	enum { COUNT = 2000 };
	uintptr_t *array, hidden[4];

	make_leaves();
	for (int round = 0; round < 6; round++) {
		roots[0] = array = heap_alloc_bytes(heap_array_type(), COUNT * sizeof *array);
		for (int i = 0; i < 4; i++)
			hidden[i] = HIDE(heap_alloc(leaves[i]));
		for (size_t i = 0; i < COUNT; i++)
			array[i] = ~hidden[i % 4] + i / 4 * (i % 4 < 2 ? 16 : leaf_bytes[i % 4] / 500 & ~15u);
		heap_collect();
		heap_check();
		memset(array, 0, COUNT * sizeof *array);
		heap_collect();
		for (size_t i = 0; i < heap_scale(100000) / ((size_t)round + 1); i++)
			heap_alloc(leaves[(round + 1) % 2]);
		heap_check();
	}
}
END_TEST

/* A pointer into another collector keeps nothing there, and is nothing here. */
START_TEST(test_other_collector)
{
	struct smal_gc *other;
	struct smal_thread *other_thread;
	struct smal_gc_options exact = { .pace = SMAL_PACE_OFF, .exact_stacks = 1 };
	struct smal_type_desc desc = { .name = "t" };
	struct smal_type *type;
	void *object, *mine;

	ck_assert_int_eq(smal_gc_create(&exact, &other), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(other, &other_thread), SMAL_OK);
	ck_assert_int_eq(smal_type_create(other, &desc, &type), SMAL_OK);
	for (size_t bytes = 16; bytes < 1 << 20; bytes *= 4) {
		object = roots[0] = smal_alloc_bytes(other_thread, type, bytes);
		words[0] = (uintptr_t)object + 8;
		mine = roots[1] = heap_alloc_bytes(text, bytes);
		ck_assert_ptr_null(smal_base(thread, (uintptr_t)object));
		ck_assert_ptr_null(smal_base(other_thread, (uintptr_t)mine));
		heap_collect();
		ck_assert_uint_eq(heap_live(), 1);
		ck_assert_ptr_eq(smal_type_of(object), type);
		ck_assert_int_eq(smal_collect(other_thread), SMAL_OK);
		ck_assert_ptr_null(smal_type_of(object));
		ck_assert_ptr_eq(smal_type_of(mine), text);
	}
	ck_assert_int_eq(smal_thread_detach(other_thread), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(other), SMAL_OK);
}
END_TEST

static Suite *mark_suite(void)
{
	Suite *suite = suite_create("mark");
	TCase *ways = tcase_create("ways");
	TCase *tags = tcase_create("tags");
	TCase *meaning = tcase_create("meaning");

	tcase_add_checked_fixture(ways, begin, heap_end);
	tcase_add_test(ways, test_nothing);
	tcase_add_test(ways, test_dense_layouts);
	tcase_add_test(ways, test_random_layouts);
	tcase_add_test(ways, test_repeating_layouts);
	tcase_add_test(ways, test_conservative);
	tcase_add_test(ways, test_huge_array);
	tcase_add_test(ways, test_callback);
	tcase_add_test(ways, test_callback_returns_anything);
	tcase_add_test(ways, test_only);
	tcase_add_test(ways, test_only_anything);
	suite_add_tcase(suite, ways);

	tcase_add_test(tags, test_low_tags);
	if (sizeof(uintptr_t) == 8)
		tcase_add_test(tags, test_nan_boxes);
	suite_add_tcase(suite, tags);

	tcase_add_checked_fixture(meaning, begin, heap_end);
	tcase_add_test(meaning, test_no_tags);
	tcase_add_test(meaning, test_odd_granules);
	tcase_add_test(meaning, test_interior);
	tcase_add_test(meaning, test_every_word_around);
	tcase_add_test(meaning, test_random_words);
	tcase_add_test(meaning, test_no_trace);
	tcase_add_test(meaning, test_other_collector);
	suite_add_tcase(suite, meaning);
	return suite;
}

int main(void)
{
	return test_main(mark_suite);
}
