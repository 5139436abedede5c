/* SPDX-License-Identifier: MIT */
/*
 * final.c: finalizers.
 *
 *   registered --(object not reached)--> due --(GC_invoke_finalizers)--> run, over
 *
 * Registrations (entry.h) are found by their object in a hash table with chains; neither
 * they nor the table keep the object. The client data is a root until the finalizer has been
 * started.
 *
 * In a collection, when disappearing links are cleared, what is due is decided in this
 * order:
 *
 *   1  in order (all but no_order): of each object that is not marked, what it refers to
 *      is marked, but not itself. ignore_self does not count what it refers to in itself
 *   2  all objects that are still not marked are due
 *   3  without order: what is due, and all that follows from it, is marked
 *   4  unreachable: one that step 3 has marked is not due after all
 *
 * The finalizers run in the order in which that was found, in the thread that allocates
 * next, or where the program asks for it.
 */
#include <smal/compat/libgc/entry.h>

enum {
	LEAST = 128,
	/* What an object with a finalizer holds outside of the heap, for the pace: nobody says,
	 * but where there are many, they are worth a collection. */
	OUTSIDE_BYTES = 256,
	/* Levels of finalizers within finalizers up to which chances for more are halved. */
	NEST_MOST = 16
};

static struct bdw_entry **heads;
static size_t head_mask, count;
/* What is due, first come first. */
static struct bdw_entry *first, **last = &first;
volatile size_t bdw_ready;

bdw_plain_proc *GC_finalizer_notifier;
int GC_finalize_on_demand, GC_java_finalization = 1;
static bdw_await_proc *await_proc;

/* ---- Registering ---- */

static struct bdw_entry **head_of(uintptr_t object)
{
	return &heads[(size_t)((object >> 4) * (uintptr_t)0x9e3779b97f4a7c15u >>
	                       (sizeof object == 8 ? 20 : 8)) &
	              head_mask];
}

static struct bdw_entry **find(uintptr_t object)
{
	struct bdw_entry **at = head_of(object);

	while (*at != NULL && (*at)->object != object)
		at = &(*at)->next;
	return at;
}

/* Room for one more; more chains where there are too few. */
static bool grow(void)
{
	size_t old_mask = head_mask;
	struct bdw_entry **old = heads, **larger;

	if (heads != NULL && count <= head_mask)
		return true;
	larger = bdw_take((heads != NULL ? (head_mask + 1) * 2 : LEAST) * sizeof *larger);
	if (larger == NULL)
		return heads != NULL;
	head_mask = heads != NULL ? head_mask * 2 + 1 : LEAST - 1;
	heads = larger;
	for (size_t i = 0; old != NULL && i <= old_mask; i++) {
		while (old[i] != NULL) {
			struct bdw_entry *entry = old[i], **head = head_of(entry->object);

			old[i] = entry->next;
			entry->next = *head;
			*head = entry;
		}
	}
	bdw_give(old);
	return true;
}

struct registration {
	void *object;
	bdw_finalizer *function;
	void *data;
	bdw_finalizer **old_function;
	void **old_data;
	enum bdw_order order;
};

static void give_old(const struct registration *new, const struct bdw_entry *old)
{
	if (new->old_function != NULL)
		*new->old_function = old != NULL ? old->function : NULL;
	if (new->old_data != NULL)
		*new->old_data = old != NULL ? old->data : NULL;
}

/* With the lock. False: no memory, and nothing has changed. */
static bool register_locked(const struct registration *new, uintptr_t base)
{
	struct bdw_entry **at, *entry;

	if (!grow())
		return false;
	at = find((uintptr_t) new->object);
	entry = *at;
	if (new->function == NULL) {
		give_old(new, entry);
		if (entry == NULL)
			return true;
		*at = entry->next;
		count--;
		smal_external(bdw_gc, -OUTSIDE_BYTES);
		bdw_entry_give(entry);
		return true;
	}
	if (entry == NULL) {
		entry = bdw_entry_take();
		if (entry == NULL)
			return false;
		give_old(new, NULL);
		entry->object = (uintptr_t) new->object;
		entry->base = base;
		entry->state = BDW_REGISTERED;
		entry->next = NULL;
		*at = entry;
		count++;
		smal_external(bdw_gc, OUTSIDE_BYTES);
	} else {
		give_old(new, entry);
	}
	entry->function = new->function;
	entry->data = new->data;
	entry->order = (uint8_t) new->order;
	return true;
}

/* What is no object is never found dead. */
static void register_as(const struct registration *new)
{
	bool done = false;

	if (bdw_lock()) {
		uintptr_t base = (uintptr_t)smal_find(bdw_gc, (uintptr_t) new->object);

		done = base == 0;
		if (done)
			give_old(new, NULL);
		else
			done = register_locked(new, base);
	}
	bdw_unlock();
	if (!done)
		bdw_oom(sizeof(struct bdw_entry));
}

