/* SPDX-License-Identifier: MIT */
/*
 * stress_heap_fork.c: forks at any moment, and threads that come and go.
 *
 * Four threads allocate, free and swap blocks with a ring that all share, while
 * one after the other of processes is forked, by a thread of its own and by the
 * busy ones. In the child the others have stopped at any instruction; what lies in
 * the ring is nobody's, so that the child can look at it and free it, whoever
 * allocated it. Then it allocates, resizes and frees, checks the heaps, and ends.
 *
 * And threads that leave behind what others free: the heap's memory, and that of
 * its books, stays what a few threads need.
 */
#include "test/crew.h"

#include <smal/heap.h>
#include <smal/base/atomic.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUSY = 4, SLOTS = 200, RING = 64, RECORDS = BUSY * SLOTS + RING, CHILD_BLOCKS = 300 };
enum heap_kind { DEFAULT, OTHER, GUARDED, KINDS };
/* A child that takes longer hangs. */
enum { CHILD_SECONDS = 60 };
/* What the size of a heap may differ by from one moment to the next. */
enum { SLACK_BYTES = 16 << 20 };

struct block {
	unsigned char *base;
	size_t bytes;
	uint64_t tag;
	enum heap_kind kind;
};

static struct block records[RECORDS];
static volatile AO_t ring[RING];
static struct smal_heap *heaps[KINDS];
/* Blocks of each thread; of the next one in its place, when it has ended. */
static struct block *places[BUSY][SLOTS];
static volatile uint32_t stop, forks, births;

/* ---- Blocks ---- */

/* In a child there is no runner to report to. */
#define DEMAND(condition)                                                        \
	do {                                                                     \
		if (__builtin_expect(!(condition), 0))                           \
			demanded(#condition, __LINE__);                          \
	} while (0)

static pid_t parent;

static void demanded(const char *condition, int line)
{
	if (getpid() == parent)
		ck_abort_msg("failed: %s, line %d", condition, line);
	fprintf(stderr, "stress_heap_fork.c:%d: in a child: %s\n", line, condition);
	_exit(1);
}

static unsigned char byte_of(const struct block *block, size_t at)
{
	return (unsigned char)((block->tag + at) * 0x9e3779b97f4a7c15 >> 56);
}

/* The front, and the last bytes. */
static size_t next_place(const struct block *block, size_t at)
{
	return at < 256 || at + 16 >= block->bytes ? at : block->bytes - 16;
}

static void check_block(const struct block *block)
{
	for (size_t at = 0; (at = next_place(block, at)) < block->bytes; at++)
		DEMAND(block->base[at] == byte_of(block, at));
}

static void write_block(struct block *block, size_t bytes, uint64_t tag)
{
	block->bytes = bytes;
	block->tag = tag;
	for (size_t at = 0; (at = next_place(block, at)) < bytes; at++)
		block->base[at] = byte_of(block, at);
}

static size_t random_bytes(struct test_random *random)
{
	uint64_t kind = test_random_below(random, 100);

	return test_random_below(random, kind < 2 ? 200000 : kind < 20 ? 5000 : 300);
}

static void allocate(struct block *block, struct test_random *random)
{
	size_t bytes = random_bytes(random);

	block->kind = (enum heap_kind)test_random_below(random, KINDS);
	block->base = smal_heap_alloc(heaps[block->kind], bytes);
	DEMAND(block->base != NULL);
	write_block(block, bytes, test_random_next(random));
}

static void give(struct block *block)
{
	check_block(block);
	DEMAND(smal_heap_free(heaps[block->kind], block->base) == SMAL_OK);
	block->base = NULL;
}

static void resize(struct block *block, struct test_random *random)
{
	size_t bytes = random_bytes(random);

	check_block(block);
	block->base = smal_heap_realloc(heaps[block->kind], block->base, bytes);
	DEMAND(block->base != NULL);
	write_block(block, bytes, block->tag);
}

static struct block *swap(struct block *block, size_t at)
{
	uintptr_t old;

	do
		old = smal_atomic_load(&ring[at]);
	while (!smal_atomic_cas(&ring[at], old, (uintptr_t)block));
	return (struct block *)old;
}

/* ---- A child ---- */

static void free_ring(void)
{
	for (size_t at = 0; at < RING; at++) {
		struct block *block = (struct block *)smal_atomic_load(&ring[at]);

		if (block->base != NULL)
			give(block);
	}
}

static void use_heaps(struct test_random *random)
{
	static struct block blocks[CHILD_BLOCKS];

	memset(blocks, 0, sizeof blocks);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < CHILD_BLOCKS; i++) {
			if (blocks[i].base == NULL)
				allocate(&blocks[i], random);
			else if (test_random_below(random, 3) == 0)
				resize(&blocks[i], random);
			else
				give(&blocks[i]);
		}
	}
	for (size_t i = 0; i < CHILD_BLOCKS; i++)
		if (blocks[i].base != NULL)
			give(&blocks[i]);
}

