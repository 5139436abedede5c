/* SPDX-License-Identifier: MIT */
/*
 * shim_malloc.h: malloc and free, of the C library or of whatever library is
 * loaded in its place. For workloads that can free by hand.
 */
#include <pthread.h>
#include <stdlib.h>

#define SHIM_NAME "malloc"
#define SHIM_BY_HAND 1
#define SHIM_HAS_WEAK 0

struct shim_kind {
	size_t bytes;
	int zeroed;
};

static inline void *shim_checked(void *object)
{
	if (__builtin_expect(!object, 0))
		measure_fail("out of memory");
	return object;
}

static inline void shim_open(size_t heap_bytes)
{
	(void)heap_bytes;
	measure_huge_before();
}

static inline void shim_fixed(struct shim_kind *kind, const char *name, size_t bytes,
                              uintptr_t pointers)
{
	(void)name;
	(void)pointers;
	*kind = (struct shim_kind){ bytes, 0 };
}

static inline void shim_leaf(struct shim_kind *kind, const char *name)
{
	(void)name;
	*kind = (struct shim_kind){ 0, 0 };
}

static inline void shim_vector(struct shim_kind *kind, const char *name)
{
	(void)name;
	*kind = (struct shim_kind){ 0, 1 };
}

static inline void *shim_new(const struct shim_kind *kind)
{
	return shim_checked(malloc(kind->bytes));
}

static inline void *shim_new_bytes(const struct shim_kind *kind, size_t bytes)
{
	return shim_checked(kind->zeroed ? calloc(1, bytes) : malloc(bytes));
}

static inline void shim_free(void *object)
{
	free(object);
}

static inline void shim_collect(void)
{
}

static inline void shim_root(void *slot)
{
	(void)slot;
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
