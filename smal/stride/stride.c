/* SPDX-License-Identifier: MIT */
/*
 * stride.c: keeping buffers of equal slots (stride.h).
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

/* What a buffer of more than 64 KiB holds at least: an eighth is wasted at most. */
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

static void set_owner(const struct smal_segment *segment, size_t first, size_t limit,
                      uint32_t owner)
{
	for (size_t id = first; id < limit; id++)
		smal_atomic_store_u32(smal_segment_owner(segment, id), owner);
}

/* The template of a stride, shared by all strides of its size in the space. */
static const smal_word *template_for(struct smal_space *space, size_t stride_bytes,
                                     uint32_t slots, uint32_t words)
{
	size_t bytes = sizeof(struct template) + words * sizeof(smal_word);
	struct smal_space *books = space->options.books != NULL ? space->options.books : space;
	struct template *template;
	uintptr_t head;
	bool zeroed;

	do {
		head = smal_atomic_load(&space->attachment);
		for (template = (void *)head; template != NULL; template = template->next)
			if (template->stride_bytes == stride_bytes)
				return template->full;
		template = bytes <= SMAL_ELEMENT_LARGEST
		                   ? smal_element_take(books, bytes)
		                   : smal_space_take(books, bytes, SMAL_CHUNK, &zeroed);
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
			smal_element_give(books, template);
		else
			smal_space_give(books, template, bytes);
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

static smal_word summary_of(const struct smal_buffer *buffer, size_t first, size_t words)
{
	const smal_word *live = smal_buffer_live(buffer), *full = buffer->stride->full;

	for (size_t w = first; w < first + words && w < buffer->stride->words; w++)
		if (live[w] != full[w])
			return 1;
	return 0;
}

/* Brings the summary bits for the words [first, limit) up to date. */
static void summarize(struct smal_buffer *buffer, size_t first, size_t limit)
{
	size_t each = smal_stride_summary_words(buffer->stride);

	for (size_t i = first / each; i * each < limit; i++) {
		smal_word bit = (smal_word)1 << i;

		buffer->summary &= ~bit;
		if (summary_of(buffer, i * each, each))
			buffer->summary |= bit;
	}
}

static void list_by_use(struct smal_buffer *buffer)
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

struct smal_buffer *smal_stride_grow(struct smal_stride *stride, size_t bytes)
{
	bool large = stride->stride_bytes == 0, zeroed;
	struct smal_segment *segment;
	struct smal_buffer *buffer;
	size_t id, ids;
	void *run;

	bytes = large ? smal_round_up(bytes, SMAL_CHUNK) : stride->buffer_bytes;
	run = smal_space_take(stride->space, bytes, SMAL_ID_BYTES, &zeroed);
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
	*buffer = (struct smal_buffer){ .stride = stride, .segment = segment,
		                        .chunks = (uint32_t)(bytes >> SMAL_CHUNK_LOG2),
		                        .id = (uint32_t)id, .state = SMAL_BUFFER_ROOM };
	if (!zeroed)
		buffer->dirty_granules =
			(uint32_t)smal_min(bytes >> SMAL_GRANULE_LOG2, UINT32_MAX);
	smal_link_init(&buffer->link);
	for (size_t i = 0; i < ids; i++)
		*smal_segment_back(segment, id + i) = (uint32_t)i;
	buffer->summary = stride->empty_summary;
	set_owner(segment, id, id + ids, smal_stride_owner_word(stride));
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
	size_t had = smal_segment_ids(segment, smal_buffer_bytes(buffer)), has = smal_segment_ids(segment, bytes);

	if (segment->direct)
		return false;
	if (bytes > smal_buffer_bytes(buffer) &&
	    !smal_space_extend(stride->space, base, smal_buffer_bytes(buffer), bytes, zeroed))
		return false;
	/* Once the space has them, ids may be another buffer's at once. */
	set_owner(segment, buffer->id + has, buffer->id + had, 0);
	if (bytes < smal_buffer_bytes(buffer)) {
		smal_os_tool_forbid(base + bytes, smal_buffer_bytes(buffer) - bytes);
		if (!smal_space_give(stride->space, base + bytes, smal_buffer_bytes(buffer) - bytes)) {
			smal_os_tool_allow(base + bytes, smal_buffer_bytes(buffer) - bytes);
			set_owner(segment, buffer->id + has, buffer->id + had, smal_stride_owner_word(stride));
			return false;
		}
	}
	for (size_t i = had; i < has; i++)
		*smal_segment_back(segment, buffer->id + i) = (uint32_t)i;
	set_owner(segment, buffer->id + had, buffer->id + has, smal_stride_owner_word(stride));
	smal_os_lock_take(&stride->lock);
	stride->heap_bytes += bytes - smal_buffer_bytes(buffer);
	buffer->chunks = (uint32_t)(bytes >> SMAL_CHUNK_LOG2);
	smal_os_lock_give(&stride->lock);
	return true;
}

/* Gives a buffer that is on no list back to the space. */
static void drop(struct smal_buffer *buffer)
{
	struct smal_segment *segment = buffer->segment;
	struct smal_stride *stride = buffer->stride;
	uintptr_t base = smal_buffer_base(buffer);
	size_t bytes = smal_buffer_bytes(buffer);
	size_t ids = smal_segment_ids(segment, bytes);

	stride->buffers--;
	stride->heap_bytes -= bytes;
	set_owner(segment, buffer->id, buffer->id + ids, 0);
	for (unsigned i = 0; i < stride->masks && buffer->used_slots != 0; i++)
		memset(smal_buffer_mask(buffer, i), 0, stride->words * sizeof(smal_word));
	smal_atomic_store((volatile AO_t *)&buffer->stride, 0);
	smal_os_tool_forbid((void *)base, bytes);
	smal_space_give(stride->space, (void *)base, bytes);
}

static void drop_all(struct smal_link *list)
{
	struct smal_link *link;

	while ((link = smal_link_pop(list)) != NULL)
		drop(SMAL_CONTAINER(link, struct smal_buffer, link));
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
	live[w] |= free & -free;
	summarize(buffer, w, w + 1);
	buffer->used_slots++;
	list_by_use(buffer);
out:
	smal_os_lock_give(&stride->lock);
	return (void *)slot;
}

uintptr_t smal_buffer_find_slot(const struct smal_buffer *buffer, uintptr_t address)
{
	uintptr_t slot = smal_buffer_slot(buffer, address);

	if (slot + smal_buffer_slot_bytes(buffer) - smal_buffer_base(buffer) > smal_buffer_bytes(buffer))
		return 0;
	return smal_bit_load(smal_buffer_live(buffer), smal_buffer_bit(buffer, slot)) ? slot : 0;
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
	list_by_use(buffer);
	if (buffer->used_slots == 0 && buffer->state == SMAL_BUFFER_ROOM &&
	    (stride->stride_bytes == 0 || buffer->link.next != buffer->link.prev)) {
		smal_link_remove(&buffer->link);
		drop(buffer);
	}
out:
	smal_os_lock_give(&stride->lock);
	return given;
}

struct smal_buffer *smal_stride_claim(struct smal_stride *stride, const void *claimer)
{
	struct smal_buffer *buffer = NULL;
	struct smal_link *link;

	smal_os_lock_take(&stride->lock);
	link = smal_link_pop(&stride->room);
	if (link != NULL) {
		buffer = SMAL_CONTAINER(link, struct smal_buffer, link);
		buffer->state = SMAL_BUFFER_CLAIMED;
		smal_atomic_store(&buffer->claimer, (uintptr_t)claimer);
		smal_link_push(&stride->claimed, &buffer->link);
	}
	smal_os_lock_give(&stride->lock);
	return buffer;
}

uint32_t smal_buffer_recount(struct smal_buffer *buffer)
{
	const smal_word *live = smal_buffer_live(buffer), *full = buffer->stride->full;
	size_t each = smal_stride_summary_words(buffer->stride), words = buffer->stride->words;
	smal_word summary = 0;
	uint32_t used = 0;

	for (size_t w = 0; w < words; w++)
		used += smal_word_count(live[w]);
	for (size_t w = 0, bit = 0; w < words; bit++) {
		bool room = false;

		for (size_t i = 0; i < each && w < words; i++, w++)
			room |= live[w] != full[w];
		summary |= (smal_word)room << bit;
	}
	buffer->used_slots = (uint16_t)used;
	buffer->summary = summary;
	return used;
}

void smal_stride_unclaim(struct smal_buffer *buffer)
{
	struct smal_stride *stride = buffer->stride;

	smal_os_lock_take(&stride->lock);
	smal_buffer_recount(buffer);
	smal_atomic_store(&buffer->claimer, 0);
	buffer->state = 0;
	list_by_use(buffer);
	smal_os_lock_give(&stride->lock);
}

/* Gives a buffer back if it is empty and nobody's, if `drop_empty` says so. */
static bool drop_if_empty(struct smal_buffer *buffer, bool drop_empty)
{
	if (!drop_empty || buffer->used_slots != 0 || buffer->state == SMAL_BUFFER_CLAIMED)
		return false;
	smal_link_remove(&buffer->link);
	drop(buffer);
	return true;
}

/* With the lock held, and the counts as they should be. */
static bool relist(struct smal_buffer *buffer, bool drop_empty)
{
	if (buffer->state == SMAL_BUFFER_CLAIMED)
		return true;
	if (drop_if_empty(buffer, drop_empty))
		return false;
	list_by_use(buffer);
	return true;
}

bool smal_stride_settle(struct smal_buffer *buffer, bool drop_empty)
{
	struct smal_stride *stride = buffer->stride;
	bool stays;

	smal_os_lock_take(&stride->lock);
	if (buffer->state != SMAL_BUFFER_CLAIMED)
		smal_buffer_recount(buffer);
	stays = relist(buffer, drop_empty);
	smal_os_lock_give(&stride->lock);
	return stays;
}

bool smal_stride_relist(struct smal_buffer *buffer, bool drop_empty)
{
	struct smal_stride *stride = buffer->stride;
	bool stays;

	smal_os_lock_take(&stride->lock);
	stays = relist(buffer, drop_empty);
	smal_os_lock_give(&stride->lock);
	return stays;
}

enum smal_released smal_stride_release(struct smal_buffer *buffer, uintptr_t slot,
                                       const void *claimer, bool drop_empty)
{
	struct smal_stride *stride = buffer->stride;
	size_t at = smal_buffer_bit(buffer, slot), w = at >> SMAL_WORD_LOG2;
	smal_word bit = (smal_word)1 << (at & (SMAL_WORD_BITS - 1));
	enum smal_released released = SMAL_RELEASED_NOTHING;

	smal_os_lock_take(&stride->lock);
	if ((smal_word_clear(&smal_buffer_live(buffer)[w], bit) & bit) == 0)
		goto out;
	released = SMAL_RELEASED;
	if (buffer->state == SMAL_BUFFER_CLAIMED) {
		if (smal_atomic_load_relaxed(&buffer->claimer) != (uintptr_t)claimer)
			released = SMAL_RELEASED_REMOTE;
		goto out;
	}
	buffer->used_slots--;
	summarize(buffer, w, w + 1);
	if (drop_if_empty(buffer, drop_empty))
		released = SMAL_RELEASED_BUFFER;
	else
		list_by_use(buffer);
out:
	smal_os_lock_give(&stride->lock);
	return released;
}

struct smal_buffer *smal_stride_retake(struct smal_stride *stride, uintptr_t slot,
                                       const void *claimer)
{
	struct smal_buffer *buffer;
	smal_word bit, *word;
	size_t at;

	smal_os_lock_take(&stride->lock);
	buffer = smal_buffer_find(slot);
	/* With the lock held, a buffer that is this stride's stays so. */
	if (buffer == NULL || buffer->stride != stride)
		goto fail;
	if (buffer->state == SMAL_BUFFER_CLAIMED &&
	    smal_atomic_load_relaxed(&buffer->claimer) != (uintptr_t)claimer)
		goto fail;
	at = smal_buffer_bit(buffer, slot);
	bit = (smal_word)1 << (at & (SMAL_WORD_BITS - 1));
	word = &smal_buffer_live(buffer)[at >> SMAL_WORD_LOG2];
	if ((smal_word_load(word) & bit) != 0)
		goto fail;
	smal_word_or(word, bit);
	if (buffer->state != SMAL_BUFFER_CLAIMED) {
		buffer->used_slots++;
		summarize(buffer, at >> SMAL_WORD_LOG2, (at >> SMAL_WORD_LOG2) + 1);
		list_by_use(buffer);
	}
	smal_os_lock_give(&stride->lock);
	return buffer;

fail:
	smal_os_lock_give(&stride->lock);
	return NULL;
}

bool smal_buffer_hole(const struct smal_buffer *buffer, uintptr_t from, uintptr_t *base,
                      uintptr_t *limit)
{
	const struct smal_stride *stride = buffer->stride;
	const smal_word *live = smal_buffer_live(buffer);
	size_t bits = (size_t)stride->words << SMAL_WORD_LOG2;
	uintptr_t start = smal_buffer_base(buffer);
	size_t free, taken;

	free = smal_bit_next_missing(live, stride->full, smal_buffer_bit(buffer, from), bits);
	if (free == bits)
		return false;
	taken = smal_bit_next(live, free, bits);
	*base = start + (free << SMAL_GRANULE_LOG2);
	*limit = start + (taken << SMAL_GRANULE_LOG2);
	if (stride->stride_bytes % SMAL_GRANULE != 0) {
		/* A slot may begin in the middle of its granule. */
		*base = smal_buffer_slot(buffer, *base + SMAL_GRANULE - 1);
		*limit = smal_buffer_slot(buffer, *limit + SMAL_GRANULE - 1);
	}
	if (taken == bits)
		*limit = start + stride->slots * smal_buffer_slot_bytes(buffer);
	return true;
}

/* The bits [first, limit) of the slots in a range of addresses. */
static void range_bits(const struct smal_buffer *buffer, uintptr_t base, uintptr_t limit,
                       size_t *first, size_t *end)
{
	*first = smal_buffer_bit(buffer, base);
	*end = smal_buffer_bit(buffer, limit + SMAL_GRANULE - 1);
	/* The range's end may be the beginning of a slot inside a granule. */
	if (limit % SMAL_GRANULE != 0)
		(*end)--;
	*end = smal_min(*end, (size_t)buffer->stride->words << SMAL_WORD_LOG2);
}

uint32_t smal_buffer_claim_slots(struct smal_buffer *buffer, uintptr_t base, uintptr_t limit)
{
	smal_word *live = smal_buffer_live(buffer);
	const smal_word *full = buffer->stride->full;
	bool claimed = buffer->state == SMAL_BUFFER_CLAIMED;
	uint32_t slots = 0;
	size_t first, end, w;

	/* In a heap full of holes, most have one slot. */
	if (claimed && limit - base == buffer->stride->stride_bytes) {
		first = smal_buffer_bit(buffer, base);
		smal_word_or(&live[first >> SMAL_WORD_LOG2],
		             (smal_word)1 << (first & (SMAL_WORD_BITS - 1)));
		return 1;
	}
	range_bits(buffer, base, limit, &first, &end);
	for (w = first >> SMAL_WORD_LOG2; w << SMAL_WORD_LOG2 < end; w++) {
		smal_word bits = full[w] & smal_bits_in_word(w, first, end);

		SMAL_ASSERT((smal_word_load(&live[w]) & bits) == 0);
		if (claimed)
			smal_word_or(&live[w], bits);
		else
			live[w] |= bits;
		slots += smal_word_count(bits);
	}
	if (!claimed) {
		buffer->used_slots = (uint16_t)(buffer->used_slots + slots);
		summarize(buffer, first >> SMAL_WORD_LOG2, w);
	}
	return slots;
}

uint32_t smal_buffer_free_slots(struct smal_buffer *buffer, uintptr_t base, uintptr_t limit)
{
	smal_word *live = smal_buffer_live(buffer);
	const smal_word *full = buffer->stride->full;
	bool claimed = buffer->state == SMAL_BUFFER_CLAIMED;
	uint32_t slots = 0;
	size_t first, end, w;

	range_bits(buffer, base, limit, &first, &end);
	for (w = first >> SMAL_WORD_LOG2; w << SMAL_WORD_LOG2 < end; w++) {
		smal_word bits = full[w] & smal_bits_in_word(w, first, end);

		SMAL_ASSERT((smal_word_load(&live[w]) & bits) == bits);
		if (claimed)
			smal_word_clear(&live[w], bits);
		else
			live[w] &= ~bits;
		slots += smal_word_count(bits);
	}
	if (!claimed) {
		buffer->used_slots = (uint16_t)(buffer->used_slots - slots);
		summarize(buffer, first >> SMAL_WORD_LOG2, w);
	}
	return slots;
}

/* The segment and the owner word of an address; false if no buffer is there. */
static bool find_id(uintptr_t address, struct smal_segment **segment, size_t *id, uint32_t *owner)
{
	*segment = smal_table_find(address);
	if (*segment == NULL || (*segment)->space->options.side_bytes[SMAL_SIDE_OWNER] == 0)
		return false;
	*id = smal_segment_id(*segment, address);
	*owner = smal_segment_owner_at(*segment, *id);
	return *owner != 0;
}

static struct smal_buffer *buffer_at(const struct smal_segment *segment, size_t id,
                                     uintptr_t address)
{
	struct smal_buffer *buffer =
		smal_segment_buffer(segment, id - *smal_segment_back(segment, id));

	return address - smal_buffer_base(buffer) < smal_buffer_bytes(buffer) ? buffer : NULL;
}

struct smal_buffer *smal_buffer_find(uintptr_t address)
{
	struct smal_segment *segment;
	uint32_t owner;
	size_t id;

	return find_id(address, &segment, &id, &owner) ? buffer_at(segment, id, address) : NULL;
}

struct smal_buffer *smal_buffer_find_owned(uintptr_t address, uint16_t owner, uint16_t *class)
{
	struct smal_segment *segment;
	uint32_t word;
	size_t id;

	if (!find_id(address, &segment, &id, &word) || word >> 16 != owner)
		return NULL;
	*class = (uint16_t)word;
	return buffer_at(segment, id, address);
}
