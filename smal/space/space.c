/* SPDX-License-Identifier: MIT */
/*
 * space.c: runs: who serves them, and what is counted (space.h).
 *
 * A run is taken from the first segment that has room (run.c), from a new one, or,
 * above 256 MiB, is a segment of its own (segment.c). What is given back is
 * dirty until it is handed out again or purged (purge.c).
 *
 * Invariants (verify.c):
 *   I1  a chunk that is dirty is free
 *   I2  dirty_chunks is the number of dirty bits, and dirty_regions has every
 *       region of one
 *   I3  used_bytes is the chunks in use, in blocks with a node and without
 *   I4  the table finds every segment by its first and last byte
 *   I5  the memory of all segments and the metadata are what was committed
 */
#include <smal/space/space.h>

/* Sizes to reserve, largest first; each a power of two. */
#if UINTPTR_MAX > 0xffffffffu
static const uint64_t largest_segment = (uint64_t)64 << 30;
#else
static const uint64_t largest_segment = (uint64_t)256 << 20;
#endif
enum {
	SMALLEST_SEGMENT = 4 << 20,
	/* Where addresses are scarce: of what is left, and of what the space has, a new
	 * segment is this share. */
	SCARCE_SHARE = 16,
	GROWTH_SHARE = 4
};

/* True if so much could be reserved. */
static bool is_left(const struct smal_space *space, uint64_t bytes)
{
	const struct smal_provider *provider = space->account.provider;
	void *reservation = bytes <= SIZE_MAX ? provider->reserve((size_t)bytes) : NULL;

	if (reservation != NULL)
		provider->release(reservation, (size_t)bytes);
	return reservation != NULL;
}

/* A share of what a space has, as a power of two. */
static uint64_t next_bytes(const struct smal_space *space)
{
	uint64_t bytes = SMALLEST_SEGMENT;

	while (bytes * 2 <= space->reserved_bytes / GROWTH_SHARE)
		bytes *= 2;
	return bytes;
}

/* A segment for a run of these many chunks. Where addresses are scarce, which a
 * refusal shows, most of what is left is left to others, and the next segment is a share
 * of what there is by then. */
static struct smal_segment *add_segment(struct smal_space *space, size_t chunks)
{
	uint64_t need = (uint64_t)1 << smal_log2_ceil(chunks << SMAL_CHUNK_LOG2);
	uint64_t largest = space->options.segment_bytes, bytes = space->next_segment_bytes;
	uint64_t least = largest < SMALLEST_SEGMENT ? largest : SMALLEST_SEGMENT;
	bool refused = false;

	if (space->account.provider->reserve == NULL)
		return NULL;
	if (least < need)
		least = need;
	if (bytes < need)
		bytes = need;
	while (bytes >= least) {
		struct smal_segment *segment = NULL;
		uint64_t tried = bytes;

		if (refused)
			tried = smal_max(least, bytes / SCARCE_SHARE);
		if (tried == bytes || is_left(space, bytes))
			segment = smal_segment_create(space, (size_t)tried);
		if (segment != NULL) {
			if (tried < largest)
				space->next_segment_bytes = smal_min(largest, next_bytes(space));
			return segment;
		}
		refused = true;
		bytes /= 2;
	}
	return NULL;
}

/* The first segment that has room in what is committed, or can commit more, or
 * can be made; NULL if there is none. */
static struct smal_segment *take_somewhere(struct smal_space *space, size_t n, unsigned order,
                                           uint32_t *chunk)
{
	struct smal_segment *segment;

	for (int grows = 0; grows <= 1; grows++) {
		SMAL_LIST_EACH(link, &space->segments) {
			segment = SMAL_CONTAINER(link, struct smal_segment, link);
			if (!segment->direct && smal_run_take(segment, n, order, grows != 0, chunk))
				return segment;
		}
	}
	segment = add_segment(space, n);
	return segment != NULL && smal_run_take(segment, n, order, true, chunk) ? segment : NULL;
}

