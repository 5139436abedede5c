/* SPDX-License-Identifier: MIT */
/*
 * ground.c: what the tests of spaces and strides share (ground.h).
 */
#include "test/ground.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint64_t ground_steps(void)
{
	uint64_t steps = test_long() ? 100000000 : 1000000;

	return test_is_slow() ? steps / 10 : steps;
}

Suite *ground_model_suite(const char *name, TCase **os, TCase **buffers)
{
	Suite *suite = suite_create(name);

	*os = tcase_create("from the system");
	*buffers = tcase_create("in a buffer");
	suite_add_tcase(suite, *os);
	suite_add_tcase(suite, *buffers);
	return suite;
}

size_t ground_place(uintptr_t *table, size_t places, uintptr_t number)
{
	size_t at = (size_t)(number * 0x9e3779b9) % places, tries = 0;

	/* One more than the number, which may be 0. */
	while (table[at] != number + 1) {
		if (table[at] == 0) {
			table[at] = number + 1;
			break;
		}
		EXPECT(++tries < places);
		at = (at + 1) % places;
	}
	return at;
}

/* ---- Providers ---- */

enum { RESERVATIONS = 4096 };

/* Every reservation: its addresses that are left, and of them the committed. */
static struct reservation {
	char *base, *limit;
	uint64_t committed_bytes;
} reservations[RESERVATIONS];

static uint64_t committed_bytes, commits;

static struct reservation *reservation_of(const void *address)
{
	for (unsigned i = 0; i < RESERVATIONS; i++)
		if ((const char *)address >= reservations[i].base &&
		    (const char *)address < reservations[i].limit)
			return &reservations[i];
	ck_abort_msg("%p was never reserved", address);
	return NULL;
}

static void *counted_reserve(size_t bytes)
{
	char *base = smal_os_reserve(bytes);

	for (unsigned i = 0; base != NULL && i < RESERVATIONS; i++) {
		if (reservations[i].base == NULL) {
			reservations[i] = (struct reservation){ base, base + bytes, 0 };
			return base;
		}
	}
	return NULL;
}

static void count_commit(const void *base, size_t bytes)
{
	reservation_of(base)->committed_bytes += bytes;
	committed_bytes += bytes;
	commits++;
}

static bool counted_commit(void *base, size_t bytes)
{
	if (!smal_os_commit(base, bytes))
		return false;
	count_commit(base, bytes);
	return true;
}

/* A reservation ends as a whole, or loses its front or its end before anything
 * in it is committed. If the system refuses, it is gone all the same. */
static bool counted_release(void *base, size_t bytes)
{
	struct reservation *reservation = reservation_of(base);
	char *limit = (char *)base + bytes;

	ck_assert(limit <= reservation->limit);
	if (base == reservation->base && limit == reservation->limit) {
		committed_bytes -= reservation->committed_bytes;
		*reservation = (struct reservation){ NULL, NULL, 0 };
	} else {
		ck_assert(base == reservation->base || limit == reservation->limit);
		ck_assert_uint_eq(reservation->committed_bytes, 0);
		if (base == reservation->base)
			reservation->base = limit;
		else
			reservation->limit = base;
	}
	return smal_os_release(base, bytes);
}

const struct smal_provider ground_counted = {
	counted_reserve,
	counted_commit,
	smal_os_discard,
	counted_release,
};

uint64_t ground_committed_bytes(void)
{
	return committed_bytes;
}

uint64_t ground_commits(void)
{
	return commits;
}

/* True for the memory of a segment: the end of its reservation. */
static bool is_memory(const void *base)
{
	const struct reservation *reservation = reservation_of(base);

	return (uint64_t)(reservation->limit - reservation->base) > ground_untouched_bytes &&
	       (uint64_t)(reservation->limit - (const char *)base) <= ground_untouched_bytes;
}

static bool untouched_commit(void *base, size_t bytes)
{
	if (!is_memory(base))
		return counted_commit(base, bytes);
	count_commit(base, bytes);
	return true;
}

static bool untouched_discard(void *base, size_t bytes)
{
	/* Metadata is there, and may go. */
	return is_memory(base) || smal_os_discard(base, bytes);
}

const struct smal_provider ground_untouched = {
	counted_reserve,
	untouched_commit,
	untouched_discard,
	counted_release,
};

/* ---- Spaces ---- */

struct smal_space *ground_space(const struct smal_space_options *given)
{
	struct smal_space_options options = { 0 };
	struct smal_space *space;

	if (given != NULL)
		options = *given;
	smal_stride_sides(&options);
	space = smal_space_create(&options);
	ck_assert_ptr_nonnull(space);
	return space;
}

void ground_check(struct smal_space *space)
{
	const char *why = smal_space_check(space);

	if (why != NULL)
		ck_abort_msg("%s", why);
	ground_check_counts(space, UINT64_MAX);
}

void ground_check_counts(struct smal_space *space, uint64_t used_bytes)
{
	struct smal_space_counts counts;

	smal_space_get_counts(space, &counts);
	EXPECT_EQ(counts.used_bytes + counts.free_bytes + counts.metadata_bytes,
	                  counts.committed_bytes);
	EXPECT(counts.dirty_bytes <= counts.free_bytes);
	EXPECT(counts.committed_bytes <= (space->options.buffer != NULL
	                                          ? space->options.buffer_bytes
	                                          : counts.reserved_bytes));
	if (used_bytes != UINT64_MAX)
		EXPECT_EQ(counts.used_bytes, used_bytes);
	if (space->account.provider == &ground_counted ||
	    space->account.provider == &ground_untouched)
		EXPECT_EQ(counts.committed_bytes, committed_bytes);
}

