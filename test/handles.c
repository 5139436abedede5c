/* SPDX-License-Identifier: MIT */
/*
 * handles.c: what the tests of heaps of handles share (handles.h).
 */
#include "test/handles.h"
#include "test/heaps.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct smal_handle_heap *handles;

static void *buffer;

/* ---- The heap ---- */

void handles_begin(const struct smal_handle_options *options)
{
	heaps_listen();
	ck_assert_int_eq(smal_handle_heap_create(options, &handles), SMAL_OK);
}

void handles_begin_plain(void)
{
	handles_begin(NULL);
}

static void *end_at_once(void *unused)
{
	return unused;
}

void handles_meet_thread(void)
{
	pthread_t id;

	ck_assert_int_eq(pthread_create(&id, NULL, end_at_once, NULL), 0);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
}

void handles_begin_threaded(void)
{
	handles_meet_thread();
	handles_begin_plain();
}

void handles_begin_buffer(size_t bytes)
{
	struct smal_handle_options options = { .buffer_bytes = bytes };

	buffer = options.buffer = malloc(bytes);
	ck_assert_ptr_nonnull(buffer);
	handles_begin(&options);
}

void handles_check(void)
{
	if (smal_handle_check(handles) != SMAL_OK)
		ck_abort_msg("%s", reported.what);
}

void handles_end(void)
{
	handles_check();
	handles_silent();
	ck_assert_int_eq(smal_handle_heap_destroy(handles), SMAL_OK);
	handles_silent();
	free(buffer);
	buffer = NULL;
	handles = NULL;
}

/* ---- What the sink was told ---- */

/* "handle 00080003:00000001" is "handle #". */
static void hide_handle(char *text)
{
	char *at = strstr(text, "handle "), *end;

	if (at == NULL)
		return;
	at += strlen("handle ");
	for (end = at; isxdigit((unsigned char)*end) || *end == ':'; end++)
		;
	if (end - at != 17)
		return;
	*at++ = '#';
	memmove(at, end, strlen(end) + 1);
}

void handles_told(enum smal_error error, const char *function, const char *what, const char *detail)
{
	hide_handle(reported.detail);
	if (reported.count != 1 || reported.error != error ||
	    strcmp(reported.function, function) != 0 ||
	    (what != NULL && strcmp(reported.what, what) != 0) ||
	    (detail != NULL && strcmp(reported.detail, detail) != 0))
		ck_abort_msg("%u reports, the last: %s: %s: %s (%s)", reported.count,
		             reported.function, reported.what, reported.detail,
		             smal_error_text(reported.error));
	reported.count = 0;
}

void handles_silent(void)
{
	if (reported.count != 0)
		ck_abort_msg("%u reports, the last: %s: %s: %s", reported.count, reported.function,
		             reported.what, reported.detail);
}

/* ---- Blocks ---- */

struct smal_handle_stats handles_stats(void)
{
	struct smal_handle_stats stats;

	smal_handle_get_stats(handles, &stats);
	return stats;
}

size_t handles_scale(size_t n)
{
	return test_is_slow() ? n / 10 : n;
}

smal_handle handles_alloc(size_t bytes)
{
	smal_handle handle = smal_handle_alloc(handles, bytes, 0);

	EXPECT(handle != 0);
	return handle;
}

smal_handle handles_alloc_marked(size_t bytes)
{
	smal_handle handle = handles_alloc(bytes);

	handles_mark(handle);
	return handle;
}

void handles_free(smal_handle handle)
{
	EXPECT_EQ(smal_handle_free(handles, handle), SMAL_OK);
}

char *handles_lock(smal_handle handle)
{
	char *block = smal_handle_lock(handles, handle);

	EXPECT(block != NULL && (uintptr_t)block % 16 == 0);
	return block;
}

void handles_unlock(smal_handle handle)
{
	EXPECT_EQ(smal_handle_unlock(handles, handle), SMAL_OK);
}

void handles_compact(void)
{
	EXPECT(smal_compact(handles, 0));
}

static unsigned char byte_of(uint64_t tag, size_t at)
{
	uint64_t word = (tag + at / 8 + 1) * 0x9e3779b97f4a7c15;

	return (unsigned char)(word >> (8 + at % 8 * 7));
}

/* Every byte at first, then one of each granule. */
static size_t next_place(size_t at)
{
	return at < 256 ? at + 1 : at / 16 * 16 + 16;
}

void handles_write(void *block, size_t bytes, uint64_t tag)
{
	unsigned char *to = block;

	for (size_t at = 0; at < bytes; at = next_place(at))
		to[at] = byte_of(tag, at);
}

void handles_read(const void *block, size_t bytes, uint64_t tag)
{
	const unsigned char *from = block;

	for (size_t at = 0; at < bytes; at = next_place(at))
		if (from[at] != byte_of(tag, at))
			ck_abort_msg("byte %zu of %zu is %#x, not %#x", at, bytes, from[at],
			             byte_of(tag, at));
}

void handles_mark(smal_handle handle)
{
	handles_write(handles_lock(handle), smal_handle_size(handles, handle), handle);
	handles_unlock(handle);
}

void handles_check_mark(smal_handle handle)
{
	handles_read(handles_lock(handle), smal_handle_size(handles, handle), handle);
	handles_unlock(handle);
}

const char *handles_where(smal_handle handle)
{
	const char *block = smal_handle_weak_lock(handles, handle);

	EXPECT(block != NULL);
	return block;
}

/* ---- The oracle ---- */

static size_t rounded(size_t bytes)
{
	return bytes == 0 ? 16 : (bytes + 15) / 16 * 16;
}

/* Free memory between locked blocks, of which the front is filled. */
struct room {
	size_t base, limit;
};

static size_t find_rooms(const struct standing *blocks, size_t count, size_t limit_bytes,
                         struct room *rooms)
{
	size_t made = 0, base = 0;

	for (size_t i = 0; i < count; i++) {
		if (!blocks[i].locked)
			continue;
		if (blocks[i].place != base)
			rooms[made++] = (struct room){ base, blocks[i].place };
		base = blocks[i].place + rounded(blocks[i].bytes);
	}
	rooms[made++] = (struct room){ base, limit_bytes };
	return made;
}

struct oracle handles_oracle(const struct standing *blocks, size_t count, size_t limit_bytes)
{
	struct room *rooms = calloc(count + 1, sizeof *rooms);
	size_t made = find_rooms(blocks, count, limit_bytes, rooms), first = 0, i;
	struct oracle oracle = { 0 };

	for (size_t n = 0; n < count; n++) {
		size_t bytes = rounded(blocks[n].bytes), to = blocks[n].place;

		if (!blocks[n].locked) {
			while (rooms[first].base == rooms[first].limit)
				first++;
			for (i = first; rooms[i].limit - rooms[i].base < bytes; i++)
				;
			to = rooms[i].base;
			rooms[i].base += bytes;
			oracle.moved_bytes += to != blocks[n].place ? bytes : 0;
		}
		if (oracle.span_bytes < to + bytes)
			oracle.span_bytes = to + bytes;
	}
	for (i = 0; i < made; i++)
		if (oracle.largest_hole_bytes < rooms[i].limit - rooms[i].base)
			oracle.largest_hole_bytes = rooms[i].limit - rooms[i].base;
	free(rooms);
	return oracle;
}
