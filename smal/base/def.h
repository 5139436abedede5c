/* SPDX-License-Identifier: MIT */
/*
 * def.h: the words that every floor uses: units, likelihoods, magics, and the
 * three tiers of assertions.
 *
 *   SMAL_REQUIRE        fail.h: what a caller passed. Always on, told to the
 *                       sink, the call fails.
 *   SMAL_ASSERT         an invariant that costs O(1). Always on, aborts: going
 *                       on would lose data.
 *   SMAL_ASSERT_DEBUG   the rest. Compiled everywhere, evaluated only where
 *                       SMAL_DEBUG is 1 (the sanitizer builds).
 */
#ifndef SMAL_BASE_DEF_H
#define SMAL_BASE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef SMAL_DEBUG
#define SMAL_DEBUG 0
#endif

#define SMAL_LIKELY(x) __builtin_expect(!!(x), 1)
#define SMAL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define SMAL_NOINLINE __attribute__((noinline))
#define SMAL_ALWAYS_INLINE inline __attribute__((always_inline))
/* For the functions that read stacks and objects whatever a tool thinks of
 * them: redzones of ASan are scanned like any other word. */
#define SMAL_NO_SANITIZE_ADDRESS __attribute__((no_sanitize_address))
/* And for what reads the stacks of stopped threads: below them lie errno and the
 * frames of their waiting, which change. */
#define SMAL_NO_SANITIZE_THREAD __attribute__((no_sanitize("thread")))

/* The structure that holds a field, from the field's address. */
#define SMAL_CONTAINER(pointer, type, field) \
	((type *)(void *)((char *)(pointer) - offsetof(type, field)))

/* A word of a mask; as wide as a register. */
typedef uintptr_t smal_word;

/* The size of a small buffer, 1 << 14 to 1 << 16: a choice for all of a library. The smaller,
 * the less is spent on slots that are free, and the more on descriptors. */
#ifndef SMAL_BUFFER_LOG2
#define SMAL_BUFFER_LOG2 16
#endif

enum {
	SMAL_WORD_BITS = sizeof(smal_word) * 8,
	SMAL_WORD_LOG2 = sizeof(smal_word) == 8 ? 6 : 5,

	/* The units of memory, as powers of two (bytes). */
	SMAL_GRANULE_LOG2 = 4,
	SMAL_CHUNK_LOG2 = 12,
	SMAL_ID_LOG2 = SMAL_BUFFER_LOG2,
	SMAL_BLOCK_LOG2 = 20,
	SMAL_REGION_LOG2 = 28,

	SMAL_GRANULE = 1 << SMAL_GRANULE_LOG2,
	SMAL_CHUNK = 1 << SMAL_CHUNK_LOG2,
	SMAL_ID_BYTES = 1 << SMAL_ID_LOG2,
	SMAL_BLOCK = 1 << SMAL_BLOCK_LOG2,
	SMAL_REGION = 1 << SMAL_REGION_LOG2
};

/* Rounds up to a multiple of unit, a power of two. Wraps like any unsigned. */
static inline size_t smal_round_up(size_t n, size_t unit)
{
	return (n + unit - 1) & ~(unit - 1);
}

static inline bool smal_is_power_of_two(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* The least k with 2^k >= n, n >= 1. */
static inline unsigned smal_log2_ceil(size_t n)
{
	return n <= 1 ? 0 : SMAL_WORD_BITS - (unsigned)__builtin_clzl((unsigned long)n - 1);
}

static inline size_t smal_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t smal_max(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Index of the lowest bit of a word that is not 0, and the number of bits. */
static inline unsigned smal_word_lowest(smal_word word)
{
	return (unsigned)__builtin_ctzl((unsigned long)word);
}

/* Bits that are set: by halves, quarters and bytes, since without a machine flag the
 * compiler's own is a call. */
static inline unsigned smal_word_count(smal_word word)
{
#ifdef __POPCNT__
	return (unsigned)__builtin_popcountl((unsigned long)word);
#else
	const smal_word all = ~(smal_word)0;

	word -= word >> 1 & all / 3;
	word = (word & all / 5) + (word >> 2 & all / 5);
	word = (word + (word >> 4)) & all / 17;
	return (unsigned)(word * (all / 255) >> (SMAL_WORD_BITS - 8));
#endif
}

/* Prints the failed assertion and aborts. */
_Noreturn void smal_assert_failed(const char *expression, const char *file, int line);

#define SMAL_ASSERT(x) \
	(SMAL_LIKELY(x) ? (void)0 : smal_assert_failed(#x, __FILE__, __LINE__))
#define SMAL_ASSERT_DEBUG(x) \
	(!SMAL_DEBUG || SMAL_LIKELY(x) ? (void)0 : smal_assert_failed(#x, __FILE__, __LINE__))

/* First field of every long-lived structure: says what it is while it lives,
 * and that it is gone when it is. */
enum smal_magic {
	SMAL_MAGIC_NONE = 0,
	SMAL_MAGIC_GONE = 0x676f6e65,
	SMAL_MAGIC_SPACE = 0x73706163,
	SMAL_MAGIC_SEGMENT = 0x7365676d,
	SMAL_MAGIC_STRIDE = 0x73747264,
	SMAL_MAGIC_GC = 0x73676320,
	SMAL_MAGIC_THREAD = 0x74687264,
	SMAL_MAGIC_TYPE = 0x74797065,
	SMAL_MAGIC_FIBER = 0x66696272,
	SMAL_MAGIC_QUEUE = 0x71756575,
	SMAL_MAGIC_HEAP = 0x68656170,
	SMAL_MAGIC_VECTOR_POOL = 0x76656374
};

#endif
