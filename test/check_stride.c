/* SPDX-License-Identifier: MIT */
/*
 * check_stride.c: slots of every stride fill their buffers and lie apart; a free
 * slot is found by reading a few words, whatever the pattern, and no buffer is
 * added while there is one; holes, claims and sizes are what the masks say;
 * what is no slot in use is refused. The checker sees each invariant broken.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <string.h>

enum { OWNER = 77, CLASS = 3 };

static struct smal_space *space;
static struct smal_stride stride;

static void begin(void)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = 1000000 };

	space = ground_space(&options);
}

static void expect_sound(void)
{
	ground_expect_sound(smal_stride_check(&stride));
}

static void begin_stride(size_t stride_bytes)
{
	ck_assert(smal_stride_init(&stride, space, OWNER, CLASS, stride_bytes));
	expect_sound();
}

static void end_stride(void)
{
	expect_sound();
	smal_stride_fini(&stride);
	ck_assert_uint_eq(stride.buffers, 0);
	ck_assert_uint_eq(stride.heap_bytes, 0);
	ground_check(space);
}

static void end(void)
{
	ground_check(space);
	smal_space_destroy(space);
}

static struct smal_buffer *grow(size_t bytes)
{
	struct smal_buffer *buffer = smal_stride_grow(&stride, bytes);

	ck_assert_ptr_nonnull(buffer);
	return buffer;
}

static uintptr_t take(void)
{
	uintptr_t slot = (uintptr_t)smal_stride_take(&stride);

	if (slot == 0) {
		EXPECT(smal_stride_grow(&stride, 0) != NULL);
		slot = (uintptr_t)smal_stride_take(&stride);
	}
	EXPECT(slot != 0);
	return slot;
}

static bool give(uintptr_t slot)
{
	return smal_stride_give(&stride, (void *)slot);
}

static const size_t strides[] = { 16,   24,   32,    40,    48,     56,    72,    104,   160,
	                          200,  1000, 2040,  4096,  4104,   8184,  8192,  8200,  10000,
	                          16384, 32760, 65536, 65544, 100000, 131064, 131072 };
enum { STRIDES = sizeof strides / sizeof *strides };

/* ---- Slot by slot ---- */

/* A buffer from its first slot to its last, in address order; every word finds
 * the slot it lies in, and no other is one. */
START_TEST(test_fill)
{
	size_t bytes = strides[_i], buffer_bytes = smal_max((size_t)1 << smal_log2_ceil(8 * bytes),
	                                                    65536);
	size_t slots = buffer_bytes / bytes, step = bytes < 256 ? 1 : bytes / 97;
	struct smal_buffer *buffer;
	uintptr_t base;

	begin_stride(bytes);
	ck_assert_uint_eq(stride.slots, slots);
	ck_assert_ptr_null(smal_stride_take(&stride));
	buffer = grow(0);
	base = smal_buffer_base(buffer);
	ck_assert_uint_eq(base % smal_min(buffer_bytes, SMAL_BLOCK), 0);
	for (size_t i = 0; i < slots; i++) {
		EXPECT_EQ(take(), base + i * bytes);
		ground_mark((void *)(base + i * bytes), bytes, i);
		EXPECT_EQ(buffer->used_slots, i + 1);
	}
	ck_assert_ptr_null(smal_stride_take(&stride));
	expect_sound();
	for (size_t i = 0; i < slots; i++)
		ground_check_mark((void *)(base + i * bytes), bytes, i);
	for (size_t at = 0; at < buffer_bytes; at += step) {
		uintptr_t slot = at / bytes < slots ? base + at / bytes * bytes : 0;

		EXPECT(smal_buffer_find(base + at) == buffer);
		EXPECT_EQ(smal_buffer_find_slot(buffer, base + at), slot);
		if (at % bytes != 0)
			EXPECT(!give(base + at));
	}
	ck_assert(give(base + slots / 2 * bytes));
	ck_assert(!give(base + slots / 2 * bytes));
	ck_assert_uint_eq(smal_buffer_find_slot(buffer, base + slots / 2 * bytes), 0);
	ck_assert_uint_eq(take(), base + slots / 2 * bytes);
	/* The last buffer with room stays, and is empty. */
	for (size_t i = 0; i < slots; i++)
		EXPECT(give(base + i * bytes));
	ck_assert_uint_eq(stride.buffers, 1);
	ck_assert_uint_eq(buffer->used_slots, 0);
	end_stride();
	ck_assert_ptr_null(smal_buffer_find(base));
	end();
}
END_TEST

