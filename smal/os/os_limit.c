/* SPDX-License-Identifier: MIT */
/*
 * os_limit.c: how many processors the process may use; how much memory: the limit
 * of its control group, from /proc/self/cgroup and the files below /sys/fs/cgroup.
 *
 * Of the second version every group on the way to the root has a limit of its
 * own, and the least one counts; of the first version there is one number, and
 * in a container it stands at the root. Whatever can't be read is no limit.
 * The files are read once. And whether a huge page that was asked for may be waited
 * for.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <smal/os/os.h>
#include <smal/base/atomic.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <errno.h>

/* The text of a small file; false if it can't be read. */
static bool read_file(const char *name, char *text, size_t bytes)
{
	int cancel = smal_os_cancel_disable();
	int file = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (file >= 0) {
		n = read(file, text, bytes - 1);
		close(file);
	}
	smal_os_cancel_restore(cancel);
	if (n <= 0)
		return false;
	text[n] = 0;
	return true;
}

/* The number in a file, or SIZE_MAX; "max" is no number. */
static size_t read_limit(const char *folder, const char *path, const char *name)
{
	char file[640], text[64], *end;
	unsigned long long bytes;

	if ((size_t)snprintf(file, sizeof file, "%s%s/%s", folder, path, name) >= sizeof file ||
	    !read_file(file, text, sizeof text))
		return SIZE_MAX;
	bytes = strtoull(text, &end, 10);
	return end == text || bytes == 0 || bytes >= SIZE_MAX / 2 ? SIZE_MAX : (size_t)bytes;
}

/* The path that the process has in a hierarchy: the rest of the line of
 * /proc/self/cgroup that has `key` between its colons. False: no such line. */
static bool group_path(const char *lines, const char *key, char *path, size_t bytes)
{
	const char *line = lines, *at;
	size_t n;

	for (; line != NULL && *line != 0; line = strchr(line, '\n')) {
		line += *line == '\n';
		at = strchr(line, ':');
		if (at == NULL || strncmp(at + 1, key, strlen(key)) != 0)
			continue;
		at += 1 + strlen(key);
		n = strcspn(at, "\n");
		if (n >= bytes)
			return false;
		memcpy(path, at, n);
		path[n] = 0;
		return true;
	}
	return false;
}

static size_t read_all(void)
{
	char lines[2048], path[512], *slash;
	int saved_errno = errno;
	size_t limit = SIZE_MAX;

	if (!read_file("/proc/self/cgroup", lines, sizeof lines))
		lines[0] = 0;
	if (!group_path(lines, ":", path, sizeof path))
		path[0] = 0;
	for (;;) {
		limit = smal_min(limit, read_limit("/sys/fs/cgroup", path, "memory.max"));
		slash = strrchr(path, '/');
		if (slash == NULL)
			break;
		*slash = 0;
	}
	if (group_path(lines, "memory:", path, sizeof path))
		limit = smal_min(limit, read_limit("/sys/fs/cgroup/memory", path,
		                                   "memory.limit_in_bytes"));
	limit = smal_min(limit, read_limit("/sys/fs/cgroup/memory", "", "memory.limit_in_bytes"));
	errno = saved_errno;
	return limit;
}

size_t smal_os_memory_limit(void)
{
	static volatile AO_t known;
	size_t limit = smal_atomic_load_relaxed(&known);

	if (limit == 0) {
		limit = read_all();
		smal_atomic_store_relaxed(&known, limit);
	}
	return limit;
}

bool smal_os_huge_stalls(void)
{
	enum { UNKNOWN, STALLS, DOES_NOT };
	static volatile AO_t answer;
	char text[128];

	if (smal_atomic_load_relaxed(&answer) == UNKNOWN) {
		bool waits = !read_file("/sys/kernel/mm/transparent_hugepage/defrag", text, sizeof text) ||
		             (strstr(text, "[defer]") == NULL && strstr(text, "[never]") == NULL);

		smal_atomic_store_relaxed(&answer, waits ? STALLS : DOES_NOT);
	}
	return smal_atomic_load_relaxed(&answer) == STALLS;
}

unsigned smal_os_processors(void)
{
	int saved_errno = errno;
	long count = 0;
#ifdef CPU_COUNT
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		count = CPU_COUNT(&set);
#endif
	if (count < 1)
		count = sysconf(_SC_NPROCESSORS_ONLN);
	errno = saved_errno;
	return count < 1 ? 1 : (unsigned)count;
}
