/* SPDX-License-Identifier: MIT */
/*
 * malloc.h: names that the C library's headers do not declare everywhere.
 */
#ifndef SMAL_COMPAT_MALLOC_H
#define SMAL_COMPAT_MALLOC_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void __libc_free(void *block);
void *__libc_memalign(size_t align_bytes, size_t bytes);
void *__libc_valloc(size_t bytes);
void *__libc_pvalloc(size_t bytes);
void cfree(void *block);
void free_sized(void *block, size_t bytes);
void free_aligned_sized(void *block, size_t align_bytes, size_t bytes);

#endif