/* Only the first and the last of all slots are free: what is read to find one
 * does not depend on how many there are. */
START_TEST(test_words_read)
{
	uint64_t least = 0;

	for (unsigned log2 = 12; log2 <= (test_is_slow() ? 16 : 24); log2 += 4) {
		uint64_t before, taken = 0;
		uintptr_t first, last = 0, slots = (uintptr_t)1 << log2;

		begin_stride(16);
		first = take();
		for (uintptr_t i = 1; i < slots; i++)
			last = take();
		ck_assert_uint_eq(stride.buffers, slots >> 12);
		for (int round = 0; round < 100; round++) {
			ck_assert(give(first));
			ck_assert(give(last));
			before = stride.words_read;
			ck_assert_ptr_nonnull(smal_stride_take(&stride));
			ck_assert_ptr_nonnull(smal_stride_take(&stride));
			ck_assert_ptr_null(smal_stride_take(&stride));
			taken += stride.words_read - before;
		}
		ck_assert_uint_le(taken, 100 * 2 * 4);
		if (least == 0)
			least = taken;
		ck_assert_uint_le(taken, 2 * least);
		smal_stride_fini(&stride);
	}
	/* A few words more where a bit of the summary stands for several. */
	begin_stride(8200);
	for (int i = 0; i < 500; i++) {
		uint64_t before = stride.words_read;

		take();
		EXPECT(stride.words_read - before <= 1 + stride.words / SMAL_WORD_BITS);
	}
	end_stride();
	end();
}
END_TEST

/* No buffer is added while there is a free slot, and an empty one goes back. */
START_TEST(test_no_growth)
{
	static uintptr_t live[40000];
	size_t count = 0, most = sizeof live / sizeof *live;
	struct test_random random;

	test_random_init(&random, 1);
	begin_stride(48);
	for (int step = 0; step < 300000; step++) {
		bool fills = step / 50000 % 2 == 0;

		if (count == 0 || (count < most && test_random_below(&random, 100) < (fills ? 65 : 35))) {
			size_t buffers = stride.buffers;

			live[count++] = take();
			if (stride.buffers != buffers)
				EXPECT_EQ(count, buffers * stride.slots + 1);
		} else {
			size_t at = test_random_below(&random, count);

			EXPECT(give(live[at]));
			live[at] = live[--count];
		}
	}
	expect_sound();
	while (count > 0)
		EXPECT(give(live[--count]));
	ck_assert_uint_eq(stride.buffers, 1);
	end_stride();
	end();
}
END_TEST

/* The first and the last slot come and go: what is committed stays. */
START_TEST(test_churn)
{
	int rounds = test_is_slow() ? 50000 : 1000000;
	struct smal_space_counts before, after;
	uintptr_t first, last = 0;

	begin_stride(16);
	first = take();
	for (int i = 1; i < 4096; i++)
		last = take();
	smal_space_get_counts(space, &before);
	for (int i = 0; i < rounds; i++) {
		EXPECT(give(first) && give(last));
		EXPECT(take() == first && take() == last);
	}
	smal_space_get_counts(space, &after);
	ck_assert_uint_eq(after.committed_bytes, before.committed_bytes);
	ck_assert_uint_eq(after.commits, before.commits);
	ck_assert_uint_eq(stride.buffers, 1);
	end_stride();
	end();
}
END_TEST