static void check_heaps(void)
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		DEMAND(smal_heap_check(heaps[kind]) == SMAL_OK);
}

/* Takes a cache over that a thread of the parent has left. */
static void *be_grandchild(void *argument)
{
	use_heaps(argument);
	return NULL;
}

static _Noreturn void be_child(struct test_random *random)
{
	unsigned n = (unsigned)test_random_below(random, 4);
	pthread_t id;

	alarm(CHILD_SECONDS);
	if (n != 0)
		check_heaps();
	free_ring();
	use_heaps(random);
	if (n == 1 && !CREW_UNDER_TSAN) {
		DEMAND(pthread_create(&id, NULL, be_grandchild, random) == 0);
		DEMAND(pthread_join(id, NULL) == 0);
	}
	if (n == 2)
		smal_heap_trim(heaps[test_random_below(random, KINDS)]);
	/* A child may have children. */
	if (n == 3) {
		pid_t child = fork();
		int status = 0;

		if (child == 0)
			use_heaps(random);
		else
			DEMAND(waitpid(child, &status, 0) == child && status == 0);
	}
	check_heaps();
	_exit(0);
}

static void fork_one(struct test_random *random)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		be_child(random);
	EXPECT(child > 0);
	EXPECT(waitpid(child, &status, 0) == child);
	if (status != 0)
		ck_abort_msg("a child ended with status %#x", status);
	smal_atomic_add_u32(&forks, 1);
}

/* ---- The storm ---- */

static void be_busy(struct member *member)
{
	struct test_random random;

	test_random_init(&random, member->index);
	while (smal_atomic_load_u32(&stop) == 0) {
		struct block **slot = &places[member->index][test_random_below(&random, SLOTS)];
		uint64_t what = test_random_below(&random, 10000);

		if ((*slot)->base == NULL)
			allocate(*slot, &random);
		else if (what < 4000)
			*slot = swap(*slot, test_random_below(&random, RING));
		else if (what < 5000)
			resize(*slot, &random);
		else if (what < 9990)
			give(*slot);
		else if (what < 9993)
			smal_heap_trim(heaps[test_random_below(&random, KINDS)]);
		else if (member->index == 0)
			fork_one(&random);
	}
}

static void begin(void)
{
	struct smal_heap_options guarded = { .flags = SMAL_HEAP_GUARDED };

	parent = getpid();
	crew_begin();
	alarm(test_long() ? 3600 : 300);
	memset(records, 0, sizeof records);
	for (size_t at = 0; at < RING; at++)
		ring[at] = (uintptr_t)&records[at];
	for (size_t i = 0; i < BUSY * SLOTS; i++)
		places[i / SLOTS][i % SLOTS] = &records[RING + i];
	EXPECT(smal_heap_create(NULL, &heaps[OTHER]) == SMAL_OK);
	EXPECT(smal_heap_create(&guarded, &heaps[GUARDED]) == SMAL_OK);
	stop = forks = births = 0;
}