void *smal_space_take_locked(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed)
{
	size_t n = smal_chunks(bytes);
	unsigned order = (unsigned)smal_log2_ceil(smal_max(n, smal_chunks(align_bytes)));
	struct smal_segment *segment;
	uint32_t chunk = 0;

	if (n == 0 || bytes > SIZE_MAX / 2)
		return NULL;
	if (n > SMAL_REGION >> SMAL_CHUNK_LOG2) {
		segment = smal_segment_create_direct(space, bytes);
		*zeroed = true;
		return segment != NULL ? (void *)segment->base : NULL;
	}
	segment = take_somewhere(space, n, order, &chunk);
	if (segment == NULL)
		return NULL;
	segment->used_bytes += n << SMAL_CHUNK_LOG2;
	*zeroed = smal_segment_take_dirty(segment, chunk, n);
	/* Whoever had it may have forbidden it to all. */
	smal_os_tool_allow(smal_segment_chunk_address(segment, chunk), n << SMAL_CHUNK_LOG2);
	return smal_segment_chunk_address(segment, chunk);
}

static bool give_locked(struct smal_space *space, void *run, size_t bytes, bool dirty)
{
	struct smal_segment *segment = smal_space_segment(space, run);
	size_t n = smal_chunks(bytes);
	uint32_t chunk;

	SMAL_ASSERT(segment != NULL);
	if (segment->direct) {
		SMAL_ASSERT(n << SMAL_CHUNK_LOG2 <= segment->used_bytes);
		segment->used_bytes -= n << SMAL_CHUNK_LOG2;
		if (segment->used_bytes == 0)
			smal_segment_end_direct(segment);
		else
			smal_account_discard(&space->account, run, n << SMAL_CHUNK_LOG2);
		return true;
	}
	chunk = smal_segment_chunk(segment, run);
	if (!smal_run_give(segment, chunk, n, dirty))
		return false;
	segment->used_bytes -= n << SMAL_CHUNK_LOG2;
	return true;
}

bool smal_space_give_locked(struct smal_space *space, void *run, size_t bytes)
{
	space->now_ms = smal_os_clock_ns() / 1000000;
	return give_locked(space, run, bytes, true);
}

/* ---- The interface ---- */

void *smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes, bool *zeroed)
{
	void *run;

	smal_os_lock_take(&space->lock);
	run = smal_space_take_locked(space, bytes, align_bytes, zeroed);
	smal_os_lock_give(&space->lock);
	return run;
}

bool smal_space_give(struct smal_space *space, void *run, size_t bytes)
{
	bool given;

	smal_os_lock_take(&space->lock);
	given = smal_space_give_locked(space, run, bytes);
	smal_space_decay_locked(space);
	smal_os_lock_give(&space->lock);
	return given;
}

void smal_space_give_unused(struct smal_space *space, void *run, size_t bytes)
{
	smal_os_lock_take(&space->lock);
	give_locked(space, run, bytes, false);
	smal_os_lock_give(&space->lock);
}

void smal_space_discard(struct smal_space *space, void *base, size_t bytes)
{
	smal_os_lock_take(&space->lock);
	smal_account_discard(&space->account, base, bytes);
	smal_os_lock_give(&space->lock);
}

bool smal_space_commit_side(struct smal_space *space, unsigned side, const void *run,
                            size_t bytes)
{
	struct smal_segment *segment = smal_space_segment(space, run);
	uintptr_t limit = (uintptr_t)run + bytes - segment->base + SMAL_BLOCK - 1;
	bool done;

	smal_os_lock_take(&space->lock);
	done = smal_segment_commit_side(segment, side, (uint32_t)(limit >> SMAL_BLOCK_LOG2));
	smal_os_lock_give(&space->lock);
	return done;
}

bool smal_space_extend(struct smal_space *space, void *run, size_t old_bytes, size_t new_bytes,
                       bool *zeroed)
{
	struct smal_segment *segment;
	size_t had = smal_chunks(old_bytes), n = smal_chunks(new_bytes) - had;
	bool done = false;

	smal_os_lock_take(&space->lock);
	segment = smal_space_segment(space, run);
	SMAL_ASSERT(segment != NULL);
	if (!segment->direct) {
		uint32_t chunk = smal_segment_chunk(segment, run) + (uint32_t)had;

		done = smal_run_take_at(segment, chunk, n);
		if (done) {
			segment->used_bytes += n << SMAL_CHUNK_LOG2;
			*zeroed = smal_segment_take_dirty(segment, chunk, n);
			smal_os_tool_allow(smal_segment_chunk_address(segment, chunk),
			                   n << SMAL_CHUNK_LOG2);
		}
	}
	smal_os_lock_give(&space->lock);
	return done;
}

/* Where the space itself lies. */
static size_t space_bytes(void)
{
	return smal_round_up(sizeof(struct smal_space), smal_os_page_bytes());
}

