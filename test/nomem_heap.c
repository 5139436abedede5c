/* SPDX-License-Identifier: MIT */
/*
 * nomem_heap.c: memory fails in heaps: every request for it in turn, once and for
 * good, the system's calls (mremap with them) and what heaps ask of the spaces
 * below. Who asked gets NULL and ENOMEM, and what he has stays as it is; afterwards
 * everything that was refused is done, and everything can be freed.
 *
 * Then the limits that a system sets: of addresses, of data, of a cgroup's pages;
 * and that of mappings, of which heaps have few, whatever they are asked for.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/crew.h"
#include "test/fault.h"
#include "test/nomem.h"

#include <smal/heap.h>
#include <smal/base/def.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


enum { MOST = 500 };

/* Blocks of a thread; those that were refused have no base. */
struct block {
	struct smal_heap *heap;
	char *base;
	size_t bytes, align;
};

struct blocks {
	struct block block[MOST];
	unsigned count;
};

static struct blocks mine, others;
static struct smal_heap *heap, *guarded;

/* ---- Blocks, of which the ends are written ---- */

static void mark(const struct block *block)
{
	size_t end = smal_min(block->bytes, 64);

	if (block->base == NULL)
		return;
	memset(block->base, (int)(block->bytes % 251), end);
	memset(block->base + block->bytes - end, (int)(block->bytes % 251), end);
}

static void check_mark(const struct block *block, size_t limit)
{
	for (size_t i = 0; block->base != NULL && i < smal_min(limit, 64); i++)
		DEMAND(block->base[i] == (char)(block->bytes % 251));
}

static bool refused(const void *base)
{
	if (base != NULL)
		return false;
	DEMAND(errno == ENOMEM);
	return nomem_failed(SMAL_ERROR_NO_MEMORY);
}

static void add(struct blocks *blocks, struct smal_heap *of, size_t align, size_t bytes)
{
	struct block *block = &blocks->block[blocks->count++];

	DEMAND(blocks->count <= MOST);
	errno = 0;
	*block = (struct block){ of, smal_heap_alloc_aligned(of, align, bytes), bytes, align };
	if (refused(block->base))
		return;
	DEMAND((uintptr_t)block->base % align == 0);
	mark(block);
}

static void resize(struct block *block, size_t bytes)
{
	char *base = smal_heap_realloc(block->heap, block->base, bytes);
	size_t had = block->bytes;

	if (refused(base)) {
		check_mark(block, had);
		return;
	}
	if (block->base != NULL) {
		block->base = base;
		check_mark(block, smal_min(had, bytes));
	}
	block->base = base;
	block->bytes = bytes;
	block->align = 16;
	mark(block);
}

static void free_block(struct block *block)
{
	check_mark(block, block->bytes);
	DEMAND(smal_heap_free(block->heap, block->base) == SMAL_OK);
	block->base = NULL;
}

/* ---- The scenario ---- */

static void allocate_all(struct blocks *blocks, struct smal_heap *of)
{
	static const size_t sizes[] = { 0, 1, 100, 1000, 5000, 32768, 40000, 300000, 3 * MIB };
	static const size_t aligns[] = { 64, 4096, 65536, 4 * MIB };

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		add(blocks, of, 16, sizes[i]);
	for (unsigned i = 0; i < 4; i++)
		add(blocks, of, aligns[i], 500 + i);
	for (unsigned i = 0; i < 20; i++)
		add(blocks, of, 16, 30000);
}

/* In steps, through all kinds of blocks, and back. */
static void resize_all(struct blocks *blocks, unsigned from)
{
	static const size_t sizes[] = { 30, 700, 20000, 50000, 2 * MIB, 5 * MIB, 9 * MIB, 3 * MIB, 60000, 90 };

	for (unsigned i = from; i < blocks->count; i += 7)
		for (unsigned n = 0; n < sizeof sizes / sizeof *sizes; n++)
			resize(&blocks->block[i], sizes[n] + i);
}

