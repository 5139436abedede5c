/* SPDX-License-Identifier: MIT */
/*
 * refuse.c: in front of the C library, and the sweep (refuse.h).
 *
 * A call is the collector's if it returns into libgc.so.1. All counters are atomic, since
 * any thread may call; refusals begin and end while the others wait.
 */
#define _GNU_SOURCE
/* The names themselves, not what takes their places in a fortified build. */
#undef _FORTIFY_SOURCE
#include "test/libgc/refuse.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that takes longer hangs. */
enum { CHILD_SECONDS = 60 };

/* How a child ends: there was no such call; there was, and nobody was told; or somebody
 * was. */
enum { NOT_REACHED = 10, SURVIVED, FAILED };

static const struct refuse_scenario *scenario;
static unsigned sorts;
static unsigned long nth;
static bool persistent;

static unsigned long calls, failures;
static bool refusing, ended;
/* The collector's code. */
static uintptr_t code_base, code_limit;

static __thread unsigned told, told_before;
static __thread size_t told_bytes;

/* ---- In front of the C library ---- */

static int find_code(struct dl_phdr_info *info, size_t bytes, void *address)
{
	(void)bytes;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t base = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uintptr_t limit = base + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && (uintptr_t)address >= base &&
		    (uintptr_t)address < limit) {
			code_base = base;
			code_limit = limit;
		}
	}
	return 0;
}

/* Counts a call; true if it is to fail. */
static bool is_refused(unsigned sort, const void *caller, int error)
{
	unsigned long n;

	if (!__atomic_load_n(&refusing, __ATOMIC_ACQUIRE) || (sorts & sort) == 0 ||
	    (uintptr_t)caller < code_base || (uintptr_t)caller >= code_limit)
		return false;
	n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (n != nth && !(persistent && n > nth))
		return false;
	errno = error;
	return true;
}

#define IS_REFUSED(sort, error) is_refused(sort, __builtin_return_address(0), error)

/* A function in front of the C library's of the same name. */
#define IN_FRONT(result, name, parameters, arguments, sort, error, wrong)         \
	result name parameters                                                    \
	{                                                                         \
		static result(*real) parameters;                                  \
		if (IS_REFUSED(sort, error))                                      \
			return wrong;                                             \
		if (__atomic_load_n(&real, __ATOMIC_RELAXED) == NULL)             \
			__atomic_store_n((void **)&real, dlsym(RTLD_NEXT, #name), \
			                 __ATOMIC_RELAXED);                       \
		return real arguments;                                            \
	}

#define MAP_PARAMETERS (void *base, size_t bytes, int protection, int flags, int file, off_t at)

IN_FRONT(void *, mmap, MAP_PARAMETERS, (base, bytes, protection, flags, file, at), REFUSE_MAP,
         ENOMEM, MAP_FAILED)
IN_FRONT(int, munmap, (void *base, size_t bytes), (base, bytes), REFUSE_UNMAP, ENOMEM, -1)
IN_FRONT(int, mprotect, (void *base, size_t bytes, int how), (base, bytes, how), REFUSE_PROTECT,
         ENOMEM, -1)
IN_FRONT(int, madvise, (void *base, size_t bytes, int how), (base, bytes, how), REFUSE_ADVISE,
         ENOMEM, -1)
IN_FRONT(int, pthread_create,
         (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *),
          void *argument),
         (thread, attributes, start, argument), REFUSE_THREAD, EAGAIN, EAGAIN)
IN_FRONT(ssize_t, read, (int file, void *text, size_t bytes), (file, text, bytes), REFUSE_FILE, EIO,
         -1)
IN_FRONT(int, pthread_key_create, (pthread_key_t * key, void (*end)(void *)), (key, end),
         REFUSE_ONCE, EAGAIN, EAGAIN)
IN_FRONT(int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value),
         REFUSE_STATE, ENOMEM, ENOMEM)
IN_FRONT(int, pthread_getattr_np, (pthread_t thread, pthread_attr_t *attributes),
         (thread, attributes), REFUSE_STATE, ENOMEM, ENOMEM)
IN_FRONT(int, sched_getaffinity, (pid_t process, size_t bytes, cpu_set_t *set),
         (process, bytes, set), REFUSE_STATE, EINVAL, -1)

/* What pthread_atfork is, where the library calls it. */
int __register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void),
                      void *object);
IN_FRONT(int, __register_atfork,
         (void (*before)(void), void (*parent)(void), void (*child)(void), void *object),
         (before, parent, child, object), REFUSE_ONCE, ENOMEM, ENOMEM)

/* Those of any number of arguments: as many as the library has. */

void *mremap(void *base, size_t bytes, size_t new_bytes, int flags, ...)
{
	va_list arguments;
	void *to;

	va_start(arguments, flags);
	to = va_arg(arguments, void *);
	va_end(arguments);
	if (IS_REFUSED(REFUSE_MAP, ENOMEM))
		return MAP_FAILED;
	return (void *)syscall(SYS_mremap, base, bytes, new_bytes, flags, to);
}

