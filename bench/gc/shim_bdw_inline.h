/* SPDX-License-Identifier: MIT */
/*
 * shim_bdw_inline.h: libgc with allocation compiled into the program, by the
 * macros of gc_inline.h, from free lists that the program keeps. libgc's
 * manual discourages it, but language runtimes do it, Guile for one.
 */
#define SHIM_NAME "libgc-inline"
#define shim_open shim_open_plain
#define shim_new shim_new_call
#define shim_thread_begin shim_thread_begin_plain
#define shim_thread_end shim_thread_end_plain
#include "shim_bdw.h"
#undef shim_open
#undef shim_new
#undef shim_thread_begin
#undef shim_thread_end

/* Its macros assert something of each object, in programs that do not say this. */
#ifndef NDEBUG
#define NDEBUG
#endif
#include <gc/gc_inline.h>

/* Free lists by granules of 16 bytes, each thread's own, without a lock; the program
 * has to keep them alive. */
static __thread void *shim_lists[2][GC_TINY_FREELISTS];

static inline void shim_open(size_t heap_bytes)
{
	shim_open_plain(heap_bytes);
	GC_add_roots(shim_lists, shim_lists + 2);
}

static inline void shim_thread_begin(void)
{
	shim_thread_begin_plain();
	GC_add_roots(shim_lists, shim_lists + 2);
}

static inline void shim_thread_end(void)
{
	GC_remove_roots(shim_lists, shim_lists + 2);
	shim_thread_end_plain();
}

static inline void *shim_new(const struct shim_kind *kind)
{
	size_t granules = (kind->bytes + GC_GRANULE_BYTES - 1) / GC_GRANULE_BYTES;
	void *object;

	if (kind->leaf)
		GC_FAST_MALLOC_GRANS(object, granules, shim_lists[1], 0, GC_I_PTRFREE,
		                     GC_MALLOC_ATOMIC(kind->bytes), (void)0);
	else
		GC_FAST_MALLOC_GRANS(object, granules, shim_lists[0], 0, GC_I_NORMAL,
		                     GC_MALLOC(kind->bytes), *(void **)object = NULL);
	return shim_checked(object);
}
