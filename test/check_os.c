/* SPDX-License-Identifier: MIT */
/*
 * check_os.c: the porting list keeps its word: memory comes, reads as zero and
 * goes; a call that fails says so, is counted, keeps errno and changes nothing;
 * stacks, registers and static data are where it says; locks and identities.
 */
#include "test/fault.h"
#include "test/support.h"

#include <smal/os/os.h>

#include <errno.h>
#include <string.h>

static size_t page;

static char *reserve(size_t pages)
{
	char *base = smal_os_reserve(pages * page);

	ck_assert_ptr_nonnull(base);
	ck_assert_uint_eq((uintptr_t)base % page, 0);
	return base;
}

static void begin(void)
{
	page = smal_os_page_bytes();
	errno = 77;
}

static void expect_zero(const char *base, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		ck_assert_msg(base[i] == 0, "byte %zu is %d", i, base[i]);
}

START_TEST(test_memory)
{
	uint64_t failures = smal_os_failures();
	char *base = reserve(8);

	ck_assert(page >= 4096 && smal_is_power_of_two(page));
	ck_assert(smal_os_commit(base + page, 4 * page));
	expect_zero(base + page, 4 * page);
	memset(base + page, 1, 4 * page);
	ck_assert(smal_os_commit(base + page, 5 * page));
	ck_assert_int_eq(base[page], 1);
	expect_zero(base + 5 * page, page);
	ck_assert(smal_os_discard(base + 2 * page, page));
	ck_assert_int_eq(base[2 * page - 1], 1);
	expect_zero(base + 2 * page, page);
	ck_assert_int_eq(base[3 * page], 1);
	smal_os_huge(base + page, 4 * page, true);
	smal_os_huge(base + page, 4 * page, false);
	ck_assert(smal_os_release(base, page));
	ck_assert(smal_os_release(base + 3 * page, 5 * page));
	memset(base + page, 2, 2 * page);
	ck_assert(smal_os_release(base + page, 2 * page));
	ck_assert_int_eq(errno, 77);
	ck_assert_uint_eq(smal_os_failures(), failures);
}
END_TEST

/* Reserving takes addresses alone. */
START_TEST(test_reservation_is_free)
{
	size_t bytes = UINTPTR_MAX > 0xffffffffu ? (size_t)1 << 36 % SMAL_WORD_BITS
	                                         : (size_t)256 << 20;
	size_t before = test_resident_bytes();
	char *base = smal_os_reserve(bytes);

	ck_assert_ptr_nonnull(base);
	ck_assert(smal_os_commit(base + bytes / 2, page));
	base[bytes / 2] = 1;
	if (before != TEST_UNKNOWN && !test_is_slow())
		ck_assert_uint_lt(test_resident_bytes(), before + (1 << 20));
	ck_assert(smal_os_release(base, bytes));
}
END_TEST

START_TEST(test_failures)
{
	uint64_t failures = smal_os_failures();
	char *base = reserve(4);

	ck_assert(smal_os_commit(base, 2 * page));
	memset(base, 1, 2 * page);
	fault_begin(1, true);
	ck_assert_ptr_null(smal_os_reserve(page));
	ck_assert(!smal_os_commit(base + 2 * page, page));
	ck_assert(!smal_os_discard(base, 2 * page));
	ck_assert(!smal_os_release(base, 4 * page));
	smal_os_huge(base, 2 * page, true);
	fault_end();
	ck_assert_uint_eq(smal_os_failures(), failures + 4);
	ck_assert_uint_eq(fault_failures(FAULT_HINT), 1);
	ck_assert_int_eq(errno, 77);
	for (size_t i = 0; i < 2 * page; i++)
		ck_assert_int_eq(base[i], 1);
	ck_assert(smal_os_commit(base + 2 * page, page));
	expect_zero(base + 2 * page, page);
	ck_assert(smal_os_release(base, 4 * page));
	/* Not every failure is made: more than all addresses there are. */
	ck_assert_ptr_null(smal_os_reserve(SIZE_MAX & ~(page - 1)));
	ck_assert_uint_eq(smal_os_failures(), failures + 5);
	ck_assert_int_eq(errno, 77);
}
END_TEST

