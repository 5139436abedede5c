/* SPDX-License-Identifier: MIT */
/*
 * model_heap_threads.c: heaps by random operations of one, two and eight threads, against
 * a shadow: of every block its address, its bytes, and what was written there.
 *
 * Four heaps: the default one, one that ends now and then with all that is in it,
 * one with a limit, one with guards. Threads swap blocks with a ring that all of
 * them share, so that blocks are resized and freed by others; they are born anew
 * now and then. Of every block:
 *
 *   contents   what follows from its tag, looked at before each free and resize
 *   addresses  at a multiple of what was asked for; apart from all others, which
 *              is seen by the contents, and by sorting all blocks when threads rest
 *   mistakes   a free of what is no block is told, and changes nothing
 *
 * When threads rest, the checkers find nothing, and the heaps count as many blocks
 * as the shadow.
 */
#include "test/crew.h"

#include <smal/heap.h>
#include <smal/base/atomic.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, SLOTS = 600, RING = 64, RECORDS = THREADS * SLOTS + RING };
/* A crew rests so often before another one comes. */
enum { RESTS = 4 };
enum heap_kind { DEFAULT, MORTAL, LIMITED, GUARDED, KINDS };

/* Bytes are written at the front, at both ends of each page, and at the end. */
enum { FRONT = 1024, EDGE = 8, END = 16, PAGE = 4096 };

#define LIMIT_BYTES (32 * MIB)

struct block {
	unsigned char *base;
	size_t bytes;
	uint64_t tag;
	enum heap_kind kind;
};

static struct block records[RECORDS];
static struct block *slots[THREADS][SLOTS];
static volatile AO_t ring[RING];
static struct smal_heap *heaps[KINDS];
static struct test_random randoms[THREADS];
static unsigned threads;
static uint64_t steps_each;

/* ---- Contents ---- */

static unsigned char byte_of(uint64_t tag, size_t at)
{
	uint64_t word = (tag + at / 8) * 0x9e3779b97f4a7c15;

	return (unsigned char)(word >> (8 + at % 8 * 7));
}

/* The next place at or after `at` that is written, of a block of so many bytes. */
static size_t next_place(size_t at, size_t bytes)
{
	if (at < FRONT || at + END >= bytes || at % PAGE < EDGE || at % PAGE >= PAGE - EDGE)
		return at;
	return smal_min(at - at % PAGE + PAGE - EDGE, bytes - END);
}

static void write_block(const struct block *block)
{
	for (size_t at = 0; (at = next_place(at, block->bytes)) < block->bytes; at++)
		block->base[at] = byte_of(block->tag, at);
}

/* The first `limit` bytes are as they were written. */
static void check_front(const unsigned char *base, const struct block *block, size_t limit)
{
	for (size_t at = 0; (at = next_place(at, block->bytes)) < limit; at++)
		if (base[at] != byte_of(block->tag, at))
			ck_abort_msg("block %p of %zu bytes, heap %d: byte %zu is %#x, not %#x",
			             (const void *)base, block->bytes, (int)block->kind, at, base[at],
			             byte_of(block->tag, at));
}

static void check_block(const struct block *block)
{
	check_front(block->base, block, block->bytes);
}

static void check_zero(const unsigned char *base, size_t bytes)
{
	size_t step = bytes <= 65536 ? 1 : 509;

	for (size_t at = 0; at < bytes; at += step)
		EXPECT(base[at] == 0);
}

/* ---- One block ---- */

static struct test_random *random_of(unsigned thread_index)
{
	return &randoms[thread_index];
}

static size_t random_bytes(struct test_random *random)
{
	uint64_t kind = test_random_below(random, 20000);

	if (kind < 200)
		return 0;
	if (kind < 11000)
		return 1 + test_random_below(random, 160);
	if (kind < 18000)
		return 1 + test_random_below(random, 1400);
	if (kind < 19600)
		return 1 + test_random_below(random, 33000);
	if (kind < 19990)
		return 1 + test_random_below(random, 300000);
	if (kind < 19999)
		return 1 + test_random_below(random, 5 * MIB);
	return 1 + test_random_below(random, 300 * MIB);
}

/* NULL is an answer where memory may be short. */
static bool may_fail(enum heap_kind kind, size_t bytes)
{
	return kind == LIMITED || (sizeof(void *) == 4 && bytes > MIB);
}

/* A block is new where it is. */
static void settle(struct block *block, struct test_random *random, unsigned char *base, size_t bytes)
{
	struct smal_heap *heap = heaps[block->kind];
	size_t usable = smal_heap_usable(heap, base);

	EXPECT((uintptr_t)base % 16 == 0);
	EXPECT(usable >= bytes && (block->kind != GUARDED || bytes == 0 || usable == bytes));
	/* All that may be used is, at times. */
	if (bytes != 0 && test_random_below(random, 4) == 0)
		bytes = usable;
	block->base = base;
	block->bytes = bytes;
	block->tag = test_random_next(random);
	write_block(block);
}

