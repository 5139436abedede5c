/* SPDX-License-Identifier: MIT */
/*
 * shim.h: all that a workload may ask of a collector.
 *
 * Every workload is compiled once for each peer, with SHIM defined as the name
 * of the peer's header. That header supplies, as a page of inline functions:
 *
 *   SHIM_NAME             the peer's name
 *   SHIM_BY_HAND          1 if the workload has to free what is dead, else 0
 *   struct shim_kind      a kind of object
 *
 *   shim_open(heap_bytes) starts the peer, with so much heap and no more: it
 *                         collects when the heap is full, not before, unless
 *                         it knows better
 *   shim_fixed(kind, name, bytes, pointers)
 *                         objects of one size; bit i of pointers is set if
 *                         word i holds a pointer
 *   shim_leaf(kind, name) objects of any size without pointers
 *   shim_vector(kind, name)
 *                         objects of any size, every word a pointer or NULL
 *   shim_new(kind)        a new object of fixed size
 *   shim_new_bytes(kind, bytes)
 *                         a new object of any size
 *   shim_free(object)     frees it by hand; nothing for a collector
 *   shim_collect()        a full collection
 *   shim_root(slot)       a static variable is a root
 *   shim_thread_begin(), shim_thread_end()
 *                         around what a thread of the workload's own does; the
 *                         thread that waits for it calls shim_thread_wait(id)
 *
 * and, where SHIM_HAS_WEAK is 1,
 *
 *   shim_weak(target)     a cell that refers to an object and does not keep it
 *   shim_weak_get(cell)   the object, or NULL
 *   shim_ephemeron(key, value)
 *                         a cell that keeps the value while the key lives
 *   shim_ephemeron_value(cell)
 *                         the value, or NULL
 *   shim_finalizer(object)
 *                         its death is to be noticed, and it lives on till then
 *   shim_finalize()       takes all notices; returns how many
 *
 * Besides, the C stack and the registers are roots. A peer reports each pause
 * by measure_pause. A new object may hold anything, except for a vector, which
 * is NULL throughout: the workload fills its words before it allocates again.
 * Where memory runs out the run fails.
 */
#ifndef BENCH_SHIM_H
#define BENCH_SHIM_H

#include "../measure.h"

#include SHIM

#endif
