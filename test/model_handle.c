/* SPDX-License-Identifier: MIT */
/*
 * model_handle.c: random operations on a heap of handles, all of its public functions,
 * against a list of what there is: every block has its size and what was written to
 * it, is where it is while it is locked, and the counts and invariants hold, after
 * every operation of a short run, now and then of a long one.
 *
 * In the system's memory, in that with a limit, in a buffer that is mostly full.
 */
#include "test/handles.h"

#include <stdlib.h>
#include <string.h>

enum { SHADOWS = 300, STALE = 64 };

struct shadow {
	smal_handle handle;
	size_t bytes;
	uint64_t tag;
	unsigned locks;
	bool purgeable, vanished;
	/* While it is locked; and of the weak lock last taken. */
	char *at;
	const char *seen;
};

static struct shadow shadows[SHADOWS];
static smal_handle stale[STALE];
static struct test_random randoms;
static size_t largest, moves_told, memory_bytes;
static bool is_limited;

static uint64_t below(uint64_t limit)
{
	return test_random_below(&randoms, limit);
}

static size_t random_bytes(void)
{
	static const size_t limits[] = { 16, 64, 128, 256, 1024, 4096, 40000, 500000 };
	size_t limit = limits[below(below(8) == 0 ? 8 : 5)];

	if (limit > largest)
		limit = largest;
	return below(limit + 1);
}

/* What a handle's block was told to have moved to. */
static void note_move(smal_handle handle, void *to, const void *from, size_t bytes, void *user)
{
	EXPECT(to != from && user == &moves_told);
	for (unsigned i = 0; i < SHADOWS; i++)
		if (shadows[i].handle == handle) {
			size_t both = bytes < shadows[i].bytes ? bytes : shadows[i].bytes;

			EXPECT(shadows[i].locks == 0);
			handles_read(to, both, shadows[i].tag);
		}
	moves_told++;
}

/* ---- One block ---- */

/* Purgeable blocks vanish when they like, but not while they are locked. */
static bool look(struct shadow *shadow)
{
	char *at = smal_handle_lock(handles, shadow->handle);

	if (at == NULL) {
		EXPECT(shadow->purgeable && shadow->locks == 0);
		EXPECT_EQ(smal_handle_size(handles, shadow->handle), 0);
		shadow->vanished = true;
		return false;
	}
	EXPECT(!shadow->vanished && (uintptr_t)at % 16 == 0);
	EXPECT(shadow->locks == 0 || at == shadow->at);
	EXPECT_EQ(smal_handle_size(handles, shadow->handle), shadow->bytes);
	handles_read(at, shadow->bytes, shadow->tag);
	handles_unlock(shadow->handle);
	return true;
}

static void write_new(struct shadow *shadow)
{
	char *at = handles_lock(shadow->handle);

	shadow->tag = test_random_next(&randoms);
	handles_write(at, shadow->bytes, shadow->tag);
	handles_unlock(shadow->handle);
}

static void make(struct shadow *shadow)
{
	unsigned flags = below(4) == 0 ? SMAL_HANDLE_TELL : 0;

	*shadow = (struct shadow){ .bytes = random_bytes() };
	shadow->purgeable = below(10) == 0;
	flags |= shadow->purgeable ? SMAL_HANDLE_PURGEABLE : 0;
	shadow->handle = smal_handle_alloc(handles, shadow->bytes, flags);
	EXPECT(shadow->handle != 0 || is_limited);
	if (shadow->handle != 0)
		write_new(shadow);
}

static void end(struct shadow *shadow)
{
	while (shadow->locks > 0) {
		handles_unlock(shadow->handle);
		shadow->locks--;
	}
	look(shadow);
	handles_free(shadow->handle);
	EXPECT(shadow->seen == NULL ||
	       !smal_handle_validate(handles, shadow->handle, shadow->seen));
	stale[below(STALE)] = shadow->handle;
	shadow->handle = 0;
}

static void resize(struct shadow *shadow)
{
	size_t bytes = below(3) == 0 ? shadow->bytes + below(64) : random_bytes();
	size_t both = bytes < shadow->bytes ? bytes : shadow->bytes;
	enum smal_error error;

	if (!look(shadow))
		return;
	error = smal_handle_resize(handles, shadow->handle, bytes);
	if (error != SMAL_OK) {
		EXPECT((error == SMAL_ERROR_BUSY && shadow->locks != 0) ||
		       (error == SMAL_ERROR_NO_MEMORY && is_limited));
		look(shadow);
		return;
	}
	EXPECT(shadow->locks == 0 || handles_where(shadow->handle) == shadow->at);
	handles_read(handles_where(shadow->handle), both, shadow->tag);
	shadow->bytes = bytes;
	write_new(shadow);
}

static void lock(struct shadow *shadow)
{
	char *at = smal_handle_lock(handles, shadow->handle);

	if (at == NULL) {
		EXPECT(shadow->purgeable && shadow->locks == 0);
		shadow->vanished = true;
		return;
	}
	EXPECT(shadow->locks == 0 || shadow->at == at);
	shadow->at = at;
	shadow->locks++;
}

static void unlock(struct shadow *shadow)
{
	if (shadow->locks == 0)
		return;
	handles_unlock(shadow->handle);
	shadow->locks--;
}

