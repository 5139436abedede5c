/* SPDX-License-Identifier: MIT */
/*
 * starve.c: a collector that gets no more memory (starve.h).
 */
#include "test/starve.h"

#include <smal/space/space.h>

bool starving;

void *__real_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);
void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);

void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed)
{
	return starving ? NULL : __real_smal_space_take(space, bytes, align_bytes, zeroed);
}
