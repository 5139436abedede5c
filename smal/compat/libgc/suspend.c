/* SPDX-License-Identifier: MIT */
/*
 * suspend.c: threads that stand still because the program says so.
 *
 *   suspend: suspended := 1, restart signal --> handler: stands := 1, waits for a signal
 *   resume:  suspended := 0, restart signal --> handler: stands := 0, returns
 *
 * A collection interrupts one that waits like any other code. One that is inside of
 * libsmal, where it may have what others need, is asked again until it is outside. The
 * handler is installed when it is first wanted.
 */
#include <smal/compat/libgc/libgc.h>
#include <smal/gc/attach.h>
#include <smal/os/os.h>

#include <errno.h>
#include <string.h>

enum { AGAIN_NS = 100000 };

/* Or it collects, or is about to wait for a collection: it is parked. */
static bool is_inside(const struct bdw_local *local)
{
	const struct smal_attached *thread;

	if (local->thread == NULL)
		return false;
	thread = smal_attached(local->thread);
	/* Or a stop was asked for that it has not seen to yet: the signal for it may have come
	 * while it was inside or parked, and none comes again. */
	return smal_atomic_load_relaxed_u32(&thread->inside) != 0 || thread->parked ||
	       smal_os_is_visiting_statics() ||
	       (smal_atomic_load_u32(&thread->public.poll) & (SMAL_POLL_STOP | SMAL_POLL_AWAY)) ==
	               SMAL_POLL_STOP;
}

static void stand(int number)
{
	struct bdw_local *local = &bdw_local;
	int saved = errno;
	sigset_t others;

	if (local->stands != 0 || is_inside(local))
		return;
	memset(&others, 0xff, sizeof others);
	sigdelset(&others, number);
	sigdelset(&others, GC_get_suspend_signal());
	/* The signal is blocked but while it is waited for: none is missed. */
	__atomic_store_n(&local->stands, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&local->suspended, __ATOMIC_SEQ_CST) != 0)
		smal_os_signal_wait(&others);
	__atomic_store_n(&local->stands, 0, __ATOMIC_SEQ_CST);
	errno = saved;
}

/* One that is inside most of the time would be found outside by no signal. */
void bdw_stand(void)
{
	if (bdw_local.depth == 0 && __atomic_load_n(&bdw_local.suspended, __ATOMIC_RELAXED) != 0)
		pthread_kill(pthread_self(), GC_get_thr_restart_signal());
}

static void install(void)
{
	struct sigaction action = { .sa_handler = stand, .sa_flags = SA_RESTART };

	/* And the C library's own: who was interrupted where it waits would be cancelled in
	 * here, and go on with the signals blocked. */
	memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
	sigdelset(&action.sa_mask, GC_get_suspend_signal());
	sigaction(GC_get_thr_restart_signal(), &action, NULL);
}

/* With the list's mutex. */
static void set_suspended(struct bdw_local *local, uint32_t suspended)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
	__atomic_store_n(&local->suspended, suspended, __ATOMIC_SEQ_CST);
	pthread_kill(local->pthread, GC_get_thr_restart_signal());
	while (!pthread_equal(local->pthread, pthread_self()) &&
	       __atomic_load_n(&local->stands, __ATOMIC_SEQ_CST) != suspended) {
		smal_os_wait(&local->stands, !suspended, AGAIN_NS);
		if (suspended)
			pthread_kill(local->pthread, GC_get_thr_restart_signal());
	}
}

static struct bdw_local *find(pthread_t thread)
{
	struct bdw_local *local = bdw_attached;

	while (local != NULL && !pthread_equal(local->pthread, thread))
		local = local->next;
	return local;
}

/* Without the lock, for which the thread may wait. */
static void change(pthread_t thread, uint32_t suspended)
{
	unsigned depth = bdw_lock_drop();
	struct bdw_local *local;

	pthread_mutex_lock(&bdw_list_mutex);
	local = find(thread);
	if (local != NULL && local != &bdw_local && local->suspended != suspended)
		set_suspended(local, suspended);
	pthread_mutex_unlock(&bdw_list_mutex);
	if (local == &bdw_local)
		set_suspended(local, suspended);
	bdw_lock_retake(depth);
}

void GC_suspend_thread(pthread_t thread)
{
	change(thread, 1);
}

void GC_resume_thread(pthread_t thread)
{
	change(thread, 0);
}

int GC_is_thread_suspended(pthread_t thread)
{
	const struct bdw_local *local;
	int suspended;

	pthread_mutex_lock(&bdw_list_mutex);
	local = find(thread);
	suspended = local != NULL && local->suspended != 0;
	pthread_mutex_unlock(&bdw_list_mutex);
	return suspended;
}

/* The list stays as it is meanwhile: threads that come or go wait. The lock is taken last,
 * when nobody waits for it any more. */
void GC_stop_world_external(void)
{
	unsigned depth = bdw_lock_drop();

	bdw_thread();
	pthread_mutex_lock(&bdw_list_mutex);
	for (struct bdw_local *local = bdw_attached; local != NULL; local = local->next)
		if (local != &bdw_local && local->suspended == 0)
			set_suspended(local, 1);
	bdw_lock_retake(depth);
	bdw_lock();
}

void GC_start_world_external(void)
{
	unsigned depth = bdw_lock_drop();

	/* Without the lock: a collection by a thread that is in no list may have interrupted
	 * one that is waited for here, and waits for who has the lock. */
	for (struct bdw_local *local = bdw_attached; local != NULL; local = local->next)
		if (local != &bdw_local && local->suspended != 0)
			set_suspended(local, 0);
	pthread_mutex_unlock(&bdw_list_mutex);
	bdw_lock_retake(depth - (depth != 0));
}
