/* SPDX-License-Identifier: MIT */
/*
 * os_stack.c: where a thread's stack is, its registers, and static data.
 *
 * The callee-saved registers are stored by the compiler itself
 * (__builtin_unwind_init: what an exception handler relies on), not by setjmp,
 * since glibc's mangles some of them. A test holds the only pointer to an
 * object in each of them in turn.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <smal/os/os.h>
#include <smal/base/atomic.h>

#include <link.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#ifdef __GLIBC__
/* Where the first thread's stack began when the program did. */
extern void *__libc_stack_end __attribute__((weak));

/* Without /proc, or where limits may not be asked for, the C library does not know the first
 * thread's stack. It ends at what the kernel left there; it is as long as it may be, as far
 * as there is nothing else: 128 MiB are kept free. */
enum { FIRST_STACK_BYTES = 8 << 20, FIRST_STACK_MOST = 100 << 20 };

static bool first_stack_bounds(uintptr_t *base, uintptr_t *limit)
{
	uintptr_t bytes = FIRST_STACK_BYTES;
	struct rlimit limits;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), end;

	if (&__libc_stack_end == NULL || getpid() != (pid_t)smal_os_thread().number)
		return false;
	if (getrlimit(RLIMIT_STACK, &limits) == 0)
		bytes = limits.rlim_cur < FIRST_STACK_MOST ? (uintptr_t)limits.rlim_cur
		                                           : (uintptr_t)FIRST_STACK_MOST;
	end = (uintptr_t)__libc_stack_end;
	if (here >= end || end - here > bytes)
		return false;
	*base = end - bytes;
	*limit = end;
	return true;
}
#else
static bool first_stack_bounds(uintptr_t *base, uintptr_t *limit)
{
	(void)base;
	(void)limit;
	return false;
}
#endif

bool smal_os_stack_bounds(uintptr_t *base, uintptr_t *limit)
{
	/* For the first thread the C library reads /proc/self/maps each time. */
	static __thread uintptr_t known_base, known_limit;
	pthread_attr_t attributes;
	void *address;
	size_t bytes;
	bool known;

	*base = known_base;
	*limit = known_limit;
	if (known_limit != 0)
		return true;
	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		known = pthread_attr_getstack(&attributes, &address, &bytes) == 0;
		pthread_attr_destroy(&attributes);
		if (!known)
			return false;
		*base = (uintptr_t)address;
		*limit = (uintptr_t)address + bytes;
	} else if (!first_stack_bounds(base, limit)) {
		return false;
	}
	known_base = *base;
	known_limit = *limit;
	return true;
}

static SMAL_NOINLINE void with_low_address(void (*visit)(uintptr_t low, void *argument),
                                           void *argument)
{
	visit((uintptr_t)__builtin_frame_address(0), argument);
	__asm__ volatile("" ::: "memory"); /* no tail call: the frame must stay */
}

SMAL_NOINLINE void smal_os_with_stack(void (*visit)(uintptr_t low, void *argument), void *argument)
{
	__builtin_unwind_init();
	with_low_address(visit, argument);
	__asm__ volatile("" ::: "memory");
}

SMAL_NO_SANITIZE_ADDRESS SMAL_NO_SANITIZE_THREAD SMAL_NOINLINE void
smal_os_copy_words(uintptr_t *to, const uintptr_t *from, size_t count)
{
#if SMAL_OS_SANITIZED
	const volatile uintptr_t *word = from; /* a call of memcpy would be watched */

	for (size_t i = 0; i < count; i++)
		to[i] = word[i];
#else
	memcpy(to, from, count * sizeof *to);
#endif
}

void *smal_os_fake_stack(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __asan_get_current_fake_stack();
#else
	return NULL;
#endif
}

bool smal_os_fake_frame(void *fake_stack, uintptr_t word, uintptr_t *base, uintptr_t *limit)
{
#ifdef __SANITIZE_ADDRESS__
	void *begin, *end;

	if (fake_stack == NULL ||
	    __asan_addr_is_in_fake_stack(fake_stack, (void *)word, &begin, &end) == NULL)
		return false;
	*base = (uintptr_t)begin;
	*limit = (uintptr_t)end;
	return true;
#else
	(void)fake_stack;
	(void)word;
	(void)base;
	(void)limit;
	return false;
#endif
}

struct static_visit {
	smal_os_static_visitor *visit;
	bool (*work)(void *argument);
	void *argument;
	uint64_t generation;
	bool done;
};

/* What was loaded and what was unloaded since the program began. */
static uint64_t generation_of(const struct dl_phdr_info *info, size_t bytes)
{
	return bytes >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs
	               ? info->dlpi_adds + info->dlpi_subs
	               : 0;
}

static int visit_object(struct dl_phdr_info *info, size_t bytes, void *argument)
{
	struct static_visit *to = argument;

	to->generation = generation_of(info, bytes);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && (header->p_flags & PF_W) != 0 &&
		    (header->p_flags & PF_R) != 0) {
			uintptr_t base = info->dlpi_addr + header->p_vaddr;

			to->visit(info->dlpi_name != NULL ? info->dlpi_name : "", base,
			          base + header->p_memsz, to->argument);
		}
	}
	return 0;
}

/* The threads that visit, and CLOSED for each thread that keeps others out. */
#define CLOSED 0x10000u
#define CLOSE_NS 1000000000u
static volatile uint32_t visitors;
/* Of this thread: a filter may fork. */
static __thread unsigned visits __attribute__((tls_model("initial-exec")));

static void enter(void)
{
	uint32_t now;

	if (visits++ > 0)
		return;
	do {
		while ((now = smal_atomic_load_u32(&visitors)) >= CLOSED)
			smal_os_wait(&visitors, now, 0);
	} while (!smal_atomic_cas_u32(&visitors, now, now + 1));
}

static void leave(void)
{
	if (--visits == 0 && smal_atomic_add_u32(&visitors, 0u - 1) >= CLOSED)
		smal_os_wake(&visitors);
}

bool smal_os_is_visiting_statics(void)
{
	return visits > 0;
}

uint64_t smal_os_each_static(smal_os_static_visitor *visit, void *argument)
{
	struct static_visit to = { .visit = visit, .argument = argument };

	enter();
	dl_iterate_phdr(visit_object, &to);
	leave();
	return to.generation;
}

/* The first object will do. */
static int work_once(struct dl_phdr_info *info, size_t bytes, void *argument)
{
	struct static_visit *to = argument;

	if (generation_of(info, bytes) == to->generation)
		to->done = to->work(to->argument);
	return 1;
}

bool smal_os_statics_hold(uint64_t generation, bool (*work)(void *argument), void *argument)
{
	struct static_visit to = { .work = work, .argument = argument, .generation = generation };

	enter();
	dl_iterate_phdr(work_once, &to);
	leave();
	return to.done;
}

/* A program that holds the linker's lock itself, where a fork waits for it, is not
 * waited for long. */
void smal_os_statics_close(void)
{
	uint64_t end = smal_os_clock_ns() + CLOSE_NS, now;
	uint32_t inside;

	smal_atomic_add_u32(&visitors, CLOSED);
	while ((inside = smal_atomic_load_u32(&visitors)) % CLOSED != (visits > 0) &&
	       (now = smal_os_clock_ns()) < end)
		smal_os_wait(&visitors, inside, end - now);
}

void smal_os_statics_open(bool in_child)
{
	if (in_child)
		smal_atomic_store_u32(&visitors, visits > 0);
	else
		smal_atomic_add_u32(&visitors, 0 - CLOSED);
	smal_os_wake(&visitors);
}
