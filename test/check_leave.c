/* SPDX-License-Identifier: MIT */
/*
 * check_leave.c: a thread that has left holds no collection up, and its frames and
 * registers are roots all the same; one that polls is stopped; one that comes back
 * during a collection waits.
 *
 * Addresses are kept hidden (hidden.h) but for the one place that is to count.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"
#include "test/hidden.h"
#include "test/hold.h"

static volatile uint32_t go, ready, done;

static void begin_with(void (*heap)(void))
{
	heap();
	crew_begin();
	hidden_begin();
	go = ready = done = 0;
}

static void begin_exact(void)
{
	begin_with(heap_begin_exact);
}

static void begin_scanned(void)
{
	begin_with(heap_begin_scanned);
}

static void end(void)
{
	crew_end();
	heap_end();
}

/* Blocks, without a poll, until the test has collected. */
static int be_away(void *self)
{
	hidden_scribble();
	EXPECT(smal_thread_leave(self) == SMAL_OK);
	hidden_scribble();
	smal_atomic_add_u32(&ready, 1);
	crew_wait(NULL, &go, smal_atomic_load_u32(&ready));
	EXPECT(smal_thread_enter(self) == SMAL_OK);
	return 0;
}

static __attribute__((noinline)) void hold_on_stack(struct smal_thread *self)
{
	char *volatile local[HIDDEN];

	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i] + i;
	be_away(self);
	for (int i = 0; i < HIDDEN; i++)
		EXPECT(local[i] == (char *)~hidden[i] + i);
}

static void hold_and_leave(struct member *member)
{
	hidden_make(member->self);
	hidden_scribble();
	hold_on_stack(member->self);
	smal_atomic_add_u32(&done, hidden_live());
	hidden_make(member->self);
	be_away(member->self);
	smal_atomic_add_u32(&done, hidden_live() << 16);
}

START_TEST(test_leave)
{
	crew_start(1, true, hold_and_leave);
	for (unsigned i = 1; i <= 2; i++) {
		crew_wait(thread, &ready, i);
		for (int j = 0; j < 3; j++)
			ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		smal_atomic_store_u32(&go, i);
	}
	crew_join();
	ck_assert_uint_eq(done & 0xffff, HIDDEN);
	/* And where nothing held them, they are gone. */
	ck_assert_uint_lt(done >> 16, HIDDEN / 4);
}
END_TEST

#ifdef HOLD_REGISTERS

static void hold_in_registers(struct member *member)
{
	for (int i = 0; i < HIDDEN; i++) {
		int reg = i % HOLD_REGISTERS;
		uintptr_t word;

		hidden_make(member->self);
		hidden_scribble();
		word = hold_registers[reg].hold(hidden[i], 0, be_away, member->self);
		EXPECT(word == ~hidden[i]);
		if (!hidden_is_live(~word))
			ck_abort_msg("only %s held it", hold_registers[reg].name);
		smal_atomic_add_u32(&done, hidden_live());
	}
}

START_TEST(test_leave_registers)
{
	crew_start(1, true, hold_in_registers);
	for (unsigned i = 1; i <= HIDDEN; i++) {
		crew_wait(thread, &ready, i);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		smal_atomic_store_u32(&go, i);
	}
	crew_join();
	/* It was not that nothing dies. */
	ck_assert_uint_lt(done, HIDDEN * HIDDEN / 4);
}
END_TEST

#endif

