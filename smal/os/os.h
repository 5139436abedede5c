/* SPDX-License-Identifier: MIT */
/*
 * os.h: all that libsmal asks of an operating system; the porting list.
 *
 * No other floor names the system. Calls that can fail say so and change
 * nothing when they do; failures are counted (smal_os_failures) and never end
 * the process. Addresses and sizes are multiples of smal_os_page_bytes().
 * Every function may be called by any thread.
 */
#ifndef SMAL_OS_OS_H
#define SMAL_OS_OS_H

#include <smal/base/def.h>

#include <pthread.h>
#include <signal.h>

/* What the compiler has code watched by: gcc's names for it, and clang's. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SMAL_OS_SANITIZED 1
#else
#define SMAL_OS_SANITIZED 0
#endif

/* ---- Memory (os_posix.c) ---- */

size_t smal_os_page_bytes(void);

/* Addresses without memory behind them, or NULL. They can't be touched. */
void *smal_os_reserve(size_t bytes);

/* Makes reserved addresses readable and writable; they read as zero. May be
 * repeated. */
bool smal_os_commit(void *base, size_t bytes);

/* Gives the memory behind committed addresses back; they read as zero. False:
 * their contents stay. */
bool smal_os_discard(void *base, size_t bytes);

/* Moves the pages behind committed addresses to others, which are committed too; what
 * was there is lost, and the old ones read as zero. Both have mappings of their own
 * then, until smal_os_renew. False: nothing has changed, or the system can't. */
bool smal_os_move(void *from, void *to, size_t bytes);

/* Gives addresses back the mapping that they had before something was moved to
 * them; they read as zero. False: they stay as they are. */
bool smal_os_renew(void *base, size_t bytes);

/* Ends a reservation or a part of one, in which nothing is forbidden (tools,
 * below). False: the addresses stay reserved. */
bool smal_os_release(void *base, size_t bytes);

/* Asks for huge pages on a range, or for none. Only ever a hint. */
void smal_os_huge(void *base, size_t bytes, bool on);

/* errno, for functions that keep it or that say why they failed. */
enum smal_os_errno { SMAL_OS_NO_MEMORY, SMAL_OS_INVALID };
int smal_os_errno(void);
void smal_os_errno_restore(int saved);
void smal_os_errno_set(enum smal_os_errno why);

/* True if a range that asks for huge pages may make a thread that touches it wait
 * until the system has made room for one; or if that is not known. (os_limit.c) */
bool smal_os_huge_stalls(void);

/* Calls above that failed, since the process began. */
uint64_t smal_os_failures(void);

/* ---- Time and threads (os_posix.c) ---- */

/* The monotonic clock. */
uint64_t smal_os_clock_ns(void);

struct smal_os_lock {
	pthread_mutex_t mutex;
};

#define SMAL_OS_LOCK_INIT { PTHREAD_MUTEX_INITIALIZER }

void smal_os_lock_init(struct smal_os_lock *lock);
void smal_os_lock_take(struct smal_os_lock *lock);
void smal_os_lock_give(struct smal_os_lock *lock);

/* The leaf lock of the process's state (base/process.h): nothing is called
 * while it is held but this file. */
extern struct smal_os_lock smal_os_process_lock;

/* The lock of the process's list of collectors: above theirs, below nothing. Who
 * takes it is outside (gc/world.h, smal_gc_begin). */
extern struct smal_os_lock smal_os_instances_lock;

/* The lock of the process's list of heaps: above theirs, below nothing. */
extern struct smal_os_lock smal_os_heaps_lock;

/* A word that no other live thread has: the place of something that each has. */
extern __thread char smal_os_thread_place __attribute__((tls_model("initial-exec")));
static inline uintptr_t smal_os_thread_id(void)
{
	return (uintptr_t)&smal_os_thread_place;
}

/* ---- Waiting, signals, ends of threads, fork (os_thread.c) ---- */

/* Sleeps while *word is `value`, until smal_os_wake, at most timeout_ns (0: no
 * limit); may return for no reason. Both may be called by signal handlers. */
void smal_os_wait(volatile uint32_t *word, uint32_t value, uint64_t timeout_ns);
void smal_os_wake(volatile uint32_t *word);

/* Every thread of the process goes through a full barrier between its call and its
 * return, so that what they do often needs none. False: the system can't. */
bool smal_os_barrier(void);
/* True if it could when it was asked first: that takes no time afterwards. */
bool smal_os_has_barrier(void);

/* A thread of the library's own, in which all signals are blocked; false: there can
 * be none. The caller joins it. */
bool smal_os_thread_start(pthread_t *thread, void *(*start)(void *unused));
void smal_os_thread_join(pthread_t thread);

