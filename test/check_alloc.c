/* SPDX-License-Identifier: MIT */
/*
 * check_alloc.c: objects of every size and alignment are there, zeroed, apart
 * from each other, and known by their addresses; what is freed is used again;
 * sizes change in place where they can; impossible requests fail cleanly.
 */
#include "test/collector.h"

#include <string.h>

enum { KEPT = 4096, WORD_BITS = sizeof(uintptr_t) * 8 };

/* A range of roots, so that no test depends on what is left on its stack. */
static void *kept[KEPT];

static void begin(void)
{
	heap_begin_exact();
	memset(kept, 0, sizeof kept);
	ck_assert_int_eq(smal_root_add_range(gc, kept, kept + KEPT, "kept"), SMAL_OK);
}

static void expect_zero(const void *object, size_t bytes)
{
	const unsigned char *byte = object;

	EXPECT(byte[0] == 0 && memcmp(byte, byte + 1, bytes - 1) == 0);
}

/* A request from 1 byte to twice the largest of the size classes, mostly small. */
static size_t random_bytes(struct test_random *random)
{
	size_t most = (size_t)1 << test_random_below(random, 19);

	return 1 + test_random_below(random, most);
}

/* ---- Sizes ---- */

START_TEST(test_fixed_sizes)
{
	for (size_t bytes = 1; bytes < 3 * (size_t)SMAL_LARGE_BYTES; bytes += 1 + bytes / 9) {
		struct smal_type_desc desc = { .name = "t", .bytes = bytes };
		struct smal_type *type = heap_type(&desc);

		for (int i = 0; i < 20; i++) {
			void *object = kept[i] = heap_alloc(type);

			EXPECT((uintptr_t)object % 8 == 0);
			EXPECT(smal_size(object) == smal_type_stride(type));
			EXPECT(smal_type_of(object) == type);
			expect_zero(object, smal_size(object));
			memset(object, 0xa5, smal_size(object));
		}
		memset(kept, 0, 20 * sizeof *kept);
		smal_collect(thread);
	}
}
END_TEST

/* smal_size is what was asked for, and an eighth more at most, or whole pages. */
START_TEST(test_variable_sizes)
{
	struct smal_type *type = heap_text_type();

	ck_assert_ptr_nonnull(kept[0] = smal_alloc_bytes(thread, type, 0));
	ck_assert_uint_ge(smal_size(kept[0]), 1);
	for (size_t bytes = 1; bytes < 2 * (size_t)SMAL_LARGE_BYTES; bytes += 1 + bytes / 99) {
		void *object = kept[0] = heap_alloc_bytes(type, bytes);
		size_t size = smal_size(object);

		ck_assert_uint_ge(size, bytes);
		if (bytes <= 128)
			ck_assert_uint_lt(size, bytes + 16);
		else if (bytes <= SMAL_LARGE_BYTES)
			ck_assert_uint_le((size - bytes) * 8, bytes);
		else
			ck_assert_uint_eq(size, (bytes + 4095) / 4096 * 4096);
		if (bytes <= SMAL_LARGE_BYTES)
			ck_assert_uint_eq(size, smal_class_bytes(smal_class_index(bytes)));
		ck_assert_uint_eq((uintptr_t)object % 16, 0);
		expect_zero(object, size);
		memset(object, 0xa5, size);
	}
}
END_TEST

START_TEST(test_alignments)
{
	static const size_t sizes[] = { 1, 24, 100, 1000, 5000, 20000, 200000 };

	for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
		struct smal_type_desc desc = { .name = "t", .alignment = alignment };
		struct smal_type *variable = heap_type(&desc);

		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
			struct smal_type *fixed;

			desc.bytes = sizes[s];
			fixed = heap_type(&desc);
			for (int i = 0; i < 5; i++) {
				kept[0] = heap_alloc(fixed);
				ck_assert_uint_eq((uintptr_t)kept[0] % alignment, 0);
				memset(kept[0], 1, sizes[s]);
				kept[1] = heap_alloc_bytes(variable, sizes[s]);
				ck_assert_uint_eq((uintptr_t)kept[1] % alignment, 0);
				ck_assert_uint_ge(smal_size(kept[1]), sizes[s]);
				memset(kept[1], 1, sizes[s]);
			}
		}
	}
}
END_TEST

