/* SPDX-License-Identifier: MIT */
/*
 * parity.c: what glibc's manual says of malloc and its family, asked of whichever
 * malloc this program runs on.
 *
 * A line for each statement that holds, "FAIL" and the statement for one that does
 * not; so the output is the same with libsmal-malloc.so in front and without. What
 * glibc itself keeps in newer versions alone is asked of ours only (`newer`).
 *
 * Sizes come through `opaque`, so that no compiler knows better.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* C23, and what the headers leave out. */
void free_sized(void *block, size_t bytes) __attribute__((weak));
void free_aligned_sized(void *block, size_t align_bytes, size_t bytes) __attribute__((weak));
void cfree(void *block) __attribute__((weak));

enum { MANY = 1000, LARGEST_ALIGNMENT = 64 << 20 };

static int failures;
static int is_ours;

static void holds(const char *statement, int truth)
{
	printf("%s%s\n", truth ? "" : "FAIL ", statement);
	failures += !truth;
}

static void newer(const char *statement, int truth)
{
	holds(statement, truth || !is_ours);
}

static size_t opaque(size_t bytes)
{
	static volatile size_t place;

	place = bytes;
	return place;
}

static void *opaque_block(void *block)
{
	static void *volatile place;

	place = block;
	return place;
}

static int is_aligned(const void *block, size_t align_bytes)
{
	return (uintptr_t)block % align_bytes == 0;
}

static int is_all(const unsigned char *block, unsigned char byte, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (block[i] != byte)
			return 0;
	return 1;
}

/* NULL, and errno as it should be. */
static int refused(const void *block, int error)
{
	int was = errno;

	errno = 0;
	return block == NULL && was == error;
}

/* ---- malloc, calloc ---- */

static void check_malloc(void)
{
	unsigned char *block[MANY];
	int aligned = 1, writable = 1, kept = 1;

	for (size_t i = 0; i < MANY; i++) {
		size_t bytes = i < 500 ? i : i * 97;

		block[i] = malloc(opaque(bytes));
		aligned &= block[i] != NULL && is_aligned(block[i], 16);
		writable &= malloc_usable_size(block[i]) >= bytes;
		memset(block[i], (int)i & 0xff, bytes);
	}
	for (size_t i = 0; i < MANY; i++)
		kept &= is_all(block[i], i & 0xff, i < 500 ? i : i * 97);
	for (size_t i = 0; i < MANY; i++)
		free(block[i]);
	holds("malloc: blocks are aligned to 16", aligned);
	holds("malloc: as many bytes as asked for", writable);
	holds("malloc: blocks do not overlap", kept);
}

static void check_nothing(void)
{
	void *a = malloc(opaque(0)), *b = malloc(opaque(0)), *c = calloc(opaque(0), 8),
	     *d = calloc(8, opaque(0)), *e = realloc(NULL, opaque(0));

	holds("malloc(0): an address", a != NULL && b != NULL);
	holds("malloc(0): another each time",
	      a != b && b != c && c != d && d != e && a != c && b != d && c != e && a != d && b != e &&
	              a != e);
	holds("calloc of nothing: an address", c != NULL && d != NULL);
	holds("realloc(NULL, 0): an address", e != NULL);
	free(a);
	free(b);
	free(c);
	free(d);
	free(e);
}

static void check_calloc(void)
{
	int zero = 1;

	for (int round = 0; round < 3; round++)
		for (size_t bytes = 1; bytes < 4 << 20; bytes = bytes * 3 + 1) {
			unsigned char *block = calloc(opaque(bytes), 2);

			zero &= block != NULL && is_all(block, 0, 2 * bytes);
			memset(block, 0xff, 2 * bytes);
			free(block);
		}
	holds("calloc: zeroed", zero);
	errno = 0;
	holds("calloc: overflow is ENOMEM", refused(calloc(opaque(SIZE_MAX / 2), 3), ENOMEM));
	holds("calloc: overflow of halves is ENOMEM",
	      refused(calloc(opaque((size_t)1 << (sizeof(size_t) * 4)),
	                     opaque((size_t)1 << (sizeof(size_t) * 4))), ENOMEM));
}

/* ---- realloc, reallocarray ---- */

