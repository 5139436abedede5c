/* SPDX-License-Identifier: MIT */
/*
 * table.c: entries, the list that they are, and the memory beneath (handle.h).
 *
 *   a caller's buffer   | head | pages | blocks ->        <- table |
 *   the system's        | blocks -> ....... | pages -> ... | .... <- table |
 *
 * Keeps M1 to M3 for one node at a time, and M5.
 */
#include <smal/handle/handle.h>

enum {
	/* What is committed at once at least, but in a buffer. */
	STEP_BYTES = 64 * 1024,
	/* Generations between the first ones of entries before and after a trim: odd, and
	 * about three eighths of all, so that a few trims leave no two close. */
	TRIM_GENERATIONS = 3001
};

/* ---- Memory ---- */

uint32_t smal_handle_room(const struct smal_handle_heap *heap, uint32_t entries)
{
	uintptr_t table = (uintptr_t)(heap->table - heap->entries) -
	                  entries * sizeof(struct smal_handle_entry);

	if (heap->reservation != NULL)
		return heap->limit;
	return table > (uintptr_t)heap->base
	               ? (uint32_t)((table - (uintptr_t)heap->base) >> SMAL_GRANULE_LOG2)
	               : 0;
}

static size_t step(const struct smal_area *area, size_t bytes)
{
	return smal_min(smal_round_up(bytes, STEP_BYTES), area->bytes);
}

bool smal_handle_commit_slow(struct smal_handle_heap *heap, uint32_t top)
{
	size_t bytes = (size_t)top << SMAL_GRANULE_LOG2, words;

	if (top > smal_handle_room(heap, 0))
		return false;
	/* In a buffer the table may grow at any moment. */
	if (heap->reservation == NULL)
		return true;
	if (!smal_area_commit(&heap->block_area, &heap->account, step(&heap->block_area, bytes)) &&
	    !smal_area_commit(&heap->block_area, &heap->account, bytes))
		return false;
	top = (uint32_t)smal_min(heap->limit,
	                         heap->block_area.committed_bytes >> SMAL_GRANULE_LOG2);
	words = ((size_t)top >> SMAL_HANDLE_PAGE_LOG2) + 1;
	if (!smal_area_commit(&heap->page_area, &heap->account,
	                      step(&heap->page_area, words * sizeof(uint32_t))))
		return false;
	heap->ready = top;
	return true;
}

/* Memory for one entry more. */
static bool commit_entry(struct smal_handle_heap *heap)
{
	char *low = (char *)(heap->table - heap->entries - 1);
	size_t used = (size_t)((char *)heap->table - low), bytes = STEP_BYTES;

	if (heap->reservation == NULL)
		return smal_handle_room(heap, 1) >= heap->top;
	if (low >= heap->table_committed)
		return true;
	if (low < heap->table_base)
		return false;
	/* A sixteenth more than there is saves calls. */
	bytes = smal_max(bytes, smal_round_up(used / 16, STEP_BYTES));
	bytes = smal_min(bytes, (size_t)(heap->table_committed - heap->table_base));
	if (!smal_account_commit(&heap->account, heap->table_committed - bytes, bytes))
		return false;
	heap->table_committed -= bytes;
	return true;
}

/* ---- Entries ---- */

uint32_t smal_entry_take(struct smal_handle_heap *heap, bool last)
{
	uint32_t index = heap->spare, made = heap->entries;

	if (heap->spare_count < 2 && made < UINT32_MAX - 1 && commit_entry(heap)) {
		struct smal_handle_entry *entry = smal_entry(heap, made + 1);

		smal_entry_set_place(entry, SMAL_NOWHERE);
		smal_entry_set_control(entry, heap->first_generation);
		entry->next = 0;
		smal_atomic_store_u32(&heap->entries, made + 1);
		return made + 1;
	}
	if (index == 0 || (heap->spare_count < 2 && !last))
		return 0;
	heap->spare = smal_entry(heap, index)->next;
	heap->spare_count--;
	return index;
}

void smal_entry_give(struct smal_handle_heap *heap, uint32_t index)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);

	smal_entry_set_place(entry, SMAL_NOWHERE);
	smal_entry_set_control(entry, smal_generation(smal_entry_control(entry)));
	entry->next = heap->spare;
	heap->spare = index;
	heap->spare_count++;
}

