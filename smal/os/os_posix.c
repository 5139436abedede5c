/* SPDX-License-Identifier: MIT */
/*
 * os_posix.c: memory, time and locks on Linux and its like.
 *
 * A reservation is a private mapping with no access and no swap accounted
 * (MAP_NORESERVE): it costs a mapping and no memory, and is not counted by
 * overcommit. Committing is mprotect; neighbours that were committed earlier
 * join their mapping, so the number of mappings stays small as long as callers
 * commit in address order. Discarding is MADV_DONTNEED and leaves mappings
 * alone; it fails on locked memory, and callers live with that.
 *
 * ENOMEM, EAGAIN and the like come back as false; errno is kept, for malloc's
 * sake.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <smal/os/os.h>
#include <smal/base/atomic.h>

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile AO_t failures;

struct smal_os_lock smal_os_process_lock = SMAL_OS_LOCK_INIT;
struct smal_os_lock smal_os_instances_lock = SMAL_OS_LOCK_INIT;
struct smal_os_lock smal_os_heaps_lock = SMAL_OS_LOCK_INIT;

static bool check(int result, int saved_errno)
{
	if (result == 0)
		return true;
	smal_atomic_add(&failures, 1);
	errno = saved_errno;
	return false;
}

size_t smal_os_page_bytes(void)
{
	static volatile AO_t page_bytes;
	uintptr_t bytes = smal_atomic_load_relaxed(&page_bytes);

	if (bytes == 0) {
		long answer = sysconf(_SC_PAGESIZE);

		bytes = answer > 0 ? (uintptr_t)answer : 4096;
		smal_atomic_store_relaxed(&page_bytes, bytes);
	}
	return bytes;
}

void *smal_os_reserve(size_t bytes)
{
	int saved_errno = errno;
	void *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	                  -1, 0);

	return check(base == MAP_FAILED, saved_errno) ? base : NULL;
}

bool smal_os_commit(void *base, size_t bytes)
{
	int saved_errno = errno;

	if (!check(mprotect(base, bytes, PROT_READ | PROT_WRITE), saved_errno))
		return false;
	smal_os_tool_allow(base, bytes);
	return true;
}

bool smal_os_discard(void *base, size_t bytes)
{
	int saved_errno = errno;

	return check(madvise(base, bytes, MADV_DONTNEED), saved_errno);
}

bool smal_os_move(void *from, void *to, size_t bytes)
{
#if defined(MREMAP_FIXED) && defined(MREMAP_DONTUNMAP)
	int saved_errno = errno;
	void *moved = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);

	return check(moved == MAP_FAILED, saved_errno);
#else
	(void)from;
	(void)to;
	(void)bytes;
	return false;
#endif
}

bool smal_os_renew(void *base, size_t bytes)
{
	int saved_errno = errno;
	void *renewed = mmap(base, bytes, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return check(renewed == MAP_FAILED, saved_errno);
}

bool smal_os_release(void *base, size_t bytes)
{
	int saved_errno = errno;

	return check(munmap(base, bytes), saved_errno);
}

void smal_os_huge(void *base, size_t bytes, bool on)
{
#ifdef MADV_HUGEPAGE
	int saved_errno = errno;

	if (madvise(base, bytes, on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) != 0)
		errno = saved_errno;
#else
	(void)base;
	(void)bytes;
	(void)on;
#endif
}

int smal_os_errno(void)
{
	return errno;
}

void smal_os_errno_restore(int saved)
{
	errno = saved;
}

void smal_os_errno_set(enum smal_os_errno why)
{
	errno = why == SMAL_OS_NO_MEMORY ? ENOMEM : EINVAL;
}

uint64_t smal_os_failures(void)
{
	return smal_atomic_load(&failures);
}

uint64_t smal_os_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void smal_os_lock_init(struct smal_os_lock *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
}

void smal_os_lock_take(struct smal_os_lock *lock)
{
	int result = pthread_mutex_lock(&lock->mutex);

	SMAL_ASSERT(result == 0);
}

void smal_os_lock_give(struct smal_os_lock *lock)
{
	int result = pthread_mutex_unlock(&lock->mutex);

	SMAL_ASSERT(result == 0);
}

__thread char smal_os_thread_place __attribute__((tls_model("initial-exec")));
