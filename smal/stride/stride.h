/* SPDX-License-Identifier: MIT */
/*
 * stride.h: buffers of equal slots, and who holds a slot in a mask elsewhere.
 *
 * A stride is a set of buffers with slots of one size. A buffer is 64 KiB (32 in
 * a library of fine buffers: SMAL_ID_BYTES) for slots of up to an eighth of that,
 * the power of two that holds eight slots for slots of up to 128 KiB, or exactly
 * one large slot. Its descriptor and masks are side metadata of its segment:
 * their place follows from the buffer's address.
 *
 * Three masks lie at every buffer. Two of them take turns in being the live
 * mask (a set bit is a slot in use) and whatever the owner needs the other for
 * (a collector: the mark mask); the third is free for the owner too.
 *
 * Finding a free slot reads at most one word on each of three levels, whatever
 * the pattern: the list of buffers with room, the buffer's summary (a bit for
 * every 1/W of its words, set while they have a free slot), the mask's words
 * (of which a bit of the summary stands for one, or in 1 MiB for a few).
 *
 * Rules. The lists of a stride, and buffers on its lists, are protected by its
 * lock, which is a leaf besides the space's. A claimed buffer belongs to who
 * claimed it: only that thread takes slots of it (smal_buffer_claim_slots);
 * others may give slots of it back (smal_stride_release), so that its live mask
 * is changed by atomic operations where there are others, and its used_slots and
 * summary mean nothing until it is unclaimed.
 */
#ifndef SMAL_STRIDE_STRIDE_H
#define SMAL_STRIDE_STRIDE_H

#include <smal/space/space.h>
#include <smal/stride/bitmap.h>

/* What lies at a buffer id: indices of the space's side metadata. */
enum smal_side {
	/* u32: owner << 16 | class; 0 where no buffer is. */
	SMAL_SIDE_OWNER,
	/* u32: ids back to the buffer's first. */
	SMAL_SIDE_BACK,
	/* struct smal_buffer, at a buffer's first id. */
	SMAL_SIDE_BUFFER,
	/* Masks: SMAL_MASK_BYTES an id. */
	SMAL_SIDE_MASK,
	SMAL_SIDE_MASKS = 3
};

enum {
	SMAL_MASK_BYTES = SMAL_ID_BYTES / SMAL_GRANULE / 8,
	SMAL_MASK_WORDS = SMAL_MASK_BYTES / (int)sizeof(smal_word),
	SMAL_SMALL_LARGEST = SMAL_ID_BYTES / 8,
	SMAL_MEDIUM_LARGEST = 128 * 1024
};

struct smal_buffer {
	/* On one of its stride's lists. */
	struct smal_link link;
	struct smal_stride *stride;
	struct smal_segment *segment;
	/* Who has claimed it: the owner's, never given back while the owner is there,
	 * so that anybody may follow it without a lock. */
	volatile AO_t claimer;
	/* Which words have a free slot. */
	smal_word summary;
	/* SMAL_ID_BYTES to 1 MiB, or the pages of a large slot. */
	uint32_t chunks;
	/* Its first id in the segment. */
	uint32_t id;
	/* Granules from its start that may not be zero. */
	uint32_t dirty_granules;
	/* Slots in use. */
	uint16_t used_slots;
	/* enum smal_buffer_state, and bits for the owner. */
	uint8_t state, marks;
};

enum smal_buffer_state { SMAL_BUFFER_ROOM = 1, SMAL_BUFFER_FULL, SMAL_BUFFER_CLAIMED };

struct smal_stride {
	uint32_t magic;
	/* The number and the class that owner words hold. */
	uint16_t owner, class;
	struct smal_space *space;
	struct smal_os_lock lock;
	/* Bytes of a slot, 0 for a stride of large slots; of a buffer. */
	size_t stride_bytes, buffer_bytes;
	uint32_t slots;
	/* Words of a mask, and how many of the masks are used: 2, or 3 if the owner
	 * says so before there is a buffer. */
	uint32_t words, masks;
	/* The summary of an empty buffer. */
	smal_word empty_summary;
	/* ceil(2^44 / stride_bytes). */
	uint64_t reciprocal;
	/* All bits at which slots begin. */
	const smal_word *full;
	/* Which of the masks is the live one: 0 or 1; how often that has changed. */
	unsigned live;
	volatile uint32_t flips;
	/* Buffers by state. */
	struct smal_link room, filled, claimed;
	size_t buffers, heap_bytes;
	/* Mask words read by smal_stride_take, for the proof of its bound. */
	uint64_t words_read;
};

