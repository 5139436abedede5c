/* SPDX-License-Identifier: MIT */
/*
 * check_root.c: every kind of root keeps what it refers to, each in its own way,
 * until it is removed, and keeps nothing else.
 */
#include "test/collector.h"

#include <setjmp.h>
#include <string.h>

static struct smal_type *pair, *text;

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
	text = heap_text_type();
}

/* An object, and an address that nobody else has. */
static void *fresh(void)
{
	return heap_alloc(pair);
}

static void expect_live(uint64_t objects)
{
	heap_collect();
	ck_assert_uint_eq(heap_live(), objects);
}

/* ---- Slots ---- */

START_TEST(test_slot)
{
	void *slot = fresh();

	expect_live(0);
	ck_assert_int_eq(smal_root_add(gc, &slot, "slot"), SMAL_OK);
	slot = fresh();
	expect_live(1);
	/* It is read anew each time. */
	slot = fresh();
	expect_live(1);
	slot = NULL;
	expect_live(0);
	slot = fresh();
	ck_assert_int_eq(smal_root_remove(gc, &slot), SMAL_OK);
	expect_live(0);
}
END_TEST

/* A slot is exact: neither an interior pointer nor one past the end counts, nor
 * anything that is no object. */
START_TEST(test_slot_is_exact)
{
	static char data[64];
	char *object = heap_alloc_bytes(text, 100);
	void *freed = fresh();
	void *words[] = { object + 16, object + 24, object + 99,         object - 16, data,
		          &pair,       (void *)1,   (void *)UINTPTR_MAX, freed };

	smal_free(thread, freed);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		roots[0] = words[i];
		expect_live(0);
	}
}
END_TEST