static void allocate(struct block *block, struct test_random *random)
{
	static const unsigned log2[] = { 4, 5, 6, 7, 9, 12, 13, 16, 20, 21, 22 };
	size_t bytes = random_bytes(random), align = (size_t)1 << log2[test_random_below(random, 11)];
	uint64_t how = test_random_below(random, 8);
	struct smal_heap *heap;
	unsigned char *base;

	block->kind = (enum heap_kind)test_random_below(random, KINDS);
	heap = heaps[block->kind];
	errno = 0;
	if (how == 0) {
		base = smal_heap_alloc_zeroed(heap, bytes / 3, 3);
		bytes = bytes / 3 * 3;
	} else if (how == 1) {
		base = smal_heap_alloc_aligned(heap, align, bytes);
	} else if (how == 2) {
		base = smal_heap_realloc(heap, NULL, bytes);
	} else {
		base = smal_heap_alloc(heap, bytes);
	}
	if (base == NULL) {
		EXPECT(errno == ENOMEM && may_fail(block->kind, bytes));
		return;
	}
	if (how == 0)
		check_zero(base, bytes);
	EXPECT(how != 1 || (uintptr_t)base % align == 0);
	settle(block, random, base, bytes);
}

static void resize(struct block *block, struct test_random *random)
{
	size_t bytes = random_bytes(random);
	unsigned char *base;

	/* Most are resized a little. */
	if (test_random_below(random, 2) == 0)
		bytes = block->bytes + test_random_below(random, block->bytes / 2 + 40);
	base = smal_heap_realloc(heaps[block->kind], block->base, bytes);
	if (base == NULL) {
		EXPECT(errno == ENOMEM && may_fail(block->kind, bytes));
		check_block(block);
		return;
	}
	check_front(base, block, smal_min(bytes, block->bytes));
	settle(block, random, base, bytes);
}

static void give(struct block *block)
{
	errno = 77;
	EXPECT(smal_heap_free(heaps[block->kind], block->base) == SMAL_OK);
	EXPECT(errno == 77);
	block->base = NULL;
}

/* ---- Mistakes ---- */

static void refuse(enum heap_kind kind, void *pointer)
{
	EXPECT(smal_heap_free(heaps[kind], pointer) == SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
}

static void mistake(struct block *block, struct test_random *random)
{
	enum heap_kind other = (enum heap_kind)((block->kind + 1) % KINDS);
	unsigned char here[32], *base = block->base;

	switch (test_random_below(random, 5)) {
	case 0:
		refuse(block->kind, here + 16 - (uintptr_t)here % 16);
		break;
	case 1:
		if (block->bytes > 1)
			refuse(block->kind, base + 1 + test_random_below(random, block->bytes - 1));
		break;
	case 2:
		refuse(other, base);
		break;
	case 3:
		EXPECT(smal_heap_realloc(heaps[other], base, 10) == NULL && errno == EINVAL);
		crew_told(SMAL_ERROR_INVALID);
		break;
	default:
		/* Where others run, the slot may be theirs by now. */
		if (threads > 1)
			break;
		check_block(block);
		give(block);
		refuse(block->kind, base);
		return;
	}
	check_block(block);
}

/* ---- A thread ---- */

/* Swaps a block with one of the ring. */
static struct block *swap(struct block *block, size_t at)
{
	uintptr_t old;

	do
		old = smal_atomic_load(&ring[at]);
	while (!smal_atomic_cas(&ring[at], old, (uintptr_t)block));
	return (struct block *)old;
}

static void step(unsigned index)
{
	struct test_random *random = random_of(index);
	struct block **slot = &slots[index][test_random_below(random, SLOTS)], *block = *slot;
	uint64_t what = test_random_below(random, 1000);

	if (block->base == NULL) {
		allocate(block, random);
		return;
	}
	/* Blocks of no bytes can be looked at in no way. */
	EXPECT(smal_heap_usable(heaps[block->kind], block->base) >= block->bytes);
	if (what < 200) {
		*slot = swap(block, test_random_below(random, RING));
	} else if (what < 400) {
		resize(block, random);
	} else if (what < 410) {
		mistake(block, random);
	} else {
		check_block(block);
		give(block);
	}
}

static void rarely(unsigned index)
{
	struct test_random *random = random_of(index);
	enum heap_kind kind = (enum heap_kind)test_random_below(random, KINDS);
	struct smal_heap_stats stats;

	switch (test_random_below(random, 3)) {
	case 0:
		smal_heap_trim(heaps[kind]);
		break;
	case 1:
		smal_heap_get_stats(heaps[kind], &stats);
		EXPECT(stats.used_bytes <= stats.buffer_bytes);
		break;
	default:
		/* Much at once goes. */
		for (size_t i = 0; i < SLOTS; i++) {
			struct block *block = slots[index][i];

			if (block->base == NULL)
				continue;
			check_block(block);
			give(block);
		}
	}
}

/* ---- At rest ---- */

static int by_address(const void *a, const void *b)
{
	const struct block *x = *(const struct block *const *)a, *y = *(const struct block *const *)b;

	return x->base < y->base ? -1 : x->base > y->base;
}

/* All blocks are whole and apart from each other; as many as the heaps say. */
static void check_blocks(void)
{
	static struct block *all[RECORDS];
	uint64_t counts[KINDS] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < RECORDS; i++) {
		if (records[i].base == NULL)
			continue;
		check_block(&records[i]);
		counts[records[i].kind]++;
		all[count++] = &records[i];
	}
	qsort(all, count, sizeof *all, by_address);
	for (size_t i = 1; i < count; i++)
		EXPECT(all[i - 1]->base + smal_max(all[i - 1]->bytes, 1) <= all[i]->base);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct smal_heap_stats stats;

		smal_heap_get_stats(heaps[kind], &stats);
		EXPECT(stats.used_blocks + stats.empty_blocks == counts[kind]);
		EXPECT(stats.used_bytes + stats.free_bytes == stats.buffer_bytes);
		EXPECT(kind != LIMITED || stats.buffer_peak_bytes <= LIMIT_BYTES);
	}
}

