/* SPDX-License-Identifier: MIT */
/*
 * large.c: blocks of their own: buffers of one slot, whole pages.
 *
 *   | offset | the block: lent->bytes | slack |
 *
 * The block's bit is the first one of the buffer's mask. A block
 * that must begin at a multiple of more than 1 MiB lies inside its buffer, behind
 * as many chunks as offset_chunks says; those, and the slack, are addresses, not
 * memory.
 *
 * A block that grows takes some slack with it, so that the next growth costs
 * nothing: in place where the addresses behind it are free, otherwise elsewhere,
 * and then its pages are moved by the system: no byte is copied. What has been moved
 * has a mapping of its own until it ends, and mappings are scarce: there may be
 * MOVED of them, and then bytes are copied after all.
 *
 * All of it is done with the heap's lock: who asks for pages waits for the system
 * anyway.
 */
#include <smal/heap/heap.h>

enum {
	/* Blocks with moved pages, at most; and the least that is moved. */
	MOVED = 128,
	MOVE_LEAST = 1 << 20,
	/* Blocks that get huge pages, as far as they have whole ones. */
	HUGE_LEAST = 4 << 20,
	HUGE_PAGE = 2 << 20,
	/* Free blocks that are kept, and the largest of them; their bytes are one part of
	 * the heap's in so many, within bounds. */
	KEPT = 8,
	KEEP_LARGEST = 1 << 20,
	KEEP_PART = 16,
	KEEP_LEAST = 256 * 1024,
	KEEP_MOST = 8 << 20
};

/* ---- Free blocks, kept: a program asks for the same size again ---- */

/* The oldest one goes back to the space. */
static void drop_kept(struct smal_heap *heap)
{
	struct smal_buffer *buffer =
		SMAL_CONTAINER(heap->large.room.prev, struct smal_buffer, link);
	size_t bytes = smal_buffer_bytes(buffer);

	heap->kept--;
	heap->kept_bytes -= bytes;
	heap->buffer_bytes -= bytes;
	smal_stride_settle(buffer, true);
}

void smal_large_trim_locked(struct smal_heap *heap)
{
	while (heap->kept != 0)
		drop_kept(heap);
}

static bool keep(struct smal_heap *heap, struct smal_buffer *buffer)
{
	size_t bytes = smal_buffer_bytes(buffer);
	size_t most = smal_min(smal_max(heap->buffer_bytes / KEEP_PART, KEEP_LEAST), KEEP_MOST);

	if (bytes > KEEP_LARGEST || bytes > most || heap->slow)
		return false;
	while (heap->kept == KEPT || heap->kept_bytes + bytes > most)
		drop_kept(heap);
	heap->kept++;
	heap->kept_bytes += bytes;
	buffer->dirty_granules = (uint32_t)(bytes >> SMAL_GRANULE_LOG2);
	smal_stride_settle(buffer, false);
	return true;
}

/* A kept buffer of exactly so many bytes, or NULL. */
static struct smal_buffer *take_kept(struct smal_heap *heap, size_t bytes)
{
	if (heap->kept == 0 || bytes > KEEP_LARGEST)
		return NULL;
	SMAL_LIST_EACH(link, &heap->large.room) {
		struct smal_buffer *buffer = SMAL_CONTAINER(link, struct smal_buffer, link);

		if (smal_buffer_bytes(buffer) != bytes)
			continue;
		heap->kept--;
		heap->kept_bytes -= bytes;
		return buffer;
	}
	return NULL;
}

/* ---- Blocks ---- */

/* A buffer of so many bytes with its one slot held. */
static struct smal_buffer *make_locked(struct smal_heap *heap, size_t bytes, size_t align_bytes)
{
	struct smal_buffer *buffer;

