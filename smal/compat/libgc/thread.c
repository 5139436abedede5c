/* SPDX-License-Identifier: MIT */
/*
 * thread.c: threads, the lock, blocking.
 *
 * A thread that calls in is attached if it is not yet: whether it was registered makes
 * no difference to its stack. It is detached when it is unregistered, or a round before
 * libsmal would as it ends, so that no stale parcel is used by what other destructors
 * do.
 *
 *   attached, fast set --- GC_do_blocking ---> left, fast NULL
 *        ^                                       |
 *        `--- returns, or GC_call_with_gc_active-'
 *
 * A call that needs the collector in GC_do_blocking comes back for as long as it takes:
 * it is not allowed, but programs do it.
 */
#include <smal/compat/libgc/libgc.h>
#include <smal/os/os.h>

__thread struct bdw_local bdw_local;
bool bdw_shared;
char *GC_stackbottom;
int GC_parallel;

static pthread_mutex_t lock_mutex = PTHREAD_MUTEX_INITIALIZER;
/* Of the list of attached threads, which the world is stopped by (suspend.c). */
pthread_mutex_t bdw_list_mutex = PTHREAD_MUTEX_INITIALIZER;
struct bdw_local *bdw_attached;
static pthread_key_t end_key;
static bool end_key_is_made;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;

/* ---- Attaching ---- */

/* Not a thread that ends: nobody would take it out. */
static void list_insert(struct bdw_local *local)
{
	static bool had_first, is_known;
	bool first;

	if (local->ending)
		return;
	local->listed = true;
	pthread_mutex_lock(&bdw_list_mutex);
	first = !had_first;
	had_first = true;
	local->next = bdw_attached;
	local->prev = NULL;
	if (bdw_attached != NULL)
		bdw_attached->prev = local;
	bdw_attached = local;
	pthread_mutex_unlock(&bdw_list_mutex);
	/* Of several that come at once, each makes sure that the first one knows: it stops
	 * all threads, and none is then still in what it began as the only one. The first
	 * may be at its end, in no list, and use the lock. */
	if (!first && !__atomic_load_n(&is_known, __ATOMIC_ACQUIRE)) {
		struct smal_gc_stats stats;

		__atomic_store_n(&bdw_shared, true, __ATOMIC_SEQ_CST);
		smal_gc_get_stats(bdw_gc, &stats);
		__atomic_store_n(&is_known, true, __ATOMIC_RELEASE);
	}
}

static void list_remove(struct bdw_local *local)
{
	if (!local->listed)
		return;
	local->listed = false;
	pthread_mutex_lock(&bdw_list_mutex);
	if (local->prev != NULL)
		local->prev->next = local->next;
	else
		bdw_attached = local->next;
	if (local->next != NULL)
		local->next->prev = local->prev;
	pthread_mutex_unlock(&bdw_list_mutex);
}

static void detach(void)
{
	struct bdw_local *local = &bdw_local;
	struct smal_thread *thread = smal_thread_self(bdw_gc);

	local->fast = NULL;
	local->registered = false;
	if (local->thread == NULL)
		return;
	list_remove(local);
	local->thread = NULL;
	if (thread == NULL)
		return;
	if (local->blocking)
		smal_thread_enter(thread);
	local->blocking = false;
	smal_thread_detach(thread);
}

/* The first round leaves the program's own destructors what they need. */
static void on_end(void *value)
{
	if (value == &end_key) {
		pthread_setspecific(end_key, &bdw_local);
		return;
	}
	bdw_local.ending = true;
	detach();
}

static void make_end_key(void)
{
	end_key_is_made = pthread_key_create(&end_key, on_end) == 0;
}

int GC_get_stack_base(struct bdw_stack_base *base)
{
	uintptr_t low, limit;

	if (!smal_os_stack_bounds(&low, &limit))
		return BDW_UNIMPLEMENTED;
	base->mem_base = (void *)limit;
	return BDW_SUCCESS;
}

/* The first thread of all keeps the end of its stack in GC_stackbottom, which programs
 * write; the others, in their own place. */
