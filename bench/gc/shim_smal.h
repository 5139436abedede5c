/* SPDX-License-Identifier: MIT */
/*
 * shim_smal.h: libsmal: a fixed heap, types with layouts, the stack scanned
 * conservatively, one slot declared for each root. The collecting thread marks
 * alone unless the argument markers= asks for more.
 */
#include <smal.h>

#include <pthread.h>

#define SHIM_NAME "smal"
#define SHIM_BY_HAND 0
#define SHIM_HAS_WEAK 1

struct shim_kind {
	struct smal_type *type;
};

static struct smal_gc *shim_gc;
static __thread struct smal_thread *shim_thread;
static struct smal_queue *shim_queue;

static inline void *shim_checked(void *object)
{
	if (__builtin_expect(!object, 0))
		measure_fail(smal_error_text(smal_thread_error(shim_thread)));
	return object;
}

static inline void shim_done(enum smal_error error)
{
	if (error != SMAL_OK)
		measure_fail(smal_error_text(error));
}

static void shim_observe(const struct smal_collection *collection, void *user)
{
	(void)user;
	measure_pause(collection->pause_ns);
}

static inline void shim_open(size_t heap_bytes)
{
	struct smal_gc_options options = {
		.options_bytes = sizeof options,
		.pace = SMAL_PACE_FIXED,
		.pace_bytes = heap_bytes,
		.markers = (unsigned)measure_number("markers", 1),
	};

	measure_huge_before();
	shim_done(smal_gc_create(&options, &shim_gc));
	shim_done(smal_thread_attach(shim_gc, &shim_thread));
	smal_gc_set_observer(shim_gc, shim_observe, NULL);
	shim_done(smal_queue_create(shim_gc, &shim_queue));
}

static inline void shim_fixed(struct shim_kind *kind, const char *name, size_t bytes,
                              uintptr_t pointers)
{
	struct smal_type_desc desc = {
		.name = name,
		.bytes = bytes,
		.marking = pointers ? SMAL_MARK_LAYOUT : SMAL_MARK_NOTHING,
		.layout = { &pointers, pointers ? bytes / sizeof(void *) : 0, 0 },
	};

	shim_done(smal_type_create(shim_gc, &desc, &kind->type));
}

static inline void shim_leaf(struct shim_kind *kind, const char *name)
{
	struct smal_type_desc desc = { .name = name, .flags = SMAL_TYPE_UNZEROED };

	shim_done(smal_type_create(shim_gc, &desc, &kind->type));
}

static inline void shim_vector(struct shim_kind *kind, const char *name)
{
	uintptr_t pointers = 1;
	struct smal_type_desc desc = {
		.name = name,
		.marking = SMAL_MARK_LAYOUT,
		.layout = { &pointers, 1, 1 },
	};

	shim_done(smal_type_create(shim_gc, &desc, &kind->type));
}

static inline void *shim_new(const struct shim_kind *kind)
{
	return shim_checked(smal_alloc(shim_thread, kind->type));
}

static inline void *shim_new_bytes(const struct shim_kind *kind, size_t bytes)
{
	return shim_checked(smal_alloc_bytes(shim_thread, kind->type, bytes));
}

static inline void shim_free(void *object)
{
	(void)object;
}

static inline void shim_collect(void)
{
	shim_done(smal_collect(shim_thread));
}

static inline void shim_root(void *slot)
{
	shim_done(smal_root_add(shim_gc, slot, "root"));
}

static inline void shim_thread_begin(void)
{
	shim_done(smal_thread_attach(shim_gc, &shim_thread));
}

static inline void shim_thread_end(void)
{
	shim_done(smal_thread_detach(shim_thread));
}

static inline void shim_thread_wait(pthread_t id)
{
	shim_done(smal_thread_leave(shim_thread));
	pthread_join(id, NULL);
	shim_done(smal_thread_enter(shim_thread));
}

static inline void *shim_weak(void *target)
{
	return shim_checked(smal_weak_create(shim_thread, target, 0));
}

static inline void *shim_weak_get(void *cell)
{
	return smal_weak_get(cell);
}

static inline void *shim_ephemeron(void *key, void *value)
{
	return shim_checked(smal_ephemeron_create(shim_thread, key, value));
}

static inline void *shim_ephemeron_value(void *cell)
{
	return smal_ephemeron_value(cell);
}

static inline void shim_finalizer(void *object)
{
	shim_checked(smal_finalizer_add(shim_thread, shim_queue, object, NULL, 0));
}

static inline uint64_t shim_finalize(void)
{
	struct smal_notice notice;
	uint64_t count = 0;

	while (smal_queue_take(shim_thread, shim_queue, &notice))
		count++;
	return count;
}
