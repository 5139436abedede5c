/* SPDX-License-Identifier: MIT */
/*
 * abi_start.c: how libgc starts: by whichever function is called first, before main too,
 * and with what the environment chooses; how a client is told of its end; its checks of
 * pointers.
 *
 * As `abi_start WHAT` it is the program that is started with an environment: it writes
 * one number.
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#include <gc/gc_disclaim.h>
#include <gc/gc_typed.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Before main ---- */

static void *early[100];

/* Only in the process that is asked for it: the others begin without a collector. */
__attribute__((constructor)) static void before_main(void)
{
	if (getenv("ABI_EARLY") == NULL)
		return;
	for (size_t i = 0; i < 100; i++) {
		early[i] = i % 2 == 0 ? GC_malloc(64) : GC_malloc_atomic(64);
		abi_fill(early[i], i, 64);
	}
	GC_gcollect();
}

static long see_early(void)
{
	long good = 0;

	for (int i = 0; i < 3; i++) {
		GC_INIT();
		GC_gcollect();
		for (int j = 0; j < 10000; j++)
			memset(GC_malloc(64), 0xa5, 64);
	}
	for (size_t i = 0; i < 100; i++)
		good += abi_filled(early[i], i, 64);
	return good;
}

/* ---- The program that is started ---- */

static long fill_heap(void)
{
	void **head = NULL, **object;
	long length = 0;

	while (length < 1000000 && (object = GC_malloc(1000)) != NULL) {
		object[0] = head;
		head = object;
		length++;
	}
	GC_reachable_here(head);
	return length;
}

static int probe(const char *what)
{
	long answer = -1;

	if (strcmp(what, "early") == 0)
		answer = see_early();
	GC_INIT();
	if (strcmp(what, "heap") == 0)
		answer = (long)GC_get_heap_size();
	else if (strcmp(what, "fill") == 0)
		answer = fill_heap();
	else if (strcmp(what, "disabled") == 0) {
		GC_gcollect();
		answer = GC_is_disabled() * 1000 + (long)GC_get_gc_no();
	} else if (strcmp(what, "divisor") == 0)
		answer = (long)GC_get_free_space_divisor();
	else if (strcmp(what, "parallel") == 0) {
		GC_allow_register_threads();
		answer = GC_get_parallel();
	} else if (strcmp(what, "collect") == 0) {
		GC_gcollect();
		answer = 0;
	}
	printf("%ld\n", answer);
	return 0;
}

/* The number that it writes in this environment; with errors, how many lines it writes to
 * standard error. */
