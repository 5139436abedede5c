/* SPDX-License-Identifier: MIT */
/*
 * model_vector.c: random operations on pools, all of their public functions, against a
 * list of what there is: every vector has its size and what was written to it, and the
 * sums hold and the checker finds nothing, after every operation of a short run, now
 * and then of a long one; in the system's memory and in a caller's, with all growths.
 */
#include "test/vectors.h"

#include <string.h>

enum { SHADOWS = 300 };

struct shadow {
	char *vector;
	size_t used, capacity;
	uint64_t tag;
};

static struct shadow shadows[SHADOWS];
/* In a caller's memory there may be no room, and no larger vectors. */
static bool may_fail;
static size_t most;

static size_t random_bytes(struct test_random *random)
{
	static const size_t limits[] = { 17, 100, 600, 2500, 6000, 40000, 300000, 3 << 20 };
	size_t kinds = test_random_below(random, 50) == 0  ? 8
	               : test_random_below(random, 8) == 0 ? 6
	                                                   : 4;

	return test_random_below(random,
	                         smal_min(limits[test_random_below(random, kinds)], most) + 1);
}

/* The vector is what the shadow says; then it has a new mark. */
static void see(struct test_random *random, struct shadow *shadow, size_t kept)
{
	EXPECT_EQ(smal_vector_used(pool, shadow->vector), shadow->used);
	EXPECT(smal_vector_capacity(pool, shadow->vector) >= shadow->capacity);
	shadow->capacity = smal_vector_capacity(pool, shadow->vector);
	EXPECT(shadow->capacity >= shadow->used);
	heaps_check_mark(shadow->vector, kept, shadow->tag);
	shadow->tag = test_random_next(random);
	heaps_mark(shadow->vector, shadow->used, shadow->tag);
}

static void make(struct test_random *random, struct shadow *shadow)
{
	size_t bytes = random_bytes(random);

	shadow->vector = smal_vector_alloc(pool, bytes);
	EXPECT(shadow->vector != NULL || may_fail);
	if (shadow->vector == NULL)
		return;
	*shadow = (struct shadow){ .vector = shadow->vector, .capacity = bytes };
	see(random, shadow, 0);
}

static void resize(struct test_random *random, struct shadow *shadow)
{
	size_t used = random_bytes(random), kept = smal_min(used, shadow->used);
	char *vector;

	heaps_mark(shadow->vector, kept, shadow->tag);
	vector = smal_vector_resize(pool, shadow->vector, used);
	EXPECT(vector != NULL || may_fail);
	EXPECT(vector == shadow->vector || used > shadow->capacity);
	if (vector == NULL) {
		heaps_mark(shadow->vector, shadow->used, shadow->tag);
		return;
	}
	shadow->vector = vector;
	shadow->used = used;
	see(random, shadow, kept);
}

static void reserve(struct test_random *random, struct shadow *shadow)
{
	size_t capacity = random_bytes(random);
	char *vector;

	if (test_random_below(random, 2) == 0) {
		if (smal_vector_try_expand(pool, shadow->vector, capacity))
			EXPECT(smal_vector_capacity(pool, shadow->vector) >= capacity);
		see(random, shadow, shadow->used);
		return;
	}
	vector = smal_vector_reserve(pool, shadow->vector, capacity);
	EXPECT(vector != NULL || may_fail);
	if (vector != NULL) {
		EXPECT(smal_vector_capacity(pool, vector) >= capacity);
		shadow->vector = vector;
	}
	see(random, shadow, shadow->used);
}

static void shrink(struct test_random *random, struct shadow *shadow)
{
	char *vector = smal_vector_shrink(pool, shadow->vector);

	EXPECT(vector == shadow->vector);
	shadow->capacity = 0;
	see(random, shadow, shadow->used);
}

static void append(struct test_random *random, struct shadow *shadow)
{
	size_t kept = shadow->used, n = test_random_below(random, 60);
	struct smal_vector_tail tail;

	EXPECT(smal_vector_tail_begin(&tail, pool, shadow->vector));
	for (size_t i = 0; i < n; i++) {
		uint64_t element = i;

		if (!smal_vector_push(&tail, &element, sizeof element)) {
			EXPECT(may_fail);
			break;
		}
	}
	if (n % 3 == 0 && smal_vector_pop(&tail, sizeof(uint64_t)) != NULL)
		kept = smal_min(kept, (size_t)(tail.next - tail.base));
	shadow->used = (size_t)(tail.next - tail.base);
	heaps_mark(tail.base, smal_min(kept, shadow->used), shadow->tag);
	shadow->vector = smal_vector_tail_end(&tail);
	see(random, shadow, smal_min(kept, shadow->used));
}