static void check_realloc(void)
{
	unsigned char *block = realloc(NULL, opaque(100));
	int kept = 1;

	holds("realloc(NULL, n): malloc", block != NULL && malloc_usable_size(block) >= 100);
	memset(block, 7, 100);
	for (size_t bytes = 100; bytes < 64 << 20; bytes *= 3) {
		block = realloc(block, opaque(bytes));
		kept &= block != NULL && is_aligned(block, 16) && is_all(block, 7, 100) &&
		        malloc_usable_size(block) >= bytes && block[bytes / 3 - 1] == 7;
		memset(block + 100, 7, bytes - 100);
	}
	holds("realloc: growing keeps what is there", kept);
	for (size_t bytes = 32 << 20; bytes > 16; bytes /= 3) {
		block = realloc(block, opaque(bytes));
		kept &= block != NULL && is_all(block, 7, bytes);
	}
	holds("realloc: shrinking keeps what fits", kept);
	memset(block, 8, 16);
	errno = 0;
	holds("realloc: too much is ENOMEM",
	      refused(realloc(opaque_block(block), opaque(SIZE_MAX - 64)), ENOMEM));
	holds("realloc: more than PTRDIFF_MAX is ENOMEM",
	      refused(realloc(opaque_block(block), opaque((size_t)PTRDIFF_MAX + 1)), ENOMEM));
	holds("realloc: a failure leaves the block", is_all(block, 8, 16));
	holds("reallocarray: overflow is ENOMEM",
	      refused(reallocarray(opaque_block(block), opaque(SIZE_MAX / 4), 5), ENOMEM));
	holds("reallocarray: overflow leaves the block", is_all(block, 8, 16));
	block = reallocarray(block, opaque(50), 20);
	holds("reallocarray: count times bytes",
	      block != NULL && malloc_usable_size(block) >= 1000 && is_all(block, 8, 16));
	holds("realloc(p, 0): frees", realloc(block, opaque(0)) == NULL);
	block = realloc(malloc(opaque(0)), opaque(40));
	holds("realloc: of an empty block", block != NULL && malloc_usable_size(block) >= 40);
	holds("reallocarray(p, 0, n): frees", reallocarray(block, opaque(0), 8) == NULL);
}

/* ---- free ---- */

static void check_free(void)
{
	static const size_t sizes[] = { 0, 1, 24, 500, 5000, 40000, 200000, 5 << 20, 100 << 20 };
	int kept = 1;
	void *aligned;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		void *block = malloc(opaque(sizes[i]));

		errno = 4711;
		free(block);
		kept &= errno == 4711;
	}
	free(opaque_block(NULL));
	kept &= errno == 4711;
	holds("free: errno stays", kept);
	if (free_sized != NULL)
		free_sized(malloc(opaque(30)), 30);
	if (free_sized != NULL)
		free_sized(NULL, 0);
	holds("free_sized: frees", 1);
	if (free_aligned_sized != NULL && posix_memalign(&aligned, 256, opaque(1000)) == 0)
		free_aligned_sized(aligned, 256, 1000);
	if (free_aligned_sized != NULL)
		free_aligned_sized(NULL, 16, 0);
	holds("free_aligned_sized: frees", 1);
	newer("free_sized, free_aligned_sized: are there",
	      free_sized != NULL && free_aligned_sized != NULL);
	if (cfree != NULL)
		cfree(malloc(opaque(10)));
	newer("cfree: is there", cfree != NULL);
}

/* ---- Alignment ---- */

static void check_posix_memalign(void)
{
	static const size_t bad[] = { 0, 1, 2, 4, 3, 12, 24, 48, 100, SIZE_MAX };
	void *unchanged = &failures, *block = unchanged;
	int invalid = 1;

	errno = 4711;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (bad[i] % sizeof(void *) != 0 || (bad[i] & (bad[i] - 1)) != 0 || bad[i] == 0)
			invalid &= posix_memalign(&block, opaque(bad[i]), 100) == EINVAL;
	holds("posix_memalign: EINVAL", invalid);
	holds("posix_memalign: EINVAL leaves errno", errno == 4711);
	holds("posix_memalign: ENOMEM",
	      posix_memalign(&block, 64, opaque(SIZE_MAX - 4096)) == ENOMEM &&
	              posix_memalign(&block, 64, opaque((size_t)PTRDIFF_MAX + 1)) == ENOMEM);
	newer("posix_memalign: ENOMEM leaves errno", errno == 4711);
	holds("posix_memalign: an error leaves the place", block == unchanged);
	errno = 4711;
	holds("posix_memalign: 0 bytes", posix_memalign(&block, 64, opaque(0)) == 0);
	holds("posix_memalign: success leaves errno", errno == 4711);
	holds("posix_memalign: 0 bytes, aligned", is_aligned(block, 64));
	free(block);
}

