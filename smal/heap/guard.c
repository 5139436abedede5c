/* SPDX-License-Identifier: MIT */
/*
 * guard.c: guarded heaps (guard.h).
 *
 * Invariants, with the heap's lock free:
 *   I1  a block's canary and disguised size are as they were written
 *   I2  a block in the queue is held, with its remote bit set, and full of junk
 *   I3  the queue's bytes are the sum of its blocks'
 */
#include <smal/heap/guard.h>
#include <smal/base/fail.h>

#include <string.h>

enum {
	FRESH = 0xa5,
	FREED = 0xdf,
	CANARY = 0xc9,
	LEAST_CANARY = 8,
	TAIL = LEAST_CANARY + sizeof(uint64_t),
	/* What the queue holds at most. */
	QUEUE_BLOCKS = 1024,
	QUEUE_BYTES = 4 << 20
};

struct smal_guard {
	size_t bytes;
	uint32_t first, count;
	struct freed {
		unsigned char *block;
		size_t bytes;
	} queue[QUEUE_BLOCKS];
};

/* What is wrong with a block. */
struct fault {
	const char *what;
	const unsigned char *block;
	size_t at, bytes;
};

static uint64_t disguise(const void *block, uint64_t bytes)
{
	return bytes ^ (uint64_t)(uintptr_t)block * 0x9e3779b97f4a7c15u;
}

static uint64_t *tail(void *block, size_t bytes_of_slot)
{
	return (void *)((char *)block + bytes_of_slot - sizeof(uint64_t));
}

/* The bytes that were asked for, or SIZE_MAX if that is overwritten. */
static size_t block_bytes(void *block, size_t bytes_of_slot)
{
	uint64_t bytes = disguise(block, *tail(block, bytes_of_slot));

	return bytes <= bytes_of_slot - TAIL ? (size_t)bytes : SIZE_MAX;
}

/* The first byte from `at` on that differs, or `limit`. */
static size_t differs(const unsigned char *block, size_t at, size_t limit, unsigned char byte)
{
	while (at < limit && block[at] == byte)
		at++;
	return at;
}

static bool is_overrun(void *block, size_t bytes_of_slot, struct fault *fault)
{
	size_t bytes = block_bytes(block, bytes_of_slot), limit = bytes_of_slot - sizeof(uint64_t), at;

	*fault = (struct fault){ "overrun", block, limit, bytes };
	if (bytes == SIZE_MAX)
		return true;
	at = differs(block, bytes, limit, CANARY);
	fault->at = at;
	return at < limit;
}

static enum smal_error tell(const struct fault *fault, const char *function)
{
	if (fault->bytes == SIZE_MAX)
		return smal_fail(SMAL_ERROR_CORRUPT, function, fault->what, fault->block, "%s",
		                 "a block whose end is overwritten");
	return smal_fail(SMAL_ERROR_CORRUPT, function, fault->what, fault->block,
	                 "a block of %zu bytes; byte %zu was written", fault->bytes, fault->at);
}

/* ---- The queue ---- */

static struct smal_guard *guard_locked(struct smal_heap *heap)
{
	bool zeroed;

	if (heap->guard == NULL) {
		heap->guard = smal_space_take(heap->books, sizeof *heap->guard, SMAL_CHUNK, &zeroed);
		if (heap->guard != NULL && !zeroed)
			memset(heap->guard, 0, sizeof *heap->guard);
	}
	return heap->guard;
}

/* A block in the queue is nobody's: as if another thread had freed it. */
static void set_queued(struct smal_buffer *buffer, const void *block, bool queued)
{
	size_t bit = smal_buffer_bit(buffer, smal_buffer_slot(buffer, (uintptr_t)block));

	smal_atomic_store(&smal_buffer_lent(buffer)->remote, ~(uintptr_t)0);
	if (queued)
		smal_mask_set(smal_buffer_remote(buffer), bit);
	else
		smal_mask_clear(smal_buffer_remote(buffer), bit);
}

