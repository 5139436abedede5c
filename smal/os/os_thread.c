/* SPDX-License-Identifier: MIT */
/*
 * os_thread.c: waiting for a word, signals, the ends of threads, fork.
 *
 * A wait is a futex where there is one: no memory, nothing to initialise again
 * in a forked child, and a signal handler may do it. Elsewhere it looks again
 * every tenth of a millisecond.
 *
 * A thread's end is seen by a destructor of thread-specific data. Destructors
 * run in rounds, in no order, as long as they leave values behind; ours leaves
 * one until the last round but one, so that those of the runtime can still use
 * what is attached. (The last round is the sanitizers', after which none of their
 * code may run.)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <smal/os/os.h>
#include <smal/base/atomic.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define HAVE_SINGLE_THREADED 1
#endif
#endif

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* ---- Waiting ---- */

#if defined(__linux__) && defined(SYS_futex)

void smal_os_wait(volatile uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	struct timespec time = { (time_t)(timeout_ns / 1000000000u),
		                 (long)(timeout_ns % 1000000000u) };
	int saved_errno = errno;

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns != 0 ? &time : NULL, NULL,
	        0);
	errno = saved_errno;
}

void smal_os_wake(volatile uint32_t *word)
{
	int saved_errno = errno;

	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	errno = saved_errno;
}

#else

void smal_os_wait(volatile uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	struct timespec time = { 0, 100000 };
	int saved_errno = errno;

	if (timeout_ns != 0 && timeout_ns < 100000)
		time.tv_nsec = (long)timeout_ns;
	if (smal_atomic_load_u32(word) == value)
		nanosleep(&time, NULL);
	errno = saved_errno;
}

void smal_os_wake(volatile uint32_t *word)
{
	(void)word;
}

#endif

#if defined(__linux__) && defined(SYS_membarrier) && !defined(__SANITIZE_THREAD__)

/* linux/membarrier.h, which older systems have not. */
enum { BARRIER_EXPEDITED = 1 << 3, BARRIER_REGISTER_EXPEDITED = 1 << 4 };

bool smal_os_barrier(void)
{
	int saved_errno = errno;
	bool done = syscall(SYS_membarrier, BARRIER_EXPEDITED, 0, 0) == 0;

	/* The first time, and perhaps in a forked child. */
	if (!done && errno == EPERM)
		done = syscall(SYS_membarrier, BARRIER_REGISTER_EXPEDITED, 0, 0) == 0 &&
		       syscall(SYS_membarrier, BARRIER_EXPEDITED, 0, 0) == 0;
	errno = saved_errno;
	return done;
}

#else

bool smal_os_barrier(void)
{
	return false;
}

#endif

bool smal_os_has_barrier(void)
{
	enum { UNKNOWN, NO, YES };
	static volatile uint32_t answer;

	if (smal_atomic_load_relaxed_u32(&answer) == UNKNOWN)
		smal_atomic_store_u32(&answer, smal_os_barrier() ? YES : NO);
	return smal_atomic_load_relaxed_u32(&answer) == YES;
}

/* ---- Threads ---- */

/* Enough for mark callbacks. */
enum { STACK_BYTES = 1 << 20 };

bool smal_os_thread_start(pthread_t *thread, void *(*start)(void *unused))
{
	int saved_errno = errno;
	pthread_attr_t attributes;
	bool started, kept = false;
	sigset_t all, before;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 32)
	kept = pthread_attr_setsigmask_np(&attributes, &all) == 0;
#endif
#endif
	/* The caller had better be stopped if it waits here for a thread that is. */
	if (!kept)
		pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(thread, &attributes, start, NULL) == 0;
	if (!kept)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	errno = saved_errno;
	return started;
}