static bool is_spare(const struct smal_handle_entry *entry)
{
	return !smal_entry_is_used(entry) && entry->place == SMAL_NOWHERE;
}

/* In a buffer alone: elsewhere nothing is gained by it; and while there are no other
 * threads, which may be looking at the entry of a stale handle. What is cut off forgets
 * its generations; those of new entries begin far away from where these began. */
void smal_entries_trim(struct smal_handle_heap *heap)
{
	uint32_t made = heap->entries;

	if (heap->reservation != NULL || !smal_os_single_threaded())
		return;
	while (made > 1 && is_spare(smal_entry(heap, made)))
		made--;
	if (made == heap->entries)
		return;
	heap->first_generation += (uint32_t)TRIM_GENERATIONS << SMAL_CONTROL_GENERATION_LOG2;
	smal_atomic_store_u32(&heap->entries, made);
	heap->spare = heap->spare_count = 0;
	/* The lowest first: they are the last that the table could end before. */
	for (uint32_t index = made; index > 0; index--)
		if (is_spare(smal_entry(heap, index)))
			smal_entry_give(heap, index);
	if (heap->spare_count == 0) {
		made = smal_entry_take(heap, false);
		if (made != 0)
			smal_entry_give(heap, made);
	}
}

/* ---- The list ---- */

uint32_t smal_node_before(const struct smal_handle_heap *heap, uint32_t index)
{
	uint32_t page = smal_page_of(smal_entry(heap, index)->place), at = heap->pages[page];

	if (index == heap->first)
		return 0;
	if (at == index)
		do
			at = heap->pages[--page];
		while (at == 0);
	while (smal_entry(heap, at)->next != index)
		at = smal_entry(heap, at)->next;
	return at;
}

void smal_node_begins(struct smal_handle_heap *heap, uint32_t index)
{
	const struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t *first = &heap->pages[smal_page_of(entry->place)];

	if (*first == 0 || smal_entry(heap, *first)->place > entry->place)
		*first = index;
}

/* A node begins there no more: the next one may be the first of the page. */
static void begins_not(struct smal_handle_heap *heap, uint32_t index)
{
	const struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t page = smal_page_of(entry->place), next = entry->next;

	if (heap->pages[page] == index)
		heap->pages[page] =
			next != 0 && smal_page_of(smal_entry(heap, next)->place) == page ? next : 0;
}

void smal_node_link(struct smal_handle_heap *heap, uint32_t before, uint32_t next)
{
	if (before != 0)
		smal_entry(heap, before)->next = next;
	else
		heap->first = next;
	if (next == 0)
		heap->last = before;
}

void smal_node_insert(struct smal_handle_heap *heap, uint32_t before, uint32_t index)
{
	uint32_t next = before != 0 ? smal_entry(heap, before)->next : heap->first;

	smal_entry(heap, index)->next = next;
	if (next == 0)
		heap->last = index;
	smal_node_link(heap, before, index);
	smal_node_begins(heap, index);
}

void smal_node_forget(struct smal_handle_heap *heap, uint32_t index, uint32_t by)
{
	if (heap->walked == index)
		heap->walked = by;
	for (unsigned i = 0; i < heap->gap_count; i++)
		if (heap->gap[i].before == index)
			heap->gap[i].before = by;
}

void smal_node_remove(struct smal_handle_heap *heap, uint32_t before, uint32_t index)
{
	begins_not(heap, index);
	smal_node_link(heap, before, smal_entry(heap, index)->next);
	smal_node_forget(heap, index, before);
}

void smal_node_replace(struct smal_handle_heap *heap, uint32_t index, uint32_t by)
{
	struct smal_handle_entry *old = smal_entry(heap, index), *new = smal_entry(heap, by);
	uint32_t before = smal_node_before(heap, index), page = smal_page_of(old->place);

	new->next = old->next;
	smal_entry_set_place(new, old->place);
	if (heap->pages[page] == index)
		heap->pages[page] = by;
	if (heap->last == index)
		heap->last = by;
	smal_node_link(heap, before, by);
	smal_node_forget(heap, index, by);
	smal_entry_set_place(old, SMAL_NOWHERE);
}