START_TEST(test_refusals)
{
	struct smal_stride other;
	uintptr_t slot, next;
	char *element;
	bool zeroed;
	void *run;

	begin_stride(64);
	ck_assert(smal_stride_init(&other, space, OWNER, CLASS + 1, 64));
	ck_assert_ptr_nonnull(smal_stride_grow(&other, 0));
	slot = take();
	next = (uintptr_t)smal_stride_take(&other);
	element = smal_element_take(space, 64);
	run = smal_space_take(space, 65536, 65536, &zeroed);
	ck_assert(!give(next));
	ck_assert(!smal_stride_give(&other, (void *)slot));
	ck_assert(!give(slot + 64));
	ck_assert(!give(slot + 8));
	ck_assert(!give((uintptr_t)element));
	ck_assert(!give((uintptr_t)run));
	ck_assert(!give(0));
	ck_assert(!give((uintptr_t)&slot));
	ck_assert(!give((uintptr_t)space));
	ck_assert(!give(UINTPTR_MAX));
	ck_assert(smal_stride_give(&other, (void *)next));
	ck_assert(give(slot));
	smal_stride_fini(&other);
	end_stride();
	end();
}
END_TEST

/* ---- Large slots ---- */

START_TEST(test_large)
{
	static const size_t sizes[] = { 1, 200000, SMAL_BLOCK, SMAL_BLOCK + 1, 5 * SMAL_BLOCK,
		                        SMAL_REGION, SMAL_REGION + 1 };
	struct smal_buffer *buffer;
	uintptr_t slot;

	begin_stride(0);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t bytes = smal_round_up(sizes[i], SMAL_CHUNK);

		buffer = grow(sizes[i]);
		ck_assert_uint_eq(smal_buffer_bytes(buffer), bytes);
		ck_assert_uint_eq(smal_buffer_slot_bytes(buffer), bytes);
		slot = (uintptr_t)smal_stride_take(&stride);
		ck_assert_uint_eq(slot, smal_buffer_base(buffer));
		ck_assert_ptr_null(smal_stride_take(&stride));
		ck_assert_ptr_eq(smal_buffer_find(slot + sizes[i] - 1), buffer);
		ck_assert_uint_eq(smal_buffer_find_slot(buffer, slot + sizes[i] - 1), slot);
		ck_assert(smal_buffer_find(slot + bytes) != buffer);
		ck_assert(!give(slot + 16));
		ck_assert_uint_eq(stride.heap_bytes, bytes);
		expect_sound();
		ck_assert(give(slot));
		ck_assert_uint_eq(stride.buffers, 0);
		ck_assert_ptr_null(smal_buffer_find(slot));
		ck_assert(!give(slot));
	}
	ck_assert_ptr_null(smal_stride_grow(&stride, SIZE_MAX - 70000));
	ck_assert_ptr_null(smal_stride_grow(&stride, SIZE_MAX / 2));
	expect_sound();
	end_stride();
	end();
}
END_TEST

START_TEST(test_resize)
{
	struct smal_buffer *buffer, *behind;
	uintptr_t base;
	bool zeroed;

	begin_stride(0);
	buffer = grow(200 * SMAL_CHUNK);
	base = (uintptr_t)smal_stride_take(&stride);
	ground_mark((void *)base, 200 * SMAL_CHUNK, 1);
	ck_assert(smal_buffer_resize(buffer, 300 * SMAL_CHUNK, &zeroed));
	ck_assert(zeroed);
	ck_assert_ptr_eq(smal_buffer_find(base + 300 * SMAL_CHUNK - 1), buffer);
	expect_sound();
	ground_check(space);
	ck_assert(smal_buffer_resize(buffer, 150 * SMAL_CHUNK, &zeroed));
	ground_check_mark((void *)base, 150 * SMAL_CHUNK, 1);
	ck_assert_ptr_eq(smal_buffer_find(base + 150 * SMAL_CHUNK - 1), buffer);
	ck_assert_ptr_null(smal_buffer_find(base + 150 * SMAL_CHUNK));
	ck_assert_ptr_null(smal_buffer_find(base + 250 * SMAL_CHUNK));
	expect_sound();
	behind = grow(65536);
	ck_assert_uint_eq(smal_buffer_base(behind), base + 160 * SMAL_CHUNK);
	ck_assert(!smal_buffer_resize(buffer, 161 * SMAL_CHUNK, &zeroed));
	expect_sound();
	ck_assert(smal_buffer_resize(buffer, 160 * SMAL_CHUNK, &zeroed));
	ck_assert(!zeroed);
	ground_check_mark((void *)base, 160 * SMAL_CHUNK, 1);
	ck_assert_uint_eq(stride.heap_bytes, 176 * SMAL_CHUNK);
	expect_sound();
	ground_check(space);
	/* Without memory for what a part needs, nothing changes. */
	behind = grow(8 * SMAL_BLOCK);
	base = smal_buffer_base(behind);
	fault_begin_only(FAULT_MPROTECT, 1, true);
	for (unsigned chunks = 8 * 256; chunks > 256; chunks -= 137) {
		bool done = smal_buffer_resize(behind, chunks * (size_t)SMAL_CHUNK, &zeroed);

		ck_assert(!done || smal_buffer_bytes(behind) == chunks * (size_t)SMAL_CHUNK);
		ck_assert_ptr_eq(smal_buffer_find(base + smal_buffer_bytes(behind) - 1), behind);
		expect_sound();
		ground_check(space);
	}
	fault_end();
	end_stride();
	end();
}
END_TEST