enum { GIANTS = 3 };

/* Objects of many GiB are addresses first of all. */
START_TEST(test_giant)
{
	size_t bytes = test_is_slow() || sizeof(size_t) == 4 ? (size_t)300 << 20 : (size_t)5 << 30;
	struct smal_type *type = heap_text_type();
	struct smal_type_desc desc = { .name = "giant", .bytes = bytes };
	struct smal_type *giant = heap_type(&desc);
	char *object;

	for (int i = 0; i < GIANTS; i++) {
		object = kept[i] = i % 2 == 0 ? heap_alloc_bytes(type, bytes - 5) : heap_alloc(giant);
		ck_assert_uint_eq(smal_size(object), bytes);
		ck_assert_int_eq(object[0] | object[bytes / 2] | object[bytes - 1], 0);
		object[bytes - 1] = (char)(i + 1);
		ck_assert_ptr_eq(smal_base(thread, (uintptr_t)object + bytes - 1), object);
		ck_assert_ptr_eq(smal_base(thread, (uintptr_t)object + bytes / 3), object);
		ck_assert_ptr_ne(smal_base(thread, (uintptr_t)object + bytes), object);
		ck_assert_ptr_null(smal_type_of(object + bytes / 2));
	}
	/* The last byte is reached by an interior pointer alone. */
	kept[0] = (char *)kept[0] + bytes / 2;
	heap_collect();
	for (int i = 1; i < GIANTS; i++)
		ck_assert_int_eq(((char *)kept[i])[bytes - 1], i + 1);
	ck_assert_uint_eq(heap_live(), GIANTS);
	ck_assert_int_eq(smal_free(thread, kept[1]), SMAL_OK);
}
END_TEST

START_TEST(test_impossible)
{
	struct smal_type *type = heap_text_type();
	static const size_t large[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 4095,
		                        SIZE_MAX - 4096, SIZE_MAX - 70000, SIZE_MAX / 2 + 1 };
	void *object = kept[0] = heap_alloc_bytes(type, 100000);
	void *larger = kept[1] = heap_alloc_bytes(type, 300000);

	for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
		ck_assert_ptr_null(smal_alloc_bytes(thread, type, large[i]));
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_TOO_LARGE);
		ck_assert_int_eq(smal_resize(thread, object, large[i]), SMAL_ERROR_TOO_LARGE);
		ck_assert_int_eq(smal_resize(thread, larger, large[i]), SMAL_ERROR_TOO_LARGE);
	}
	/* What no system has. */
	ck_assert_ptr_null(smal_alloc_bytes(thread, type, SIZE_MAX / 2 - 65536));
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_NO_MEMORY);
	ck_assert_int_ne(smal_resize(thread, larger, SIZE_MAX / 2 - 65536), SMAL_OK);
	told_nothing();
	ck_assert_uint_eq(smal_size(larger), 303104);
	heap_alloc_bytes(type, 100);
}
END_TEST

/* ---- Zeroes, and apart ---- */

/* Whatever was freed, in whatever way, comes back zeroed; objects do not overlap
 * and keep their contents. */
START_TEST(test_random_objects)
{
	struct smal_type *type = heap_text_type();
	unsigned steps = (unsigned)heap_scale(200000);
	static size_t sizes[KEPT];
	struct test_random random;

	test_random_init(&random, 1);
	for (unsigned step = 0; step < steps; step++) {
		size_t i = test_random_below(&random, 300);
		unsigned char *object = kept[i];

		if (object != NULL) {
			unsigned char pattern = (unsigned char)(i * 7 + 1);

			EXPECT(object[0] == pattern &&
			       memcmp(object, object + 1, sizes[i] - 1) == 0);
			if (test_random_below(&random, 2) == 0)
				EXPECT(smal_free(thread, object) == SMAL_OK);
		}
		object = kept[i] = heap_alloc_bytes(type, random_bytes(&random));
		sizes[i] = smal_size(object);
		expect_zero(object, sizes[i]);
		memset(object, (int)(i * 7 + 1) & 0xff, sizes[i]);
		if (test_random_below(&random, steps / 50 + 1) == 0)
			heap_collect();
	}
}
END_TEST

/* ---- Freed slots are used again ---- */

/* Objects of a type that is not zeroed are what they were; those of another type in the
 * same memory are zero, and large ones too. */