START_TEST(test_clock)
{
	uint64_t last = smal_os_clock_ns();

	for (int i = 0; i < 1000; i++) {
		uint64_t now = smal_os_clock_ns();

		ck_assert_uint_ge(now, last);
		last = now;
	}
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000 };

static struct smal_os_lock lock;
static uint64_t counter;
static uintptr_t identities[THREADS];
static pthread_barrier_t barrier;

static void *count(void *argument)
{
	uintptr_t *identity = argument, base = 0, limit = 0;

	for (int i = 0; i < ROUNDS; i++) {
		smal_os_lock_take(&lock);
		counter++;
		smal_os_lock_give(&lock);
	}
	*identity = smal_os_thread_id();
	ck_assert_uint_eq(*identity, smal_os_thread_id());
	ck_assert(smal_os_stack_bounds(&base, &limit));
	ck_assert((uintptr_t)&base >= base && (uintptr_t)&base < limit);
	pthread_barrier_wait(&barrier); /* all identities at one time */
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t threads[THREADS];

	smal_os_lock_init(&lock);
	counter = 0;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count, &identities[i]), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&barrier);
	ck_assert_uint_eq(counter, THREADS * ROUNDS);
	for (int i = 0; i < THREADS; i++) {
		ck_assert_uint_ne(identities[i], smal_os_thread_id());
		for (int j = 0; j < i; j++)
			ck_assert_uint_ne(identities[i], identities[j]);
	}
}
END_TEST

/* ---- Stacks ---- */

enum { WORDS = 64 };

static const uintptr_t secret = 0x5ec7e7 ^ 0xffff0000;

static void look(uintptr_t low, void *argument)
{
	bool *found = argument;
	uintptr_t base = 0, limit = 0;

	ck_assert(smal_os_stack_bounds(&base, &limit));
	ck_assert(low >= base && low < limit);
	ck_assert_uint_eq(low % sizeof(uintptr_t), 0);
	for (uintptr_t at = low; at < limit && !*found; at += sizeof at) {
		uintptr_t word;

		smal_os_tool_quiet();
		smal_os_copy_words(&word, (const uintptr_t *)at, 1);
		*found = word == ~secret;
		smal_os_tool_loud();
	}
}

/* A word that a caller holds on its stack lies above the address given. */
START_TEST(test_with_stack)
{
	volatile uintptr_t kept[2] = { 0, ~secret };
	bool found = false;

	smal_os_with_stack(look, &found);
	ck_assert(found || test_is_slow()); /* ASan may keep it in a fake frame */
	ck_assert_uint_eq(kept[1], ~secret);
}
END_TEST

START_TEST(test_copy_words)
{
	uintptr_t from[WORDS], to[WORDS] = { 0 };

	for (size_t i = 0; i < WORDS; i++)
		from[i] = i * secret;
	smal_os_copy_words(to, from, WORDS - 1);
	ck_assert_mem_eq(to, from, sizeof to - sizeof *to);
	ck_assert_uint_eq(to[WORDS - 1], 0);
}
END_TEST

static int in_data = 1;
static int in_bss;
static const int in_text = 1;

struct seen {
	unsigned ranges, data, bss, text, heap;
	const void *heap_object;
};

static void see(const char *name, uintptr_t base, uintptr_t limit, void *argument)
{
	struct seen *seen = argument;

	ck_assert_ptr_nonnull(name);
	ck_assert_uint_le(base, limit);
	seen->ranges++;
	seen->data += (uintptr_t)&in_data >= base && (uintptr_t)&in_data < limit;
	seen->bss += (uintptr_t)&in_bss >= base && (uintptr_t)&in_bss < limit;
	seen->text += (uintptr_t)&in_text >= base && (uintptr_t)&in_text < limit;
	seen->heap += (uintptr_t)seen->heap_object >= base && (uintptr_t)seen->heap_object < limit;
}

