/* SPDX-License-Identifier: MIT */
/*
 * ground.h: what the tests of spaces and strides share: providers that watch,
 * buffers with canaries around them, contents that can be told apart, and the
 * sums that must hold.
 */
#ifndef SMAL_TEST_GROUND_H
#define SMAL_TEST_GROUND_H

#include "test/support.h"

#include <smal/stride/stride.h>

#define GIB ((uint64_t)1 << 30)

/* Operations of a model test: 10^6, in the long version 10^8; a tenth where the
 * program is slow. */
uint64_t ground_steps(void);

/* A model test's suite: with the system's memory, and in buffers of a caller. */
Suite *ground_model_suite(const char *name, TCase **os, TCase **buffers);

/* The place of a number in a table with so many places (0: free), which is made if
 * there is none: the table must not be full. */
size_t ground_place(uintptr_t *table, size_t places, uintptr_t number);

/* ---- Providers ---- */

/* The system's provider, and what it has committed, counted by itself. */
extern const struct smal_provider ground_counted;
uint64_t ground_committed_bytes(void);
uint64_t ground_commits(void);

/* A provider whose segments have no memory: metadata is real, and addresses of
 * the memory can be handed out and not touched. For spaces with
 * ground_untouched_bytes as their segment_bytes. */
extern const struct smal_provider ground_untouched;
#if UINTPTR_MAX > 0xffffffffu
#define ground_untouched_bytes (64 * GIB)
#else
#define ground_untouched_bytes ((uint64_t)256 << 20)
#endif

/* ---- Spaces ---- */

/* A space for strides; NULL fields of options are filled. It must be there. */
struct smal_space *ground_space(const struct smal_space_options *options);

/* smal_space_check finds nothing, and the counts add up. */
void ground_check(struct smal_space *space);
/* The counts alone, which is quick; with these many bytes in use. */
void ground_check_counts(struct smal_space *space, uint64_t used_bytes);

/* A checker's answer must be about this invariant: it begins with the tag, for
 * example "tree I2". */
void ground_expect(const char *answer, const char *tag);
/* It has none. */
void ground_expect_sound(const char *answer);

/* Breaks a field: the checker, which is asked by `answer`, names the invariant; and
 * finds nothing once the field is mended. */
#define GROUND_BREAK(field, value, answer, tag) \
	TEST_BREAK(field, value, ground_expect(answer, tag), ground_expect_sound(answer))

/* ---- Levels ---- */

/* A level of the tree by itself, with its nodes and maps. */
struct ground_level {
	struct smal_level level;
	struct smal_account account;
	struct smal_fsa maps;
	uint32_t count;
};

/* All its nodes are closed. */
void ground_level_init(struct ground_level *ground, uint32_t count);
void ground_level_fini(struct ground_level *ground);
/* The checkers' answer about the level and its fsa. */
const char *ground_level_answer(const struct ground_level *ground);

/* ---- Buffers of a caller ---- */

struct ground_buffer {
	char *base;
	size_t bytes;
	/* All of it, with the canaries. */
	char *around;
	size_t around_bytes;
};

/* A buffer whose address is `offset` beyond a page, full of noise. */
void ground_buffer_init(struct ground_buffer *buffer, size_t bytes, size_t offset);
/* The canaries are untouched. */
void ground_buffer_check(const struct ground_buffer *buffer);
void ground_buffer_fini(struct ground_buffer *buffer);

/* ---- Contents ---- */

/* The live bits of a buffer: what used_slots says where nobody has claimed it. */
uint32_t ground_live_slots(const struct smal_buffer *buffer);

/* Marks a run: the first and last word of every so many bytes hold what follows
 * from the tag. The check fails the test if one of them has changed. */
void ground_mark(void *run, size_t bytes, uint64_t tag);
void ground_check_mark(const void *run, size_t bytes, uint64_t tag);
/* Reads words all over a run: they are zero. */
void ground_check_zero(const void *run, size_t bytes);

#endif
