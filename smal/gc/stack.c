/* SPDX-License-Identifier: MIT */
/*
 * stack.c: marking from stacks: those of threads that are AWAY, from where they
 * stand, and those that do not run, from where they were left.
 *
 *   low (saved)                                     limit
 *    +--- frames, registers that were pushed there ---+     and the words of saved
 */
#include <smal/gc/mark.h>
#include <smal/gc/attach.h>

static void mark_saved(struct smal_marker *marker, const struct smal_saved *saved,
                       uintptr_t limit)
{
	if (saved->low == 0)
		return;
	smal_mark_roots(marker, (uintptr_t)saved->words,
	                (uintptr_t)(saved->words + saved->count));
	if (limit > saved->low)
		smal_mark_roots(marker, saved->low, limit);
}

/* Locals that ASan keeps elsewhere: their frames are roots too. */
static void mark_fake_frames(struct smal_marker *marker, void *fake, uintptr_t low,
                             uintptr_t limit)
{
	uintptr_t word, base, end;

	for (uintptr_t at = smal_round_up(low, sizeof(uintptr_t)); fake != NULL && at < limit;
	     at += sizeof(uintptr_t)) {
		smal_os_copy_words(&word, (const uintptr_t *)at, 1);
		if (smal_os_fake_frame(fake, word, &base, &end))
			smal_mark_roots(marker, base, end);
	}
}

/* The lowest address of a stack that the words of an alternate one refer to: when
 * a signal came, the thread's stack pointer was put there. */
static uintptr_t interrupted_low(uintptr_t low, uintptr_t limit, const struct smal_fiber *fiber)
{
	uintptr_t lowest = fiber->limit, word;

	for (uintptr_t at = smal_round_up(low, sizeof(uintptr_t)); at < limit;
	     at += sizeof(uintptr_t)) {
		smal_os_copy_words(&word, (const uintptr_t *)at, 1);
		if (word >= fiber->base && word < lowest)
			lowest = word;
	}
	return lowest;
}

/* True if the program says where the stack ends that low is on. The end of the thread's
 * own is no answer. */
static bool follows(const struct smal_attached *thread, uintptr_t low)
{
	uintptr_t limit = thread->follow != NULL ? (uintptr_t)*thread->follow : 0;

	return limit > low && thread->alternate_limit == 0 &&
	       (limit <= thread->own.base || limit > thread->own.limit);
}

/* A stopped thread: from where it stands. */
static void mark_thread(struct smal_marker *marker, struct smal_attached *thread)
{
	struct smal_fiber *fiber = smal_fiber_find(marker->gc, thread, thread->saved.low);
	uintptr_t low = thread->saved.low;

	if (fiber == NULL && follows(thread, low)) {
		mark_saved(marker, &thread->saved, (uintptr_t)*thread->follow);
		mark_fake_frames(marker, thread->fake_stack, low, (uintptr_t)*thread->follow);
		return;
	}
	if (fiber == NULL && thread->alternate_limit != 0 && thread->follow == NULL) {
		mark_saved(marker, &thread->saved, thread->alternate_limit);
		fiber = thread->current;
		low = interrupted_low(low, thread->alternate_limit, fiber);
		smal_mark_roots(marker, low, fiber->limit);
	} else if (fiber != NULL) {
		mark_saved(marker, &thread->saved, fiber->limit);
	} else {
		/* What it holds is not known: nothing may be freed. */
		marker->gc->lost_stack = thread->saved.low;
		return;
	}
	fiber->scanned = true;
	/* It may have announced that it leaves this one. */
	if (fiber != thread->current)
		mark_saved(marker, &fiber->saved, 0);
	mark_fake_frames(marker, thread->fake_stack, low, fiber->limit);
}

/* A stack that does not run. */
static void mark_fiber(struct smal_marker *marker, struct smal_fiber *fiber)
{
	if (!fiber->scanned)
		mark_saved(marker, &fiber->saved, fiber->limit);
	fiber->scanned = false;
}

void smal_mark_stacks(struct smal_marker *marker)
{
	marker->root = "stack";
	SMAL_EACH_THREAD(marker->gc, thread)
		mark_thread(marker, thread);
	SMAL_EACH_THREAD(marker->gc, thread)
		mark_fiber(marker, &thread->own);
	marker->root = "fiber";
	SMAL_LIST_EACH(link, &marker->gc->fibers)
		mark_fiber(marker, SMAL_CONTAINER(link, struct smal_fiber, link));
}
