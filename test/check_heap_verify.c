/* SPDX-License-Identifier: MIT */
/*
 * check_heap_verify.c: the checker of heaps is checked: each invariant that it looks
 * at (smal/heap/verify.c) is broken in one place, smal_heap_check names it, and is
 * content again when the place is mended. So are those of the strides and of the
 * space beneath.
 */
#include "test/heaps.h"

#include <string.h>

enum { BYTES = 48, BIG = 2000, BLOCKS = 8000 };

static struct smal_cache *cache;
/* Of BYTES: blocks in use, and all over their buffers some that are free; a buffer
 * with room, one that is full, the current one. */
static void *blocks[BLOCKS], *large;
static struct smal_bin *bin;
static struct smal_buffer *room, *full, *current, *spare, *owned;

static struct smal_buffer *first_of(const struct smal_link *list)
{
	ck_assert(!smal_link_is_alone(list));
	return SMAL_CONTAINER(list->next, struct smal_buffer, link);
}

/* A buffer that no cache has: what another thread left, at a trim. */
static void *leave(void *argument)
{
	for (int i = 0; i < 100; i++)
		*(void **)argument = heaps_alloc(BIG);
	return NULL;
}

static void begin(void)
{
	uint32_t slots = SMAL_ID_BYTES / BYTES;
	void *left, *some[3 * SMAL_ID_BYTES / 1024];

	heaps_begin_plain();
	heaps_in_thread(leave, &left);
	smal_heap_trim(heap);
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = heaps_alloc(BYTES);
	for (uint32_t i = 0; i < slots; i += 2)
		heaps_free(blocks[slots + i]);
	for (uint32_t i = 0; i < 3 * SMAL_ID_BYTES / 1024; i++)
		some[i] = heaps_alloc(1024);
	for (uint32_t i = 0; i < 3 * SMAL_ID_BYTES / 1024; i++)
		heaps_free(some[i]);
	large = heaps_alloc(100000);
	heaps_check();
	cache = smal_cache_find(heap);
	if (cache == NULL)
		return;
	bin = &cache->bin[smal_heap_class_of(BYTES)];
	room = first_of(&bin->room);
	full = first_of(&bin->full);
	current = bin->current;
	spare = first_of(&cache->spares);
	owned = smal_buffer_find((uintptr_t)left);
	ck_assert_ptr_nonnull(current);
	ck_assert(bin->count != 0 && bin->window != 0);
	ck_assert_ptr_null(smal_atomic_load_pointer(&owned->claimer));
}

static void expect_corrupt(const char *why)
{
	ck_assert_int_eq(smal_heap_check(heap), SMAL_ERROR_CORRUPT);
	ck_assert_str_eq(reported.function, "smal_heap_check");
	ck_assert_ptr_eq(reported.pointer, heap);
	ck_assert_msg(strncmp(reported.detail, why, strlen(why)) == 0, "\"%s\", not \"%s\"",
	              reported.detail, why);
	heaps_told(SMAL_ERROR_CORRUPT, "an invariant does not hold");
}

/* Breaks a field, sees that named, and mends it. */
#define BREAK(field, value, why) \
	TEST_BREAK(field, value, expect_corrupt(why), \
	           ck_assert_int_eq(smal_heap_check(heap), SMAL_OK))

/* The same for one bit of a mask. */
static void expect_flip(smal_word *mask, size_t bit, const char *why)
{
	smal_word *word = &mask[bit >> SMAL_WORD_LOG2];

	BREAK(*word, *word ^ (smal_word)1 << (bit & (SMAL_WORD_BITS - 1)), why);
}

/* The first bit of a buffer at which a slot is that is held or not. */
static size_t find(const struct smal_buffer *buffer, bool held)
{
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;

	for (size_t bit = 0; bit < limit; bit++)
		if (smal_bit_get(buffer->stride->full, bit) &&
		    smal_bit_get(smal_buffer_held(buffer), bit) == held)
			return bit;
	ck_abort_msg("no such slot");
	return 0;
}

/* ---- Masks ---- */

START_TEST(test_held)
{
	struct smal_buffer *whole = smal_buffer_find((uintptr_t)large);

	expect_flip(smal_buffer_held(whole), 1, "heap: a bit of the mask is not");
	if (cache == NULL)
		return;
	expect_flip(smal_buffer_held(owned), 1, "heap: a bit of the mask is not");
	expect_flip(smal_buffer_held(spare), 1, "heap: a bit of the mask is not");
	expect_flip(smal_buffer_held(owned), find(owned, false), "bin I1: used_slots");
	expect_flip(smal_buffer_held(room), find(room, false), "bin I3: the slots in a bin");
	expect_flip(smal_buffer_held(full), find(full, true), "bin I3: the slots in a bin");
}
END_TEST

START_TEST(test_remote)
{
	if (cache == NULL)
		return;
	expect_flip(smal_buffer_remote(room), find(room, false), "heap: a slot was freed by");
	expect_flip(smal_buffer_remote(full), 1, "heap: a slot was freed by");
	expect_flip(smal_buffer_remote(owned), 1, "heap: a slot was freed by");
}
END_TEST

