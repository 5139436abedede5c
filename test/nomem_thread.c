/* SPDX-License-Identifier: MIT */
/*
 * nomem_thread.c: where memory fails, threads attach or are told that they can't,
 * fibers are registered or not, a fork gives two whole processes; and what the
 * others hold is whole, whoever was refused.
 *
 * Every request for memory is refused, one after another and all from one on
 * (test/nomem.h); afterwards everything works again. Threads come to a barrier
 * before and after the refusals, so that every one of them sees both.
 */
#include "test/nomem.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

struct list {
	struct list *next;
	uintptr_t id;
};

static struct smal_type *list_type, *text_type;

static enum smal_error make_list_type(void)
{
	static const uintptr_t first = 1;
	struct smal_type_desc desc = { .name = "list",
		                       .bytes = sizeof(struct list),
		                       .marking = SMAL_MARK_LAYOUT,
		                       .layout = { .bits = &first, .words = 1 } };

	return smal_type_create(gc, &desc, &list_type);
}

static enum smal_error make_text_type(void)
{
	struct smal_type_desc desc = { .name = "text" };

	return smal_type_create(gc, &desc, &text_type);
}

static enum smal_error add_root(void)
{
	return smal_root_add(gc, &roots[0], "list");
}

static void begin(void)
{
	nomem_step(nomem_create);
	nomem_step(nomem_attach);
	nomem_step(make_list_type);
	nomem_step(make_text_type);
	nomem_step(add_root);
}

static void end(void)
{
	DEMAND(smal_check(thread) == SMAL_OK);
	DEMAND(smal_thread_detach(thread) == SMAL_OK);
	DEMAND(smal_gc_destroy(gc) == SMAL_OK);
}

/* ---- A list, in a slot that is a root ---- */

/* Adds as many as there is memory for; returns their number. */
static uintptr_t grow_list(struct smal_thread *self, void **slot, uintptr_t length, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct list *item = smal_alloc(self, list_type);

		if (nomem_failed_object(self, item))
			return length;
		DEMAND(item->next == NULL && item->id == 0);
		item->next = *slot;
		item->id = length++;
		*slot = item;
		nomem_failed_object(
			self, smal_alloc_bytes(self, text_type, i % 100 == 99 ? 200000 : 3000));
	}
	return length;
}

static void expect_list(const struct list *item, uintptr_t length)
{
	for (; item != NULL; item = item->next)
		DEMAND(item->id == --length);
	DEMAND(length == 0);
}

/* ---- Threads ---- */

enum { WORKERS = 4 };

static pthread_barrier_t barrier;

/* Waits with the others, in nobody's way. */
static void meet(struct smal_thread *self)
{
	if (self != NULL)
		DEMAND(smal_thread_leave(self) == SMAL_OK);
	pthread_barrier_wait(&barrier);
	if (self != NULL)
		DEMAND(smal_thread_enter(self) == SMAL_OK);
}

static struct smal_thread *try_attach(void)
{
	struct smal_thread *self = NULL;

	for (int i = 0; i < 2; i++)
		if (!nomem_failed(smal_thread_attach(gc, &self)))
			return self;
	DEMAND(smal_thread_self(gc) == NULL);
	return NULL;
}

static void *work(void *argument)
{
	void *slot[1] = { NULL };
	struct smal_thread *self;
	struct smal_frame frame;
	uintptr_t length = 0;

	meet(NULL);
	self = try_attach();
	if (self != NULL) {
		smal_frame_push(self, &frame, slot, 1);
		length = grow_list(self, slot, 0, 150);
		DEMAND(smal_collect(self) == SMAL_OK);
		expect_list(slot[0], length);
	}
	meet(self);
	/* Memory is there again. */
	meet(self);
	if (self == NULL) {
		DEMAND(smal_thread_attach(gc, &self) == SMAL_OK);
		smal_frame_push(self, &frame, slot, 1);
	}
	expect_list(slot[0], length);
	DEMAND(grow_list(self, slot, length, 150) == length + 150);
	DEMAND(smal_collect(self) == SMAL_OK);
	expect_list(slot[0], length + 150);
	smal_frame_pop(self, &frame);
	/* Every other one is detached as it ends. */
	if ((uintptr_t)argument % 2 == 0)
		DEMAND(smal_thread_detach(self) == SMAL_OK);
	return NULL;
}

static void scenario_threads(void)
{
	pthread_t workers[WORKERS];
	uintptr_t length;
	unsigned before;

	begin();
	DEMAND(pthread_barrier_init(&barrier, NULL, WORKERS + 1) == 0);
	for (uintptr_t i = 0; i < WORKERS; i++)
		DEMAND(pthread_create(&workers[i], NULL, work, (void *)i) == 0);
	nomem_begin();
	meet(thread);
	length = grow_list(thread, &roots[0], 0, 100);
	DEMAND(smal_collect(thread) == SMAL_OK);
	smal_trim(thread);
	DEMAND(smal_check(thread) == SMAL_OK);
	expect_list(roots[0], length);
	meet(thread);
	nomem_end();
	before = nomem_failures();
	meet(thread);
	DEMAND(grow_list(thread, &roots[0], length, 100) == length + 100);
	DEMAND(smal_collect(thread) == SMAL_OK);
	DEMAND(smal_thread_leave(thread) == SMAL_OK);
	for (int i = 0; i < WORKERS; i++)
		DEMAND(pthread_join(workers[i], NULL) == 0);
	DEMAND(smal_thread_enter(thread) == SMAL_OK);
	expect_list(roots[0], length + 100);
	DEMAND(nomem_failures() == before);
	end();
}

