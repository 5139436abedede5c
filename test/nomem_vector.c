/* SPDX-License-Identifier: MIT */
/*
 * nomem_vector.c: memory fails in pools of vectors: every call of the system refused in
 * turn, once and for good. Who asked gets NULL, and what he has stays as it is;
 * afterwards everything that was refused is done, and everything can be freed.
 */
#include "test/nomem.h"

#include <smal/vector/pool.h>

#include <string.h>


enum { VECTORS = 40 };

static struct smal_vector_pool *pool;
static char *vectors[VECTORS];
static size_t used[VECTORS];

static void mark(int i)
{
	size_t n = smal_min(used[i], 3000);

	memset(vectors[i], i, n);
	memset(vectors[i] + used[i] - n, i, n);
}

static void check_mark(int i)
{
	size_t n = smal_min(used[i], 3000);

	DEMAND(smal_vector_used(pool, vectors[i]) == used[i]);
	for (size_t at = 0; at < n; at++)
		DEMAND(vectors[i][at] == i && vectors[i][used[i] - n + at] == i);
}

static void resize(int i, size_t bytes)
{
	char *vector = smal_vector_resize(pool, vectors[i], bytes);

	if (vector == NULL) {
		nomem_failed(SMAL_ERROR_NO_MEMORY);
		check_mark(i);
		return;
	}
	vectors[i] = vector;
	for (size_t at = 0; at < smal_min(smal_min(used[i], bytes), 3000); at++)
		DEMAND(vector[at] == i);
	used[i] = bytes;
	mark(i);
}

static void alloc(int i, size_t bytes)
{
	if (vectors[i] != NULL)
		return;
	vectors[i] = smal_vector_alloc(pool, bytes);
	used[i] = 0;
	if (vectors[i] == NULL)
		nomem_failed(SMAL_ERROR_NO_MEMORY);
}

static void append(int i)
{
	struct smal_vector_tail tail;

	if (!smal_vector_tail_begin(&tail, pool, vectors[i])) {
		nomem_failed(SMAL_ERROR_NO_MEMORY);
		return;
	}
	for (int n = 0; n < 20000; n++)
		if (!smal_vector_push(&tail, &(char){ (char)i }, 1)) {
			nomem_failed(SMAL_ERROR_NO_MEMORY);
			break;
		}
	used[i] = (size_t)(tail.next - tail.base);
	vectors[i] = smal_vector_tail_end(&tail);
	DEMAND(vectors[i] != NULL);
	check_mark(i);
}

static void work(void)
{
	static const size_t sizes[] = { 1, 100, 3000, 4097, 100000, 2 * MIB, 30 * MIB, 5 * MIB };

	for (int i = 0; i < VECTORS; i++)
		alloc(i, sizes[i % 6]);
	for (int turn = 0; turn < 8; turn++)
		for (int i = 0; i < VECTORS; i += 5)
			if (vectors[i] != NULL) {
				resize(i, sizes[(turn + i) % 8]);
				DEMAND(smal_vector_shrink(pool, vectors[i]) == vectors[i]);
				check_mark(i);
			}
	for (int i = 1; i < VECTORS; i += 7)
		if (vectors[i] != NULL)
			append(i);
	for (int i = 2; i < VECTORS; i += 3)
		if (vectors[i] != NULL) {
			DEMAND(smal_vector_free(pool, vectors[i]) == SMAL_OK);
			vectors[i] = NULL;
		}
	DEMAND(smal_vector_check(pool) == SMAL_OK);
}

/* All of it once more, and nothing fails. */
static void recover(void)
{
	unsigned before = nomem_failures();

	DEMAND(smal_vector_check(pool) == SMAL_OK);
	work();
	DEMAND(nomem_failures() == before);
	for (int i = 0; i < VECTORS; i++) {
		DEMAND(smal_vector_free(pool, vectors[i]) == SMAL_OK);
		vectors[i] = NULL;
	}
	DEMAND(smal_vector_check(pool) == SMAL_OK);
	DEMAND(smal_vector_pool_destroy(pool) == SMAL_OK);
}

static enum smal_error create(void)
{
	return smal_vector_pool_create(NULL, &pool);
}

static void use_all(void)
{
	memset(vectors, 0, sizeof vectors);
	nomem_begin();
	nomem_step(create);
	if (nomem_failures() < 2)
		work();
	nomem_end();
	recover();
}

/* Where addresses are few, vectors outgrow their slots. */
static void use_few(void)
{
	memset(vectors, 0, sizeof vectors);
	DEMAND(create() == SMAL_OK);
	pool->system->region_most = pool->system->region_bytes = 64 * MIB;
	nomem_begin();
	work();
	nomem_end();
	recover();
}

/* What ends may be refused to end. */
static void use_end(void)
{
	struct smal_vector_pool *other;

	memset(vectors, 0, sizeof vectors);
	DEMAND(create() == SMAL_OK);
	work();
	DEMAND(smal_vector_pool_create(NULL, &other) == SMAL_OK);
	DEMAND(smal_vector_alloc(other, 5 * MIB) != NULL);
	nomem_begin();
	DEMAND(smal_vector_pool_destroy(other) == SMAL_OK);
	for (int i = 0; i < VECTORS; i++) {
		DEMAND(smal_vector_free(pool, vectors[i]) == SMAL_OK);
		vectors[i] = NULL;
	}
	DEMAND(smal_vector_check(pool) == SMAL_OK);
	nomem_end();
	recover();
}

static const struct nomem_scenario scenarios[] = {
	{ .name = "all", .run = use_all, .seen = NOMEM_SEEN },
	{ .name = "few addresses", .run = use_few, .seen = NOMEM_SEEN },
	{ .name = "end", .run = use_end },
};

START_TEST(test_once)
{
	nomem_sweep(&scenarios[_i], NOMEM_SYSTEM, false);
}
END_TEST

START_TEST(test_for_good)
{
	nomem_sweep(&scenarios[_i], NOMEM_SYSTEM, true);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("memory fails in vectors");
	TCase *t = tcase_create("refusals");

	tcase_set_timeout(t, test_long() ? 1200 : 300);
	tcase_add_loop_test(t, test_once, 0, sizeof scenarios / sizeof *scenarios);
	tcase_add_loop_test(t, test_for_good, 0, sizeof scenarios / sizeof *scenarios);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
