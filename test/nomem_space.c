/* SPDX-License-Identifier: MIT */
/*
 * nomem_space.c: every system call of a space and of strides fails in turn, once
 * and for good. The caller hears of it, or it is made up for; what is live stays
 * as it is; the checkers find nothing; every failure is counted; and when the
 * system is well again, everything that was refused is done.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <string.h>

enum { MOST = 256, STRIDES = 4 };

struct live {
	char *base;
	size_t bytes;
	uint64_t tag;
	/* NULL for runs and elements. */
	struct smal_stride *stride;
};

static struct smal_space *space;
static struct live live[MOST];
static size_t live_count;
static struct smal_stride strides[STRIDES];
static unsigned stride_count;
static unsigned refused;

static const size_t stride_sizes[STRIDES] = { 32, 3000, 100000, 0 };

static bool done(bool so)
{
	refused += !so;
	return so;
}

/* Only the front of what is large, or the system would have much to do. */
static size_t marked(const struct live *one)
{
	return smal_min(one->bytes, 20000);
}

static void add(void *base, size_t bytes, struct smal_stride *stride)
{
	struct live *one = &live[live_count];

	if (!done(base != NULL))
		return;
	EXPECT(live_count < MOST);
	*one = (struct live){ base, bytes, live_count * 977 + 1, stride };
	ground_mark(base, marked(one), one->tag);
	live_count++;
}

static void check_live(void)
{
	for (size_t i = 0; i < live_count; i++)
		ground_check_mark(live[i].base, marked(&live[i]), live[i].tag);
	for (unsigned i = 0; i < stride_count; i++)
		if (smal_stride_check(&strides[i]) != NULL)
			ck_abort_msg("%s", smal_stride_check(&strides[i]));
	ground_check(space);
}

/* ---- The script ---- */

static void take_runs(void)
{
	static const size_t chunks[] = { 1, 3, 100, 256, 300, 700, 1500, 1, 17, 65600, 65540 };
	bool zeroed;

	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		size_t bytes = chunks[i] * SMAL_CHUNK;
		char *run = smal_space_take(space, bytes, SMAL_CHUNK, &zeroed);

		if (run != NULL && zeroed)
			ground_check_zero(run, smal_min(bytes, 20000));
		add(run, bytes, NULL);
	}
}

static void take_elements(void)
{
	for (size_t bytes = 1; bytes <= SMAL_ELEMENT_LARGEST; bytes = bytes * 2 + 9)
		add(smal_element_take(space, bytes), smal_round_up(bytes, SMAL_GRANULE), NULL);
}

static void use_strides(void)
{
	static const size_t large[] = { 1, 70000, 3 * SMAL_BLOCK, 260 * (size_t)SMAL_BLOCK };
	struct smal_buffer *buffer;
	bool zeroed;

	while (stride_count < STRIDES &&
	       done(smal_stride_init(&strides[stride_count], space, 1,
	                             (uint16_t)(1 + stride_count), stride_sizes[stride_count])))
		stride_count++;
	for (unsigned i = 0; i < stride_count; i++) {
		struct smal_stride *stride = &strides[i];

		for (size_t j = 0; j < sizeof large / sizeof *large; j++) {
			size_t bytes = stride->stride_bytes;
			void *slot;

			if (smal_link_is_alone(&stride->room) || bytes == 0) {
				buffer = smal_stride_grow(stride, large[j]);
				if (!done(buffer != NULL))
					continue;
				if (bytes == 0)
					bytes = smal_buffer_bytes(buffer);
			}
			slot = smal_stride_take(stride);
			EXPECT(slot != NULL);
			add(slot, bytes, stride);
		}
	}
	/* Longer and shorter where they stand, where there is room. */
	for (size_t i = 0; i < live_count; i++) {
		if (live[i].stride == NULL || live[i].stride->stride_bytes != 0)
			continue;
		buffer = smal_buffer_find((uintptr_t)live[i].base);
		EXPECT(buffer != NULL && smal_buffer_bytes(buffer) == live[i].bytes);
		for (int longer = 1; longer >= 0; longer--) {
			size_t bytes = longer ? live[i].bytes + 50 * SMAL_CHUNK
			                      : smal_round_up(live[i].bytes / 3, SMAL_CHUNK);

			if (!smal_buffer_resize(buffer, bytes, &zeroed))
				continue;
			live[i].bytes = bytes;
			ground_mark(live[i].base, marked(&live[i]), live[i].tag);
		}
	}
}

