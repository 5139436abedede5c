/* SPDX-License-Identifier: MIT */
/*
 * kinds.h: the two kinds of links that disappear, for tests that are of both.
 */
#ifndef SMAL_TEST_LIBGC_KINDS_H
#define SMAL_TEST_LIBGC_KINDS_H

#include "test/libgc/abi.h"

struct kind {
	int (*attach)(void **link, const void *object);
	int (*move)(void **link, void **to);
	int (*detach)(void **link);
};

enum { SHORT, LONG };

static const struct kind kinds[] = {
	{ GC_general_register_disappearing_link, GC_move_disappearing_link,
	  GC_unregister_disappearing_link },
	{ GC_register_long_link, GC_move_long_link, GC_unregister_long_link },
};
static const struct kind *kind;

#endif
