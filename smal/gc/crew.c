/* SPDX-License-Identifier: MIT */
/*
 * crew.c: threads that help who collects (crew.h).
 *
 *   asleep --- call ---> at work ---> asleep      `turn` counts calls, and wakes
 *
 * All is under the lock but the sleep. A thread takes part in a call once, and only
 * while the call is open; who dismisses the crew closes it and waits for those who
 * are at work. So what the caller lends them may lie on its stack.
 */
#include <smal/gc/crew.h>
#include <smal/gc/world.h>
#include <smal/base/atomic.h>
#include <smal/os/os.h>

enum { MOST_THREADS = 255 };

static struct {
	struct smal_os_lock lock;
	pthread_t threads[MOST_THREADS];
	unsigned thread_count;
	/* Somebody has the crew; threads are being started or ended. */
	bool hired, changing;
	void (*work)(void *argument, unsigned number);
	void *argument;
	/* Of this call: how many may come, have come, are at work. */
	unsigned wanted, came;
	volatile uint32_t working;
	volatile uint32_t turn;
	bool ending;
} crew = { .lock = SMAL_OS_LOCK_INIT };

static __thread bool is_here __attribute__((tls_model("initial-exec")));

bool smal_crew_is_here(void)
{
	return is_here;
}

/* Takes part in the call, if it is still open. */
static void take_part(void)
{
	/* Who dismisses the crew changes them, and waits then. */
	void (*work)(void *argument, unsigned number) = crew.work;
	void *argument = crew.argument;
	unsigned number;

	if (work == NULL || crew.came == crew.wanted)
		return;
	number = ++crew.came;
	smal_atomic_store_u32(&crew.working, crew.working + 1);
	smal_os_lock_give(&crew.lock);
	work(argument, number);
	smal_os_lock_take(&crew.lock);
	smal_atomic_store_u32(&crew.working, crew.working - 1);
	if (crew.working == 0)
		smal_os_wake(&crew.working);
}

static void *thread_main(void *unused)
{
	uint32_t seen;

	(void)unused;
	is_here = true;
	smal_os_lock_take(&crew.lock);
	while (!crew.ending) {
		seen = smal_atomic_load_u32(&crew.turn);
		take_part();
		while (!crew.ending && smal_atomic_load_u32(&crew.turn) == seen) {
			smal_os_lock_give(&crew.lock);
			smal_os_wait(&crew.turn, seen, 0);
			smal_os_lock_take(&crew.lock);
		}
	}
	smal_os_lock_give(&crew.lock);
	return NULL;
}

static void next_turn(void)
{
	smal_atomic_store_u32(&crew.turn, crew.turn + 1);
	smal_os_wake(&crew.turn);
}

/* The lock for a thread that may be stopped: who stopped it while it had the lock
 * would wait for ever. */
static void lock_inside(void)
{
	smal_begin_all();
	smal_os_lock_take(&crew.lock);
}

static void unlock_inside(void)
{
	smal_os_lock_give(&crew.lock);
	smal_end_all();
}

unsigned smal_crew_prepare(unsigned helpers)
{
	unsigned count;
	bool start;

	helpers = (unsigned)smal_min(helpers, MOST_THREADS);
	lock_inside();
	count = crew.thread_count;
	start = count < helpers && !crew.changing && !crew.ending;
	crew.changing |= start;
	unlock_inside();
	if (!start)
		return (unsigned)smal_min(count, helpers);
	/* A new thread takes the lock, and a fork may come: it is not held. */
	while (count < helpers && smal_os_thread_start(&crew.threads[count], thread_main))
		count++;
	lock_inside();
	crew.thread_count = count;
	crew.changing = false;
	unlock_inside();
	return count;
}

bool smal_crew_call(unsigned helpers, void (*work)(void *argument, unsigned number), void *argument)
{
	bool called;

	smal_os_lock_take(&crew.lock);
	called = !crew.hired && !crew.changing && crew.thread_count != 0;
	if (called) {
		crew.hired = true;
		crew.work = work;
		crew.argument = argument;
		crew.wanted = helpers;
		crew.came = 0;
		next_turn();
	}
	smal_os_lock_give(&crew.lock);
	return called;
}

void smal_crew_dismiss(void)
{
	smal_os_lock_take(&crew.lock);
	crew.work = NULL;
	while (crew.working != 0) {
		uint32_t working = crew.working;

		smal_os_lock_give(&crew.lock);
		smal_os_wait(&crew.working, working, 0);
		smal_os_lock_take(&crew.lock);
	}
	crew.hired = false;
	smal_os_lock_give(&crew.lock);
}

void smal_crew_end(void)
{
	unsigned count = 0;

	smal_os_lock_take(&crew.lock);
	if (!crew.hired && !crew.changing) {
		count = crew.thread_count;
		crew.changing = crew.ending = count != 0;
		next_turn();
	}
	smal_os_lock_give(&crew.lock);
	for (unsigned i = 0; i < count; i++)
		smal_os_thread_join(crew.threads[i]);
	if (count == 0)
		return;
	smal_os_lock_take(&crew.lock);
	crew.thread_count = 0;
	crew.changing = crew.ending = false;
	smal_os_lock_give(&crew.lock);
}

void smal_crew_forked(void)
{
	smal_os_lock_init(&crew.lock);
	crew.thread_count = 0;
	crew.hired = crew.changing = crew.ending = false;
	crew.work = NULL;
	crew.working = 0;
}