static void operate(struct test_random *random, struct shadow *shadow)
{
	if (shadow->vector == NULL) {
		make(random, shadow);
		return;
	}
	heaps_check_mark(shadow->vector, shadow->used, shadow->tag);
	switch (test_random_below(random, 8)) {
	case 0:
	case 1:
	case 2:
		vectors_free(shadow->vector);
		shadow->vector = NULL;
		break;
	case 3:
	case 4:
		resize(random, shadow);
		break;
	case 5:
		reserve(random, shadow);
		break;
	case 6:
		shrink(random, shadow);
		break;
	default:
		append(random, shadow);
	}
}

static void audit(void)
{
	struct smal_vector_stats stats = vectors_stats();
	uint64_t vectors = 0, used = 0, capacity = 0;

	for (int i = 0; i < SHADOWS; i++) {
		if (shadows[i].vector == NULL)
			continue;
		vectors++;
		used += shadows[i].used;
		capacity += smal_vector_capacity(pool, shadows[i].vector);
	}
	EXPECT_EQ(stats.vectors, vectors);
	EXPECT_EQ(stats.used_bytes, used);
	EXPECT_EQ(stats.capacity_bytes, capacity);
	EXPECT(stats.disc_bytes >= capacity);
	vectors_check();
}

static void run(uint64_t steps, uint64_t audit_every, uint64_t stream)
{
	struct test_random random;

	test_random_init(&random, stream);
	memset(shadows, 0, sizeof shadows);
	for (uint64_t step = 0; step < steps; step++) {
		operate(&random, &shadows[test_random_below(&random, SHADOWS)]);
		if (step % audit_every == 0)
			audit();
	}
	audit();
	for (int i = 0; i < SHADOWS; i++)
		if (shadows[i].vector != NULL)
			vectors_free(shadows[i].vector);
	memset(shadows, 0, sizeof shadows);
	audit();
	heaps_silent();
}

START_TEST(test_each)
{
	may_fail = false;
	most = SIZE_MAX;
	vectors_begin(NULL);
	run(test_is_slow() ? 300 : 5000, 1, 1);
	vectors_end();
}
END_TEST

START_TEST(test_many)
{
	may_fail = false;
	most = SIZE_MAX;
	vectors_begin(NULL);
	run(test_long() ? 100000000 : heaps_scale(1000000), 20000, 2);
	vectors_end();
}
END_TEST

/* Sizes of discs and classes; in the first ones there is not much room. */
static const struct {
	size_t disc, smallest, largest;
	unsigned growth;
} shapes[] = {
	{ 32 << 10, 16, 1024, 2 },   { 256 << 10, 16, 4096, 2 },   { 3000, 16, 64, 2 },
	{ 64 << 10, 8, 32768, 2 },   { 300000, 64, 4096, 4 },      { 256 << 10, 16, 4096, 16 },
	{ 20000, 32, 32, 2 },        { 20000, 32, 64, 2 },         { 20000, 8, 32, 2 },
	{ 512 << 10, 16, 65536, 4 }, { 300000, 16, 16384, 4 },     { 4 << 20, 4096, 65536, 16 },
	{ 100000, 16, 2048, 2 },     { 8 << 20, 256, 1 << 20, 8 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

START_TEST(test_shapes)
{
	may_fail = true;
	most = shapes[_i].largest + 10;
	ck_assert(vectors_begin_in(shapes[_i].disc, shapes[_i].smallest, shapes[_i].largest,
	                           shapes[_i].growth));
	run(test_is_slow() ? 300 : 2000, 1, 3 + (uint64_t)_i);
	run(test_long() ? 10000000 : heaps_scale(70000), 3000, 30 + (uint64_t)_i);
	vectors_end_in();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("vector model");
	TCase *t = tcase_create("model");

	tcase_set_timeout(t, test_long() ? 3600 : 300);
	tcase_add_test(t, test_each);
	tcase_add_test(t, test_many);
	tcase_add_loop_test(t, test_shapes, 0, SHAPES);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