/* The slot is free from now on. */
static void release_locked(struct smal_heap *heap, void *block)
{
	struct smal_buffer *buffer = smal_buffer_find((uintptr_t)block);
	size_t bit = smal_buffer_bit(buffer, (uintptr_t)block);

	set_queued(buffer, block, false);
	if (buffer->stride->stride_bytes != 0)
		smal_mask_clear(smal_buffer_held(buffer), bit);
	smal_os_tool_forbid(block, smal_heap_slot_bytes(buffer));
	if (buffer->stride->stride_bytes == 0)
		smal_large_free_locked(heap, buffer);
	else
		smal_cache_return(heap->shared, buffer, (uintptr_t)block);
}

/* The oldest block leaves the queue; true if its junk is not whole. */
static bool pop_locked(struct smal_heap *heap, struct fault *fault)
{
	struct smal_guard *guard = heap->guard;
	struct freed freed = guard->queue[guard->first];
	bool bad;

	smal_os_tool_allow(freed.block, freed.bytes);
	*fault = (struct fault){ "write after free", freed.block, 0, freed.bytes };
	fault->at = differs(freed.block, 0, freed.bytes, FREED);
	bad = fault->at < freed.bytes;
	guard->first = (guard->first + 1) % QUEUE_BLOCKS;
	guard->count--;
	guard->bytes -= freed.bytes;
	release_locked(heap, freed.block);
	return bad;
}

static bool push_locked(struct smal_heap *heap, void *block, size_t bytes, struct fault *fault)
{
	const struct smal_buffer *buffer = smal_buffer_find((uintptr_t)block);
	struct smal_guard *guard = guard_locked(heap);
	bool bad = false;

	/* Neither memory nor addresses of large blocks wait. */
	if (guard == NULL || bytes > QUEUE_BYTES / 4 ||
	    (buffer->stride->stride_bytes == 0 && smal_buffer_bytes(buffer) > QUEUE_BYTES / 4)) {
		release_locked(heap, block);
		return false;
	}
	memset(block, FREED, bytes);
	smal_os_tool_forbid(block, bytes);
	while (!bad && (guard->count == QUEUE_BLOCKS || guard->bytes + bytes > QUEUE_BYTES))
		bad = pop_locked(heap, fault);
	while (guard->count == QUEUE_BLOCKS || guard->bytes + bytes > QUEUE_BYTES) {
		struct fault ignored;

		pop_locked(heap, &ignored);
	}
	set_queued(smal_buffer_find((uintptr_t)block), block, true);
	guard->queue[(guard->first + guard->count++) % QUEUE_BLOCKS] =
		(struct freed){ block, bytes };
	guard->bytes += bytes;
	return bad;
}

/* ---- Blocks ---- */

static void guard_block(char *block, size_t bytes, bool zeroed)
{
	size_t all = smal_heap_slot_bytes(smal_buffer_find((uintptr_t)block));

	smal_os_tool_allow(block, all);
	if (!zeroed)
		memset(block, FRESH, bytes);
	memset(block + bytes, CANARY, all - bytes - sizeof(uint64_t));
	*tail(block, all) = disguise(block, bytes);
	smal_os_tool_forbid(block + bytes, all - bytes);
}

void *smal_guard_alloc(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	char *block = NULL;

	*zeroed = false;
	/* With the lock from first to last: a fork may come in between. */
	smal_os_lock_take(&heap->lock);
	if (bytes <= PTRDIFF_MAX - TAIL)
		block = smal_heap_take_locked(heap, bytes + TAIL, align_bytes, zeroed);
	if (block != NULL)
		guard_block(block, bytes, *zeroed);
	smal_os_lock_give(&heap->lock);
	if (block == NULL)
		smal_os_errno_set(SMAL_OS_NO_MEMORY);
	return block;
}

