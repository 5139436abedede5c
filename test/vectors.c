/* SPDX-License-Identifier: MIT */
/*
 * vectors.c: what the tests of vectors share (vectors.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct smal_vector_pool *pool;

void vectors_begin(const struct smal_vector_options *options)
{
	heaps_listen();
	ck_assert_int_eq(smal_vector_pool_create(options, &pool), SMAL_OK);
}

void vectors_begin_plain(void)
{
	vectors_begin(NULL);
}

void vectors_end(void)
{
	vectors_check();
	heaps_silent();
	ck_assert_int_eq(smal_vector_pool_destroy(pool), SMAL_OK);
	heaps_silent();
	pool = NULL;
}

void vectors_check(void)
{
	if (smal_vector_check(pool) != SMAL_OK)
		ck_abort_msg("%s: %s", reported.what, reported.detail);
}

struct smal_vector_stats vectors_stats(void)
{
	struct smal_vector_stats stats;

	smal_vector_get_stats(pool, &stats);
	return stats;
}

void *vectors_alloc(size_t capacity)
{
	void *vector = smal_vector_alloc(pool, capacity);

	if (vector == NULL)
		ck_abort_msg("no vector of %zu bytes", capacity);
	EXPECT(smal_vector_capacity(pool, vector) >= capacity);
	EXPECT(smal_vector_used(pool, vector) == 0);
	return vector;
}

void vectors_free(void *vector)
{
	if (smal_vector_free(pool, vector) != SMAL_OK)
		ck_abort_msg("%s: %s: %s", reported.function, reported.what, reported.detail);
}

void *vectors_resize(void *vector, size_t used)
{
	vector = smal_vector_resize(pool, vector, used);
	if (vector == NULL)
		ck_abort_msg("no vector of %zu bytes: %s", used, reported.what);
	EXPECT(smal_vector_used(pool, vector) == used);
	EXPECT(smal_vector_capacity(pool, vector) >= used);
	return vector;
}

/* ---- Buffers ---- */

enum { CANARY = 64, CANARY_BYTE = 0xc5 };

static unsigned char *buffers[2], *inner[2];
static size_t bytes_of[2], room[2];

static void make_buffer(int which, size_t bytes, size_t align, size_t odd)
{
	room[which] = bytes + 2 * CANARY + 2 * align + odd;
	buffers[which] = malloc(room[which]);
	EXPECT(buffers[which] != NULL);
	memset(buffers[which], CANARY_BYTE, room[which]);
	inner[which] = buffers[which] + CANARY;
	inner[which] += (0 - (uintptr_t)inner[which]) & (align - 1);
	inner[which] += odd;
	bytes_of[which] = bytes;
}

bool vectors_begin_in(size_t disc_bytes, size_t smallest, size_t largest, unsigned growth)
{
	struct smal_vector_options options = { .smallest_bytes = smallest,
		                               .largest_bytes = largest,
		                               .growth = growth };
	struct smal_vector_geometry geometry;
	enum smal_error error;

	heaps_listen();
	ck_assert_int_eq(smal_vector_get_geometry(disc_bytes, smallest, largest, growth, &geometry),
	                 SMAL_OK);
	make_buffer(0, disc_bytes, smallest, 0);
	make_buffer(1, geometry.map_bytes, 8, disc_bytes % 8);
	options.disc = inner[0];
	options.disc_bytes = disc_bytes;
	options.map = inner[1];
	options.map_bytes = geometry.map_bytes;
	error = smal_vector_pool_create(&options, &pool);
	heaps_silent();
	if (error == SMAL_OK)
		return true;
	ck_assert_int_eq(error, SMAL_ERROR_NO_MEMORY);
	free(buffers[0]);
	free(buffers[1]);
	return false;
}

static void check_canaries(int which)
{
	for (size_t i = 0; i < room[which]; i++) {
		bool inside = i >= (size_t)(inner[which] - buffers[which]) &&
		              i < (size_t)(inner[which] - buffers[which]) + bytes_of[which];

		if (!inside && buffers[which][i] != CANARY_BYTE)
			ck_abort_msg("byte %zd of %s is written",
			             (ptrdiff_t)(buffers[which] + i - inner[which]),
			             which == 0 ? "the disc" : "the map");
	}
}

void vectors_end_in(void)
{
	vectors_end();
	for (int which = 0; which < 2; which++) {
		check_canaries(which);
		free(buffers[which]);
	}
}

/* ---- Memory ---- */

size_t vectors_resident(const void *base, size_t bytes)
{
	size_t page = smal_os_page_bytes(), resident = 0;
	unsigned char seen[4096];

	bytes = smal_round_up(bytes, page);
	for (size_t at = 0; at < bytes; at += sizeof seen * page) {
		size_t n = smal_min(bytes - at, sizeof seen * page);

		if (mincore((char *)(uintptr_t)base + at, n, seen) != 0)
			return TEST_UNKNOWN;
		for (size_t i = 0; i < n / page; i++)
			resident += (seen[i] & 1) != 0 ? page : 0;
	}
	return resident;
}
