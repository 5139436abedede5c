/* SPDX-License-Identifier: MIT */
/*
 * guardian.c: guardians: procedures that are handed objects, and give back those
 * that the program has lost.
 *
 *     (g x) --> smal_finalizer_add: x is registered with the guardian's queue
 *     (g)   --> smal_queue_take: an object that nothing else refers to, or #f
 *
 * An object that comes back lives on like any other: it can be closed, used
 * again, registered again. When a guardian itself dies, its queue is among its
 * remains, and what was registered with it dies as if it had not been.
 *
 * I1  The value of a registration is the object as a value, with its tag.
 */
#include "vm.h"

#include <stdlib.h>

struct guarded {
	struct remains remains;
	struct smal_queue *queue;
};

/** What a guardian's procedure knows. */
struct guardian {
	uintptr_t kind;
	struct guarded *guarded;
};

static void dispose(struct remains *remains)
{
	smal_queue_destroy(((struct guarded *)remains)->queue);
	free(remains);
}

/** (GUARDIAN OBJECT) registers, (GUARDIAN) returns a dead object, or #f. */
static value guard(const value *a)
{
	const struct guardian *guardian = (const struct guardian *)primitive_of(a[0])->data;
	struct smal_queue *queue = guardian->guarded->queue;
	struct smal_notice notice;

	if (a[1] == NOTHING)
		return smal_queue_take(vm.thread, queue, &notice) ? (value)notice.value : FALSE;
	if (smal_finalizer_add(vm.thread, queue, object_of(a[1]), (void *)a[1], 0) == NULL)
		heap_exhausted();
	return UNSPECIFIED;
}

/** (make-guardian) */
static value make(const value *a)
{
	static const struct primitive_spec spec = { "guardian", guard, "|g", 0 };
	struct guardian *guardian = heap_object(vm.heap->object, KIND_GUARDIAN);
	struct guarded *guarded = malloc(sizeof(*guarded));

	(void)a;
	if (guarded == NULL)
		heap_exhausted();
	if (smal_queue_create(vm.heap->gc, &guarded->queue) != SMAL_OK) {
		free(guarded);
		heap_exhausted();
	}
	guarded->remains.dispose = dispose;
	remains_leave(guardian, &guarded->remains);
	guardian->guarded = guarded;
	return primitive_make(&spec, (value)guardian);
}

const struct primitive_spec guardian_primitives[] = {
	{ "make-guardian", make, "", 0 },
	{ NULL, NULL, NULL, 0 }
};
