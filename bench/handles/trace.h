/* SPDX-License-Identifier: MIT */
/*
 * trace.h: what a program asked of malloc, one call after another, in a file.
 *
 * A file is an array of operations of 8 bytes, in the machine's own byte order:
 *
 *   what << 29 | id   bytes
 *
 * The first is the mark; the first TRACE_END behind it ends the trace, or else the
 * end of the file. An id names a block from its TRACE_NEW to its TRACE_FREE, and
 * then may name another: there are as many ids as there were blocks at once, so
 * that a table of them is no larger than what a program keeps its pointers in.
 *
 * Blocks of 4 GiB and more are not told apart; an alignment is not kept.
 */
#ifndef BENCH_HANDLES_TRACE_H
#define BENCH_HANDLES_TRACE_H

#include <stddef.h>
#include <stdint.h>

enum trace_what {
	TRACE_END,
	/* A new block of so many bytes, the end of one, another size. */
	TRACE_NEW,
	TRACE_FREE,
	TRACE_RESIZE,
	/* The block is looked at. */
	TRACE_USE
};

enum {
	TRACE_ID_BITS = 29,
	TRACE_MOST_IDS = 1 << TRACE_ID_BITS,
	/* bytes of the mark, whose other half is TRACE_END. */
	TRACE_MARK = 0x4c414d53
};

struct trace_op {
	uint32_t what_id, bytes;
};

static inline struct trace_op trace_op(enum trace_what what, uint32_t id, uint64_t bytes)
{
	return (struct trace_op){ (uint32_t)what << TRACE_ID_BITS | id,
		                  bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX };
}

static inline enum trace_what trace_what(struct trace_op op)
{
	return (enum trace_what)(op.what_id >> TRACE_ID_BITS);
}

static inline uint32_t trace_id(struct trace_op op)
{
	return op.what_id & (TRACE_MOST_IDS - 1);
}

/** What a block takes that begins at a multiple of 16 and has no header. */
static inline uint64_t trace_rounded(uint64_t bytes)
{
	return bytes ? (bytes + 15) & ~(uint64_t)15 : 16;
}

/** A trace in memory. */
struct trace {
	const struct trace_op *ops;
	size_t count;
	/* All of its ids are below. */
	uint32_t ids;
	/* The most that was live at once, each block rounded as above; operations of
	 * each kind. */
	uint64_t peak_bytes, counts[TRACE_USE + 1];
};

/** Maps a file, reads all of it once and counts. Ends the process if it is no trace. */
void trace_open(struct trace *trace, const char *path);

#endif