uint64_t smal_space_metadata(const struct smal_space *space)
{
	uint64_t bytes = space->directs.area.committed_bytes;

	if (space->options.buffer == NULL)
		bytes += space_bytes();
	SMAL_LIST_EACH(link, &space->segments) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);

		if (!segment->direct)
			bytes += smal_segment_metadata(segment);
	}
	return bytes;
}

void smal_space_get_counts(struct smal_space *space, struct smal_space_counts *counts)
{
	*counts = (struct smal_space_counts){ 0 };
	smal_os_lock_take(&space->lock);
	counts->reserved_bytes = space->reserved_bytes;
	counts->mappings = space->mappings;
	counts->commits = space->account.commits;
	counts->discards = space->account.discards;
	counts->committed_bytes = space->account.committed_bytes;
	SMAL_LIST_EACH(link, &space->segments) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);

		counts->used_bytes += segment->used_bytes;
		counts->free_bytes += segment->memory.committed_bytes - segment->used_bytes;
		counts->dirty_bytes += (uint64_t)segment->dirty_chunks << SMAL_CHUNK_LOG2;
	}
	counts->metadata_bytes = smal_space_metadata(space);
	smal_os_lock_give(&space->lock);
}

struct smal_segment *smal_space_segment(struct smal_space *space, const void *address)
{
	struct smal_segment *segment = NULL;

	if (space->options.buffer != NULL) {
		segment = SMAL_CONTAINER(space->segments.next, struct smal_segment, link);
		return (uintptr_t)address - segment->base < segment->bytes ? segment : NULL;
	}
	segment = smal_table_find((uintptr_t)address);
	return segment != NULL && segment->space == space ? segment : NULL;
}

/* ---- Creation and end ---- */

static void init(struct smal_space *space, const struct smal_space_options *options,
                 const struct smal_provider *provider)
{
	*space = (struct smal_space){ .options = *options, .account.provider = provider };
	smal_os_lock_init(&space->lock);
	smal_link_init(&space->segments);
	smal_link_init(&space->spare);
	if (space->options.segment_bytes == 0)
		space->options.segment_bytes = largest_segment;
	space->next_segment_bytes = space->options.segment_bytes;
	space->decayed_ms = space->now_ms = smal_os_clock_ns() / 1000000;
	space->magic = SMAL_MAGIC_SPACE;
}

static struct smal_space *create_in(const struct smal_space_options *options)
{
	char *buffer = options->buffer;
	struct smal_space *space = (void *)smal_round_up((uintptr_t)buffer, 16);
	size_t before = (size_t)((char *)space - buffer);

	if (options->buffer_bytes < before + sizeof *space)
		return NULL;
	init(space, options, &smal_provider_buffer);
	space->account.committed_bytes = options->buffer_bytes;
	if (!smal_segment_create_in(space, (char *)(space + 1), buffer + options->buffer_bytes) ||
	    !smal_run_open_short(SMAL_CONTAINER(space->segments.next, struct smal_segment, link)))
		return NULL;
	return space;
}

struct smal_space *smal_space_create(const struct smal_space_options *options)
{
	const struct smal_provider *provider =
		options->provider != NULL ? options->provider : &smal_provider_os;
	uint64_t segment_bytes = options->segment_bytes;
	struct smal_space *space;

	if (options->buffer != NULL)
		return create_in(options);
	if (segment_bytes != 0 && (segment_bytes < SMAL_BLOCK || segment_bytes > largest_segment ||
	                           (segment_bytes & (segment_bytes - 1)) != 0))
		return NULL;
	space = provider->reserve(space_bytes());
	if (space == NULL)
		return NULL;
	if (!provider->commit(space, space_bytes())) {
		provider->release(space, space_bytes());
		return NULL;
	}
	init(space, options, provider);
	space->account.commits = 1;
	space->account.committed_bytes = space->reserved_bytes = space_bytes();
	space->mappings = 1;
	return space;
}

void smal_space_destroy(struct smal_space *space)
{
	const struct smal_provider *provider = space->account.provider;

	space->magic = SMAL_MAGIC_GONE;
	if (space->options.buffer != NULL) {
		smal_os_tool_allow(space->options.buffer, space->options.buffer_bytes);
		return;
	}
	SMAL_LIST_EACH_SAFE(link, &space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);

		smal_table_remove(segment);
		provider->release(segment->reservation, segment->reservation_bytes);
	}
	if (space->directs.area.base != NULL)
		provider->release(space->directs.area.base, space->directs.area.bytes);
	provider->release(space, space_bytes());
}
