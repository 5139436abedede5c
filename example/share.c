/* SPDX-License-Identifier: MIT */
/*
 * share.c: what the threads of an interpreter share, and how: coming and going,
 * the heap's lock, and what the dead leave behind.
 *
 *     heap->threads: vm -> vm -> vm         each in its thread's own memory
 *     heap->remains: remains -> remains     in malloc's memory
 *
 * A collection waits until every attached thread stands still at a call of
 * libsmal's, or has left. So whoever waits for anything else, for a lock, a
 * thread or a file, leaves first (smal_thread_leave): else the one it waits for
 * might wait for a collection that waits for it.
 *
 * An object that owns something outside of the heap registers it as its
 * remains. When the object is gone a notice with the remains is on the queue
 * heap->dead, and a poll of any thread disposes of them, outside of the
 * collection: a guardian's queue is destroyed by a call of libsmal's, which a free
 * callback may not make.
 *
 * I1  A thread is on the list only while it is attached, and goes onto it and
 *     off it between two calls of libsmal's: heap_mark sees a whole list.
 * I2  running is the number of threads that still run programs; ending of those
 *     that no longer do, and will still use the heap.
 */
#include "vm.h"

#include <stdlib.h>

__thread struct vm vm __attribute__((tls_model("local-exec")));

void heap_lock(void)
{
	if (pthread_mutex_trylock(&vm.heap->lock) == 0)
		return;
	smal_thread_leave(vm.thread);
	pthread_mutex_lock(&vm.heap->lock);
	smal_thread_enter(vm.thread);
}

void heap_unlock(void)
{
	pthread_mutex_unlock(&vm.heap->lock);
}

enum smal_error vm_start(struct heap *heap)
{
	enum smal_error error = smal_thread_attach(heap->gc, &vm.thread);
	struct condition *exhausted;

	if (error != SMAL_OK)
		return error;
	vm.heap = heap;
	vm.ending = 0;
	vm.place = FALSE;
	vm.raised = vm.exhausted = vm.transfer = vm.self = NOTHING;
	vm.random = 88172645463325252u;
	heap_lock();
	vm.number = ++heap->last_number;
	vm.next_thread = heap->threads;
	heap->threads = &vm;
	heap->running++;
	heap_unlock();
	exhausted = smal_alloc(vm.thread, heap->object);
	if (exhausted == NULL) {
		error = smal_thread_error(vm.thread);
		vm_end();
		return error;
	}
	exhausted->kind = KIND_CONDITION;
	vm.exhausted = (value)exhausted;
	return SMAL_OK;
}

void vm_ending_locked(void)
{
	vm.ending = 1;
	vm.heap->running--;
	vm.heap->ending++;
}

void vm_end(void)
{
	struct heap *heap = vm.heap;
	struct vm **link = &heap->threads;

	stacks_free();
	heap_lock();
	while (*link != &vm)
		link = &(*link)->next_thread;
	*link = vm.next_thread;
	if (!vm.ending)
		vm_ending_locked();
	heap_unlock();
	smal_thread_detach(vm.thread);
	vm.thread = NULL;
	vm.heap = NULL;
	pthread_mutex_lock(&heap->lock);
	heap->ending--;
	pthread_cond_broadcast(&heap->ended);
	pthread_mutex_unlock(&heap->lock);
}

size_t vm_wait(size_t running)
{
	struct heap *heap = vm.heap;
	size_t left;

	smal_thread_leave(vm.thread);
	pthread_mutex_lock(&heap->lock);
	while (heap->ending > 0 || heap->running > running)
		pthread_cond_wait(&heap->ended, &heap->lock);
	left = heap->running;
	pthread_mutex_unlock(&heap->lock);
	smal_thread_enter(vm.thread);
	return left;
}

/** Off the list, and gone. */
static void remains_dispose(struct remains *remains)
{
	heap_lock();
	*remains->link = remains->next;
	if (remains->next != NULL)
		remains->next->link = remains->link;
	heap_unlock();
	remains->dispose(remains);
}

void remains_leave(void *object, struct remains *remains)
{
	struct heap *heap = vm.heap;

	heap_lock();
	remains->next = heap->remains;
	remains->link = &heap->remains;
	if (remains->next != NULL)
		remains->next->link = &remains->next;
	heap->remains = remains;
	heap_unlock();
	if (smal_watch_add(vm.thread, heap->dead, object, remains) == NULL) {
		remains_dispose(remains);
		heap_exhausted();
	}
}

void remains_settle(void)
{
	struct smal_notice notice;

	while (smal_queue_take(vm.thread, vm.heap->dead, &notice))
		remains_dispose(notice.value);
}

void remains_settle_all(void)
{
	while (vm.heap->remains != NULL)
		remains_dispose(vm.heap->remains);
}