/* Lets a word that another processor is to change have its time. */
static inline void smal_os_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ volatile("yield" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* Between these the calling thread is not cancelled, whatever it calls: where it has a lock,
 * or has stopped others. They nest. */
int smal_os_cancel_disable(void);
void smal_os_cancel_restore(int before);

/* Processors that the process may use. (os_limit.c) */
unsigned smal_os_processors(void);

/* A thread as the C library knows it, as a receiver of signals, and as the system does: 0
 * where there is no number. */
struct smal_os_thread {
	pthread_t thread;
	uint32_t process, number;
};
struct smal_os_thread smal_os_thread(void);

/* Has a signal call `handler` on the thread that it is sent to, with an address
 * below which nothing that the thread was doing has its words: its registers
 * are above. All signals are blocked meanwhile. False: no such signal. */
bool smal_os_signal_handle(int number, void (*handler)(uintptr_t low));

/* Sends a signal, or only asks (0). False: the thread was one of this process's, and has
 * ended. */
bool smal_os_signal_send(const struct smal_os_thread *thread, int number);

/* As sigsuspend, but that nobody is cancelled there: a handler may be at any place. */
void smal_os_signal_wait(const sigset_t *blocked);

/* True if the thread runs on its alternate signal stack, and where that is. */
bool smal_os_alternate_stack(uintptr_t *base, uintptr_t *limit);

/* Has `end` called when this thread ends, after what other libraries do then; the
 * collectors' before the heaps'. False: not enough memory. Any number of times;
 * for a floor always with the same function, which may find nothing to do. */
enum smal_os_floor { SMAL_OS_GC, SMAL_OS_HEAP, SMAL_OS_SPACE, SMAL_OS_FLOORS };
bool smal_os_at_thread_end(enum smal_os_floor floor, void (*end)(void));

/* Has the functions called before a fork, and after it on either side: before it from
 * the collectors' down, whose threads may wait for the locks of the floors below while
 * they are inside, and after it upwards. Once for a floor. False: not enough memory. */
bool smal_os_at_fork(enum smal_os_floor floor, void (*before)(void), void (*parent)(void),
                     void (*child)(void));

/* True only if the process never had a second thread: what this points to is the
 * system's, and not 0. */
extern const char *const smal_os_single;
static inline bool smal_os_single_threaded(void)
{
	return *(const volatile char *)smal_os_single != 0;
}

/* Bytes that the control group of the process may use, or SIZE_MAX. */
size_t smal_os_memory_limit(void);

/* ---- Stacks and static data (os_stack.c) ---- */

/* The calling thread's stack, [*base, *limit); it grows down from limit. False
 * if the system does not tell. Not while threads are stopped. */
bool smal_os_stack_bounds(uintptr_t *base, uintptr_t *limit);

/*
 * Stores the callee-saved registers on the stack and calls visit with an
 * address below them: [low, the stack's limit) then holds every pointer that
 * the callers of this function hold in frames or registers.
 */
void smal_os_with_stack(void (*visit)(uintptr_t low, void *argument), void *argument);

/* Copies words of any kind: the red zones that ASan keeps between variables,
 * and words that were never written, are copied like others. */
void smal_os_copy_words(uintptr_t *to, const uintptr_t *from, size_t count);

/* Such words where they stand or, where a tool would mind their being read, a copy. */
static inline const uintptr_t *smal_os_any_words(uintptr_t *copy, const uintptr_t *words,
                                                 size_t count)
{
#if SMAL_OS_SANITIZED
	smal_os_copy_words(copy, words, count);
	return copy;
#else
	(void)copy;
	(void)count;
	return words;
#endif
}

/* Where ASan keeps frames of the calling thread, or NULL: it does not. */
void *smal_os_fake_stack(void);

/* If the word points into such a frame, returns true and the frame's bounds. */
bool smal_os_fake_frame(void *fake_stack, uintptr_t word, uintptr_t *base, uintptr_t *limit);

/* Calls visit for every range of writable static data of the program (its name is "")
 * and its shared objects. Not while threads are stopped. Returns the generation of the
 * objects: it is another one when one has been loaded or unloaded. */
typedef void smal_os_static_visitor(const char *name, uintptr_t base, uintptr_t limit,
                                    void *argument);
uint64_t smal_os_each_static(smal_os_static_visitor *visit, void *argument);

/* Calls work while no object can be loaded or unloaded: the linker's lock is held. Returns
 * what it does; false: it was not called, the generation is another one. */
bool smal_os_statics_hold(uint64_t generation, bool (*work)(void *argument), void *argument);

/* True in both, for a handler of signals: the linker's lock may be held. */
bool smal_os_is_visiting_statics(void);

/* Between these no other thread visits static data, and those that come wait: a fork's
 * child has the linker's lock as it was, and nobody who gives it back. */
void smal_os_statics_close(void);
void smal_os_statics_open(bool in_child);

/* ---- Tools (os_tool.c): memcheck and ASan are told what may be touched ---- */

/* True where a tool watches: the heap then makes every free slot untouchable,
 * at some cost. Constant during a run. */
bool smal_os_tool_watches(void);

/* The range may not be touched from now on; it may be, and is defined. */
void smal_os_tool_forbid(const void *base, size_t bytes);
void smal_os_tool_allow(const void *base, size_t bytes);
/* What may be touched is not defined. */
void smal_os_tool_undefine(const void *base, size_t bytes);

/* Reports of undefined values by this thread are off between the two: a
 * conservative scan reads undefined words by its nature. */
void smal_os_tool_quiet(void);
void smal_os_tool_loud(void);

#endif