START_TEST(test_unzeroed)
{
	enum { OBJECTS = 20000, WORDS = 8, LARGE = 1 << 20 };
	static const uintptr_t pointers = 0xff;
	struct smal_type_desc desc = { .name = "unzeroed",
		                       .flags = SMAL_TYPE_UNZEROED,
		                       .bytes = WORDS * sizeof(uintptr_t) };
	struct smal_type *leaf = heap_type(&desc), *node, *clear;
	size_t old = 0;

	desc.name = "unzeroed, pointers";
	desc.marking = SMAL_MARK_LAYOUT;
	desc.layout = (struct smal_layout){ &pointers, WORDS, 0 };
	node = heap_type(&desc);
	desc.name = "zeroed";
	desc.flags = 0;
	clear = heap_type(&desc);
	for (unsigned round = 0; round < 3; round++) {
		struct smal_type *const types[] = { leaf, node, clear };

		for (unsigned t = 0; t < 3; t++) {
			for (unsigned i = 0; i < OBJECTS; i++) {
				uintptr_t *words = heap_alloc(types[t]);

				for (unsigned w = 0; w < WORDS; w++) {
					old += types[t] != clear && words[w] == 0xa5a5;
					EXPECT(types[t] != clear || words[w] == 0);
					words[w] = 0xa5a5;
				}
			}
			heap_collect();
			ck_assert_uint_eq(heap_live(), 0);
		}
	}
	ck_assert_uint_ne(old, 0);
	/* What is found in a new object keeps it, until it is written over. */
	roots[0] = heap_alloc(node);
	for (unsigned i = 0; i < WORDS; i++)
		((void **)roots[0])[i] = heap_alloc(node);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1 + WORDS);
	desc = (struct smal_type_desc){ .name = "large", .flags = SMAL_TYPE_UNZEROED };
	leaf = heap_type(&desc);
	roots[0] = memset(heap_alloc_bytes(leaf, 2 * LARGE), 1, 2 * LARGE);
	ck_assert_int_eq(smal_resize(thread, roots[0], LARGE), SMAL_OK);
	ck_assert_int_eq(smal_resize(thread, roots[0], 2 * LARGE), SMAL_OK);
	memset(roots[0], 2, 2 * LARGE);
	roots[0] = NULL;
	heap_collect();
	desc.flags = 0;
	clear = heap_type(&desc);
	for (unsigned i = 0; i < 4; i++) {
		const char *bytes = heap_alloc_bytes(clear, LARGE);

		EXPECT(bytes[0] == 0 && memcmp(bytes, bytes + 1, LARGE - 1) == 0);
	}
}
END_TEST

START_TEST(test_free_reuses)
{
	static const size_t sizes[] = { 1, 24, 100, 3000, 10000, 100000, 1000000 };
	struct smal_type_desc desc = { .name = "t" };

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct smal_type *type;
		struct smal_stats stats;
		uint64_t heap_bytes;
		void *first;

		desc.bytes = sizes[s];
		type = heap_type(&desc);
		first = kept[0] = heap_alloc(type);
		smal_type_get_stats(type, &stats);
		heap_bytes = stats.heap_bytes;
		for (int i = 0; i < 1000; i++) {
			EXPECT(smal_free(thread, kept[0]) == SMAL_OK);
			EXPECT(smal_type_of(first) == NULL);
			EXPECT(smal_base(thread, (uintptr_t)first) == NULL);
			kept[0] = heap_alloc(type);
			expect_zero(kept[0], sizes[s] < 100 ? sizes[s] : 100);
			memset(kept[0], 0xff, sizes[s] < 100 ? sizes[s] : 100);
			first = kept[0];
		}
		smal_type_get_stats(type, &stats);
		ck_assert_uint_eq(stats.heap_bytes, heap_bytes);
		ck_assert_uint_eq(stats.allocated_objects, 1001);
		ck_assert_uint_eq(stats.freed_objects, 1000);
	}
}
END_TEST

/* Every slot of full buffers, freed in a random order, is found again before
 * the heap grows. */
