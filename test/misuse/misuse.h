/* SPDX-License-Identifier: MIT */
/*
 * misuse.h: what the mistakes have in common: a collector with a type of fixed
 * size (pair) and one of variable size (text), and this thread attached.
 */
#ifndef SMAL_TEST_MISUSE_H
#define SMAL_TEST_MISUSE_H

#include <smal.h>

#include <stdio.h>
#include <stdlib.h>

static struct smal_gc *gc;
static struct smal_thread *thread;
static struct smal_type *pair_type, *text_type;

/* Any failure before the mistake is one of the test, and shows as another
 * message. */
static inline void expect_ok(enum smal_error error)
{
	if (error != SMAL_OK) {
		fprintf(stderr, "misuse.h: %s\n", smal_error_text(error));
		exit(99);
	}
}

static inline void begin(void)
{
	static const uintptr_t both = 3;
	struct smal_type_desc pair = {
		.name = "pair",
		.bytes = 2 * sizeof(void *),
		.marking = SMAL_MARK_LAYOUT,
		.layout = { .bits = &both, .words = 2 },
	};
	struct smal_type_desc text = { .name = "text" };

	expect_ok(smal_gc_create(NULL, &gc));
	expect_ok(smal_thread_attach(gc, &thread));
	expect_ok(smal_type_create(gc, &pair, &pair_type));
	expect_ok(smal_type_create(gc, &text, &text_type));
}

#endif