/* Extends what is a run of chunks, and gives its middle back. */
static void change_runs(void)
{
	size_t count = live_count;
	bool zeroed;

	for (size_t i = 0; i < count; i++) {
		struct live *one = &live[i];
		size_t more = 5 * SMAL_CHUNK;

		if (one->stride != NULL || one->bytes % SMAL_CHUNK != 0)
			continue;
		if (smal_space_extend(space, one->base, one->bytes, one->bytes + more, &zeroed)) {
			one->bytes += more;
			ground_mark(one->base, marked(one), one->tag);
		}
		/* What is refused stays in use, and stays as it is. */
		if (one->bytes >= 20 * SMAL_CHUNK) {
			size_t first = one->bytes / 2 & ~(size_t)(SMAL_CHUNK - 1);
			struct live rest = { one->base + first + SMAL_CHUNK,
				             one->bytes - first - SMAL_CHUNK, 0, NULL };

			if (!done(smal_space_give(space, one->base + first, SMAL_CHUNK)))
				continue;
			one->bytes = first;
			ground_mark(one->base, marked(one), one->tag);
			add(rest.base, rest.bytes, NULL);
		}
	}
}

/* Giving back what is whole never fails. */
static void give(size_t at)
{
	struct live one = live[at];

	ground_check_mark(one.base, marked(&one), one.tag);
	if (one.stride != NULL)
		EXPECT(smal_stride_give(one.stride, one.base));
	else if (one.bytes % SMAL_CHUNK != 0)
		EXPECT(smal_element_give(space, one.base));
	else
		EXPECT(done(smal_space_give(space, one.base, one.bytes)) || one.bytes > SMAL_BLOCK);
	live[at] = live[--live_count];
}

static void script(void)
{
	take_runs();
	take_elements();
	change_runs();
	use_strides();
	for (size_t i = 0; i < live_count; i += 2)
		give(i);
	smal_space_purge(space, 0);
	take_runs();
	take_elements();
}

/* ---- Sweeps ---- */

static void end_all(void)
{
	while (live_count > 0)
		give(0);
	for (unsigned i = 0; i < stride_count; i++)
		smal_stride_fini(&strides[i]);
	stride_count = 0;
	check_live();
	smal_space_purge(space, 0);
	smal_space_destroy(space);
}

static void sweep(unsigned calls)
{
	struct fault_sweep sweep = { .calls = calls };
	struct smal_space_options options = { .segment_bytes = 8 * MIB, .decay_ms = 1000000 };
	unsigned runs = 0, runs_refused = 0;
	size_t mappings = 0;

	smal_stride_sides(&options);
	while (fault_sweep_next(&sweep)) {
		uint64_t failures = smal_os_failures();
		uint64_t made = fault_failures(FAULT_ALL & ~(unsigned)FAULT_HINT);

		if (test_is_slow() && sweep.nth % 8 != 1)
			sweep.nth += 7;
		refused = 0;
		fault_sweep_begin(&sweep);
		space = smal_space_create(&options);
		if (space != NULL)
			script();
		fault_end();
		/* Each failure was counted, and no other. */
		EXPECT_EQ(smal_os_failures() - failures,
		          fault_failures(FAULT_ALL & ~(unsigned)FAULT_HINT) - made);
		runs++;
		runs_refused += space == NULL || refused > 0;
		if (space == NULL) {
			space = smal_space_create(&options);
			EXPECT(space != NULL);
		}
		check_live();
		/* Work goes on: nothing is refused now. */
		refused = 0;
		while (live_count > MOST / 4)
			give(0);
		script();
		EXPECT_EQ(refused, 0);
		check_live();
		end_all();
		/* Addresses are lost only if the system does not take them back. */
		if (runs == 1)
			mappings = test_mappings();
		else if ((calls & FAULT_MUNMAP) == 0 && mappings != TEST_UNKNOWN)
			EXPECT(test_mappings() <= mappings + 20);
	}
	ck_assert_uint_gt(runs, 1);
	if ((calls & (FAULT_MMAP | FAULT_MPROTECT)) != 0)
		ck_assert_uint_gt(runs_refused, runs / 8);
	else
		ck_assert_uint_eq(runs_refused, 0);
}

START_TEST(test_mmap)
{
	sweep(FAULT_MMAP);
}
END_TEST

START_TEST(test_munmap)
{
	sweep(FAULT_MUNMAP);
}
END_TEST

START_TEST(test_mprotect)
{
	sweep(FAULT_MPROTECT);
}
END_TEST

START_TEST(test_madvise)
{
	sweep(FAULT_MADVISE | FAULT_HINT);
}
END_TEST

START_TEST(test_all)
{
	sweep(FAULT_ALL);
}
END_TEST

static Suite *nomem_suite(void)
{
	Suite *suite = suite_create("no memory for a space");
	TCase *tcase = tcase_create("sweeps");

	tcase_add_test(tcase, test_mmap);
	tcase_add_test(tcase, test_munmap);
	tcase_add_test(tcase, test_mprotect);
	tcase_add_test(tcase, test_madvise);
	tcase_add_test(tcase, test_all);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(nomem_suite);
}
