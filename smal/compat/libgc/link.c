/* SPDX-License-Identifier: MIT */
/*
 * link.c: disappearing links and toggle references.
 *
 *   link's address --hash--> {link, object}    open addressing, linear probing
 *
 * Links of sixteen words in a row have their homes in a row: runtimes add, move and take
 * them in the order of memory when a weak table grows.
 *
 * Two tables: of links that are cleared before finalizers are decided on (short), and
 * after (long). An entry is two words: runtimes have a link for each entry of a weak
 * table. Neither word is a root. In a collection each table is walked in the order
 * of memory: what leads to a dead object is cleared and forgotten, and so is a link
 * that lies in a dead object.
 *
 * Entries behind a removed one move up (Knuth, 6.4, algorithm R), so that there are no
 * marks of what was.
 */
#include <smal/compat/libgc/libgc.h>

enum {
	LEAST = 256,
	/* Words whose links have their homes side by side. */
	BLOCK_WORDS = 16,
	HOLDERS = 64,
	HOLDER_PAGE = 4096
};

/* link: 0 for an empty place; bit 0 is set if it lies in an object. */
struct entry {
	uintptr_t link, object;
};

struct table {
	struct entry *entries;
	size_t mask, count;
};

static struct table shorts, longs;

/* ---- The table ---- */

static size_t home(const struct table *table, uintptr_t link)
{
	uintptr_t word = link / sizeof(void *);
	uint64_t block = word / BLOCK_WORDS * (uint64_t)0x9e3779b97f4a7c15 >> 20;

	return (size_t)(block * BLOCK_WORDS + word % BLOCK_WORDS) & table->mask;
}

static uintptr_t link_of(const struct entry *entry)
{
	return entry->link & ~(uintptr_t)1;
}

/* Its place, or the empty one where it would be. There is one. */
static struct entry *find(const struct table *table, uintptr_t link)
{
	size_t at = home(table, link);

	while (table->entries[at].link != 0 && link_of(&table->entries[at]) != link)
		at = (at + 1) & table->mask;
	return &table->entries[at];
}

static void erase(struct table *table, struct entry *entry)
{
	size_t hole = (size_t)(entry - table->entries), at = hole;

	table->count--;
	for (;;) {
		size_t from;

		at = (at + 1) & table->mask;
		if (table->entries[at].link == 0)
			break;
		from = home(table, link_of(&table->entries[at]));
		/* It stays if its home lies behind the hole. */
		if (((at - from) & table->mask) < ((at - hole) & table->mask))
			continue;
		table->entries[hole] = table->entries[at];
		hole = at;
	}
	table->entries[hole].link = 0;
}

static bool grow(struct table *table)
{
	struct table larger = { .mask = table->entries != NULL ? table->mask * 2 + 1 : LEAST - 1 };

	if (table->entries != NULL && table->count * 2 <= table->mask)
		return true;
	larger.entries = bdw_take((larger.mask + 1) * sizeof *larger.entries);
	if (larger.entries == NULL)
		return table->entries != NULL && table->count < table->mask;
	for (size_t i = 0; table->entries != NULL && i <= table->mask; i++)
		if (table->entries[i].link != 0)
			*find(&larger, link_of(&table->entries[i])) = table->entries[i];
	larger.count = table->count;
	bdw_give(table->entries);
	*table = larger;
	return true;
}

/* Where most places have been empty for long, walking them is a waste. */
static void shrink(struct table *table)
{
	struct table smaller = { .mask = table->mask / 4 };

	if (table->mask < LEAST * 4 || table->count * 16 > table->mask)
		return;
	smaller.entries = bdw_take((smaller.mask + 1) * sizeof *smaller.entries);
	if (smaller.entries == NULL)
		return;
	for (size_t i = 0; i <= table->mask; i++)
		if (table->entries[i].link != 0)
			*find(&smaller, link_of(&table->entries[i])) = table->entries[i];
	smaller.count = table->count;
	bdw_give(table->entries);
	*table = smaller;
}

/* ---- Registering ---- */

/* The address with the bit of where it lies. */
static uintptr_t as_link(uintptr_t link)
{
	return link | (smal_holds(bdw_gc, (const void *)link) ? 1 : 0);
}

static int add(struct table *table, void **link, const void *object)
{
	uintptr_t address = (uintptr_t)link;
	int result = BDW_NO_MEMORY;
	struct entry *entry;

	if (address == 0 || address % sizeof(void *) != 0) {
		bdw_warn("GC Warning: %p is no address of a link\n", address);
		return BDW_NO_MEMORY;
	}
	if (bdw_lock() && grow(table)) {
		entry = find(table, address);
		result = entry->link != 0 ? BDW_DUPLICATE : BDW_SUCCESS;
		table->count += entry->link == 0;
		*entry = (struct entry){ as_link(address), (uintptr_t)bdw_start(object) };
	}
	bdw_unlock();
	if (result == BDW_NO_MEMORY)
		bdw_oom(sizeof *entry);
	return result;
}

static int take(struct table *table, void **link)
{
	struct entry *entry = NULL;
	bool found;

	if (bdw_lock() && table->entries != NULL && link != NULL)
		entry = find(table, (uintptr_t)link);
	found = entry != NULL && entry->link != 0;
	if (found) {
		erase(table, entry);
		shrink(table);
	}
	bdw_unlock();
	return found;
}

