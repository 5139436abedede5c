/* SPDX-License-Identifier: MIT */
/*
 * buffer.c: the slots of one buffer, and the buffer of an address (stride.h).
 *
 * What is done here is done by whoever has the buffer: the one who claimed it, or
 * who holds its stride's lock. The masks of claimed buffers are changed by atomic
 * operations where others may give slots of them back meanwhile. Which of the stride's
 * lists a buffer belongs on is not known here.
 */
#include <smal/stride/stride.h>

void smal_segment_set_owner(const struct smal_segment *segment, size_t first, size_t limit,
                            uint32_t owner)
{
	for (size_t id = first; id < limit; id++)
		smal_atomic_store_u32(smal_segment_owner(segment, id), owner);
}

uintptr_t smal_buffer_find_slot(const struct smal_buffer *buffer, uintptr_t address)
{
	uintptr_t slot = smal_buffer_slot(buffer, address);

	if (slot + smal_buffer_slot_bytes(buffer) - smal_buffer_base(buffer) > smal_buffer_bytes(buffer))
		return 0;
	return smal_bit_load(smal_buffer_live(buffer), smal_buffer_bit(buffer, slot)) ? slot : 0;
}

static smal_word summary_of(const struct smal_buffer *buffer, size_t first, size_t words)
{
	const smal_word *live = smal_buffer_live(buffer), *full = buffer->stride->full;

	for (size_t w = first; w < first + words && w < buffer->stride->words; w++)
		if (live[w] != full[w])
			return 1;
	return 0;
}

void smal_buffer_summarize(struct smal_buffer *buffer, size_t first, size_t limit)
{
	size_t each = smal_stride_summary_words(buffer->stride);

	for (size_t i = first / each; i * each < limit; i++) {
		smal_word bit = (smal_word)1 << i;

		buffer->summary &= ~bit;
		if (summary_of(buffer, i * each, each))
			buffer->summary |= bit;
	}
}

/* Where a mask word has one slot at most, most words have none: by slots, then. */
static uint32_t recount_sparse(struct smal_buffer *buffer)
{
	const struct smal_stride *stride = buffer->stride;
	const smal_word *live = smal_buffer_live(buffer);
	size_t each = smal_stride_summary_words(stride);
	uint32_t used = 0;

	buffer->summary = 0;
	for (uint32_t slot = 0; slot < stride->slots; slot++) {
		size_t bit = slot * stride->stride_bytes >> SMAL_GRANULE_LOG2;
		bool is = smal_bit_get(live, bit);

		used += is;
		buffer->summary |= (smal_word)!is << (bit >> SMAL_WORD_LOG2) / each;
	}
	buffer->used_slots = (uint16_t)used;
	return used;
}

