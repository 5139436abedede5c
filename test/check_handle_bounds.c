/* SPDX-License-Identifier: MIT */
/*
 * check_handle_bounds.c: heaps of handles in buffers of the caller's, of all sizes and
 * at all alignments: nothing is written beside them, the system is not called, no other
 * heap is made, and what fits is not refused.
 */
#include "test/handles.h"
#include "test/fault.h"

#include <smal/heap.h>
#include <smal/base/def.h>

#include <stdlib.h>
#include <string.h>

enum { CANARY = 64, CANARY_BYTE = 0xa5 };

static unsigned char *memory;
static size_t memory_bytes, memory_skew;

/* ---- No other heap ---- */

enum smal_error __real_smal_heap_create(const struct smal_heap_options *options,
                                        struct smal_heap **result);
enum smal_error __wrap_smal_heap_create(const struct smal_heap_options *options,
                                        struct smal_heap **result);

static unsigned heaps_made;

enum smal_error __wrap_smal_heap_create(const struct smal_heap_options *options,
                                        struct smal_heap **result)
{
	heaps_made++;
	return __real_smal_heap_create(options, result);
}

/* ---- A buffer between canaries ---- */

static void check_canaries(void)
{
	const unsigned char *behind = memory + CANARY + memory_skew + memory_bytes;

	for (size_t i = 0; i < CANARY + memory_skew; i++)
		EXPECT(memory[i] == CANARY_BYTE);
	for (size_t i = 0; i < CANARY; i++)
		EXPECT(behind[i] == CANARY_BYTE);
}

static bool begin(size_t bytes, size_t skew)
{
	struct smal_handle_options options = { .buffer_bytes = bytes };
	struct smal_handle_heap *heap;

	memory = malloc(bytes + 2 * CANARY + 16);
	ck_assert_ptr_nonnull(memory);
	memset(memory, CANARY_BYTE, bytes + 2 * CANARY + 16);
	memory_bytes = bytes;
	memory_skew = skew;
	options.buffer = memory + CANARY + skew;
	if (smal_handle_heap_create(&options, &heap) != SMAL_OK) {
		check_canaries();
		free(memory);
		return false;
	}
	ck_assert_int_eq(smal_handle_heap_destroy(heap), SMAL_OK);
	handles_begin(&options);
	return true;
}

static void end(void)
{
	handles_end();
	check_canaries();
	free(memory);
}

static void check_inside(smal_handle handle, size_t bytes)
{
	const char *at = handles_where(handle), *base = (char *)memory + CANARY + memory_skew;

	EXPECT((uintptr_t)at % 16 == 0);
	EXPECT(at >= base && at + bytes <= base + memory_bytes);
}

/* ---- Sizes of buffers ---- */

START_TEST(test_least)
{
	for (size_t skew = 0; skew < 16; skew++) {
		EXPECT(!begin(SMAL_HANDLE_LEAST_BYTES - 1, skew));
		EXPECT(!begin(1, skew));
		EXPECT(begin(SMAL_HANDLE_LEAST_BYTES, skew));
		handles_check_mark(handles_alloc_marked(512));
		end();
	}
}
END_TEST

static void use(size_t bytes)
{
	enum { MOST = 5000 };
	static smal_handle all[MOST];
	size_t count = 0, size = bytes / 100, used = 0;

	while (count < MOST && (all[count] = smal_handle_alloc(handles, size, 0)) != 0) {
		check_inside(all[count], size);
		handles_mark(all[count++]);
		used += (size + 15) / 16 * 16 + 12;
	}
	/* All but the head, and what one block more would need. */
	EXPECT(used + size + 16 + 24 + 1024 + bytes / 1024 > bytes);
	for (size_t i = 0; i < count; i += 2)
		handles_free(all[i]);
	handles_compact();
	EXPECT(smal_handle_alloc(handles, bytes / 8, 0) != 0);
	for (size_t i = 1; i < count; i += 2)
		handles_check_mark(all[i]);
}

START_TEST(test_sizes)
{
	for (size_t bytes = 2048; bytes <= MIB; bytes = bytes * 4 / 3 + 1)
		for (size_t skew = 0; skew < 16; skew++) {
			ck_assert(begin(bytes, skew));
			use(bytes);
			handles_check();
			end();
		}
}
END_TEST

/* ---- Every sequence of calls ---- */

enum { SLOTS = 3, SIZES = 3, OPERATIONS = SLOTS * (SIZES + 3) + 2 };

static smal_handle slots[SLOTS];
static unsigned locks[SLOTS];
static size_t tiny_sizes[SIZES];

/* A slot is allocated in a size, freed, locked or unlocked, or resized. */
static void operate(unsigned which)
{
	unsigned slot = which % SLOTS, what = which / SLOTS;

	if (which == OPERATIONS - 2) {
		handles_compact();
		return;
	}
	if (which == OPERATIONS - 1) {
		smal_compact(handles, 1);
		return;
	}
	if (what < SIZES) {
		if (slots[slot] != 0)
			return;
		slots[slot] = smal_handle_alloc(handles, tiny_sizes[what], 0);
		if (slots[slot] != 0)
			handles_mark(slots[slot]);
	} else if (slots[slot] == 0) {
		return;
	} else if (what == SIZES) {
		if (locks[slot] != 0)
			return;
		handles_free(slots[slot]);
		slots[slot] = 0;
	} else if (what == SIZES + 1) {
		if (locks[slot] == 0)
			handles_lock(slots[slot]);
		else
			handles_unlock(slots[slot]);
		locks[slot] ^= 1;
	} else {
		size_t had = smal_handle_size(handles, slots[slot]);
		size_t bytes = tiny_sizes[(had + 1) % SIZES];

		if (smal_handle_resize(handles, slots[slot], bytes) == SMAL_OK) {
			handles_read(handles_where(slots[slot]), bytes < had ? bytes : had,
			             slots[slot]);
			handles_mark(slots[slot]);
		}
	}
}

