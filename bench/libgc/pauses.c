/* SPDX-License-Identifier: MIT */
/*
 * pauses.c: what the collector of a program costs it, measured from outside: a
 * library that is loaded before any other (LD_PRELOAD) and works beside every
 * libgc.so.1, ours as well as the system's.
 *
 *	program ---- GC_init, GC_expand_hp, GC_set_on_collection_event ----> here
 *	                                                                      |
 *	libgc.so.1 <----------------- the same, passed on --------------------+
 *	     |
 *	     +---- events: the world is about to stop, it runs again ... ---> here
 *
 * I1  libgc is never asked to start: the callback alone is set, and that before
 *     the program has called anything, or, where libgc comes later, by GC_init.
 * I2  A callback of the program's own is called for every event, and is what the
 *     program gets when it asks.
 * I3  A pause is from before the world stops until after it runs.
 *
 * At the end of a process in which there is a libgc.so.1, by exit or by _exit, the
 * figures go to the file $PAUSES_FILE.ID, with the process's number: lines of
 * "NAME VALUE UNIT" (bench/measure.h):
 *
 *	collections       what GC_get_gc_no says
 *	pauses            how often the world was stopped
 *	pause_sum_ms      for how long, together
 *	pause_max_ms      the longest of them
 *	collect_sum_ms    from start to end of collections, where libgc says both
 *	first_heap_bytes  what the program asks for in advance, by GC_expand_hp or in
 *	                  the environment, GC_INITIAL_HEAP_SIZE
 *
 * Events come from one thread at a time, which has libgc's lock. A process that
 * becomes another program says nothing of its time before.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

/* Numbers of events, as libgc has them. */
enum event { COLLECT_START = 0, COLLECT_END = 5, WORLD_STOPS = 6, WORLD_RUNS = 9 };

typedef void (*event_handler)(int event);

SHOWN void GC_init(void);
SHOWN int GC_expand_hp(size_t bytes);
SHOWN void GC_set_on_collection_event(event_handler handler);
SHOWN event_handler GC_get_on_collection_event(void);

static struct {
	uint64_t stop_ns, start_ns;
	uint64_t pauses, pause_sum_ns, pause_max_ns, collect_sum_ns, first_heap_bytes;
} figures;
static event_handler program_handler;

/* libgc's count of collections, once it is there, and what it was when this process
   began. */
static unsigned long (*collections)(void);
static unsigned long collections_before;

/* The process that the figures are of; no other writes them. */
static pid_t own_id;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A function of libgc's, also where it is none of the libraries that all see. */
static void *find(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	void *library;

	if (found)
		return found;
	library = dlopen("libgc.so.1", RTLD_LAZY | RTLD_NOLOAD);
	if (!library)
		return NULL;
	found = dlsym(library, name);
	dlclose(library);
	return found;
}

/* The same for one that the program has called, so it has to be there. */
static void *require(const char *name)
{
	void *found = find(name);

	if (!found) {
		fprintf(stderr, "pauses: no libgc.so.1 has %s\n", name);
		abort();
	}
	return found;
}

static void pause_end(void)
{
	uint64_t ns = now_ns() - figures.stop_ns;

	figures.pauses++;
	figures.pause_sum_ns += ns;
	if (ns > figures.pause_max_ns)
		figures.pause_max_ns = ns;
}

static void handle(int event)
{
	event_handler program = __atomic_load_n(&program_handler, __ATOMIC_ACQUIRE);

	if (event == WORLD_RUNS)
		pause_end();
	else if (event == COLLECT_END && figures.start_ns)
		figures.collect_sum_ns += now_ns() - figures.start_ns;
	if (program)
		program(event);
	if (event == WORLD_STOPS)
		figures.stop_ns = now_ns();
	else if (event == COLLECT_START)
		figures.start_ns = now_ns();
}

/* Functions come out of dlsym as objects. */
static void call_set_handler(void *set)
{
	((void (*)(event_handler))(uintptr_t)set)(handle);
}

static void attach(void)
{
	void *set = find("GC_set_on_collection_event");

	if (!set)
		return;
	collections = (unsigned long (*)(void))(uintptr_t)find("GC_get_gc_no");
	call_set_handler(set);
}

void GC_init(void)
{
	attach();
	((void (*)(void))(uintptr_t)require("GC_init"))();
}

int GC_expand_hp(size_t bytes)
{
	int done = ((int (*)(size_t))(uintptr_t)require("GC_expand_hp"))(bytes);

	if (done)
		figures.first_heap_bytes += bytes;
	return done;
}

void GC_set_on_collection_event(event_handler handler)
{
	__atomic_store_n(&program_handler, handler, __ATOMIC_RELEASE);
	call_set_handler(require("GC_set_on_collection_event"));
}

event_handler GC_get_on_collection_event(void)
{
	return __atomic_load_n(&program_handler, __ATOMIC_ACQUIRE);
}

/* A number with a suffix k, m or g, as in the environment. */
static uint64_t bytes_of(const char *text)
{
	char *end;
	uint64_t bytes = strtoull(text, &end, 10);

	switch (*end | 0x20) {
	case 'g':
		bytes <<= 10;
		/* fall through */
	case 'm':
		bytes <<= 10;
		/* fall through */
	case 'k':
		bytes <<= 10;
	}
	return bytes;
}

static void write_figures(int file)
{
	const char *heap = getenv("GC_INITIAL_HEAP_SIZE");
	uint64_t first = heap ? bytes_of(heap) : 0;

	if (first < figures.first_heap_bytes)
		first = figures.first_heap_bytes;
	dprintf(file, "collections %lu collections\npauses %llu pauses\n",
	        collections() - collections_before, (unsigned long long)figures.pauses);
	dprintf(file, "pause_sum_ms %.6f ms\npause_max_ms %.6f ms\ncollect_sum_ms %.6f ms\n",
	        (double)figures.pause_sum_ns / 1e6, (double)figures.pause_max_ns / 1e6,
	        (double)figures.collect_sum_ns / 1e6);
	dprintf(file, "first_heap_bytes %llu bytes\n", (unsigned long long)first);
}

/* Once, and not in a process that only borrows the memory, as after vfork. */
static void finish(void)
{
	static int finished;
	const char *prefix = getenv("PAUSES_FILE");
	char path[4096];
	int file;

	if (!prefix || !collections || getpid() != own_id || finished++)
		return;
	snprintf(path, sizeof path, "%s.%ld", prefix, (long)own_id);
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (file < 0)
		return;
	write_figures(file);
	close(file);
}

/* A child counts from nothing. */
static void forked(void)
{
	own_id = getpid();
	collections_before = collections ? collections() : 0;
	figures.pauses = figures.pause_sum_ns = figures.pause_max_ns = 0;
	figures.collect_sum_ns = figures.start_ns = 0;
}

__attribute__((constructor)) static void begin(void)
{
	own_id = getpid();
	pthread_atfork(NULL, NULL, forked);
	attach();
}

__attribute__((destructor)) static void end(void)
{
	finish();
}

/* What ends a process without its destructors. */
SHOWN _Noreturn void _exit(int status)
{
	finish();
	for (;;)
		syscall(SYS_exit_group, status);
}

SHOWN _Noreturn void _Exit(int status)
{
	_exit(status);
}