static void follow_stack(struct bdw_local *local)
{
	static bool is_taken;
	struct bdw_stack_base base = { NULL };
	bool is_first;

	GC_get_stack_base(&base);
	is_first = !__atomic_exchange_n(&is_taken, true, __ATOMIC_ACQ_REL);
	local->end_at = is_first ? (void **)(void *)&GC_stackbottom : &local->stack_end;
	if (!is_first || GC_stackbottom == NULL)
		*local->end_at = base.mem_base;
	smal_thread_follow(local->thread, (const void *const volatile *)local->end_at);
}

static SMAL_NOINLINE struct smal_thread *attach(void)
{
	struct bdw_local *local = &bdw_local;

	if (!bdw_init())
		return NULL;
	pthread_once(&end_once, make_end_key);
	/* Nobody else would take it out of the list. */
	if (!local->ending && (!end_key_is_made || pthread_setspecific(end_key, &end_key) != 0))
		return NULL;
	local->thread = smal_thread_self(bdw_gc);
	if (local->thread == NULL && smal_thread_attach(bdw_gc, &local->thread) != SMAL_OK) {
		local->thread = NULL;
		return NULL;
	}
	local->pthread = pthread_self();
	follow_stack(local);
	list_insert(local);
	if (!local->ending)
		local->fast = local->thread;
	return local->thread;
}

struct smal_thread *bdw_wake(bool *was_blocking)
{
	struct bdw_local *local = &bdw_local;

	*was_blocking = local->blocking;
	if (SMAL_LIKELY(local->fast != NULL))
		return local->thread;
	if (local->thread != NULL && smal_thread_self(bdw_gc) != local->thread) {
		/* libsmal has detached it: the thread is at its very end. */
		list_remove(local);
		local->thread = NULL;
		local->blocking = false;
	}
	if (local->thread == NULL)
		return attach();
	if (local->blocking) {
		smal_thread_enter(local->thread);
		local->blocking = false;
		local->fast = local->thread;
	}
	return local->thread;
}

SMAL_NOINLINE void bdw_resume(bool was_blocking)
{
	if (SMAL_LIKELY(!was_blocking))
		return;
	bdw_local.fast = NULL;
	bdw_local.blocking = true;
	smal_thread_leave(bdw_local.thread);
}

/* For what needs the collector and no thread of it: one that blocks goes on doing so. */
struct smal_thread *bdw_thread(void)
{
	bool ignored;

	if (SMAL_LIKELY(bdw_local.thread != NULL))
		return bdw_local.thread;
	return bdw_wake(&ignored);
}

/* ---- The lock ---- */

static void take(struct bdw_local *local)
{
	smal_thread_hold(local->thread);
	local->held = true;
	if (__atomic_load_n(&bdw_shared, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&lock_mutex);
		local->has_mutex = true;
	}
}

/* A second thread may have come since, which waits for this. */
static void give(struct bdw_local *local)
{
	if (local->has_mutex) {
		local->has_mutex = false;
		pthread_mutex_unlock(&lock_mutex);
	}
	local->held = false;
	smal_thread_release(local->thread);
}

bool bdw_lock(void)
{
	struct bdw_local *local = &bdw_local;

	if (local->collecting)
		return true;
	if (local->depth++ == 0 && bdw_wake(&local->was_blocking) != NULL)
		take(local);
	return local->held;
}

void bdw_unlock(void)
{
	struct bdw_local *local = &bdw_local;

	if (local->collecting || --local->depth != 0 || !local->held)
		return;
	give(local);
	bdw_resume(local->was_blocking);
}

unsigned bdw_lock_drop(void)
{
	struct bdw_local *local = &bdw_local;
	unsigned depth = local->depth;

	if (SMAL_LIKELY(depth == 0) || !local->held)
		return 0;
	local->depth = 0;
	give(local);
	return depth;
}

void bdw_lock_retake(unsigned depth)
{
	struct bdw_local *local = &bdw_local;

	if (SMAL_LIKELY(depth == 0))
		return;
	take(local);
	local->depth = depth;
}

void GC_alloc_lock(void)
{
	bdw_lock();
}

