/* SPDX-License-Identifier: MIT */
/*
 * handles.h: what the tests of heaps of handles share: a heap with a sink that
 * remembers, blocks with contents that can be told apart, and where a compactor that
 * knows everything beforehand would put them.
 */
#ifndef SMAL_TEST_HANDLES_H
#define SMAL_TEST_HANDLES_H

#include "test/support.h"

#include <smal/handle.h>

/* The heap at hand. */
extern struct smal_handle_heap *handles;

/* Makes it, and has the sink remember; NULL: no options. */
void handles_begin(const struct smal_handle_options *options);
/* The system's memory; a buffer of the tests' own, of so many bytes. */
void handles_begin_plain(void);
void handles_begin_buffer(size_t bytes);
/* The system's memory, in a process that has had a second thread: then nothing is done
 * in line, and locks are taken. */
void handles_begin_threaded(void);
void handles_meet_thread(void);
/* The heap is sound, nothing was told that was not asked for; destroys it. */
void handles_end(void);
/* smal_handle_check finds nothing. */
void handles_check(void);

/* One thing was told, by this function, in these words, and is forgotten now. In the
 * detail # stands for a handle; NULL: any words. */
void handles_told(enum smal_error error, const char *function, const char *what,
                  const char *detail);
void handles_silent(void);

struct smal_handle_stats handles_stats(void);
/* n; a tenth of it where the program is slow. */
size_t handles_scale(size_t n);

/* A block that must be there; one with contents that follow from its handle; calls that
 * must succeed. */
smal_handle handles_alloc(size_t bytes);
smal_handle handles_alloc_marked(size_t bytes);
void handles_free(smal_handle handle);
char *handles_lock(smal_handle handle);
void handles_unlock(smal_handle handle);
void handles_compact(void);

/* Writes a pattern that follows from the tag; fails the test if it has changed. */
void handles_write(void *block, size_t bytes, uint64_t tag);
void handles_read(const void *block, size_t bytes, uint64_t tag);
/* The same for a whole block, of its handle, that was marked at its allocation. */
void handles_mark(smal_handle handle);
void handles_check_mark(smal_handle handle);
/* Where a block is now. */
const char *handles_where(smal_handle handle);

/* ---- The oracle ---- */

/* A block, where it stood from a common base. */
struct standing {
	size_t place, bytes;
	bool locked;
};

struct oracle {
	size_t moved_bytes, largest_hole_bytes, span_bytes;
};

/* Blocks in the order of their places are put, lowest first, where they fit first
 * between the locked ones; sizes are rounded up to 16. The largest hole is one
 * between blocks, or what is behind them, below the limit. */
struct oracle handles_oracle(const struct standing *blocks, size_t count, size_t limit_bytes);

#endif