typedef void *aligner(size_t align_bytes, size_t bytes);

static void *by_posix(size_t align_bytes, size_t bytes)
{
	void *block;

	return posix_memalign(&block, align_bytes, bytes) == 0 ? block : NULL;
}

static int aligns(aligner *get)
{
	static const size_t sizes[] = { 1, 16, 100, 4096, 30000, 33000, 300000 };
	enum { SIZES = sizeof sizes / sizeof *sizes };
	int good = 1;

	for (size_t align_bytes = 8; align_bytes <= LARGEST_ALIGNMENT; align_bytes *= 2) {
		unsigned char *block[SIZES];

		for (size_t i = 0; i < SIZES; i++) {
			block[i] = get(opaque(align_bytes), opaque(sizes[i]));
			good &= block[i] != NULL && is_aligned(block[i], align_bytes) &&
			        malloc_usable_size(block[i]) >= sizes[i];
			if (!good)
				return 0;
			memset(block[i], (int)i + 1, sizes[i]);
		}
		for (size_t i = 0; i < SIZES; i++) {
			block[i] = realloc(block[i], opaque(sizes[i] + 1000));
			good &= block[i] != NULL && is_all(block[i], (unsigned char)(i + 1), sizes[i]);
			free(block[i]);
		}
	}
	return good;
}

static void check_alignment(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *odd = memalign(opaque(48), 100), *none = memalign(opaque(0), 100), *a, *b, *c;

	holds("posix_memalign: 8 to 64 MiB", aligns(by_posix));
	holds("aligned_alloc: 8 to 64 MiB", aligns(aligned_alloc));
	holds("memalign: 8 to 64 MiB", aligns(memalign));
	holds("memalign: an alignment is rounded up", odd != NULL && is_aligned(odd, 64));
	holds("memalign: no alignment", none != NULL && is_aligned(none, 16));
	free(odd);
	free(none);
	errno = 0;
	holds("memalign: too large an alignment is EINVAL", refused(memalign(opaque(SIZE_MAX), 1), EINVAL));
	newer("aligned_alloc: no power of two is EINVAL",
	      refused(is_ours ? aligned_alloc(opaque(48), 96) : NULL, EINVAL));
	a = valloc(opaque(10));
	b = pvalloc(opaque(page + 1));
	c = pvalloc(opaque(0));
	holds("valloc: a page's multiple", a != NULL && is_aligned(a, page));
	holds("pvalloc: whole pages", b != NULL && is_aligned(b, page) && malloc_usable_size(b) >= 2 * page);
	memset(b, 1, 2 * page);
	holds("pvalloc(0): an address", c != NULL && is_aligned(c, page));
	free(a);
	free(b);
	free(c);
}

/* ---- Too much ---- */

static void check_too_much(void)
{
	/* 2 GiB less a byte may be there where that is half of the addresses. */
	static const size_t sizes[] = { SIZE_MAX > UINT32_MAX ? PTRDIFF_MAX : SIZE_MAX - 1,
		                        (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 8192, SIZE_MAX - 15,
		                        SIZE_MAX };
	int all[6] = { 1, 1, 1, 1, 1, 1 };

	errno = 0;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		all[0] &= refused(malloc(opaque(sizes[i])), ENOMEM);
		all[1] &= refused(calloc(1, opaque(sizes[i])), ENOMEM);
		all[2] &= refused(memalign(64, opaque(sizes[i])), ENOMEM);
		all[3] &= refused(aligned_alloc(1 << 20, opaque(sizes[i])), ENOMEM);
		all[4] &= refused(valloc(opaque(sizes[i])), ENOMEM);
		all[5] &= refused(pvalloc(opaque(sizes[i])), ENOMEM);
	}
	holds("malloc: too much is ENOMEM", all[0]);
	holds("calloc: too much is ENOMEM", all[1]);
	holds("memalign: too much is ENOMEM", all[2]);
	holds("aligned_alloc: too much is ENOMEM", all[3]);
	holds("valloc: too much is ENOMEM", all[4]);
	holds("pvalloc: too much is ENOMEM", all[5]);
}

