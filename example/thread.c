/* SPDX-License-Identifier: MIT */
/*
 * thread.c: threads of the language, which are threads of the system.
 *
 *     creator                                new thread
 *     pthread_create ----------------------> vm_start: attaches
 *     waits (it has left the collector) <--- takes the thread object
 *     goes on                                calls the thunk
 *                                            leaves the result in the object
 *
 * The creator waits until the new thread is attached: until then nothing but
 * the creator's stack holds the object. After that it is in the thread's own
 * struct vm, so a thread that nobody waits for runs to its end, too. What it
 * raises is told to whoever waits for it, and to nobody else.
 *
 * Threads stop for a collection in allocations and polls; whoever waits or
 * sleeps has left.
 *
 * I1  state and result change under the heap's lock; result is what the state
 *     says: the thunk, what it returned, or what it raised.
 */
#include "vm.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

/** What a thread's stack has. */
enum { THREAD_STACK_BYTES = 8 * 1024 * 1024 };

enum state { RUNS, RETURNED, RAISED };

struct thread {
	uintptr_t kind;
	value result;
	/** A fixnum, an enum state. */
	value state;
};

/** What a thread is started with; on its creator's stack. */
struct launch {
	struct heap *heap;
	struct thread *thread;
	/** Why it could not be attached. */
	enum smal_error error;
	sem_t attached;
};

static void finish(struct thread *thread, value result, enum state state)
{
	heap_lock();
	thread->result = result;
	thread->state = fixnum(state);
	vm_ending_locked();
	pthread_cond_broadcast(&vm.heap->ended);
	heap_unlock();
}

static void call_thunk(struct thread *thread)
{
	struct catcher catcher;

	error_catch(&catcher, 0);
	if (setjmp(catcher.jump) == 0) {
		finish(thread, call(thread->result, 0, NULL), RETURNED);
		error_done(&catcher);
	} else {
		error_land(&catcher);
		finish(thread, vm.raised, RAISED);
	}
}

static void *run(void *argument)
{
	struct launch *launch = argument;
	struct thread *thread;

	launch->error = vm_start(launch->heap);
	if (launch->error != SMAL_OK) {
		sem_post(&launch->attached);
		return NULL;
	}
	error_set_stack(THREAD_STACK_BYTES);
	thread = launch->thread;
	vm.self = (value)thread;
	sem_post(&launch->attached);
	call_thunk(thread);
	vm_end();
	return NULL;
}

int thread_create(pthread_t *thread, size_t stack_bytes, void *(*function)(void *), void *argument)
{
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);

	if (error != 0)
		return error;
	error = pthread_attr_setstacksize(&attributes, stack_bytes);
	if (error == 0)
		error = pthread_create(thread, &attributes, function, argument);
	pthread_attr_destroy(&attributes);
	return error;
}

/** (thread-start! THUNK): calls THUNK on a new thread; returns the thread. */
static value start(const value *a)
{
	struct thread *thread = heap_object(vm.heap->object, KIND_THREAD);
	struct launch launch = { .heap = vm.heap, .thread = thread };
	pthread_t id;
	int error;

	thread->result = a[1];
	thread->state = fixnum(RUNS);
	sem_init(&launch.attached, 0, 0);
	error = thread_create(&id, THREAD_STACK_BYTES + STACK_RESERVE_BYTES, run, &launch);
	if (error == 0) {
		pthread_detach(id);
		smal_thread_leave(vm.thread);
		while (sem_wait(&launch.attached) != 0)
			;
		smal_thread_enter(vm.thread);
	}
	sem_destroy(&launch.attached);
	if (error != 0 || launch.error != SMAL_OK)
		error_at(vm.place, NOTHING, "can't start a thread: %s",
		         error != 0 ? strerror(error) : smal_error_text(launch.error));
	return (value)thread;
}

/** (thread-join! THREAD): waits for its end; its value, or raises its error. */
static value join(const value *a)
{
	struct thread *thread = (struct thread *)a[1];

	if (a[1] == vm.self)
		error_at(vm.place, NOTHING, "a thread can't wait for itself");
	heap_lock();
	while (thread->state == fixnum(RUNS)) {
		smal_thread_leave(vm.thread);
		pthread_cond_wait(&vm.heap->ended, &vm.heap->lock);
		pthread_mutex_unlock(&vm.heap->lock);
		smal_thread_enter(vm.thread);
		heap_lock();
	}
	heap_unlock();
	if (thread->state == fixnum(RAISED))
		error_raise(thread->result);
	return thread->result;
}

/** (thread-yield!) */
static value yield(const value *a)
{
	(void)a;
	smal_thread_leave(vm.thread);
	sched_yield();
	smal_thread_enter(vm.thread);
	return UNSPECIFIED;
}

/** (thread-sleep! SECONDS) */
static value thread_sleep(const value *a)
{
	double seconds = is_fixnum(a[1]) ? (double)fixnum_number(a[1]) : flonum_number(a[1]);
	double whole = floor(seconds);
	struct timespec left;

	if (!(seconds >= 0 && seconds < 1e9))
		error_range(a, 1);
	left.tv_sec = (time_t)whole;
	left.tv_nsec = (long)((seconds - whole) * 1e9);
	smal_thread_leave(vm.thread);
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
	smal_thread_enter(vm.thread);
	return UNSPECIFIED;
}

const struct primitive_spec thread_primitives[] = {
	{ "thread-start!", start, "k", 0 },
	{ "thread-join!", join, "T", 0 },
	{ "thread-yield!", yield, "", 0 },
	{ "thread-sleep!", thread_sleep, "n", 0 },
	{ NULL, NULL, NULL, 0 }
};
