/* SPDX-License-Identifier: MIT */
/*
 * check_purge.c: free memory stays for as long as the decay time says, and then
 * goes back to the system, whoever calls; a trim sends it at once; it comes
 * back as zeroes. What is in use stays as it is. What the system does not take
 * stays ours.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <time.h>

static struct smal_space *space;
static bool zeroed;

static void begin(unsigned decay_ms)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = decay_ms };

	space = ground_space(&options);
}

static void end(void)
{
	ground_check(space);
	smal_space_destroy(space);
}

static char *take(size_t bytes)
{
	char *run = smal_space_take(space, bytes, SMAL_CHUNK, &zeroed);

	ck_assert_ptr_nonnull(run);
	return run;
}

static void give(void *run, size_t bytes)
{
	ck_assert(smal_space_give(space, run, bytes));
}

static uint64_t dirty(void)
{
	struct smal_space_counts counts;

	smal_space_get_counts(space, &counts);
	return counts.dirty_bytes;
}

static void wait_ms(unsigned ms)
{
	uint64_t until = smal_os_clock_ns() + ms * (uint64_t)1000000;

	while (smal_os_clock_ns() < until)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Nothing goes before its time; then all of it does, at the next call. */
START_TEST(test_decay)
{
	size_t bytes = 20 * MIB, before, after;
	char *run, *kept;

	begin(100);
	kept = take(SMAL_CHUNK);
	ground_mark(kept, SMAL_CHUNK, 1);
	run = take(bytes);
	ground_mark(run, bytes, 2);
	before = test_resident_bytes();
	give(run, bytes);
	ck_assert(dirty() == bytes || dirty() == 0); /* 0: this process was held up */
	wait_ms(120);
	give(take(SMAL_CHUNK), SMAL_CHUNK);
	wait_ms(120);
	give(take(SMAL_CHUNK), SMAL_CHUNK);
	ck_assert_uint_le(dirty(), SMAL_CHUNK);
	after = test_resident_bytes();
	if (before != TEST_UNKNOWN && !test_is_slow())
		ck_assert_uint_le(after + bytes - MIB, before);
	ground_check_mark(kept, SMAL_CHUNK, 1);
	run = take(bytes);
	ground_check_zero(run + SMAL_CHUNK, bytes - SMAL_CHUNK);
	end();
}
END_TEST

/* A time that never passes here: nothing goes by itself. */
START_TEST(test_no_decay)
{
	uint64_t calls;
	char *runs[100];

	begin(1000000);
	for (int i = 0; i < 100; i++)
		runs[i] = take(50 * SMAL_CHUNK);
	calls = fault_calls(FAULT_MADVISE);
	for (int i = 0; i < 100; i++)
		give(runs[i], 50 * SMAL_CHUNK);
	for (int i = 0; i < 10000; i++)
		give(take(SMAL_CHUNK), SMAL_CHUNK);
	ck_assert_uint_eq(dirty(), 5000 * SMAL_CHUNK);
	ck_assert_uint_eq(fault_calls(FAULT_MADVISE), calls);
	/* Too young for this age, but not for none. */
	ck_assert_uint_eq(smal_space_purge(space, 1000000), 0);
	ck_assert_uint_eq(smal_space_purge(space, 0), 5000 * SMAL_CHUNK);
	ck_assert_uint_eq(dirty(), 0);
	ck_assert_uint_eq(smal_space_purge(space, 0), 0);
	end();
}
END_TEST

/* No time at all: what is given back goes at once. */
START_TEST(test_at_once)
{
	begin(0);
	for (size_t chunks = 1; chunks < 2000; chunks += chunks / 3 + 1) {
		char *run = take(chunks * SMAL_CHUNK);

		ck_assert(zeroed);
		ground_check_zero(run, chunks * SMAL_CHUNK);
		ground_mark(run, chunks * SMAL_CHUNK, chunks);
		give(run, chunks * SMAL_CHUNK);
		ck_assert_uint_eq(dirty(), 0);
	}
	end();
}
END_TEST

