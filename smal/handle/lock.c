/* SPDX-License-Identifier: MIT */
/*
 * lock.c: from a handle to its block, and what a handle is that is none of a block's.
 *
 *   handle    | generation 13 | heap 19 | index 32 |
 *   control   | generation 13 | purged, large, tell, purgeable, moving, used | slack 5 |
 *             | locks 8 |
 *
 * A lock is taken by adding one to the control word, if the rest of it is as the
 * handle says and nobody moves the block; whoever moves it has set MOVING by the same
 * kind of operation, so that one of the two is first. No lock of the heap's is taken.
 */
#include <smal/handle/handle.h>
#include <smal/base/fail.h>

/* Looks at a block that is being moved, before some sleep; how long that is. */
enum { SPINS = 100, WAIT_NS = 20000 };

static uint32_t generation_of(smal_handle handle)
{
	return smal_generation((uint32_t)(handle >> 32));
}

static uint32_t heap_of(smal_handle handle)
{
	return (uint32_t)(handle >> 32) & (((uint32_t)1 << SMAL_HANDLE_HEAP_BITS) - 1);
}

enum smal_error smal_handle_heap_check(const struct smal_handle_heap *heap, const char *function)
{
	if (SMAL_LIKELY(heap != NULL && heap->magic == SMAL_HANDLE_MAGIC))
		return SMAL_OK;
	return smal_fail(SMAL_ERROR_INVALID, function, "not a heap of handles", heap, "%s",
	                 heap != NULL && heap->magic == SMAL_MAGIC_GONE ? "one that has ended"
	                                                                : "");
}

/* *control is the word by which the handle was found to be one. */
static struct smal_handle_entry *find(const struct smal_handle_heap *heap, smal_handle handle,
                                      uint32_t *control)
{
	uint32_t index = (uint32_t)handle;

	if (index - 1 >= smal_atomic_load_u32(&heap->entries) || heap_of(handle) != heap->number)
		return NULL;
	*control = smal_atomic_load_u32(&smal_entry(heap, index)->control);
	if ((*control & SMAL_CONTROL_USED) == 0 ||
	    smal_generation(*control) != generation_of(handle))
		return NULL;
	return smal_entry(heap, index);
}

struct smal_handle_entry *smal_handle_entry(const struct smal_handle_heap *heap, smal_handle handle)
{
	uint32_t control;

	return find(heap, handle, &control);
}

enum smal_error smal_handle_fail(struct smal_handle_heap *heap, smal_handle handle,
                                 const char *function)
{
	uint32_t index = (uint32_t)handle, made = smal_atomic_load_u32(&heap->entries);
	const char *what = "not a handle", *is = "no entry of the table";
	uint32_t control;

	if (index - 1 < made && heap_of(handle) != heap->number) {
		what = "handle of another heap";
		is = "none of this one's";
	} else if (index - 1 < made) {
		control = smal_atomic_load_u32(&smal_entry(heap, index)->control);
		what = "stale handle";
		is = (control & SMAL_CONTROL_USED) != 0 ? "another block's by now"
		                                        : "of a block that was freed";
	}
	return smal_fail(SMAL_ERROR_INVALID, function, what, NULL, "handle %08lx:%08lx, %s",
	                 (unsigned long)(handle >> 32), (unsigned long)index, is);
}

/* Waits until nobody moves the block: for a copy. Not for the heap's lock, which who
 * compacts keeps for longer. */
static void wait_for_move(const struct smal_handle_entry *entry)
{
	uint32_t nothing = 0;

	for (unsigned i = 0; (smal_atomic_load_u32(&entry->control) & SMAL_CONTROL_MOVING) != 0;
	     i++)
		if (i >= SPINS)
			smal_os_wait(&nothing, 0, WAIT_NS);
}

static void *address_of(const struct smal_handle_heap *heap, const struct smal_handle_entry *entry,
                        uint32_t control)
{
	if ((control & SMAL_CONTROL_LARGE) != 0)
		return smal_large_of(entry)->address;
	return smal_granule(heap, entry->place);
}

/* With other threads this is the usual way. */
void *smal_handle_lock_slow(struct smal_handle_heap *heap, smal_handle handle)
{
	static const char function[] = "smal_handle_lock";
	struct smal_handle_entry *entry;
	uint32_t control;

	if (smal_handle_heap_check(heap, function) != SMAL_OK)
		return NULL;
	for (;;) {
		entry = find(heap, handle, &control);
		if (entry == NULL) {
			smal_handle_fail(heap, handle, function);
			return NULL;
		}
		if ((control & SMAL_CONTROL_PURGED) != 0)
			return NULL;
		if ((control & SMAL_CONTROL_LOCKS) == SMAL_CONTROL_LOCKS) {
			smal_fail(SMAL_ERROR_TOO_MANY, function, "too many locks", NULL,
			          "handle %08lx:%08lx, locked %d times",
			          (unsigned long)(handle >> 32), (unsigned long)(uint32_t)handle,
			          SMAL_CONTROL_LOCKS);
			return NULL;
		}
		if ((control & SMAL_CONTROL_MOVING) != 0)
			wait_for_move(entry);
		else if (smal_control_swap(entry, control, control + 1))
			return address_of(heap, entry, control);
	}
}