void GC_register_finalizer(void *object, bdw_finalizer *function, void *data,
                           bdw_finalizer **old_function, void **old_data)
{
	register_as(&(struct registration){ object, function, data, old_function, old_data,
	                                    BDW_NORMAL_ORDER });
}

void GC_register_finalizer_ignore_self(void *object, bdw_finalizer *function, void *data,
                                       bdw_finalizer **old_function, void **old_data)
{
	register_as(&(struct registration){ object, function, data, old_function, old_data,
	                                    BDW_IGNORE_SELF });
}

void GC_register_finalizer_no_order(void *object, bdw_finalizer *function, void *data,
                                    bdw_finalizer **old_function, void **old_data)
{
	register_as(&(struct registration){ object, function, data, old_function, old_data,
	                                    BDW_NO_ORDER });
}

void GC_register_finalizer_unreachable(void *object, bdw_finalizer *function, void *data,
                                       bdw_finalizer **old_function, void **old_data)
{
	register_as(&(struct registration){ object, function, data, old_function, old_data,
	                                    BDW_UNREACHABLE });
}

/* ---- In a collection ---- */

/* The data of many are often one object. */
static const void *mark_data(struct smal_marker *marker, const struct bdw_entry *entry,
                             const void *last_data)
{
	if (entry->data != NULL && entry->data != last_data)
		smal_mark_range(marker, &entry->data, &entry->data + 1);
	return entry->data;
}

void bdw_finalizers_mark(struct smal_marker *marker)
{
	const void *data = NULL;

	BDW_EACH_ENTRY(at, BDW_REGISTERED)
	data = mark_data(marker, at, data);
	for (const struct bdw_entry *at = first; at != NULL; at = at->next) {
		smal_mark(marker, (const void *)at->base);
		data = mark_data(marker, at, data);
	}
}

/* What an object refers to outside of itself. */
static void mark_others(struct smal_marker *marker, uintptr_t object)
{
	const struct bdw_kind *kind;
	uintptr_t limit;

	/* The program may have freed it. */
	if (smal_find(bdw_gc, object) != (const void *)object)
		return;
	limit = object + smal_size((const void *)object);
	kind = bdw_kind_of((const void *)object);
	if (kind == NULL || !kind->adjust) {
		smal_mark_referents(marker, (const void *)object);
		return;
	}
	for (uintptr_t at = object; at < limit; at += sizeof(uintptr_t)) {
		uintptr_t word = *(const uintptr_t *)at;

		if (word < object || word >= limit)
			smal_mark(marker, (const void *)word);
	}
}

static void mark_in_order(struct smal_marker *marker)
{
	BDW_EACH_ENTRY(at, BDW_REGISTERED)
	{
		if (at->order == BDW_NO_ORDER || smal_is_marked(marker, (const void *)at->base))
			continue;
		if (at->order == BDW_IGNORE_SELF)
			mark_others(marker, at->base);
		else
			smal_mark_referents(marker, (const void *)at->base);
		smal_mark_onward(marker);
		if (smal_is_marked(marker, (const void *)at->base))
			bdw_warn("GC Warning: Finalization cycle involving %p\n", at->object);
	}
}

/* Off its chain. */
static void unchain(struct bdw_entry *entry)
{
	struct bdw_entry **at = head_of(entry->object);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	count--;
}

static void chain(struct bdw_entry *entry)
{
	struct bdw_entry **head = head_of(entry->object);

	entry->next = *head;
	*head = entry;
	count++;
}

/* Behind what is due already. */
static void put_last(struct bdw_entry *entry)
{
	entry->state = BDW_DUE;
	entry->next = NULL;
	*last = entry;
	last = &entry->next;
	bdw_ready++;
}

/* What is not marked is due; one that was freed is over. */
static void move_due(struct smal_marker *marker)
{
	ptrdiff_t outside = 0;

	BDW_EACH_ENTRY(entry, BDW_REGISTERED)
	{
		if (smal_is_marked(marker, (const void *)entry->base))
			continue;
		unchain(entry);
		outside += OUTSIDE_BYTES;
		if (smal_find(bdw_gc, entry->base) != (const void *)entry->base) {
			bdw_entry_give(entry);
			continue;
		}
		put_last(entry);
		if (await_proc != NULL)
			await_proc((void *)entry->object);
	}
	smal_external(bdw_gc, -outside);
}