static long started(const char *environment, const char *what, bool errors)
{
	char command[1000], line[1000], self[500] = "";
	long number = -1, lines = 0;
	FILE *pipe;

	EXPECT(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	snprintf(command, sizeof command, "%s exec '%s' %s %s", environment, self, what,
	         errors ? "2>&1 >/dev/null" : "");
	pipe = popen(command, "r");
	EXPECT(pipe != NULL);
	while (fgets(line, sizeof line, pipe) != NULL) {
		number = strtol(line, NULL, 10);
		lines++;
	}
	EXPECT_EQ(pclose(pipe), 0);
	return errors ? lines : number;
}

START_TEST(test_before_main)
{
	ck_assert_int_eq(started("ABI_EARLY=1", "early", false), 100);
}
END_TEST

/* ---- The environment ---- */

START_TEST(test_initial_heap)
{
	long by_default = started("", "heap", false);

	ck_assert_int_lt(by_default, (long)(16 * MIB));
	ck_assert_int_ge(started("GC_INITIAL_HEAP_SIZE=40M", "heap", false), (long)(40 * MIB));
	ck_assert_int_ge(started("GC_INITIAL_HEAP_SIZE=30000k", "heap", false), 30000L * 1024);
	ck_assert_int_ge(started("GC_INITIAL_HEAP_SIZE=20000000", "heap", false), 19900000L);
}
END_TEST

START_TEST(test_maximum_heap)
{
	long length = started("GC_MAXIMUM_HEAP_SIZE=32M", "fill", false);

	ck_assert_int_ge(length, 20000);
	ck_assert_int_le(length, 34000);
	ck_assert_int_gt(started("GC_MAXIMUM_HEAP_SIZE=64M", "fill", false), length + 10000);
}
END_TEST

START_TEST(test_dont_gc)
{
	long number = started("", "disabled", false);

	ck_assert_int_gt(number, 0);
	ck_assert_int_lt(number, 1000);
	ck_assert_int_eq(started("GC_DONT_GC=1", "disabled", false), 1000);
}
END_TEST

START_TEST(test_divisor)
{
	ck_assert_int_eq(started("", "divisor", false), 3);
	ck_assert_int_eq(started("GC_FREE_SPACE_DIVISOR=7", "divisor", false), 7);
}
END_TEST

START_TEST(test_markers)
{
	ck_assert_int_eq(started("GC_MARKERS=1", "parallel", false), 0);
	ck_assert_int_eq(started("GC_MARKERS=3", "parallel", false), 2);
}
END_TEST

START_TEST(test_print_stats)
{
	ck_assert_int_eq(started("", "collect", true), 0);
	ck_assert_int_ge(started("GC_PRINT_STATS=1", "collect", true), 1);
}
END_TEST

/* ---- What is called first ---- */

static void call_malloc(void)
{
	EXPECT(abi_all(GC_malloc(100), 0, 100));
}

static void call_atomic(void)
{
	memset(GC_malloc_atomic(100), 1, 100);
}

static void call_collect(void)
{
	GC_gcollect();
}

static void call_incremental(void)
{
	GC_enable_incremental();
	EXPECT(GC_is_init_called());
}

static void call_expand(void)
{
	EXPECT_EQ(GC_expand_hp(1 * MIB), 1);
}

static void call_roots(void)
{
	static void *root;

	GC_add_roots(&root, &root + 1);
}

static void call_init(void)
{
	GC_init();
	GC_init();
	GC_INIT();
	EXPECT(GC_is_init_called());
}

static void call_displacement(void)
{
	GC_register_displacement(1);
}

static void (*const calls[])(void) = { call_malloc, call_atomic, call_collect, call_incremental,
	                               call_expand, call_roots,  call_init,    call_displacement };

START_TEST(test_first)
{
	static void *kept[100];

	calls[_i]();
	for (size_t i = 0; i < 100; i++)
		abi_fill(kept[i] = GC_malloc(64), i, 64);
	for (int i = 0; i < 100000; i++)
		GC_malloc(100);
	abi_collect();
	for (size_t i = 0; i < 100; i++)
		EXPECT(abi_filled(kept[i], i, 64));
}
END_TEST

/* ---- The end ---- */

static void say_aborted(const char *message)
{
	_exit(message == NULL ? 10 : 11);
}

/* Without memory: the client's function is called, with no text where it is an exit. */
START_TEST(test_abort)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		GC_set_abort_func(say_aborted);
		GC_abort_on_oom();
		_exit(1);
	}
	EXPECT(waitpid(child, &status, 0) == child);
	ck_assert(WIFEXITED(status));
	ck_assert(WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 11);
}
END_TEST

/* Whatever it does about it: an incremental collector collects too. */
START_TEST(test_incremental)
{
	GC_enable_incremental();
	GC_start_incremental_collection();
	EXPECT((GC_incremental_protection_needs() & ~15) == 0);
	abi_work(0, 50, false);
	while (GC_collect_a_little() != 0)
		;
	abi_work(0, 5, true);
}
END_TEST

START_TEST(test_end)
{
	GC_malloc(100);
	GC_deinit();
	GC_deinit();
}
END_TEST

/* ---- Checks of pointers ---- */

static unsigned complaints;

static void complain(void *p)
{
	EXPECT(p != NULL);
	complaints++;
}