START_TEST(test_each_static)
{
	char *base = reserve(1);
	struct seen seen = { .heap_object = base };

	smal_os_each_static(see, &seen);
	ck_assert_uint_gt(seen.ranges, 0);
	ck_assert_uint_eq(seen.data, 1);
	ck_assert_uint_eq(seen.bss, 1);
	ck_assert_uint_eq(seen.text, 0);
	ck_assert_uint_eq(seen.heap, 0);
	ck_assert(smal_os_release(base, page));
}
END_TEST

/* A generation that is over is not held; one that is held stays. */
static bool note(void *argument)
{
	(*(unsigned *)argument)++;
	return *(unsigned *)argument == 1;
}

START_TEST(test_statics_hold)
{
	struct seen seen = { .heap_object = NULL };
	uint64_t generation = smal_os_each_static(see, &seen);
	unsigned calls = 0;

	ck_assert(!smal_os_statics_hold(generation + 1, note, &calls));
	ck_assert_uint_eq(calls, 0);
	ck_assert(smal_os_statics_hold(generation, note, &calls));
	ck_assert(!smal_os_statics_hold(generation, note, &calls));
	ck_assert_uint_eq(calls, 2);
	ck_assert(smal_os_each_static(see, &seen) == generation);
}
END_TEST

/* The C library asks /proc for the first thread's stack, and may not get it. */
static bool without_proc;
static unsigned refused;
static const int *in_main;

int __real_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);
int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);

int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
	refused += without_proc;
	return without_proc ? ENOENT : __real_pthread_getattr_np(thread, attributes);
}

static void *ask_without_proc(void *known)
{
	uintptr_t base, limit;

	*(bool *)known = smal_os_stack_bounds(&base, &limit);
	return known;
}

START_TEST(test_no_proc)
{
	uintptr_t base = 0, limit = 0, here = (uintptr_t)__builtin_frame_address(0);
	pthread_t thread;
	bool known = true;

	without_proc = true;
	ck_assert(smal_os_stack_bounds(&base, &limit));
	/* The answer is kept: this test comes before others that ask. */
	ck_assert_uint_eq(refused, 1);
	ck_assert_uint_lt(base, here);
	ck_assert_uint_gt(limit, here);
	/* What main has on its stack lies there, too; of other threads nothing is known. */
	ck_assert_uint_gt(limit, (uintptr_t)in_main);
	ck_assert_int_eq(pthread_create(&thread, NULL, ask_without_proc, &known), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!known);
	without_proc = false;
}
END_TEST

static Suite *os_suite(void)
{
	Suite *suite = suite_create("os");
	TCase *first = tcase_create("first");
	TCase *memory = tcase_create("memory");
	TCase *threads = tcase_create("threads");
	TCase *stacks = tcase_create("stacks");

	tcase_add_test(first, test_no_proc);
	suite_add_tcase(suite, first);

	tcase_add_checked_fixture(memory, begin, NULL);
	tcase_add_test(memory, test_memory);
	tcase_add_test(memory, test_reservation_is_free);
	tcase_add_test(memory, test_failures);
	suite_add_tcase(suite, memory);

	tcase_add_checked_fixture(threads, begin, NULL);
	tcase_add_test(threads, test_clock);
	tcase_add_test(threads, test_threads);
	suite_add_tcase(suite, threads);

	tcase_add_checked_fixture(stacks, begin, NULL);
	tcase_add_test(stacks, test_with_stack);
	tcase_add_test(stacks, test_copy_words);
	tcase_add_test(stacks, test_each_static);
	tcase_add_test(stacks, test_statics_hold);
	suite_add_tcase(suite, stacks);
	return suite;
}

int main(void)
{
	int here = 0;

	in_main = &here;
	return test_main(os_suite);
}