/* True if no two slots have their bits in one word of a mask. */
static inline bool smal_stride_is_sparse(const struct smal_stride *stride)
{
	return stride->stride_bytes >= (size_t)SMAL_WORD_BITS << SMAL_GRANULE_LOG2;
}

/* The side metadata that a space needs for strides. Masks are zero wherever no
 * buffer is. */
void smal_stride_sides(struct smal_space_options *options);

/*
 * Makes a stride of slots of stride_bytes (a multiple of 8, at least 16; up to
 * SMAL_MEDIUM_LARGEST), or of large slots (0). owner is not 0. False: no memory.
 */
bool smal_stride_init(struct smal_stride *stride, struct smal_space *space, uint16_t owner,
                      uint16_t class, size_t stride_bytes);

/* Gives all buffers back, whatever is in use. */
void smal_stride_fini(struct smal_stride *stride);

/* ---- Slot by slot (any thread) ---- */

/* Takes the lowest free slot of a buffer with room; not zeroed. NULL: every
 * buffer is full. */
void *smal_stride_take(struct smal_stride *stride);

/* Adds an empty buffer (large: of one slot of `bytes`, at a multiple of align_bytes,
 * from SMAL_ID_BYTES to 1 MiB); NULL: no memory. */
struct smal_buffer *smal_stride_grow(struct smal_stride *stride, size_t bytes);
struct smal_buffer *smal_stride_grow_aligned(struct smal_stride *stride, size_t bytes,
                                             size_t align_bytes);

/* Gives a slot back; false if the address is not that of a slot in use. An
 * empty buffer goes back to the space, unless it is the last with room; large
 * ones always do. */
bool smal_stride_give(struct smal_stride *stride, void *slot);

/* ---- Buffer by buffer ---- */

/* Takes a buffer with room off its list, for the calling thread alone; NULL if
 * there is none. The other gives it back, to the list that it belongs on. */
struct smal_buffer *smal_stride_claim(struct smal_stride *stride, const void *claimer);
void smal_stride_unclaim(struct smal_buffer *buffer);

/* Recounts a buffer's slots from its live mask and puts it on the list it
 * belongs on; one that is empty and not claimed goes back to the space if
 * `drop` says so (false is returned then: it is gone). */
bool smal_stride_settle(struct smal_buffer *buffer, bool drop);
/* The count alone, which is returned: for who has the buffer to himself. */
uint32_t smal_buffer_recount(struct smal_buffer *buffer);

/* For who has the stride to itself: puts a buffer on the list it belongs on, an empty
 * one behind all others with room; or gives it back to the space. */
void smal_stride_place(struct smal_buffer *buffer);
void smal_stride_drop(struct smal_buffer *buffer);

/* Gives the empty buffers behind all others with room back to the space; returns their
 * bytes. Any thread. */
size_t smal_stride_trim(struct smal_stride *stride);

/* For who has the stride to itself, after the masks have changed places: of the live
 * slots, those stay that the old mask has too, and that is cleared. Returns how many
 * it frees; where none, nothing else has changed. If the stride is sparse, neither mask
 * may have bits where no slot begins. */
uint32_t smal_buffer_replace(struct smal_buffer *buffer, smal_word *old);

enum smal_released {
	/* The slot was not in use. */
	SMAL_RELEASED_NOTHING,
	/* It is free; its buffer is nobody's, or the caller's. */
	SMAL_RELEASED,
	/* It is free; its buffer is claimed by somebody else. */
	SMAL_RELEASED_REMOTE,
	/* It is free, and its buffer has gone back to the space. */
	SMAL_RELEASED_BUFFER
};

/* Gives a slot back, whoever has claimed its buffer. `drop`: a buffer that is
 * empty and not claimed goes back to the space. Any thread. */
enum smal_released smal_stride_release(struct smal_buffer *buffer, uintptr_t slot,
                                       const void *claimer, bool drop);