/* ---- Looking and tuning ---- */

static void check_usable(void)
{
	int good = 1;

	holds("malloc_usable_size(NULL): 0", malloc_usable_size(NULL) == 0);
	for (size_t bytes = 1; bytes < 1 << 20; bytes += bytes / 3 + 1) {
		unsigned char *block = malloc(opaque(bytes));
		size_t usable = malloc_usable_size(block);

		good &= usable >= bytes;
		memset(opaque_block(block), 3, opaque(usable));
		good &= malloc_usable_size(block) == usable;
		free(block);
	}
	holds("malloc_usable_size: all of it may be written", good);
}

static void check_counts(void)
{
	struct mallinfo2 before = mallinfo2(), between, after;
	void *block[MANY], *large;
	int trimmed;

	for (size_t i = 0; i < MANY; i++)
		block[i] = malloc(opaque(1000));
	large = malloc(opaque(64 << 20));
	between = mallinfo2();
	for (size_t i = 0; i < MANY; i++)
		free(block[i]);
	free(large);
	after = mallinfo2();
	holds("mallinfo2: what is allocated", between.uordblks >= before.uordblks + MANY * 1000);
	holds("mallinfo2: blocks of their own",
	      between.hblks == before.hblks + 1 && between.hblkhd >= before.hblkhd + (64 << 20));
	holds("mallinfo2: what is freed", after.uordblks < before.uordblks + MANY * 500 &&
	                                          after.hblks == before.hblks);
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	holds("mallinfo: the same, in int", mallinfo().uordblks > 0);
	errno = 0;
	trimmed = malloc_trim(0);
	holds("malloc_trim: 0 or 1", trimmed == 0 || trimmed == 1);
	holds("mallopt: 1", mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1 && mallopt(M_ARENA_MAX, 4) == 1);
}

/* True if every element is closed in its order; one root, "malloc". */
static int is_well_formed(const char *text)
{
	char open[32][32];
	int depth = 0, roots = 0;

	for (text = strchr(text, '<'); text != NULL; text = strchr(text + 1, '<')) {
		const char *end = strchr(text, '>');
		int closing = text[1] == '/';
		size_t n = strcspn(text + 1 + closing, " />");

		if (end == NULL || n == 0 || n >= sizeof open[0] || depth >= 31)
			return 0;
		if (closing) {
			if (depth == 0 || strncmp(open[--depth], text + 2, n) != 0 || open[depth][n] != 0)
				return 0;
		} else if (end[-1] != '/') {
			memcpy(open[depth], text + 1, n);
			open[depth][n] = 0;
			if (depth == 0 && (roots++ != 0 || strcmp(open[0], "malloc") != 0))
				return 0;
			depth++;
		}
	}
	return depth == 0 && roots == 1;
}

static void check_info(void)
{
	char *text = NULL;
	size_t bytes;
	FILE *file = open_memstream(&text, &bytes);
	int result;

	holds("malloc_info: 0", file != NULL && malloc_info(0, file) == 0 && fclose(file) == 0);
	holds("malloc_info: well-formed", is_well_formed(text));
	errno = 0;
	/* The manual says -1 and EINVAL, glibc returns EINVAL. */
	result = malloc_info(1, stdout);
	holds("malloc_info: options are refused", result != 0);
	newer("malloc_info: options are EINVAL", result == -1 && errno == EINVAL);
	free(text);
}

/* Whose malloc this is; as its counts say, and as the linker does. */
static void find_whose(void)
{
	char *text = NULL;
	size_t bytes;
	FILE *file = open_memstream(&text, &bytes);
	Dl_info where;

	if (file == NULL || malloc_info(0, file) != 0 || fclose(file) != 0)
		abort();
	is_ours = strstr(text, "version=\"smal") != NULL;
	free(text);
	if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &where) == 0)
		abort();
	holds("malloc: whose it is",
	      (strstr(where.dli_fname, "libsmal-malloc") != NULL) == is_ours &&
	              (getenv("EXPECT_SMAL") != NULL) == is_ours);
}

int main(void)
{
	find_whose();
	check_malloc();
	check_nothing();
	check_calloc();
	check_realloc();
	check_free();
	check_posix_memalign();
	check_alignment();
	check_too_much();
	check_usable();
	check_counts();
	check_info();
	return failures != 0;
}