/* ---- Buffer by buffer ---- */

/* Holes between slots that are taken in a pattern are what the pattern says. */
START_TEST(test_holes)
{
	size_t bytes = strides[_i];
	struct test_random random;
	static bool used[4096];
	struct smal_buffer *buffer;
	uintptr_t base;

	test_random_init(&random, (uint64_t)_i);
	begin_stride(bytes);
	grow(0);
	buffer = smal_stride_claim(&stride, &stride);
	ck_assert_ptr_nonnull(buffer);
	ck_assert_ptr_null(smal_stride_claim(&stride, &stride));
	ck_assert_ptr_null(smal_stride_take(&stride));
	base = smal_buffer_base(buffer);
	memset(used, 0, sizeof used);
	for (int round = 0; round < 200; round++) {
		size_t first = test_random_below(&random, stride.slots), last = first, at;
		size_t most = 1 + test_random_below(&random, 40), count = 0;
		bool was = used[first];
		uintptr_t from, limit;

		while (last < stride.slots && used[last] == was && last - first < most)
			used[last++] = !was;
		if (was)
			smal_buffer_free_slots(buffer, base + first * bytes, base + last * bytes);
		else
			smal_buffer_claim_slots(buffer, base + first * bytes, base + last * bytes,
			                        false);
		/* An empty range changes nothing. */
		smal_buffer_free_slots(buffer, base + first * bytes, base + first * bytes);
		smal_buffer_claim_slots(buffer, base + last * bytes, base + last * bytes, false);
		for (at = 0; at < stride.slots; at++) {
			count += used[at];
			EXPECT_EQ(smal_buffer_find_slot(buffer, base + at * bytes + 1),
			          used[at] ? base + at * bytes : 0);
		}
		EXPECT_EQ(ground_live_slots(buffer), count);
		for (at = 0; at < stride.slots && used[at]; at++)
			;
		for (from = base, limit = base;
		     smal_buffer_hole(buffer, limit, &from, &limit);) {
			EXPECT_EQ(from, base + at * bytes);
			while (at < stride.slots && !used[at])
				at++;
			EXPECT_EQ(limit, base + at * bytes);
			while (at < stride.slots && used[at])
				at++;
		}
		EXPECT_EQ(at, stride.slots);
		if (round % 20 == 0)
			expect_sound();
	}
	smal_stride_unclaim(buffer);
	expect_sound();
	end_stride();
	end();
}
END_TEST

