/* SPDX-License-Identifier: MIT */
/*
 * verify.c: the checker of strides: their invariants, I1 to I6 of stride.c.
 */
#include <smal/stride/stride.h>

static const char *check_masks(const struct smal_buffer *buffer, const struct smal_stride *stride)
{
	const smal_word *live = smal_buffer_live(buffer);
	size_t each = smal_stride_summary_words(stride);
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
	if (stride->stride_bytes != 0 && smal_buffer_bytes(buffer) != stride->buffer_bytes)
		return "stride I6: a buffer has another number of bytes";
	if (segment->magic != SMAL_MAGIC_SEGMENT || segment->space != stride->space ||
	    smal_segment_buffer(segment, buffer->id) != buffer)
		return "stride I5: a buffer is not where it lies";
	ids = smal_segment_ids(segment, smal_buffer_bytes(buffer));
	for (size_t i = 0; i < ids; i++)
		if (smal_segment_owner_at(segment, buffer->id + i) != smal_stride_owner_word(stride) ||
		    *smal_segment_back(segment, buffer->id + i) != i)
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

			bytes += smal_buffer_bytes(buffer);
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