START_TEST(test_free_all_of_full)
{
	struct smal_type_desc desc = { .name = "t", .bytes = 256 };
	struct smal_type *type = heap_type(&desc);
	int objects = heap_must_be_small() ? KEPT / 8 : KEPT;
	struct smal_stats before, after;
	struct test_random random;

	test_random_init(&random, 2);
	for (int i = 0; i < objects; i++)
		kept[i] = heap_alloc(type);
	smal_type_get_stats(type, &before);
	for (int round = 0; round < 20; round++) {
		unsigned freed = 0;

		for (int i = 0; i < objects; i++) {
			if (test_random_below(&random, 3) == 0) {
				EXPECT(smal_free(thread, kept[i]) == SMAL_OK);
				kept[i] = NULL;
				freed++;
			}
		}
		heap_check();
		for (int i = 0; i < objects; i++)
			if (kept[i] == NULL)
				kept[i] = memset(heap_alloc(type), (int)freed & 0xff, 256);
		heap_check();
		smal_type_get_stats(type, &after);
		ck_assert_uint_eq(after.heap_bytes, before.heap_bytes);
	}
}
END_TEST

START_TEST(test_bad_frees)
{
	struct smal_type *type = heap_text_type();
	char *object = kept[0] = heap_alloc_bytes(type, 40);
	char *large = kept[1] = heap_alloc_bytes(type, 400000);
	char on_stack[16];
	void *bad[] = { object + 1, object + 16, object + 48, large + 4096, large + 400000,
		        on_stack, &type, (void *)16, (void *)UINTPTR_MAX };

	ck_assert_int_eq(smal_free(thread, NULL), SMAL_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(smal_free(thread, bad[i]), SMAL_ERROR_INVALID);
		ck_assert_ptr_eq(told.pointer, bad[i]);
		told_once(SMAL_ERROR_INVALID);
		ck_assert_uint_eq(smal_size(bad[i]), 0);
		told_once(SMAL_ERROR_INVALID);
		ck_assert_int_eq(smal_resize(thread, bad[i], 1), SMAL_ERROR_INVALID);
		told_once(SMAL_ERROR_INVALID);
		ck_assert_ptr_null(smal_type_of(bad[i]));
	}
	told_nothing();
	for (int i = 0; i < 2; i++) {
		void *freed = kept[i];

		ck_assert_int_eq(smal_free(thread, freed), SMAL_OK);
		ck_assert_int_eq(smal_free(thread, freed), SMAL_ERROR_INVALID);
		told_once(SMAL_ERROR_INVALID);
		kept[i] = NULL;
	}
}
END_TEST

/* ---- New sizes in place ---- */

