/* SPDX-License-Identifier: MIT */
/*
 * work.h: what the workloads of handles-work share. They are compiled twice, with
 * SHIM a header that names the blocks' allocator: handles-work with handles,
 * handles-malloc with malloc, to be run with a library loaded before it.
 *
 * Both do the same to the memory of a block: written whole when it is new, both ends
 * read and written when it is used, both ends read before it goes. Where a handle is
 * locked for that, an address is taken as it is.
 */
#ifndef BENCH_HANDLES_WORK_H
#define BENCH_HANDLES_WORK_H

#include "../measure.h"

#include SHIM

#include <string.h>

/** Writes a new block, or the part of it behind `from` bytes. */
static inline void block_fill(unsigned char *base, size_t from, size_t bytes, unsigned char value)
{
	if (bytes > from)
		memset(base + from, value, bytes - from);
	measure_use(base);
}

/** Looks at both ends. */
static inline void block_check(const unsigned char *base, size_t bytes, unsigned char value)
{
	if (bytes && __builtin_expect(base[0] != value || base[bytes - 1] != value, 0))
		measure_fail("a block is damaged");
}

/** Looks at both ends and writes them. */
static inline void block_use(unsigned char *base, size_t bytes, unsigned char value)
{
	block_check(base, bytes, value);
	if (bytes)
		base[0] = base[bytes - 1] = value;
	measure_use(base);
}

/** Memory of the benchmark's own, zeroed and resident: not of malloc. */
void *work_pages(size_t bytes);

/** Bytes of memory that are resident, counted page by page; the most since
 *  work_peak_reset. Neither allocates. */
uint64_t work_resident_bytes(void);
uint64_t work_peak_bytes(void);
void work_peak_reset(void);

/** The workloads. */
void replay(void);
void pairs(void);
void compact(void);

#endif