	buffer = align_bytes <= SMAL_ID_BYTES ? take_kept(heap, bytes) : NULL;
	if (buffer == NULL) {
		if (heap->limit_bytes - heap->buffer_bytes < bytes)
			smal_large_trim_locked(heap);
		if (bytes >> SMAL_CHUNK_LOG2 > UINT32_MAX ||
		    heap->limit_bytes - heap->buffer_bytes < bytes)
			return NULL;
		buffer = smal_stride_grow_aligned(&heap->large, bytes, align_bytes);
		if (buffer == NULL)
			return NULL;
		smal_heap_grown_locked(heap, buffer);
	}
	*smal_buffer_lent(buffer) = (struct smal_lent){ .bytes = smal_buffer_bytes(buffer) };
	smal_mask_set(smal_buffer_held(buffer), 0);
	smal_stride_settle(buffer, false);
	return buffer;
}

static void *block_of(const struct smal_buffer *buffer)
{
	return (void *)(smal_buffer_base(buffer) +
	                ((uintptr_t)smal_buffer_lent(buffer)->offset_chunks << SMAL_CHUNK_LOG2));
}

/* By itself the heap asks for huge pages only where nobody waits for one. */
static bool wants_huge(void)
{
	enum smal_huge huge = smal_options()->huge;

	return huge == SMAL_HUGE_ON || (huge == SMAL_HUGE_AUTO && !smal_os_huge_stalls());
}

/* Huge pages for the bytes [from, limit) of a buffer, where those are whole ones. */
static void ask_huge(const struct smal_heap *heap, struct smal_buffer *buffer, size_t from,
                     size_t limit)
{
	uintptr_t base = smal_buffer_base(buffer), first = smal_round_up(base + from, HUGE_PAGE);
	uintptr_t end = (base + limit) & ~(uintptr_t)(HUGE_PAGE - 1);

	if (smal_buffer_lent(buffer)->bytes < HUGE_LEAST || first >= end || heap->slow ||
	    !wants_huge())
		return;
	smal_os_huge((void *)first, end - first, true);
	smal_buffer_lent(buffer)->huge = true;
}

void *smal_large_alloc_locked(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	struct smal_buffer *buffer;
	void *block = NULL;
	size_t total = bytes;

	if (bytes > PTRDIFF_MAX || align_bytes > PTRDIFF_MAX)
		return NULL;
	if (align_bytes > SMAL_BLOCK)
		total += align_bytes;
	total = smal_round_up(total, SMAL_CHUNK);
	if (total > PTRDIFF_MAX)
		return NULL;
	buffer = make_locked(heap, total, align_bytes > SMAL_BLOCK ? SMAL_ID_BYTES
	                                                            : smal_max(align_bytes, SMAL_ID_BYTES));
	if (buffer != NULL) {
		struct smal_lent *lent = smal_buffer_lent(buffer);
		uintptr_t base = smal_buffer_base(buffer);

		*zeroed = buffer->dirty_granules == 0;
		lent->offset_chunks =
			(uint32_t)((smal_round_up(base, align_bytes) - base) >> SMAL_CHUNK_LOG2);
		lent->bytes = smal_round_up(bytes, SMAL_CHUNK);
		block = block_of(buffer);
		ask_huge(heap, buffer, (size_t)((uintptr_t)block - base),
		         (size_t)((uintptr_t)block - base) + lent->bytes);
	}
	return block;
}

void *smal_large_alloc(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	void *block;

	smal_os_lock_take(&heap->lock);
	block = smal_large_alloc_locked(heap, bytes, align_bytes, zeroed);
	smal_os_lock_give(&heap->lock);
	return block;
}

void smal_large_free_locked(struct smal_heap *heap, struct smal_buffer *buffer)
{
	struct smal_lent *lent = smal_buffer_lent(buffer);
	size_t bytes = smal_buffer_bytes(buffer);

	if (lent->huge && !buffer->segment->direct)
		smal_os_huge((void *)smal_buffer_base(buffer), bytes, false);
	if (lent->moved) {
		/* If the system refuses, the addresses keep a mapping of their own. */
		if (!buffer->segment->direct)
			smal_os_renew((void *)smal_buffer_base(buffer), bytes);
		heap->moved--;
	}
	smal_mask_clear(smal_buffer_held(buffer), 0);
	if (!keep(heap, buffer)) {
		heap->buffer_bytes -= bytes;
		smal_stride_settle(buffer, true);
	}
}