/* ---- Fibers ---- */

enum { FIBERS = 300 };

/* With exact stacks nothing need be switched: a fiber's frames are its roots. */
static struct {
	struct smal_fiber *fiber;
	struct smal_frame frame;
	void *slot[1];
	uintptr_t length;
} fibers[FIBERS];
static char stacks[FIBERS][64];

static void make_fiber(int i)
{
	if (nomem_failed(smal_fiber_create(gc, stacks[i], sizeof stacks[i], &fibers[i].fiber)))
		return;
	DEMAND(smal_fiber_switch(thread, fibers[i].fiber) == SMAL_OK);
	smal_frame_push(thread, &fibers[i].frame, fibers[i].slot, 1);
	fibers[i].length = grow_list(thread, fibers[i].slot, 0, 5);
	DEMAND(smal_fiber_switch(thread, NULL) == SMAL_OK);
}

static void expect_fibers(void)
{
	DEMAND(smal_collect(thread) == SMAL_OK);
	DEMAND(smal_check(thread) == SMAL_OK);
	for (int i = 0; i < FIBERS; i++)
		if (fibers[i].fiber != NULL)
			expect_list(fibers[i].slot[0], fibers[i].length);
}

static void scenario_fibers(void)
{
	begin();
	nomem_begin();
	for (int i = 0; i < FIBERS && nomem_failures() < 100; i++)
		make_fiber(i);
	expect_fibers();
	for (int i = 0; i < FIBERS; i += 3) {
		DEMAND(smal_fiber_destroy(fibers[i].fiber) == SMAL_OK);
		fibers[i].fiber = NULL;
		fibers[i].slot[0] = NULL;
	}
	smal_trim(thread);
	expect_fibers();
	nomem_end();
	for (int i = 0; i < FIBERS; i++)
		if (fibers[i].fiber == NULL) {
			make_fiber(i);
			DEMAND(fibers[i].fiber != NULL && fibers[i].length == 5);
		}
	expect_fibers();
	end();
}

/* ---- Fork ---- */

/* In the child of a fork: the list is there, and memory again. */
static void expect_child(uintptr_t length)
{
	struct smal_gc *mine = gc;
	struct smal_thread *old = thread;

	expect_list(roots[0], length);
	DEMAND(smal_check(thread) == SMAL_OK);
	nomem_end();
	DEMAND(grow_list(thread, &roots[0], length, 200) == length + 200);
	DEMAND(smal_collect(thread) == SMAL_OK);
	expect_list(roots[0], length + 200);
	nomem_step(nomem_create);
	nomem_step(nomem_attach);
	end();
	gc = mine;
	thread = old;
	end();
	DEMAND(told.count == 0);
}

static void expect_fork(uintptr_t length)
{
	int status = -1;
	pid_t child = fork();

	DEMAND(child >= 0);
	if (child == 0) {
		alarm(60);
		expect_child(length);
		_exit(0);
	}
	DEMAND(waitpid(child, &status, 0) == child && status == 0);
}

/* Forks while another thread has claimed memory, which is the child's then. */
static void *wait_attached(void *argument)
{
	struct smal_thread *self = try_attach();
	void *slot[1] = { NULL };
	struct smal_frame frame;
	uintptr_t length = 0;

	if (self != NULL) {
		smal_frame_push(self, &frame, slot, 1);
		length = grow_list(self, slot, 0, 50);
	}
	meet(self);
	meet(self);
	if (self != NULL) {
		expect_list(slot[0], length);
		smal_frame_pop(self, &frame);
		DEMAND(smal_thread_detach(self) == SMAL_OK);
	}
	return argument;
}

static void scenario_fork(void)
{
	pthread_t other;
	uintptr_t length;

	begin();
	DEMAND(pthread_barrier_init(&barrier, NULL, 2) == 0);
	length = grow_list(thread, &roots[0], 0, 100);
	nomem_begin();
	DEMAND(pthread_create(&other, NULL, wait_attached, NULL) == 0);
	meet(thread);
	length = grow_list(thread, &roots[0], length, 100);
	expect_fork(length);
	length = grow_list(thread, &roots[0], length, 100);
	meet(thread);
	DEMAND(smal_thread_leave(thread) == SMAL_OK);
	DEMAND(pthread_join(other, NULL) == 0);
	DEMAND(smal_thread_enter(thread) == SMAL_OK);
	DEMAND(smal_collect(thread) == SMAL_OK);
	expect_list(roots[0], length);
	nomem_end();
	expect_fork(length);
	end();
}

/* The first collector of the process, its threads and all, under refusals. */
static void scenario_first(void)
{
	nomem_begin();
	begin();
	expect_list(roots[0], 0);
	nomem_end();
	DEMAND(grow_list(thread, &roots[0], 0, 100) == 100);
	DEMAND(smal_thread_detach(thread) == SMAL_OK);
	nomem_step(nomem_attach);
	expect_list(roots[0], 100);
	end();
}

static const struct nomem_scenario scenarios[] = {
	{ "first", scenario_first, "", NOMEM_SEEN },
	{ "threads", scenario_threads, "decay=0", NOMEM_SEEN },
	{ "fibers", scenario_fibers, "decay=0", NOMEM_SEEN },
	{ "fork", scenario_fork, "decay=0", NOMEM_SEEN },
};

int main(void)
{
	return nomem_main("nomem thread", scenarios, sizeof scenarios / sizeof *scenarios);
}
