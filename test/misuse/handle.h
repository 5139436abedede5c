/* SPDX-License-Identifier: MIT */
/*
 * handle.h: what the mistakes with heaps of handles have in common: a heap, the first of
 * the process, and two blocks.
 */
#ifndef SMAL_TEST_MISUSE_HANDLE_H
#define SMAL_TEST_MISUSE_HANDLE_H

#include "test/misuse/misuse.h"

#include <smal/handle.h>

static struct smal_handle_heap *heap;
static smal_handle first, second;

static inline void begin_handles(void)
{
	expect_ok(smal_handle_heap_create(NULL, &heap));
	first = smal_handle_alloc(heap, 100, 0);
	second = smal_handle_alloc(heap, 200, SMAL_HANDLE_PURGEABLE);
}

#endif
