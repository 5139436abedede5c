/* SPDX-License-Identifier: MIT */
/*
 * work.c: the table of workloads, and memory that is measured without allocating.
 *
 * usage: handles-work WORKLOAD [NAME=VALUE ...]
 */
#define _GNU_SOURCE

#include "work.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if SHIM_HANDLES
struct smal_handle_heap *shim_heap;
#endif

static const struct workload {
	const char *name;
	void (*run)(void);
} workloads[] = {
	{ "replay", replay },
	{ "pairs", pairs },
#if SHIM_HANDLES
	{ "compact", compact },
#endif
};

void *work_pages(size_t bytes)
{
	void *base = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (base == MAP_FAILED)
		measure_fail("no memory");
	return base;
}

/* A value in KiB of a file in /proc/self; stdio would allocate. */
static uint64_t proc_bytes(const char *path, const char *field)
{
	static char text[8192];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	char *found;

	if (file < 0)
		measure_fail(path);
	length = read(file, text, sizeof text - 1);
	close(file);
	text[length > 0 ? length : 0] = '\0';
	found = strstr(text, field);
	if (!found)
		measure_fail(path);
	return strtoull(found + strlen(field), NULL, 10) * 1024;
}

/* The counters of status lag behind by some pages for each processor. */
uint64_t work_resident_bytes(void)
{
	return proc_bytes("/proc/self/smaps_rollup", "\nRss:");
}

uint64_t work_peak_bytes(void)
{
	return proc_bytes("/proc/self/status", "\nVmHWM:");
}

void work_peak_reset(void)
{
	int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, "5", 1) != 1)
		measure_fail("/proc/self/clear_refs");
	close(file);
}

int main(int count, char **arguments)
{
	size_t i;

	for (i = 0; count > 1 && i < sizeof workloads / sizeof workloads[0]; i++) {
		if (strcmp(arguments[1], workloads[i].name))
			continue;
		measure_arguments(count - 2, arguments + 2);
		workloads[i].run();
		measure_arguments_done();
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fprintf(stderr, "usage: handles-work WORKLOAD [NAME=VALUE ...]\n");
	return 2;
}
