/* SPDX-License-Identifier: MIT */
/*
 * check_type.c: a type is what its description says, or is refused whole; what
 * the description points to is copied; types come and go while objects of
 * others live; a type that has ended is recognised.
 */
#include "test/collector.h"

#include <stdio.h>
#include <string.h>

enum { WORD_BITS = sizeof(uintptr_t) * 8 };
static void *no_mark(struct smal_marker *marker, void *object)
{
	(void)marker;
	(void)object;
	return NULL;
}

/* ---- Descriptions ---- */

static const uintptr_t bits[200] = { 5 };

static void *mark_nothing(struct smal_marker *marker, void *object)
{
	(void)marker;
	(void)object;
	return NULL;
}

static const struct {
	struct smal_type_desc desc;
	enum smal_error error;
	const char *what;
} bad[] = {
	{ { .name = NULL, .bytes = 8 }, SMAL_ERROR_INVALID, "a type needs a name" },
	{ { .name = "t", .bytes = 8, .alignment = 3 }, SMAL_ERROR_INVALID,
	  "alignment is not a power of two up to 4096" },
	{ { .name = "t", .bytes = 8, .alignment = 8192 }, SMAL_ERROR_INVALID,
	  "alignment is not a power of two up to 4096" },
	{ { .name = "t", .bytes = 8, .alignment = SIZE_MAX / 2 + 1 }, SMAL_ERROR_INVALID,
	  "alignment is not a power of two up to 4096" },
	{ { .name = "t", .bytes = SIZE_MAX }, SMAL_ERROR_TOO_LARGE, "size too large" },
	{ { .name = "t", .bytes = SIZE_MAX - 7 }, SMAL_ERROR_TOO_LARGE, "size too large" },
	{ { .name = "t", .bytes = SIZE_MAX / 2 + 1 }, SMAL_ERROR_TOO_LARGE, "size too large" },
	{ { .name = "t", .bytes = 8, .marking = (enum smal_marking)4 }, SMAL_ERROR_INVALID,
	  "unknown marking" },
	{ { .name = "t", .bytes = 8, .marking = SMAL_MARK_CALLBACK }, SMAL_ERROR_INVALID,
	  "mark function is missing" },
	{ { .name = "t", .bytes = 8, .flags = 64 }, SMAL_ERROR_INVALID, "unknown flags" },
	{ { .name = "t", .bytes = 8, .flags = SMAL_TYPE_UNZEROED, .marking = SMAL_MARK_CALLBACK,
	    .mark = mark_nothing },
	  SMAL_ERROR_INVALID,
	  "mark function of what is not zeroed" },
	{ { .name = "t", .bytes = 64, .marking = SMAL_MARK_LAYOUT, .layout = { NULL, 1, 0 } },
	  SMAL_ERROR_INVALID, "layout has no words or too many" },
	{ { .name = "t", .bytes = 64, .marking = SMAL_MARK_LAYOUT, .layout = { bits, 0, 0 } },
	  SMAL_ERROR_INVALID, "layout has no words or too many" },
	{ { .name = "t", .marking = SMAL_MARK_LAYOUT, .layout = { bits, SIZE_MAX, 0 } },
	  SMAL_ERROR_INVALID, "layout has no words or too many" },
	{ { .name = "t", .bytes = 2 * sizeof(void *), .marking = SMAL_MARK_LAYOUT,
	    .layout = { bits, 3, 0 } },
	  SMAL_ERROR_INVALID, "layout is larger than its object" },
	{ { .name = "t", .marking = SMAL_MARK_LAYOUT, .layout = { bits, 3, 4 } },
	  SMAL_ERROR_INVALID, "layout repeats more than it has" },
};

enum { BAD = sizeof bad / sizeof *bad };

START_TEST(test_bad_description)
{
	struct smal_type *type = NULL;

	ck_assert_int_eq(smal_type_create(gc, &bad[_i].desc, &type), bad[_i].error);
	ck_assert_ptr_null(type);
	ck_assert_str_eq(told.what, bad[_i].what);
	ck_assert_str_eq(told.function, "smal_type_create");
	told_once(bad[_i].error);
	heap_pair_type();
}
END_TEST