int open(const char *name, int flags, ...)
{
	va_list arguments;
	int mode;

	va_start(arguments, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
	va_end(arguments);
	return IS_REFUSED(REFUSE_FILE, EMFILE) ? -1 : openat(AT_FDCWD, name, flags, mode);
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	va_list arguments;
	long words[6];

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		words[i] = va_arg(arguments, long);
	va_end(arguments);
	/* Not futexes: no program goes on without them. */
	if (number == SYS_membarrier && IS_REFUSED(REFUSE_BARRIER, ENOSYS))
		return -1;
	if (__atomic_load_n(&real, __ATOMIC_RELAXED) == NULL)
		__atomic_store_n((void **)&real, dlsym(RTLD_NEXT, "syscall"), __ATOMIC_RELAXED);
	return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* ---- In a child ---- */

void refuse_begin(void)
{
	dl_iterate_phdr(find_code, dlsym(RTLD_DEFAULT, "GC_gcollect"));
	/* Resolved beforehand: the loader may need memory for it. */
	munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	__atomic_store_n(&refusing, true, __ATOMIC_RELEASE);
}

void refuse_end(void)
{
	__atomic_store_n(&refusing, false, __ATOMIC_RELEASE);
	__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
}

static const char *mode_name(void)
{
	return !persistent           ? ""
	       : sorts == REFUSE_ALL ? " and all that follow"
	                             : " and all of its sort";
}

void refuse_demanded(const char *condition, const char *file, int line)
{
	refuse_end();
	fprintf(stderr, "%s:%d:E:%s, sorts %#x, call %lu%s: failed: %s\n", file, line,
	        scenario->name, sorts, nth, mode_name(), condition);
	_exit(1);
}

static void *on_oom(size_t bytes)
{
	told++;
	told_bytes = bytes;
	return NULL;
}

static void on_warning(char *message, GC_word argument)
{
	(void)argument;
	if (!abi_on_stock())
		refuse_demanded(message, __FILE__, __LINE__);
}

void refuse_init(void)
{
	GC_INIT();
	GC_set_warn_proc(on_warning);
	GC_set_oom_fn(on_oom);
}

unsigned refuse_failures(void)
{
	return (unsigned)__atomic_load_n(&failures, __ATOMIC_RELAXED);
}

bool refuse_error(bool failed)
{
	DEMAND(!failed || !__atomic_load_n(&ended, __ATOMIC_ACQUIRE));
	if (failed)
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	told_before = told;
	return failed;
}

bool refuse_failed(bool failed)
{
	DEMAND(failed ? told != told_before : told == told_before);
	return refuse_error(failed);
}

bool refuse_told(void)
{
	return refuse_failed(told != told_before);
}

void *refuse_got(void *object, size_t bytes)
{
	if (refuse_failed(object == NULL))
		DEMAND(told_bytes >= bytes);
	return object;
}

static int run(void)
{
	int status = -1;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		alarm(CHILD_SECONDS);
		if (!abi_on_stock())
			setenv("SMAL_OPTIONS", scenario->options, 1);
		/* It can't do without the call that gives memory back. */
		setenv("GC_UNMAP_THRESHOLD", "0", 1);
		scenario->run();
		_exit(calls < nth ? NOT_REACHED : failures == 0 ? SURVIVED : FAILED);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) >= NOT_REACHED,
	              "%s, sorts %#x, call %lu%s: status %#x", scenario->name, sorts, nth,
	              mode_name(), status);
	return WEXITSTATUS(status);
}

/* ---- The sweep ---- */

static unsigned long runs, runs_failed;

/* One way of refusing, call by call; where there are many, some of them. */
static void sweep(unsigned of, bool on)
{
	bool all_of_them = test_long() || (of & ~(unsigned)REFUSE_SELDOM) == 0;
	unsigned failed = 0;
	int result;

	sorts = of;
	persistent = on;
	for (nth = 1; of != 0; nth += all_of_them ? 1 : 1 + nth / 3) {
		result = run();
		if (result == NOT_REACHED)
			break;
		runs++;
		failed += result == FAILED;
	}
	runs_failed += failed;
	if ((of & ~scenario->unseen) == 0)
		ck_assert_uint_eq(failed, 0);
}

static const struct refuse_scenario *all;
static int all_count;
static const char *all_name;

START_TEST(test_refused)
{
	unsigned may;

	scenario = &all[_i];
	may = abi_on_stock() ? scenario->stock : scenario->ours;
	runs = runs_failed = 0;
	/* Without refusals: all goes well. */
	sorts = REFUSE_ALL;
	nth = ~0ul;
	ck_assert_int_eq(run(), NOT_REACHED);
	sweep(may, false);
	sweep(may, true);
	for (unsigned sort = 1; sort < 1 << REFUSE_SORTS; sort <<= 1) {
		sweep(may & sort, true);
		sweep(may & sort & REFUSE_SELDOM, false);
	}
	printf("%s: %lu runs with refusals, %lu of them were told\n", scenario->name, runs,
	       runs_failed);
	fflush(stdout);
	if (may != 0)
		ck_assert_uint_gt(runs_failed, 0);
}
END_TEST

static Suite *refuse_suite(void)
{
	Suite *suite = suite_create(all_name);
	TCase *refused = tcase_create("refused");

	tcase_add_loop_test(refused, test_refused, 0, all_count);
	suite_add_tcase(suite, refused);
	return suite;
}

int refuse_main(const char *name, const struct refuse_scenario *scenarios, int count)
{
	all = scenarios;
	all_count = count;
	all_name = name;
	return abi_main(refuse_suite);
}