void ground_expect(const char *answer, const char *tag)
{
	ck_assert_msg(answer != NULL, "%s is broken and not seen", tag);
	ck_assert_msg(strncmp(answer, tag, strlen(tag)) == 0, "%s is broken, but the answer is: %s",
	              tag, answer);
}

void ground_expect_sound(const char *answer)
{
	if (answer != NULL)
		ck_abort_msg("%s", answer);
}

/* ---- Levels ---- */

void ground_level_init(struct ground_level *ground, uint32_t count)
{
	struct smal_area area = { NULL, 0, 0 };
	struct smal_node *nodes = calloc(count, sizeof *nodes);
	uint32_t *map_index = calloc(count, sizeof *map_index);

	ck_assert(nodes != NULL && map_index != NULL);
	area.bytes = smal_round_up(count * sizeof(struct smal_binmap), smal_os_page_bytes());
	area.base = smal_os_reserve(area.bytes);
	ck_assert_ptr_nonnull(area.base);
	*ground = (struct ground_level){ .account.provider = &smal_provider_os, .count = count };
	smal_fsa_init(&ground->maps, &ground->account, area, sizeof(struct smal_binmap));
	smal_level_init(&ground->level, nodes, map_index, &ground->maps);
	smal_level_grow(&ground->level, count);
}

void ground_level_fini(struct ground_level *ground)
{
	free(ground->level.nodes);
	free(ground->level.map_index);
	smal_os_release(ground->maps.area.base, ground->maps.area.bytes);
}

const char *ground_level_answer(const struct ground_level *ground)
{
	struct smal_fsa_held held = { 0 };
	const char *why = smal_level_check(&ground->level, &held);

	return why != NULL ? why : smal_fsa_check(&ground->maps, &held);
}

/* ---- Buffers of a caller ---- */

enum { CANARY_BYTES = 8192 };

static unsigned char canary(const char *at)
{
	return (unsigned char)((uintptr_t)at * 167 >> 3 | 1);
}

void ground_buffer_init(struct ground_buffer *buffer, size_t bytes, size_t offset)
{
	size_t front = CANARY_BYTES + offset;

	buffer->around_bytes = front + bytes + CANARY_BYTES;
	buffer->around = smal_os_reserve(smal_round_up(buffer->around_bytes, 65536));
	ck_assert_ptr_nonnull(buffer->around);
	ck_assert(smal_os_commit(buffer->around, smal_round_up(buffer->around_bytes, 65536)));
	buffer->base = buffer->around + front;
	buffer->bytes = bytes;
	for (size_t i = 0; i < buffer->around_bytes; i++) {
		/* Noise all over a large buffer would only cost time. */
		if (i == front + 4 * MIB && bytes > 4 * MIB)
			i = front + bytes;
		buffer->around[i] = (char)canary(buffer->around + i);
	}
}

void ground_buffer_check(const struct ground_buffer *buffer)
{
	for (const char *at = buffer->around; at < buffer->around + buffer->around_bytes; at++) {
		if (at == buffer->base)
			at += buffer->bytes;
		if ((unsigned char)*at != canary(at))
			ck_abort_msg("%td bytes from a buffer of %zu", at - buffer->base,
			             buffer->bytes);
	}
}

void ground_buffer_fini(struct ground_buffer *buffer)
{
	smal_os_release(buffer->around, smal_round_up(buffer->around_bytes, 65536));
}

/* ---- Contents ---- */

enum { STEP_BYTES = 4096 };

static uint64_t word_for(const void *at, uint64_t tag)
{
	return ((uintptr_t)at ^ tag) * 0x9e3779b97f4a7c15 | 1;
}

static void mark_word(char *at, uint64_t tag)
{
	uint64_t word = word_for(at, tag);

	memcpy(at, &word, sizeof word);
}

static void check_word(const char *at, uint64_t expected)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
	if (word != expected)
		ck_abort_msg("%p holds %#llx, not %#llx", (const void *)at,
		             (unsigned long long)word, (unsigned long long)expected);
}

void ground_mark(void *run, size_t bytes, uint64_t tag)
{
	char *base = run;

	for (size_t at = 0; at + 8 <= bytes; at += STEP_BYTES) {
		mark_word(base + at, tag);
		mark_word(base + smal_min(at + STEP_BYTES, bytes) - 8, tag);
	}
}

void ground_check_mark(const void *run, size_t bytes, uint64_t tag)
{
	const char *base = run;

	for (size_t at = 0; at + 8 <= bytes; at += STEP_BYTES) {
		const char *end = base + smal_min(at + STEP_BYTES, bytes) - 8;

		/* Where the two overlap, the second one was written last. */
		if (end - (base + at) >= 8 || end == base + at)
			check_word(base + at, word_for(base + at, tag));
		check_word(end, word_for(end, tag));
	}
}

void ground_check_zero(const void *run, size_t bytes)
{
	const char *base = run;

	for (size_t at = 0; at + 8 <= bytes; at += STEP_BYTES) {
		check_word(base + at, 0);
		check_word(base + smal_min(at + STEP_BYTES, bytes) - 8, 0);
	}
}

uint32_t ground_live_slots(const struct smal_buffer *buffer)
{
	const smal_word *live = smal_buffer_live(buffer);
	uint32_t slots = 0;

	for (size_t w = 0; w < buffer->stride->words; w++)
		slots += smal_word_count(live[w]);
	return slots;
}