static void end(void)
{
	for (size_t i = 0; i < RECORDS; i++)
		if (records[i].base != NULL)
			give(&records[i]);
	check_heaps();
	EXPECT(smal_heap_destroy(heaps[OTHER]) == SMAL_OK);
	EXPECT(smal_heap_destroy(heaps[GUARDED]) == SMAL_OK);
	EXPECT(smal_heap_check(NULL) == SMAL_OK);
	crew_end();
}

static unsigned few_or_many(unsigned many, unsigned usual, unsigned slow)
{
	return test_long() ? many : test_is_slow() ? slow : usual;
}

START_TEST(test_storm)
{
	unsigned wanted = few_or_many(10000, 1000, 40);
	struct test_random random;

	begin();
	test_random_init(&random, 1000);
	crew_start(BUSY, false, be_busy);
	while (smal_atomic_load_u32(&forks) < wanted) {
		use_heaps(&random);
		fork_one(&random);
	}
	smal_atomic_store_u32(&stop, 1);
	crew_join();
	end();
}
END_TEST

/* ---- Forks of a process with a collector, too ---- */

/* Each makes a segment, which the collectors' table notes. */
static void be_huge(struct member *member)
{
	size_t bytes = sizeof(void *) == 8 ? (size_t)300 << 20 : (size_t)1 << 20;

	(void)member;
	while (smal_atomic_load_u32(&stop) == 0) {
		void *block = smal_heap_alloc(NULL, bytes);

		EXPECT(block != NULL);
		EXPECT(smal_heap_free(NULL, block) == SMAL_OK);
	}
}

START_TEST(test_collector)
{
	struct smal_gc *collector;
	unsigned wanted = few_or_many(3000, 300, 20);
	struct test_random random;

	begin();
	EXPECT(smal_gc_create(NULL, &collector) == SMAL_OK);
	test_random_init(&random, 2000);
	crew_start(2, false, be_huge);
	while (smal_atomic_load_u32(&forks) < wanted)
		fork_one(&random);
	smal_atomic_store_u32(&stop, 1);
	crew_join();
	EXPECT(smal_gc_destroy(collector) == SMAL_OK);
	end();
}
END_TEST

/* ---- Births and deaths ---- */

/* Leaves blocks in its places and in the ring, and frees what others left there. */
static void be_born_and_die(struct member *member)
{
	struct test_random random;

	test_random_init(&random, 10000 + smal_atomic_add_u32(&births, 1));
	for (unsigned i = 0; i < 60; i++) {
		struct block **slot = &places[member->index][i % 10];

		*slot = swap(*slot, test_random_below(&random, RING));
		if ((*slot)->base != NULL)
			give(*slot);
		allocate(*slot, &random);
	}
}

/* Bytes of all buffers. */
static uint64_t buffer_bytes(void)
{
	uint64_t bytes = 0;

	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct smal_heap_stats stats;

		smal_heap_get_stats(heaps[kind], &stats);
		bytes += stats.buffer_bytes;
	}
	return bytes;
}

START_TEST(test_births)
{
	unsigned wanted = few_or_many(100000, 10000, 400);
	uint64_t bytes = 0, resident = 0;

	begin();
	while (births < wanted) {
		crew_start(BUSY, false, be_born_and_die);
		crew_join();
		if (births != wanted / 10 / BUSY * BUSY)
			continue;
		check_heaps();
		bytes = buffer_bytes();
		resident = test_resident_bytes();
	}
	EXPECT(bytes != 0 && buffer_bytes() <= 2 * bytes + SLACK_BYTES);
	if (!test_is_slow() && resident != TEST_UNKNOWN)
		EXPECT(test_resident_bytes() <= 2 * resident + SLACK_BYTES);
	end();
}
END_TEST

static Suite *stress_suite(void)
{
	Suite *suite = suite_create("stress of heaps and forks");
	TCase *tcase = tcase_create("forks");

	tcase_set_timeout(tcase, test_long() ? 3600 : 300);
	tcase_add_test(tcase, test_storm);
	tcase_add_test(tcase, test_collector);
	tcase_add_test(tcase, test_births);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(stress_suite);
}
