/* SPDX-License-Identifier: MIT */
/*
 * mutex.c: mutexes and condition variables.
 *
 *     object --> struct lock (malloc): pthread_mutex_t, or pthread_cond_t
 *
 * They are the system's, in memory of their own: a thread that waits has left
 * the collector and may touch no object. When the object dies, the lock is
 * among its remains.
 *
 * A mutex knows who has locked it, so what would be a deadlock of a thread with
 * itself, or would unlock another's mutex, is an error.
 */
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct lock {
	struct remains remains;
	union {
		pthread_mutex_t mutex;
		pthread_cond_t condition;
	};
};

/** What the program has. */
struct lock_object {
	uintptr_t kind;
	struct lock *lock;
};

static struct lock *lock_of(value v)
{
	return ((const struct lock_object *)v)->lock;
}

static void dispose_mutex(struct remains *remains)
{
	pthread_mutex_destroy(&((struct lock *)remains)->mutex);
	free(remains);
}

static void dispose_condition(struct remains *remains)
{
	pthread_cond_destroy(&((struct lock *)remains)->condition);
	free(remains);
}

/** (make-mutex), (make-condition-variable): the variant is the kind. */
static value make(const value *a)
{
	enum kind kind = (enum kind)variant(a);
	struct lock_object *object = heap_object(vm.heap->object, kind);
	struct lock *lock = malloc(sizeof(*lock));
	pthread_mutexattr_t attributes;

	if (lock == NULL)
		heap_exhausted();
	if (kind == KIND_MUTEX) {
		pthread_mutexattr_init(&attributes);
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
		pthread_mutex_init(&lock->mutex, &attributes);
		pthread_mutexattr_destroy(&attributes);
		lock->remains.dispose = dispose_mutex;
	} else {
		pthread_cond_init(&lock->condition, NULL);
		lock->remains.dispose = dispose_condition;
	}
	remains_leave(object, &lock->remains);
	object->lock = lock;
	return (value)object;
}

/** Raises "NAME: REASON". */
static value check(const value *a, int error)
{
	const char *reason = error == EDEADLK ? "this thread has locked it already" :
	                     error == EPERM ? "this thread has not locked it" : strerror(error);

	if (error != 0)
		error_at(vm.place, NOTHING, "%s: %s", primitive_of(a[0])->spec->name, reason);
	return UNSPECIFIED;
}

/** (mutex-lock! MUTEX) */
static value mutex_lock(const value *a)
{
	pthread_mutex_t *mutex = &lock_of(a[1])->mutex;
	int error = pthread_mutex_trylock(mutex);

	if (error == EBUSY) {
		smal_thread_leave(vm.thread);
		error = pthread_mutex_lock(mutex);
		smal_thread_enter(vm.thread);
	}
	return check(a, error);
}

/** (mutex-unlock! MUTEX) */
static value mutex_unlock(const value *a)
{
	return check(a, pthread_mutex_unlock(&lock_of(a[1])->mutex));
}

/** (condition-variable-wait! CONDITION-VARIABLE MUTEX): unlocks the mutex, waits
 *  for a signal, locks it again. */
static value condition_wait(const value *a)
{
	pthread_cond_t *condition = &lock_of(a[1])->condition;
	pthread_mutex_t *mutex = &lock_of(a[2])->mutex;
	int error;

	smal_thread_leave(vm.thread);
	error = pthread_cond_wait(condition, mutex);
	smal_thread_enter(vm.thread);
	return check(a, error);
}

enum { SIGNAL, BROADCAST };

/** (condition-variable-signal! CONDITION-VARIABLE), and to all that wait. */
static value condition_signal(const value *a)
{
	pthread_cond_t *condition = &lock_of(a[1])->condition;

	return check(a, variant(a) == SIGNAL ? pthread_cond_signal(condition) :
	                pthread_cond_broadcast(condition));
}

const struct primitive_spec mutex_primitives[] = {
	{ "make-mutex", make, "", KIND_MUTEX },
	{ "mutex-lock!", mutex_lock, "M", 0 },
	{ "mutex-unlock!", mutex_unlock, "M", 0 },
	{ "make-condition-variable", make, "", KIND_CONDITION_VARIABLE },
	{ "condition-variable-wait!", condition_wait, "CM", 0 },
	{ "condition-variable-signal!", condition_signal, "C", SIGNAL },
	{ "condition-variable-broadcast!", condition_signal, "C", BROADCAST },
	{ NULL, NULL, NULL, 0 }
};
