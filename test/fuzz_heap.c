/* SPDX-License-Identifier: MIT */
/*
 * fuzz_heap.c: heaps under operations that a fuzzer makes up.
 *
 * An input is a program, three bytes an operation: what, which of 64 blocks, and a
 * size, of which the low bits choose a power of two and the high ones where between
 * two of them. A shadow knows each block's bytes and contents; the checkers look
 * after the last operation, and where the program says so.
 *
 *     heap         what / 64: the default one, one of its own, a guarded one, one
 *                  with a limit
 *     operation    what % 16, below
 *
 * Linked with libFuzzer (clang -fsanitize=fuzzer, SMAL_FUZZER defined) it is a
 * fuzzer; else it runs the files that it is given, or those of test/corpus/heap.
 */
#include <smal/heap.h>
#include <smal/base/def.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 64, HEAPS = 4, LARGEST_LOG2 = 24, EDGE = 32, LIMIT_BYTES = 4 << 20 };
enum operation {
	ALLOC, ALLOC_AGAIN, ZEROED, ALIGNED, RESIZE, RESIZE_A_LITTLE, FREE, FREE_AGAIN,
	FREE_TWICE, FREE_INTERIOR, FREE_ELSEWHERE, USABLE, TRIM, CHECK, MAKE_ANEW, FREE_ALL
};

struct block {
	unsigned char *base;
	size_t bytes;
	unsigned char tag;
	unsigned heap;
};

static struct block blocks[BLOCKS];
static struct smal_heap *heaps[HEAPS];
static unsigned told, serial;

#define DEMAND(condition)                                                                  \
	do {                                                                               \
		if (!(condition)) {                                                        \
			fprintf(stderr, "fuzz_heap.c:%d: %s\n", __LINE__, #condition);     \
			abort();                                                           \
		}                                                                          \
	} while (0)

static void count_report(const struct smal_report *report, void *user)
{
	(void)user;
	told++;
	if (report->error == SMAL_ERROR_CORRUPT)
		fprintf(stderr, "%s: %s: %s\n", report->function, report->what, report->detail);
}

/* ---- Contents: the edges, which are all of a small block ---- */

static size_t next_place(size_t at, size_t bytes)
{
	return at < EDGE || at + EDGE >= bytes ? at : bytes - EDGE;
}

static unsigned char byte_of(const struct block *block, size_t at)
{
	return (unsigned char)(block->tag * 31u + at * 7u);
}

static void check_block(const struct block *block, size_t limit)
{
	for (size_t at = 0; (at = next_place(at, block->bytes)) < limit; at++)
		DEMAND(block->base[at] == byte_of(block, at));
}

static void settle(struct block *block, unsigned heap, unsigned char *base, size_t bytes)
{
	DEMAND(((uintptr_t)base & 15) == 0);
	DEMAND(smal_heap_usable(heaps[heap], base) >= bytes);
	*block = (struct block){ base, bytes, (unsigned char)++serial, heap };
	for (size_t at = 0; (at = next_place(at, bytes)) < bytes; at++)
		base[at] = byte_of(block, at);
}

/* ---- Operations ---- */

static size_t size_of(unsigned char byte)
{
	size_t power = (size_t)1 << (byte & 31) % LARGEST_LOG2;

	return byte == 0 ? 0 : power + power * (byte >> 5) / 8;
}

static void allocate(struct block *block, unsigned heap, enum operation how, unsigned char size)
{
	size_t bytes = size_of(size), align = (size_t)1 << (how == ALIGNED ? 4 + size % 19 : 4);
	unsigned char *base;

	if (block->base != NULL)
		return;
	if (how == ALIGNED)
		bytes = size * 37u;
	errno = 0;
	if (how == ZEROED)
		base = smal_heap_alloc_zeroed(heaps[heap], bytes, 1);
	else if (how == ALIGNED)
		base = smal_heap_alloc_aligned(heaps[heap], align, bytes);
	else
		base = smal_heap_alloc(heaps[heap], bytes);
	if (base == NULL) {
		DEMAND(errno == ENOMEM && heap == HEAPS - 1);
		return;
	}
	DEMAND((uintptr_t)base % align == 0);
	for (size_t at = 0; how == ZEROED && (at = next_place(at, bytes)) < bytes; at++)
		DEMAND(base[at] == 0);
	settle(block, heap, base, bytes);
}

static void resize(struct block *block, size_t bytes)
{
	unsigned char *base;

	base = smal_heap_realloc(heaps[block->heap], block->base, bytes);
	if (base == NULL) {
		DEMAND(errno == ENOMEM && block->heap == HEAPS - 1);
		check_block(block, block->bytes);
		return;
	}
	block->base = base;
	check_block(block, smal_min(bytes, block->bytes));
	settle(block, block->heap, base, bytes);
}

static void give(struct block *block)
{
	check_block(block, block->bytes);
	DEMAND(smal_heap_free(heaps[block->heap], block->base) == SMAL_OK);
	block->base = NULL;
}

static void refuse(unsigned heap, void *pointer)
{
	unsigned before = told;

	DEMAND(smal_heap_free(heaps[heap], pointer) == SMAL_ERROR_INVALID);
	DEMAND(told == before + 1);
	told = before;
}

static void make_heap(unsigned heap)
{
	struct smal_heap_options options = { .flags = heap == 2 ? SMAL_HEAP_GUARDED : 0,
		                             .limit_bytes = heap == 3 ? LIMIT_BYTES : 0 };

	if (heap == 0)
		return;
	if (heaps[heap] != NULL)
		DEMAND(smal_heap_destroy(heaps[heap]) == SMAL_OK);
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].heap == heap)
			blocks[i].base = NULL;
	DEMAND(smal_heap_create(&options, &heaps[heap]) == SMAL_OK);
}

