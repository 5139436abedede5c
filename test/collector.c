/* SPDX-License-Identifier: MIT */
/*
 * collector.c: what the tests of the collector share (collector.h).
 */
#include "test/collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct smal_gc *gc;
struct smal_thread *thread;
void *roots[ROOTS];
struct told told;

static void remember(const struct smal_report *report, void *user)
{
	(void)user;
	told.count++;
	snprintf(told.function, sizeof told.function, "%s", report->function);
	snprintf(told.what, sizeof told.what, "%s", report->what);
	snprintf(told.detail, sizeof told.detail, "%s", report->detail);
	told.pointer = report->pointer;
	told.error = report->error;
}

void told_begin(void)
{
	told = (struct told){ 0 };
	smal_error_set_sink(remember, NULL);
}

void told_nothing(void)
{
	ck_assert_msg(told.count == 0, "%u reports, the last of %s: %s: %s", told.count,
	              told.function, told.what, told.detail);
}

void told_once(enum smal_error error)
{
	ck_assert_msg(told.count == 1, "%u reports, the last of %s: %s: %s", told.count,
	              told.function, told.what, told.detail);
	ck_assert_msg(told.error == error, "told \"%s\", not \"%s\": %s: %s",
	              smal_error_text(told.error), smal_error_text(error), told.what, told.detail);
	ck_assert_str_ne(told.function, "");
	told.count = 0;
}

void heap_begin(const struct smal_gc_options *options)
{
	struct smal_gc_options exact = { .pace = SMAL_PACE_OFF, .exact_stacks = 1 };

	told_begin();
	ck_assert_int_eq(smal_gc_create(options != NULL ? options : &exact, &gc), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	memset(roots, 0, sizeof roots);
	for (int i = 0; i < ROOTS; i++)
		ck_assert_int_eq(smal_root_add(gc, &roots[i], "roots"), SMAL_OK);
}

void heap_begin_exact(void)
{
	heap_begin(NULL);
}

void heap_begin_scanned(void)
{
	struct smal_gc_options scanned = { .pace = SMAL_PACE_OFF };

	heap_begin(&scanned);
}

void heap_end(void)
{
	heap_check();
	told_nothing();
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(gc), SMAL_OK);
	told_nothing();
	smal_error_set_sink(NULL, NULL);
	gc = NULL;
	thread = NULL;
}

struct walk {
	uint64_t objects, bytes;
};

static int walk_object(void *object, struct smal_type *type, size_t bytes, void *user)
{
	struct walk *walk = user;

	(void)object;
	(void)type;
	walk->objects++;
	walk->bytes += bytes;
	return 0;
}

void heap_check(void)
{
	struct smal_gc_stats stats;
	struct walk walk = { 0 };

	ck_assert_msg(smal_check(thread) == SMAL_OK, "%s", told.what);
	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(stats.objects.allocated_objects,
	                  stats.objects.live_objects + stats.objects.freed_objects);
	ck_assert_uint_eq(stats.objects.allocated_bytes,
	                  stats.objects.live_bytes + stats.objects.freed_bytes);
	ck_assert_uint_le(stats.objects.pending_objects, stats.objects.live_objects);
	ck_assert_uint_le(stats.objects.live_bytes, stats.objects.heap_bytes);
	ck_assert_uint_le(stats.objects.heap_bytes, stats.heap_peak_bytes);
	ck_assert_int_eq(smal_each_object(thread, walk_object, &walk), 0);
	ck_assert_uint_eq(walk.objects,
	                  stats.objects.live_objects - stats.objects.pending_objects);
	if (stats.objects.pending_objects == 0)
		ck_assert_uint_eq(walk.bytes, stats.objects.live_bytes);
}

void heap_collect(void)
{
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	heap_check();
}

uint64_t heap_live(void)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(gc, &stats);
	return stats.objects.live_objects - stats.objects.pending_objects;
}

struct smal_type *heap_type(const struct smal_type_desc *desc)
{
	struct smal_type *type = NULL;
	enum smal_error error = smal_type_create(gc, desc, &type);

	ck_assert_msg(error == SMAL_OK, "type %s: %s: %s %s", desc->name, smal_error_text(error),
	              told.what, told.detail);
	return type;
}

struct smal_type *heap_pair_type(void)
{
	static const uintptr_t both = 3;
	struct smal_type_desc desc = {
		.name = "pair",
		.bytes = 2 * sizeof(void *),
		.marking = SMAL_MARK_LAYOUT,
		.layout = { .bits = &both, .words = 2 },
	};

	return heap_type(&desc);
}

struct smal_type *heap_text_type(void)
{
	struct smal_type_desc desc = { .name = "text" };

	return heap_type(&desc);
}

struct smal_type *heap_array_type(void)
{
	struct smal_type_desc desc = { .name = "array", .marking = SMAL_MARK_CONSERVATIVE };

	return heap_type(&desc);
}

void *heap_alloc(struct smal_type *type)
{
	void *object = smal_alloc(thread, type);

	if (object == NULL)
		ck_abort_msg("smal_alloc of type %s: %s", smal_type_name(type),
		             smal_error_text(smal_thread_error(thread)));
	return object;
}

void *heap_alloc_bytes(struct smal_type *type, size_t bytes)
{
	void *object = smal_alloc_bytes(thread, type, bytes);

	if (object == NULL)
		ck_abort_msg("smal_alloc_bytes of %zu bytes of type %s: %s", bytes,
		             smal_type_name(type), smal_error_text(smal_thread_error(thread)));
	return object;
}

void **heap_cons(struct smal_type *pair, void *a, void *b)
{
	void **object;

	roots[6] = a;
	roots[7] = b;
	object = heap_alloc(pair);
	object[0] = a;
	object[1] = b;
	roots[6] = roots[7] = NULL;
	return object;
}

void heap_keep(struct smal_type *pair, int root, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += 16) {
		void **object = heap_alloc(pair);

		object[1] = roots[root];
		roots[root] = object;
	}
}

struct smal_ephemeron *heap_ephemeron(void *key, void *value)
{
	struct smal_ephemeron *ephemeron = smal_ephemeron_create(thread, key, value);

	EXPECT(ephemeron != NULL);
	EXPECT(smal_ephemeron_key(ephemeron) == key && smal_ephemeron_value(ephemeron) == value);
	return ephemeron;
}

struct smal_map *heap_map(enum smal_map_kind kind)
{
	struct smal_map *map = smal_map_create(thread, kind, NULL, NULL, NULL);

	ck_assert_ptr_nonnull(map);
	ck_assert_uint_eq(smal_map_count(map), 0);
	return map;
}

void heap_map_put(struct smal_map *map, void *key, void *value)
{
	enum smal_error error = smal_map_put(thread, map, key, value);

	if (error != SMAL_OK)
		ck_abort_msg("smal_map_put: %s", smal_error_text(error));
}

void heap_map_expect(struct smal_map *map, uintptr_t first, uintptr_t limit)
{
	for (uintptr_t i = first; i < limit; i++)
		EXPECT(smal_map_get(thread, map, (void *)(i * 16)) == (void *)(i * 32));
}

bool heap_must_be_small(void)
{
	const char *text = getenv("SMAL_TEST_SMALL");

	return text != NULL && *text != 0 && strcmp(text, "0") != 0;
}

size_t heap_scale(size_t n)
{
	if (heap_must_be_small())
		return n < 10000 ? n : 10000;
	return test_is_slow() ? (n + 9) / 10 : n;
}
