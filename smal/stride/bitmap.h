/* SPDX-License-Identifier: MIT */
/*
 * bitmap.h: words of mask bits: ranges, runs, counts.
 *
 * A mask has one bit for each granule (16 bytes) of a buffer, in address
 * order, the lowest bit of a word first. Only the bits at which slots begin
 * are ever set, but for a marker's claims (gc/mark.h); a stride's template has all
 * of those.
 */
#ifndef SMAL_STRIDE_BITMAP_H
#define SMAL_STRIDE_BITMAP_H

#include <smal/base/atomic.h>

/* Words of masks that another thread may change, or read, at the same moment: another
 * collector's marker reads a word's bit before it knows whose that is. */
static inline smal_word smal_word_load(const smal_word *word)
{
	return smal_atomic_load_relaxed((const volatile AO_t *)word);
}

static inline void smal_word_store(smal_word *word, smal_word value)
{
	smal_atomic_store_relaxed((volatile AO_t *)word, value);
}

static inline smal_word smal_word_or(smal_word *word, smal_word bits)
{
	return smal_atomic_or((volatile AO_t *)word, bits);
}

/* Clears bits; returns the old word, as the other does. */
static inline smal_word smal_word_clear(smal_word *word, smal_word bits)
{
	return smal_atomic_clear((volatile AO_t *)word, bits);
}

static inline bool smal_bit_load(const smal_word *mask, size_t bit)
{
	return smal_word_load(&mask[bit >> SMAL_WORD_LOG2]) >> (bit & (SMAL_WORD_BITS - 1)) & 1;
}

static inline bool smal_bit_get(const smal_word *mask, size_t bit)
{
	return mask[bit >> SMAL_WORD_LOG2] >> (bit & (SMAL_WORD_BITS - 1)) & 1;
}

static inline void smal_bit_set(smal_word *mask, size_t bit)
{
	mask[bit >> SMAL_WORD_LOG2] |= (smal_word)1 << (bit & (SMAL_WORD_BITS - 1));
}

static inline void smal_bit_clear(smal_word *mask, size_t bit)
{
	mask[bit >> SMAL_WORD_LOG2] &= ~((smal_word)1 << (bit & (SMAL_WORD_BITS - 1)));
}

/* Adds two words to a column of single bits; returns what is carried to the next. */
static inline smal_word smal_carry(smal_word *sum, smal_word a, smal_word b)
{
	smal_word half = *sum ^ a, carry = (*sum & a) | (half & b);

	*sum = half ^ b;
	return carry;
}

/* Adds four words; returns what is carried to the fours. */
static inline smal_word smal_carry_four(smal_word *ones, smal_word *twos, const smal_word *words)
{
	smal_word a = smal_carry(ones, words[0], words[1]);

	return smal_carry(twos, a, smal_carry(ones, words[2], words[3]));
}

/*
 * The bits of many words: added up by columns, sixteen words at a time, so that of
 * sixteen words one has its bits counted (R. Seal's way, in H. S. Warren, Hacker's
 * Delight).
 */
static inline uint32_t smal_words_count(const smal_word *words, size_t count)
{
	smal_word ones = 0, twos = 0, fours = 0, eights = 0;
	uint32_t bits = 0;

	for (; count >= 16; words += 16, count -= 16) {
		smal_word a = smal_carry_four(&ones, &twos, words);
		smal_word b,
			eight = smal_carry(&fours, a, smal_carry_four(&ones, &twos, words + 4));

		a = smal_carry_four(&ones, &twos, words + 8);
		b = smal_carry(&fours, a, smal_carry_four(&ones, &twos, words + 12));
		bits += 16 * smal_word_count(smal_carry(&eights, eight, b));
	}
	bits += 8 * smal_word_count(eights) + 4 * smal_word_count(fours) +
	        2 * smal_word_count(twos) + smal_word_count(ones);
	for (; count != 0; count--)
		bits += smal_word_count(*words++);
	return bits;
}

/* The bits of word w that lie in [first, limit). */
static inline smal_word smal_bits_in_word(size_t w, size_t first, size_t limit)
{
	smal_word bits = ~(smal_word)0;

	if (first > w << SMAL_WORD_LOG2)
		bits &= ~(smal_word)0 << (first & (SMAL_WORD_BITS - 1));
	if (limit < (w + 1) << SMAL_WORD_LOG2)
		bits &= ~(~(smal_word)0 << (limit & (SMAL_WORD_BITS - 1)));
	return bits;
}

/* The first bit at or after `from` that is set, or `limit`. */
static inline size_t smal_bit_next(const smal_word *mask, size_t from, size_t limit)
{
	size_t w = from >> SMAL_WORD_LOG2;
	smal_word word;

	if (from >= limit)
		return limit;
	word = smal_word_load(&mask[w]) & ~(smal_word)0 << (from & (SMAL_WORD_BITS - 1));
	while (word == 0) {
		if (++w << SMAL_WORD_LOG2 >= limit)
			return limit;
		word = smal_word_load(&mask[w]);
	}
	return smal_min((w << SMAL_WORD_LOG2) + smal_word_lowest(word), limit);
}

#endif