static void free_some(struct blocks *blocks, unsigned each)
{
	for (unsigned i = 0; i < blocks->count; i += each)
		if (blocks->block[i].base != NULL)
			free_block(&blocks->block[i]);
}

static void check_all(void)
{
	for (unsigned i = 0; i < mine.count; i++)
		check_mark(&mine.block[i], mine.block[i].bytes);
	for (unsigned i = 0; i < others.count; i++)
		check_mark(&others.block[i], others.block[i].bytes);
	DEMAND(smal_heap_check(NULL) == SMAL_OK);
	if (heap != NULL)
		DEMAND(smal_heap_check(heap) == SMAL_OK);
	if (guarded != NULL)
		DEMAND(smal_heap_check(guarded) == SMAL_OK);
}

static void *be_another(void *unused)
{
	allocate_all(&others, NULL);
	if (heap != NULL)
		allocate_all(&others, heap);
	free_some(&mine, 5);
	free_some(&others, 6);
	return unused;
}

static void run_thread(void)
{
	pthread_t id;

	if (CREW_UNDER_TSAN) {
		be_another(NULL);
		return;
	}
	DEMAND(pthread_create(&id, NULL, be_another, NULL) == 0);
	DEMAND(pthread_join(id, NULL) == 0);
}

/* A child has the same heaps, and the same bad luck. */
static void run_child(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		allocate_all(&mine, NULL);
		free_some(&mine, 2);
		nomem_end();
		check_all();
		_exit(0);
	}
	DEMAND(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void make(struct smal_heap **result, unsigned flags)
{
	struct smal_heap_options options = { .flags = flags };
	enum smal_error error = smal_heap_create(&options, result);

	if (nomem_failed(error))
		*result = NULL;
}

/* All that was refused is done now; and then nothing is left. */
static void recover(void)
{
	struct smal_heap_stats stats;

	check_all();
	if (heap == NULL)
		make(&heap, 0);
	if (guarded == NULL)
		make(&guarded, SMAL_HEAP_GUARDED);
	DEMAND(heap != NULL && guarded != NULL);
	for (unsigned i = 0; i < mine.count; i++) {
		struct block *block = &mine.block[i];

		if (block->base == NULL)
			block->base = smal_heap_alloc_aligned(block->heap, block->align, block->bytes);
		DEMAND(block->base != NULL);
		mark(block);
	}
	check_all();
	free_some(&mine, 1);
	free_some(&others, 1);
	smal_heap_trim(NULL);
	check_all();
	smal_heap_get_stats(NULL, &stats);
	DEMAND(stats.used_blocks == 0 && stats.empty_blocks == 0 && stats.used_bytes == 0);
	DEMAND(smal_heap_destroy(heap) == SMAL_OK);
	DEMAND(smal_heap_destroy(guarded) == SMAL_OK);
	heap = guarded = NULL;
	DEMAND(smal_heap_check(NULL) == SMAL_OK);
}

static void begin(void)
{
	mine.count = others.count = 0;
	heap = guarded = NULL;
	nomem_begin();
}

static void use_all(void)
{
	begin();
	allocate_all(&mine, NULL);
	make(&heap, 0);
	if (heap != NULL)
		allocate_all(&mine, heap);
	run_thread();
	resize_all(&mine, 1);
	free_some(&mine, 3);
	smal_heap_trim(NULL);
	run_thread();
	run_child();
	nomem_end();
	recover();
}

static void use_guarded(void)
{
	begin();
	make(&guarded, SMAL_HEAP_GUARDED);
	if (guarded != NULL) {
		allocate_all(&mine, guarded);
		resize_all(&mine, 2);
		free_some(&mine, 2);
		smal_heap_trim(guarded);
		allocate_all(&mine, guarded);
	}
	nomem_end();
	recover();
}

/* With all classes at hand: what is refused is that which only grows. */
static void use_warm(void)
{
	struct smal_heap *short_lived;

	mine.count = others.count = 0;
	make(&heap, 0);
	make(&guarded, SMAL_HEAP_GUARDED);
	allocate_all(&mine, NULL);
	run_thread();
	nomem_begin();
	make(&short_lived, 0);
	if (short_lived != NULL)
		DEMAND(smal_heap_destroy(short_lived) == SMAL_OK);
	allocate_all(&mine, NULL);
	resize_all(&mine, 0);
	run_thread();
	smal_heap_trim(heap);
	nomem_end();
	recover();
}

static const struct nomem_scenario scenarios[] = {
	{ .name = "all", .run = use_all, .seen = NOMEM_SEEN },
	{ .name = "guarded", .run = use_guarded, .seen = NOMEM_SEEN },
	{ .name = "warm", .run = use_warm, .seen = NOMEM_SEEN },
	{ .name = "at once", .run = use_all, .options = "decay=0", .seen = NOMEM_SEEN },
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- The system's limits ---- */

static int run_limited(void (*body)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		alarm(100);
		told_begin();
		body();
		_exit(told.count == 0 ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

/* Takes blocks until there are no more, twice: as many the second time, nearly. */
static void exhaust(size_t bytes, size_t least_bytes)
{
	static char *blocks[100000];
	size_t had = 0;

	for (unsigned round = 0; round < 2; round++) {
		size_t count = 0;

		while (count < 100000 && (blocks[count] = smal_heap_alloc(NULL, bytes)) != NULL)
			*blocks[count++] = 1;
		DEMAND(count < 100000 && errno == ENOMEM);
		DEMAND(count * bytes >= least_bytes && count >= had - had / 8);
		DEMAND(smal_heap_check(NULL) == SMAL_OK);
		had = count;
		while (count != 0)
			DEMAND(smal_heap_free(NULL, blocks[--count]) == SMAL_OK);
		smal_heap_trim(NULL);
		DEMAND(smal_heap_check(NULL) == SMAL_OK);
	}
}

static void limit(int resource, size_t bytes)
{
	struct rlimit both = { bytes, bytes };

	DEMAND(setrlimit(resource, &both) == 0);
}

/* The books of the classes are there before there is a limit. */
static void warm_up(void)
{
	for (size_t bytes = 3000; bytes < 200000; bytes += 1000)
		DEMAND(smal_heap_free(NULL, smal_heap_alloc(NULL, bytes)) == SMAL_OK);
}

static void limited_addresses(void)
{
	limit(RLIMIT_AS, 1024 * MIB);
	exhaust(100000, 100 * MIB);
	exhaust(20000, 100 * MIB);
}

static void limited_data(void)
{
	warm_up();
	limit(RLIMIT_DATA, 256 * MIB);
	exhaust(100000, 60 * MIB);
	exhaust(3000, 60 * MIB);
}

START_TEST(test_limits)
{
	/* Sanitizers and memcheck have limits of their own. */
	if (test_is_slow())
		return;
	ck_assert_int_eq(run_limited(limited_addresses), 0);
	ck_assert_int_eq(run_limited(limited_data), 0);
}
END_TEST

/* ---- A cgroup's ---- */

enum { CGROUP_BYTES = 96 << 20, ROUND_BYTES = 48 << 20 };

static char cgroup[200];

/* What there is is written; nothing is made. */
static bool write_text(const char *name, const char *text)
{
	char path[300];
	FILE *file;
	bool done;

	snprintf(path, sizeof path, "%s/%s", cgroup, name);
	file = fopen(path, "r+");
	if (file == NULL)
		return false;
	done = fputs(text, file) >= 0;
	return fclose(file) == 0 && done;
}

/* A cgroup with a limit, of either version; why not, or NULL. */
static const char *make_cgroup(void)
{
	static const char *const kinds[2][2] = { { "/sys/fs/cgroup", "memory.max" },
		                                 { "/sys/fs/cgroup/memory", "memory.limit_in_bytes" } };
	char bytes[32];

	snprintf(bytes, sizeof bytes, "%d", CGROUP_BYTES);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(cgroup, sizeof cgroup, "%s/smal-test-%ld", kinds[i][0], (long)getpid());
		if (mkdir(cgroup, 0700) != 0)
			continue;
		if (write_text(kinds[i][1], bytes))
			return NULL;
		rmdir(cgroup);
	}
	return "no cgroup with a limit of memory can be made";
}

/* Each round's blocks are of another size: only pages that have gone back can be
 * theirs. Who holds on to them is killed. */
static void use_cgroup(void)
{
	static char *blocks[ROUND_BYTES / 64];
	static const size_t sizes[] = { 64, 5000, 200, 100000, 1000, 30000, 3 * MIB, 500 };

	if (!write_text("cgroup.procs", "0"))
		_exit(77);
	for (unsigned round = 0; round < 8; round++) {
		size_t count = ROUND_BYTES / sizes[round];

		for (size_t i = 0; i < count; i++) {
			blocks[i] = smal_heap_alloc(NULL, sizes[round]);
			DEMAND(blocks[i] != NULL);
			memset(blocks[i], 1, sizes[round]);
		}
		/* One in a thousand stays. */
		for (size_t i = 0; i < count; i++)
			if (i % 1000 != 1)
				DEMAND(smal_heap_free(NULL, blocks[i]) == SMAL_OK);
		smal_heap_trim(NULL);
	}
	DEMAND(smal_heap_check(NULL) == SMAL_OK);
}

START_TEST(test_cgroup)
{
	const char *why = test_is_slow() ? "memory proves nothing here" : make_cgroup();
	int status = 0;

	if (why == NULL) {
		status = run_limited(use_cgroup);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			why = "the cgroup takes no process";
		rmdir(cgroup);
	}
	if (why != NULL)
		fprintf(stderr, "cgroup: skipped: %s\n", why);
	else
		ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- Mappings ---- */

START_TEST(test_mappings_are_few)
{
	enum { LIVE = 120, MAPPINGS = 1000 };
	static char *live[LIVE];
	uint64_t churned = 0, wanted = ((uint64_t)64 << 30) / (test_is_slow() ? 10 : 1);
	struct test_random random;
	size_t most = 0;

	if (sizeof(void *) == 4 || test_mappings() == TEST_UNKNOWN)
		return;
	test_random_init(&random, 1);
	while (churned < wanted) {
		char **at = &live[test_random_below(&random, LIVE)];
		unsigned shift = (unsigned)test_random_below(&random, 11);
		size_t bytes = 40000 + test_random_below(&random, (size_t)65536 << shift);

		churned += bytes;
		if (*at != NULL && test_random_below(&random, 3) == 0) {
			ck_assert_int_eq(smal_heap_free(NULL, *at), SMAL_OK);
			*at = NULL;
			continue;
		}
		*at = smal_heap_realloc(NULL, *at, bytes);
		ck_assert_ptr_nonnull(*at);
		most = smal_max(most, test_mappings());
	}
	ck_assert_uint_lt(most, MAPPINGS);
	for (unsigned i = 0; i < LIVE; i++)
		ck_assert_int_eq(smal_heap_free(NULL, live[i]), SMAL_OK);
	smal_heap_trim(NULL);
	ck_assert_int_eq(smal_heap_check(NULL), SMAL_OK);
}
END_TEST

static Suite *nomem_suite(void)
{
	Suite *suite = suite_create("memory fails in heaps");
	TCase *tcase = tcase_create("refusals");

	tcase_set_timeout(tcase, test_long() ? 1200 : 300);
	nomem_add(tcase, scenarios, SCENARIOS, SCENARIOS);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("limits");
	tcase_add_test(tcase, test_limits);
	tcase_add_test(tcase, test_cgroup);
	tcase_add_test(tcase, test_mappings_are_few);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(nomem_suite);
}
