/* SPDX-License-Identifier: MIT */
/*
 * cache.c: who has which cache.
 *
 *   a thread's first call     takes a parked cache of the heap, or an idle or new
 *                             one
 *   its end                   parks it, whole: the next thread that comes finds
 *                             warm slots, and frees by others still reach it
 *   another cache needs       dissolves a parked one first: its buffers become
 *   a buffer                  the heap's
 *   fork, in the child        dissolves those of the threads that are gone
 *
 * A thread that has ended, in what other libraries' destructors still do, and one
 * for which there is no memory or no number, uses the heap's shared cache, with the
 * lock. Caches are never unmapped: who frees may follow a buffer to a cache that
 * has just lost it (remote.c).
 */
#include <smal/heap/heap.h>

#include <string.h>

/* Caches that are kept whole for threads to come. */
enum { PARKED = 16 };

struct smal_cache smal_cache_none;
__thread struct smal_cache *smal_cache_current __attribute__((tls_model("initial-exec"))) =
	&smal_cache_none;

/* Of heaps other than the default one, the one used last first. */
static __thread struct smal_cache *others __attribute__((tls_model("initial-exec")));
/* This thread's end has been dealt with, or its first cache is being made. */
static __thread bool has_ended __attribute__((tls_model("initial-exec")));

/* ---- Memory for caches ---- */

void smal_cache_give_idle(struct smal_heap *heap, struct smal_cache *cache)
{
	smal_atomic_store_pointer(&cache->heap, heap);
	cache->locked = false;
	smal_atomic_store(&cache->thread, 0);
	cache->next = NULL;
	smal_link_init(&cache->link);
	smal_atomic_store(&cache->pending, SMAL_PENDING_CLOSED);
	smal_link_init(&cache->spares);
	smal_link_push(&heap->idle, &cache->link);
}

static struct smal_cache *make(struct smal_heap *heap)
{
	struct smal_space *from = heap->books;
	struct smal_cache *cache;
	struct smal_link *link;
	bool zeroed;

	link = smal_link_pop(&heap->idle);
	if (link != NULL) {
		cache = SMAL_CONTAINER(link, struct smal_cache, link);
		smal_atomic_store(&cache->pending, 0);
		return cache;
	}
	cache = smal_space_take(from, sizeof *cache, SMAL_CHUNK, &zeroed);
	/* The blocks' space may have memory where the other can get none. */
	if (cache == NULL) {
		from = heap->space;
		cache = smal_space_take(from, sizeof *cache, SMAL_CHUNK, &zeroed);
	}
	if (cache == NULL)
		return NULL;
	if (!zeroed)
		memset(cache, 0, sizeof *cache);
	cache->owner = smal_owner_take();
	if (cache->owner == 0) {
		smal_space_give(from, cache, sizeof *cache);
		return NULL;
	}
	cache->tag = (uint32_t)cache->owner << 16;
	smal_cache_give_idle(heap, cache);
	smal_link_remove(&cache->link);
	smal_atomic_store(&cache->pending, 0);
	return cache;
}

struct smal_cache *smal_cache_shared_locked(struct smal_heap *heap)
{
	if (heap->shared == NULL) {
		heap->shared = make(heap);
		if (heap->shared != NULL)
			heap->shared->locked = true;
	} else if (heap->shared->pending == SMAL_PENDING_CLOSED) {
		smal_atomic_store(&heap->shared->pending, 0);
	}
	return heap->shared;
}

/* ---- Parking ---- */

bool smal_cache_unpark_locked(struct smal_heap *heap)
{
	struct smal_link *link = smal_link_pop(&heap->parked);
	struct smal_cache *cache;

	if (link == NULL)
		return false;
	heap->parked_count--;
	cache = SMAL_CONTAINER(link, struct smal_cache, link);
	smal_cache_dissolve_locked(cache);
	smal_link_push(&heap->idle, &cache->link);
	return true;
}

static void park(struct smal_cache *cache)
{
	struct smal_heap *heap = smal_cache_heap(cache);

	smal_os_lock_take(&heap->lock);
	smal_link_remove(&cache->link);
	smal_atomic_store(&cache->thread, 0);
	cache->next = NULL;
	smal_link_push(&heap->parked, &cache->link);
	heap->parked_count++;
	if (heap->parked_count > PARKED)
		smal_cache_unpark_locked(heap);
	smal_os_lock_give(&heap->lock);
}

