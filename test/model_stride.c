/* SPDX-License-Identifier: MIT */
/*
 * model_stride.c: slots of many strides in one space by random operations, one
 * by one and by whole holes, against lists of what is live: slots are apart
 * from each other, hold what was written there and are found by every word that
 * points into them; a buffer is added only when all are full. From the system,
 * and in buffers of a caller, around which nothing is written.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <string.h>

enum { STRIDES = 12, LIVE = 6000, LARGE = 40 };

static const size_t sizes[STRIDES] = { 16,   24,   32,    40,    48,    72,
	                               200,  1000, 4104,  8192,  10000, 131072 };

struct live {
	char *base;
	uint64_t tag;
};

/* A stride, and what is live in it; slots of the claimed buffer are not. */
static struct model {
	struct smal_stride stride;
	struct live live[LIVE];
	size_t live_count, most;
	struct smal_buffer *claimed;
	size_t claimed_slots;
} models[STRIDES];

static struct smal_stride large;
static struct large_live {
	struct smal_buffer *buffer;
	uint64_t tag;
} larges[LARGE];
static size_t large_count;

static struct smal_space *space;
static struct test_random random_;
static bool in_buffer;

static uint64_t below(uint64_t limit)
{
	return test_random_below(&random_, limit);
}

static struct smal_buffer *find(const void *address)
{
	struct smal_buffer *buffer = smal_buffer_find((uintptr_t)address);

	EXPECT(in_buffer == (buffer == NULL)); /* a caller's buffer is in no table */
	return buffer;
}

/* ---- Slots ---- */

static void take(struct model *model)
{
	struct live *one = &model->live[model->live_count];
	size_t bytes = model->stride.stride_bytes, buffers = model->stride.buffers;
	struct smal_buffer *buffer;

	if (model->live_count == model->most)
		return;
	one->base = smal_stride_take(&model->stride);
	if (one->base == NULL) {
		/* All is live but what is claimed. */
		EXPECT_EQ(model->live_count, (buffers - (model->claimed != NULL)) * model->stride.slots);
		if (smal_stride_grow(&model->stride, 0) == NULL) {
			EXPECT(in_buffer);
			return;
		}
		EXPECT_EQ(model->stride.buffers, buffers + 1);
		one->base = smal_stride_take(&model->stride);
		EXPECT(one->base != NULL);
	}
	one->tag = test_random_next(&random_);
	buffer = find(one->base);
	if (buffer != NULL) {
		EXPECT(buffer->stride == &model->stride && buffer != model->claimed);
		EXPECT_EQ(smal_buffer_find_slot(buffer, (uintptr_t)one->base + below(bytes)),
		          (uintptr_t)one->base);
	}
	ground_mark(one->base, bytes, one->tag);
	model->live_count++;
}

static void give(struct model *model, size_t at)
{
	struct live one = model->live[at];
	size_t bytes = model->stride.stride_bytes;

	ground_check_mark(one.base, bytes, one.tag);
	EXPECT(!smal_stride_give(&model->stride, one.base + 1 + below(bytes - 1)));
	EXPECT(!smal_stride_give(&models[(model - models + 1) % STRIDES].stride, one.base));
	EXPECT(smal_stride_give(&model->stride, one.base));
	EXPECT(!smal_stride_give(&model->stride, one.base));
	model->live[at] = model->live[--model->live_count];
}

/* ---- Claimed buffers ---- */

/* The slots of a claimed buffer that are live are those of no list: give back
 * what others have in it first. */
static void claim(struct model *model)
{
	uintptr_t base, limit;
	struct smal_buffer *buffer = smal_stride_claim(&model->stride, &model->stride);

	if (buffer == NULL)
		return;
	base = smal_buffer_base(buffer);
	limit = base + smal_buffer_bytes(buffer);
	for (size_t i = 0; i < model->live_count;) {
		struct live one = model->live[i];

		if ((uintptr_t)one.base - base >= limit - base) {
			i++;
			continue;
		}
		ground_check_mark(one.base, model->stride.stride_bytes, one.tag);
		smal_buffer_free_slots(buffer, (uintptr_t)one.base,
		                       (uintptr_t)one.base + model->stride.stride_bytes);
		model->live[i] = model->live[--model->live_count];
	}
	EXPECT_EQ(ground_live_slots(buffer), 0);
	model->claimed = buffer;
	model->claimed_slots = 0;
}

