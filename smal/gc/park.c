/* SPDX-License-Identifier: MIT */
/*
 * park.c: where a thread stands: inside, parked, left (world.h).
 *
 *             begin                  STOP, FREEZE, or a wait
 *   RUNNING <-------> inside    RUNNING <------------------> AWAY, parked
 *              end                    comes back
 *                               RUNNING <------------------> AWAY, left
 *                                     enter, leave
 *
 * A thread never waits for one collector while it holds another one up: before it
 * waits, and while it collects, it is AWAY in all that it is attached to (park);
 * afterwards it comes back in all of them or, if one does not let it, in none and
 * waits again (unpark).
 *
 * A thread that is parked waits in a frame of the library, above which its registers
 * are; one that has left returns to the program, and they are copied.
 *
 * Of the invariants in world.h this file keeps W3 and W4. All of it runs on the
 * thread that it is about.
 */
#include <smal/gc/world.h>
#include <smal/base/fail.h>

/* ---- Parked ---- */

/* The words from here to the frame hold the registers, and so does the one that it
 * points at: the caller's frame pointer. The caller pushed its own at the frame,
 * smal_os_with_stack the others right above low; what a tool puts in between may be
 * more than there is room for. And the words above the frame: a function that is
 * left before the program waits or switches (a wrapper; a call in tail position) has
 * pushed registers there, which it gives back as it returns. */
void smal_saved_words(uintptr_t low, void *argument)
{
	const struct smal_save *save = argument;
	struct smal_saved *saved = save->saved;
	uintptr_t limit = save->frame + sizeof(uintptr_t);
	size_t count = smal_min((limit - low) / sizeof(uintptr_t), SMAL_SAVED_BELOW);
	size_t last = count / 2, above = 0;

	smal_os_copy_words(saved->words, (const uintptr_t *)low, count - last);
	smal_os_copy_words(saved->words + (count - last),
	                   (const uintptr_t *)(limit - last * sizeof(uintptr_t)), last);
	if (save->limit > limit)
		above = smal_min((save->limit - limit) / sizeof(uintptr_t), SMAL_SAVED_ABOVE);
	smal_os_copy_words(saved->words + count, (const uintptr_t *)limit, above);
	saved->low = save->frame;
	saved->count = (unsigned)(count + above);
}

/* Parcels that are all empty, whatever the stride: even one of 0 bytes. */
static struct smal_parcel empty_parcels[SMAL_KINDS];

/* Says that a thread is AWAY, and wakes who waits for that. */
static void go_away(struct smal_attached *thread)
{
	struct smal_gc *gc = thread->gc;

	smal_atomic_store_relaxed((volatile AO_t *)&empty_parcels[0].cursor, 1);
	thread->public.parcels = empty_parcels;

	if ((smal_atomic_or_u32(&thread->public.poll, SMAL_POLL_AWAY) & SMAL_POLL_STOP) == 0)
		return;
	smal_atomic_add_u32(&gc->arrivals, 1);
	smal_os_wake(&gc->arrivals);
}

/* Comes back, unless STOP is set; then returns the word to wait for, else 0. */
static uint32_t come_back(struct smal_attached *thread)
{
	uint32_t poll;

	do {
		poll = smal_atomic_load_u32(&thread->public.poll);
		if ((poll & SMAL_POLL_STOP) != 0)
			return poll;
	} while (!smal_atomic_cas_u32(&thread->public.poll, poll,
	                              poll & ~(uint32_t)SMAL_POLL_AWAY));
	thread->public.parcels = thread->parcels;
	return 0;
}

/* What the scan has to know of a thread whose stack ends at low; says so if that
 * is on no stack that is known. */
static void locate(struct smal_attached *thread, uintptr_t low)
{
	const struct smal_fiber *fiber = thread->current;
	uintptr_t base;

	thread->saved.low = low;
	thread->saved.count = 0;
	thread->alternate_limit = 0;
	thread->fake_stack = smal_os_fake_stack();
	if (low - fiber->base < fiber->limit - fiber->base || thread->gc->options.exact_stacks)
		return;
	smal_os_alternate_stack(&base, &thread->alternate_limit);
}