START_TEST(test_claims)
{
	struct smal_buffer *first, *second;
	uintptr_t base, limit;

	begin_stride(32);
	grow(0);
	grow(0);
	first = smal_stride_claim(&stride, &stride);
	second = smal_stride_claim(&stride, &stride);
	ck_assert(first != NULL && second != NULL && first != second);
	expect_sound();
	/* All of one, and a slot of the other. */
	ck_assert(smal_buffer_hole(first, smal_buffer_base(first), &base, &limit));
	ck_assert_uint_eq(limit - base, 65536);
	smal_buffer_claim_slots(first, base, limit, false);
	ck_assert(!smal_buffer_hole(first, base, &base, &limit));
	smal_buffer_claim_slots(second, smal_buffer_base(second), smal_buffer_base(second) + 32,
	                        false);
	smal_stride_unclaim(first);
	smal_stride_unclaim(second);
	expect_sound();
	ck_assert_ptr_eq(smal_stride_claim(&stride, &stride), second);
	ck_assert_ptr_null(smal_stride_claim(&stride, &stride));
	smal_stride_unclaim(second);
	/* A mask that was changed, recounted. */
	memset(smal_buffer_live(first), 0, stride.words * sizeof(smal_word));
	smal_bit_set(smal_buffer_live(first), 2);
	ck_assert(smal_stride_settle(first, true));
	ck_assert_uint_eq(first->used_slots, 1);
	expect_sound();
	smal_bit_clear(smal_buffer_live(first), 2);
	ck_assert(smal_stride_settle(first, false));
	expect_sound();
	ck_assert_uint_eq(stride.buffers, 2);
	ck_assert(!smal_stride_settle(first, true));
	ck_assert_uint_eq(stride.buffers, 1);
	expect_sound();
	/* The other mask as the live one. */
	smal_bit_set(smal_buffer_mask(second, 1), 4);
	smal_bit_set(smal_buffer_mask(second, 1), 6);
	stride.live = 1;
	ck_assert(smal_stride_settle(second, true));
	ck_assert_uint_eq(second->used_slots, 2);
	expect_sound();
	end_stride();
	end();
}
END_TEST

/* A new buffer's masks are empty, whoever had its memory, and it says which of
 * its memory may not be zero. */
START_TEST(test_new_buffer)
{
	struct smal_buffer *buffer;
	uintptr_t base;

	begin_stride(16);
	stride.masks = SMAL_SIDE_MASKS;
	buffer = grow(0);
	base = smal_buffer_base(buffer);
	ck_assert_uint_eq(buffer->dirty_granules, 0);
	ck_assert_uint_eq(take(), base);
	for (unsigned i = 1; i < stride.masks; i++)
		memset(smal_buffer_mask(buffer, i), 0xff, SMAL_MASK_BYTES);
	end_stride();
	begin_stride(32);
	stride.masks = SMAL_SIDE_MASKS;
	buffer = grow(0);
	ck_assert_uint_eq(smal_buffer_base(buffer), base);
	ck_assert_uint_eq(buffer->dirty_granules, 4096);
	for (unsigned i = 0; i < stride.masks; i++)
		for (size_t w = 0; w < stride.words; w++)
			ck_assert_uint_eq(smal_buffer_mask(buffer, i)[w], 0);
	end_stride();
	end();
}
END_TEST

START_TEST(test_no_memory)
{
	struct fault_sweep sweep = { .calls = FAULT_ALL };
	uintptr_t slot;

	/* A stride's template, and its buffers. */
	while (fault_sweep_next(&sweep)) {
		fault_sweep_begin(&sweep);
		for (size_t i = 0; i < STRIDES; i++) {
			if (!smal_stride_init(&stride, space, OWNER, CLASS, strides[i]))
				continue;
			if (smal_stride_grow(&stride, 0) != NULL) {
				slot = (uintptr_t)smal_stride_take(&stride);
				EXPECT(slot != 0 && give(slot));
			}
			expect_sound();
			smal_stride_fini(&stride);
		}
		fault_end();
		ground_check(space);
		begin_stride(strides[sweep.nth % STRIDES]);
		take();
		end_stride();
		smal_space_destroy(space);
		begin();
	}
	end();
}
END_TEST

/* ---- The checker ---- */

#define BREAK(field, value, tag) GROUND_BREAK(field, value, smal_stride_check(&stride), tag)

