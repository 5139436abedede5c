/* SPDX-License-Identifier: MIT */
/*
 * empty.c: blocks of no bytes: distinct addresses in a window that nobody can
 * touch.
 *
 *   window   |  0 | 16 | 32 | ...      addresses without memory: they fault
 *   owner    |  7 |  0 |  7 | ...      the heap that has it, 0: nobody
 *   taken    one bit each, and one for each full word of those
 *
 * The window and its books are made when the first is asked for. When all of it is
 * taken, requests of no bytes get a slot of 16. The lock of the list of heaps
 * protects it.
 */
#include <smal/heap/heap.h>

#include <string.h>

enum { EMPTIES = 65536, WORDS = EMPTIES / SMAL_WORD_BITS };

struct empties {
	uintptr_t base;
	uint32_t count;
	/* No word before this one has a free bit. */
	uint32_t first;
	smal_word taken[WORDS];
	uint16_t owner[EMPTIES];
};

static struct empties *make_locked(struct smal_space *books)
{
	size_t window_bytes = (size_t)EMPTIES * SMAL_GRANULE;
	struct empties *empties;
	void *base;
	bool zeroed;

	empties = smal_space_take(books, sizeof *empties, SMAL_CHUNK, &zeroed);
	if (empties == NULL)
		return NULL;
	base = smal_os_reserve(window_bytes);
	if (base == NULL) {
		smal_space_give(books, empties, sizeof *empties);
		return NULL;
	}
	if (!zeroed)
		memset(empties, 0, sizeof *empties);
	empties->base = (uintptr_t)base;
	smal_process.empties = empties;
	return empties;
}

void *smal_empty_take(struct smal_heap *heap)
{
	struct empties *empties;
	uintptr_t address = 0;
	size_t bit;

	smal_os_lock_take(&smal_os_heaps_lock);
	empties = smal_process.empties;
	if (empties == NULL)
		empties = make_locked(heap->books);
	if (empties == NULL || empties->count == EMPTIES)
		goto out;
	while (empties->taken[empties->first] == ~(smal_word)0)
		empties->first++;
	bit = ((size_t)empties->first << SMAL_WORD_LOG2) +
	      smal_word_lowest(~empties->taken[empties->first]);
	smal_bit_set(empties->taken, bit);
	empties->owner[bit] = heap->owner;
	empties->count++;
	address = empties->base + (bit << SMAL_GRANULE_LOG2);
out:
	smal_os_lock_give(&smal_os_heaps_lock);
	return (void *)address;
}

/* The owner's place of an address, or NULL; with the lock held. */
static uint16_t *find_locked(const void *address)
{
	struct empties *empties = smal_process.empties;
	uintptr_t offset;

	if (empties == NULL)
		return NULL;
	offset = (uintptr_t)address - empties->base;
	if (offset >= (uintptr_t)EMPTIES * SMAL_GRANULE || offset % SMAL_GRANULE != 0)
		return NULL;
	return &empties->owner[offset >> SMAL_GRANULE_LOG2];
}

uint16_t smal_empty_owner(const void *address)
{
	const uint16_t *place;
	uint16_t owner;

	smal_os_lock_take(&smal_os_heaps_lock);
	place = find_locked(address);
	owner = place != NULL ? *place : 0;
	smal_os_lock_give(&smal_os_heaps_lock);
	return owner;
}

bool smal_empty_is(const void *address)
{
	bool is;

	smal_os_lock_take(&smal_os_heaps_lock);
	is = find_locked(address) != NULL;
	smal_os_lock_give(&smal_os_heaps_lock);
	return is;
}

static void give_locked(struct empties *empties, size_t bit)
{
	empties->owner[bit] = 0;
	smal_bit_clear(empties->taken, bit);
	empties->count--;
	empties->first = (uint32_t)smal_min(empties->first, bit >> SMAL_WORD_LOG2);
}

bool smal_empty_give(const struct smal_heap *heap, const void *address)
{
	struct empties *empties;
	const uint16_t *place;
	bool given;

	smal_os_lock_take(&smal_os_heaps_lock);
	empties = smal_process.empties;
	place = find_locked(address);
	given = place != NULL && *place == heap->owner;
	if (given)
		give_locked(empties, (size_t)(place - empties->owner));
	smal_os_lock_give(&smal_os_heaps_lock);
	return given;
}

void smal_empties_fini_locked(const struct smal_heap *heap)
{
	struct empties *empties = smal_process.empties;

	for (size_t bit = 0; empties != NULL && empties->count != 0 && bit < EMPTIES; bit++)
		if (empties->owner[bit] == heap->owner)
			give_locked(empties, bit);
}

size_t smal_empty_count(const struct smal_heap *heap)
{
	const struct empties *empties;
	size_t count = 0;

	smal_os_lock_take(&smal_os_heaps_lock);
	empties = smal_process.empties;
	for (size_t bit = 0; empties != NULL && empties->count != 0 && bit < EMPTIES; bit++)
		count += empties->owner[bit] == heap->owner;
	smal_os_lock_give(&smal_os_heaps_lock);
	return count;
}
