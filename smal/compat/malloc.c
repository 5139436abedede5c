/* SPDX-License-Identifier: MIT */
/*
 * malloc.c: the C library's names for the default heap: libsmal-malloc.so.
 *
 * Put in front of a program (LD_PRELOAD, or smal-run --malloc), every allocation of
 * it and of its libraries is the heap's: malloc(3), posix_memalign(3),
 * malloc_usable_size(3) and what belongs to them, with the errors and alignments
 * that glibc documents. operator new and delete of C++ come here through malloc and
 * free.
 *
 * The default heap is made at the first call, before main and before constructors;
 * its thread-local words are in the static block (initial-exec), so that no call
 * allocates behind our back.
 */
#include <smal/compat/malloc.h>
#include <smal/heap/guard.h>
#include <smal/base/fail.h>

#include <errno.h>
#include <malloc.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- Allocating ---- */

EXPORT void *malloc(size_t bytes)
{
	void *block;

	if (SMAL_LIKELY(smal_cache_pop(smal_cache_current, bytes, &block)))
		return block;
	return smal_heap_alloc_slow(NULL, bytes);
}

EXPORT void *calloc(size_t count, size_t bytes)
{
	return smal_heap_alloc_zeroed(NULL, count, bytes);
}

/* glibc's: realloc(p, 0) frees p. */
EXPORT void *realloc(void *block, size_t bytes)
{
	if (bytes != 0 || block == NULL)
		return smal_heap_realloc_as(NULL, block, bytes, "realloc");
	smal_heap_free_slow(NULL, block, "realloc");
	return NULL;
}

EXPORT void *reallocarray(void *block, size_t count, size_t bytes)
{
	if (__builtin_mul_overflow(count, bytes, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, bytes);
}

/* ---- Freeing ---- */

EXPORT void free(void *block)
{
	if (SMAL_LIKELY(smal_cache_push(smal_cache_current, block)))
		return;
	smal_heap_free_slow(NULL, block, "free");
}

EXPORT void cfree(void *block)
{
	free(block);
}

/* C23: the size, or the alignment and the size, that were asked for. */
EXPORT void free_sized(void *block, size_t bytes)
{
	(void)bytes;
	free(block);
}

EXPORT void free_aligned_sized(void *block, size_t align_bytes, size_t bytes)
{
	(void)align_bytes;
	(void)bytes;
	free(block);
}

/* ---- Alignment ---- */

static void *aligned(size_t align_bytes, size_t bytes)
{
	return smal_heap_alloc_aligned(NULL, align_bytes, bytes);
}

EXPORT int posix_memalign(void **result, size_t align_bytes, size_t bytes)
{
	int saved_errno = errno;
	void *block;

	if (!smal_is_power_of_two(align_bytes) || align_bytes % sizeof(void *) != 0)
		return EINVAL;
	block = aligned(align_bytes, bytes);
	errno = saved_errno;
	if (block == NULL)
		return ENOMEM;
	*result = block;
	return 0;
}

/* glibc rounds an alignment that is no power of two up to one. */
EXPORT void *memalign(size_t align_bytes, size_t bytes)
{
	if (align_bytes > PTRDIFF_MAX) {
		errno = EINVAL;
		return NULL;
	}
	return aligned((size_t)1 << smal_log2_ceil(smal_max(align_bytes, 1)), bytes);
}

EXPORT void *aligned_alloc(size_t align_bytes, size_t bytes)
{
	if (!smal_is_power_of_two(align_bytes)) {
		errno = EINVAL;
		return NULL;
	}
	return aligned(align_bytes, bytes);
}

EXPORT void *valloc(size_t bytes)
{
	return aligned(smal_os_page_bytes(), bytes);
}

EXPORT void *pvalloc(size_t bytes)
{
	size_t page = smal_os_page_bytes();

	if (bytes > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	return aligned(page, smal_round_up(smal_max(bytes, 1), page));
}

/* ---- Looking and tuning ---- */

EXPORT size_t malloc_usable_size(void *block)
{
	return smal_heap_usable_bytes(NULL, block, "malloc_usable_size");
}

/* 1 if something went back. What is to be kept for later is not asked for here. */
EXPORT int malloc_trim(size_t keep)
{
	(void)keep;
	return smal_heap_trim(NULL) != 0;
}

/* Nothing that glibc tunes has a meaning here. 1: success. */
EXPORT int mallopt(int parameter, int value)
{
	(void)parameter;
	(void)value;
	return 1;
}

EXPORT struct mallinfo2 mallinfo2(void)
{
	struct smal_heap_stats stats;

	smal_heap_get_stats(NULL, &stats);
	return (struct mallinfo2){ .arena = stats.buffer_bytes - stats.large_bytes,
		                   .hblks = stats.large_blocks,
		                   .hblkhd = stats.large_bytes,
		                   .uordblks = stats.used_bytes,
		                   .fordblks = stats.free_bytes,
		                   .keepcost = stats.free_bytes - stats.purged_bytes };
}

static int clamp(size_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo2 all = mallinfo2();

	return (struct mallinfo){ .arena = clamp(all.arena),
		                  .hblks = clamp(all.hblks),
		                  .hblkhd = clamp(all.hblkhd),
		                  .uordblks = clamp(all.uordblks),
		                  .fordblks = clamp(all.fordblks),
		                  .keepcost = clamp(all.keepcost) };
}

EXPORT int malloc_info(int options, FILE *file)
{
	struct smal_heap_stats stats;

	if (options != 0) {
		errno = EINVAL;
		return -1;
	}
	smal_heap_get_stats(NULL, &stats);
	fprintf(file,
	        "<malloc version=\"smal-1\">\n"
	        "<heap nr=\"0\">\n"
	        "<used blocks=\"%llu\" size=\"%llu\"/>\n"
	        "<large blocks=\"%llu\" size=\"%llu\"/>\n"
	        "<empty blocks=\"%llu\"/>\n"
	        "<free size=\"%llu\" purged=\"%llu\"/>\n"
	        "<system type=\"current\" size=\"%llu\"/>\n"
	        "<system type=\"max\" size=\"%llu\"/>\n"
	        "<threads count=\"%llu\"/>\n"
	        "</heap>\n"
	        "</malloc>\n",
	        (unsigned long long)stats.used_blocks, (unsigned long long)stats.used_bytes,
	        (unsigned long long)stats.large_blocks, (unsigned long long)stats.large_bytes,
	        (unsigned long long)stats.empty_blocks, (unsigned long long)stats.free_bytes,
	        (unsigned long long)stats.purged_bytes, (unsigned long long)stats.buffer_bytes,
	        (unsigned long long)stats.buffer_peak_bytes, (unsigned long long)stats.threads);
	return 0;
}

EXPORT void malloc_stats(void)
{
	malloc_info(0, stderr);
}

/* ---- glibc's second names: a program that wraps malloc calls these ---- */

EXPORT void *__libc_malloc(size_t bytes)
{
	return malloc(bytes);
}

EXPORT void *__libc_calloc(size_t count, size_t bytes)
{
	return calloc(count, bytes);
}

EXPORT void *__libc_realloc(void *block, size_t bytes)
{
	return realloc(block, bytes);
}

EXPORT void __libc_free(void *block)
{
	free(block);
}

EXPORT void *__libc_memalign(size_t align_bytes, size_t bytes)
{
	return memalign(align_bytes, bytes);
}

EXPORT void *__libc_valloc(size_t bytes)
{
	return valloc(bytes);
}

EXPORT void *__libc_pvalloc(size_t bytes)
{
	return pvalloc(bytes);
}
