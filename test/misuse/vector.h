/* SPDX-License-Identifier: MIT */
/*
 * vector.h: what the mistakes with vectors have in common: a pool.
 */
#ifndef SMAL_TEST_MISUSE_VECTOR_H
#define SMAL_TEST_MISUSE_VECTOR_H

#include "test/misuse/misuse.h"

static struct smal_vector_pool *pool;

static inline void begin_pool(void)
{
	expect_ok(smal_vector_pool_create(NULL, &pool));
}

#endif
