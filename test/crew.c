/* SPDX-License-Identifier: MIT */
/*
 * crew.c: what the tests with threads share (crew.h).
 */
#include "test/crew.h"

#include <smal/base/atomic.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct member crew[CREW];

static unsigned crew_count;
static volatile uint32_t arrived, unasked;
/* The last report of all. */
static char last_report[256];
static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread unsigned told_here;
static __thread enum smal_error error_here;

static void count_report(const struct smal_report *report, void *user)
{
	(void)user;
	told_here++;
	error_here = report->error;
	smal_atomic_add_u32(&unasked, 1);
	pthread_mutex_lock(&report_lock);
	snprintf(last_report, sizeof last_report, "%s: %s: %p: %s", report->function, report->what,
	         report->pointer, report->detail);
	pthread_mutex_unlock(&report_lock);
	/* Nobody asks for these. */
	if (report->error == SMAL_ERROR_CORRUPT)
		fprintf(stderr, "%s: %s: %s\n", report->function, report->what, report->detail);
}

void crew_begin(void)
{
	alarm(test_long() ? 1200 : 120);
	smal_atomic_store_u32(&unasked, 0);
	told_here = 0;
	smal_error_set_sink(count_report, NULL);
}

void crew_end(void)
{
	if (smal_atomic_load_u32(&unasked) != 0)
		ck_abort_msg("%u reports that nobody asked for, the last: %s",
		             smal_atomic_load_u32(&unasked), last_report);
	alarm(0);
}

void crew_told(enum smal_error error)
{
	if (told_here != 1 || error_here != error)
		ck_abort_msg("%u reports, the last of \"%s\"; not one of \"%s\"", told_here,
		             smal_error_text(error_here), smal_error_text(error));
	crew_was_told();
}

bool crew_was_told(void)
{
	unsigned count = told_here;

	told_here = 0;
	smal_atomic_add_u32(&unasked, (uint32_t)-(int)count);
	return count != 0;
}

static void *run_attached(void *argument)
{
	struct member *member = argument;

	EXPECT(smal_thread_attach(gc, &member->self) == SMAL_OK);
	member->work(member);
	EXPECT(smal_thread_detach(member->self) == SMAL_OK);
	return NULL;
}

static void *run(void *argument)
{
	struct member *member = argument;

	member->work(member);
	return NULL;
}

void crew_start(unsigned count, bool attached, void (*work)(struct member *member))
{
	EXPECT(count <= CREW);
	crew_count = count;
	smal_atomic_store_u32(&arrived, 0);
	for (unsigned i = 0; i < count; i++) {
		crew[i] = (struct member){ .index = i, .work = work };
		EXPECT(pthread_create(&crew[i].id, NULL, attached ? run_attached : run,
		                      &crew[i]) == 0);
	}
}

void crew_join(void)
{
	struct smal_thread *self = gc != NULL ? smal_thread_self(gc) : NULL;

	if (self != NULL)
		EXPECT(smal_thread_leave(self) == SMAL_OK);
	for (unsigned i = 0; i < crew_count; i++)
		EXPECT(pthread_join(crew[i].id, NULL) == 0);
	if (self != NULL)
		EXPECT(smal_thread_enter(self) == SMAL_OK);
}

void crew_wait(struct smal_thread *self, const volatile uint32_t *word, uint32_t value)
{
	while (smal_atomic_load_u32(word) < value) {
		if (self != NULL)
			smal_poll(self);
		sched_yield();
	}
}

void crew_meet(struct smal_thread *self, unsigned count)
{
	uint32_t before = smal_atomic_add_u32(&arrived, 1);

	crew_wait(self, &arrived, (before / count + 1) * count);
}

void crew_yield(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		sched_yield();
}