/* The buffer of a block in use, or NULL; *bad: the block is overrun. */
static struct smal_buffer *look_locked(struct smal_heap *heap, void *block, struct fault *fault,
                                       bool *bad)
{
	size_t bit;
	struct smal_buffer *buffer = smal_heap_block(heap, block, &bit);

	*bad = false;
	if (buffer != NULL) {
		smal_os_tool_allow(block, smal_heap_slot_bytes(buffer));
		*bad = is_overrun(block, smal_heap_slot_bytes(buffer), fault);
	}
	return buffer;
}

enum smal_error smal_guard_look(struct smal_heap *heap, void *block, const char *function)
{
	struct fault fault;
	bool bad;

	smal_os_lock_take(&heap->lock);
	look_locked(heap, block, &fault, &bad);
	smal_os_lock_give(&heap->lock);
	return bad ? tell(&fault, function) : SMAL_OK;
}

size_t smal_guard_bytes(const struct smal_heap *heap, const void *block)
{
	size_t bit, bytes;
	struct smal_buffer *buffer = smal_heap_block(heap, block, &bit);
	char *at = (char *)smal_buffer_base(buffer) + ((const char *)block - (const char *)smal_buffer_base(buffer));

	smal_os_tool_allow(at, smal_heap_slot_bytes(buffer));
	bytes = block_bytes(at, smal_heap_slot_bytes(buffer));
	if (bytes == SIZE_MAX)
		return 0;
	smal_os_tool_forbid(at + bytes, smal_heap_slot_bytes(buffer) - bytes);
	return bytes;
}

enum smal_error smal_guard_free(struct smal_heap *heap, void *block, const char *function)
{
	struct smal_buffer *buffer;
	struct fault fault;
	bool bad;

	smal_os_lock_take(&heap->lock);
	buffer = look_locked(heap, block, &fault, &bad);
	/* With a broken end it stays what it is, if the sink returns. */
	if (buffer != NULL && !bad)
		bad = push_locked(heap, block, smal_heap_slot_bytes(buffer), &fault);
	smal_os_lock_give(&heap->lock);
	if (buffer == NULL)
		return smal_heap_fault(heap, function, block);
	return bad ? tell(&fault, function) : SMAL_OK;
}

/* ---- The checker ---- */

static bool check_buffer(struct smal_buffer *buffer, struct fault *fault)
{
	size_t all = smal_heap_slot_bytes(buffer), limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;
	const smal_word *held = smal_buffer_held(buffer);

	for (size_t bit = smal_bit_next(held, 0, limit); bit < limit;
	     bit = smal_bit_next(held, bit + 1, limit)) {
		char *block = (char *)smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);
		bool bad;

		if (smal_bit_load(smal_buffer_remote(buffer), bit))
			continue;
		if (buffer->stride->stride_bytes == 0)
			block += (size_t)smal_buffer_lent(buffer)->offset_chunks << SMAL_CHUNK_LOG2;
		smal_os_tool_allow(block, all);
		bad = is_overrun(block, all, fault);
		if (bad)
			return true;
		smal_os_tool_forbid(block + fault->bytes, all - fault->bytes);
	}
	return false;
}

enum smal_error smal_guard_check(struct smal_heap *heap, const char *function)
{
	struct smal_buffer *buffer;
	struct fault fault;
	bool bad = false;
	uintptr_t at = 0;

	smal_os_lock_take(&heap->lock);
	while (!bad && (buffer = smal_heap_next_buffer(heap, &at)) != NULL)
		bad = check_buffer(buffer, &fault);
	while (!bad && heap->guard != NULL && heap->guard->count != 0)
		bad = pop_locked(heap, &fault);
	smal_os_lock_give(&heap->lock);
	return bad ? tell(&fault, function) : SMAL_OK;
}

void smal_guard_fini_locked(struct smal_heap *heap)
{
	if (heap->guard != NULL)
		smal_space_give(heap->books, heap->guard, sizeof *heap->guard);
	heap->guard = NULL;
}
