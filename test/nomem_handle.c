/* SPDX-License-Identifier: MIT */
/*
 * nomem_handle.c: memory fails in heaps of handles: every request for it in turn, once
 * and for good, the system's calls and what their large blocks ask of the spaces below.
 * Who asked gets 0 or SMAL_ERROR_NO_MEMORY, what he has stays as it is; a compaction
 * needs none. Afterwards all that was refused is done.
 *
 * Then the limit of a system on addresses: a heap reserves fewer.
 */
#include "test/crew.h"
#include "test/nomem.h"

#include <smal/handle.h>
#include <smal/base/def.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 800 };

struct block {
	smal_handle handle;
	size_t bytes;
};

static struct smal_handle_heap *heap;
static struct block blocks[MOST];
static unsigned count;

/* ---- Blocks, of which the ends are written ---- */

static char byte_of(const struct block *block)
{
	return (char)(block->handle % 251);
}

static void mark(const struct block *block)
{
	size_t end = smal_min(block->bytes, 64);
	char *at = smal_handle_lock(heap, block->handle);

	DEMAND(at != NULL);
	memset(at, byte_of(block), end);
	memset(at + block->bytes - end, byte_of(block), end);
	DEMAND(smal_handle_unlock(heap, block->handle) == SMAL_OK);
}

/* The first bytes, as far as they are written. */
static void check_front(const struct block *block, size_t limit)
{
	char *at = smal_handle_lock(heap, block->handle);

	DEMAND(at != NULL && smal_handle_size(heap, block->handle) == block->bytes);
	for (size_t i = 0; i < smal_min(limit, 64); i++)
		DEMAND(at[i] == byte_of(block));
	DEMAND(smal_handle_unlock(heap, block->handle) == SMAL_OK);
}

static void check_mark(const struct block *block)
{
	char *at;

	if (block->handle == 0)
		return;
	check_front(block, block->bytes);
	at = smal_handle_lock(heap, block->handle);
	for (size_t i = 0; i < smal_min(block->bytes, 64); i++)
		DEMAND(at[block->bytes - 1 - i] == byte_of(block));
	DEMAND(smal_handle_unlock(heap, block->handle) == SMAL_OK);
}

static void check_all(void)
{
	for (unsigned i = 0; i < count; i++)
		check_mark(&blocks[i]);
	DEMAND(heap == NULL || smal_handle_check(heap) == SMAL_OK);
}

static void fill_in(struct block *block)
{
	block->handle = smal_handle_alloc(heap, block->bytes, 0);
	if (block->handle == 0)
		nomem_failed(SMAL_ERROR_NO_MEMORY);
	else
		mark(block);
}

static void add(size_t bytes)
{
	DEMAND(count < MOST);
	blocks[count].bytes = bytes;
	fill_in(&blocks[count++]);
}

static void resize(struct block *block, size_t bytes)
{
	size_t had = block->bytes;

	if (block->handle == 0)
		return;
	if (nomem_failed(smal_handle_resize(heap, block->handle, bytes))) {
		check_mark(block);
		return;
	}
	block->bytes = bytes;
	check_front(block, smal_min(had, bytes));
	mark(block);
}

static void free_each(unsigned each)
{
	for (unsigned i = 0; i < count; i += each) {
		check_mark(&blocks[i]);
		DEMAND(smal_handle_free(heap, blocks[i].handle) == SMAL_OK);
		blocks[i].handle = 0;
	}
}

/* ---- The scenarios ---- */

static void make(void)
{
	if (nomem_failed(smal_handle_heap_create(NULL, &heap)))
		heap = NULL;
}

static void allocate_all(void)
{
	static const size_t sizes[] = { 0, 1, 100, 5000, 70000, 255000, 262144, 3000000 };

	for (unsigned i = 0; i < 80; i++)
		add(sizes[i % (sizeof sizes / sizeof *sizes)]);
	for (unsigned i = 0; i < 100; i++)
		add(i * 10);
}

static void resize_all(void)
{
	static const size_t sizes[] = { 30, 20000, 400000, 9000000, 1000, 90 };

	for (unsigned i = 3; i < count; i += 7)
		for (unsigned n = 0; n < sizeof sizes / sizeof *sizes; n++)
			resize(&blocks[i], sizes[n] + i);
}

