/* SPDX-License-Identifier: MIT */
/*
 * abi_root.c: libgc's roots: ranges that are added, removed and left out, and the data of
 * libraries that come and go. (What a client pushes: abi_push.c.)
 *
 * Environment: ABI_PLUGIN, the library that is made of plugin.c.
 */
#define _GNU_SOURCE
#include "test/libgc/foreign.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Ranges ---- */

START_TEST(test_added)
{
	fill(foreign);
	abi_collect();
	EXPECT_MOST_DEAD();
	GC_add_roots(foreign, foreign + ABI_MANY);
	fill(foreign);
	abi_collect();
	abi_collect();
	EXPECT_ALL_LIVE();
	GC_remove_roots(foreign, foreign + ABI_MANY);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

/* Twice, overlapping, of no length, not aligned. */
START_TEST(test_added_oddly)
{
	char *bytes = (char *)foreign;

	GC_add_roots(foreign, foreign + 600);
	GC_add_roots(foreign, foreign + 600);
	GC_add_roots(foreign + 300, foreign + 800);
	GC_add_roots(foreign + 900, foreign + 900);
	GC_add_roots(bytes + 795 * sizeof *foreign + 3, bytes + ABI_MANY * sizeof *foreign);
	fill(foreign);
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

/* Only what lies in the region as a whole goes. */
START_TEST(test_removed_in_part)
{
	GC_add_roots(foreign, foreign + 500);
	GC_add_roots(foreign + 600, foreign + 700);
	GC_remove_roots(foreign + 300, foreign + 800);
	fill(foreign);
	abi_collect();
	EXPECT_EQ(abi_dead(0, 500), 0);
	ck_assert_uint_ge(abi_dead(600, 700), 85);
	GC_remove_roots(foreign, foreign + 500);
	abi_collect();
	ck_assert_uint_ge(abi_dead(0, 500), 450);
}
END_TEST

START_TEST(test_many_ranges)
{
	for (size_t i = 0; i < ABI_MANY; i += 2)
		GC_add_roots(foreign + i, foreign + i + 1);
	fill(foreign);
	abi_collect();
	for (size_t i = 0; i < ABI_MANY; i += 2)
		EXPECT(abi_lives(i));
	ck_assert_uint_ge(abi_dead(0, ABI_MANY), ABI_MANY / 2 * 8 / 10);
	for (size_t i = 0; i < ABI_MANY; i += 4)
		GC_remove_roots(foreign + i, foreign + i + 1);
	abi_collect();
	for (size_t i = 2; i < ABI_MANY; i += 4)
		EXPECT(abi_lives(i));
	ck_assert_uint_ge(abi_dead(0, ABI_MANY), ABI_MANY * 3 / 4 * 9 / 10);
}
END_TEST

START_TEST(test_excluded)
{
	GC_exclude_static_roots(statics, statics + ABI_MANY);
	fill(statics);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

START_TEST(test_excluded_in_part)
{
	GC_exclude_static_roots(statics + 100, statics + 400);
	GC_exclude_static_roots(statics + 400, statics + 800);
	fill(statics);
	abi_collect();
	EXPECT_EQ(abi_dead(0, 100), 0);
	EXPECT_EQ(abi_dead(800, ABI_MANY), 0);
	ck_assert_uint_ge(abi_dead(100, 800), 630);
}
END_TEST

/* With no data of libraries either, not even the program's own are roots. */
START_TEST(test_cleared)
{
	GC_set_no_dls(1);
	ck_assert_int_eq(GC_get_no_dls(), 1);
	GC_clear_roots();
	fill(statics);
	abi_collect();
	EXPECT_MOST_DEAD();
	GC_add_roots(statics, statics + ABI_MANY);
	fill(statics);
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

/* Those that were added go with the others. */
START_TEST(test_added_cleared)
{
	GC_add_roots(foreign, foreign + ABI_MANY);
	fill(foreign);
	abi_collect();
	EXPECT_ALL_LIVE();
	GC_clear_roots();
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

/* ---- Libraries ---- */

static void *library;

static const char *plugin_path(void)
{
	const char *path = getenv("ABI_PLUGIN");

	ck_assert_msg(path != NULL, "ABI_PLUGIN is not set");
	return path;
}

static void **open_library(void *(*open)(const char *, int), const char *path)
{
	void **(*get)(void);

	library = open(path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(library != NULL, "%s", dlerror());
	*(void **)&get = dlsym(library, "plugin_slots");
	return get();
}

static void **open_plugin(void *(*open)(const char *, int))
{
	return open_library(open, plugin_path());
}

static void *(*const openers[])(const char *, int) = { dlopen, GC_dlopen };

/* Its data are roots as long as it is there; also when it comes again. */
START_TEST(test_plugin)
{
	for (int round = 0; round < 3; round++) {
		void **data = open_plugin(openers[_i]);

		fill(data);
		abi_collect();
		EXPECT_ALL_LIVE();
		memset(data, 0, ABI_MANY * sizeof *data);
		abi_collect();
		EXPECT_MOST_DEAD();
		fill(data);
		abi_collect();
		EXPECT_ALL_LIVE();
		ck_assert_int_eq(dlclose(library), 0);
		abi_collect();
		EXPECT_MOST_DEAD();
	}
}
END_TEST

/* More libraries than most programs have. */
START_TEST(test_many_plugins)
{
	enum { LIBRARIES = 100 };
	void **data[LIBRARIES];

	for (size_t i = 0; i < LIBRARIES; i++) {
		char name[2048], command[6144];

		snprintf(name, sizeof name, "%s-%zu", plugin_path(), i);
		snprintf(command, sizeof command, "cp '%s' '%s'", plugin_path(), name);
		EXPECT_EQ(system(command), 0);
		data[i] = open_library(dlopen, name);
	}
	for (size_t i = 0; i < LIBRARIES; i += LIBRARIES - 1) {
		fill(data[i]);
		abi_collect();
		EXPECT_ALL_LIVE();
		memset(data[i], 0, ABI_MANY * sizeof *data[i]);
		abi_collect();
		EXPECT_MOST_DEAD();
	}
}
END_TEST

/* One that is loaded when a collection has begun and threads run yet; what it is given then
 * stays. With stock, that has to wait until the collection is over. */
static volatile int arrival;

static void on_start(void)
{
	if (arrival != 0)
		return;
	arrival = 1;
	for (int i = 0; i < 200 && arrival == 1; i++)
		usleep(1000);
}

static void *loads(void *argument)
{
	while (arrival == 0)
		usleep(100);
	fill(open_plugin(dlopen));
	arrival = 2;
	return argument;
}

START_TEST(test_plugin_arrives)
{
	pthread_t thread;

	GC_set_start_callback(on_start);
	EXPECT_EQ(GC_pthread_create(&thread, NULL, loads, NULL), 0);
	abi_collect();
	EXPECT_EQ(GC_pthread_join(thread, NULL), 0);
	GC_set_start_callback(NULL);
	EXPECT_ALL_LIVE();
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

/* Without the data of libraries; the variable is read in each collection. */
START_TEST(test_plugin_and_no_dls)
{
	void **data = open_plugin(dlopen);

	if (_i == 0)
		GC_set_no_dls(1);
	else
		GC_no_dls = 1;
	ck_assert_int_eq(GC_get_no_dls(), 1);
	fill(data);
	abi_collect();
	EXPECT_MOST_DEAD();
	GC_set_no_dls(0);
	fill(data);
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

/* It may be said before the collector is initialised. */
START_TEST(test_no_dls_early)
{
	void **data;

	GC_set_no_dls(1);
	begin();
	data = open_plugin(dlopen);
	fill(data);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

static unsigned filtered, filtered_plugin;
static bool filter_answer;

static int filter(const char *name, void *start, size_t bytes)
{
	Dl_info info;

	filtered++;
	EXPECT(name != NULL && bytes > 0);
	EXPECT(dladdr(start, &info) == 0 || info.dli_fname != NULL);
	if (strstr(name, "plugin") == NULL)
		return 1;
	filtered_plugin++;
	return filter_answer;
}

START_TEST(test_plugin_filtered)
{
	void **data = open_plugin(dlopen);

	GC_register_has_static_roots_callback(filter);
	fill(data);
	abi_collect();
	EXPECT_MOST_DEAD();
	ck_assert_uint_ge(filtered_plugin, 1);
	filter_answer = true;
	fill(data);
	abi_collect();
	EXPECT_ALL_LIVE();
	fill(statics);
	abi_collect();
	EXPECT_ALL_LIVE();
	filter_answer = false;
	GC_register_has_static_roots_callback(NULL);
	filtered = 0;
	fill(data);
	abi_collect();
	EXPECT_ALL_LIVE();
	ck_assert_uint_eq(filtered, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: roots");
	TCase *ranges = tcase_create("ranges"), *libraries = tcase_create("libraries");
	TCase *early = tcase_create("early");

	tcase_add_checked_fixture(ranges, begin, NULL);
	tcase_add_test(ranges, test_added);
	tcase_add_test(ranges, test_added_oddly);
	tcase_add_test(ranges, test_removed_in_part);
	tcase_add_test(ranges, test_many_ranges);
	tcase_add_test(ranges, test_excluded);
	tcase_add_test(ranges, test_excluded_in_part);
	tcase_add_test(ranges, test_cleared);
	tcase_add_test(ranges, test_added_cleared);
	suite_add_tcase(suite, ranges);
	tcase_add_checked_fixture(libraries, begin, NULL);
	tcase_add_loop_test(libraries, test_plugin, 0, 2);
	tcase_add_test(libraries, test_many_plugins);
	tcase_add_test(libraries, test_plugin_arrives);
	tcase_add_loop_test(libraries, test_plugin_and_no_dls, 0, 2);
	tcase_add_test(libraries, test_plugin_filtered);
	suite_add_tcase(suite, libraries);
	tcase_add_test(early, test_no_dls_early);
	suite_add_tcase(suite, early);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
