/* SPDX-License-Identifier: MIT */
/*
 * debug.c: the variants for debugging, which are the plain functions.
 *
 * What they look for elsewhere, a checker of smal's finds without another build
 * (SMAL_OPTIONS, Valgrind), and a wrong pointer to GC_free is told to the warning
 * procedure in each case. Objects have no header: the file and the line are not kept.
 */
#include <smal/compat/libgc/libgc.h>

const size_t GC_debug_header_size;

void *GC_debug_malloc(size_t bytes)
{
	return GC_malloc(bytes);
}

void *GC_debug_malloc_atomic(size_t bytes)
{
	return GC_malloc_atomic(bytes);
}

void *GC_debug_malloc_uncollectable(size_t bytes)
{
	return GC_malloc_uncollectable(bytes);
}

void *GC_debug_malloc_atomic_uncollectable(size_t bytes)
{
	return GC_malloc_atomic_uncollectable(bytes);
}

void *GC_debug_malloc_stubborn(size_t bytes)
{
	return GC_malloc(bytes);
}

void *GC_debug_malloc_ignore_off_page(size_t bytes)
{
	return GC_malloc(bytes);
}

void *GC_debug_malloc_atomic_ignore_off_page(size_t bytes)
{
	return GC_malloc_atomic(bytes);
}

void *GC_debug_malloc_replacement(size_t bytes)
{
	return GC_malloc(bytes);
}

void *GC_debug_generic_or_special_malloc(size_t bytes, int kind)
{
	return GC_generic_malloc(bytes, kind);
}

char *GC_debug_strdup(const char *text)
{
	return GC_strdup(text);
}

char *GC_debug_strndup(const char *text, size_t most)
{
	return GC_strndup(text, most);
}

void *GC_debug_realloc(void *object, size_t bytes)
{
	return GC_realloc(object, bytes);
}

void *GC_debug_realloc_replacement(void *object, size_t bytes)
{
	return GC_realloc(object, bytes);
}

void GC_debug_free(void *object)
{
	GC_free(object);
}

void GC_debug_change_stubborn(const void *object)
{
	(void)object;
}

void GC_debug_end_stubborn_change(const void *object)
{
	(void)object;
}

void GC_debug_ptr_store_and_dirty(void *slot, const void *pointer)
{
	GC_ptr_store_and_dirty(slot, pointer);
}

size_t GC_get_debug_header_size(void)
{
	return 0;
}

/* ---- Finalizers, displacements ---- */

void GC_debug_register_finalizer(void *object, bdw_finalizer *function, void *data,
                                 bdw_finalizer **old_function, void **old_data)
{
	GC_register_finalizer(object, function, data, old_function, old_data);
}

void GC_debug_register_finalizer_ignore_self(void *object, bdw_finalizer *function, void *data,
                                             bdw_finalizer **old_function, void **old_data)
{
	GC_register_finalizer_ignore_self(object, function, data, old_function, old_data);
}

void GC_debug_register_finalizer_no_order(void *object, bdw_finalizer *function, void *data,
                                          bdw_finalizer **old_function, void **old_data)
{
	GC_register_finalizer_no_order(object, function, data, old_function, old_data);
}

void GC_debug_register_finalizer_unreachable(void *object, bdw_finalizer *function, void *data,
                                             bdw_finalizer **old_function, void **old_data)
{
	GC_register_finalizer_unreachable(object, function, data, old_function, old_data);
}

void GC_debug_register_displacement(size_t offset)
{
	GC_register_displacement(offset);
}