START_TEST(test_checker)
{
	struct smal_buffer *full, *roomy, *other, *claimed, *large;
	smal_word *live;

	begin_stride(48);
	claimed = grow(0);
	ck_assert_ptr_eq(smal_stride_claim(&stride, &stride), claimed);
	full = grow(0);
	for (unsigned i = 0; i < stride.slots; i++)
		take();
	other = grow(0);
	roomy = grow(0);
	for (int i = 0; i < 5; i++)
		take();
	live = smal_buffer_live(roomy);
	expect_sound();

	BREAK(stride.magic, SMAL_MAGIC_GONE, "stride");
	/* I1: bits at the starts of slots. */
	BREAK(live[0], live[0] | 2, "stride I1");
	BREAK(smal_buffer_live(claimed)[3], UINTPTR_MAX, "stride I1");
	/* I2: counts. */
	BREAK(roomy->used_slots, 4, "stride I2");
	BREAK(full->used_slots, 0, "stride I2");
	BREAK(live[0], live[0] & ~(smal_word)1, "stride I2");
	/* I3: summaries. */
	BREAK(roomy->summary, roomy->summary & ~(smal_word)2, "stride I3");
	BREAK(full->summary, 1, "stride I3");
	/* I4: lists. */
	BREAK(roomy->state, SMAL_BUFFER_FULL, "stride I4");
	BREAK(full->state, SMAL_BUFFER_CLAIMED, "stride I4");
	BREAK(claimed->state, SMAL_BUFFER_ROOM, "stride I4");
	BREAK(roomy->stride, NULL, "stride I4");
	BREAK(other->link.prev, &other->link, "stride I4");
	BREAK(roomy->link.next, &roomy->link, "stride I4");
	{
		uint32_t used = full->used_slots;

		/* Listed as one with room, and everything else fits. */
		smal_link_remove(&full->link);
		smal_link_push(&stride.room, &full->link);
		full->state = SMAL_BUFFER_ROOM;
		ground_expect(smal_stride_check(&stride), "stride I4");
		full->state = SMAL_BUFFER_FULL;
		smal_link_remove(&full->link);
		smal_link_push(&stride.filled, &full->link);
		ck_assert_uint_eq(full->used_slots, used);
		expect_sound();
	}
	/* I5: ids. */
	BREAK(*smal_segment_owner(roomy->segment, roomy->id), 0, "stride I5");
	BREAK(*smal_segment_owner(roomy->segment, roomy->id), OWNER << 16, "stride I5");
	BREAK(((uint32_t *)(void *)roomy->segment->side[SMAL_SIDE_BACK].base)[roomy->id], 1,
	      "stride I5");
	BREAK(roomy->id, other->id, "stride I5");
	/* I6: sums. */
	BREAK(stride.buffers, 3, "stride I6");
	BREAK(stride.buffers, 5, "stride I6");
	BREAK(stride.heap_bytes, 3 * 65536, "stride I6");
	BREAK(roomy->chunks, MIB / 4096, "stride I6");
	end_stride();

	begin_stride(0);
	large = grow(200000);
	grow(300000);
	BREAK(large->chunks, 64, "stride I");
	BREAK(large->chunks, 51, "stride I6");
	BREAK(((uint32_t *)(void *)large->segment->side[SMAL_SIDE_BACK].base)[large->id + 2], 0,
	      "stride I5");
	BREAK(*smal_segment_owner(large->segment, large->id + 3), 0, "stride I5");
	BREAK(large->summary, 3, "stride I3");
	end_stride();
	end();
}
END_TEST

static Suite *stride_suite(void)
{
	Suite *suite = suite_create("stride");
	TCase *slots = tcase_create("slots");
	TCase *buffers = tcase_create("buffers");
	TCase *checker = tcase_create("checker");

	tcase_add_checked_fixture(slots, begin, NULL);
	tcase_add_loop_test(slots, test_fill, 0, STRIDES);
	tcase_add_test(slots, test_words_read);
	tcase_add_test(slots, test_no_growth);
	tcase_add_test(slots, test_churn);
	tcase_add_test(slots, test_refusals);
	suite_add_tcase(suite, slots);

	tcase_add_checked_fixture(buffers, begin, NULL);
	tcase_add_test(buffers, test_large);
	tcase_add_test(buffers, test_resize);
	tcase_add_loop_test(buffers, test_holes, 0, STRIDES);
	tcase_add_test(buffers, test_claims);
	tcase_add_test(buffers, test_new_buffer);
	tcase_add_test(buffers, test_no_memory);
	suite_add_tcase(suite, buffers);

	tcase_add_checked_fixture(checker, begin, NULL);
	tcase_add_test(checker, test_checker);
	suite_add_tcase(suite, checker);
	return suite;
}

int main(void)
{
	return test_main(stride_suite);
}
