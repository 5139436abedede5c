/* SPDX-License-Identifier: MIT */
/*
 * lend.c: buffers in somebody's hands: claimed, lent, and what comes back of them
 * (stride.h).
 *
 *   room -- claim --> claimed      on the stride's list, counted; used_slots and
 *        <- unclaim --             summary mean nothing
 *   room -- lend  --> lent         on a list of the borrower's, not counted; the
 *        <- return  --             ids have the borrower's owner words
 *
 * Who has a buffer takes slots of it without the lock. Slots are given back by
 * anybody, one at a time (release) or all at once in the mask (settle), and then
 * the list that the buffer belongs on may be another; a buffer in somebody's hands
 * is listed when it comes back.
 *
 * The stride's lock protects all of it; the invariants are stride.c's.
 */
#include <smal/stride/stride.h>

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

void smal_stride_unclaim(struct smal_buffer *buffer)
{
	struct smal_stride *stride = buffer->stride;

	smal_os_lock_take(&stride->lock);
	smal_buffer_recount(buffer);
	smal_atomic_store(&buffer->claimer, 0);
	buffer->state = 0;
	smal_buffer_list(buffer);
	smal_os_lock_give(&stride->lock);
}

/* The ids of a buffer get an owner word. */
static void set_owner(const struct smal_buffer *buffer, uint16_t owner, uint16_t class)
{
	size_t ids = smal_segment_ids(buffer->segment, smal_buffer_bytes(buffer));

	smal_segment_set_owner(buffer->segment, buffer->id, buffer->id + ids,
	                       (uint32_t)owner << 16 | class);
}

static void lend(struct smal_buffer *buffer, const void *claimer, uint16_t owner)
{
	struct smal_stride *stride = buffer->stride;

	smal_link_remove(&buffer->link);
	buffer->state = SMAL_BUFFER_CLAIMED;
	smal_atomic_store(&buffer->claimer, (uintptr_t)claimer);
	stride->buffers--;
	stride->heap_bytes -= smal_buffer_bytes(buffer);
	set_owner(buffer, owner, stride->class);
}

struct smal_buffer *smal_stride_lend(struct smal_stride *stride, const void *claimer,
                                     uint16_t owner)
{
	struct smal_buffer *buffer = NULL;

	smal_os_lock_take(&stride->lock);
	if (!smal_link_is_alone(&stride->room)) {
		buffer = SMAL_CONTAINER(stride->room.next, struct smal_buffer, link);
		lend(buffer, claimer, owner);
	}
	smal_os_lock_give(&stride->lock);
	return buffer;
}

void smal_stride_lend_this(struct smal_buffer *buffer, const void *claimer, uint16_t owner)
{
	struct smal_stride *stride = buffer->stride;

	smal_os_lock_take(&stride->lock);
	lend(buffer, claimer, owner);
	smal_os_lock_give(&stride->lock);
}

bool smal_stride_return(struct smal_buffer *buffer, bool drop_empty)
{
	struct smal_stride *stride = buffer->stride;
	bool stays = !drop_empty || buffer->used_slots != 0;

	smal_os_lock_take(&stride->lock);
	smal_link_remove(&buffer->link);
	stride->buffers++;
	stride->heap_bytes += smal_buffer_bytes(buffer);
	smal_atomic_store(&buffer->claimer, 0);
	if (stays) {
		set_owner(buffer, stride->owner, stride->class);
		buffer->state = 0;
		smal_buffer_list(buffer);
	} else {
		smal_buffer_drop(buffer);
	}
	smal_os_lock_give(&stride->lock);
	return stays;
}

void smal_stride_retarget(struct smal_buffer *buffer, struct smal_stride *stride)
{
	uint16_t owner = (uint16_t)(*smal_segment_owner(buffer->segment, buffer->id) >> 16);

	SMAL_ASSERT(buffer->used_slots == 0 && smal_buffer_bytes(buffer) == stride->buffer_bytes);
	set_owner(buffer, owner, stride->class);
	smal_atomic_store_pointer((volatile AO_t *)&buffer->stride, stride);
	buffer->summary = stride->empty_summary;
}

void smal_stride_drop(struct smal_buffer *buffer)
{
	smal_link_remove(&buffer->link);
	smal_buffer_drop(buffer);
}

/* Gives a buffer back if it is empty and nobody's, if `drop_empty` says so. */
static bool drop_if_empty(struct smal_buffer *buffer, bool drop_empty)
{
	if (!drop_empty || buffer->used_slots != 0 || buffer->state == SMAL_BUFFER_CLAIMED)
		return false;
	smal_stride_drop(buffer);
	return true;
}

bool smal_stride_settle(struct smal_buffer *buffer, bool drop_empty)
{
	struct smal_stride *stride = buffer->stride;
	bool stays = true;

	smal_os_lock_take(&stride->lock);
	if (buffer->state != SMAL_BUFFER_CLAIMED) {
		smal_buffer_recount(buffer);
		stays = !drop_if_empty(buffer, drop_empty);
		if (stays)
			smal_buffer_list(buffer);
	}
	smal_os_lock_give(&stride->lock);
	return stays;
}

void smal_stride_place(struct smal_buffer *buffer)
{
	struct smal_stride *stride = buffer->stride;

	smal_link_remove(&buffer->link);
	buffer->state = buffer->used_slots == stride->slots ? SMAL_BUFFER_FULL : SMAL_BUFFER_ROOM;
	if (buffer->state == SMAL_BUFFER_FULL)
		smal_link_push(&stride->filled, &buffer->link);
	else if (buffer->used_slots != 0)
		smal_link_push(&stride->room, &buffer->link);
	else
		smal_link_insert(&stride->room, &buffer->link);
}

size_t smal_stride_trim(struct smal_stride *stride)
{
	struct smal_buffer *buffer;
	size_t bytes = 0;

	smal_os_lock_take(&stride->lock);
	while (!smal_link_is_alone(&stride->room)) {
		buffer = SMAL_CONTAINER(stride->room.prev, struct smal_buffer, link);
		if (buffer->used_slots != 0)
			break;
		bytes += smal_buffer_bytes(buffer);
		smal_stride_drop(buffer);
	}
	smal_os_lock_give(&stride->lock);
	return bytes;
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
	smal_buffer_summarize(buffer, w, w + 1);
	if (drop_if_empty(buffer, drop_empty))
		released = SMAL_RELEASED_BUFFER;
	else
		smal_buffer_list(buffer);
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
		smal_buffer_summarize(buffer, at >> SMAL_WORD_LOG2, (at >> SMAL_WORD_LOG2) + 1);
		smal_buffer_list(buffer);
	}
	smal_os_lock_give(&stride->lock);
	return buffer;

fail:
	smal_os_lock_give(&stride->lock);
	return NULL;
}
