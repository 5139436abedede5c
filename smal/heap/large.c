/* SPDX-License-Identifier: MIT */
/*
 * large.c: blocks of their own: buffers of one slot, whole pages.
 *
 * The block's bit is the first one of the buffer's masks, held and taken. A block
 * that must begin at a multiple of more than 1 MiB lies inside its buffer, behind
 * as many chunks as offset_chunks says; those are addresses, not memory. All of it
 * is done with the heap's lock: who asks for pages waits for the system anyway.
 */
#include <smal/heap/heap.h>

/* A buffer with its one slot held; the rest of it is to be filled in. */
static struct smal_buffer *make_locked(struct smal_heap *heap, size_t bytes, size_t align_bytes)
{
	struct smal_buffer *buffer;

	if (heap->limit_bytes - heap->buffer_bytes < bytes)
		return NULL;
	buffer = smal_stride_grow_aligned(&heap->large, bytes, align_bytes);
	if (buffer == NULL)
		return NULL;
	*smal_buffer_lent(buffer) = (struct smal_lent){ .bytes = smal_buffer_bytes(buffer) };
	smal_mask_set(smal_buffer_taken(buffer), 0);
	smal_mask_set(smal_buffer_held(buffer), 0);
	smal_stride_settle(buffer, false);
	smal_heap_grown_locked(heap, buffer);
	return buffer;
}

void *smal_large_alloc(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	struct smal_buffer *buffer;
	uintptr_t base = 0, block = 0;
	size_t total = bytes;

	if (bytes > PTRDIFF_MAX || align_bytes > PTRDIFF_MAX)
		return NULL;
	if (align_bytes > SMAL_BLOCK)
		total += align_bytes;
	total = smal_round_up(total, SMAL_CHUNK);
	if (total > PTRDIFF_MAX || total >> SMAL_CHUNK_LOG2 > UINT32_MAX)
		return NULL;
	smal_os_lock_take(&heap->lock);
	buffer = make_locked(heap, total, align_bytes > SMAL_BLOCK ? SMAL_ID_BYTES
	                                                            : smal_max(align_bytes, SMAL_ID_BYTES));
	if (buffer != NULL) {
		struct smal_lent *lent = smal_buffer_lent(buffer);

		*zeroed = buffer->dirty_granules == 0;
		base = smal_buffer_base(buffer);
		block = smal_round_up(base, align_bytes);
		lent->offset_chunks = (uint32_t)((block - base) >> SMAL_CHUNK_LOG2);
		lent->bytes = smal_round_up(bytes, SMAL_CHUNK);
	}
	smal_os_lock_give(&heap->lock);
	return (void *)block;
}

void smal_large_free_locked(struct smal_heap *heap, struct smal_buffer *buffer)
{
	size_t bytes = smal_buffer_bytes(buffer);

	smal_mask_clear(smal_buffer_held(buffer), 0);
	smal_mask_clear(smal_buffer_taken(buffer), 0);
	smal_stride_settle(buffer, true);
	heap->buffer_bytes -= bytes;
}

void *smal_large_resize(struct smal_heap *heap, struct smal_buffer *buffer, size_t bytes)
{
	struct smal_lent *lent = smal_buffer_lent(buffer);
	size_t had = smal_buffer_bytes(buffer), offset = (size_t)lent->offset_chunks << SMAL_CHUNK_LOG2;
	size_t total = smal_round_up(bytes, SMAL_CHUNK) + offset;
	void *block = (void *)(smal_buffer_base(buffer) + offset);
	bool done, zeroed;

	if (bytes > PTRDIFF_MAX || total > PTRDIFF_MAX || total >> SMAL_CHUNK_LOG2 > UINT32_MAX)
		return NULL;
	smal_os_lock_take(&heap->lock);
	done = total <= had || heap->limit_bytes - heap->buffer_bytes >= total - had;
	if (done && total != had)
		done = smal_buffer_resize(buffer, total, &zeroed);
	if (done) {
		lent->bytes = total - offset;
		heap->buffer_bytes += total - had;
	}
	smal_os_lock_give(&heap->lock);
	return done ? block : NULL;
}
