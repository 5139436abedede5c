/* SPDX-License-Identifier: MIT */
/*
 * starve.h: a collector that gets no more memory. The program is linked with
 * $(take_ldflags) of test/local.mk.
 */
#ifndef SMAL_TEST_STARVE_H
#define SMAL_TEST_STARVE_H

#include <stdbool.h>

/* While it is set, what a collector asks of its spaces is refused: buffers, and
 * books of its own. Each test sets it to false as it begins. */
extern bool starving;

#endif