/* The end of the stack that a frame of the thread's is on, or 0: it is not known. */
static uintptr_t stack_limit(const struct smal_attached *thread, uintptr_t frame)
{
	const struct smal_fiber *fiber = thread->current;

	if (frame - fiber->base < fiber->limit - fiber->base)
		return fiber->limit;
	return thread->follow != NULL ? (uintptr_t)*thread->follow : 0;
}

void smal_park(uintptr_t low)
{
	for (struct smal_attached *thread = smal_attachments(); thread != NULL;
	     thread = thread->next) {
		if ((smal_atomic_load_relaxed_u32(&thread->public.poll) & SMAL_POLL_AWAY) != 0)
			continue;
		/* First: a stop signal that comes from now on leaves what is located here
		 * alone; this thread is on its way. */
		thread->parked = true;
		locate(thread, low);
		go_away(thread);
	}
}

/* Counted, so that the next collection lets it go first (world.c). */
static void wait_for_resume(struct smal_attached *thread, uint32_t poll)
{
	smal_atomic_add_u32(&thread->gc->parked_waiters, 1);
	smal_os_wait(&thread->public.poll, poll, 0);
	smal_atomic_add_u32(&thread->gc->parked_waiters, (uint32_t)-1);
}

/* Comes back everywhere, or nowhere and waits. */
static void come_back_all(void)
{
	struct smal_attached *thread = smal_attachments();

	while (thread != NULL) {
		uint32_t poll = thread->parked ? come_back(thread) : 0;

		if (poll == 0) {
			thread = thread->next;
			continue;
		}
		for (struct smal_attached *back = smal_attachments(); back != thread;
		     back = back->next)
			if (back->parked)
				go_away(back);
		wait_for_resume(thread, poll);
		thread = smal_attachments();
	}
	for (thread = smal_attachments(); thread != NULL; thread = thread->next)
		thread->parked = false;
}

/* The next collection may have asked already, by a signal that found the thread
 * parked, and would not ask again. */
static bool is_wanted(void)
{
	bool wanted = false;

	for (struct smal_attached *thread = smal_attachments(); thread != NULL;
	     thread = thread->next)
		wanted |= (smal_atomic_load_u32(&thread->public.poll) &
		           (SMAL_POLL_STOP | SMAL_POLL_AWAY)) == SMAL_POLL_STOP;
	return wanted;
}

void smal_unpark(uintptr_t low)
{
	come_back_all();
	while (is_wanted()) {
		smal_park(low);
		come_back_all();
	}
}

static void park_and_unpark(uintptr_t low, void *argument)
{
	(void)argument;
	smal_park(low);
	smal_unpark(low);
}

void smal_thread_away(struct smal_attached *thread, uintptr_t frame)
{
	if ((smal_atomic_load_relaxed_u32(&thread->public.poll) & SMAL_POLL_AWAY) != 0)
		return;
	smal_gc_begin(thread);
	locate(thread, frame);
	smal_saved_store(&thread->saved, frame, stack_limit(thread, frame));
	thread->parked = true;
	go_away(thread);
	smal_gc_end(thread);
}

static void back(uintptr_t low, void *argument)
{
	(void)argument;
	smal_unpark(low);
}

void smal_threads_back(void)
{
	smal_os_with_stack(back, NULL);
}

/* ---- Inside ---- */

/* While a fork is near, it counts as stopped: the fork waits for other collectors,
 * which may wait for this thread. */
static void wait_frozen(uintptr_t low, void *argument)
{
	struct smal_attached *thread = argument;
	uint32_t poll;

	smal_park(low);
	while (((poll = smal_atomic_load_u32(&thread->public.poll)) & SMAL_POLL_FREEZE) != 0)
		smal_os_wait(&thread->public.poll, poll, 0);
	smal_unpark(low);
}