static void weak(struct shadow *shadow)
{
	const char *now = smal_handle_weak_lock(handles, shadow->handle);

	if (shadow->seen != NULL)
		EXPECT(smal_handle_validate(handles, shadow->handle, shadow->seen) ==
		       (now == shadow->seen));
	shadow->seen = now;
	if (now == NULL)
		EXPECT(shadow->purgeable && shadow->locks == 0);
	else
		handles_read(now, shadow->bytes, shadow->tag);
}

static void set_purgeable(struct shadow *shadow)
{
	/* One that vanished before stays away. */
	if (shadow->purgeable && !look(shadow))
		return;
	shadow->purgeable = !shadow->purgeable;
	EXPECT_EQ(smal_handle_set_purgeable(handles, shadow->handle, shadow->purgeable), SMAL_OK);
}

/* ---- Operations ---- */

static void operate(struct shadow *shadow)
{
	uint64_t what = below(100);

	if (shadow->handle == 0)
		make(shadow);
	else if (what < 35)
		end(shadow);
	else if (what < 50)
		resize(shadow);
	else if (what < 60)
		lock(shadow);
	else if (what < 75)
		unlock(shadow);
	else if (what < 85)
		weak(shadow);
	else if (what < 87)
		set_purgeable(shadow);
	else
		look(shadow);
}

static void refuse(void)
{
	smal_handle handle = stale[below(STALE)];

	if (handle == 0)
		return;
	EXPECT_EQ(smal_handle_free(handles, handle), SMAL_ERROR_INVALID);
	/* Stale, or of no entry that there is. */
	handles_told(SMAL_ERROR_INVALID, "smal_handle_free", NULL, NULL);
}

/* For all blocks at once. */
static void rarely(void)
{
	switch (below(12)) {
	case 0:
		handles_compact();
		break;
	case 1:
		smal_handle_purge(handles);
		break;
	case 2:
		for (unsigned i = 0; i < SHADOWS; i++)
			while (shadows[i].locks > 0)
				unlock(&shadows[i]);
		break;
	case 3:
		if (below(30) == 0)
			for (unsigned i = 0; i < SHADOWS; i++)
				if (shadows[i].handle != 0)
					end(&shadows[i]);
		break;
	case 4:
	case 5:
		refuse();
		break;
	default:
		/* One step of it. */
		smal_compact(handles, 1);
	}
}

/* ---- All blocks ---- */

static void audit(void)
{
	struct smal_handle_stats stats;
	uint64_t blocks = 0, bytes = 0;

	handles_check();
	for (unsigned i = 0; i < SHADOWS; i++) {
		struct shadow *shadow = &shadows[i];

		if (shadow->handle == 0 || (shadow->purgeable && shadow->locks == 0 && !look(shadow)))
			continue;
		blocks++;
		bytes += shadow->bytes;
	}
	stats = handles_stats();
	EXPECT_EQ(stats.blocks, blocks);
	EXPECT_EQ(stats.block_bytes, bytes);
	EXPECT(stats.large_bytes <= stats.block_bytes);
	EXPECT(!is_limited || stats.span_bytes <= memory_bytes);
}

static void run(uint64_t steps, uint64_t audit_every)
{
	test_random_init(&randoms, steps + is_limited);
	memset(shadows, 0, sizeof shadows);
	memset(stale, 0, sizeof stale);
	for (uint64_t step = 0; step < steps; step++) {
		operate(&shadows[below(SHADOWS)]);
		if (below(30) == 0)
			rarely();
		if (step % audit_every == 0)
			audit();
	}
	audit();
	for (unsigned i = 0; i < SHADOWS; i++)
		if (shadows[i].handle != 0)
			end(&shadows[i]);
	handles_compact();
	EXPECT_EQ(handles_stats().span_bytes, 0);
	EXPECT(moves_told != 0);
}

/* ---- Heaps ---- */

enum kind { SYSTEM, LIMITED, BUFFER, KINDS };

static void *buffer;

/* The same again in a process that has had threads. */
static void begin(unsigned kind)
{
	struct smal_handle_options options = { .moved = note_move, .user = &moves_told };

	if (kind >= KINDS) {
		handles_meet_thread();
		kind -= KINDS;
	}
	is_limited = kind != SYSTEM;
	largest = kind == SYSTEM ? SIZE_MAX : 10000;
	memory_bytes = 128 * KIB;
	if (kind == LIMITED)
		options.limit_bytes = memory_bytes;
	if (kind == BUFFER) {
		buffer = malloc(memory_bytes);
		options.buffer = (char *)buffer + 5;
		options.buffer_bytes = memory_bytes - 5;
	}
	handles_begin(&options);
}

START_TEST(test_each)
{
	begin((unsigned)_i);
	run(test_is_slow() ? 2000 : 10000, 1);
	handles_end();
	free(buffer);
}
END_TEST

START_TEST(test_many)
{
	begin((unsigned)_i);
	run(test_long() ? 17000000 : handles_scale(170000), 5000);
	handles_end();
	free(buffer);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("model of handles");
	TCase *t = tcase_create("model");

	tcase_add_loop_test(t, test_each, 0, 2 * KINDS);
	tcase_add_loop_test(t, test_many, 0, 2 * KINDS);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
