/* SPDX-License-Identifier: MIT */
/*
 * shim_malloc.h: the workloads with malloc, of the C library or of whatever library
 * is loaded in its place. A name is the address, a lock is nothing.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SHIM_HANDLES 0

typedef uintptr_t shim_name;

static inline void shim_open(uint64_t limit_bytes)
{
	(void)limit_bytes;
}

static inline void shim_close(void)
{
}

static inline shim_name shim_new(size_t bytes)
{
	return (uintptr_t)malloc(bytes ? bytes : 1);
}

static inline void shim_free(shim_name name)
{
	free((void *)name);
}

static inline shim_name shim_resize(shim_name name, size_t bytes)
{
	return (uintptr_t)realloc((void *)name, bytes ? bytes : 1);
}

static inline unsigned char *shim_lock(shim_name name)
{
	return (unsigned char *)name;
}

static inline void shim_unlock(shim_name name)
{
	(void)name;
}

static inline bool shim_compact(uint64_t max_ns)
{
	(void)max_ns;
	return true;
}

/* What the peer has for giving back what it can: found by its name, for which
 * library is loaded is not known here. */
static inline void shim_settle(void)
{
	void (*mi_collect)(bool) = (void (*)(bool))(uintptr_t)dlsym(RTLD_DEFAULT, "mi_collect");
	int (*mallctl)(const char *, void *, size_t *, void *, size_t) =
		(int (*)(const char *, void *, size_t *, void *, size_t))(uintptr_t)dlsym(
			RTLD_DEFAULT, "mallctl");
	void (*release)(void) =
		(void (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
	int (*trim)(size_t) = (int (*)(size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "malloc_trim");

	if (mi_collect)
		mi_collect(true);
	else if (mallctl) {
		mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
		mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
	} else if (release)
		release();
	else if (trim)
		trim(0);
}

/* The longest block that there is room for, of a budget; unknown. */
static inline double shim_allocatable(uint64_t budget)
{
	(void)budget;
	return -1;
}

static inline void shim_report(void)
{
}
