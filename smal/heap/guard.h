/* SPDX-License-Identifier: MIT */
/*
 * guard.h: guarded heaps: an overrun and a write after free are found.
 *
 * A block lies in a slot that is at least 16 bytes longer:
 *
 *   | block: n bytes | canary: at least 8 bytes | n, disguised: 8 bytes |
 *
 * A free looks at the canary, fills the block with junk and puts it in a queue;
 * it can be handed out again when it leaves that, after many other frees, if the
 * junk is whole. Slots that are handed out again are filled with junk, too. All of it with the heap's
 * lock, and through its shared cache.
 */
#ifndef SMAL_HEAP_GUARD_H
#define SMAL_HEAP_GUARD_H

#include <smal/heap/heap.h>

void *smal_guard_alloc(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed);
enum smal_error smal_guard_free(struct smal_heap *heap, void *block, const char *function);

/* SMAL_OK if a block in use is not overrun; else the sink is told. */
enum smal_error smal_guard_look(struct smal_heap *heap, void *block, const char *function);

/* The bytes that were asked for; 0: no block, or its end is overwritten. */
size_t smal_guard_bytes(const struct smal_heap *heap, const void *block);

/* Looks at all blocks and at those in the queue; tells of the first that is not as it was. */
enum smal_error smal_guard_check(struct smal_heap *heap, const char *function);

/* The queue goes with its heap. */
void smal_guard_fini_locked(struct smal_heap *heap);

#endif
