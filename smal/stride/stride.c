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

static uint32_t owner_word(const struct smal_stride *stride)
{
	return (uint32_t)stride->owner << 16 | stride->class;
}

static void set_owner(const struct smal_segment *segment, size_t first, size_t limit,
                      uint32_t owner)
{
	for (size_t id = first; id < limit; id++)
		smal_atomic_store_u32(smal_segment_owner(segment, id), owner);
}

/* The owner word of the id that an address has; 0 for one that is not in use. */
static uint32_t owner_at(const struct smal_segment *segment, size_t id)
{
	if (!segment->direct &&
	    id / SMAL_BLOCK_IDS >= smal_atomic_load(&segment->committed_blocks))
		return 0;
	return smal_atomic_load_u32(smal_segment_owner(segment, id));
}

static uint32_t *back_word(const struct smal_segment *segment, size_t id)
{
	return (uint32_t *)(void *)segment->side[SMAL_SIDE_BACK].base + id;
}

static struct smal_buffer *descriptor(const struct smal_segment *segment, size_t id)
{
	return (struct smal_buffer *)(void *)segment->side[SMAL_SIDE_BUFFER].base + id;
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

/* Mask words for each bit of the summary. */
static size_t summary_words(const struct smal_stride *stride)
{
	return (stride->words + SMAL_WORD_BITS - 1) >> SMAL_WORD_LOG2;
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
			stride->empty_summary |= (smal_word)1 << w / summary_words(stride);
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
	size_t each = summary_words(buffer->stride);

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

/* Buffer ids that a buffer of so many bytes has. */
static size_t id_count(const struct smal_segment *segment, size_t bytes)
{
	return segment->direct ? 1 : (bytes + SMAL_ID_BYTES - 1) >> SMAL_ID_LOG2;
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
	ids = id_count(segment, bytes);
	buffer = descriptor(segment, id);
	*buffer = (struct smal_buffer){ .stride = stride, .segment = segment, .bytes = bytes,
		                        .id = (uint32_t)id, .state = SMAL_BUFFER_ROOM };
	if (!zeroed)
		buffer->dirty_granules =
			(uint32_t)smal_min(bytes >> SMAL_GRANULE_LOG2, UINT32_MAX);
	smal_link_init(&buffer->link);
	for (size_t i = 0; i < ids; i++)
		*back_word(segment, id + i) = (uint32_t)i;
	buffer->summary = stride->empty_summary;
	set_owner(segment, id, id + ids, owner_word(stride));
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
	size_t had = id_count(segment, buffer->bytes), has = id_count(segment, bytes);

	if (segment->direct)
		return false;
	if (bytes > buffer->bytes &&
	    !smal_space_extend(stride->space, base, buffer->bytes, bytes, zeroed))
		return false;
	/* Once the space has them, ids may be another buffer's at once. */
	set_owner(segment, buffer->id + has, buffer->id + had, 0);
	if (bytes < buffer->bytes) {
		smal_os_tool_forbid(base + bytes, buffer->bytes - bytes);
		if (!smal_space_give(stride->space, base + bytes, buffer->bytes - bytes)) {
			smal_os_tool_allow(base + bytes, buffer->bytes - bytes);
			set_owner(segment, buffer->id + has, buffer->id + had, owner_word(stride));
			return false;
		}
	}
	for (size_t i = had; i < has; i++)
		*back_word(segment, buffer->id + i) = (uint32_t)i;
	set_owner(segment, buffer->id + had, buffer->id + has, owner_word(stride));
	smal_os_lock_take(&stride->lock);
	stride->heap_bytes += bytes - buffer->bytes;
	buffer->bytes = bytes;
	smal_os_lock_give(&stride->lock);
	return true;
}

/* Gives a buffer that is on no list back to the space. */
static void drop(struct smal_buffer *buffer)
{
	struct smal_segment *segment = buffer->segment;
	struct smal_stride *stride = buffer->stride;
	uintptr_t base = smal_buffer_base(buffer);
	size_t bytes = buffer->bytes;
	size_t ids = id_count(segment, bytes);

	stride->buffers--;
	stride->heap_bytes -= bytes;
	set_owner(segment, buffer->id, buffer->id + ids, 0);
	for (unsigned i = 0; i < stride->masks && buffer->used_slots != 0; i++)
		memset(smal_buffer_mask(buffer, i), 0, stride->words * sizeof(smal_word));
	buffer->stride = NULL;
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
	size_t each = summary_words(stride), w;
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

	if (slot + smal_buffer_slot_bytes(buffer) - smal_buffer_base(buffer) > buffer->bytes)
		return 0;
	return smal_bit_get(smal_buffer_live(buffer), smal_buffer_bit(buffer, slot)) ? slot : 0;
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
	if (owner_at(segment, id) != owner_word(stride))
		goto out;
	buffer = descriptor(segment, id - *back_word(segment, id));
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

struct smal_buffer *smal_stride_claim(struct smal_stride *stride)
{
	struct smal_buffer *buffer = NULL;
	struct smal_link *link;

	smal_os_lock_take(&stride->lock);
	link = smal_link_pop(&stride->room);
	if (link != NULL) {
		buffer = SMAL_CONTAINER(link, struct smal_buffer, link);
		buffer->state = SMAL_BUFFER_CLAIMED;
		smal_link_push(&stride->claimed, &buffer->link);
	}
	smal_os_lock_give(&stride->lock);
	return buffer;
}

void smal_stride_unclaim(struct smal_buffer *buffer)
{
	struct smal_stride *stride = buffer->stride;

	summarize(buffer, 0, stride->words);
	smal_os_lock_take(&stride->lock);
	buffer->state = 0;
	list_by_use(buffer);
	smal_os_lock_give(&stride->lock);
}

bool smal_stride_settle(struct smal_buffer *buffer, bool drop_empty)
{
	const smal_word *live = smal_buffer_live(buffer);
	struct smal_stride *stride = buffer->stride;
	size_t each = summary_words(stride);
	smal_word summary = 0;
	uint32_t used = 0;

	for (size_t w = 0; w < stride->words; w++)
		used += smal_word_count(live[w]);
	for (size_t w = 0, bit = 0; w < stride->words; bit++) {
		bool room = false;

		for (size_t i = 0; i < each && w < stride->words; i++, w++)
			room |= live[w] != stride->full[w];
		summary |= (smal_word)room << bit;
	}
	buffer->used_slots = used;
	buffer->summary = summary;
	drop_empty = drop_empty && used == 0 && buffer->state != SMAL_BUFFER_CLAIMED;
	if (drop_empty) {
		smal_link_remove(&buffer->link);
		drop(buffer);
	} else {
		list_by_use(buffer);
	}
	return !drop_empty;
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
	uint32_t used = buffer->used_slots;
	size_t first, end, w;

	/* In a heap full of holes, most have one slot. */
	if (limit - base == buffer->stride->stride_bytes &&
	    buffer->state == SMAL_BUFFER_CLAIMED) {
		first = smal_buffer_bit(buffer, base);
		SMAL_ASSERT(!smal_bit_get(live, first));
		smal_bit_set(live, first);
		buffer->used_slots++;
		return 1;
	}
	range_bits(buffer, base, limit, &first, &end);
	for (w = first >> SMAL_WORD_LOG2; w << SMAL_WORD_LOG2 < end; w++) {
		smal_word bits = full[w] & smal_bits_in_word(w, first, end);

		SMAL_ASSERT((live[w] & bits) == 0);
		live[w] |= bits;
		buffer->used_slots += smal_word_count(bits);
	}
	if (buffer->state != SMAL_BUFFER_CLAIMED)
		summarize(buffer, first >> SMAL_WORD_LOG2, w);
	return buffer->used_slots - used;
}

uint32_t smal_buffer_free_slots(struct smal_buffer *buffer, uintptr_t base, uintptr_t limit)
{
	smal_word *live = smal_buffer_live(buffer);
	const smal_word *full = buffer->stride->full;
	uint32_t used = buffer->used_slots;
	size_t first, end, w;

	range_bits(buffer, base, limit, &first, &end);
	for (w = first >> SMAL_WORD_LOG2; w << SMAL_WORD_LOG2 < end; w++) {
		smal_word bits = full[w] & smal_bits_in_word(w, first, end);

		SMAL_ASSERT((live[w] & bits) == bits);
		live[w] &= ~bits;
		buffer->used_slots -= smal_word_count(bits);
	}
	if (buffer->state != SMAL_BUFFER_CLAIMED)
		summarize(buffer, first >> SMAL_WORD_LOG2, w);
	return used - buffer->used_slots;
}

struct smal_buffer *smal_buffer_find(uintptr_t address)
{
	struct smal_segment *segment = smal_table_find(address);
	struct smal_buffer *buffer;
	size_t id;

	if (segment == NULL || segment->space->options.side_bytes[SMAL_SIDE_OWNER] == 0)
		return NULL;
	id = smal_segment_id(segment, address);
	if (owner_at(segment, id) == 0)
		return NULL;
	buffer = descriptor(segment, id - *back_word(segment, id));
	return address - smal_buffer_base(buffer) < buffer->bytes ? buffer : NULL;
}

/* ---- The checker ---- */

static const char *check_masks(const struct smal_buffer *buffer, const struct smal_stride *stride)
{
	const smal_word *live = smal_buffer_live(buffer);
	size_t each = summary_words(stride);
	smal_word summary = 0;
	uint32_t used = 0;

	for (size_t w = 0; w < stride->words; w++) {
		if ((live[w] & ~stride->full[w]) != 0)
			return "stride I1: a live bit is not at the start of a slot";
		used += smal_word_count(live[w]);
		summary |= (smal_word)(live[w] != stride->full[w]) << w / each;
	}
	if (buffer->state == SMAL_BUFFER_CLAIMED)
		return NULL;
	if (used != buffer->used_slots)
		return "stride I2: used_slots is not the number of live bits";
	if (summary != buffer->summary)
		return "stride I3: the summary does not follow from the mask";
	if ((used == stride->slots) != (buffer->state == SMAL_BUFFER_FULL))
		return "stride I4: a full buffer is listed as one with room, or not";
	return NULL;
}

static const char *check_buffer(const struct smal_buffer *buffer, const struct smal_stride *stride,
                                unsigned state)
{
	const struct smal_segment *segment = buffer->segment;
	size_t ids;

	if (buffer->stride != stride || buffer->state != state ||
	    buffer->link.next->prev != &buffer->link)
		return "stride I4: a buffer is on the list of another state";
	if (stride->stride_bytes != 0 && buffer->bytes != stride->buffer_bytes)
		return "stride I6: a buffer has another number of bytes";
	if (segment->magic != SMAL_MAGIC_SEGMENT || segment->space != stride->space ||
	    descriptor(segment, buffer->id) != buffer)
		return "stride I5: a buffer is not where it lies";
	ids = id_count(segment, buffer->bytes);
	for (size_t i = 0; i < ids; i++)
		if (owner_at(segment, buffer->id + i) != owner_word(stride) ||
		    *back_word(segment, buffer->id + i) != i)
			return "stride I5: an id does not lead to its buffer";
	return check_masks(buffer, stride);
}

const char *smal_stride_check(struct smal_stride *stride)
{
	struct smal_link *lists[3] = { &stride->room, &stride->filled, &stride->claimed };
	size_t buffers = 0, bytes = 0;
	const char *why = NULL;

	if (stride->magic != SMAL_MAGIC_STRIDE)
		return "stride: bad magic";
	smal_os_lock_take(&stride->lock);
	for (unsigned i = 0; i < 3 && why == NULL; i++) {
		SMAL_LIST_EACH(link, lists[i]) {
			const struct smal_buffer *buffer =
				SMAL_CONTAINER(link, struct smal_buffer, link);

			bytes += buffer->bytes;
			why = ++buffers <= stride->buffers
			              ? check_buffer(buffer, stride, SMAL_BUFFER_ROOM + i)
			              : "stride I6: there are more buffers than are counted";
			if (why != NULL)
				break;
		}
	}
	if (why == NULL && (buffers != stride->buffers || bytes != stride->heap_bytes))
		why = "stride I6: the counts of buffers are wrong";
	smal_os_lock_give(&stride->lock);
	return why;
}