static void free_all(void)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].base != NULL)
			give(&blocks[i]);
}

static void of_block(struct block *block, enum operation operation, unsigned char size)
{
	void *base = block->base;

	if (base == NULL)
		return;
	switch (operation) {
	case RESIZE:
		resize(block, size_of(size));
		break;
	case RESIZE_A_LITTLE:
		resize(block, block->bytes + block->bytes * size / 128 + size % 19);
		break;
	case FREE_TWICE:
		give(block);
		refuse(block->heap, base);
		break;
	case FREE_INTERIOR:
		if (block->bytes > 1)
			refuse(block->heap, block->base + 1 + (block->bytes - 2) * size / 255);
		break;
	case FREE_ELSEWHERE:
		refuse((block->heap + 1 + size % (HEAPS - 1)) % HEAPS, base);
		break;
	case USABLE:
		DEMAND(smal_heap_usable(heaps[block->heap], base) >= block->bytes);
		break;
	default:
		give(block);
	}
}

static void check_all(void)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].base != NULL)
			check_block(&blocks[i], blocks[i].bytes);
	for (unsigned i = 0; i < HEAPS; i++) {
		struct smal_heap_stats stats;
		uint64_t count = 0;

		for (unsigned j = 0; j < BLOCKS; j++)
			count += blocks[j].base != NULL && blocks[j].heap == i;
		smal_heap_get_stats(heaps[i], &stats);
		DEMAND(stats.used_blocks + stats.empty_blocks == count);
		DEMAND(smal_heap_check(heaps[i]) == SMAL_OK);
	}
}

static void step(const uint8_t *code)
{
	struct block *block = &blocks[code[1] % BLOCKS];
	enum operation operation = (enum operation)(code[0] % 16);
	unsigned heap = code[0] / 64;

	switch (operation) {
	case ALLOC:
	case ALLOC_AGAIN:
	case ZEROED:
	case ALIGNED:
		allocate(block, heap, operation, code[2]);
		break;
	case TRIM:
		smal_heap_trim(heaps[heap]);
		break;
	case CHECK:
		check_all();
		break;
	case MAKE_ANEW:
		make_heap(heap);
		break;
	case FREE_ALL:
		free_all();
		break;
	default:
		of_block(block, operation, code[2]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	smal_error_set_sink(count_report, NULL);
	told = 0;
	memset(blocks, 0, sizeof blocks);
	for (unsigned i = 0; i < HEAPS; i++)
		make_heap(i);
	for (; size >= 3; data += 3, size -= 3)
		step(data);
	check_all();
	free_all();
	check_all();
	DEMAND(told == 0);
	return 0;
}

#ifndef SMAL_FUZZER

static void run_file(const char *path)
{
	static uint8_t data[65536];
	FILE *file = fopen(path, "rb");
	size_t bytes;

	DEMAND(file != NULL);
	bytes = fread(data, 1, sizeof data, file);
	fclose(file);
	printf("%s: %zu bytes\n", path, bytes);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, bytes);
}

/* The files of a folder; how many there are. */
static unsigned run_folder(const char *folder)
{
	struct dirent *entry;
	unsigned count = 0;
	char path[4400];
	DIR *open = opendir(folder);

	while (open != NULL && (entry = readdir(open)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		run_file(path);
		count++;
	}
	if (open != NULL)
		closedir(open);
	return count;
}

int main(int count, char **arguments)
{
	const char *top = getenv("top_srcdir");
	char folder[4000];

	for (int i = 1; i < count; i++)
		run_file(arguments[i]);
	if (count > 1)
		return 0;
	snprintf(folder, sizeof folder, "%s/test/corpus/heap", top != NULL ? top : ".");
	if (run_folder(folder) == 0) {
		fprintf(stderr, "%s: no files\n", folder);
		return 77;
	}
	return 0;
}

#endif
