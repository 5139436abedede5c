/* SPDX-License-Identifier: MIT */
/*
 * fault.c: what is wrong with a pointer that is no block (heap.h).
 *
 * Only told when something is wrong, so it may look everywhere: the table, the
 * masks, the calling thread's stack. What it reads may change meanwhile; it is
 * never unmapped.
 */
#include <smal/heap/heap.h>
#include <smal/base/fail.h>

static enum smal_error tell(const char *function, const char *what, const void *block,
                            const char *detail)
{
	return smal_fail(SMAL_ERROR_INVALID, function, what, block, "%s", detail);
}

/* An address that lies in no buffer of any heap. */
static enum smal_error foreign(const char *function, const void *block)
{
	uintptr_t base, limit, address = (uintptr_t)block;

	if (smal_empty_is(block))
		return smal_empty_owner(block) != 0
		               ? tell(function, "block of another heap", block, "an empty block")
		               : tell(function, "double free", block, "an empty block that is free");
	if (smal_os_stack_bounds(&base, &limit) && address >= base && address < limit)
		return tell(function, "foreign pointer", block, "on the stack of this thread");
	if (smal_table_find(address) != NULL)
		return tell(function, "foreign pointer", block,
		            "memory of the library in which no block is");
	if (address < SMAL_CHUNK)
		return tell(function, "foreign pointer", block, "no address of memory");
	return tell(function, "foreign pointer", block, "in no heap");
}

static enum smal_error in_slot(const struct smal_buffer *buffer, const char *function,
                               const void *block)
{
	uintptr_t slot = smal_buffer_slot(buffer, (uintptr_t)block);
	size_t bytes = smal_buffer_slot_bytes(buffer), bit = smal_buffer_bit(buffer, slot);
	unsigned number = (unsigned)((slot - smal_buffer_base(buffer)) / bytes);
	bool held, remote;

	if (number >= buffer->stride->slots)
		return tell(function, "foreign pointer", block, "behind the last slot of a buffer");
	held = smal_bit_load(smal_buffer_held(buffer), bit);
	remote = smal_bit_load(smal_buffer_remote(buffer), bit);
	if ((uintptr_t)block != slot)
		return smal_fail(SMAL_ERROR_INVALID, function,
		                 (uintptr_t)block % SMAL_GRANULE != 0 ? "misaligned pointer"
		                                                      : "interior pointer",
		                 block, "%zu bytes into slot %u of size class %zu, which is %s",
		                 (size_t)((uintptr_t)block - slot), number, bytes,
		                 held && !remote ? "in use" : "free");
	if (!held || remote)
		return smal_fail(SMAL_ERROR_INVALID, function, "double free", block,
		                 "slot %u of size class %zu, which is free", number, bytes);
	return smal_fail(SMAL_ERROR_INVALID, function, "block of another heap", block,
	                 "slot %u of size class %zu", number, bytes);
}

static enum smal_error in_large(const struct smal_buffer *buffer, const char *function,
                                const void *block)
{
	const struct smal_lent *lent = smal_buffer_lent(buffer);
	uintptr_t base = smal_buffer_base(buffer) +
	                 ((uintptr_t)lent->offset_chunks << SMAL_CHUNK_LOG2);
	size_t offset = (uintptr_t)block - base;

	if (offset != 0)
		return smal_fail(SMAL_ERROR_INVALID, function,
		                 offset % SMAL_GRANULE != 0 ? "misaligned pointer" : "interior pointer",
		                 block, "%zu bytes into a block of %zu bytes", offset, lent->bytes);
	return smal_fail(SMAL_ERROR_INVALID, function,
	                 smal_bit_load(smal_buffer_held(buffer), 0) ? "block of another heap"
	                                                            : "double free",
	                 block, "a block of %zu bytes", lent->bytes);
}

enum smal_error smal_heap_fault(const struct smal_heap *heap, const char *function,
                                const void *block)
{
	struct smal_buffer *buffer = smal_buffer_find((uintptr_t)block);
	const struct smal_stride *stride = buffer != NULL ? smal_buffer_stride(buffer) : NULL;

	if (stride == NULL)
		return foreign(function, block);
	if (stride->space != heap->space)
		return tell(function, "foreign pointer", block, "an object of a collector");
	if (stride->stride_bytes == 0)
		return in_large(buffer, function, block);
	return in_slot(buffer, function, block);
}
