/* SPDX-License-Identifier: MIT */
/*
 * created.c: threads that GC_pthread_create makes.
 *
 * What such a thread is given, and what it leaves to be joined, is held until somebody
 * has it: each has a record on a list, whose words are roots. The list is the lock's.
 *
 * Who makes a thread waits until it is attached: one whose stack nobody would look at does
 * not begin.
 */
#include <smal/compat/libgc/libgc.h>
#include <smal/os/os.h>

#include <errno.h>

enum { STARTING, STARTED, REFUSED };

struct created {
	struct created *next;
	/* Its maker's, until it has been told. */
	volatile uint32_t *state;
	pthread_t thread;
	bdw_function *start;
	void *argument, *result;
	bool detached, started, ended;
};

static struct created *all;
static __thread struct created *own __attribute__((tls_model("initial-exec")));

void bdw_created_mark(struct smal_marker *marker)
{
	for (const struct created *at = all; at != NULL; at = at->next)
		smal_mark_range(marker, &at->argument, &at->result + 1);
}

/* Takes a record off the list; with the lock. */
static void drop(struct created *created)
{
	struct created **at = &all;

	while (*at != NULL && *at != created)
		at = &(*at)->next;
	if (*at != NULL)
		*at = created->next;
	bdw_give(created);
}

static void end(void *argument)
{
	struct created *created = argument;

	if (bdw_lock()) {
		created->ended = true;
		if (created->detached)
			drop(created);
	}
	own = NULL;
	bdw_unlock();
	GC_unregister_my_thread();
}

static bool is_detached(const pthread_attr_t *attributes)
{
	int state = PTHREAD_CREATE_JOINABLE;

	if (attributes != NULL)
		pthread_attr_getdetachstate(attributes, &state);
	return state == PTHREAD_CREATE_DETACHED;
}

/* The maker goes on, and its word is gone. */
static void tell(volatile uint32_t *state, uint32_t value)
{
	__atomic_store_n(state, value, __ATOMIC_RELEASE);
	smal_os_wake(state);
}

static void *run(void *argument)
{
	struct created *created = argument;
	volatile uint32_t *state = created->state;
	void *result;

	if (bdw_thread() == NULL) {
		tell(state, REFUSED);
		return NULL;
	}
	own = created;
	bdw_lock();
	created->thread = pthread_self();
	created->started = true;
	bdw_unlock();
	tell(state, STARTED);
	bdw_local.registered = true;
	pthread_cleanup_push(end, created);
	result = created->start(created->argument);
	created->result = result;
	pthread_cleanup_pop(1);
	return result;
}

/* A record, on the list; or NULL. */
static struct created *announce(bdw_function *start, void *argument, bool detached)
{
	struct created *created = NULL;

	if (bdw_lock())
		created = bdw_take(sizeof *created);
	if (created != NULL) {
		created->start = start;
		created->argument = argument;
		created->detached = detached;
		created->next = all;
		all = created;
	}
	bdw_unlock();
	return created;
}

/* The number is stored before the new thread begins, which may look. */
int GC_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, bdw_function *start,
                      void *argument)
{
	struct created *created = announce(start, argument, is_detached(attributes));
	volatile uint32_t state = STARTING;
	unsigned depth;
	int error;

	if (created == NULL)
		return EAGAIN;
	created->state = &state;
	/* The new thread takes the lock before it begins. */
	depth = bdw_lock_drop();
	error = pthread_create(thread, attributes, run, created);
	while (error == 0 && __atomic_load_n(&state, __ATOMIC_ACQUIRE) == STARTING)
		smal_os_wait(&state, STARTING, 0);
	if (state == REFUSED) {
		if (!created->detached)
			pthread_join(*thread, NULL);
		error = EAGAIN;
	}
	bdw_lock_retake(depth);
	bdw_lock();
	if (error != 0)
		drop(created);
	bdw_unlock();
	return error;
}

/* The newest: others of that number have been joined, and are about to be dropped. */
static struct created *find(pthread_t thread)
{
	struct created *at = all;

	while (at != NULL && !(at->started && pthread_equal(at->thread, thread)))
		at = at->next;
	return at;
}

struct join {
	pthread_t thread;
	void *result;
	int error;
};

static void *join(void *argument)
{
	struct join *join = argument;

	join->error = pthread_join(join->thread, &join->result);
	return NULL;
}

int GC_pthread_join(pthread_t thread, void **result)
{
	struct join joining = { .thread = thread };
	struct created *created;

	/* Before: when it has been joined, the number may be another thread's. */
	created = bdw_lock() ? find(thread) : NULL;
	bdw_unlock();
	GC_do_blocking(join, &joining);
	if (joining.error != 0)
		return joining.error;
	if (result != NULL)
		*result = joining.result;
	if (bdw_lock() && created != NULL)
		drop(created);
	bdw_unlock();
	return 0;
}

int GC_pthread_detach(pthread_t thread)
{
	/* The number may be another thread's when this one has been detached. */
	struct created *created = bdw_lock() ? find(thread) : NULL;
	int error = pthread_detach(thread);

	if (error == 0 && created != NULL) {
		created->detached = true;
		if (created->ended)
			drop(created);
	}
	bdw_unlock();
	return error;
}

int GC_pthread_cancel(pthread_t thread)
{
	return pthread_cancel(thread);
}

void GC_pthread_exit(void *result)
{
	if (own != NULL)
		own->result = result;
	pthread_exit(result);
}

/* The collector's signals are never blocked. */
int GC_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t fewer;

	if (set != NULL && (how == SIG_BLOCK || how == SIG_SETMASK)) {
		fewer = *set;
		sigdelset(&fewer, GC_get_suspend_signal());
		sigdelset(&fewer, GC_get_thr_restart_signal());
		set = &fewer;
	}
	return pthread_sigmask(how, set, old);
}
