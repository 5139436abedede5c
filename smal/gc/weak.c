/* SPDX-License-Identifier: MIT */
/*
 * weak.c: weak references and ephemerons; clearing what refers to the dead.
 *
 * Weak references are objects of a type without pointers, so marking passes them
 * by; ephemerons too, and pair.c sees to their values. After marking, those that
 * are marked themselves are walked, and the fate of their targets is a bit that
 * follows from the address.
 */
#include <smal/gc/weak.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

static const struct smal_type_desc weak_desc = {
	.name = "weak reference",
	.bytes = sizeof(struct smal_weak),
	.marking = SMAL_MARK_NOTHING,
	.flags = SMAL_TYPE_INNER
};

static const struct smal_type_desc ephemeron_desc = {
	.name = "ephemeron",
	.bytes = sizeof(struct smal_ephemeron),
	.marking = SMAL_MARK_NOTHING,
	.flags = SMAL_TYPE_INNER
};

/* ---- Making ---- */

/* What a target is: an object of the collector (*object), or nothing of ours. */
static enum smal_error target_check(const struct smal_gc *gc, const void *target, bool *object,
                                    const char *function)
{
	uintptr_t word = (uintptr_t)target & ~gc->options.tag_mask, slot;
	const struct smal_kind *kind;
	struct smal_buffer *buffer;

	*object = false;
	slot = smal_object_find(word, &buffer);
	if (buffer == NULL)
		return SMAL_OK;
	kind = smal_buffer_kind(buffer);
	if (kind->type->gc != gc)
		return smal_fail(SMAL_ERROR_INVALID, function, "object of another collector",
		                 target, "of type %s", kind->type->desc.name);
	*object = slot == word && slot != 0;
	if (!*object)
		return smal_fail(SMAL_ERROR_INVALID, function, "not an object", target, "%s of type %s",
		                 slot != 0 && slot != word ? "inside of one" : "a free slot",
		                 kind->type->desc.name);
	return SMAL_OK;
}

static void *refuse(struct smal_thread *thread, enum smal_error error)
{
	if (thread != NULL && smal_attached(thread)->magic == SMAL_MAGIC_THREAD)
		smal_attached(thread)->error = error;
	return NULL;
}

struct smal_weak *smal_weak_create(struct smal_thread *thread, void *target, unsigned flags)
{
	enum smal_error error = smal_thread_check(thread, SMAL_FREEING, __func__);
	void *held[SMAL_HELD_WORDS] = { target };
	struct smal_weak *weak;
	bool object;

	if (error == SMAL_OK)
		error = target_check(smal_attached(thread)->gc, target, &object, __func__);
	if (error == SMAL_OK && (flags & ~SMAL_WEAK_LONG) != 0)
		error = smal_fail(SMAL_ERROR_INVALID, __func__, "unknown flags", NULL, "%#x", flags);
	if (error != SMAL_OK)
		return refuse(thread, error);
	weak = smal_inner_alloc(smal_attached(thread), SMAL_INNER_WEAK, &weak_desc, 0, held);
	if (weak == NULL)
		return NULL;
	if ((flags & SMAL_WEAK_LONG) != 0)
		smal_atomic_store_u32(&smal_attached(thread)->gc->has_long_weak, 1);
	weak->bits = flags | (object ? SMAL_WEAK_OBJECT : 0);
	weak->target = target;
	return weak;
}

enum smal_error smal_weak_set(struct smal_thread *thread, struct smal_weak *weak, void *target)
{
	enum smal_error error = smal_thread_check(thread, SMAL_FREEING, __func__);
	bool object;

	if (error == SMAL_OK)
		error = target_check(smal_attached(thread)->gc, target, &object, __func__);
	if (error != SMAL_OK)
		return error;
	/* No collection may see the one without the other. */
	smal_gc_begin(smal_attached(thread));
	weak->bits = (weak->bits & SMAL_WEAK_LONG) | (object ? SMAL_WEAK_OBJECT : 0);
	weak->target = target;
	smal_gc_end(smal_attached(thread));
	return SMAL_OK;
}

struct smal_ephemeron *smal_ephemeron_create(struct smal_thread *thread, void *key, void *value)
{
	enum smal_error error = smal_thread_check(thread, SMAL_FREEING, __func__);
	void *held[SMAL_HELD_WORDS] = { key, value };
	struct smal_ephemeron *ephemeron;
	bool object;