/* Among chunks in use, only the others go. */
START_TEST(test_between)
{
	enum { CHUNKS = 1024 };
	size_t free_chunks = 0;
	uint64_t discards;
	char *run;

	begin(1000000);
	run = take(CHUNKS * SMAL_CHUNK);
	ground_mark(run, CHUNKS * SMAL_CHUNK, 1);
	for (size_t i = 0; i < CHUNKS; i++) {
		if (i % 7 < 3) {
			give(run + i * SMAL_CHUNK, SMAL_CHUNK);
			free_chunks++;
		}
	}
	ground_check(space);
	discards = fault_calls(FAULT_MADVISE);
	ck_assert_uint_eq(smal_space_purge(space, 0), free_chunks * SMAL_CHUNK);
	/* One call for neighbours. */
	ck_assert_uint_le(fault_calls(FAULT_MADVISE) - discards, CHUNKS / 7 + 5);
	for (size_t i = 0; i < CHUNKS; i++)
		if (i % 7 >= 3)
			ground_check_mark(run + i * SMAL_CHUNK, SMAL_CHUNK, 1);
	for (size_t i = 0; i < free_chunks; i++) {
		char *chunk = take(SMAL_CHUNK);

		ck_assert(zeroed);
		ck_assert(chunk >= run && chunk < run + CHUNKS * SMAL_CHUNK);
		ground_check_zero(chunk, SMAL_CHUNK);
	}
	end();
}
END_TEST

/* Elements: a class keeps one empty group, until a trim. */
START_TEST(test_elements)
{
	enum { COUNT = 40000 };
	static void *elements[3][COUNT];
	static const size_t sizes[3] = { 16, 100, 2048 };

	begin(1000000);
	for (int s = 0; s < 3; s++)
		for (int i = 0; i < COUNT; i++)
			EXPECT((elements[s][i] = smal_element_take(space, sizes[s])) != NULL);
	for (int s = 0; s < 3; s++)
		for (int i = 0; i < COUNT; i++)
			EXPECT(smal_element_give(space, elements[s][(i * 7919) % COUNT]));
	ground_check(space);
	smal_space_purge(space, 0);
	ground_check_counts(space, 0);
	ck_assert_uint_eq(dirty(), 0);
	/* An empty group beside one in use goes too, whatever their order was. */
	for (int i = 0; i < COUNT; i++)
		EXPECT((elements[2][i] = smal_element_take(space, 2048)) != NULL);
	for (int i = 0; i < 512; i++)
		EXPECT(smal_element_give(space, elements[2][i]));
	EXPECT(smal_element_give(space, elements[2][600]));
	smal_space_purge(space, 0);
	ground_check_counts(space, smal_round_up(COUNT - 512, 512) * 2048);
	end();
}
END_TEST

/* The system refuses: nothing is lost, and it is asked again. */
START_TEST(test_refused)
{
	size_t bytes = 3 * SMAL_BLOCK + 5 * SMAL_CHUNK;
	uint64_t failures = smal_os_failures();
	char *run;

	begin(1000000);
	run = take(bytes);
	ground_mark(run, bytes, 1);
	give(run, bytes);
	fault_begin_only(FAULT_MADVISE, 1, true);
	ck_assert_uint_eq(smal_space_purge(space, 0), 0);
	fault_end();
	ck_assert_uint_gt(smal_os_failures(), failures);
	ck_assert_uint_eq(dirty(), bytes);
	ground_check(space);
	run = take(bytes);
	ck_assert(!zeroed);
	ground_check_mark(run, bytes, 1);
	give(run, bytes);
	ck_assert_uint_eq(smal_space_purge(space, 0), bytes);
	ck_assert_ptr_eq(take(bytes), run);
	ck_assert(zeroed);
	ground_check_zero(run, bytes);
	end();
}
END_TEST

/* Nothing of a caller's buffer is given away. */
START_TEST(test_buffer)
{
	struct smal_space_options options = { .buffer_bytes = 4 * MIB };
	struct ground_buffer buffer;
	uint64_t calls;
	char *run;

	ground_buffer_init(&buffer, options.buffer_bytes, 0);
	options.buffer = buffer.base;
	space = ground_space(&options);
	calls = fault_calls(FAULT_ALL);
	run = take(MIB);
	ck_assert(!zeroed);
	ground_mark(run, MIB, 1);
	give(run, MIB);
	ck_assert_uint_eq(smal_space_purge(space, 0), 0);
	ck_assert_ptr_eq(take(MIB), run);
	ck_assert(!zeroed);
	ground_check_mark(run, MIB, 1);
	ck_assert_uint_eq(fault_calls(FAULT_ALL), calls);
	end();
	ground_buffer_check(&buffer);
	ground_buffer_fini(&buffer);
}
END_TEST

static Suite *purge_suite(void)
{
	Suite *suite = suite_create("purge");
	TCase *decay = tcase_create("decay");
	TCase *trim = tcase_create("trim");

	tcase_add_test(decay, test_decay);
	tcase_add_test(decay, test_no_decay);
	tcase_add_test(decay, test_at_once);
	suite_add_tcase(suite, decay);

	tcase_add_test(trim, test_between);
	tcase_add_test(trim, test_elements);
	tcase_add_test(trim, test_refused);
	tcase_add_test(trim, test_buffer);
	suite_add_tcase(suite, trim);
	return suite;
}

int main(void)
{
	return test_main(purge_suite);
}