/* Fills some of the next hole, frees some of what is filled, or gives it back. */
static void use_claimed(struct model *model)
{
	struct smal_buffer *buffer = model->claimed;
	size_t bytes = model->stride.stride_bytes, slots = model->stride.slots, n;
	uintptr_t start = smal_buffer_base(buffer), base, limit;
	uintptr_t from = start + below(slots) * bytes;

	if (below(3) != 0) {
		if (!smal_buffer_hole(buffer, from, &base, &limit))
			return;
		EXPECT((base - start) % bytes == 0 && (limit - start) % bytes == 0);
		EXPECT(base >= from && limit > base && limit <= start + slots * bytes);
		n = 1 + below((limit - base) / bytes);
		smal_buffer_claim_slots(buffer, base, base + n * bytes, false);
		for (size_t i = 0; i < n; i++) {
			EXPECT_EQ(smal_buffer_find_slot(buffer, base + i * bytes + below(bytes)),
			          base + i * bytes);
			ground_mark((void *)(base + i * bytes), bytes, 77);
		}
		model->claimed_slots += n;
	} else {
		for (limit = from; limit < start + slots * bytes &&
		                   smal_buffer_find_slot(buffer, limit) == limit;
		     limit += bytes)
			ground_check_mark((void *)limit, bytes, 77);
		smal_buffer_free_slots(buffer, from, limit);
		model->claimed_slots -= (limit - from) / bytes;
	}
	EXPECT_EQ(ground_live_slots(buffer), model->claimed_slots);
}

static void unclaim(struct model *model)
{
	struct smal_buffer *buffer = model->claimed;
	size_t bytes = model->stride.stride_bytes;
	uintptr_t base = smal_buffer_base(buffer);

	for (size_t i = 0; i < model->stride.slots; i++) {
		if (smal_buffer_find_slot(buffer, base + i * bytes) == 0)
			continue;
		ground_check_mark((void *)(base + i * bytes), bytes, 77);
		smal_buffer_free_slots(buffer, base + i * bytes, base + (i + 1) * bytes);
	}
	EXPECT_EQ(ground_live_slots(buffer), 0);
	smal_stride_unclaim(buffer);
	model->claimed = NULL;
	if (below(2) == 0)
		EXPECT(!smal_stride_settle(buffer, true));
}

/* ---- Large ones ---- */

static void large_operation(void)
{
	size_t at = large_count > 0 ? below(large_count) : 0, bytes;
	struct large_live *one = &larges[at];
	bool zeroed;

	switch (below(3)) {
	case 0:
		if (large_count == LARGE)
			return;
		one = &larges[large_count];
		one->buffer = smal_stride_grow(&large, 1 + below((uint64_t)1 << below(22)));
		if (one->buffer == NULL) {
			EXPECT(in_buffer);
			return;
		}
		EXPECT_EQ((uintptr_t)smal_stride_take(&large), smal_buffer_base(one->buffer));
		one->tag = test_random_next(&random_);
		ground_mark((void *)smal_buffer_base(one->buffer), smal_buffer_bytes(one->buffer), one->tag);
		large_count++;
		break;
	case 1:
		if (large_count == 0)
			return;
		ground_check_mark((void *)smal_buffer_base(one->buffer), smal_buffer_bytes(one->buffer), one->tag);
		EXPECT(smal_stride_give(&large, (void *)smal_buffer_base(one->buffer)));
		*one = larges[--large_count];
		break;
	default:
		if (large_count == 0)
			return;
		bytes = (1 + below(2 * smal_buffer_bytes(one->buffer) / SMAL_CHUNK)) * SMAL_CHUNK;
		if (bytes < smal_buffer_bytes(one->buffer))
			ground_check_mark((void *)smal_buffer_base(one->buffer), bytes, one->tag);
		if (smal_buffer_resize(one->buffer, bytes, &zeroed))
			EXPECT_EQ(smal_buffer_bytes(one->buffer), bytes);
		ground_mark((void *)smal_buffer_base(one->buffer), smal_buffer_bytes(one->buffer), one->tag);
		if (!in_buffer)
			EXPECT(find((void *)(smal_buffer_base(one->buffer) + smal_buffer_bytes(one->buffer) - 1)) ==
			       one->buffer);
	}
}