/* Something is asked of a thread that wants to go in. */
void smal_gc_begin_slow(struct smal_attached *thread)
{
	uint32_t poll;

	do {
		smal_atomic_store_u32(&thread->inside, 0);
		poll = smal_atomic_load_u32(&thread->public.poll);
		if ((poll & SMAL_POLL_STOP) != 0)
			smal_os_with_stack(park_and_unpark, NULL);
		else if ((poll & SMAL_POLL_FREEZE) != 0)
			smal_os_with_stack(wait_frozen, thread);
		smal_atomic_cas_u32(&thread->inside, 0, 1);
		poll = smal_atomic_load_u32(&thread->public.poll);
	} while ((poll & (SMAL_POLL_STOP | SMAL_POLL_FREEZE)) != 0);
}

void smal_gc_end_slow(struct smal_attached *thread)
{
	thread->deferred = false;
	if ((smal_atomic_load_u32(&thread->public.poll) & SMAL_POLL_STOP) != 0)
		smal_os_with_stack(park_and_unpark, NULL);
}

void smal_begin_all(void)
{
	struct smal_attached *thread = smal_attachments();

	while (thread != NULL) {
		uint32_t poll;

		smal_atomic_cas_u32(&thread->inside, 0, 1);
		poll = smal_atomic_load_u32(&thread->public.poll);
		/* One that has left is nobody's concern. */
		if (poll == 0 || (poll & SMAL_POLL_AWAY) != 0) {
			thread = thread->next;
			continue;
		}
		for (struct smal_attached *back = smal_attachments(); back != thread;
		     back = back->next)
			smal_atomic_store_u32(&back->inside, 0);
		smal_gc_begin_slow(thread);
		smal_atomic_store_u32(&thread->inside, 0);
		thread = smal_attachments();
	}
}

void smal_end_all(void)
{
	bool deferred = false;

	for (struct smal_attached *thread = smal_attachments(); thread != NULL;
	     thread = thread->next) {
		smal_atomic_store_u32(&thread->inside, 0);
		deferred |= thread->deferred;
		thread->deferred = false;
	}
	if (deferred)
		smal_os_with_stack(park_and_unpark, NULL);
}

/* ---- The public half ---- */

void smal_poll_slow(struct smal_thread *public)
{
	if (smal_thread_check(public, SMAL_FREEING, "smal_poll") != SMAL_OK)
		return;
	smal_gc_begin(smal_attached(public));
	smal_gc_end(smal_attached(public));
}

enum smal_error smal_thread_hold(struct smal_thread *public)
{
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, __func__);

	if (error == SMAL_OK)
		smal_gc_begin(smal_attached(public));
	return error;
}

void smal_thread_release(struct smal_thread *thread)
{
	smal_gc_end(smal_attached(thread));
	/* Where no signal came for it. */
	smal_poll(thread);
}

SMAL_NOINLINE enum smal_error smal_thread_leave(struct smal_thread *public)
{
	enum smal_error error = smal_thread_check(public, SMAL_IDLE, __func__);
	struct smal_attached *thread = smal_attached(public);
	uintptr_t frame;

	if (error != SMAL_OK)
		return error;
	smal_gc_begin(thread);
	frame = (uintptr_t)__builtin_frame_address(0);
	locate(thread, frame);
	smal_saved_store(&thread->saved, frame, stack_limit(thread, frame));
	thread->left = true;
	go_away(thread);
	smal_gc_end(thread);
	return SMAL_OK;
}

static void wait_to_enter(uintptr_t low, void *argument)
{
	struct smal_attached *thread = argument;

	smal_park(low);
	thread->parked = true;
	smal_unpark(low);
}

enum smal_error smal_thread_enter(struct smal_thread *public)
{
	struct smal_attached *thread = smal_attached(public);

	SMAL_REQUIRE(public != NULL && thread->magic == SMAL_MAGIC_THREAD &&
	                     thread->os_id == smal_os_thread_id(),
	             SMAL_ERROR_NOT_ATTACHED, "thread is not attached", public, "%s",
	             public != NULL && thread->magic == SMAL_MAGIC_THREAD
	                     ? "another thread's attachment"
	                     : "no thread");
	SMAL_REQUIRE(thread->left, SMAL_ERROR_BUSY, "not allowed now", NULL, "%s",
	             "the thread has not left");
	thread->left = false;
	if (come_back(thread) != 0)
		smal_os_with_stack(wait_to_enter, thread);
	return SMAL_OK;
}
