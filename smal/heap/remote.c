/* SPDX-License-Identifier: MIT */
/*
 * remote.c: blocks that are freed by another thread than their buffer's.
 *
 * The one who frees sets the slot's bit in the buffer's remote mask. If the word
 * was 0, he sets the word's bit in lent->remote; if that was 0, he puts the buffer
 * on the list of the cache that has it. So most frees are one atomic OR, and
 * nothing is ever written into the block.
 *
 * The list is a stack that many push on and one takes whole, so that no node can
 * come back while somebody looks at it. The owner takes the buffer off, then
 * lent->remote to 0, then the words.
 *
 * Invariants:
 *   I1  lent->remote is not 0 from the moment somebody saw it 0 and set a bit
 *       until that one's delivery has been taken home; only a delivery takes home
 *   I2  a word's bit in lent->remote is clear and the word is not 0 only while the
 *       one who saw the word 0 is on his way
 *   I3  so a buffer that has a bit in its remote mask has a slot in use, and
 *       can't go back to the space while somebody may still push it
 * A buffer that has changed hands when it is found on a list is sent on; one that
 * no cache has is taken home at once, with the heap's lock.
 */
#include <smal/heap/heap.h>

static uintptr_t swap(volatile AO_t *at, uintptr_t value)
{
	uintptr_t old;

	do
		old = smal_atomic_load_relaxed(at);
	while (!smal_atomic_cas(at, old, value));
	return old;
}

static void mark_pending(struct smal_buffer *buffer, bool pending)
{
	size_t ids = smal_segment_ids(buffer->segment, smal_buffer_bytes(buffer));

	for (size_t i = 0; i < ids; i++) {
		uint32_t *owner = smal_segment_owner(buffer->segment, buffer->id + i);

		if (pending)
			smal_atomic_or_u32(owner, SMAL_CLASS_PENDING);
		else
			smal_atomic_clear_u32(owner, SMAL_CLASS_PENDING);
	}
}

/* Takes the bits of one word home; counts them. Bits of slots that are not held
 * are of frees that two threads made at once: they are lost, and nothing else. */
static uint32_t take_word(struct smal_buffer *buffer, size_t w)
{
	smal_word *held = smal_buffer_held(buffer), bits;

	if (smal_word_load(&smal_buffer_remote(buffer)[w]) == 0)
		return 0;
	bits = swap((volatile AO_t *)&smal_buffer_remote(buffer)[w], 0) & held[w];
	smal_atomic_store_relaxed((volatile AO_t *)&held[w], held[w] & ~bits);
	if (bits != 0)
		buffer->summary |= (smal_word)1 << w / smal_stride_summary_words(buffer->stride);
	return smal_word_count(bits);
}

static uint32_t take_home(struct smal_buffer *buffer)
{
	size_t each = smal_stride_summary_words(buffer->stride);
	struct smal_lent *lent = smal_buffer_lent(buffer);
	uint32_t slots = 0;

	mark_pending(buffer, false);
	for (smal_word left = swap(&lent->remote, 0); left != 0; left &= left - 1)
		for (size_t w = smal_word_lowest(left) * each, i = 0; i < each; i++)
			slots += take_word(buffer, w + i);
	buffer->used_slots = (uint16_t)(buffer->used_slots - slots);
	return slots;
}

static bool push(struct smal_cache *cache, struct smal_buffer *buffer)
{
	uintptr_t head;

	do {
		head = smal_atomic_load(&cache->pending);
		if (head == SMAL_PENDING_CLOSED)
			return false;
		smal_atomic_store(&smal_buffer_lent(buffer)->next, head);
	} while (!smal_atomic_cas(&cache->pending, head, (uintptr_t)buffer));
	return true;
}

/* With the heap's lock held: what is nobody's stays so. */
static void deliver_locked(struct smal_buffer *buffer)
{
	struct smal_heap *heap = smal_buffer_heap(buffer);
	struct smal_cache *cache = smal_atomic_load_pointer(&buffer->claimer);
	size_t bytes = smal_buffer_bytes(buffer);

	if (cache != NULL && push(cache, buffer))
		return;
	SMAL_ASSERT(cache == NULL);
	take_home(buffer);
	if (!smal_stride_settle(buffer, true))
		heap->buffer_bytes -= bytes;
}

static void deliver(struct smal_heap *heap, struct smal_buffer *buffer)
{
	for (;;) {
		struct smal_cache *cache = smal_atomic_load_pointer(&buffer->claimer);

		if (cache != NULL && push(cache, buffer))
			return;
		/* It is nobody's, or was a moment ago. */
		smal_os_lock_take(&heap->lock);
		if (smal_atomic_load_pointer(&buffer->claimer) == NULL) {
			deliver_locked(buffer);
			smal_os_lock_give(&heap->lock);
			return;
		}
		smal_os_lock_give(&heap->lock);
	}
}

bool smal_remote_free(struct smal_heap *heap, struct smal_buffer *buffer, size_t bit)
{
	size_t w = bit >> SMAL_WORD_LOG2, group = w / smal_stride_summary_words(buffer->stride);
	smal_word slot = (smal_word)1 << (bit & (SMAL_WORD_BITS - 1));
	uintptr_t old = smal_atomic_or((volatile AO_t *)&smal_buffer_remote(buffer)[w], slot);

	if ((old & slot) != 0)
		return false;
	if (old == 0 && smal_atomic_or(&smal_buffer_lent(buffer)->remote, (smal_word)1 << group) == 0) {
		mark_pending(buffer, true);
		deliver(heap, buffer);
	}
	return true;
}

void smal_cache_drain(struct smal_cache *cache)
{
	uintptr_t list = smal_atomic_load(&cache->pending);

	/* Only the cache's thread closes the list. */
	if (list == 0 || list == SMAL_PENDING_CLOSED)
		return;
	list = swap(&cache->pending, 0);
	while (list != 0) {
		struct smal_buffer *buffer = (void *)list;

		/* Once it is home, somebody may push it again. */
		list = smal_atomic_load(&smal_buffer_lent(buffer)->next);
		if (smal_atomic_load_pointer(&buffer->claimer) == cache) {
			cache->freed_bytes += take_home(buffer) * buffer->stride->stride_bytes;
			smal_cache_relist(cache, buffer);
		} else if (cache->locked) {
			deliver_locked(buffer);
		} else {
			deliver(smal_cache_heap(cache), buffer);
		}
	}
}

void smal_cache_close(struct smal_cache *cache)
{
	uintptr_t list = swap(&cache->pending, SMAL_PENDING_CLOSED);

	while (list != 0 && list != SMAL_PENDING_CLOSED) {
		struct smal_buffer *buffer = (void *)list;

		list = smal_atomic_load(&smal_buffer_lent(buffer)->next);
		deliver_locked(buffer);
	}
}

uint32_t smal_remote_take_all(struct smal_buffer *buffer)
{
	struct smal_lent *lent = smal_buffer_lent(buffer);

	lent->next = 0;
	lent->remote = buffer->stride->words >= SMAL_WORD_BITS
	                       ? ~(smal_word)0
	                       : ((smal_word)1 << buffer->stride->words) - 1;
	return take_home(buffer);
}