static void run_sequence(uint64_t sequence, unsigned length)
{
	for (unsigned i = 0; i < length; i++, sequence /= OPERATIONS) {
		operate(sequence % OPERATIONS);
		if (smal_handle_check(handles) != SMAL_OK)
			handles_check();
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i] != 0) {
			handles_check_mark(slots[i]);
			if (locks[i] != 0)
				handles_unlock(slots[i]);
			handles_free(slots[i]);
		}
		slots[i] = 0;
		locks[i] = 0;
	}
	handles_compact();
	EXPECT_EQ(handles_stats().span_bytes, 0);
}

/* In a buffer that two of the three sizes fill. */
START_TEST(test_every_sequence)
{
	unsigned length = test_long() ? 5 : test_is_slow() ? 3 : 4;
	uint64_t sequences = 1;
	size_t room;

	ck_assert(begin(2048, (size_t)_i));
	room = handles_stats().allocatable_bytes - 3 * 12;
	tiny_sizes[0] = 16;
	tiny_sizes[1] = room / 2 / 16 * 16 + 1;
	tiny_sizes[2] = room / 3 / 16 * 16 + 2;
	for (unsigned i = 0; i < length; i++)
		sequences *= OPERATIONS;
	for (uint64_t sequence = 0; sequence < sequences; sequence++)
		run_sequence(sequence, length);
	end();
}
END_TEST

/* ---- Nobody is called ---- */

START_TEST(test_no_calls)
{
	enum { COUNT = 1000 };
	smal_handle all[COUNT];
	uint64_t calls;

	ck_assert(begin(512 * KIB, 3));
	handles_end();
	calls = fault_calls(FAULT_ALL);
	handles_begin(&(struct smal_handle_options){ .buffer = memory + CANARY + 3,
	                                             .buffer_bytes = 512 * KIB });
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < COUNT; i++) {
			all[i] = smal_handle_alloc(handles, 300 + i, i % 10 == 0);
			if (all[i] != 0)
				handles_mark(all[i]);
		}
		for (unsigned i = round; i < COUNT; i += 3)
			if (all[i] != 0 && smal_handle_free(handles, all[i]) == SMAL_OK)
				all[i] = 0;
		EXPECT(smal_handle_alloc(handles, SIZE_MAX / 2, 0) == 0);
		handles_free(handles_alloc(300 * KIB / 4));
		smal_compact(handles, 1000);
		handles_compact();
		smal_handle_purge(handles);
		for (unsigned i = 0; i < COUNT; i++)
			if (all[i] != 0)
				handles_free(all[i]);
	}
	handles_alloc_marked(400 * KIB);
	EXPECT_EQ(fault_calls(FAULT_ALL) - calls, 0);
	EXPECT_EQ(heaps_made, 0);
	end();
}
END_TEST

/* ---- 95 % ---- */

/* With nothing locked, what fits beside the blocks and their entries is not refused. */
START_TEST(test_full)
{
	enum { MOST = 4000 };
	static smal_handle all[MOST];
	static size_t sizes[MOST];
	size_t bytes = 512 * KIB, live = 0, entries_most = 0, count = 0, refused = 0;
	size_t room = bytes - 1024 - bytes / 1024 - 64;
	struct test_random random;

	ck_assert(begin(bytes, 0));
	test_random_init(&random, 95);
	for (size_t step = 0; step < (test_long() ? 10000000 : handles_scale(1000000)); step++) {
		size_t at = test_random_below(&random, MOST);
		size_t size = 1 + test_random_below(&random, 500), rounded = (size + 15) / 16 * 16;

		if (all[at] != 0) {
			if (step % 16 == 0)
				handles_check_mark(all[at]);
			handles_free(all[at]);
			live -= sizes[at];
			count--;
			all[at] = 0;
			continue;
		}
		/* Entries at the end of the table go only when they are not used; two more
		 * are for the block's and for what is left of a hole. */
		if (live + rounded > bytes / 100 * 95 ||
		    live + rounded + 12 * (smal_max(entries_most, count) + 3) > room)
			continue;
		all[at] = smal_handle_alloc(handles, size, 0);
		refused += all[at] == 0;
		if (all[at] == 0)
			continue;
		if (step % 16 == 0)
			handles_mark(all[at]);
		else
			handles_write(handles_lock(all[at]), size, all[at]), handles_unlock(all[at]);
		sizes[at] = rounded;
		live += rounded;
		count++;
		entries_most = smal_max(entries_most, (size_t)(uint32_t)all[at]);
	}
	EXPECT_EQ(refused, 0);
	EXPECT(live > bytes / 100 * 80);
	end();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("handles in buffers");
	TCase *t = tcase_create("bounds");

	tcase_add_test(t, test_least);
	tcase_add_test(t, test_sizes);
	tcase_add_loop_test(t, test_every_sequence, 0, 2);
	tcase_add_test(t, test_no_calls);
	tcase_add_test(t, test_full);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