int smal_os_cancel_disable(void)
{
	int before = PTHREAD_CANCEL_ENABLE;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

void smal_os_cancel_restore(int before)
{
	pthread_setcancelstate(before, &before);
}

void smal_os_thread_join(pthread_t thread)
{
	pthread_join(thread, NULL);
}

/* ---- Signals ---- */

static volatile AO_t signal_handler;

struct smal_os_thread smal_os_thread(void)
{
	struct smal_os_thread self = { .thread = pthread_self() };

#if defined(__linux__) && defined(SYS_gettid) && defined(SYS_tgkill)
	self.process = (uint32_t)getpid();
	self.number = (uint32_t)syscall(SYS_gettid);
#endif
	return self;
}

/* The kernel has put the registers on the stack, above this frame. */
static void on_signal(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	(void)number;
	(void)info;
	(void)context;
	((void (*)(uintptr_t))smal_atomic_load(&signal_handler))(
		(uintptr_t)__builtin_frame_address(0));
	errno = saved_errno;
}

bool smal_os_signal_handle(int number, void (*handler)(uintptr_t low))
{
	struct sigaction action = { .sa_flags = SA_RESTART | SA_SIGINFO };

	smal_atomic_store(&signal_handler, (uintptr_t)handler);
	action.sa_sigaction = on_signal;
	/* All, and the C library's own, which sigfillset leaves out: where a call that waits was
	 * interrupted, one of them cancels the thread at any instruction. Not in here; it comes
	 * when the handler has returned. */
	memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
	return sigaction(number, &action, NULL) == 0;
}

/* By its number, where there is one: what the C library has of a thread may be gone with it.
 * In a child that shares memory with its parent, threads are another process's. */
bool smal_os_signal_send(const struct smal_os_thread *thread, int number)
{
#if defined(__linux__) && defined(SYS_gettid) && defined(SYS_tgkill)
	int error = errno;
	bool sent;

	if (thread->process == (uint32_t)getpid()) {
		sent = syscall(SYS_tgkill, thread->process, thread->number, number) == 0 ||
		       errno != ESRCH;
		errno = error;
		return sent;
	}
#endif
	if (number != 0)
		pthread_kill(thread->thread, number);
	return true;
}

void smal_os_signal_wait(const sigset_t *blocked)
{
#if defined(__linux__) && defined(SYS_rt_sigsuspend)
	syscall(SYS_rt_sigsuspend, blocked, _NSIG / 8);
#else
	sigsuspend(blocked);
#endif
}

bool smal_os_alternate_stack(uintptr_t *base, uintptr_t *limit)
{
	stack_t stack;

	if (sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & SS_ONSTACK) == 0)
		return false;
	*base = (uintptr_t)stack.ss_sp;
	*limit = *base + stack.ss_size;
	return true;
}

/* ---- The ends of threads ---- */

static pthread_key_t end_key;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;
static bool end_key_is_made;
/* The floors that want to know, in the order in which they are called. */
static volatile AO_t end_functions[SMAL_OS_FLOORS];

/* The rounds that there have been; what attaches in one of them begins none anew. */
static __thread unsigned end_round __attribute__((tls_model("initial-exec")));

static void on_end(void *value)
{
	if (++end_round < PTHREAD_DESTRUCTOR_ITERATIONS - 1 &&
	    pthread_setspecific(end_key, value) == 0)
		return;
	for (unsigned i = 0; i < SMAL_OS_FLOORS; i++) {
		uintptr_t end = smal_atomic_load(&end_functions[i]);

		if (end != 0)
			((void (*)(void))end)();
	}
}

static void make_end_key(void)
{
	end_key_is_made = pthread_key_create(&end_key, on_end) == 0;
}

bool smal_os_at_thread_end(enum smal_os_floor floor, void (*end)(void))
{
	pthread_once(&end_once, make_end_key);
	if (!end_key_is_made)
		return false;
	smal_atomic_store(&end_functions[floor], (uintptr_t)end);
	return pthread_setspecific(end_key, &end_key) == 0;
}

/* ---- Forks ---- */

static volatile AO_t fork_functions[3][SMAL_OS_FLOORS];

/* Of the fork that the thread makes, the floors that were called before it: another may
 * come while it is under way. */
static __thread bool fork_has_begun[SMAL_OS_FLOORS];

static void before_fork(void)
{
	for (unsigned floor = 0; floor < SMAL_OS_FLOORS; floor++) {
		uintptr_t function = smal_atomic_load(&fork_functions[0][floor]);

		fork_has_begun[floor] = function != 0;
		if (function != 0)
			((void (*)(void))function)();
	}
}

static void after_fork(unsigned when)
{
	for (unsigned floor = SMAL_OS_FLOORS; floor-- > 0;)
		if (fork_has_begun[floor])
			((void (*)(void))smal_atomic_load(&fork_functions[when][floor]))();
}

static void after_in_parent(void)
{
	after_fork(1);
}

static void after_in_child(void)
{
	after_fork(2);
}

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static bool fork_is_handled;

static void handle_fork(void)
{
	fork_is_handled = pthread_atfork(before_fork, after_in_parent, after_in_child) == 0;
}

bool smal_os_at_fork(enum smal_os_floor floor, void (*before)(void), void (*parent)(void),
                     void (*child)(void))
{
	pthread_once(&fork_once, handle_fork);
	if (!fork_is_handled)
		return false;
	smal_atomic_store(&fork_functions[1][floor], (uintptr_t)parent);
	smal_atomic_store(&fork_functions[2][floor], (uintptr_t)child);
	smal_atomic_store(&fork_functions[0][floor], (uintptr_t)before);
	return true;
}

#ifdef HAVE_SINGLE_THREADED
const char *const smal_os_single = &__libc_single_threaded;
#else
static const char never;
const char *const smal_os_single = &never;
#endif
