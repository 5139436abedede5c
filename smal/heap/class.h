/* SPDX-License-Identifier: MIT */
/*
 * class.h: size classes: every 16 bytes to 128, then eight for each doubling.
 *
 *   class  0   1  ...  7    8   9  ...  15   16  17  ...  71
 *   bytes  16  32 ... 128  144 160 ... 256  288 320 ... 32768
 *
 * So what a block is rounded up by is less than 16 bytes up to 256, and less
 * than an eighth of the request above. Requests of more than 32 KiB are blocks
 * of their own, whole pages (large.c); those of nothing are addresses without
 * memory (empty.c).
 */
#ifndef SMAL_HEAP_CLASS_H
#define SMAL_HEAP_CLASS_H

#include <smal/base/def.h>

enum {
	SMAL_HEAP_CLASSES = 72,
	SMAL_CLASS_LARGEST = 32 * 1024,
	/* Requests up to this have their class in a table. */
	SMAL_CLASS_TABLE_LARGEST = 4096,
	/* Owner words, and the table, hold a class as the place of its bin in a cache:
	 * so many bytes times the class. */
	SMAL_BIN_LOG2 = 8,
	SMAL_BINS_LIMIT = SMAL_HEAP_CLASSES << SMAL_BIN_LOG2,
	/* What owner words say of a block of its own; and a bit in them, of a buffer that
	 * others have given slots back to. */
	SMAL_CLASS_LARGE = 0x7f00,
	SMAL_CLASS_PENDING = 0x8000
};

/* The place of a request's bin, by granules: its bytes + 15, / 16. That of 0 is of
 * a bin which is always empty. */
extern const uint16_t smal_heap_class_table[SMAL_CLASS_TABLE_LARGEST / SMAL_GRANULE + 1];

/* The bytes of a class's slots. */
static inline size_t smal_heap_class_bytes(unsigned class)
{
	if (class < 8)
		return (class + 1) * 16;
	return (size_t)(9 + (class & 7)) << (class / 8 + 3);
}

/* The class of a request of 1 to SMAL_CLASS_LARGEST bytes. */
static inline unsigned smal_heap_class_of(size_t bytes)
{
	unsigned log2;

	if (bytes <= 128)
		return (unsigned)(bytes - 1) / 16;
	log2 = SMAL_WORD_BITS - 1 - (unsigned)__builtin_clzl((unsigned long)bytes - 1);
	return 8 + (log2 - 7) * 8 + ((unsigned)((bytes - 1) >> (log2 - 3)) & 7);
}

/* The lowest class of at least so many bytes whose slots all begin at multiples
 * of align_bytes (a power of two); SMAL_HEAP_CLASSES: there is none. */
static inline unsigned smal_heap_class_aligned(size_t bytes, size_t align_bytes)
{
	unsigned class = smal_heap_class_of(bytes);

	while (class < SMAL_HEAP_CLASSES && smal_heap_class_bytes(class) % align_bytes != 0)
		class++;
	return class;
}

#endif