void GC_alloc_unlock(void)
{
	bdw_unlock();
}

void *GC_call_with_alloc_lock(bdw_function *function, void *data)
{
	void *result;

	bdw_lock();
	result = function(data);
	bdw_unlock();
	return result;
}

/* ---- Stacks ---- */

void *GC_call_with_stack_base(bdw_stack_base_proc *function, void *data)
{
	struct bdw_stack_base base = { __builtin_frame_address(0) };
	void *result = function(&base, data);

	/* Not in tail position: the frame is the base. */
	__asm__ volatile("" ::: "memory");
	return result;
}

void *GC_get_my_stackbottom(struct bdw_stack_base *base)
{
	if (bdw_thread() != NULL)
		base->mem_base = *bdw_local.end_at;
	else if (GC_get_stack_base(base) != BDW_SUCCESS)
		base->mem_base = NULL;
	return &bdw_local;
}

void GC_set_stackbottom(void *handle, const struct bdw_stack_base *base)
{
	struct bdw_local *local = handle != NULL ? handle : &bdw_local;

	if (bdw_gc == NULL)
		GC_stackbottom = base->mem_base;
	else if (local->end_at != NULL || (bdw_thread() != NULL && local->end_at != NULL))
		*local->end_at = base->mem_base;
}

/* Signal stacks are found by themselves. */
void GC_register_altstack(void *stack, size_t stack_bytes, void *alternate, size_t alternate_bytes)
{
	(void)stack;
	(void)stack_bytes;
	(void)alternate;
	(void)alternate_bytes;
}

void *GC_clear_stack(void *argument)
{
	return argument;
}

/* ---- Blocking ---- */

SMAL_NOINLINE void *GC_do_blocking(bdw_function *function, void *data)
{
	struct smal_thread *thread;
	bool was_blocking;
	void *result;

	thread = bdw_wake(&was_blocking);
	/* Nobody waits for one that can't be attached. */
	if (thread == NULL)
		return function(data);
	bdw_local.fast = NULL;
	bdw_local.blocking = true;
	smal_thread_leave(thread);
	result = function(data);
	if (!was_blocking && bdw_local.blocking) {
		smal_thread_enter(thread);
		bdw_local.blocking = false;
		bdw_local.fast = thread;
	}
	return result;
}

SMAL_NOINLINE void *GC_call_with_gc_active(bdw_function *function, void *data)
{
	bool was_blocking;
	void *result;

	bdw_wake(&was_blocking);
	result = function(data);
	bdw_resume(was_blocking);
	return result;
}

/* ---- Registering ---- */

void GC_allow_register_threads(void)
{
	bdw_thread();
}

int GC_register_my_thread(const struct bdw_stack_base *base)
{
	(void)base;
	if (bdw_local.thread != NULL && bdw_local.registered)
		return BDW_DUPLICATE;
	if (bdw_thread() == NULL)
		return BDW_NO_MEMORY;
	bdw_local.registered = true;
	return BDW_SUCCESS;
}

int GC_unregister_my_thread(void)
{
	if (bdw_gc != NULL && bdw_local.depth == 0)
		detach();
	return BDW_SUCCESS;
}

int GC_thread_is_registered(void)
{
	return bdw_local.thread != NULL;
}

/* ---- Fork: libsmal's own handlers do all but for the list ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&bdw_list_mutex);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&bdw_list_mutex);
}

/* The other threads are gone, and what was theirs will be somebody else's. */
static void in_child(void)
{
	struct bdw_local *local = &bdw_local;

	local->next = local->prev = NULL;
	bdw_attached = local->listed ? local : NULL;
	pthread_mutex_init(&bdw_list_mutex, NULL);
}

bool bdw_fork_init(void)
{
	static bool done;

	done = done || pthread_atfork(before_fork, after_fork, in_child) == 0;
	return done;
}

void GC_set_handle_fork(int flag)
{
	(void)flag;
}

void GC_atfork_prepare(void)
{
}

void GC_atfork_parent(void)
{
}

void GC_atfork_child(void)
{
}
