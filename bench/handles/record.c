/* SPDX-License-Identifier: MIT */
/*
 * record.c: writes down what a program asks of malloc; loaded before it with
 * LD_PRELOAD, in front of glibc.
 *
 *   SMAL_TRACE      files are this with "." and the process's number behind it;
 *                   nothing is recorded without it
 *   SMAL_TRACE_OPS  operations at most of a file (4000000); then it is full, and
 *                   the program goes on unrecorded
 *
 * The file is mapped and has its whole length from the start, so it is right
 * whenever and however the process ends; what was not written reads as TRACE_END.
 *
 * State, a table from addresses to ids and the ids that are free are mapped as well:
 * the recorder calls malloc never, and is there from the first call on for which
 * there is an environment. A block of before then, or one behind the last, is none:
 * its end is not recorded, and resized it is new.
 *
 * One mutex orders the operations as they took place: a block's end is recorded
 * before malloc has it back, its beginning after malloc gave it away. The state does
 * not survive a fork (MADV_WIPEONFORK): the child, which has the file too, is silent.
 */
#define _GNU_SOURCE

#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	TABLE_LOG2 = 24,
	TABLE_MASK = (1 << TABLE_LOG2) - 1,
	/* Blocks at once: the table stays half empty. */
	MOST_BLOCKS = 1 << (TABLE_LOG2 - 1),
	NO_ID = 0
};

/* glibc's own, behind the public names. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

/* A place of the table. Ids are one more than in the file, so that 0 is none. */
struct place {
	uintptr_t address;
	uint32_t id;
};

/* Zeroed by fork: then it is not on. */
struct state {
	bool on;
	struct trace_op *next, *limit;
	struct place *table;
	/* Ids that were given back, and the next that never was used. */
	uint32_t *free_ids, free_count, next_id;
};

static struct state *state;
static bool tried;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *pages_map(size_t bytes, int file)
{
	int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, 0);

	return base == MAP_FAILED ? NULL : base;
}

/* The file, as long as it can become; NULL if there is none. */
static struct trace_op *file_map(const char *prefix, size_t bytes)
{
	struct trace_op *ops = NULL;
	char path[4096];
	int file;

	snprintf(path, sizeof path, "%s.%ld", prefix, (long)getpid());
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0)
		return NULL;
	if (ftruncate(file, (off_t)bytes) == 0)
		ops = pages_map(bytes, file);
	close(file);
	return ops;
}

static void recorder_open(void)
{
	const char *prefix = getenv("SMAL_TRACE"), *most = getenv("SMAL_TRACE_OPS");
	size_t count = most ? strtoul(most, NULL, 10) : 4000000;
	struct state *new;

	if (!prefix || count == 0)
		return;
	new = pages_map(sizeof *new, -1);
	if (!new || madvise(new, sizeof *new, MADV_WIPEONFORK))
		return;
	new->table = pages_map(sizeof(struct place) << TABLE_LOG2, -1);
	new->free_ids = pages_map(MOST_BLOCKS * sizeof *new->free_ids, -1);
	new->next = file_map(prefix, (count + 1) * sizeof *new->next);
	if (!new->table || !new->free_ids || !new->next)
		return;
	new->limit = new->next + count + 1;
	*new->next++ = (struct trace_op){ 0, TRACE_MARK };
	new->on = true;
	state = new;
}

/* Takes the mutex and returns true, if there is something to record. */
static bool recorder_enter(void)
{
	if (tried && (!state || !state->on))
		return false;
	pthread_mutex_lock(&mutex);
	if (!tried && environ) {
		int saved = errno;

		tried = true;
		recorder_open();
		errno = saved;
	}
	if (state && state->on)
		return true;
	pthread_mutex_unlock(&mutex);
	return false;
}

static void recorder_leave(void)
{
	pthread_mutex_unlock(&mutex);
}

static void op_write(enum trace_what what, uint32_t id, size_t bytes)
{
	if (state->next < state->limit)
		*state->next++ = trace_op(what, id - 1, bytes);
	if (state->next == state->limit)
		state->on = false;
}

static size_t hash(uintptr_t address)
{
	return (size_t)((uint64_t)address * 0x9e3779b97f4a7c15u >> (64 - TABLE_LOG2));
}

static struct place *place_find(uintptr_t address)
{
	size_t at = hash(address);

	while (state->table[at].id != NO_ID && state->table[at].address != address)
		at = (at + 1) & TABLE_MASK;
	return &state->table[at];
}

static uint32_t id_take(void)
{
	if (state->free_count)
		return state->free_ids[--state->free_count];
	return state->next_id < MOST_BLOCKS ? ++state->next_id : NO_ID;
}

/* Takes an address out, and moves those behind it up that it was in the way of. */
static uint32_t place_take(uintptr_t address)
{
	struct place *table = state->table, *hole = place_find(address);
	uint32_t id = hole->id;
	size_t at = (size_t)(hole - table), next = at;

	if (id == NO_ID)
		return NO_ID;
	table[at].id = NO_ID;
	for (;;) {
		next = (next + 1) & TABLE_MASK;
		if (table[next].id == NO_ID)
			return id;
		if (((next - hash(table[next].address)) & TABLE_MASK) < ((next - at) & TABLE_MASK))
			continue;
		table[at] = table[next];
		table[next].id = NO_ID;
		at = next;
	}
}

/* A block is there: the same as one before, if it has an id. */
static void block_add(void *block, uint32_t id, size_t bytes)
{
	enum trace_what what = id == NO_ID ? TRACE_NEW : TRACE_RESIZE;
	struct place *place;

	if (!block || !recorder_enter())
		return;
	if (id == NO_ID)
		id = id_take();
	if (id != NO_ID) {
		place = place_find((uintptr_t)block);
		*place = (struct place){ (uintptr_t)block, id };
		op_write(what, id, bytes);
	}
	recorder_leave();
}

void *malloc(size_t bytes)
{
	void *block = __libc_malloc(bytes);

	block_add(block, NO_ID, bytes);
	return block;
}

void *calloc(size_t count, size_t bytes)
{
	void *block = __libc_calloc(count, bytes);

	block_add(block, NO_ID, count * bytes);
	return block;
}

void free(void *block)
{
	uint32_t id;

	if (block && recorder_enter()) {
		id = place_take((uintptr_t)block);
		if (id != NO_ID) {
			state->free_ids[state->free_count++] = id;
			op_write(TRACE_FREE, id, 0);
		}
		recorder_leave();
	}
	__libc_free(block);
}

void *realloc(void *block, size_t bytes)
{
	uint32_t id = NO_ID;
	void *result;

	if (!block)
		return malloc(bytes);
	if (bytes == 0) {
		free(block);
		return NULL;
	}
	if (recorder_enter()) {
		id = place_take((uintptr_t)block);
		recorder_leave();
	}
	result = __libc_realloc(block, bytes);
	if (result)
		block_add(result, id, bytes);
	else if (id != NO_ID && recorder_enter()) {
		*place_find((uintptr_t)block) = (struct place){ (uintptr_t)block, id };
		recorder_leave();
	}
	return result;
}

void *memalign(size_t alignment, size_t bytes)
{
	void *block = __libc_memalign(alignment, bytes);

	block_add(block, NO_ID, bytes);
	return block;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **result, size_t alignment, size_t bytes)
{
	int saved = errno;
	void *block;

	if (alignment % sizeof(void *) || alignment == 0 || alignment & (alignment - 1))
		return EINVAL;
	block = memalign(alignment, bytes);
	errno = saved;
	if (!block)
		return ENOMEM;
	*result = block;
	return 0;
}
