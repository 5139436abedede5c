/* SPDX-License-Identifier: MIT */
/*
 * w12_deep.c: full collections at the bottom of a deep recursion, as a naive
 * interpreter makes it: what a frame of the C stack costs that holds the only
 * pointer to an object.
 *
 * The recursion runs on a thread of its own with a large stack. It goes through a
 * volatile pointer, and looks at its object after the call, so that no compiler
 * makes a loop of it. After the collections, what they have freed is filled, and
 * on the way back each object is looked at.
 *
 *   heap    bytes of heap (64M)
 *   frames  (1000000)
 *   stack   bytes of stack (512M)
 */
#include "shim.h"
#include "workload.h"

#include <pthread.h>

static struct shim_kind object_kind;
static uint64_t frames, heap_bytes, start_ns;

static void descend(uint64_t depth);
static void (*volatile next)(uint64_t depth) = descend;

static uint64_t *object_new(uint64_t first)
{
	uint64_t *object = shim_new(&object_kind);

	object[0] = first;
	object[1] = ~first;
	/* The compiler may not believe that nobody else can see it. */
	measure_use(object);
	return object;
}

/* Twice what the heap holds: an object that was freed too early is overwritten. */
static void bottom(void)
{
	uint64_t i;

	workload_measure_collections(shim_collect, frames, measure_ns() - start_ns);
	for (i = 0; i < heap_bytes / sizeof(uint64_t[2]) * 2; i++)
		object_new(UINT64_MAX);
}

static __attribute__((noinline)) void descend(uint64_t depth)
{
	uint64_t *object = object_new(depth);

	if (depth > 1)
		next(depth - 1);
	else
		bottom();
	measure_use(object);
	if (object[0] != depth || object[1] != ~depth)
		measure_fail("a frame's object is damaged");
}

static void *deep_main(void *unused)
{
	(void)unused;
	shim_thread_begin();
	start_ns = measure_ns();
	descend(frames);
	shim_thread_end();
	return NULL;
}

void w12_deep(void)
{
	uint64_t stack_bytes = measure_number("stack", (uint64_t)512 << 20);
	pthread_attr_t attributes;
	pthread_t id;

	frames = measure_number("frames", 1000000);
	heap_bytes = measure_number("heap", 64 << 20);
	shim_open(heap_bytes);
	shim_fixed(&object_kind, "object", 2 * sizeof(uint64_t), 0);
	if (pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, stack_bytes) ||
	    pthread_create(&id, &attributes, deep_main, NULL))
		measure_fail("no thread with a large stack");
	shim_thread_wait(id);
	pthread_attr_destroy(&attributes);
}
