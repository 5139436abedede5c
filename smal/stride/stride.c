/* SPDX-License-Identifier: MIT */
/*
 * stride.c: keeping buffers of equal slots, and slots one by one (stride.h).
 *
 *   room -> buffer -> buffer      summary   0 1 1 0 ...      (one word)
 *   full -> buffer -> ...                     |
 *   claimed -> ...                mask words  v  1 0 1 1 0 ...
 *
 * A mask has a bit a granule rather than a bit a slot: then the bit of an
 * object follows from its address by a shift, and a collector needs neither
 * the descriptor nor a division to test it. "Full" is not all ones but equal
 * to the stride's template, which is made once for each stride of a space.
 *
 * Invariants:
 *   I1  a live bit is set only where the template has one
 *   I2  used_slots is the number of live bits, unless the buffer is claimed
 *   I3  a summary bit is set if and only if its words lack a bit of the
 *       template (not for claimed buffers)
 *   I4  a buffer is on the list of its state: with room, full, or claimed
 *   I5  every id of a buffer has its owner word and the way back to the first
 *   I6  buffers and heap_bytes count what is on the lists, and a buffer has the
 *       bytes that its stride says
 */
#include <smal/stride/stride.h>

#include <string.h>

/* What a buffer larger than a small one holds at least: an eighth is wasted at most. */
enum { LEAST_SLOTS = 8 };

struct template {
	struct template *next;
	size_t stride_bytes;
	smal_word full[];
};

void smal_stride_sides(struct smal_space_options *options)
{
	options->side_bytes[SMAL_SIDE_OWNER] = sizeof(uint32_t);
	options->side_bytes[SMAL_SIDE_BACK] = sizeof(uint32_t);
	options->side_bytes[SMAL_SIDE_BUFFER] = sizeof(struct smal_buffer);
	for (unsigned i = 0; i < SMAL_SIDE_MASKS; i++)
		options->side_bytes[SMAL_SIDE_MASK + i] = SMAL_MASK_BYTES;
	options->lazy_sides |= 1u << (SMAL_SIDE_MASK + 2);
}

static void *take_template(struct smal_space *space, size_t bytes)
{
	bool zeroed;

	return bytes <= SMAL_ELEMENT_LARGEST ? smal_element_take(space, bytes)
	                                     : smal_space_take(space, bytes, SMAL_CHUNK, &zeroed);
}

/* The template of a stride, shared by all strides of its size in the space. */
static const smal_word *template_for(struct smal_space *space, size_t stride_bytes,
                                     uint32_t slots, uint32_t words)
{
	size_t bytes = sizeof(struct template) + words * sizeof(smal_word);
	struct smal_space *from = space->options.books != NULL ? space->options.books : space;
	struct template *template;
	uintptr_t head;

	do {
		head = smal_atomic_load(&space->attachment);
		for (template = (void *)head; template != NULL; template = template->next)
			if (template->stride_bytes == stride_bytes)
				return template->full;
		template = take_template(from, bytes);
		/* The space may have memory where the other can get none. */
		if (template == NULL && from != space) {
			from = space;
			template = take_template(from, bytes);
		}
		if (template == NULL)
			return NULL;
		memset(template, 0, bytes);
		template->stride_bytes = stride_bytes;
		template->next = (void *)head;
		for (uint32_t slot = 0; slot < slots; slot++)
			smal_bit_set(template->full, slot * stride_bytes >> SMAL_GRANULE_LOG2);
		if (smal_atomic_cas(&space->attachment, head, (uintptr_t)template))
			return template->full;
		if (bytes <= SMAL_ELEMENT_LARGEST)
			smal_element_give(from, template);
		else
			smal_space_give(from, template, bytes);
	} while (true);
}

bool smal_stride_init(struct smal_stride *stride, struct smal_space *space, uint16_t owner,
                      uint16_t class, size_t stride_bytes)
{
	*stride = (struct smal_stride){ .owner = owner, .class = class, .space = space,
		                        .stride_bytes = stride_bytes, .slots = 1, .words = 1,
		                        .masks = 2 };
	if (stride_bytes != 0) {
		stride->buffer_bytes = (size_t)1 << smal_log2_ceil(stride_bytes * LEAST_SLOTS);
		if (stride->buffer_bytes < SMAL_ID_BYTES)
			stride->buffer_bytes = SMAL_ID_BYTES;
		stride->slots = (uint32_t)(stride->buffer_bytes / stride_bytes);
		stride->words = (uint32_t)(stride->buffer_bytes >> SMAL_ID_LOG2) * SMAL_MASK_WORDS;
		stride->reciprocal = (((uint64_t)1 << 44) + stride_bytes - 1) / stride_bytes;
	}
	stride->full = template_for(space, stride_bytes, stride->slots, stride->words);
	if (stride->full == NULL)
		return false;
	for (size_t w = 0; w < stride->words; w++)
		if (stride->full[w] != 0)
			stride->empty_summary |= (smal_word)1 << w / smal_stride_summary_words(stride);
	smal_os_lock_init(&stride->lock);
	smal_link_init(&stride->room);
	smal_link_init(&stride->filled);
	smal_link_init(&stride->claimed);
	stride->magic = SMAL_MAGIC_STRIDE;
	return true;
}