START_TEST(test_resize_small)
{
	struct smal_type *type = heap_text_type();
	char *object = kept[0] = heap_alloc_bytes(type, 1000);
	size_t size = smal_size(object);

	memset(object, 7, size);
	for (size_t bytes = 0; bytes <= size; bytes += 8)
		ck_assert_int_eq(smal_resize(thread, object, bytes), SMAL_OK);
	ck_assert_int_eq(smal_resize(thread, object, size + 1), SMAL_ERROR_NO_MEMORY);
	ck_assert_uint_eq(smal_size(object), size);
	ck_assert_int_eq(object[size - 1], 7);
	kept[1] = heap_alloc(heap_pair_type());
	ck_assert_int_eq(smal_resize(thread, kept[1], 8), SMAL_ERROR_INVALID);
	ck_assert_str_eq(told.what, "type has a fixed size");
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

/* A large object gives pages back and takes them again, zeroed; the counts go
 * with it. */
START_TEST(test_resize_large)
{
	struct smal_type *type = heap_text_type();
	size_t most = (size_t)8 << 20, size;
	unsigned char *object = kept[0] = heap_alloc_bytes(type, most);
	struct test_random random;
	struct smal_stats stats;

	test_random_init(&random, 3);
	memset(object, 0x5a, most);
	for (int i = 0; i < 60; i++) {
		size_t bytes = SMAL_LARGE_BYTES + 1 + test_random_below(&random, most);
		size_t had = smal_size(object);
		enum smal_error error = smal_resize(thread, object, bytes);

		size = smal_size(object);
		if (error == SMAL_OK) {
			ck_assert_uint_ge(size, bytes);
			ck_assert_uint_eq(size % 4096, 0);
			if (bytes <= had)
				ck_assert_uint_lt(size, bytes + 4096);
		} else {
			ck_assert_int_eq(error, SMAL_ERROR_NO_MEMORY);
			ck_assert_uint_gt(bytes, had);
			ck_assert_uint_eq(size, had);
		}
		if (size > had) {
			expect_zero(object + had, size - had);
			memset(object + had, 0x5a, size - had);
		}
		ck_assert_uint_eq(object[0] & object[size / 2] & object[size - 1], 0x5a);
		ck_assert_ptr_eq(smal_base(thread, (uintptr_t)object + size - 1), object);
		ck_assert_ptr_ne(smal_base(thread, (uintptr_t)object + size), object);
		smal_type_get_stats(type, &stats);
		ck_assert_uint_eq(stats.live_bytes, size);
		/* Others fill what was given back, or not. */
		kept[1] = heap_alloc_bytes(type, SMAL_LARGE_BYTES + (size_t)i * 4096 + 1);
		memset(kept[1], 0x33, smal_size(kept[1]));
		if (i % 3 != 0)
			ck_assert_int_eq(smal_free(thread, kept[1]), SMAL_OK);
		kept[1] = NULL;
		heap_collect();
		ck_assert_uint_eq(heap_live(), 1);
	}
	/* Smaller than any large object: it stays one, and is as small as can be. */
	ck_assert_int_eq(smal_resize(thread, object, 1), SMAL_OK);
	ck_assert_uint_le(smal_size(object), SMAL_LARGE_BYTES + 4096);
	ck_assert_uint_eq(object[0], 0x5a);
	told_nothing();
}
END_TEST

START_TEST(test_resize_limit)
{
	struct smal_type *type = heap_text_type();
	void *object = kept[0] = heap_alloc_bytes(type, 1 << 20);

	ck_assert_int_eq(smal_gc_set_limit(gc, 3 << 20), SMAL_OK);
	ck_assert_int_eq(smal_resize(thread, object, 4 << 20), SMAL_ERROR_LIMIT);
	ck_assert_uint_eq(smal_size(object), 1 << 20);
	ck_assert_int_eq(smal_resize(thread, object, 2 << 20), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
}
END_TEST

/* ---- What a word is ---- */

static void base_of_every_byte(char *object, size_t bytes, size_t step)
{
	for (size_t i = 0; i < bytes; i += step)
		EXPECT(smal_base(thread, (uintptr_t)object + i) == object);
	EXPECT(smal_base(thread, (uintptr_t)object + bytes - 1) == object);
	EXPECT(smal_base(thread, (uintptr_t)object + bytes) != object);
	EXPECT(smal_base(thread, (uintptr_t)object - 1) != object);
}

START_TEST(test_base)
{
	static const size_t sizes[] = { 1, 16, 17, 24, 40, 56, 100, 1000, 8192, 8200, 50000, 131072,
		                        131073, 1000000 };
	struct smal_type_desc desc = { .name = "t" };
	struct smal_type *text = heap_text_type();

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t step = sizes[s] < 10000 ? 1 : 97;
		struct smal_type *type;

		desc.bytes = sizes[s];
		type = heap_type(&desc);
		for (int i = 0; i < 3; i++) {
			kept[i] = heap_alloc(type);
			base_of_every_byte(kept[i], smal_size(kept[i]), step);
			kept[3] = heap_alloc_bytes(text, sizes[s]);
			base_of_every_byte(kept[3], smal_size(kept[3]), step);
		}
		/* Nothing is what lies around an object between free slots. */
		smal_free(thread, kept[0]);
		smal_free(thread, kept[2]);
		kept[0] = kept[2] = kept[3] = NULL;
		heap_collect();
		base_of_every_byte(kept[1], smal_size(kept[1]), step);
		ck_assert_ptr_null(smal_base(thread, (uintptr_t)kept[1] - 1));
		ck_assert_ptr_null(smal_base(thread, (uintptr_t)kept[1] + smal_size(kept[1])));
	}
}
END_TEST

/* Words of no meaning are nothing, and do no harm. */
START_TEST(test_base_of_random_words)
{
	struct smal_type *type = heap_text_type();
	struct test_random random;
	size_t n = heap_scale(1000000);

	for (int i = 0; i < 100; i++)
		kept[i] = heap_alloc_bytes(type, 1 + (size_t)i * i * 3);
	test_random_init(&random, 4);
	for (size_t i = 0; i < n; i++) {
		uintptr_t word = (uintptr_t)test_random_next(&random) >>
		                 test_random_below(&random, WORD_BITS);
		char *base;

		if (i % 2 == 0)
			word ^= (uintptr_t)kept[i % 100];
		base = smal_base(thread, word);
		EXPECT(base == NULL || word - (uintptr_t)base < smal_size(base));
	}
	told_nothing();
}
END_TEST

START_TEST(test_type_of)
{
	struct smal_type *pair = heap_pair_type(), *text = heap_text_type();
	char *object = kept[0] = heap_alloc(pair);

	kept[1] = heap_alloc_bytes(text, 10);
	kept[2] = heap_alloc_bytes(text, 1000000);
	ck_assert_ptr_eq(smal_type_of(object), pair);
	ck_assert_ptr_eq(smal_type_of(kept[1]), text);
	ck_assert_ptr_eq(smal_type_of(kept[2]), text);
	ck_assert_ptr_null(smal_type_of(object + 1));
	ck_assert_ptr_null(smal_type_of((char *)kept[2] + 4096));
	ck_assert_ptr_null(smal_type_of(NULL));
	ck_assert_ptr_null(smal_type_of(&object));
	told_nothing();
}
END_TEST

/* ---- The parcel, as a compiler uses it ---- */

START_TEST(test_parcel)
{
	struct smal_type *type = heap_pair_type();
	struct smal_parcel *parcel = smal_thread_parcel(thread, type);
	size_t stride = smal_type_stride(type), inlined = 0;
	int objects = heap_must_be_small() ? KEPT / 8 : KEPT;
	struct smal_stats stats;

	ck_assert_uint_eq(stride, 2 * sizeof(void *) < 16 ? 16 : 2 * sizeof(void *));
	for (int i = 0; i < objects; i++) {
		uintptr_t object = parcel->cursor;

		if (object + stride > parcel->limit) {
			kept[i] = heap_alloc(type);
		} else {
			parcel->cursor = object + stride;
			kept[i] = (void *)object;
			inlined++;
		}
		EXPECT(smal_thread_parcel(thread, type) == parcel);
		EXPECT(smal_base(thread, (uintptr_t)kept[i] + stride - 1) == kept[i]);
		expect_zero(kept[i], stride);
		memset(kept[i], 0xff, stride);
		if (i % 500 == 499)
			heap_collect();
	}
	smal_type_get_stats(type, &stats);
	ck_assert_uint_eq(stats.live_objects, objects);
	if (!test_is_slow() && !heap_must_be_small())
		ck_assert_uint_gt(inlined, KEPT * 9 / 10);
}
END_TEST

static Suite *alloc_suite(void)
{
	Suite *suite = suite_create("alloc");
	TCase *sizes = tcase_create("sizes");
	TCase *reuse = tcase_create("reuse");
	TCase *resize = tcase_create("resize");
	TCase *words = tcase_create("words");

	tcase_add_checked_fixture(sizes, begin, heap_end);
	tcase_add_test(sizes, test_fixed_sizes);
	tcase_add_test(sizes, test_variable_sizes);
	tcase_add_test(sizes, test_alignments);
	tcase_add_test(sizes, test_giant);
	tcase_add_test(sizes, test_impossible);
	suite_add_tcase(suite, sizes);

	tcase_add_checked_fixture(reuse, begin, heap_end);
	tcase_add_test(reuse, test_random_objects);
	tcase_add_test(reuse, test_unzeroed);
	tcase_add_test(reuse, test_free_reuses);
	tcase_add_test(reuse, test_free_all_of_full);
	tcase_add_test(reuse, test_bad_frees);
	suite_add_tcase(suite, reuse);

	tcase_add_checked_fixture(resize, begin, heap_end);
	tcase_add_test(resize, test_resize_small);
	tcase_add_test(resize, test_resize_large);
	tcase_add_test(resize, test_resize_limit);
	suite_add_tcase(suite, resize);

	tcase_add_checked_fixture(words, begin, heap_end);
	tcase_add_test(words, test_base);
	tcase_add_test(words, test_base_of_random_words);
	tcase_add_test(words, test_type_of);
	tcase_add_test(words, test_parcel);
	suite_add_tcase(suite, words);
	return suite;
}

int main(void)
{
	return test_main(alloc_suite);
}