uint32_t smal_buffer_recount(struct smal_buffer *buffer)
{
	if (smal_stride_is_sparse(buffer->stride))
		return recount_sparse(buffer);

	const smal_word *live = smal_buffer_live(buffer), *full = buffer->stride->full;
	size_t each = smal_stride_summary_words(buffer->stride), words = buffer->stride->words;
	uint32_t used = smal_words_count(live, words);
	smal_word summary = 0;

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

static uint32_t replace_sparse(struct smal_buffer *buffer, smal_word *old)
{
	const struct smal_stride *stride = buffer->stride;
	smal_word *live = smal_buffer_live(buffer);
	uint32_t freed = 0;

	for (uint32_t slot = 0; slot < stride->slots; slot++) {
		size_t w = slot * stride->stride_bytes >> (SMAL_GRANULE_LOG2 + SMAL_WORD_LOG2);
		smal_word was = old[w], is = live[w] & was;

		freed += is != was;
		smal_word_store(&live[w], is);
		smal_word_store(&old[w], 0);
	}
	if (freed != 0)
		recount_sparse(buffer);
	return freed;
}

uint32_t smal_buffer_replace(struct smal_buffer *buffer, smal_word *old)
{
	if (smal_stride_is_sparse(buffer->stride))
		return replace_sparse(buffer, old);

	bool is_claimed = buffer->state == SMAL_BUFFER_CLAIMED;
	smal_word *live = smal_buffer_live(buffer), any = 0, changed = 0;
	size_t words = buffer->stride->words;
	uint32_t used = buffer->used_slots;

	if (is_claimed)
		used = smal_words_count(old, words);
	for (size_t w = 0; w < words; w++) {
		smal_word was = old[w], is = live[w] & was;

		smal_word_store(&live[w], is);
		smal_word_store(&old[w], 0);
		any |= is;
		changed |= is ^ was;
	}
	if (changed == 0)
		return 0;
	if (any == 0 && !is_claimed) {
		buffer->used_slots = 0;
		buffer->summary = buffer->stride->empty_summary;
	} else {
		smal_buffer_recount(buffer);
	}
	return used - buffer->used_slots;
}

bool smal_buffer_hole(const struct smal_buffer *buffer, uintptr_t from, uintptr_t *base,
                      uintptr_t *limit)
{
	const struct smal_stride *stride = buffer->stride;
	const smal_word *live = smal_buffer_live(buffer), *full = stride->full;
	uintptr_t start = smal_buffer_base(buffer);
	size_t bit = (from - start) >> SMAL_GRANULE_LOG2, w = bit >> SMAL_WORD_LOG2;
	size_t words = stride->words, taken;
	smal_word after = ~(smal_word)0 << bit % SMAL_WORD_BITS, free;

	if (w >= words)
		return false;
	while ((free = full[w] & ~smal_word_load(&live[w]) & after) == 0) {
		after = ~(smal_word)0;
		if (++w == words)
			return false;
	}
	bit = smal_word_lowest(free);
	/* Others may clear bits meanwhile. */
	after = smal_word_load(&live[w]) & ~(smal_word)1 << bit;
	bit += w << SMAL_WORD_LOG2;
	taken = after != 0
	                ? (w << SMAL_WORD_LOG2) + smal_word_lowest(after)
	                : smal_bit_next(live, (w + 1) << SMAL_WORD_LOG2, words << SMAL_WORD_LOG2);
	*base = start + (bit << SMAL_GRANULE_LOG2);
	*limit = start + (taken << SMAL_GRANULE_LOG2);
	if (stride->stride_bytes % SMAL_GRANULE != 0) {
		/* A slot may begin in the middle of its granule. */
		*base = smal_buffer_slot(buffer, *base + SMAL_GRANULE - 1);
		*limit = smal_buffer_slot(buffer, *limit + SMAL_GRANULE - 1);
	}
	if (taken == words << SMAL_WORD_LOG2)
		*limit = start + stride->slots * smal_buffer_slot_bytes(buffer);
	return true;
}

void smal_buffer_discard(struct smal_buffer *buffer)
{
	uintptr_t page = smal_os_page_bytes(), base, limit = smal_buffer_base(buffer);

	while (smal_buffer_hole(buffer, limit, &base, &limit)) {
		uintptr_t first = smal_round_up(base, page), end = limit & ~(page - 1);

		if (first < end)
			smal_space_discard(buffer->stride->space, (void *)first, end - first);
	}
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

uint32_t smal_buffer_claim_slots(struct smal_buffer *buffer, uintptr_t base, uintptr_t limit,
                                 bool alone)
{
	smal_word *live = smal_buffer_live(buffer);
	const smal_word *full = buffer->stride->full;
	bool claimed = buffer->state == SMAL_BUFFER_CLAIMED;
	uint32_t slots = 1;
	size_t first, end, w;

	range_bits(buffer, base, limit, &first, &end);
	for (w = first >> SMAL_WORD_LOG2; w << SMAL_WORD_LOG2 < end; w++) {
		smal_word bits = full[w];

		if (SMAL_UNLIKELY(w << SMAL_WORD_LOG2 < first || (w + 1) << SMAL_WORD_LOG2 > end))
			bits &= smal_bits_in_word(w, first, end);
		SMAL_ASSERT((smal_word_load(&live[w]) & bits) == 0);
		if (alone || !claimed)
			smal_word_store(&live[w], smal_word_load(&live[w]) | bits);
		else
			smal_word_or(&live[w], bits);
	}
	if (buffer->stride->stride_bytes != 0)
		slots = (uint32_t)smal_stride_slots(buffer->stride, limit - base);
	if (!claimed) {
		buffer->used_slots = (uint16_t)(buffer->used_slots + slots);
		smal_buffer_summarize(buffer, first >> SMAL_WORD_LOG2, w);
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
			smal_word_store(&live[w], live[w] & ~bits);
		slots += smal_word_count(bits);
	}
	if (!claimed) {
		buffer->used_slots = (uint16_t)(buffer->used_slots - slots);
		smal_buffer_summarize(buffer, first >> SMAL_WORD_LOG2, w);
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
		smal_segment_buffer(segment, id - smal_atomic_load_relaxed_u32(
		                                          smal_segment_back(segment, id)));

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