void smal_buffer_list(struct smal_buffer *buffer)
{
	struct smal_stride *stride = buffer->stride;
	bool full = buffer->used_slots == stride->slots;

	if (buffer->state == SMAL_BUFFER_CLAIMED)
		return;
	if (buffer->state == (full ? SMAL_BUFFER_FULL : SMAL_BUFFER_ROOM))
		return;
	buffer->state = full ? SMAL_BUFFER_FULL : SMAL_BUFFER_ROOM;
	smal_link_remove(&buffer->link);
	smal_link_push(full ? &stride->filled : &stride->room, &buffer->link);
}

/* Field by field: who has found the buffer that was there before, and has no lock, sees the
 * old one or the new one in each, and never nothing. */
static void describe(struct smal_buffer *buffer, struct smal_stride *stride,
                     struct smal_segment *segment, size_t id, size_t bytes)
{
	smal_link_init(&buffer->link);
	if (buffer->segment != segment || buffer->id != id) {
		buffer->segment = segment;
		buffer->id = (uint32_t)id;
	}
	smal_atomic_store_u32(&buffer->chunks, (uint32_t)(bytes >> SMAL_CHUNK_LOG2));
	smal_atomic_store(&buffer->claimer, 0);
	smal_atomic_store_pointer((volatile AO_t *)&buffer->stride, stride);
	buffer->summary = stride->empty_summary;
	buffer->dirty_granules = 0;
	buffer->used_slots = 0;
	buffer->state = SMAL_BUFFER_ROOM;
	buffer->marks = 0;
}

struct smal_buffer *smal_stride_grow(struct smal_stride *stride, size_t bytes)
{
	return smal_stride_grow_aligned(stride, bytes, SMAL_ID_BYTES);
}

struct smal_buffer *smal_stride_grow_aligned(struct smal_stride *stride, size_t bytes,
                                             size_t align_bytes)
{
	bool large = stride->stride_bytes == 0, zeroed;
	struct smal_segment *segment;
	struct smal_buffer *buffer;
	size_t id, ids;
	void *run;

	bytes = large ? smal_round_up(bytes, SMAL_CHUNK) : stride->buffer_bytes;
	run = smal_space_take(stride->space, bytes, align_bytes, &zeroed);
	if (run == NULL)
		return NULL;
	if (stride->masks > 2 &&
	    !smal_space_commit_side(stride->space, SMAL_SIDE_MASK + 2, run, bytes)) {
		smal_space_give(stride->space, run, bytes);
		return NULL;
	}
	segment = smal_space_segment(stride->space, run);
	id = smal_segment_id(segment, (uintptr_t)run);
	ids = smal_segment_ids(segment, bytes);
	buffer = smal_segment_buffer(segment, id);
	describe(buffer, stride, segment, id, bytes);
	if (!zeroed)
		buffer->dirty_granules =
			(uint32_t)smal_min(bytes >> SMAL_GRANULE_LOG2, UINT32_MAX);
	for (size_t i = 0; i < ids; i++)
		smal_atomic_store_u32(smal_segment_back(segment, id + i), (uint32_t)i);
	smal_segment_set_owner(segment, id, id + ids, smal_stride_owner_word(stride));
	smal_os_lock_take(&stride->lock);
	stride->buffers++;
	stride->heap_bytes += bytes;
	smal_link_push(&stride->room, &buffer->link);
	smal_os_lock_give(&stride->lock);
	return buffer;
}

bool smal_buffer_resize(struct smal_buffer *buffer, size_t bytes, bool *zeroed)
{
	struct smal_segment *segment = buffer->segment;
	struct smal_stride *stride = buffer->stride;
	char *base = (char *)smal_buffer_base(buffer);
	uint32_t owner = smal_stride_owner_word(stride);
	size_t had_bytes = smal_buffer_bytes(buffer);
	size_t had = smal_segment_ids(segment, had_bytes), has = smal_segment_ids(segment, bytes);

	if (segment->direct)
		return false;
	if (bytes > had_bytes && !smal_space_extend(stride->space, base, had_bytes, bytes, zeroed))
		return false;
	/* Once the space has them, ids may be another buffer's at once. */
	smal_segment_set_owner(segment, buffer->id + has, buffer->id + had, 0);
	if (bytes < had_bytes) {
		smal_os_tool_forbid(base + bytes, had_bytes - bytes);
		if (!smal_space_give(stride->space, base + bytes, had_bytes - bytes)) {
			smal_os_tool_allow(base + bytes, had_bytes - bytes);
			smal_segment_set_owner(segment, buffer->id + has, buffer->id + had, owner);
			return false;
		}
	}
	for (size_t i = had; i < has; i++)
		*smal_segment_back(segment, buffer->id + i) = (uint32_t)i;
	smal_segment_set_owner(segment, buffer->id + had, buffer->id + has, owner);
	smal_os_lock_take(&stride->lock);
	stride->heap_bytes += bytes - had_bytes;
	buffer->chunks = (uint32_t)(bytes >> SMAL_CHUNK_LOG2);
	smal_os_lock_give(&stride->lock);
	return true;
}

