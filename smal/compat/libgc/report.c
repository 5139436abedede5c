/* SPDX-License-Identifier: MIT */
/*
 * report.c: counts and messages.
 */
#include <smal/compat/libgc/libgc.h>
#include <smal/os/os.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Counts ---- */

/* What the program has asked for beforehand is heap, if free. */
size_t GC_get_heap_size(void)
{
	return bdw_gc != NULL
	               ? smal_max(smal_gc_heap_bytes(bdw_gc), smal_max(bdw_expanded, 1 << 16))
	               : 0;
}

static void get_stats(struct smal_gc_stats *stats)
{
	unsigned depth = bdw_lock_drop();

	*stats = (struct smal_gc_stats){ 0 };
	if (bdw_gc != NULL && !bdw_local.collecting)
		smal_gc_get_stats(bdw_gc, stats);
	bdw_lock_retake(depth);
}

size_t GC_get_free_bytes(void)
{
	struct smal_gc_stats stats;

	get_stats(&stats);
	return GC_get_heap_size() - (size_t)stats.objects.live_bytes;
}

/* What goes back to the system is no part of the heap. */
size_t GC_get_unmapped_bytes(void)
{
	return 0;
}

size_t GC_get_bytes_since_gc(void)
{
	return bdw_gc != NULL ? smal_gc_fresh_bytes(bdw_gc) : 0;
}

size_t GC_get_expl_freed_bytes_since_gc(void)
{
	return 0;
}

size_t GC_get_total_bytes(void)
{
	struct smal_gc_stats stats;

	get_stats(&stats);
	return (size_t)stats.objects.allocated_bytes;
}

size_t GC_get_obtained_from_os_bytes(void)
{
	struct smal_space_stats stats;

	smal_get_space_stats(&stats);
	return (size_t)stats.committed_bytes;
}

size_t GC_get_memory_use(void)
{
	return GC_get_heap_size() - GC_get_free_bytes();
}

/* No table of sizes: those of the classes. */
size_t GC_get_size_map_at(int index)
{
	if (index < 0 || index > 2048)
		return SIZE_MAX;
	return smal_class_bytes(smal_class_index((size_t)index + bdw_spare));
}

bdw_word GC_get_gc_no(void)
{
	return GC_gc_no;
}

void GC_get_heap_usage_safe(bdw_word *heap, bdw_word *free_bytes, bdw_word *unmapped,
                            bdw_word *since_gc, bdw_word *total)
{
	struct smal_gc_stats stats;

	get_stats(&stats);
	if (heap != NULL)
		*heap = GC_get_heap_size();
	if (free_bytes != NULL)
		*free_bytes = GC_get_heap_size() - (bdw_word)stats.objects.live_bytes;
	if (unmapped != NULL)
		*unmapped = 0;
	if (since_gc != NULL)
		*since_gc = GC_get_bytes_since_gc();
	if (total != NULL)
		*total = (bdw_word)stats.objects.allocated_bytes;
}

size_t GC_get_prof_stats(struct bdw_prof_stats *result, size_t bytes)
{
	struct bdw_prof_stats all = { 0 };
	struct smal_gc_stats stats;

	get_stats(&stats);
	all.heap_bytes = GC_get_heap_size();
	all.free_bytes = all.heap_bytes - (bdw_word)stats.objects.live_bytes;
	all.fresh_bytes = GC_get_bytes_since_gc();
	all.before_bytes = (bdw_word)stats.objects.allocated_bytes - all.fresh_bytes;
	all.non_gc_bytes = GC_non_gc_bytes;
	all.gc_no = GC_gc_no;
	all.helpers = (bdw_word)GC_get_parallel();
	all.reclaimed_before_bytes = (bdw_word)stats.objects.freed_bytes;
	all.os_bytes = GC_get_obtained_from_os_bytes();
	/* Fields that nobody here knows of. */
	if (bytes > sizeof all)
		memset((char *)result + sizeof all, 0xff, bytes - sizeof all);
	memcpy(result, &all, smal_min(bytes, sizeof all));
	return smal_min(bytes, sizeof all);
}