static void complain_of_two(void *p, void *q)
{
	EXPECT(p != q);
	complaints++;
}

START_TEST(test_same_object)
{
	char *a = GC_malloc(100), *b = GC_malloc(100), *p = a, on_stack[2];

	GC_same_obj_print_proc = complain_of_two;
	ck_assert_ptr_eq(GC_same_obj(a + 99, a), a + 99);
	ck_assert_ptr_eq(GC_same_obj(a, a + 50), a);
	ck_assert_ptr_eq(GC_same_obj(on_stack, on_stack + 1), on_stack);
	ck_assert_ptr_eq(GC_pre_incr((void **)&p, 10), a + 10);
	ck_assert_ptr_eq(p, a + 10);
	ck_assert_ptr_eq(GC_post_incr((void **)&p, -4), a + 10);
	ck_assert_ptr_eq(p, a + 6);
	ck_assert_uint_eq(complaints, 0);
	GC_same_obj(a, b);
	ck_assert_uint_eq(complaints, 1);
}
END_TEST

START_TEST(test_displacement)
{
	char *a = GC_malloc(100);

	GC_is_valid_displacement_print_proc = complain;
	ck_assert_ptr_eq(GC_is_valid_displacement(a), a);
	ck_assert_ptr_eq(GC_is_valid_displacement(a + 50), a + 50);
	ck_assert_ptr_eq(GC_is_valid_displacement(&complaints), &complaints);
	ck_assert_uint_eq(complaints, 0);
}
END_TEST

START_TEST(test_visible)
{
	static void *in_data;
	void *on_stack, **in_heap = GC_malloc(100);

	GC_is_visible_print_proc = complain;
	ck_assert_ptr_eq(GC_is_visible(&in_data), &in_data);
	ck_assert_ptr_eq(GC_is_visible(&on_stack), &on_stack);
	ck_assert_ptr_eq(GC_is_visible(&in_heap[1]), &in_heap[1]);
	ck_assert_uint_eq(complaints, 0);
}
END_TEST

/* They write for people; that they end is all that is seen here. */
START_TEST(test_dumps)
{
	FILE *file = tmpfile();
	void *object = GC_malloc(100);
	GC_word bit = 1;

	EXPECT(file != NULL);
	GC_set_log_fd(fileno(file));
	EXPECT(freopen("/dev/null", "w", stdout) != NULL);
	GC_malloc_explicitly_typed(16, GC_make_descriptor(&bit, 1));
	GC_dump();
	GC_dump_named("a name");
	GC_dump_named(NULL);
	GC_dump_regions();
	GC_dump_finalization();
	GC_end_stubborn_change(object);
	GC_change_stubborn(object);
	ck_assert_ptr_eq(GC_clear_stack(object), object);
	ck_assert_ptr_null(GC_clear_stack(NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: its start");
	TCase *bare = tcase_create("start"), *begun = tcase_create("checks");

	tcase_add_test(bare, test_before_main);
	tcase_add_test(bare, test_initial_heap);
	tcase_add_test(bare, test_maximum_heap);
	tcase_add_test(bare, test_dont_gc);
	tcase_add_test(bare, test_divisor);
	tcase_add_test(bare, test_markers);
	tcase_add_test(bare, test_print_stats);
	tcase_add_loop_test(bare, test_first, 0, sizeof calls / sizeof *calls);
	suite_add_tcase(suite, bare);
	tcase_add_checked_fixture(begun, abi_begin, NULL);
	tcase_add_test(begun, test_abort);
	tcase_add_test(begun, test_incremental);
	tcase_add_test(begun, test_end);
	tcase_add_test(begun, test_same_object);
	tcase_add_test(begun, test_displacement);
	tcase_add_test(begun, test_visible);
	tcase_add_test(begun, test_dumps);
	suite_add_tcase(suite, begun);
	return suite;
}

int main(int argc, char **argv)
{
	return argc > 1 ? probe(argv[1]) : abi_main(suite);
}