/* What is called when a thread ends. */
static void thread_end(void)
{
	struct smal_cache *cache = smal_cache_current;

	has_ended = true;
	smal_cache_current = &smal_cache_none;
	if (cache != &smal_cache_none)
		park(cache);
	if (others == NULL)
		return;
	/* Their heaps may have ended before, or be ending. */
	smal_os_lock_take(&smal_os_heaps_lock);
	while ((cache = others) != NULL) {
		others = cache->next;
		if (smal_cache_heap(cache) != NULL)
			park(cache);
		else
			smal_link_push(&smal_process.spare_caches, &cache->link);
	}
	smal_os_lock_give(&smal_os_heaps_lock);
}

/* ---- Finding ---- */

struct smal_cache *smal_cache_find(struct smal_heap *heap)
{
	if (heap->is_default)
		return smal_cache_current != &smal_cache_none ? smal_cache_current : NULL;
	if (others != NULL && smal_cache_heap(others) == heap)
		return others;
	for (struct smal_cache **at = &others; *at != NULL; at = &(*at)->next) {
		struct smal_cache *cache = *at;

		if (smal_cache_heap(cache) != heap)
			continue;
		*at = cache->next;
		cache->next = others;
		others = cache;
		return cache;
	}
	return NULL;
}

/* Caches of this thread whose heaps have ended are for others. */
static void prune(void)
{
	struct smal_cache **at = &others;

	smal_os_lock_take(&smal_os_heaps_lock);
	while (*at != NULL) {
		struct smal_cache *cache = *at;

		if (smal_cache_heap(cache) == NULL) {
			*at = cache->next;
			smal_atomic_store(&cache->thread, 0);
			smal_link_push(&smal_process.spare_caches, &cache->link);
		} else {
			at = &cache->next;
		}
	}
	smal_os_lock_give(&smal_os_heaps_lock);
}

static void attach(struct smal_heap *heap, struct smal_cache *cache)
{
	if (heap->is_default) {
		smal_cache_current = cache;
	} else {
		cache->next = others;
		others = cache;
	}
}

struct smal_cache *smal_cache_of(struct smal_heap *heap)
{
	struct smal_cache *cache = smal_cache_find(heap);
	struct smal_link *link;

	if (cache != NULL || has_ended || heap->slow)
		return cache;
	if (others != NULL)
		prune();
	smal_os_lock_take(&heap->lock);
	link = smal_link_pop(&heap->parked);
	if (link != NULL) {
		heap->parked_count--;
		cache = SMAL_CONTAINER(link, struct smal_cache, link);
	} else {
		cache = make(heap);
	}
	if (cache != NULL) {
		smal_atomic_store(&cache->thread, smal_os_thread_id());
		smal_link_push(&heap->caches, &cache->link);
	}
	smal_os_lock_give(&heap->lock);
	if (cache == NULL)
		return NULL;
	attach(heap, cache);
	/* This may allocate, from the cache. */
	if (!smal_os_at_thread_end(SMAL_OS_HEAP, thread_end)) {
		thread_end();
		return NULL;
	}
	return cache;
}

/* ---- Ends of heaps ---- */

static void unlist(struct smal_cache *cache)
{
	struct smal_cache **at = &others;

	while (*at != cache)
		at = &(*at)->next;
	*at = cache->next;
	smal_atomic_store(&cache->thread, 0);
}

void smal_caches_fini(struct smal_heap *heap)
{
	struct smal_link *lists[3] = { &heap->caches, &heap->parked, &heap->idle };
	struct smal_link *link;

	if (heap->shared != NULL)
		smal_link_push(&heap->parked, &heap->shared->link);
	for (unsigned i = 0; i < 3; i++) {
		while ((link = smal_link_pop(lists[i])) != NULL) {
			struct smal_cache *cache = SMAL_CONTAINER(link, struct smal_cache, link);

			smal_cache_dissolve_locked(cache);
			/* The list of another thread may have it: it stays there until
			 * that one looks. */
			if (cache->thread == smal_os_thread_id())
				unlist(cache);
			smal_atomic_store(&cache->heap, 0);
			if (cache->thread == 0)
				smal_link_push(&smal_process.spare_caches, &cache->link);
		}
	}
}
