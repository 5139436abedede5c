/* SPDX-License-Identifier: MIT */
/*
 * check_cache.c: caches of threads: blocks that another thread frees come home, what
 * a thread leaves serves others, a second free is recognised whoever makes it, and
 * heaps, threads and forks end in any order.
 */
#include "test/heaps.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 5000, BYTES = 48, THREADS = 8 };

/* ---- Another thread, step by step ---- */

/* It takes BLOCKS blocks at each step that it is told, and ends when told. */
struct other {
	pthread_t id;
	pthread_barrier_t at;
	size_t bytes;
	bool ends;
	void *blocks[BLOCKS];
	void (*step)(struct other *other);
};

static void take_blocks(struct other *other)
{
	for (int i = 0; i < BLOCKS; i++) {
		other->blocks[i] = heaps_alloc(other->bytes);
		heaps_mark(other->blocks[i], other->bytes, (uint64_t)i);
	}
}

static void free_blocks(struct other *other)
{
	for (int i = 0; i < BLOCKS; i++) {
		heaps_check_mark(other->blocks[i], other->bytes, (uint64_t)i);
		heaps_free(other->blocks[i]);
	}
}

static void *run_other(void *argument)
{
	struct other *other = argument;

	for (;;) {
		pthread_barrier_wait(&other->at);
		if (other->ends)
			break;
		other->step(other);
		pthread_barrier_wait(&other->at);
	}
	return NULL;
}

static void other_begin(struct other *other, size_t bytes)
{
	*other = (struct other){ .bytes = bytes };
	pthread_barrier_init(&other->at, NULL, 2);
	EXPECT(pthread_create(&other->id, NULL, run_other, other) == 0);
}

static void other_does(struct other *other, void (*step)(struct other *other))
{
	other->step = step;
	pthread_barrier_wait(&other->at);
	pthread_barrier_wait(&other->at);
}

static void other_end(struct other *other)
{
	other->ends = true;
	pthread_barrier_wait(&other->at);
	EXPECT(pthread_join(other->id, NULL) == 0);
	pthread_barrier_destroy(&other->at);
}

static struct other other;

static void begin(void)
{
	heaps_begin_plain();
	alarm(test_long() ? 1200 : 120);
}

static void end(void)
{
	heaps_end();
	alarm(0);
}

/* ---- Blocks that another thread frees ---- */

static const size_t sizes[] = { 16, 48, 128, 144, 1000, 5000, 32768, 40000 };

/* They are the owner's again, which needs no more buffers for the next ones. */
START_TEST(test_remote)
{
	size_t bytes = sizes[_i];
	uint64_t peak;

	other_begin(&other, bytes);
	other_does(&other, take_blocks);
	heaps_audit(BLOCKS, BLOCKS * heaps_slot_bytes(bytes));
	peak = heaps_stats().buffer_bytes;
	for (int turn = 0; turn < (bytes > 1000 ? 3 : 10); turn++) {
		free_blocks(&other);
		heaps_audit(0, 0);
		other_does(&other, take_blocks);
		heaps_audit(BLOCKS, BLOCKS * heaps_slot_bytes(bytes));
		ck_assert_uint_le(heaps_stats().buffer_bytes, peak);
	}
	free_blocks(&other);
	other_end(&other);
	heaps_audit(0, 0);
}
END_TEST

/* Both free every other block, in turns. */
static void free_odd(struct other *one)
{
	for (int i = 1; i < BLOCKS; i += 2)
		heaps_free(one->blocks[i]);
}

START_TEST(test_both)
{
	other_begin(&other, sizes[_i]);
	for (int turn = 0; turn < 3; turn++) {
		other_does(&other, take_blocks);
		for (int i = 0; i < BLOCKS; i += 2)
			heaps_free(other.blocks[i]);
		heaps_audit(BLOCKS / 2, BLOCKS / 2 * heaps_slot_bytes(sizes[_i]));
		other_does(&other, free_odd);
		heaps_audit(0, 0);
	}
	other_end(&other);
}
END_TEST

/* ---- What a thread leaves ---- */

static void *leave_free(void *argument)
{
	struct other *one = argument;

	take_blocks(one);
	free_blocks(one);
	return NULL;
}

static void *leave_used(void *argument)
{
	take_blocks(argument);
	return NULL;
}

