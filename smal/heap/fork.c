/* SPDX-License-Identifier: MIT */
/*
 * fork.c: a fork at any moment leaves the heaps of both sides whole.
 *
 *   before   those of fork_lock.h, the lock of the list of heaps, every heap's, the
 *            spaces'
 *   parent   all given back
 *   child    new locks; the buffers of threads that are gone are the heap's again
 *
 * Other threads may stand at any instruction of the paths that take no lock. In
 * the child nobody does, and whatever they were about to do is undone: what they
 * held is what the masks `held` and `remote` say, each of which is changed by one
 * store; their magazines, windows and lists are forgotten, and buffers are found
 * by their addresses.
 */
#include <smal/heap/fork_lock.h>
#include <smal/heap/heap.h>

#define EACH_HEAP(heap)                                                                \
	for (struct smal_heap *heap =                                                  \
		     SMAL_CONTAINER(smal_process.heaps.next, struct smal_heap, link);  \
	     &heap->link != &smal_process.heaps;                                       \
	     heap = SMAL_CONTAINER(heap->link.next, struct smal_heap, link))

static struct smal_space *heap_space(void)
{
	return smal_atomic_load_pointer(&smal_process.heap_space);
}

#define EACH_FORK_LOCK(node)                                                             \
	for (struct smal_fork_lock *node = SMAL_CONTAINER(smal_process.fork_locks.next,  \
	                                                  struct smal_fork_lock, link);  \
	     &node->link != &smal_process.fork_locks;                                    \
	     node = SMAL_CONTAINER(node->link.next, struct smal_fork_lock, link))

/* Of the list of fork_lock.h: above all of its locks. */
static struct smal_os_lock fork_locks_lock = SMAL_OS_LOCK_INIT;

/* The process that forks never had a second thread. */
static bool was_alone;

/* With its lock. */
static void fork_locks_init(void)
{
	if (smal_process.fork_locks.next == NULL)
		smal_link_init(&smal_process.fork_locks);
}

/* There may be such locks and no heap; with its lock. */
static void heaps_init(void)
{
	if (smal_process.heaps.next == NULL) {
		smal_link_init(&smal_process.heaps);
		smal_link_init(&smal_process.spare_caches);
	}
}

static void before_fork(void)
{
	smal_os_lock_take(&fork_locks_lock);
	fork_locks_init();
	EACH_FORK_LOCK(node)
		smal_os_lock_take(node->lock);
	smal_os_lock_take(&smal_os_heaps_lock);
	heaps_init();
	EACH_HEAP(heap)
		smal_os_lock_take(&heap->lock);
	if (heap_space() != NULL)
		smal_os_lock_take(&heap_space()->lock);
	was_alone = smal_os_single_threaded();
}

static void after_in_parent(void)
{
	if (heap_space() != NULL)
		smal_os_lock_give(&heap_space()->lock);
	EACH_HEAP(heap)
		smal_os_lock_give(&heap->lock);
	smal_os_lock_give(&smal_os_heaps_lock);
	EACH_FORK_LOCK(node)
		smal_os_lock_give(node->lock);
	smal_os_lock_give(&fork_locks_lock);
}

/* This thread has the lock; who waits for it is not there. */
static void renew(struct smal_os_lock *lock)
{
	smal_os_lock_give(lock);
	smal_os_lock_init(lock);
}

static bool is_gone(const struct smal_cache *cache)
{
	return cache != NULL && cache->thread != 0 && cache->thread != smal_os_thread_id();
}

/* A buffer of a cache that nobody runs: what is not held is at home. */
static void reclaim(struct smal_heap *heap, struct smal_buffer *buffer)
{
	size_t bytes = smal_buffer_bytes(buffer);

	smal_buffer_recount(buffer);
	buffer->marks = 0;
	smal_link_init(&buffer->link);
	if (!smal_stride_return(buffer, true))
		heap->buffer_bytes -= bytes;
}

static void forget(struct smal_cache *cache)
{
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++)
		if (cache->bin[class].room.next != NULL)
			cache->bin[class] = (struct smal_bin){ 0 };
	smal_link_init(&cache->spares);
	cache->spare_count = 0;
	cache->buffers = 0;
	cache->freed_bytes = cache->unlooked_bytes = 0;
	smal_atomic_store(&cache->thread, 0);
}

/* All that frees by others had under way is done; then what is nobody's is found. */
static void settle_buffers(struct smal_space *space)
{
	struct smal_buffer *buffer;
	uintptr_t at = 0;

	while ((buffer = smal_stride_next_buffer(space, 0, at)) != NULL) {
		struct smal_cache *cache = smal_atomic_load_pointer(&buffer->claimer);
		struct smal_heap *heap = smal_buffer_heap(buffer);
		size_t bytes = smal_buffer_bytes(buffer);
		uint32_t came;

		at = smal_buffer_base(buffer);
		/* A guarded heap has remote bits for its queue. */
		if (buffer->stride->stride_bytes == 0 || heap->guarded)
			continue;
		came = smal_remote_take_all(buffer);
		if (is_gone(cache))
			reclaim(heap, buffer);
		else if (cache != NULL && came != 0)
			smal_cache_relist(cache, buffer);
		else if (cache == NULL && !smal_stride_settle(buffer, true))
			heap->buffer_bytes -= bytes;
	}
}

static void end_caches(struct smal_heap *heap)
{
	SMAL_LIST_EACH_SAFE(link, &heap->caches) {
		struct smal_cache *cache = SMAL_CONTAINER(link, struct smal_cache, link);

		smal_atomic_store(&cache->pending, 0);
		if (is_gone(cache)) {
			smal_atomic_store(&cache->pending, SMAL_PENDING_CLOSED);
			forget(cache);
			smal_link_remove(&cache->link);
			smal_link_push(&heap->idle, &cache->link);
		}
	}
	SMAL_LIST_EACH(link, &heap->parked)
		smal_atomic_store(&SMAL_CONTAINER(link, struct smal_cache, link)->pending, 0);
	if (heap->shared != NULL)
		smal_atomic_store(&heap->shared->pending, 0);
}

static void after_in_child(void)
{
	if (heap_space() != NULL)
		renew(&heap_space()->lock);
	EACH_HEAP(heap)
		renew(&heap->lock);
	renew(&smal_os_heaps_lock);
	EACH_FORK_LOCK(node)
		renew(node->lock);
	renew(&fork_locks_lock);
	if (was_alone || heap_space() == NULL)
		return;
	settle_buffers(heap_space());
	EACH_HEAP(heap)
		end_caches(heap);
}

bool smal_heap_fork_handle(void)
{
	return smal_os_at_fork(SMAL_OS_HEAP, before_fork, after_in_parent, after_in_child);
}

/* ---- Locks of others ---- */

void smal_fork_lock_add(struct smal_fork_lock *node, struct smal_os_lock *lock)
{
	bool handle;

	node->lock = lock;
	smal_os_lock_take(&fork_locks_lock);
	fork_locks_init();
	smal_link_insert(&smal_process.fork_locks, &node->link);
	smal_os_lock_give(&fork_locks_lock);
	smal_os_lock_take(&smal_os_heaps_lock);
	handle = !smal_process.heap_fork_handled;
	smal_process.heap_fork_handled = true;
	smal_os_lock_give(&smal_os_heaps_lock);
	if (handle && !smal_heap_fork_handle())
		smal_process.heap_fork_handled = false;
}

void smal_fork_lock_remove(struct smal_fork_lock *node)
{
	smal_os_lock_take(&fork_locks_lock);
	smal_link_remove(&node->link);
	smal_os_lock_give(&fork_locks_lock);
}