/* ---- Longer and shorter ---- */

/* The buffer has so many bytes, where it is; false: it has not. */
static bool resize_buffer(struct smal_heap *heap, struct smal_buffer *buffer, size_t bytes)
{
	size_t had = smal_buffer_bytes(buffer);
	bool zeroed;

	if (bytes > had && (bytes >> SMAL_CHUNK_LOG2 > UINT32_MAX ||
	                    heap->limit_bytes - heap->buffer_bytes < bytes - had))
		return false;
	if (!smal_buffer_resize(buffer, bytes, &zeroed))
		return false;
	heap->buffer_bytes += bytes - had;
	heap->peak_bytes = smal_max(heap->peak_bytes, heap->buffer_bytes);
	return true;
}

/* The end of the block goes back: addresses, or of a segment of its own, memory. */
static void shrink(struct smal_heap *heap, struct smal_buffer *buffer, size_t total)
{
	struct smal_lent *lent = smal_buffer_lent(buffer);
	size_t had = smal_buffer_bytes(buffer);

	/* A moved mapping would be split. */
	if (!lent->moved && resize_buffer(heap, buffer, total))
		return;
	smal_os_discard((char *)smal_buffer_base(buffer) + total, had - total);
}

static bool grow_in_place(struct smal_heap *heap, struct smal_buffer *buffer, size_t total)
{
	size_t had = smal_buffer_bytes(buffer);

	if (total <= had)
		return true;
	if (smal_buffer_lent(buffer)->moved ||
	    (!resize_buffer(heap, buffer, smal_round_up(total + total / 4, SMAL_CHUNK)) &&
	     !resize_buffer(heap, buffer, total)))
		return false;
	ask_huge(heap, buffer, had, smal_buffer_bytes(buffer));
	return true;
}

/* Another buffer that has the block's pages, with twice the addresses; NULL: it
 * must be copied. */
static struct smal_buffer *move(struct smal_heap *heap, struct smal_buffer *buffer, size_t bytes)
{
	const struct smal_lent *lent = smal_buffer_lent(buffer);
	struct smal_buffer *to;

	if (lent->bytes < MOVE_LEAST || heap->moved >= MOVED || heap->slow)
		return NULL;
	to = make_locked(heap, bytes * 2, SMAL_ID_BYTES);
	if (to == NULL)
		to = make_locked(heap, bytes, SMAL_ID_BYTES);
	if (to == NULL)
		return NULL;
	if (!smal_os_move(block_of(buffer), (void *)smal_buffer_base(to), lent->bytes)) {
		smal_large_free_locked(heap, to);
		return NULL;
	}
	smal_buffer_lent(to)->moved = true;
	smal_buffer_lent(to)->bytes = bytes;
	ask_huge(heap, to, 0, smal_buffer_bytes(to));
	heap->moved++;
	smal_large_free_locked(heap, buffer);
	return to;
}

void *smal_large_resize(struct smal_heap *heap, struct smal_buffer *buffer, size_t bytes)
{
	struct smal_lent *lent = smal_buffer_lent(buffer);
	size_t offset = (size_t)lent->offset_chunks << SMAL_CHUNK_LOG2;
	void *block = NULL;

	if (bytes > PTRDIFF_MAX / 2)
		return NULL;
	bytes = smal_round_up(bytes, SMAL_CHUNK);
	smal_os_lock_take(&heap->lock);
	if (bytes < lent->bytes)
		shrink(heap, buffer, bytes + offset);
	if (bytes < lent->bytes || grow_in_place(heap, buffer, bytes + offset)) {
		lent->bytes = bytes;
		block = block_of(buffer);
	} else {
		buffer = move(heap, buffer, bytes);
		block = buffer != NULL ? block_of(buffer) : NULL;
	}
	smal_os_lock_give(&heap->lock);
	return block;
}