/* A cache is parked whole; the next thread has it, and needs no more buffers. */
START_TEST(test_parked)
{
	struct smal_link *cache;
	uint64_t bytes;

	if (!heaps_has_caches())
		return;
	other.bytes = BYTES;
	heaps_in_thread(leave_free, &other);
	cache = heap->parked.next;
	bytes = heaps_stats().buffer_bytes;
	for (int turn = 0; turn < 10; turn++) {
		ck_assert_uint_eq(heap->parked_count, 1);
		ck_assert_uint_eq(heaps_stats().threads, 0);
		heaps_in_thread(leave_used, &other);
		heaps_audit(BLOCKS, BLOCKS * BYTES);
		ck_assert_ptr_eq(heap->parked.next, cache);
		ck_assert_uint_eq(heaps_stats().buffer_bytes, bytes);
		free_blocks(&other);
		heaps_audit(0, 0);
	}
	/* Who only frees needs no cache; who allocates has that one. */
	ck_assert_uint_eq(heaps_stats().threads, 0);
	heaps_free(heaps_alloc(BYTES));
	ck_assert_uint_eq(heaps_stats().threads, 1);
	ck_assert_uint_eq(heap->parked_count, 0);
}
END_TEST

/* A thread that needs a buffer has what another one left, and the heap does not
 * grow; also of another class, once buffers are empty. */
START_TEST(test_left)
{
	uint64_t bytes;

	other.bytes = sizes[_i];
	heaps_in_thread(leave_free, &other);
	heaps_audit(0, 0);
	bytes = heaps_stats().buffer_peak_bytes;
	for (int turn = 0; turn < 3; turn++) {
		leave_free(&other);
		heaps_in_thread(leave_free, &other);
		heaps_audit(0, 0);
		ck_assert_uint_le(heaps_stats().buffer_peak_bytes, bytes + 4 * MIB);
	}
	smal_heap_trim(heap);
	heaps_audit(0, 0);
}
END_TEST

/* No more than so many are kept whole. */
START_TEST(test_park_many)
{
	static struct other others[40];

	if (!heaps_has_caches())
		return;
	for (int i = 0; i < 40; i++)
		other_begin(&others[i], BYTES);
	for (int i = 0; i < 40; i++)
		other_does(&others[i], take_blocks);
	ck_assert_uint_eq(heaps_stats().threads, 40);
	for (int i = 0; i < 40; i++)
		other_end(&others[i]);
	ck_assert_uint_eq(heaps_stats().threads, 0);
	ck_assert_uint_eq(heap->parked_count, 16);
	heaps_audit(40 * BLOCKS, (uint64_t)40 * BLOCKS * BYTES);
	for (int i = 0; i < 40; i++)
		free_blocks(&others[i]);
	heaps_audit(0, 0);
	smal_heap_trim(heap);
	ck_assert_uint_eq(heap->parked_count, 0);
	heaps_audit(0, 0);
}
END_TEST

/* Blocks are freed for a thread that never looks again: when it ends and its cache
 * is dissolved, they are home. */
START_TEST(test_dissolved)
{
	other_begin(&other, BYTES);
	other_does(&other, take_blocks);
	for (int i = 0; i < BLOCKS; i += 2)
		heaps_free(other.blocks[i]);
	other_end(&other);
	for (int i = 1; i < BLOCKS; i += 4)
		heaps_free(other.blocks[i]);
	smal_heap_trim(heap);
	heaps_audit(BLOCKS / 4, BLOCKS / 4 * BYTES);
	for (int i = 3; i < BLOCKS; i += 4)
		heaps_free(other.blocks[i]);
	smal_heap_trim(heap);
	heaps_audit(0, 0);
}
END_TEST

/* ---- The ends of threads ---- */

static pthread_key_t late_key;

/* Runs after, or before, the heap's own destructor. */
static void late(void *argument)
{
	static volatile uint32_t rounds;
	void *block = heaps_alloc(200);

	heaps_free(argument);
	heaps_free(block);
	/* Once more, when all others have been called. */
	if (smal_atomic_add_u32(&rounds, 1) % 3 != 0)
		pthread_setspecific(late_key, heaps_alloc(100));
}

static void *end_late(void *argument)
{
	pthread_setspecific(late_key, heaps_alloc(100));
	return heaps_leave(argument);
}

