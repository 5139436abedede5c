/* SPDX-License-Identifier: MIT */
/*
 * payload.c: the bytes of bytevectors, which move.
 *
 *     objects of the collector           heap->payloads, a heap of handles
 *     | kind | length | handle | ------> | block | hole | block | hole | block |
 *                                          <-------- smal_compact
 *
 * The object is small and stays where it is; the bytes are a block behind a handle.
 * A bytevector that dies gives its block back in its free callback, and leaves a
 * hole. After a collection, and before a line of the console is read, the machine
 * moves blocks together for a millisecond, so that what is free goes back to the
 * system.
 *
 * A block has an address while it is locked. Who uses the bytes holds the bytevector
 * (payload.h): says which one in vm.held, looks at the length, locks. A length changes
 * in bytevector_resize alone, which makes a block shorter in this order: it changes the
 * length, and waits until no thread holds the bytevector. Who comes later sees the new
 * length.
 *
 * I1  A thread that holds a bytevector does nothing that raises, allocates, polls or
 *     takes the heap's lock. So no jump leaves a lock behind.
 * I2  A block is at least as long as its bytevector's length.
 * I3  payload_bytes is the sum of the lengths.
 */
#include "payload.h"

#include <sched.h>
#include <string.h>

enum {
	/** What blocks may take where addresses are few: those of 32 bits. */
	FEW_BYTES = 64 << 20,
	/** The least goal. */
	GOAL_BYTES = 1 << 20
};

/** Sets the number of bytes at which to collect. */
static void set_goal(struct heap *heap, size_t bytes)
{
	bytes = bytes < heap->options.heap_bytes ? heap->options.heap_bytes : bytes;
	bytes = bytes < GOAL_BYTES ? GOAL_BYTES : bytes;
	__atomic_store_n(&heap->payload_goal, bytes, __ATOMIC_RELAXED);
}

enum smal_error payloads_create(struct heap *heap)
{
	struct smal_handle_options options = { .options_bytes = sizeof(options) };

	if (sizeof(void *) < 8)
		options.limit_bytes = FEW_BYTES;
	set_goal(heap, 0);
	return smal_handle_heap_create(&options, &heap->payloads);
}

int payloads_compact(uint64_t max_ns)
{
	int done;

	smal_thread_leave(vm.thread);
	done = smal_compact(vm.heap->payloads, max_ns);
	smal_thread_enter(vm.thread);
	return done;
}

static void count_less(struct heap *heap, size_t bytes)
{
	__atomic_sub_fetch(&heap->payload_bytes, bytes, __ATOMIC_RELAXED);
	smal_external(heap->gc, -(ptrdiff_t)bytes);
}

/** False if the heap's limit does not allow so many more. */
static int count_more(size_t bytes)
{
	struct heap *heap = vm.heap;
	size_t sum = __atomic_add_fetch(&heap->payload_bytes, bytes, __ATOMIC_RELAXED);

	smal_external(heap->gc, (ptrdiff_t)bytes);
	if (heap->options.limit_bytes == 0 || sum <= heap->options.limit_bytes)
		return 1;
	count_less(heap, bytes);
	return 0;
}

/** Collects when there are twice as many bytes as the last time. The collector looks at
 *  its pace when it needs a buffer for objects, and thousands of bytevectors are in one. */
static void collect_in_time(void)
{
	struct heap *heap = vm.heap;

	if (heap->options.pace == SMAL_PACE_OFF ||
	    __atomic_load_n(&heap->payload_bytes, __ATOMIC_RELAXED) <=
	    __atomic_load_n(&heap->payload_goal, __ATOMIC_RELAXED))
		return;
	smal_collect(vm.thread);
	set_goal(heap, 2 * __atomic_load_n(&heap->payload_bytes, __ATOMIC_RELAXED));
}

static enum smal_error block_take(struct bytevector *bytevector, size_t length)
{
	if (!count_more(length))
		return SMAL_ERROR_LIMIT;
	bytevector->block = smal_handle_alloc(vm.heap->payloads, length, 0);
	if (bytevector->block != 0)
		return SMAL_OK;
	count_less(vm.heap, length);
	return SMAL_ERROR_NO_MEMORY;
}

