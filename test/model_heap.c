/* SPDX-License-Identifier: MIT */
/*
 * model_heap.c: random operations on a heap, all of its public functions, against a
 * list of what is in use: every block has what was written to it, and the sums hold,
 * after every operation of a short run, now and then of a long one.
 */
#include "test/heaps.h"

#include <string.h>

enum { SHADOWS = 400 };

struct shadow {
	void *block;
	size_t bytes;
	uint64_t tag;
};

static bool is_zero(const unsigned char *block, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (block[i] != 0)
			return false;
	return true;
}

static size_t random_bytes(struct test_random *random)
{
	static const size_t limits[] = { 16, 128, 1024, 8192, 32768, 100000, 3 << 20 };
	size_t limit = limits[test_random_below(random, test_random_below(random, 4) == 0 ? 7 : 5)];

	return test_random_below(random, limit + 1);
}

static void renew(struct test_random *random, struct shadow *shadow)
{
	size_t bytes = random_bytes(random);

	switch (test_random_below(random, 4)) {
	case 0:
		shadow->block = smal_heap_alloc_zeroed(heap, 1, bytes);
		EXPECT(is_zero(shadow->block, smal_min(bytes, 4096)));
		break;
	case 1:
		shadow->block = smal_heap_alloc_aligned(
			heap, (size_t)1 << test_random_below(random, 22), bytes);
		break;
	default:
		shadow->block = heaps_alloc(bytes);
	}
	EXPECT(shadow->block != NULL);
	shadow->bytes = bytes;
	shadow->tag = test_random_next(random);
	heaps_mark(shadow->block, bytes, shadow->tag);
}

static void change(struct test_random *random, struct shadow *shadow)
{
	size_t bytes = random_bytes(random), least = smal_min(bytes, shadow->bytes);

	heaps_mark(shadow->block, least, shadow->tag);
	shadow->block = smal_heap_realloc(heap, shadow->block, bytes);
	EXPECT(shadow->block != NULL);
	heaps_check_mark(shadow->block, least, shadow->tag);
	shadow->bytes = bytes;
	heaps_mark(shadow->block, bytes, shadow->tag);
}

/* One operation; the change of the bytes in use is what the block's slot says. */
static void operate(struct test_random *random, struct shadow *shadow, uint64_t *blocks,
                    uint64_t *used)
{
	if (shadow->block != NULL) {
		size_t usable = smal_heap_usable(heap, shadow->block);

		heaps_check_mark(shadow->block, shadow->bytes, shadow->tag);
		*blocks -= usable != 0;
		*used -= usable;
	}
	if (shadow->block == NULL) {
		renew(random, shadow);
	} else if (test_random_below(random, 4) == 0) {
		change(random, shadow);
	} else {
		heaps_free(shadow->block);
		shadow->block = NULL;
		return;
	}
	*blocks += smal_heap_usable(heap, shadow->block) != 0;
	*used += smal_heap_usable(heap, shadow->block);
}

/* Blocks of a guarded heap are shorter than their slots, and those in its queue come
 * home at a check. */
static bool is_guarded;

static void audit(uint64_t blocks, uint64_t used)
{
	if (is_guarded) {
		heaps_check();
		EXPECT_EQ(heaps_stats().used_blocks, blocks);
		EXPECT(heaps_stats().used_bytes >= used);
	} else {
		heaps_audit(blocks, used);
	}
}

static void run(uint64_t steps, uint64_t audit_every)
{
	static struct shadow shadows[SHADOWS];
	struct test_random random;
	uint64_t blocks = 0, used = 0;

	test_random_init(&random, steps);
	memset(shadows, 0, sizeof shadows);
	for (uint64_t step = 0; step < steps; step++) {
		operate(&random, &shadows[test_random_below(&random, SHADOWS)], &blocks, &used);
		if (step % 1000 == 500)
			smal_heap_trim(heap);
		if (step % audit_every == 0)
			audit(blocks, used);
	}
	audit(blocks, used);
	for (int i = 0; i < SHADOWS; i++)
		if (shadows[i].block != NULL)
			heaps_free(shadows[i].block);
	audit(0, 0);
}

START_TEST(test_each)
{
	run(test_is_slow() ? 500 : 10000, 1);
}
END_TEST

START_TEST(test_many)
{
	run(test_long() ? 10000000 : heaps_scale(200000), 10000);
}
END_TEST

/* The same with guards. */
START_TEST(test_guarded)
{
	struct smal_heap_options options = { .flags = SMAL_HEAP_GUARDED };

	heaps_end();
	heaps_begin(&options);
	is_guarded = true;
	run(heaps_scale(20000), 1000);
	is_guarded = false;
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("heap model");
	TCase *t = tcase_create("model");

	tcase_add_checked_fixture(t, heaps_begin_plain, heaps_end);
	tcase_add_test(t, test_each);
	tcase_add_test(t, test_many);
	tcase_add_test(t, test_guarded);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
