/* SPDX-License-Identifier: MIT */
/*
 * suspend.c: threads that stand still because the program says so.
 *
 *   suspend: suspended := 1, restart signal --> handler: stands := 1, waits for a signal
 *   resume:  suspended := 0, restart signal --> handler: stands := 0, returns
 *
 * A collection interrupts one that waits like any other code. The handler is installed
 * when it is first wanted.
 */
#include <smal/compat/libgc/libgc.h>

#include <sched.h>

static void stand(int number)
{
	struct bdw_local *local = &bdw_local;
	sigset_t others;

	sigfillset(&others);
	sigdelset(&others, number);
	sigdelset(&others, GC_get_suspend_signal());
	/* The signal is blocked but while it is waited for: none is missed. */
	__atomic_store_n(&local->stands, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&local->suspended, __ATOMIC_SEQ_CST) != 0)
		sigsuspend(&others);
	__atomic_store_n(&local->stands, 0, __ATOMIC_SEQ_CST);
}

static void install(void)
{
	struct sigaction action = { .sa_handler = stand, .sa_flags = SA_RESTART };

	sigfillset(&action.sa_mask);
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
	       __atomic_load_n(&local->stands, __ATOMIC_SEQ_CST) != suspended)
		sched_yield();
}

static struct bdw_local *find(pthread_t thread)
{
	struct bdw_local *local = bdw_attached;

	while (local != NULL && !pthread_equal(local->pthread, thread))
		local = local->next;
	return local;
}

static void change(pthread_t thread, uint32_t suspended)
{
	struct bdw_local *local;

	pthread_mutex_lock(&bdw_list_mutex);
	local = find(thread);
	if (local == &bdw_local) {
		pthread_mutex_unlock(&bdw_list_mutex);
		set_suspended(local, suspended);
		return;
	}
	if (local != NULL && local->suspended != suspended)
		set_suspended(local, suspended);
	pthread_mutex_unlock(&bdw_list_mutex);
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

/* The list stays as it is meanwhile: threads that come or go wait. */
void GC_stop_world_external(void)
{
	bdw_lock();
	pthread_mutex_lock(&bdw_list_mutex);
	for (struct bdw_local *local = bdw_attached; local != NULL; local = local->next)
		if (local != &bdw_local && local->suspended == 0)
			set_suspended(local, 1);
}

void GC_start_world_external(void)
{
	for (struct bdw_local *local = bdw_attached; local != NULL; local = local->next)
		if (local != &bdw_local && local->suspended != 0)
			set_suspended(local, 0);
	pthread_mutex_unlock(&bdw_list_mutex);
	bdw_unlock();
}
