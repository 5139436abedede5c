/* SPDX-License-Identifier: MIT */
/*
 * model_handle_threads.c: heaps of handles by random operations of some threads, beside
 * one that compacts all the time.
 *
 * Every thread has blocks of its own, and all of them share some that live to the end:
 * those are locked, read, locked weakly, made purgeable and not, by all. What a block
 * holds follows from its handle, so that whoever reads it sees a block that moved
 * while it was locked, or was not all there yet when it could be locked.
 *
 * In the system's memory, large blocks with it; and in a buffer.
 */
#include "test/crew.h"
#include "test/handles.h"

#include <smal/base/atomic.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, SLOTS = 200, SHARED = 100 };

struct block {
	smal_handle handle;
	size_t bytes;
	unsigned locks;
	char *at;
};

static struct block slots[THREADS][SLOTS];
/* Of these the size and the contents never change. */
static struct block shared[SHARED];
static struct test_random randoms[THREADS];
static volatile uint32_t working;
static uint64_t steps_each;
static size_t largest;
static bool is_limited;
/* What threads have been told of blocks that moved. */
static volatile uint32_t moves;

static void note_move(smal_handle handle, void *to, const void *from, size_t bytes, void *user)
{
	EXPECT(handle != 0 && to != NULL && to != from && bytes != SIZE_MAX && user == NULL);
	smal_atomic_add_u32(&moves, 1);
}

/* ---- A thread's own blocks ---- */

static size_t random_bytes(struct test_random *random)
{
	static const size_t limits[] = { 40, 300, 2000, 20000, 600000 };
	uint64_t kind = test_random_below(random, 1000);
	size_t limit = limits[kind < 500 ? 0 : kind < 900 ? 1 : kind < 980 ? 2 : kind < 997 ? 3 : 4];

	return test_random_below(random, smal_min(limit, largest));
}

static void write_block(struct block *block)
{
	handles_write(handles_lock(block->handle), block->bytes, block->handle);
	handles_unlock(block->handle);
}

static void read_block(const struct block *block)
{
	char *at = handles_lock(block->handle);

	EXPECT(block->locks == 0 || at == block->at);
	handles_read(at, block->bytes, block->handle);
	handles_unlock(block->handle);
}

static void make(struct block *block, struct test_random *random)
{
	unsigned flags = test_random_below(random, 5) == 0 ? SMAL_HANDLE_TELL : 0;

	*block = (struct block){ .bytes = random_bytes(random) };
	block->handle = smal_handle_alloc(handles, block->bytes, flags);
	EXPECT(block->handle != 0 || is_limited);
	if (block->handle != 0)
		write_block(block);
}

static void give(struct block *block)
{
	read_block(block);
	for (; block->locks > 0; block->locks--)
		handles_unlock(block->handle);
	handles_free(block->handle);
	block->handle = 0;
}

static void resize(struct block *block, struct test_random *random)
{
	size_t bytes = random_bytes(random), both = smal_min(bytes, block->bytes);
	enum smal_error error;

	read_block(block);
	error = smal_handle_resize(handles, block->handle, bytes);
	if (error != SMAL_OK) {
		EXPECT((error == SMAL_ERROR_BUSY && block->locks != 0) ||
		       (error == SMAL_ERROR_NO_MEMORY && is_limited));
		read_block(block);
		return;
	}
	handles_read(handles_lock(block->handle), both, block->handle);
	handles_unlock(block->handle);
	block->bytes = bytes;
	write_block(block);
}

static void lock(struct block *block)
{
	char *at = handles_lock(block->handle);

	EXPECT(block->locks == 0 || at == block->at);
	block->at = at;
	block->locks++;
}

/* ---- Blocks of all ---- */

static void use_shared(struct test_random *random)
{
	const struct block *block = &shared[test_random_below(random, SHARED)];
	uint64_t what = test_random_below(random, 10);
	const char *at, *again;

	if (what < 5) {
		handles_read(handles_lock(block->handle), block->bytes, block->handle);
		EXPECT(smal_handle_size(handles, block->handle) == block->bytes);
		handles_unlock(block->handle);
	} else if (what < 6) {
		EXPECT(smal_handle_set_purgeable(handles, block->handle, false) == SMAL_OK);
	} else if (what < 7) {
		at = handles_lock(block->handle);
		again = smal_handle_weak_lock(handles, block->handle);
		EXPECT(at == again && smal_handle_validate(handles, block->handle, at));
		handles_unlock(block->handle);
	} else {
		at = smal_handle_weak_lock(handles, block->handle);
		EXPECT(at != NULL);
		/* Nothing is known, but that asking does no harm. */
		smal_handle_validate(handles, block->handle, at);
	}
}

/* ---- Threads ---- */

static void step(unsigned index)
{
	struct test_random *random = &randoms[index];
	struct block *block = &slots[index][test_random_below(random, SLOTS)];
	uint64_t what = test_random_below(random, 100);

	if (what < 20)
		use_shared(random);
	else if (block->handle == 0)
		make(block, random);
	else if (what < 50)
		give(block);
	else if (what < 60)
		resize(block, random);
	else if (what < 65 && block->locks < 3)
		lock(block);
	else if (what < 75 && block->locks > 0)
		handles_unlock((block->locks--, block->handle));
	else
		read_block(block);
}

