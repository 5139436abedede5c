/* SPDX-License-Identifier: MIT */
/*
 * payload.h: bytevectors, and the blocks that move beneath them.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "vm.h"

struct bytevector {
	uintptr_t kind;
	/** In bytes. Changes under the heap's lock. */
	size_t length;
	/** Of the heap's payloads; 0 before it has one. */
	smal_handle block;
};

/** Where the bytes of a bytevector are, while it is held. */
struct view {
	unsigned char *at;
	size_t length;
};

/** A bytevector with any contents. */
value bytevector_make(size_t length);

/** Makes it longer, with zeros, or shorter. */
void bytevector_resize(value v, size_t length);

static inline size_t bytevector_length(value v)
{
	return __atomic_load_n(&((const struct bytevector *)v)->length, __ATOMIC_SEQ_CST);
}

/** Locks the bytes of a bytevector in one of the thread's two slots: they stay where
 *  they are, and as many, until it is let go of. */
static inline struct view hold(value v, int slot)
{
	struct view view;

	__atomic_store_n(&vm.held[slot], v, __ATOMIC_SEQ_CST);
	view.length = bytevector_length(v);
	view.at = smal_handle_lock(vm.heap->payloads, ((const struct bytevector *)v)->block);
	return view;
}

static inline void let_go(value v, int slot)
{
	smal_handle_unlock(vm.heap->payloads, ((const struct bytevector *)v)->block);
	__atomic_store_n(&vm.held[slot], NOTHING, __ATOMIC_RELEASE);
}

#endif
