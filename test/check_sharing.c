/* SPDX-License-Identifier: MIT */
/*
 * check_sharing.c: how a thread that has a collector to itself learns that it has not:
 * a second one that attaches waits until the first has been outside, however many
 * attach at the same moment. Where the system makes no barriers for others, a
 * collector is shared from the start, and all else is the same (barriers.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/barriers.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Barriers ---- */

/* One answer, asked for once; errno is left alone, and collectors ask no more. */
START_TEST(test_asked_once)
{
	uint32_t before;
	bool has;

	errno = 4711;
	has = smal_os_has_barrier();
	ck_assert_int_eq(smal_os_barrier(), has);
	ck_assert_int_eq(errno, 4711);
	if (getenv("SMAL_TEST_REFUSE") != NULL)
		ck_assert(!has);
	else if (!CREW_UNDER_TSAN)
		ck_assert_int_eq(has, barriers_by_system());
	before = barriers_asked;
	for (int i = 0; i < 5; i++) {
		sharing_begin();
		ck_assert_int_eq(smal_os_has_barrier(), has);
		sharing_end();
	}
	ck_assert_uint_eq(barriers_asked, before);
	barriers_can_be_alone();
}
END_TEST

/* A process that is not registered yet registers, once; one that may not has none. */
START_TEST(test_registers)
{
	if (!barriers_can_be_alone())
		return;
	barriers_registrations = 0;
	barriers_until_registered = 1;
	errno = 4711;
	for (int i = 0; i < 3; i++)
		ck_assert(smal_os_barrier());
	ck_assert_uint_eq(barriers_registrations, 1);
	barriers_until_registered = 1;
	barriers_refuse(EPERM);
	ck_assert(!smal_os_barrier());
	barriers_refuse(ENOSYS);
	barriers_registrations = 0;
	ck_assert(!smal_os_barrier());
	ck_assert_uint_eq(barriers_registrations, 0);
	ck_assert_int_eq(errno, 4711);
	ck_assert(smal_os_has_barrier());
	barriers_refuse(0);
	ck_assert(smal_os_barrier());
}
END_TEST

/* ---- Alone or not ---- */

static volatile uint32_t attached;

static void attach_briefly(struct member *member)
{
	EXPECT(smal_thread_attach(gc, &member->self) == SMAL_OK);
	EXPECT((roots[1] = smal_alloc(member->self, roots[0])) != NULL);
	EXPECT(smal_thread_detach(member->self) == SMAL_OK);
}

static void one_beside(void)
{
	crew_start(1, false, attach_briefly);
	crew_join();
}

START_TEST(test_alone)
{
	roots[0] = heap_pair_type();
	for (int i = 0; i < 3; i++) {
		/* One after another, of different threads, too. */
		ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
		one_beside();
		ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
		heap_alloc(roots[0]);
		ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
		ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
		heap_collect();
		ck_assert_int_eq(sharing(), sharing_at_first());
	}
	/* One that has left is still attached. */
	one_beside();
	ck_assert_int_eq(sharing(), SMAL_SHARED);
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(sharing(), SMAL_SHARED);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	heap_collect();
	ck_assert_int_eq(sharing(), SMAL_SHARED);
	roots[0] = NULL;
}
END_TEST

static void attach_late(struct member *member)
{
	late_attach(member);
	smal_atomic_add_u32(&attached, 1);
	smal_atomic_store_u32(&late_done[member->index], 1);
	EXPECT(smal_thread_detach(member->self) == SMAL_OK);
}

/* None of several is attached while the first may not know of them. */
START_TEST(test_all_outlast)
{
	if (!barriers_can_be_alone())
		return;
	barriers_refuse(_i == 0 ? 0 : ENOSYS);
	late_begin();
	attached = 0;
	smal_gc_begin(smal_attached(thread));
	crew_start(LATE, false, attach_late);
	while (!late_are_settled(1))
		barriers_nap();
	ck_assert_uint_eq(attached, 0);
	ck_assert_int_eq(sharing(), SMAL_SHARING);
	smal_gc_end(smal_attached(thread));
	crew_join();
	ck_assert_uint_eq(attached, LATE);
	ck_assert_int_eq(sharing(), SMAL_SHARED);
	barriers_refuse(0);
}
END_TEST

START_TEST(test_refused)
{
	barriers_run_refused(_i);
}
END_TEST

static Suite *sharing_suite(void)
{
	Suite *suite = suite_create("sharing");
	TCase *barrier = tcase_create("barrier");
	TCase *alone = tcase_create("alone");

	tcase_add_test(barrier, test_asked_once);
	tcase_add_test(barrier, test_registers);
	if (getenv("SMAL_TEST_REFUSE") == NULL)
		tcase_add_loop_test(barrier, test_refused, 0, BARRIERS_WAYS);
	suite_add_tcase(suite, barrier);

	tcase_add_checked_fixture(alone, sharing_begin, sharing_end);
	tcase_add_test(alone, test_alone);
	tcase_add_loop_test(alone, test_all_outlast, 0, 2);
	suite_add_tcase(suite, alone);
	return suite;
}

int main(int argc, char **argv)
{
	(void)argc;
	return barriers_main(argv, sharing_suite);
}
