/* SPDX-License-Identifier: MIT */
/*
 * init.c: the collector of libgc.so.1: made at the first call of any kind.
 *
 * Programs may allocate before they call GC_init, or never call it; what they set
 * before (interior pointers, the suspend signal) counts from then on. The environment is
 * read once:
 *
 *   GC_INITIAL_HEAP_SIZE  bytes (k, M, G) that the heap may grow to before it collects
 *   GC_MAXIMUM_HEAP_SIZE  the hard limit
 *   GC_FREE_SPACE_DIVISOR as GC_set_free_space_divisor
 *   GC_MARKERS, GC_NPROCS threads that mark
 *   GC_PRINT_STATS        a line for each collection; GC_PRINT_VERBOSE_STATS, alike
 *   GC_LOG_FILE           where it goes instead of standard error
 *   GC_DONT_GC            no collection at all
 *   GC_ALL_INTERIOR_POINTERS  as GC_set_all_interior_pointers(1)
 */
#include <smal/compat/libgc/libgc.h>
#include <smal/os/os.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Programs come and go, and what they freed is soon somebody else's. */
enum { DECAY_MS = 50 };

struct smal_gc *bdw_gc;
int bdw_print_stats, bdw_log_fd = 2;

static pthread_mutex_t init_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned markers;
static size_t limit_bytes;
static int suspend_signal = SIGPWR, restart_signal = SIGXCPU;

/* ---- The environment ---- */

/* A size with a suffix, or 0. */
static size_t env_bytes(const char *name)
{
	const char *text = getenv(name);
	unsigned long long value;
	char *end;

	if (text == NULL || *text == 0)
		return 0;
	value = strtoull(text, &end, 0);
	switch (*end) {
	case 'k':
	case 'K':
		return (size_t)(value << 10);
	case 'm':
	case 'M':
		return (size_t)(value << 20);
	case 'g':
	case 'G':
		return (size_t)(value << 30);
	default:
		return *end == 0 ? (size_t)value : 0;
	}
}

static int env_flag(const char *name)
{
	const char *text = getenv(name);

	return text != NULL && strcmp(text, "0") != 0;
}

static unsigned env_number(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static void read_environment(void)
{
	const char *log_file = getenv("GC_LOG_FILE");
	unsigned divisor = env_number("GC_FREE_SPACE_DIVISOR");

	if (env_flag("GC_PRINT_STATS") || env_flag("GC_PRINT_VERBOSE_STATS"))
		bdw_print_stats = env_flag("GC_PRINT_VERBOSE_STATS") ? 2 : 1;
	if (log_file != NULL && *log_file != 0) {
		int file = open(log_file, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);

		bdw_log_fd = file >= 0 ? file : bdw_log_fd;
	}
	if (env_flag("GC_DONT_GC"))
		GC_dont_gc = 1;
	if (env_flag("GC_ALL_INTERIOR_POINTERS"))
		GC_all_interior_pointers = 1;
	if (divisor != 0)
		GC_free_space_divisor = divisor;
	if (markers == 0)
		markers = env_number("GC_MARKERS");
	if (markers == 0)
		markers = env_number("GC_NPROCS");
	bdw_expanded += env_bytes("GC_INITIAL_HEAP_SIZE");
	if (limit_bytes == 0)
		limit_bytes = env_bytes("GC_MAXIMUM_HEAP_SIZE");
}

/* ---- A caller's mistakes ---- */

/* Goes to the program as a warning, and the program goes on. */
static void on_report(const struct smal_report *report, void *user)
{
	char text[256];

	(void)user;
	snprintf(text, sizeof text, "GC Warning: %s: %s: %%p is %s\n", report->function,
	         report->what, report->detail);
	bdw_warn(text, (uintptr_t)report->pointer);
}

/* ---- The collector ---- */

static void on_weak(struct smal_marker *marker, enum smal_weak_stage stage, void *user)
{
	(void)user;
	switch (stage) {
	case SMAL_WEAK_SHORT_STAGE:
		bdw_togglerefs_clear(marker);
		bdw_links_clear(marker, false);
		break;
	case SMAL_WEAK_FINAL_STAGE:
		bdw_disclaim(marker);
		bdw_finalizers_decide(marker);
		break;
	case SMAL_WEAK_LONG_STAGE:
		bdw_links_clear(marker, true);
		bdw_links_forget(marker);
		break;
	}
}

static bool create(void)
{
	struct smal_gc_options options = { .options_bytes = sizeof options,
		                           .stop_signal = suspend_signal,
		                           .markers = markers,
		                           .decay_ms = DECAY_MS,
		                           .plain_pages = 1,
		                           .limit_bytes = limit_bytes };
	struct smal_gc *gc;

	smal_error_set_sink(on_report, NULL);
	if (smal_gc_create(&options, &gc) != SMAL_OK)
		return false;
	bdw_gc = gc;
	if (smal_gc_set_weak(gc, on_weak, NULL) != SMAL_OK ||
	    smal_gc_set_events(gc, bdw_event, NULL) != SMAL_OK ||
	    smal_root_add_static_if(gc, bdw_static_wanted, NULL) != SMAL_OK ||
	    smal_root_add_function(gc, bdw_roots_mark, &bdw_gc, "libgc's roots") != SMAL_OK ||
	    !bdw_kinds_init() || !bdw_fork_init()) {
		bdw_gc = NULL;
		smal_gc_destroy(gc);
		return false;
	}
	bdw_pace();
	bdw_automatic = GC_dont_gc == 0;
	smal_gc_set_automatic(gc, bdw_automatic && !GC_get_disable_automatic_collection());
	return true;
}

bool bdw_init(void)
{
	static volatile bool done;
	static bool is_read;
	bool made;
	int cancel;

	if (__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		return true;
	cancel = smal_os_cancel_disable();
	pthread_mutex_lock(&init_mutex);
	made = bdw_gc != NULL;
	if (!made) {
		if (!is_read)
			read_environment();
		is_read = true;
		made = create();
		__atomic_store_n(&done, made, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&init_mutex);
	smal_os_cancel_restore(cancel);
	return made;
}

void GC_init(void)
{
	bool was_blocking;

	bdw_wake(&was_blocking);
	bdw_resume(was_blocking);
}

int GC_is_init_called(void)
{
	return bdw_gc != NULL;
}

/* The process's end does what there is to do. */
void GC_deinit(void)
{
}

/* 8.2.2, as the system's. */
unsigned GC_get_version(void)
{
	return 8u << 16 | 2u << 8 | 2u;
}

/* ---- What counts only before the beginning ---- */

void GC_set_markers_count(unsigned count)
{
	markers = count < 256 ? count : 256;
}

void GC_start_mark_threads(void)
{
}

void GC_set_suspend_signal(int number)
{
	if (bdw_gc == NULL)
		suspend_signal = number;
}

int GC_get_suspend_signal(void)
{
	return suspend_signal;
}

/* Threads go on without a signal; programs keep it unblocked all the same. */
void GC_set_thr_restart_signal(int number)
{
	if (bdw_gc == NULL)
		restart_signal = number;
}

int GC_get_thr_restart_signal(void)
{
	return restart_signal;
}

/* The others, or 0 where one thread marks. */
int GC_get_parallel(void)
{
	return markers > 1 ? (int)markers - 1 : GC_parallel;
}

void GC_set_max_heap_size(bdw_word bytes)
{
	limit_bytes = bytes;
	if (bdw_gc != NULL && smal_gc_set_limit(bdw_gc, bytes) != SMAL_OK)
		bdw_warn("GC Warning: %p bytes of heap are in use already\n", bytes);
}