static void mutate(struct member *member)
{
	for (uint64_t n = 0; n < steps_each; n++)
		step(member->index);
	smal_atomic_add_u32(&working, (uint32_t)-1);
}

/* The last of the crew. */
static void compact(struct member *member)
{
	struct smal_handle_stats stats;
	struct test_random mine;

	test_random_init(&mine, 1000 + member->index);
	while (smal_atomic_load_u32(&working) != 0) {
		uint64_t what = test_random_below(&mine, 100);

		if (what == 0)
			EXPECT(smal_handle_check(handles) == SMAL_OK);
		else if (what == 1)
			smal_handle_get_stats(handles, &stats);
		else if (what == 2)
			smal_handle_purge(handles);
		else if (what < 30)
			smal_compact(handles, 0);
		else if (what < 80)
			smal_compact(handles, 20000);
		else if (!smal_compact(handles, 1))
			/* In the middle of a walk, while the others change much. */
			usleep(2000);
	}
}

static void be(struct member *member)
{
	if (member->index == THREADS)
		compact(member);
	else
		mutate(member);
}

/* ---- A run ---- */

static void begin_shared(void)
{
	memset(slots, 0, sizeof slots);
	for (unsigned i = 0; i < SHARED; i++) {
		shared[i] = (struct block){ .bytes = i * 17 % 700 };
		if (i % 20 == 7 && !is_limited)
			shared[i].bytes = 300000;
		shared[i].handle = smal_handle_alloc(handles, shared[i].bytes,
		                                     i % 2 ? SMAL_HANDLE_TELL : 0);
		EXPECT(shared[i].handle != 0);
		write_block(&shared[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		test_random_init(&randoms[i], i + is_limited);
}

static void end(void)
{
	EXPECT(smal_handle_check(handles) == SMAL_OK);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned k = 0; k < SLOTS; k++)
			if (slots[i][k].handle != 0)
				give(&slots[i][k]);
	for (unsigned i = 0; i < SHARED; i++)
		give(&shared[i]);
	EXPECT(smal_handle_check(handles) == SMAL_OK);
	EXPECT(smal_compact(handles, 0));
	EXPECT(handles_stats().span_bytes == 0);
	EXPECT(moves != 0);
	EXPECT(smal_handle_heap_destroy(handles) == SMAL_OK);
	crew_end();
}

START_TEST(test_model)
{
	static char buffer[512 * 1024];
	struct smal_handle_options options = { .moved = note_move };

	is_limited = _i == 1;
	largest = is_limited ? 3000 : SIZE_MAX;
	if (is_limited) {
		options.buffer = buffer;
		options.buffer_bytes = sizeof buffer;
	}
	crew_begin();
	ck_assert_int_eq(smal_handle_heap_create(&options, &handles), SMAL_OK);
	begin_shared();
	steps_each = (test_long() ? 20000000 : handles_scale(600000)) / THREADS;
	smal_atomic_store_u32(&working, THREADS);
	crew_start(THREADS + 1, false, be);
	crew_join();
	end();
}
END_TEST

/* Blocks that vanish beside readers, large ones among them. */

static void read_vanishing(struct member *member)
{
	struct test_random *random = &randoms[member->index % THREADS];

	for (uint64_t n = 0; n < steps_each; n++) {
		struct block *block = &slots[member->index][n % 10];
		const char *at;

		if (test_random_below(random, 4) == 0 && block->handle != 0) {
			EXPECT(smal_handle_free(handles, block->handle) == SMAL_OK);
			block->handle = 0;
		}
		if (block->handle == 0) {
			block->bytes = n % 50 == 0 ? 300000 : test_random_below(random, 500);
			block->handle = smal_handle_alloc(handles, block->bytes,
			                                  SMAL_HANDLE_PURGEABLE);
			EXPECT(block->handle != 0);
		}
		at = smal_handle_weak_lock(handles, block->handle);
		EXPECT(!smal_handle_validate(handles, block->handle, at) || at != NULL);
		at = smal_handle_lock(handles, block->handle);
		if (at == NULL)
			continue;
		handles_write((char *)at, smal_min(block->bytes, 600), n);
		handles_read(at, smal_min(block->bytes, 600), n);
		handles_unlock(block->handle);
	}
	smal_atomic_add_u32(&working, (uint32_t)-1);
}

static void be_vanishing(struct member *member)
{
	if (member->index == THREADS)
		compact(member);
	else
		read_vanishing(member);
}

START_TEST(test_vanishing)
{
	crew_begin();
	ck_assert_int_eq(smal_handle_heap_create(NULL, &handles), SMAL_OK);
	memset(slots, 0, sizeof slots);
	for (unsigned i = 0; i < THREADS; i++)
		test_random_init(&randoms[i], 77 + i);
	steps_each = (test_long() ? 5000000 : handles_scale(200000)) / THREADS;
	smal_atomic_store_u32(&working, THREADS);
	crew_start(THREADS + 1, false, be_vanishing);
	crew_join();
	EXPECT(smal_handle_check(handles) == SMAL_OK);
	EXPECT(smal_handle_heap_destroy(handles) == SMAL_OK);
	crew_end();
}
END_TEST

static Suite *model_suite(void)
{
	Suite *suite = suite_create("model of handles and threads");
	TCase *tcase = tcase_create("random operations");

	tcase_add_loop_test(tcase, test_model, 0, 2);
	tcase_add_test(tcase, test_vanishing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(model_suite);
}