static void misuse_leave(struct member *member)
{
	struct smal_thread *self = member->self;

	EXPECT(smal_thread_enter(self) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_thread_leave(self) == SMAL_OK);
	EXPECT(smal_thread_leave(self) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_collect(self) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_alloc_slow(self, hidden_type) == NULL &&
	       smal_thread_error(self) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_free(self, (void *)~hidden[0]) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_thread_detach(self) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_thread_enter(self) == SMAL_OK);
	EXPECT(smal_thread_enter(thread) == SMAL_ERROR_NOT_ATTACHED);
	crew_told(SMAL_ERROR_NOT_ATTACHED);
	EXPECT(smal_thread_leave(thread) == SMAL_ERROR_NOT_ATTACHED);
	crew_told(SMAL_ERROR_NOT_ATTACHED);
	EXPECT(smal_thread_enter(NULL) == SMAL_ERROR_NOT_ATTACHED);
	crew_told(SMAL_ERROR_NOT_ATTACHED);
	EXPECT(hidden_live() == HIDDEN);
}

START_TEST(test_leave_misuse)
{
	hidden_make(thread);
	crew_start(1, true, misuse_leave);
	crew_join();
}
END_TEST

/* ---- Stopping and coming back ---- */

static volatile uint32_t counter, entered;

/* While threads are stopped, what they count stands still. */
static void watch_counter(struct smal_marker *marker, void *user)
{
	uint32_t before = smal_atomic_load_u32(&counter);

	(void)marker;
	crew_yield(200);
	smal_atomic_add_u32(user, before != smal_atomic_load_u32(&counter));
}

static void count_and_poll(struct member *member)
{
	while (smal_atomic_load_u32(&go) == 0) {
		smal_atomic_add_u32(&counter, 1);
		smal_poll(member->self);
	}
}

START_TEST(test_poll)
{
	static volatile uint32_t moved;

	moved = 0;
	ck_assert_int_eq(smal_root_add_function(gc, watch_counter, (void *)&moved, NULL), SMAL_OK);
	crew_start(3, true, count_and_poll);
	for (int i = 0; i < 100; i++) {
		crew_wait(thread, &counter, smal_atomic_load_u32(&counter) + 10);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	}
	smal_atomic_store_u32(&go, 1);
	crew_join();
	ck_assert_uint_eq(moved, 0);
}
END_TEST

/* During the collection a thread begins to enter; it is not let in before the end. */
static void look_who_enters(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	if (smal_atomic_load_u32(&go) != 0)
		return;
	smal_atomic_store_u32(&go, 1);
	crew_wait(NULL, &ready, 2);
	crew_yield(1000);
	EXPECT(smal_atomic_load_u32(&entered) == 0);
	smal_atomic_store_u32(&done, 1);
}

static void enter_late(struct member *member)
{
	EXPECT(smal_thread_leave(member->self) == SMAL_OK);
	smal_atomic_store_u32(&ready, 1);
	crew_wait(NULL, &go, 1);
	smal_atomic_store_u32(&ready, 2);
	EXPECT(smal_thread_enter(member->self) == SMAL_OK);
	smal_atomic_store_u32(&entered, 1);
	EXPECT(smal_atomic_load_u32(&done) == 1);
}

START_TEST(test_enter_waits)
{
	entered = 0;
	ck_assert_int_eq(smal_root_add_function(gc, look_who_enters, NULL, NULL), SMAL_OK);
	crew_start(1, true, enter_late);
	crew_wait(thread, &ready, 1);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	crew_join();
	ck_assert_uint_eq(entered, 1);
}
END_TEST

static Suite *leave_suite(void)
{
	Suite *suite = suite_create("leave");
	TCase *leave = tcase_create("leave");
	TCase *stop = tcase_create("stop");

	tcase_add_checked_fixture(leave, begin_scanned, end);
	tcase_add_test(leave, test_leave);
#ifdef HOLD_REGISTERS
	tcase_add_test(leave, test_leave_registers);
#endif
	tcase_add_test(leave, test_leave_misuse);
	suite_add_tcase(suite, leave);

	tcase_add_checked_fixture(stop, begin_exact, end);
	tcase_add_test(stop, test_poll);
	tcase_add_test(stop, test_enter_waits);
	suite_add_tcase(suite, stop);
	return suite;
}

int main(void)
{
	return test_main(leave_suite);
}