enum smal_error smal_handle_unlock_slow(struct smal_handle_heap *heap, smal_handle handle)
{
	static const char function[] = "smal_handle_unlock";
	struct smal_handle_entry *entry;
	uint32_t control;

	if (smal_handle_heap_check(heap, function) != SMAL_OK)
		return SMAL_ERROR_INVALID;
	do {
		entry = find(heap, handle, &control);
		if (entry == NULL)
			return smal_handle_fail(heap, handle, function);
		if ((control & SMAL_CONTROL_LOCKS) == 0) {
			if ((control & SMAL_CONTROL_PURGED) != 0)
				return SMAL_OK;
			return smal_fail(SMAL_ERROR_INVALID, function, "block is not locked", NULL,
			                 "handle %08lx:%08lx", (unsigned long)(handle >> 32),
			                 (unsigned long)(uint32_t)handle);
		}
	} while (!smal_control_swap(entry, control, control - 1));
	return SMAL_OK;
}

/* Its record may end at any moment. */
static void *look_at_large(struct smal_handle_heap *heap, smal_handle handle, bool *gone)
{
	bool locked = smal_handle_enter(heap);
	const struct smal_handle_entry *entry = smal_handle_entry(heap, handle);
	void *address = NULL;

	*gone = entry == NULL;
	if (entry != NULL && (smal_entry_control(entry) & SMAL_CONTROL_PURGED) == 0)
		address = address_of(heap, entry, smal_entry_control(entry));
	smal_handle_leave(heap, locked);
	return address;
}

/* The address now, or NULL; *gone: there is no such block. */
static void *look(struct smal_handle_heap *heap, smal_handle handle, bool *gone)
{
	const struct smal_handle_entry *entry;
	uint32_t control;
	void *address = NULL;

	do {
		entry = find(heap, handle, &control);
		*gone = entry == NULL;
		if (entry == NULL)
			return NULL;
		if ((control & SMAL_CONTROL_PURGED) != 0)
			return NULL;
		if ((control & SMAL_CONTROL_MOVING) != 0) {
			wait_for_move(entry);
			continue;
		}
		if ((control & SMAL_CONTROL_LARGE) != 0)
			return look_at_large(heap, handle, gone);
		address = smal_granule(heap, smal_atomic_load_u32(&entry->place));
		/* Of the very block, unless it has changed meanwhile. */
	} while (((smal_atomic_load_u32(&entry->control) ^ control) &
	          ~(uint32_t)SMAL_CONTROL_LOCKS) != 0 ||
	         (control & SMAL_CONTROL_MOVING) != 0);
	return address;
}

void *smal_handle_weak_lock(struct smal_handle_heap *heap, smal_handle handle)
{
	bool gone;
	void *address;

	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return NULL;
	address = look(heap, handle, &gone);
	if (gone)
		smal_handle_fail(heap, handle, __func__);
	return address;
}

bool smal_handle_validate(struct smal_handle_heap *heap, smal_handle handle, const void *address)
{
	bool gone;

	/* What was read before is compared with where the block is after that. */
	smal_atomic_fence();
	return heap != NULL && heap->magic == SMAL_HANDLE_MAGIC && address != NULL &&
	       look(heap, handle, &gone) == address;
}

enum smal_error smal_handle_set_purgeable(struct smal_handle_heap *heap, smal_handle handle,
                                          bool purgeable)
{
	struct smal_handle_entry *entry;
	uint32_t control, new;

	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return SMAL_ERROR_INVALID;
	do {
		entry = find(heap, handle, &control);
		if (entry == NULL)
			return smal_handle_fail(heap, handle, __func__);
		/* Who moves it writes the whole word in the end. */
		if ((control & SMAL_CONTROL_MOVING) != 0)
			wait_for_move(entry);
		control &= ~(uint32_t)SMAL_CONTROL_MOVING;
		new = (control & ~(uint32_t)SMAL_CONTROL_PURGEABLE) |
		      (purgeable ? SMAL_CONTROL_PURGEABLE : 0);
	} while (!smal_control_swap(entry, control, new));
	return SMAL_OK;
}