	if (error == SMAL_OK)
		error = target_check(smal_attached(thread)->gc, key, &object, __func__);
	if (error != SMAL_OK)
		return refuse(thread, error);
	ephemeron = smal_inner_alloc(smal_attached(thread), SMAL_INNER_EPHEMERON, &ephemeron_desc, 0,
	                             held);
	if (ephemeron == NULL)
		return NULL;
	ephemeron->value = value;
	ephemeron->key = key;
	return ephemeron;
}

/* ---- The runtime's own tables ---- */

enum smal_error smal_gc_set_weak(struct smal_gc *gc, smal_weak_function *function, void *user)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	gc->weak = function;
	gc->weak_user = user;
	smal_gc_unlock(gc);
	return SMAL_OK;
}

int smal_is_marked(const struct smal_marker *marker, const void *object)
{
	return smal_mark_fate(marker, (uintptr_t)object) == SMAL_FATE_MARKED;
}

void smal_mark_referents(struct smal_marker *marker, const void *object)
{
	if (smal_mark_fate(marker, (uintptr_t)object) != SMAL_FATE_NONE)
		smal_mark_children(marker, (uintptr_t)object & marker->view.keep);
}

void smal_mark_onward(struct smal_marker *marker)
{
	smal_mark_drain(marker);
	smal_pairs_mark(marker, marker->pairs);
}

/* Looks at the marks anew for each: visit may set some. */
static void visit_unmarked(struct smal_marker *marker, struct smal_buffer *buffer,
                           void (*visit)(struct smal_marker *marker, void *object, void *user),
                           void *user)
{
	const smal_word *live = smal_buffer_mask(buffer, marker->live_index);
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;

	for (size_t bit = smal_bit_next(live, 0, limit); bit < limit;
	     bit = smal_bit_next(live, bit + 1, limit)) {
		uintptr_t at = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);
		uintptr_t slot = smal_buffer_slot(buffer, at + SMAL_GRANULE - 1);

		if (smal_mark_fate(marker, slot) == SMAL_FATE_UNMARKED)
			visit(marker, (void *)slot, user);
	}
}

void smal_each_unmarked(struct smal_marker *marker, struct smal_type *public,
                        void (*visit)(struct smal_marker *marker, void *object, void *user),
                        void *user)
{
	const struct smal_owned_type *type = smal_owned(public);

	for (unsigned i = type->first_kind; i < type->first_kind + type->kind_count; i++)
		if (marker->gc->kinds[i] != NULL)
			SMAL_EACH_BUFFER(marker->gc->kinds[i], buffer)
				visit_unmarked(marker, buffer, visit, user);
}

/* ---- Clearing ---- */

struct clearing {
	struct smal_marker *marker;
	bool all;
};

static void clear_weak(void *object, void *user)
{
	const struct clearing *clearing = user;
	struct smal_weak *weak = object;

	if ((weak->bits & SMAL_WEAK_OBJECT) == 0 || weak->target == NULL ||
	    ((weak->bits & SMAL_WEAK_LONG) != 0 && !clearing->all))
		return;
	if (smal_mark_fate(clearing->marker, (uintptr_t)weak->target) != SMAL_FATE_MARKED)
		weak->target = NULL;
}

static void clear_ephemeron(void *object, void *user)
{
	const struct clearing *clearing = user;
	struct smal_ephemeron *ephemeron = object;

	if (smal_mark_fate(clearing->marker, (uintptr_t)ephemeron->key) == SMAL_FATE_UNMARKED)
		ephemeron->key = ephemeron->value = NULL;
}

static void clear_entries(void *object, void *user)
{
	const struct clearing *clearing = user;

	smal_entries_clear(clearing->marker, object);
}

void smal_weak_clear(struct smal_gc *gc, struct smal_marker *marker, bool all)
{
	struct clearing clearing = { marker, all };
	unsigned mask = marker->live_index ^ 1;

	smal_inner_each(gc, SMAL_INNER_WEAK, mask, clear_weak, &clearing);
	smal_inner_each(gc, SMAL_INNER_EPHEMERON, mask, clear_ephemeron, &clearing);
	smal_inner_each(gc, SMAL_INNER_ENTRIES, mask, clear_entries, &clearing);
}