START_TEST(test_counts)
{
	if (cache == NULL)
		return;
	BREAK(room->used_slots, (uint16_t)(room->used_slots + 1), "bin I3: the slots in a bin");
	BREAK(full->used_slots, (uint16_t)(full->used_slots - 1), "bin I3: the slots in a bin");
	BREAK(owned->used_slots, 0, "bin I1: used_slots");
	BREAK(owned->used_slots, (uint16_t)(owned->stride->slots + 1), "bin I1: used_slots");
	BREAK(full->summary, 1, "bin I1: the summary has a word");
	BREAK(room->summary, 0, "bin I1: a free slot is in no bin");
	BREAK(owned->summary, 0, "bin I1: a free slot is in no bin");
}
END_TEST

START_TEST(test_pages)
{
	uint64_t *gone, *idle;

	if (cache == NULL)
		return;
	gone = &smal_buffer_lent(room)->gone;
	idle = &smal_buffer_lent(full)->idle;
	BREAK(*gone, *gone | 1, "purge I1");
	BREAK(*gone, *gone | 1 << 15, "purge I1");
	BREAK(*idle, 1 << 7, "purge I1");
}
END_TEST

/* ---- Bins ---- */

START_TEST(test_lent)
{
	struct smal_heap *other;
	struct smal_cache *others;
	uint32_t *owner;

	if (cache == NULL)
		return;
	ck_assert_int_eq(smal_heap_create(NULL, &other), SMAL_OK);
	ck_assert_ptr_nonnull(smal_heap_alloc(other, 100));
	others = smal_cache_find(other);
	BREAK(room->claimer, (uintptr_t)others, "bin I1: a buffer is lent to another");
	owner = smal_segment_owner(full->segment, full->id);
	BREAK(*owner, smal_stride_owner_word(full->stride),
	      "bin I1: a lent buffer has another owner");
	BREAK(cache->tag, others->tag, "bin I1: a lent buffer has another owner");
	BREAK(room->marks, 1, "bin I2: a buffer with room");
	ck_assert_int_eq(smal_heap_destroy(other), SMAL_OK);
}
END_TEST

START_TEST(test_magazine)
{
	uint32_t at;

	if (cache == NULL)
		return;
	ck_assert_uint_ge(bin->count, 2);
	at = (uint32_t)((smal_buffer_base(full) - smal_heap_map.base) >> SMAL_GRANULE_LOG2);
	BREAK(bin->slot[0], at + (uint32_t)find(full, true), "bin I3: a slot of a magazine");
	BREAK(bin->slot[0], bin->slot[bin->count - 1], "bin I3: a slot is in a magazine twice");
	BREAK(bin->count, bin->count - 1, "bin I3: the slots in a bin");
	BREAK(bin->window, bin->window & (bin->window - 1), "bin I3: the slots in a bin");
}
END_TEST

START_TEST(test_spares)
{
	if (cache == NULL)
		return;
	BREAK(spare->used_slots, 1, "bin I4: a spare buffer is not");
	BREAK(cache->spare_count, cache->spare_count + 1, "bin I4: the spare buffers");
	BREAK(cache->spare_count, 0, "bin I4: the spare buffers");
	BREAK(cache->buffers, cache->buffers + 1, "bin I1: the buffers of a cache");
}
END_TEST

/* ---- Sums, strides, spaces ---- */

START_TEST(test_sums)
{
	struct smal_stride *stride = smal_buffer_find((uintptr_t)large)->stride;

	BREAK(heap->buffer_bytes, heap->buffer_bytes + SMAL_ID_BYTES, "heap: the bytes of all");
	BREAK(heap->large.magic, SMAL_MAGIC_GONE, "stride: bad magic");
	BREAK(stride->buffers, stride->buffers + 1, "stride I6");
	BREAK(stride->heap_bytes, 0, "stride I6");
	if (cache == NULL)
		return;
	BREAK(owned->state, SMAL_BUFFER_FULL, "stride I4");
	BREAK(*smal_segment_back(owned->segment, owned->id), 1, "stride I5");
}
END_TEST

START_TEST(test_spaces)
{
	struct smal_segment *segment = smal_buffer_find((uintptr_t)large)->segment;

	BREAK(heap->space->magic, SMAL_MAGIC_GONE, "space: bad magic");
	BREAK(heap->books->magic, SMAL_MAGIC_GONE, "space: bad magic");
	BREAK(segment->used_bytes, segment->used_bytes + 1, "space I3");
	BREAK(heap->space->account.committed_bytes, heap->space->account.committed_bytes + 1,
	      "space I5");
}
END_TEST

/* A parked cache and one that nobody has are looked at as well. */
START_TEST(test_parked)
{
	struct smal_cache *parked;
	void *left;

	if (cache == NULL)
		return;
	heaps_in_thread(leave, &left);
	parked = SMAL_CONTAINER(heap->parked.next, struct smal_cache, link);
	BREAK(parked->spare_count, parked->spare_count + 1, "bin I4");
	BREAK(parked->buffers, 0, "bin I1");
	smal_heap_trim(heap);
	parked = SMAL_CONTAINER(heap->idle.next, struct smal_cache, link);
	BREAK(parked->buffers, 1, "bin I1");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("heap verify");
	TCase *t = tcase_create("verify");

	tcase_add_checked_fixture(t, begin, heaps_end);
	tcase_add_test(t, test_held);
	tcase_add_test(t, test_remote);
	tcase_add_test(t, test_counts);
	tcase_add_test(t, test_pages);
	tcase_add_test(t, test_lent);
	tcase_add_test(t, test_magazine);
	tcase_add_test(t, test_spares);
	tcase_add_test(t, test_sums);
	tcase_add_test(t, test_spaces);
	tcase_add_test(t, test_parked);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