/* Takes a slot back that was released before, if it is still free and its buffer
 * is nobody's or the claimer's. NULL: it is not. Any thread. */
struct smal_buffer *smal_stride_retake(struct smal_stride *stride, uintptr_t slot,
                                       const void *claimer);

/* The buffer of an owner (0: of anybody) with the lowest address above `after`, or
 * NULL; ids that change hands meanwhile are seen as before or after. (walk.c) */
struct smal_buffer *smal_stride_next_buffer(struct smal_space *space, uint16_t owner,
                                            uintptr_t after);

/* ---- Lent buffers: on a list of somebody else's ---- */

/* As a claim; but the buffer is on none of the stride's lists and not counted
 * there: the claimer puts it on lists of its own, keeps used_slots and summary
 * right, and `owner` stands in its owner words. The other takes it off the list
 * that it is on and back; an empty one goes to the space if `drop` says so (false
 * is returned then). */
struct smal_buffer *smal_stride_lend(struct smal_stride *stride, const void *claimer,
                                     uint16_t owner);
bool smal_stride_return(struct smal_buffer *buffer, bool drop);
/* Lends a buffer that is on one of the stride's lists: no one else may. */
void smal_stride_lend_this(struct smal_buffer *buffer, const void *claimer, uint16_t owner);

/* Turns a lent, empty buffer into one of another stride with buffers as large. */
void smal_stride_retarget(struct smal_buffer *buffer, struct smal_stride *stride);

/* Changes the size of a large buffer where it stands. False: there is no room
 * (or, when it shrinks, no metadata): nothing has changed. *zeroed is about the
 * part that is new. */
bool smal_buffer_resize(struct smal_buffer *buffer, size_t bytes, bool *zeroed);

/* The next hole of free slots at or after an address of the buffer, as long as
 * it is: [*base, *limit). False: there is none. */
bool smal_buffer_hole(const struct smal_buffer *buffer, uintptr_t from, uintptr_t *base,
                      uintptr_t *limit);

/* Has the system take the memory of the pages that free slots cover. For who has the
 * buffer, or its stride, to himself. */
void smal_buffer_discard(struct smal_buffer *buffer);

/* Sets or clears the live bits of all slots in [base, limit); returns their
 * number. The summary of a claimed buffer is left alone until it is unclaimed. `alone`:
 * nobody else gives slots back meanwhile. */
uint32_t smal_buffer_claim_slots(struct smal_buffer *buffer, uintptr_t base, uintptr_t limit,
                                 bool alone);
uint32_t smal_buffer_free_slots(struct smal_buffer *buffer, uintptr_t base, uintptr_t limit);

/* The first invariant that does not hold, or NULL. */
const char *smal_stride_check(struct smal_stride *stride);

/* ---- For stride.c and lend.c: with the stride's lock held (stride.c) ---- */

/* Puts a buffer that is not claimed on the list that it belongs on. */
void smal_buffer_list(struct smal_buffer *buffer);

/* Gives a buffer that is on no list back to the space. */
void smal_buffer_drop(struct smal_buffer *buffer);

/* ---- For stride.c and lend.c: of one buffer, by who has it (buffer.c) ---- */

/* Brings the summary bits for the words [first, limit) up to date. */
void smal_buffer_summarize(struct smal_buffer *buffer, size_t first, size_t limit);

/* Sets the owner words of the ids [first, limit). */
void smal_segment_set_owner(const struct smal_segment *segment, size_t first, size_t limit,
                            uint32_t owner);

/* ---- Where things are ---- */

static inline uintptr_t smal_buffer_base(const struct smal_buffer *buffer)
{
	return buffer->segment->base + ((uintptr_t)buffer->id << SMAL_ID_LOG2);
}

/* The stride of a buffer that may be going back, or another one's meanwhile; NULL if its
 * stride has ended. */
static inline struct smal_stride *smal_buffer_stride(const struct smal_buffer *buffer)
{
	return smal_atomic_load_pointer((volatile AO_t *)(uintptr_t)&buffer->stride);
}

static inline size_t smal_buffer_bytes(const struct smal_buffer *buffer)
{
	return (size_t)smal_atomic_load_relaxed_u32(&buffer->chunks) << SMAL_CHUNK_LOG2;
}

