/* SPDX-License-Identifier: MIT */
/*
 * shim_bdw.h: libgc, the Boehm-Demers-Weiser collector, as a language
 * implementer who wants speed sets it up:
 *
 * - Pointers into the middle of objects count from the stack and registers
 *   alone, as they do in libsmal. By default libgc honours them everywhere and
 *   pads each object by a byte for it, which makes 32 bytes of a pair's 16.
 * - No static data is scanned but the roots that are declared.
 * - The heap has its full size from the start, so it collects when that is
 *   used up. By itself it would begin with 64 KiB and collect its way upward.
 *   Before it gives up it collects a few times more, where by default it would
 *   fail in a full heap right after a collection.
 * - One marker, unless the argument markers= asks for more; by itself, libgc
 *   starts them together with the program's second thread.
 * - GC_malloc scans a whole object conservatively. GC_malloc_explicitly_typed
 *   would follow a layout, but takes a word more for each object and a longer
 *   way to allocate and to mark: it was measured to be slower everywhere here.
 * - A weak cell is an atomic object with a disappearing link, the target stored
 *   as it is. An ephemeron is a cell with such a link to the key and a pointer to
 *   the value: it keeps the value until the key's link is found cleared, and it
 *   would leak where the value refers to the key; that is the nearest there is.
 *   Finalizers without order, run on demand.
 */
#define GC_THREADS
#include <pthread.h>
#include <gc/gc.h>

#ifndef SHIM_NAME
#define SHIM_NAME "libgc"
#endif
#define SHIM_BY_HAND 0
#define SHIM_HAS_WEAK 1

struct shim_kind {
	size_t bytes;
	int leaf;
};

static inline void *shim_checked(void *object)
{
	if (__builtin_expect(!object, 0))
		measure_fail("out of memory");
	return object;
}

static void GC_CALLBACK shim_event(GC_EventType event)
{
	static uint64_t start_ns;

	if (event == GC_EVENT_START)
		start_ns = measure_ns();
	else if (event == GC_EVENT_END)
		measure_pause(measure_ns() - start_ns);
}

static inline void shim_open(size_t heap_bytes)
{
	unsigned markers = (unsigned)measure_number("markers", 1);

	measure_huge_before();
	GC_set_all_interior_pointers(0);
	GC_set_no_dls(1);
	GC_set_markers_count(markers);
	GC_INIT();
	if (markers > 1)
		GC_start_mark_threads();
	if (!GC_expand_hp(heap_bytes - GC_get_heap_size()))
		measure_fail("no heap of this size");
	GC_set_max_heap_size(heap_bytes);
	GC_set_max_retries(10);
	GC_set_warn_proc(GC_ignore_warn_proc);
	GC_set_on_collection_event(shim_event);
	GC_set_finalize_on_demand(1);
	measure_huge_after();
}

static inline void shim_fixed(struct shim_kind *kind, const char *name, size_t bytes,
                              uintptr_t pointers)
{
	(void)name;
	*kind = (struct shim_kind){ bytes, pointers == 0 };
}

static inline void shim_leaf(struct shim_kind *kind, const char *name)
{
	(void)name;
	*kind = (struct shim_kind){ 0, 1 };
}

static inline void shim_vector(struct shim_kind *kind, const char *name)
{
	(void)name;
	*kind = (struct shim_kind){ 0, 0 };
}

static inline void *shim_new_bytes(const struct shim_kind *kind, size_t bytes)
{
	return shim_checked(kind->leaf ? GC_MALLOC_ATOMIC(bytes) : GC_MALLOC(bytes));
}

static inline void *shim_new(const struct shim_kind *kind)
{
	return shim_new_bytes(kind, kind->bytes);
}

static inline void shim_free(void *object)
{
	(void)object;
}

static inline void shim_collect(void)
{
	GC_gcollect();
}

static inline void shim_root(void *slot)
{
	GC_add_roots(slot, (char *)slot + sizeof(void *));
}

static inline void shim_thread_begin(void)
{
}

static inline void shim_thread_end(void)
{
}

static inline void shim_thread_wait(pthread_t id)
{
	pthread_join(id, NULL);
}

static inline void *shim_weak(void *target)
{
	void **cell = shim_checked(GC_MALLOC_ATOMIC(sizeof *cell));

	*cell = target;
	if (GC_general_register_disappearing_link(cell, target) != GC_SUCCESS)
		measure_fail("no link");
	return cell;
}

static inline void *shim_weak_get(void *cell)
{
	return *(void **)cell;
}

/* The key is hidden: its bits turned over; cleared, it is 0. */
static inline void *shim_ephemeron(void *key, void *value)
{
	void **cell = shim_checked(GC_MALLOC(2 * sizeof *cell));

	cell[0] = (void *)~(uintptr_t)key;
	cell[1] = value;
	if (GC_general_register_disappearing_link(cell, key) != GC_SUCCESS)
		measure_fail("no link");
	return cell;
}

static inline void *shim_ephemeron_value(void *cell)
{
	void **words = cell;

	return words[0] != NULL ? words[1] : NULL;
}

static uint64_t shim_finalized;

static void GC_CALLBACK shim_on_finalize(void *object, void *data)
{
	(void)object;
	(void)data;
	shim_finalized++;
}

static inline void shim_finalizer(void *object)
{
	GC_REGISTER_FINALIZER_NO_ORDER(object, shim_on_finalize, NULL, NULL, NULL);
}

static inline uint64_t shim_finalize(void)
{
	shim_finalized = 0;
	GC_invoke_finalizers();
	return shim_finalized;
}