/* All that was refused is done now; and then nothing is left. */
static void recover(void)
{
	struct smal_handle_stats stats;

	check_all();
	if (heap == NULL)
		make();
	DEMAND(heap != NULL);
	for (unsigned i = 0; i < count; i++)
		if (blocks[i].handle == 0)
			fill_in(&blocks[i]);
	for (unsigned i = 0; i < count; i++)
		DEMAND(blocks[i].handle != 0);
	check_all();
	DEMAND(smal_compact(heap, 0));
	check_all();
	free_each(1);
	DEMAND(smal_compact(heap, 0));
	smal_handle_get_stats(heap, &stats);
	DEMAND(stats.blocks == 0 && stats.block_bytes == 0 && stats.span_bytes == 0);
	DEMAND(smal_handle_check(heap) == SMAL_OK);
	DEMAND(smal_handle_heap_destroy(heap) == SMAL_OK);
	heap = NULL;
}

static void use_all(void)
{
	count = 0;
	heap = NULL;
	nomem_begin();
	make();
	if (heap != NULL) {
		allocate_all();
		free_each(3);
		DEMAND(smal_compact(heap, 0));
		check_all();
		resize_all();
		DEMAND(smal_compact(heap, 0));
		check_all();
		allocate_all();
	}
	nomem_end();
	recover();
}

/* A heap that has been large, and is to be again. */
static void use_warm(void)
{
	count = 0;
	make();
	allocate_all();
	free_each(2);
	nomem_begin();
	DEMAND(smal_compact(heap, 0));
	check_all();
	allocate_all();
	for (unsigned i = 0; i < 9; i++)
		add(7000000 + i);
	resize_all();
	smal_handle_purge(heap);
	while (!smal_compact(heap, 1))
		DEMAND(smal_handle_check(heap) == SMAL_OK);
	nomem_end();
	recover();
}

static const struct nomem_scenario scenarios[] = {
	{ .name = "all", .run = use_all, .seen = NOMEM_SEEN },
	{ .name = "warm", .run = use_warm, .seen = NOMEM_SEEN },
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- The system's limit on addresses ---- */

enum { LIMITED_OK = 0, LIMITED_SKIPPED = 77 };

static void use_limited(void)
{
	struct rlimit both = { (size_t)512 << 20, (size_t)512 << 20 };
	struct smal_handle_stats stats;

	count = 0;
	if (setrlimit(RLIMIT_AS, &both) != 0)
		_exit(LIMITED_SKIPPED);
	DEMAND(smal_handle_heap_create(NULL, &heap) == SMAL_OK);
	while (count < MOST - 1) {
		blocks[count].bytes = 200000;
		blocks[count].handle = smal_handle_alloc(heap, 200000, 0);
		if (blocks[count].handle == 0)
			break;
		mark(&blocks[count++]);
	}
	/* At least a sixteenth of the addresses holds blocks. */
	DEMAND((size_t)count * 200000 >= (size_t)32 << 20);
	check_all();
	free_each(2);
	DEMAND(smal_compact(heap, 0));
	for (unsigned i = 0; i < count; i += 2)
		fill_in(&blocks[i]);
	smal_handle_get_stats(heap, &stats);
	DEMAND(stats.blocks >= count - 1);
	check_all();
	DEMAND(smal_handle_heap_destroy(heap) == SMAL_OK);
	_exit(LIMITED_OK);
}

START_TEST(test_limit)
{
	int status = -1;
	pid_t child;

	/* Sanitizers and memcheck need all addresses. */
	if (test_is_slow()) {
		puts("RLIMIT_AS: skipped, a tool has addresses of its own");
		return;
	}
	child = fork();
	if (child == 0) {
		alarm(100);
		told_begin();
		use_limited();
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == LIMITED_SKIPPED)
		puts("RLIMIT_AS: skipped, setrlimit is denied");
	else
		ck_assert_int_eq(status, 0);
}
END_TEST

static Suite *nomem_suite(void)
{
	Suite *suite = suite_create("memory fails in heaps of handles");
	TCase *tcase = tcase_create("refusals");

	tcase_set_timeout(tcase, test_long() ? 1200 : 300);
	/* A warm heap asks the library for little, and does without. */
	nomem_add(tcase, scenarios, SCENARIOS, SCENARIOS - 1);
	tcase_add_test(tcase, test_limit);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(nomem_suite);
}