/* ---- All ---- */

static void check(void)
{
	const char *why = smal_stride_check(&large);

	for (int i = 0; i < STRIDES && why == NULL; i++)
		why = smal_stride_check(&models[i].stride);
	if (why != NULL)
		ck_abort_msg("%s", why);
	ground_check(space);
}

static void run_model(uint64_t steps, size_t most_bytes)
{
	int there = 0;

	for (int i = 0; i < STRIDES; i++) {
		models[i] = (struct model){ 0 };
		/* The template of a large one may need more than there is. */
		if (smal_stride_init(&models[there].stride, space, 1, (uint16_t)i, sizes[i])) {
			models[there].most = smal_min(LIVE, 1 + most_bytes / STRIDES / sizes[i]);
			there++;
		} else {
			EXPECT(in_buffer);
		}
	}
	ck_assert_int_ge(there, 5);
	ck_assert(smal_stride_init(&large, space, 1, STRIDES, 0));
	for (uint64_t step = 0; step < steps; step++) {
		struct model *model = &models[below((uint64_t)there)];
		bool fills = step / 40000 % 2 == 0;
		uint64_t dice = below(10000);

		if (dice < (fills ? 6000u : 3500u))
			take(model);
		else if (dice < 9700)
			model->live_count > 0 ? give(model, below(model->live_count)) : (void)0;
		else if (dice < 9720)
			model->claimed == NULL ? claim(model) : unclaim(model);
		else if (dice < 9900)
			model->claimed != NULL ? use_claimed(model) : (void)0;
		else
			large_operation();
		if (step % 16384 == 0)
			check();
	}
	check();
	for (int i = 0; i < there; i++) {
		struct model *model = &models[i];

		if (model->claimed != NULL)
			unclaim(model);
		while (model->live_count > 0)
			give(model, below(model->live_count));
		SMAL_LIST_EACH(link, &model->stride.room)
			EXPECT_EQ(SMAL_CONTAINER(link, struct smal_buffer, link)->used_slots, 0);
		EXPECT(smal_link_is_alone(&model->stride.filled));
		smal_stride_fini(&model->stride);
	}
	smal_stride_fini(&large);
	large_count = 0;
	ground_check(space);
}

START_TEST(test_system)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = 5000 };

	test_random_init(&random_, 1);
	in_buffer = false;
	space = ground_space(&options);
	run_model(ground_steps() / 4 * 3, SIZE_MAX / 2);
	smal_space_destroy(space);
}
END_TEST

static const size_t kibibytes[] = { 500, 1000, 1024, 3000, 10000, 50000 };
enum { SIZES = sizeof kibibytes / sizeof *kibibytes };

START_TEST(test_buffer)
{
	struct smal_space_options options = { .buffer_bytes = kibibytes[_i] * 1024 };
	struct ground_buffer buffer;
	uint64_t calls;

	test_random_init(&random_, 10 + (uint64_t)_i);
	in_buffer = true;
	ground_buffer_init(&buffer, options.buffer_bytes, below(4096));
	options.buffer = buffer.base;
	calls = fault_calls(FAULT_ALL);
	space = ground_space(&options);
	run_model(ground_steps() / 4 / SIZES, SIZE_MAX / 2);
	smal_space_destroy(space);
	ck_assert_uint_eq(fault_calls(FAULT_ALL), calls);
	ground_buffer_check(&buffer);
	ground_buffer_fini(&buffer);
}
END_TEST

static Suite *stride_suite(void)
{
	TCase *os, *buffers;
	Suite *suite = ground_model_suite("model of strides", &os, &buffers);

	tcase_add_test(os, test_system);
	tcase_add_loop_test(buffers, test_buffer, 0, SIZES);
	return suite;
}

int main(void)
{
	return test_main(stride_suite);
}