START_TEST(test_null_arguments)
{
	struct smal_type_desc desc = { .name = "t", .bytes = 8 };
	struct smal_type *type = NULL;

	ck_assert_int_eq(smal_type_create(gc, NULL, &type), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_type_create(gc, &desc, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_type_create(NULL, &desc, &type), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_type_destroy(NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

/* The name and the layout may be gone once the type is made. */
START_TEST(test_copies)
{
	char name[] = "node";
	uintptr_t layout[2] = { 1, 1 };
	struct smal_type_desc desc = {
		.name = name,
		.bytes = (WORD_BITS + 1) * sizeof(void *),
		.marking = SMAL_MARK_LAYOUT,
		.layout = { layout, WORD_BITS + 1, 0 },
		.user = name,
	};
	struct smal_type *type = heap_type(&desc);
	void **node;

	memset(name, 'x', sizeof name);
	memset(layout, 0, sizeof layout);
	ck_assert_str_eq(smal_type_name(type), "node");
	ck_assert_ptr_eq(smal_type_user(type), name);
	roots[0] = node = heap_alloc(type);
	node[0] = heap_alloc(type);
	node[WORD_BITS] = heap_alloc(type);
	node[1] = heap_alloc(type);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 3);
}
END_TEST

START_TEST(test_long_name)
{
	char name[1000];
	struct smal_type_desc desc = { .name = name, .bytes = 8 };
	struct smal_type *type;

	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = 0;
	type = heap_type(&desc);
	ck_assert_uint_ge(strlen(smal_type_name(type)), 63);
	ck_assert_int_eq(strncmp(smal_type_name(type), name, strlen(smal_type_name(type))), 0);
}
END_TEST

/* ---- Strides ---- */

START_TEST(test_stride)
{
	for (size_t bytes = 1; bytes <= 300; bytes++) {
		for (size_t alignment = 0; alignment <= 4096;
		     alignment = alignment == 0 ? 1 : alignment * 2) {
			struct smal_type_desc desc = { .name = "t", .bytes = bytes,
				                       .alignment = alignment };
			struct smal_type *type = heap_type(&desc);
			size_t stride = smal_type_stride(type);
			size_t wanted = alignment;

			if (wanted == 0)
				wanted = (bytes + 7) / 8 % 2 != 0 && bytes > 8 ? 8 : 16;
			EXPECT(stride >= bytes && stride < bytes + (wanted < 16 ? 16 : wanted));
			EXPECT(stride % (wanted < 8 ? 8 : wanted) == 0);
			EXPECT(smal_type_destroy(type) == SMAL_OK);
		}
	}
}
END_TEST

/* ---- The byte behind ---- */

/* With the flag it keeps nothing, without it does, whatever the size; every other byte
 * does. */
START_TEST(test_no_end)
{
	static const size_t sizes[] = { 16, 24, 64, 72, 1000, 9000, 20008, 200000, 300u << 20 };
	static uintptr_t word;

	ck_assert_int_eq(smal_root_add_range(gc, &word, &word + 1, NULL), SMAL_OK);
	for (size_t s = 0; s < 2 * sizeof sizes / sizeof *sizes; s++) {
		for (unsigned f = 0; f < 4; f++) {
			struct smal_type_desc desc = {
				.name = "t",
				.bytes = s % 2 == 0 ? sizes[s / 2] : 0,
				.flags = (f % 2 != 0 ? SMAL_TYPE_NO_END : 0) |
				         (f / 2 != 0 ? SMAL_TYPE_INTERIOR : 0),
			};
			struct smal_type *type = heap_type(&desc);
			void *made = s % 2 == 0 ? heap_alloc(type)
			                        : heap_alloc_bytes(type, sizes[s / 2]);
			uintptr_t object = (uintptr_t)made;
			size_t bytes = smal_size(made);

			/* One that begins there would keep itself. */
			word = object + bytes - 1;
			heap_collect();
			ck_assert_uint_eq(heap_live(), 1);
			word = object + bytes;
			heap_collect();
			ck_assert_uint_eq(heap_live(), f % 2 == 0);
			word = 0;
			heap_collect();
			ck_assert_uint_eq(heap_live(), 0);
		}
	}
}
END_TEST

/* ---- Coming and going ---- */

START_TEST(test_destroy_in_use)
{
	struct smal_type *type = heap_pair_type();

	roots[0] = heap_alloc(type);
	ck_assert_int_eq(smal_type_destroy(type), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	roots[1] = heap_alloc(type);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
	roots[0] = roots[1] = NULL;
	ck_assert_int_eq(smal_type_destroy(type), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	heap_collect();
	ck_assert_int_eq(smal_type_destroy(type), SMAL_OK);
	heap_check();
	ck_assert_int_eq(smal_type_destroy(type), SMAL_ERROR_INVALID);
	ck_assert_str_eq(told.detail, "a type that has ended");
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

/* A call with a type that has ended is told, also when others took its place. */
START_TEST(test_stale_type)
{
	struct smal_type *fixed = heap_pair_type(), *variable = heap_text_type();

	smal_free(thread, heap_alloc(fixed));
	smal_free(thread, heap_alloc_bytes(variable, 100));
	ck_assert_int_eq(smal_type_destroy(fixed), SMAL_OK);
	ck_assert_int_eq(smal_type_destroy(variable), SMAL_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_null(smal_alloc(thread, fixed));
		told_once(SMAL_ERROR_INVALID);
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_INVALID);
		ck_assert_ptr_null(smal_alloc_bytes(thread, variable, 100));
		told_once(SMAL_ERROR_INVALID);
		roots[2 * i] = heap_alloc(heap_pair_type());
		roots[2 * i + 1] = heap_alloc_bytes(heap_text_type(), 100);
	}
	heap_collect();
	ck_assert_uint_eq(heap_live(), 4);
}
END_TEST

/* A type ends whose hole is open and whose freed slots are at hand; the objects
 * of its neighbours stay what they are. */
START_TEST(test_destroy_between_others)
{
	struct smal_type *array = heap_array_type();
	void **kept = heap_alloc_bytes(array, 200 * sizeof(void *));
	static void *objects[10];

	ck_assert_int_eq(smal_root_add_range(gc, objects, objects + 10, NULL), SMAL_OK);
	roots[0] = kept;
	for (int round = 0; round < 200; round++) {
		struct smal_type_desc desc = { .name = "passing", .bytes = 16 };
		struct smal_type *passing;

		desc.bytes = 16 + (size_t)round * 40;
		passing = heap_type(&desc);
		for (int i = 0; i < 10; i++)
			objects[i] = memset(heap_alloc(passing), 0xee, desc.bytes);
		kept[round] = memset(heap_alloc_bytes(array, 48), 0, 48);
		*(int *)kept[round] = round;
		for (int i = 0; i < 10; i += round % 3 + 1)
			ck_assert_int_eq(smal_free(thread, objects[i]), SMAL_OK);
		memset(objects, 0, sizeof objects);
		if (round % 3 != 0)
			heap_collect();
		ck_assert_int_eq(smal_type_destroy(passing), SMAL_OK);
		if (round % 16 == 0)
			heap_check();
	}
	for (int round = 0; round < 200; round++)
		ck_assert_int_eq(*(int *)kept[round], round);
	ck_assert_uint_eq(heap_live(), 201);
}
END_TEST

/* Types may be made with and without an attached thread. */
START_TEST(test_without_thread)
{
	struct smal_type *type;

	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	type = heap_pair_type();
	heap_text_type();
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	roots[0] = heap_alloc(type);
	heap_collect();
	roots[0] = NULL;
	heap_collect();
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_type_destroy(type), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	heap_alloc(heap_pair_type());
}
END_TEST

enum { MOST_TYPES = 8191, VARIABLE_PLACES = 89 };

/* There is room for as many as promised, and a place is used again. */
START_TEST(test_too_many)
{
	static struct smal_type *types[MOST_TYPES];
	struct smal_type_desc desc = { .name = "t", .bytes = 16, .marking = SMAL_MARK_CALLBACK,
		                       .mark = no_mark };
	struct smal_type_desc variable = { .name = "v" };
	struct smal_type *type;

	for (int i = 0; i < MOST_TYPES; i++)
		types[i] = heap_type(&desc);
	ck_assert_int_eq(smal_type_create(gc, &desc, &type), SMAL_ERROR_TOO_MANY);
	ck_assert_int_eq(smal_type_create(gc, &variable, &type), SMAL_ERROR_TOO_MANY);
	told_nothing();
	roots[0] = heap_alloc(types[0]);
	roots[1] = heap_alloc(types[MOST_TYPES - 1]);
	heap_collect();
	ck_assert_int_eq(smal_type_destroy(types[5000]), SMAL_OK);
	types[5000] = heap_type(&desc);
	roots[2] = heap_alloc(types[5000]);
	ck_assert_int_eq(smal_type_create(gc, &desc, &type), SMAL_ERROR_TOO_MANY);
	for (int i = 100; i < 100 + VARIABLE_PLACES - 1; i++)
		ck_assert_int_eq(smal_type_destroy(types[i]), SMAL_OK);
	ck_assert_int_eq(smal_type_create(gc, &variable, &type), SMAL_ERROR_TOO_MANY);
	ck_assert_int_eq(smal_type_destroy(types[99]), SMAL_OK);
	type = heap_type(&variable);
	roots[3] = heap_alloc_bytes(type, 1);
	roots[4] = heap_alloc_bytes(type, 1000000);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 5);
}
END_TEST

/* ---- Callbacks ---- */

static struct smal_type *victim;
static enum smal_error in_callback[2];

static void meddle(struct smal_marker *marker, void *user)
{
	struct smal_type_desc desc = { .name = "t", .bytes = 8 };
	struct smal_type *type;

	(void)marker;
	(void)user;
	in_callback[0] = smal_type_create(gc, &desc, &type);
	in_callback[1] = smal_type_destroy(victim);
}

START_TEST(test_busy_in_callbacks)
{
	victim = heap_pair_type();
	ck_assert_int_eq(smal_root_add_function(gc, meddle, NULL, NULL), SMAL_OK);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_int_eq(in_callback[0], SMAL_ERROR_BUSY);
	ck_assert_int_eq(in_callback[1], SMAL_ERROR_BUSY);
	ck_assert_uint_eq(told.count % 2, 0); /* a second marker asks again */
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	told_begin();
	roots[0] = heap_alloc(victim);
}
END_TEST

static Suite *type_suite(void)
{
	Suite *suite = suite_create("type");
	TCase *description = tcase_create("description");
	TCase *life = tcase_create("life");

	tcase_add_checked_fixture(description, heap_begin_exact, heap_end);
	tcase_add_loop_test(description, test_bad_description, 0, BAD);
	tcase_add_test(description, test_null_arguments);
	tcase_add_test(description, test_copies);
	tcase_add_test(description, test_long_name);
	tcase_add_test(description, test_stride);
	tcase_add_test(description, test_no_end);
	suite_add_tcase(suite, description);

	tcase_add_checked_fixture(life, heap_begin_exact, heap_end);
	tcase_add_test(life, test_destroy_in_use);
	tcase_add_test(life, test_stale_type);
	tcase_add_test(life, test_destroy_between_others);
	tcase_add_test(life, test_without_thread);
	tcase_add_test(life, test_too_many);
	tcase_add_test(life, test_busy_in_callbacks);
	suite_add_tcase(suite, life);
	return suite;
}

int main(void)
{
	return test_main(type_suite);
}