/* Of those that are due since `from`: what is reachable from others goes back. */
static void return_reachable(struct smal_marker *marker, struct bdw_entry **from)
{
	while (*from != NULL) {
		struct bdw_entry *entry = *from;

		if (entry->order != BDW_UNREACHABLE ||
		    !smal_is_marked(marker, (const void *)entry->base)) {
			smal_mark(marker, (const void *)entry->base);
			from = &entry->next;
			continue;
		}
		*from = entry->next;
		entry->state = BDW_REGISTERED;
		chain(entry);
		smal_external(bdw_gc, OUTSIDE_BYTES);
		bdw_ready--;
	}
	last = from;
}

void bdw_finalizers_decide(struct smal_marker *marker)
{
	struct bdw_entry **from = last;

	bdw_entries_trim();
	if (count == 0)
		return;
	mark_in_order(marker);
	move_due(marker);
	for (const struct bdw_entry *at = *from; at != NULL; at = at->next)
		if (at->order != BDW_UNREACHABLE)
			smal_mark(marker, (const void *)at->base);
	smal_mark_onward(marker);
	return_reachable(marker, from);
	smal_mark_onward(marker);
}

/* ---- Running ---- */

int GC_should_invoke_finalizers(void)
{
	return bdw_ready != 0;
}

/* Takes the next that is due, or returns NULL. The caller's frame holds its words before the
 * lock is given: a collection may be waiting for that. */
static bdw_finalizer *take_first(void *volatile *object, void *volatile *data)
{
	bdw_finalizer *function = NULL;
	struct bdw_entry *entry = NULL;

	if (bdw_lock())
		entry = first;
	if (entry != NULL) {
		*object = (void *)entry->object;
		*data = entry->data;
		function = entry->function;
		first = entry->next;
		if (first == NULL)
			last = &first;
		bdw_ready--;
		bdw_entry_give(entry);
	}
	bdw_unlock();
	return function;
}

int GC_invoke_finalizers(void)
{
	struct bdw_local *local = &bdw_local;
	const void *outer_frame = local->finalizing_frame;
	unsigned outer = local->finalizing;
	void *volatile object, *volatile data;
	bdw_finalizer *function;
	int number = 0;

	if (bdw_ready == 0)
		return 0;
	local->finalizing = outer + 1;
	local->finalizing_frame = __builtin_frame_address(0);
	while ((function = take_first(&object, &data)) != NULL) {
		function(object, data);
		number++;
	}
	local->finalizing = outer;
	local->finalizing_frame = outer_frame;
	return number;
}

/* Every registered object's, as it stands; for the end of a program. */
void GC_finalize_all(void)
{
	for (;;) {
		bool locked = bdw_lock();

		if (locked) {
			BDW_EACH_ENTRY(entry, BDW_REGISTERED)
			{
				unchain(entry);
				smal_external(bdw_gc, -OUTSIDE_BYTES);
				put_last(entry);
			}
		}
		bdw_unlock();
		if (GC_invoke_finalizers() == 0)
			return;
	}
}

/* A finalizer that allocates for long must not keep others from being called; but calls
 * within calls fill the stack, so that there are half as many chances for each level. What
 * has been left by longjmp, on the same stack, is no call any more. */
static bool may_nest(struct bdw_local *local, const void *here)
{
	if (local->finalizing != 0 && here >= local->finalizing_frame && here < *local->end_at)
		local->finalizing = 0;
	if (local->finalizing == 0)
		return true;
	if (++local->skipped < 1u << smal_min(local->finalizing, NEST_MOST))
		return false;
	local->skipped = 0;
	return true;
}

void bdw_notify(void)
{
	static volatile bdw_word told;
	struct bdw_local *local = &bdw_local;
	bdw_plain_proc *notifier;

	if (SMAL_LIKELY(bdw_ready == 0) || local->depth != 0 || local->collecting)
		return;
	if (!GC_finalize_on_demand) {
		if (may_nest(local, __builtin_frame_address(0)))
			GC_invoke_finalizers();
		return;
	}
	notifier = GC_finalizer_notifier;
	if (notifier != NULL && __atomic_exchange_n(&told, GC_gc_no, __ATOMIC_RELAXED) != GC_gc_no)
		notifier();
}

void GC_set_await_finalize_proc(bdw_await_proc *proc)
{
	await_proc = proc;
}

bdw_await_proc *GC_get_await_finalize_proc(void)
{
	return await_proc;
}

void GC_set_finalizer_notifier(bdw_plain_proc *proc)
{
	GC_finalizer_notifier = proc;
}

bdw_plain_proc *GC_get_finalizer_notifier(void)
{
	return GC_finalizer_notifier;
}

void GC_dump_finalization(void)
{
	GC_err_printf("%zu finalizers are registered, %zu are due\n", count, bdw_ready);
}
