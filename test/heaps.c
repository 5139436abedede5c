/* SPDX-License-Identifier: MIT */
/*
 * heaps.c: what the tests of the variable-size heap share (heaps.h).
 */
#include "test/heaps.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct smal_heap *heap;
struct reported reported;

/* ---- The heap ---- */

static void remember(const struct smal_report *report, void *user)
{
	(void)user;
	reported.count++;
	snprintf(reported.function, sizeof reported.function, "%s", report->function);
	snprintf(reported.what, sizeof reported.what, "%s", report->what);
	snprintf(reported.detail, sizeof reported.detail, "%s", report->detail);
	reported.pointer = report->pointer;
	reported.error = report->error;
}

void heaps_listen(void)
{
	reported = (struct reported){ 0 };
	smal_error_set_sink(remember, NULL);
}

void heaps_begin(const struct smal_heap_options *options)
{
	heaps_listen();
	ck_assert_int_eq(smal_heap_create(options, &heap), SMAL_OK);
}

void heaps_begin_plain(void)
{
	heaps_begin(NULL);
}

void heaps_end(void)
{
	heaps_check();
	heaps_silent();
	ck_assert_int_eq(smal_heap_destroy(heap), SMAL_OK);
	heaps_silent();
	heap = NULL;
}

void heaps_told(enum smal_error error, const char *what)
{
	if (reported.count != 1 || reported.error != error ||
	    (what != NULL && strcmp(reported.what, what) != 0))
		ck_abort_msg("%u reports, the last of %s: %s: %s", reported.count,
		             reported.function, reported.what, reported.detail);
	reported.count = 0;
}

void heaps_silent(void)
{
	if (reported.count != 0)
		ck_abort_msg("%u reports, the last of %s: %s: %s", reported.count,
		             reported.function, reported.what, reported.detail);
}

size_t heaps_scale(size_t n)
{
	return test_is_slow() ? n / 10 : n;
}

bool heaps_has_caches(void)
{
	return !heap->slow;
}

/* ---- Sums ---- */

static bool is_only_heap(void)
{
	return smal_process.heaps.next == &heap->link && heap->link.next == &smal_process.heaps;
}

static void check_sums(const struct smal_heap_stats *stats)
{
	struct smal_space_counts counts;

	smal_space_get_counts(heap->space, &counts);
	EXPECT_EQ(stats->used_bytes + stats->free_bytes, stats->buffer_bytes);
	EXPECT_EQ(stats->buffer_bytes, heap->buffer_bytes);
	EXPECT(stats->buffer_bytes <= stats->buffer_peak_bytes);
	EXPECT(stats->purged_bytes <= stats->free_bytes);
	EXPECT(stats->large_bytes <= stats->used_bytes &&
	       stats->large_blocks <= stats->used_blocks);
	EXPECT_EQ(counts.used_bytes + counts.free_bytes + counts.metadata_bytes,
	          counts.committed_bytes);
	if (is_only_heap())
		EXPECT_EQ(stats->buffer_bytes, counts.used_bytes);
}

struct smal_heap_stats heaps_stats(void)
{
	struct smal_heap_stats stats;

	smal_heap_get_stats(heap, &stats);
	return stats;
}

void heaps_check(void)
{
	struct smal_heap_stats stats;

	if (smal_heap_check(heap) != SMAL_OK)
		ck_abort_msg("%s: %s", reported.what, reported.detail);
	/* Of a guarded heap the check empties the queue. */
	stats = heaps_stats();
	check_sums(&stats);
}

void heaps_audit(uint64_t blocks, uint64_t bytes)
{
	struct smal_heap_stats stats = heaps_stats();

	heaps_check();
	EXPECT_EQ(stats.used_blocks, blocks);
	EXPECT_EQ(stats.used_bytes, bytes);
}

uint64_t heaps_committed_bytes(void)
{
	struct smal_space_counts counts;

	smal_space_get_counts(heap->space, &counts);
	return counts.committed_bytes;
}

/* ---- Blocks ---- */

void *heaps_alloc(size_t bytes)
{
	void *block = smal_heap_alloc(heap, bytes);

	if (block == NULL)
		ck_abort_msg("no block of %zu bytes", bytes);
	EXPECT((uintptr_t)block % SMAL_GRANULE == 0);
	return block;
}

void heaps_free(void *block)
{
	if (smal_heap_free(heap, block) != SMAL_OK)
		ck_abort_msg("%s: %s: %s", reported.function, reported.what, reported.detail);
}

size_t heaps_slot_bytes(size_t bytes)
{
	if (bytes == 0)
		return 0;
	return bytes > SMAL_CLASS_LARGEST ? smal_round_up(bytes, SMAL_CHUNK)
	                                  : smal_heap_class_bytes(smal_heap_class_of(bytes));
}

enum { STEP_BYTES = 1024 };

static unsigned char byte_for(size_t at, uint64_t tag)
{
	return (unsigned char)((tag + at) * 0x9e3779b97f4a7c15u >> 56);
}

void heaps_mark(void *block, size_t bytes, uint64_t tag)
{
	unsigned char *at = block;

	for (size_t i = 0; i < bytes; i += i < STEP_BYTES ? 1 : STEP_BYTES)
		at[i] = byte_for(i, tag);
	if (bytes != 0)
		at[bytes - 1] = byte_for(bytes - 1, tag);
}

void heaps_check_mark(const void *block, size_t bytes, uint64_t tag)
{
	const unsigned char *at = block;

	for (size_t i = 0; i < bytes; i += i < STEP_BYTES ? 1 : STEP_BYTES)
		if (at[i] != byte_for(i, tag))
			ck_abort_msg("byte %zu of %zu at %p has changed", i, bytes, block);
	if (bytes != 0 && at[bytes - 1] != byte_for(bytes - 1, tag))
		ck_abort_msg("the last of %zu bytes at %p has changed", bytes, block);
}

void heaps_shuffle(struct test_random *random, void **blocks, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = test_random_below(random, i);
		void *block = blocks[i - 1];

		blocks[i - 1] = blocks[other];
		blocks[other] = block;
	}
}

/* ---- Threads and children ---- */

void heaps_in_thread(void *(*work)(void *argument), void *argument)
{
	pthread_t id;

	EXPECT(pthread_create(&id, NULL, work, argument) == 0);
	EXPECT(pthread_join(id, NULL) == 0);
}

static size_t left_bytes(int i)
{
	return 16 + (size_t)i * 40;
}

void *heaps_leave(void *argument)
{
	void **blocks = argument;

	for (int i = 0; i < HEAPS_LEFT; i++) {
		blocks[i] = heaps_alloc(left_bytes(i));
		heaps_mark(blocks[i], left_bytes(i), (uint64_t)i);
		heaps_free(heaps_alloc((size_t)i * 30));
	}
	return NULL;
}

void heaps_free_left(void **blocks)
{
	for (int i = 0; i < HEAPS_LEFT; i++) {
		heaps_check_mark(blocks[i], left_bytes(i), (uint64_t)i);
		heaps_free(blocks[i]);
	}
}

int heaps_in_child(void (*work)(void *argument), void *argument)
{
	pid_t child = fork();
	int status;

	EXPECT(child >= 0);
	if (child == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		/* A sanitizer would have its say instead. */
		signal(SIGSEGV, SIG_DFL);
		work(argument);
		_exit(0);
	}
	EXPECT(waitpid(child, &status, 0) == child);
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	return WEXITSTATUS(status) == 0 ? 0 : -1;
}