START_TEST(test_same_slot_twice)
{
	void *slot = fresh();

	ck_assert_int_eq(smal_root_add(gc, &slot, "one"), SMAL_OK);
	ck_assert_int_eq(smal_root_add(gc, &slot, "two"), SMAL_OK);
	expect_live(1);
	ck_assert_int_eq(smal_root_remove(gc, &slot), SMAL_OK);
	expect_live(1);
	ck_assert_int_eq(smal_root_remove(gc, &slot), SMAL_OK);
	expect_live(0);
	ck_assert_int_eq(smal_root_remove(gc, &slot), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

START_TEST(test_many_slots)
{
	enum { SLOTS = 1000 };
	static void *slots[SLOTS];

	for (int i = 0; i < SLOTS; i++) {
		slots[i] = fresh();
		ck_assert_int_eq(smal_root_add(gc, &slots[i], NULL), SMAL_OK);
	}
	for (int i = 0; i < SLOTS; i += 2)
		ck_assert_int_eq(smal_root_remove(gc, &slots[i]), SMAL_OK);
	expect_live(SLOTS / 2);
	for (int i = 1; i < SLOTS; i += 2)
		ck_assert_ptr_eq(smal_type_of(slots[i]), pair);
}
END_TEST

/* ---- Ranges ---- */

START_TEST(test_range)
{
	static void *range[100];

	ck_assert_int_eq(smal_root_add_range(gc, range, range + 100, "range"), SMAL_OK);
	for (int i = 0; i < 100; i++)
		range[i] = fresh();
	expect_live(100);
	memset(range, 0, sizeof range);
	range[0] = fresh();
	range[99] = fresh();
	expect_live(2);
	ck_assert_int_eq(smal_root_remove(gc, range), SMAL_OK);
	expect_live(0);
}
END_TEST

/* Every byte of an object, and the one after it, keeps it; the one before does
 * not. */
START_TEST(test_range_interior)
{
	static const size_t sizes[] = { 16, 24, 200, 3000, 20000, 200000 };
	static void *range[1];

	ck_assert_int_eq(smal_root_add_range(gc, range, range + 1, "range"), SMAL_OK);
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t step = sizes[s] / 10;

		for (size_t at = 0; at <= sizes[s]; at += step) {
			char *object;

			/* Nothing is to begin behind the next one. */
			range[0] = NULL;
			heap_collect();
			object = heap_alloc_bytes(text, sizes[s]);
			at = at + step > sizes[s] ? sizes[s] : at;
			if (at == sizes[s])
				at = smal_size(object);
			range[0] = object + at;
			expect_live(1);
			ck_assert_ptr_eq(smal_type_of(object), text);
		}
		range[0] = NULL;
		expect_live(0);
		range[0] = (char *)heap_alloc_bytes(text, sizes[s]) - 1;
		expect_live(0);
	}
}
END_TEST

/* One past the end keeps an object where its buffer ends too, whatever comes next: a
 * buffer of the same kind, of another, or none. */
START_TEST(test_range_buffer_end)
{
	enum { OBJECTS = 80, BYTES = 8192 };
	static uintptr_t ends[OBJECTS];
	struct smal_type_desc desc = { .name = "eighth of a buffer", .bytes = BYTES };
	struct smal_type *type = heap_type(&desc);
	unsigned at_buffer_end = 0;

	ck_assert_int_eq(smal_root_add_range(gc, ends, ends + OBJECTS, "ends"), SMAL_OK);
	for (int i = 0; i < OBJECTS; i++) {
		ends[i] = (uintptr_t)heap_alloc(type) + BYTES;
		at_buffer_end += ends[i] % 0x10000 == 0;
		if (i % 32 == 31)
			smal_free(thread, heap_alloc(pair));
	}
	ck_assert_uint_ge(at_buffer_end, OBJECTS / 8);
	expect_live(OBJECTS);
	/* With it stays what begins there. */
	for (int i = 0; i < OBJECTS; i++)
		if (ends[i] % 0x10000 != 0)
			ends[i] = 0;
	heap_collect();
	ck_assert_uint_le(heap_live(), 2 * at_buffer_end);
	for (int i = 0; i < OBJECTS; i++)
		if (ends[i] != 0)
			ck_assert_ptr_eq(smal_type_of((void *)(ends[i] - BYTES)), type);
	memset(ends, 0, sizeof ends);
	expect_live(0);
}
END_TEST

/* Words are looked at where they are aligned, and only inside the range. */
START_TEST(test_range_bounds)
{
	static struct {
		void *before, *inside[2], *after;
	} range;
	char *base = (char *)range.inside;

	ck_assert_int_eq(smal_root_add_range(gc, base, base, "empty"), SMAL_OK);
	range.before = fresh();
	range.inside[0] = fresh();
	range.inside[1] = fresh();
	range.after = fresh();
	expect_live(0);
	ck_assert_int_eq(smal_root_remove(gc, base), SMAL_OK);

	ck_assert_int_eq(smal_root_add_range(gc, base, base + sizeof range.inside, NULL), SMAL_OK);
	range.before = fresh();
	range.inside[0] = fresh();
	range.inside[1] = fresh();
	range.after = fresh();
	expect_live(2);
	ck_assert_int_eq(smal_root_remove(gc, base), SMAL_OK);

	/* Cut inside of words: only the whole one counts. */
	range.inside[0] = fresh();
	range.inside[1] = fresh();
	ck_assert_int_eq(smal_root_add_range(gc, base + 1, base + sizeof range.inside, NULL),
	                 SMAL_OK);
	expect_live(1);
	ck_assert_int_eq(smal_root_remove(gc, base + 1), SMAL_OK);
	range.inside[0] = fresh();
	ck_assert_int_eq(smal_root_add_range(gc, base, base + sizeof range.inside - 1, NULL),
	                 SMAL_OK);
	expect_live(1);
	ck_assert_int_eq(smal_root_remove(gc, base), SMAL_OK);
	ck_assert_int_eq(smal_root_add_range(gc, base + 1, base, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_root_add_range(gc, NULL, base, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

/* ---- Any words, by the rules that stand in root.h ---- */

/* The kinds that a range's words lead to: small and at odd multiples of 8, whose last
 * slot ends before its buffer does or with it, with interior pointers, with a free
 * callback, medium, large; and such that the byte behind does not keep. */
static const struct {
	size_t bytes;
	enum smal_marking marking;
	unsigned flags;
	bool frees;
} any_kinds[] = {
	{ 16, SMAL_MARK_NOTHING, 0, false },
	{ 16, SMAL_MARK_CONSERVATIVE, 0, false },
	{ 24, SMAL_MARK_CONSERVATIVE, 0, false },
	{ 32, SMAL_MARK_NOTHING, SMAL_TYPE_INTERIOR, false },
	{ 40, SMAL_MARK_NOTHING, 0, false },
	{ 40, SMAL_MARK_CONSERVATIVE, 0, true },
	{ 64, SMAL_MARK_CONSERVATIVE, 0, false },
	{ 72, SMAL_MARK_NOTHING, 0, false },
	{ 1000, SMAL_MARK_CONSERVATIVE, 0, false },
	{ 8192, SMAL_MARK_NOTHING, 0, false },
	{ 9000, SMAL_MARK_CONSERVATIVE, 0, false },
	{ 20008, SMAL_MARK_NOTHING, 0, false },
	{ 200000, SMAL_MARK_CONSERVATIVE, 0, false },
	{ 0, SMAL_MARK_NOTHING, 0, false },
	{ 16, SMAL_MARK_CONSERVATIVE, SMAL_TYPE_NO_END, false },
	{ 24, SMAL_MARK_NOTHING, SMAL_TYPE_NO_END | SMAL_TYPE_INTERIOR, false },
	{ 96, SMAL_MARK_CONSERVATIVE, SMAL_TYPE_NO_END, true },
	{ 9000, SMAL_MARK_NOTHING, SMAL_TYPE_NO_END, false },
	{ 200000, SMAL_MARK_CONSERVATIVE, SMAL_TYPE_NO_END, false },
	{ 0, SMAL_MARK_CONSERVATIVE, SMAL_TYPE_NO_END, false },
};

enum {
	ANY_KINDS = sizeof any_kinds / sizeof *any_kinds,
	ANY_OBJECTS = 3000,
	ANY_WORDS = 1 << 18,
	/* One past the end of what is not larger is not it if an object begins there. */
	ANY_COMPACT_BYTES = 64
};

static uintptr_t any_words[ANY_WORDS], any_hidden[ANY_OBJECTS];
static bool any_expected[ANY_OBJECTS], any_is_compact[ANY_OBJECTS];
static bool any_has_end[ANY_OBJECTS];

static void free_nothing(void *object, void *user)
{
	(void)object;
	(void)user;
}

/* Objects of all kinds by turns, of which a third is free again. Each that is left
 * holds its number. */
static void any_fill(struct test_random *random)
{
	struct smal_type *types[ANY_KINDS];

	for (size_t i = 0; i < ANY_KINDS; i++) {
		struct smal_type_desc desc = { .name = "any",
			                       .bytes = any_kinds[i].bytes,
			                       .marking = any_kinds[i].marking,
			                       .flags = any_kinds[i].flags,
			                       .free = any_kinds[i].frees ? free_nothing : NULL };

		types[i] = heap_type(&desc);
	}
	for (size_t i = 0; i < ANY_OBJECTS; i++) {
		size_t kind = test_random_below(random, ANY_KINDS);
		uintptr_t *object;

		if (any_kinds[kind].bytes >= 8192 && i % 4 != 0)
			kind %= 8;
		object = any_kinds[kind].bytes != 0
		                 ? heap_alloc(types[kind])
		                 : heap_alloc_bytes(types[kind], 16 + test_random_below(random, 200));
		object[0] = i;
		any_hidden[i] = HIDE(object);
		any_has_end[i] = (any_kinds[kind].flags & SMAL_TYPE_NO_END) == 0;
		any_is_compact[i] = any_kinds[kind].bytes != 0 &&
		                    any_kinds[kind].bytes <= ANY_COMPACT_BYTES;
	}
	for (size_t i = 0; i < ANY_OBJECTS; i++)
		if (test_random_below(random, 3) == 0) {
			smal_free(thread, (void *)~any_hidden[i]);
			any_hidden[i] = 0;
		}
}

/* A word at, in, and around an object or its buffer; or any other. */
static uintptr_t any_word(struct test_random *random)
{
	static char foreign[64];
	uintptr_t object = ~any_hidden[test_random_below(random, ANY_OBJECTS)];
	size_t bytes = object != UINTPTR_MAX ? smal_size((void *)object) : 0;

	switch (test_random_below(random, 12)) {
	case 0:
		return object;
	case 1:
		return object + test_random_below(random, bytes + 1);
	case 2:
		return object + bytes;
	case 3:
		return object + bytes - 1;
	case 4:
		return object - 1;
	case 5:
		return object - 8 * test_random_below(random, 20);
	case 6:
		return (object & ~(uintptr_t)0xffff) + 8 * test_random_below(random, 8);
	case 7:
		return (object | 0xffff) + 1 - 8 * test_random_below(random, 20);
	case 8:
		return (object & ~(uintptr_t)0xffff) + test_random_below(random, 0x10000);
	case 9:
		return (uintptr_t)&foreign[test_random_below(random, sizeof foreign)];
	case 10:
		return (uintptr_t)test_random_next(random) >>
		       test_random_below(random, sizeof(uintptr_t) * 8);
	default:
		return 0;
	}
}

/* What a word of a range keeps, by the rules. */
static void any_expect(uintptr_t word, uintptr_t tag_mask)
{
	uintptr_t address = word & ~tag_mask, *object = smal_base(thread, address);
	uintptr_t *before = address != 0 ? smal_base(thread, address - 1) : NULL;

	/* What smal_base finds ahead of a thread's cursor is none of these. */
	if (object != NULL && any_hidden[object[0] % ANY_OBJECTS] == HIDE(object))
		any_expected[object[0]] = true;
	if (before != NULL && any_hidden[before[0] % ANY_OBJECTS] == HIDE(before) &&
	    any_has_end[before[0]] && address % 8 == 0 &&
	    (uintptr_t)before + smal_size(before) == address &&
	    ((uintptr_t)object != address || !any_is_compact[before[0]]))
		any_expected[before[0]] = true;
}

/* Few words at a time, so that few objects have to stay; then as many as several
 * markers share. */
static void any_collect(struct test_random *random, uintptr_t tag_mask, size_t count)
{
	memset(any_words, 0, sizeof any_words);
	memset(any_expected, 0, sizeof any_expected);
	for (size_t i = 0; i < count; i++) {
		size_t at = test_random_below(random, ANY_WORDS);

		any_words[at] = any_word(random) ^ ((uintptr_t)test_random_next(random) & tag_mask);
	}
	for (size_t i = 0; i < ANY_WORDS; i++)
		any_expect(any_words[i], tag_mask);
	heap_collect();
	for (size_t i = 0; i < ANY_OBJECTS; i++) {
		bool live = any_hidden[i] != 0 && smal_type_of((void *)~any_hidden[i]) != NULL;

		if (live != any_expected[i])
			ck_abort_msg("object %zu is %skept", i, live ? "" : "not ");
		if (!live)
			any_hidden[i] = 0;
	}
}

/* `others`: the space has another segment, which one large object is. */
static void any_run(uintptr_t tag_mask, bool others)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .tag_mask = tag_mask,
		                           .exact_stacks = 1, .markers = 2 };
	struct test_random random;

	heap_begin(&options);
	/* What is only remembered must stay until it is asked about. */
	smal_gc_set_torture(gc, 0);
	test_random_init(&random, 6);
	if (others)
		roots[0] = heap_alloc_bytes(heap_text_type(), (size_t)300 << 20);
	for (size_t round = 0; round < heap_scale(8000) / 1000; round++) {
		any_fill(&random);
		ck_assert_int_eq(smal_root_add_range(gc, any_words, any_words + ANY_WORDS, "any"),
		                 SMAL_OK);
		for (size_t count = 12000; count > 0; count /= 6)
			any_collect(&random, tag_mask, count);
		ck_assert_int_eq(smal_root_remove(gc, any_words), SMAL_OK);
		heap_collect();
		ck_assert_uint_eq(heap_live(), others);
	}
	heap_end();
}

START_TEST(test_any_words)
{
	any_run(0, false);
	any_run(0, true);
}
END_TEST

START_TEST(test_any_tagged_words)
{
	any_run(7, false);
	any_run(sizeof(uintptr_t) == 8 ? (uintptr_t)0xffff000000000007 : 3, true);
}
END_TEST

/* A collector that has nothing yet, and one whose objects all lie in segments of their
 * own. */
START_TEST(test_no_segment)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .exact_stacks = 1 };
	uintptr_t object;

	heap_begin(&options);
	memset(any_words, 0, sizeof any_words);
	any_words[1] = UINTPTR_MAX;
	any_words[2] = (uintptr_t)any_words;
	ck_assert_int_eq(smal_root_add_range(gc, any_words, any_words + 4, "any"), SMAL_OK);
	expect_live(0);
	object = (uintptr_t)heap_alloc_bytes(heap_text_type(), (size_t)300 << 20);
	for (size_t at = 0; at <= (size_t)300 << 20; at += (size_t)100 << 20) {
		any_words[3] = object + at;
		expect_live(1);
	}
	any_words[3] = object - 1;
	expect_live(0);
	heap_end();
}
END_TEST

/* ---- Functions ---- */

struct hoard {
	void *exact, *array[3], *interior;
	unsigned calls;
};

static void mark_hoard(struct smal_marker *marker, void *user)
{
	struct hoard *hoard = user;

	hoard->calls++;
	smal_mark(marker, hoard->exact);
	smal_mark_array(marker, hoard->array, 3);
	smal_mark_range(marker, &hoard->interior, &hoard->interior + 1);
}

static void fill(struct hoard *hoard)
{
	hoard->exact = fresh();
	hoard->array[0] = NULL;
	hoard->array[1] = fresh();
	hoard->array[2] = fresh();
	hoard->interior = (char *)heap_alloc_bytes(text, 100) + 99;
}

START_TEST(test_function)
{
	struct hoard one = { 0 }, two = { 0 };

	ck_assert_int_eq(smal_root_add_function(gc, mark_hoard, &one, "one"), SMAL_OK);
	ck_assert_int_eq(smal_root_add_function(gc, mark_hoard, &two, "two"), SMAL_OK);
	fill(&one);
	fill(&two);
	expect_live(8);
	ck_assert_uint_ge(one.calls, 1);
	ck_assert_int_eq(smal_root_remove(gc, &one), SMAL_OK);
	one.calls = 0;
	expect_live(4);
	ck_assert_uint_eq(one.calls, 0);
	ck_assert_int_eq(smal_root_add_function(gc, NULL, &one, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

/* ---- Frames ---- */

static unsigned descend(unsigned depth)
{
	void *local[3] = { NULL };
	struct smal_frame frame;
	unsigned below = 0;

	smal_frame_push(thread, &frame, local, 3);
	local[0] = fresh();
	local[2] = fresh();
	if (depth > 0)
		below = descend(depth - 1);
	else
		expect_live(2 * 51);
	ck_assert_ptr_eq(smal_type_of(local[0]), pair);
	ck_assert_ptr_eq(smal_type_of(local[2]), pair);
	smal_frame_pop(thread, &frame);
	return below + 1;
}

START_TEST(test_frames)
{
	ck_assert_uint_eq(descend(50), 51);
	expect_live(0);
}
END_TEST

static jmp_buf handler;
static volatile bool handled;

/* Pushes a frame a level, and leaves by longjmp from the deepest. */
static __attribute__((noinline)) void fall(unsigned depth)
{
	void *local[2] = { NULL };
	struct smal_frame frame;

	smal_frame_push(thread, &frame, local, 2);
	local[1] = fresh();
	if (depth > 0)
		fall(depth - 1);
	else if (handled)
		longjmp(handler, 1);
	smal_frame_pop(thread, &frame);
}

/* Overwrites the stack that the frames stood on. */
static __attribute__((noinline)) unsigned scribble(unsigned seed)
{
	volatile unsigned char bytes[8192];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(seed * 31 + i);
	return bytes[seed % sizeof bytes];
}

/* A handler that longjmp reached pops its own frame: those that were pushed
 * after it go with it, though the stack they stood on is anybody's now. */
START_TEST(test_frames_after_longjmp)
{
	void *outer[1] = { NULL }, *local[1] = { NULL };
	struct smal_frame outer_frame, frame;

	smal_frame_push(thread, &outer_frame, outer, 1);
	outer[0] = fresh();
	for (volatile unsigned round = 1; round < 20; round++) {
		smal_frame_push(thread, &frame, local, 1);
		local[0] = fresh();
		handled = true;
		if (setjmp(handler) == 0) {
			fall(round);
			ck_abort_msg("fall returned");
		}
		scribble(round);
		smal_frame_pop(thread, &frame);
		local[0] = NULL;
		expect_live(1);
	}
	smal_frame_pop(thread, &outer_frame);
	expect_live(0);
	told_nothing();
}
END_TEST

START_TEST(test_frames_unknown)
{
	struct smal_frame one, two, three, never = { 0 };
	void *slots[3] = { NULL };

	smal_frame_pop(thread, NULL);
	told_once(SMAL_ERROR_INVALID);
	smal_frame_pop(thread, &never);
	told_once(SMAL_ERROR_INVALID);
	smal_frame_push(thread, &one, slots, 1);
	smal_frame_push(thread, &two, slots + 1, 1);
	smal_frame_push(thread, &three, slots + 2, 1);
	for (int i = 0; i < 3; i++)
		slots[i] = fresh();
	smal_frame_pop(thread, &never);
	told_once(SMAL_ERROR_INVALID);
	expect_live(3);
	smal_frame_pop(thread, &two);
	expect_live(1);
	smal_frame_pop(thread, &two);
	told_once(SMAL_ERROR_INVALID);
	smal_frame_pop(thread, &three);
	told_once(SMAL_ERROR_INVALID);
	expect_live(1);
	smal_frame_pop(thread, &one);
	expect_live(0);
	smal_frame_pop(thread, &one);
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

/* A thread that detaches forgets its frames. */
START_TEST(test_frames_end_with_thread)
{
	void *slots[1] = { NULL };
	struct smal_frame frame;

	smal_frame_push(thread, &frame, slots, 1);
	slots[0] = fresh();
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	expect_live(0);
}
END_TEST

/* ---- When ---- */

static enum smal_error in_callback[5];

static void meddle(struct smal_marker *marker, void *user)
{
	(void)marker;
	in_callback[0] = smal_root_add(gc, user, NULL);
	in_callback[1] = smal_root_add_range(gc, user, user, NULL);
	in_callback[2] = smal_root_add_function(gc, meddle, user, NULL);
	in_callback[3] = smal_root_add_static(gc);
	in_callback[4] = smal_root_remove(gc, user);
}

START_TEST(test_busy_in_callbacks)
{
	void *slot = NULL;

	ck_assert_int_eq(smal_root_add_function(gc, meddle, &slot, "meddle"), SMAL_OK);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(in_callback[i], SMAL_ERROR_BUSY);
	ck_assert_uint_ge(told.count, 5);
	told_begin();
	ck_assert_int_eq(smal_root_remove(gc, &slot), SMAL_OK);
}
END_TEST

/* Roots may change while no thread is attached. */
START_TEST(test_without_thread)
{
	void *slot = fresh();

	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_root_add(gc, &slot, "slot"), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	expect_live(1);
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_root_remove(gc, &slot), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	expect_live(0);
}
END_TEST

static Suite *root_suite(void)
{
	Suite *suite = suite_create("root");
	TCase *slots = tcase_create("slots");
	TCase *ranges = tcase_create("ranges");
	TCase *any = tcase_create("any");
	TCase *others = tcase_create("others");
	TCase *frames = tcase_create("frames");

	tcase_add_checked_fixture(slots, begin, heap_end);
	tcase_add_test(slots, test_slot);
	tcase_add_test(slots, test_slot_is_exact);
	tcase_add_test(slots, test_same_slot_twice);
	tcase_add_test(slots, test_many_slots);
	suite_add_tcase(suite, slots);

	tcase_add_checked_fixture(ranges, begin, heap_end);
	tcase_add_test(ranges, test_range);
	tcase_add_test(ranges, test_range_interior);
	tcase_add_test(ranges, test_range_buffer_end);
	tcase_add_test(ranges, test_range_bounds);
	suite_add_tcase(suite, ranges);

	tcase_set_timeout(any, 60);
	tcase_add_test(any, test_any_words);
	tcase_add_test(any, test_any_tagged_words);
	tcase_add_test(any, test_no_segment);
	suite_add_tcase(suite, any);

	tcase_add_checked_fixture(others, begin, heap_end);
	tcase_add_test(others, test_function);
	tcase_add_test(others, test_busy_in_callbacks);
	tcase_add_test(others, test_without_thread);
	suite_add_tcase(suite, others);

	tcase_add_checked_fixture(frames, begin, heap_end);
	tcase_add_test(frames, test_frames);
	tcase_add_test(frames, test_frames_after_longjmp);
	tcase_add_test(frames, test_frames_unknown);
	tcase_add_test(frames, test_frames_end_with_thread);
	suite_add_tcase(suite, frames);
	return suite;
}

int main(void)
{
	return test_main(root_suite);
}