/* Whoever has just found the buffer, and has no lock, may still ask its stride: for as long
 * as there is one, the descriptor leads to it, and no bit says that something lives. */
static void drop(struct smal_buffer *buffer, bool stride_ends)
{
	struct smal_segment *segment = buffer->segment;
	struct smal_stride *stride = buffer->stride;
	uintptr_t base = smal_buffer_base(buffer);
	size_t bytes = smal_buffer_bytes(buffer);
	size_t ids = smal_segment_ids(segment, bytes);

	stride->buffers--;
	stride->heap_bytes -= bytes;
	smal_segment_set_owner(segment, buffer->id, buffer->id + ids, 0);
	for (unsigned i = 0; i < stride->masks && buffer->used_slots != 0; i++)
		for (size_t w = 0; w < stride->words; w++)
			smal_word_store(&smal_buffer_mask(buffer, i)[w], 0);
	if (stride_ends)
		smal_atomic_store((volatile AO_t *)&buffer->stride, 0);
	smal_os_tool_forbid((void *)base, bytes);
	smal_space_give(stride->space, (void *)base, bytes);
}

void smal_buffer_drop(struct smal_buffer *buffer)
{
	drop(buffer, false);
}

static void drop_all(struct smal_link *list)
{
	struct smal_link *link;

	while ((link = smal_link_pop(list)) != NULL)
		drop(SMAL_CONTAINER(link, struct smal_buffer, link), true);
}

void smal_stride_fini(struct smal_stride *stride)
{
	drop_all(&stride->room);
	drop_all(&stride->filled);
	drop_all(&stride->claimed);
	stride->magic = SMAL_MAGIC_GONE;
}

void *smal_stride_take(struct smal_stride *stride)
{
	size_t each = smal_stride_summary_words(stride), w;
	struct smal_buffer *buffer;
	uintptr_t slot = 0;
	smal_word *live, free;

	smal_os_lock_take(&stride->lock);
	if (smal_link_is_alone(&stride->room))
		goto out;
	buffer = SMAL_CONTAINER(stride->room.next, struct smal_buffer, link);
	live = smal_buffer_live(buffer);
	w = smal_word_lowest(buffer->summary) * each;
	stride->words_read += 2;
	while ((free = stride->full[w] & ~live[w]) == 0) {
		stride->words_read++;
		w++;
	}
	slot = smal_buffer_base(buffer) +
	       (((w << SMAL_WORD_LOG2) + smal_word_lowest(free)) << SMAL_GRANULE_LOG2);
	if (stride->stride_bytes % SMAL_GRANULE != 0)
		slot = smal_buffer_slot(buffer, slot + SMAL_GRANULE - 1);
	smal_word_store(&live[w], live[w] | (free & -free));
	smal_buffer_summarize(buffer, w, w + 1);
	buffer->used_slots++;
	smal_buffer_list(buffer);
out:
	smal_os_lock_give(&stride->lock);
	return (void *)slot;
}

bool smal_stride_give(struct smal_stride *stride, void *address)
{
	uintptr_t slot = (uintptr_t)address;
	struct smal_segment *segment = smal_space_segment(stride->space, address);
	struct smal_buffer *buffer;
	bool given = false;
	size_t id;

	if (segment == NULL)
		return false;
	smal_os_lock_take(&stride->lock);
	id = smal_segment_id(segment, slot);
	if (smal_segment_owner_at(segment, id) != smal_stride_owner_word(stride))
		goto out;
	buffer = smal_segment_buffer(segment, id - *smal_segment_back(segment, id));
	if (smal_buffer_find_slot(buffer, slot) != slot)
		goto out;
	given = true;
	smal_buffer_free_slots(buffer, slot, slot + smal_buffer_slot_bytes(buffer));
	smal_buffer_list(buffer);
	if (buffer->used_slots == 0 && buffer->state == SMAL_BUFFER_ROOM &&
	    (stride->stride_bytes == 0 || buffer->link.next != buffer->link.prev)) {
		smal_link_remove(&buffer->link);
		smal_buffer_drop(buffer);
	}
out:
	smal_os_lock_give(&stride->lock);
	return given;
}
