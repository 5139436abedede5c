/* SPDX-License-Identifier: MIT */
/*
 * row.c: a collector for a row, and samples.
 */
#include "row.h"

enum { SAMPLES = 50000 };

struct smal_gc *row_gc;
struct smal_thread *row_thread;
struct smal_type *row_pair_type;
void *row_root;

/* In ns an operation times 1000. */
static uint64_t samples[SAMPLES];
static size_t sample_count;

void row_done(enum smal_error error)
{
	if (error != SMAL_OK)
		measure_fail(smal_error_text(error));
}

void row_failed(void)
{
	measure_fail(smal_error_text(smal_thread_error(row_thread)));
}

struct smal_type *row_type(const char *name, size_t bytes, uintptr_t pointers)
{
	const struct smal_type_desc desc = {
		.name = name,
		.bytes = bytes,
		.marking = pointers ? SMAL_MARK_LAYOUT : SMAL_MARK_NOTHING,
		.layout = { &pointers, pointers ? bytes / sizeof(void *) : 0, 0 },
	};
	struct smal_type *type;

	row_done(smal_type_create(row_gc, &desc, &type));
	return type;
}

static void open_with(struct smal_gc_options options)
{
	options.options_bytes = sizeof options;
	row_done(smal_gc_create(&options, &row_gc));
	row_done(smal_thread_attach(row_gc, &row_thread));
	row_done(smal_root_add(row_gc, &row_root, "root"));
	row_pair_type = row_type("pair", sizeof(struct pair), 3);
}

void row_open_fixed(size_t heap_bytes)
{
	open_with((struct smal_gc_options){ .pace = SMAL_PACE_FIXED, .pace_bytes = heap_bytes });
}

void row_open(void)
{
	open_with((struct smal_gc_options){ .pace = SMAL_PACE_OFF });
}

void row_open_exact(void)
{
	open_with((struct smal_gc_options){ .pace = SMAL_PACE_OFF, .exact_stacks = 1 });
}

double row_list_grow(uint64_t n)
{
	enum { BATCH = 1000 };
	uint64_t start_ns = measure_ns(), last_ns = start_ns, i, j;

	row_sample_none();
	for (i = 0; i < n; i += BATCH) {
		uint64_t now_ns;

		for (j = 0; j < BATCH; j++)
			row_root = row_pair(NULL, row_root);
		now_ns = measure_ns();
		row_sample(now_ns - last_ns, BATCH);
		last_ns = now_ns;
	}
	return (double)(last_ns - start_ns) / (double)n;
}

void row_sample_none(void)
{
	sample_count = 0;
}

void row_sample(uint64_t ns, uint64_t operations)
{
	if (sample_count < SAMPLES)
		samples[sample_count++] = ns * 1000 / operations;
}

void row_result(struct result *result, double ns)
{
	measure_sort(samples, sample_count);
	result->ns = ns > 0 ? ns : (double)measure_quantile(samples, sample_count, 0.5) / 1000;
	result->p99_ns = (double)measure_quantile(samples, sample_count, 0.99) / 1000;
	result->valid = 1;
}

void row_result_metadata(struct result *result)
{
	struct smal_space_stats space;
	struct smal_gc_stats stats;

	smal_get_space_stats(&space);
	smal_gc_get_stats(row_gc, &stats);
	result->metadata_percent = 100 * (double)space.metadata_bytes /
	                           (double)stats.objects.heap_bytes;
}