size_t GC_get_prof_stats_unsafe(struct bdw_prof_stats *result, size_t bytes)
{
	return GC_get_prof_stats(result, bytes);
}

/* It is measured in any case. */
void GC_start_performance_measurement(void)
{
}

unsigned long GC_get_full_gc_total_time(void)
{
	return (unsigned long)(bdw_pause_sum_ns / 1000000);
}

/* For who allocates without calling in: nobody can, here. */
void GC_incr_bytes_allocd(size_t bytes)
{
	(void)bytes;
}

void GC_incr_bytes_freed(size_t bytes)
{
	(void)bytes;
}

/* ---- Messages ---- */

static void put(int file, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void put(int file, const char *format, va_list arguments)
{
	char text[1024];
	int bytes = vsnprintf(text, sizeof text, format, arguments);
	int cancel = smal_os_cancel_disable();

	if (bytes > (int)sizeof text - 1)
		bytes = (int)sizeof text - 1;
	if (bytes > 0 && write(file, text, (size_t)bytes) < 0)
		bytes = 0; /* There is nobody to tell. */
	smal_os_cancel_restore(cancel);
}

void GC_printf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(1, format, arguments);
	va_end(arguments);
}

void GC_err_printf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(2, format, arguments);
	va_end(arguments);
}

void GC_log_printf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(bdw_log_fd, format, arguments);
	va_end(arguments);
}

void GC_set_log_fd(int file)
{
	bdw_log_fd = file;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void warn_by_default(char *format, bdw_word argument)
{
	char text[512];
	int bytes = snprintf(text, sizeof text, format, argument);

	if (bytes > 0)
		GC_err_printf("%s", text);
}
#pragma GCC diagnostic pop

static bdw_warn_proc *warn_proc = warn_by_default;

void bdw_warn(const char *format, uintptr_t argument)
{
	warn_proc((char *)(uintptr_t)format, argument);
}

void GC_ignore_warn_proc(char *format, bdw_word argument)
{
	(void)format;
	(void)argument;
}

void GC_set_warn_proc(bdw_warn_proc *proc)
{
	warn_proc = proc;
}

bdw_warn_proc *GC_get_warn_proc(void)
{
	return warn_proc;
}

static void abort_by_default(const char *message)
{
	if (message != NULL)
		GC_err_printf("%s\n", message);
}

bdw_abort_proc *GC_on_abort = abort_by_default;

void GC_set_abort_func(bdw_abort_proc *function)
{
	GC_on_abort = function;
}

bdw_abort_proc *GC_get_abort_func(void)
{
	return GC_on_abort;
}

void GC_abort_on_oom(void)
{
	GC_err_printf("GC: out of memory\n");
	GC_on_abort("Out of memory");
	abort();
}

void GC_set_oom_fn(bdw_oom_proc *function)
{
	GC_oom_fn = function;
}

bdw_oom_proc *GC_get_oom_fn(void)
{
	return GC_oom_fn;
}

void GC_noop1(bdw_word argument)
{
	__asm__ volatile("" : : "r"(argument));
}

/* ---- Dumps ---- */

void GC_dump_named(const char *name)
{
	struct smal_gc_stats stats;

	get_stats(&stats);
	GC_printf("%s%s%lu collections, %llu live objects of %llu bytes, heap of %llu bytes\n",
	          name != NULL ? name : "", name != NULL ? ": " : "", (unsigned long)GC_gc_no,
	          (unsigned long long)stats.objects.live_objects,
	          (unsigned long long)stats.objects.live_bytes,
	          (unsigned long long)stats.objects.heap_bytes);
	GC_dump_finalization();
}

void GC_dump(void)
{
	GC_dump_named(NULL);
}

void GC_dump_regions(void)
{
	GC_dump_named("regions");
}

void GC_print_free_list(int kind, size_t granules)
{
	GC_printf("kind %d, %zu bytes: free slots are found by masks, not on a list\n", kind,
	          granules * 16);
}