static void check_heaps(void)
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		EXPECT(smal_heap_check(heaps[kind]) == SMAL_OK);
}

static void make_heap(enum heap_kind kind)
{
	struct smal_heap_options options = { .limit_bytes = kind == LIMITED ? LIMIT_BYTES : 0,
		                             .flags = kind == GUARDED ? SMAL_HEAP_GUARDED : 0 };

	if (kind != DEFAULT)
		EXPECT(smal_heap_create(&options, &heaps[kind]) == SMAL_OK);
}

/* With its blocks. */
static void end_heap(enum heap_kind kind)
{
	for (size_t i = 0; i < RECORDS; i++)
		if (records[i].base != NULL && records[i].kind == kind)
			records[i].base = NULL;
	EXPECT(smal_heap_destroy(heaps[kind]) == SMAL_OK);
}

static void rest(unsigned index)
{
	crew_meet(NULL, threads);
	if (index == 0) {
		check_blocks();
		check_heaps();
		if (test_random_below(random_of(0), 4) == 0) {
			end_heap(MORTAL);
			make_heap(MORTAL);
		}
	}
	crew_meet(NULL, threads);
}

static void work(struct member *member)
{
	for (unsigned i = 0; i < RESTS; i++) {
		for (uint64_t n = 0; n < steps_each; n++) {
			step(member->index);
			if (test_random_below(random_of(member->index), 4000) == 0)
				rarely(member->index);
		}
		rest(member->index);
	}
}

/* ---- A run ---- */

static uint64_t steps(void)
{
	return test_long() ? 10000000 : test_is_slow() ? 50000 : 1000000;
}

static void begin(unsigned count)
{
	threads = count;
	crew_begin();
	memset(records, 0, sizeof records);
	for (unsigned i = 0; i < RECORDS; i++)
		if (i < RING)
			ring[i] = (uintptr_t)&records[i];
		else
			slots[(i - RING) / SLOTS][(i - RING) % SLOTS] = &records[i];
	for (unsigned i = 0; i < THREADS; i++)
		test_random_init(&randoms[i], count * 100 + i);
	for (unsigned kind = 0; kind < KINDS; kind++)
		make_heap((enum heap_kind)kind);
}

static void end(void)
{
	check_blocks();
	for (size_t i = 0; i < RECORDS; i++)
		if (records[i].base != NULL && records[i].kind != MORTAL)
			give(&records[i]);
	check_heaps();
	smal_heap_trim(NULL);
	for (unsigned kind = MORTAL; kind < KINDS; kind++)
		end_heap((enum heap_kind)kind);
	EXPECT(smal_heap_check(NULL) == SMAL_OK);
	crew_end();
}

START_TEST(test_model)
{
	static const unsigned counts[] = { 1, 2, 8 };
	enum { CREWS = 10 };

	begin(counts[_i]);
	steps_each = steps() / threads / CREWS / RESTS;
	for (unsigned i = 0; i < CREWS; i++) {
		crew_start(threads, false, work);
		crew_join();
	}
	end();
}
END_TEST

static Suite *model_suite(void)
{
	Suite *suite = suite_create("model of heaps");
	TCase *tcase = tcase_create("random operations");

	tcase_add_loop_test(tcase, test_model, 0, 3);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(model_suite);
}