START_TEST(test_late)
{
	void *blocks[HEAPS_LEFT];

	EXPECT(pthread_key_create(&late_key, late) == 0);
	for (int turn = 0; turn < 10; turn++) {
		heaps_in_thread(end_late, blocks);
		ck_assert_uint_ge(heaps_stats().used_blocks, HEAPS_LEFT);
		heaps_free_left(blocks);
	}
	heaps_audit(0, 0);
	EXPECT(pthread_key_delete(late_key) == 0);
}
END_TEST

/* Heaps end while threads have caches of them; the threads use others and end. */
static void use_both(struct other *one)
{
	struct smal_heap *second;

	EXPECT(smal_heap_create(NULL, &second) == SMAL_OK);
	EXPECT(smal_heap_alloc(second, 100) != NULL);
	take_blocks(one);
	EXPECT(smal_heap_destroy(second) == SMAL_OK);
	free_blocks(one);
}

START_TEST(test_heap_ends)
{
	static struct other others[THREADS];

	for (int i = 0; i < THREADS; i++) {
		other_begin(&others[i], BYTES);
		other_does(&others[i], take_blocks);
	}
	heaps_end();
	heaps_begin_plain();
	for (int i = 0; i < THREADS; i++)
		other_does(&others[i], use_both);
	heaps_audit(0, 0);
	for (int i = 0; i < THREADS; i += 2)
		other_end(&others[i]);
	heaps_audit(0, 0);
	heaps_end();
	for (int i = 1; i < THREADS; i += 2)
		other_end(&others[i]);
	heaps_begin_plain();
}
END_TEST

/* ---- A second free ---- */

static void free_first(struct other *one)
{
	heaps_free(one->blocks[0]);
}

static void churn(struct other *one)
{
	void *blocks[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = heaps_alloc(one->bytes);
	for (int i = 0; i < BLOCKS; i++)
		heaps_free(blocks[i]);
}

static void expect_double(struct other *one)
{
	EXPECT(smal_heap_free(heap, one->blocks[0]) == SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, "double free");
	heaps_audit(BLOCKS - 1, (BLOCKS - 1) * BYTES);
}

/* By either thread, after either; at once and after the block has come home. */
START_TEST(test_double)
{
	bool first_remote = _i & 1, second_remote = _i & 2, later = _i & 4;

	other_begin(&other, BYTES);
	other_does(&other, take_blocks);
	if (first_remote)
		free_first(&other);
	else
		other_does(&other, free_first);
	/* The owner looks, and finds what others have given back. */
	if (later)
		other_does(&other, churn);
	if (second_remote)
		expect_double(&other);
	else
		other_does(&other, expect_double);
	for (int i = 1; i < BLOCKS; i++)
		heaps_free(other.blocks[i]);
	other_end(&other);
	heaps_audit(0, 0);
}
END_TEST

/* ---- Forks ---- */

/* In the child, what other threads had at hand is the heap's, and their blocks are
 * in use and can be freed. */
START_TEST(test_fork)
{
	pid_t child;
	int status;

	other_begin(&other, BYTES);
	other_does(&other, take_blocks);
	for (int i = 0; i < BLOCKS; i += 3)
		heaps_free(other.blocks[i]);
	child = fork();
	if (child == 0) {
		heaps_check();
		for (int i = 0; i < BLOCKS; i++)
			if (i % 3 != 0)
				heaps_free(other.blocks[i]);
		heaps_audit(0, 0);
		take_blocks(&other);
		heaps_audit(BLOCKS, BLOCKS * BYTES);
		_exit(heaps_stats().threads > 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	for (int i = 0; i < BLOCKS; i++)
		if (i % 3 != 0)
			heaps_free(other.blocks[i]);
	other_end(&other);
	heaps_audit(0, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cache");
	TCase *t = tcase_create("cache");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_loop_test(t, test_remote, 0, 8);
	tcase_add_loop_test(t, test_both, 0, 8);
	tcase_add_test(t, test_parked);
	tcase_add_loop_test(t, test_left, 0, 8);
	tcase_add_test(t, test_park_many);
	tcase_add_test(t, test_dissolved);
	tcase_add_test(t, test_late);
	tcase_add_test(t, test_heap_ends);
	tcase_add_loop_test(t, test_double, 0, 8);
	tcase_add_test(t, test_fork);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