void bytevector_free(void *object, void *user)
{
	const struct bytevector *bytevector = object;
	struct heap *heap = user;

	smal_handle_free(heap->payloads, bytevector->block);
	count_less(heap, bytevector->length);
}

value bytevector_make(size_t length)
{
	struct bytevector *bytevector = heap_object(vm.heap->bytevector, KIND_BYTEVECTOR);
	enum smal_error error;

	collect_in_time();
	error = block_take(bytevector, length);
	if (error != SMAL_OK) {
		smal_collect(vm.thread);
		error = block_take(bytevector, length);
	}
	if (error != SMAL_OK)
		heap_exhausted_by(error);
	bytevector->length = length;
	return (value)bytevector;
}

/** Waits until no thread holds a bytevector. Under the heap's lock: threads neither
 *  come nor go. */
static void wait_for_holders(value v)
{
	const struct vm *thread;
	size_t i;

	for (thread = vm.heap->threads; thread != NULL; thread = thread->next_thread)
		for (i = 0; i < HELD; i++)
			while (__atomic_load_n(&thread->held[i], __ATOMIC_SEQ_CST) == v)
				sched_yield();
}

static void set_length(struct bytevector *bytevector, size_t length)
{
	__atomic_store_n(&bytevector->length, length, __ATOMIC_SEQ_CST);
}

/** A block that can't become shorter stays as it is. */
static void shorten_locked(struct bytevector *bytevector, size_t length)
{
	size_t less = bytevector->length - length;

	set_length(bytevector, length);
	wait_for_holders((value)bytevector);
	smal_handle_resize(vm.heap->payloads, bytevector->block, length);
	count_less(vm.heap, less);
}

/** A block that is locked may have no room where it is; it will be unlocked soon. */
static enum smal_error lengthen_locked(struct bytevector *bytevector, size_t length)
{
	struct smal_handle_heap *payloads = vm.heap->payloads;
	size_t more = length - bytevector->length;
	enum smal_error error;
	char *at;

	if (!count_more(more))
		return SMAL_ERROR_LIMIT;
	while ((error = smal_handle_resize(payloads, bytevector->block, length)) == SMAL_ERROR_BUSY)
		sched_yield();
	if (error != SMAL_OK) {
		count_less(vm.heap, more);
		return error;
	}
	at = smal_handle_lock(payloads, bytevector->block);
	memset(at + bytevector->length, 0, more);
	smal_handle_unlock(payloads, bytevector->block);
	set_length(bytevector, length);
	return SMAL_OK;
}

void bytevector_resize(value v, size_t length)
{
	struct bytevector *bytevector = (struct bytevector *)v;
	enum smal_error error = SMAL_OK;

	collect_in_time();
	heap_lock();
	if (length <= bytevector->length) {
		shorten_locked(bytevector, length);
	} else {
		error = lengthen_locked(bytevector, length);
		if (error != SMAL_OK) {
			smal_collect(vm.thread);
			error = lengthen_locked(bytevector, length);
		}
	}
	heap_unlock();
	if (error != SMAL_OK)
		heap_exhausted_by(error);
}

/** (compact [NANOSECONDS]): moves blocks together, for so long at most; true if it is
 *  done. */
static value compact(const value *a)
{
	return boolean(payloads_compact(a[1] == NOTHING ? 0 : (uint64_t)fixnum_number(a[1])));
}

/** (handle-counts): what (handle-stats) gives names to in the prelude. */
static value counts(const value *a)
{
	struct smal_handle_stats stats;
	value list = NIL;
	size_t i;

	(void)a;
	smal_handle_get_stats(vm.heap->payloads, &stats);
	const uint64_t numbers[] = {
		stats.moved_bytes, stats.moved_blocks, stats.compactions, stats.holes,
		stats.free_bytes, stats.span_bytes, stats.large_bytes, stats.block_bytes,
		stats.blocks
	};
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		list = cons(make_count(numbers[i]), list);
	return list;
}

const struct primitive_spec payload_primitives[] = {
	{ "compact", compact, "|i", 0 },
	{ "handle-counts", counts, "", 0 },
	{ NULL, NULL, NULL, 0 }
};