/* A mask by number: 0 and 1 take turns, 2 is the owner's. */
static inline smal_word *smal_buffer_mask(const struct smal_buffer *buffer, unsigned which)
{
	return (smal_word *)(void *)(buffer->segment->side[SMAL_SIDE_MASK + which].base +
	                             (size_t)buffer->id * SMAL_MASK_BYTES);
}

static inline smal_word *smal_buffer_live(const struct smal_buffer *buffer)
{
	const struct smal_stride *stride = smal_buffer_stride(buffer);

	return smal_buffer_mask(buffer, smal_atomic_load_relaxed_u32(&stride->live));
}

/* The bit of an address in its buffer's masks. */
static inline size_t smal_buffer_bit(const struct smal_buffer *buffer, uintptr_t address)
{
	return (address - smal_buffer_base(buffer)) >> SMAL_GRANULE_LOG2;
}

/* Slots of a fixed size in so many bytes of a buffer. */
static inline size_t smal_stride_slots(const struct smal_stride *stride, size_t bytes)
{
	return (size_t)(bytes * stride->reciprocal >> 44);
}

/* The start of the slot that an address lies in; may be one beyond the last. */
static inline uintptr_t smal_buffer_slot(const struct smal_buffer *buffer, uintptr_t address)
{
	const struct smal_stride *stride = smal_buffer_stride(buffer);
	uintptr_t base = smal_buffer_base(buffer);

	if (stride->stride_bytes == 0)
		return base;
	return base + smal_stride_slots(stride, address - base) * stride->stride_bytes;
}

/* Bytes of a slot. */
static inline size_t smal_buffer_slot_bytes(const struct smal_buffer *buffer)
{
	size_t bytes = smal_buffer_stride(buffer)->stride_bytes;

	return bytes != 0 ? bytes : smal_buffer_bytes(buffer);
}

/* The live slot that an address points to or into, or 0. */
uintptr_t smal_buffer_find_slot(const struct smal_buffer *buffer, uintptr_t address);

/* The owner word of an id: written last when a buffer is made, and cleared
 * first when it ends, for readers without a lock. */
static inline uint32_t *smal_segment_owner(const struct smal_segment *segment, size_t id)
{
	return (uint32_t *)(void *)segment->side[SMAL_SIDE_OWNER].base + id;
}

/* The owner word of an id; 0 for one that is not in use. */
static inline uint32_t smal_segment_owner_at(const struct smal_segment *segment, size_t id)
{
	if (!segment->direct &&
	    id / SMAL_BLOCK_IDS >= smal_atomic_load(&segment->committed_blocks))
		return 0;
	return smal_atomic_load_u32(smal_segment_owner(segment, id));
}

/* Ids from this one back to its buffer's first, and the descriptor there. */
static inline uint32_t *smal_segment_back(const struct smal_segment *segment, size_t id)
{
	return (uint32_t *)(void *)segment->side[SMAL_SIDE_BACK].base + id;
}

static inline struct smal_buffer *smal_segment_buffer(const struct smal_segment *segment, size_t id)
{
	return (struct smal_buffer *)(void *)segment->side[SMAL_SIDE_BUFFER].base + id;
}

/* Buffer ids that a buffer of so many bytes has. */
static inline size_t smal_segment_ids(const struct smal_segment *segment, size_t bytes)
{
	return segment->direct ? 1 : (bytes + SMAL_ID_BYTES - 1) >> SMAL_ID_LOG2;
}

/* What the owner words of a stride's buffers are. */
static inline uint32_t smal_stride_owner_word(const struct smal_stride *stride)
{
	return (uint32_t)stride->owner << 16 | stride->class;
}

/* Mask words for each bit of a summary. */
static inline size_t smal_stride_summary_words(const struct smal_stride *stride)
{
	return (stride->words + SMAL_WORD_BITS - 1) >> SMAL_WORD_LOG2;
}

/* The buffer that an address lies in, whoever owns it, or NULL. Any thread, any
 * word. */
struct smal_buffer *smal_buffer_find(uintptr_t address);

/* The same, if the owner has it; another's buffer, which may be ending, is not
 * looked at. *class is what its owner word says. */
struct smal_buffer *smal_buffer_find_owned(uintptr_t address, uint16_t owner, uint16_t *class);

#endif