/* With the lock. */
static int move_locked(struct table *table, uintptr_t link, uintptr_t new_link)
{
	struct entry *entry, *place;
	uintptr_t object;

	if (table->entries == NULL || new_link % sizeof(void *) != 0)
		return BDW_NOT_FOUND;
	entry = find(table, link);
	if (link == 0 || entry->link == 0)
		return BDW_NOT_FOUND;
	if (link == new_link)
		return BDW_SUCCESS;
	if (find(table, new_link)->link != 0)
		return BDW_DUPLICATE;
	object = entry->object;
	erase(table, entry);
	place = find(table, new_link);
	*place = (struct entry){ as_link(new_link), object };
	table->count++;
	return BDW_SUCCESS;
}

static int move(struct table *table, void **link, void **new_link)
{
	int result = BDW_NOT_FOUND;

	if (bdw_lock())
		result = move_locked(table, (uintptr_t)link, (uintptr_t)new_link);
	bdw_unlock();
	return result;
}

int GC_general_register_disappearing_link(void **link, const void *object)
{
	return add(&shorts, link, object);
}

int GC_register_disappearing_link(void **link)
{
	return add(&shorts, link, GC_base(link));
}

int GC_move_disappearing_link(void **link, void **new_link)
{
	return move(&shorts, link, new_link);
}

int GC_unregister_disappearing_link(void **link)
{
	return take(&shorts, link);
}

int GC_register_long_link(void **link, const void *object)
{
	return add(&longs, link, object);
}

int GC_move_long_link(void **link, void **new_link)
{
	return move(&longs, link, new_link);
}

int GC_unregister_long_link(void **link)
{
	return take(&longs, link);
}

/* ---- In a collection ---- */

/* What moves up into the place of a removed entry is looked at next. */
void bdw_links_clear(struct smal_marker *marker, bool is_long)
{
	struct table *table = is_long ? &longs : &shorts;

	for (size_t i = 0; table->count != 0 && i <= table->mask;) {
		struct entry *entry = &table->entries[i];

		if (entry->link == 0 || smal_is_marked(marker, (const void *)entry->object)) {
			i++;
			continue;
		}
		*(void **)link_of(entry) = NULL;
		erase(table, entry);
	}
}

/* An object that stays, by its addresses; 0 bytes until it was found twice. */
struct holder {
	uintptr_t base, bytes;
};

/* True if a link's object stays. The links of a weak table lie in one: the last one that
 * was found in a page is remembered. */
static bool is_held(const struct smal_marker *marker, uintptr_t link, struct holder *holders)
{
	struct holder *last = &holders[link / HOLDER_PAGE % HOLDERS];
	const void *object;

	if (link - last->base < last->bytes)
		return true;
	object = smal_find(bdw_gc, link);
	if (object == NULL || !smal_is_marked(marker, object))
		return false;
	last->bytes = last->base == (uintptr_t)object ? smal_size(object) : 0;
	last->base = (uintptr_t)object;
	return true;
}

static void forget(struct smal_marker *marker, struct table *table)
{
	struct holder holders[HOLDERS] = { { 0, 0 } };

	for (size_t i = 0; table->count != 0 && i <= table->mask;) {
		struct entry *entry = &table->entries[i];

		if ((entry->link & 1) == 0 || is_held(marker, link_of(entry), holders))
			i++;
		else
			erase(table, entry);
	}
}

void bdw_links_forget(struct smal_marker *marker)
{
	forget(marker, &shorts);
	forget(marker, &longs);
}

/* ---- Toggle references ---- */

enum { TOGGLE_DROP, TOGGLE_STRONG, TOGGLE_WEAK };

struct toggle {
	void *object;
	bool is_strong;
};

static struct toggle *toggles;
static size_t toggle_count, toggle_room;
static bdw_toggleref_proc *toggle_function;

int GC_toggleref_add(void *object, int is_strong)
{
	struct toggle *larger;
	int result = BDW_SUCCESS;
	bool locked = bdw_lock();

	if (locked && toggle_function != NULL && toggle_count == toggle_room) {
		larger = smal_heap_realloc(NULL, toggles, (toggle_room * 2 + 32) * sizeof *toggles);
		if (larger != NULL) {
			toggles = larger;
			toggle_room = toggle_room * 2 + 32;
		}
	}
	if (!locked || (toggle_function != NULL && toggle_count == toggle_room))
		result = BDW_NO_MEMORY;
	else if (toggle_function != NULL)
		toggles[toggle_count++] = (struct toggle){ object, is_strong != 0 };
	bdw_unlock();
	return result;
}

void GC_set_toggleref_func(bdw_toggleref_proc *function)
{
	bdw_lock();
	toggle_function = function;
	bdw_unlock();
}

bdw_toggleref_proc *GC_get_toggleref_func(void)
{
	return toggle_function;
}

/* Asks for each what it is from now on; strong ones are roots. */
void bdw_togglerefs_mark(struct smal_marker *marker)
{
	size_t kept = 0;

	for (size_t i = 0; i < toggle_count; i++) {
		struct toggle toggle = toggles[i];
		int status = toggle_function != NULL ? toggle_function(toggle.object)
		                                     : TOGGLE_STRONG;

		if (status == TOGGLE_DROP)
			continue;
		toggle.is_strong = status == TOGGLE_STRONG;
		toggles[kept++] = toggle;
		if (toggle.is_strong)
			smal_mark(marker, toggle.object);
	}
	toggle_count = kept;
}

void bdw_togglerefs_clear(struct smal_marker *marker)
{
	size_t kept = 0;

	for (size_t i = 0; i < toggle_count; i++)
		if (smal_is_marked(marker, toggles[i].object))
			toggles[kept++] = toggles[i];
	toggle_count = kept;
}
