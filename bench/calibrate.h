/* SPDX-License-Identifier: MIT */
/*
 * calibrate.h: what the machine itself costs, for the same things that a
 * collector does: reads that depend on each other, reads that do not, reads in
 * order, and zeroed memory handed out by bumping a pointer. Figures of the
 * collector are given as ratios to these, taken in the same run.
 */
#ifndef BENCH_CALIBRATE_H
#define BENCH_CALIBRATE_H

#include <stddef.h>

/** All in ns. */
struct calibration {
	/** A random read in 1 GiB whose address the one before it gives. */
	double read_dependent;
	/** A random read in 1 GiB, asked for 16 reads ahead. */
	double read_ahead;
	/** A line of 64 bytes of 1 GiB, read in order. */
	double read_sequential;
	/** An object of 16, 32, 64, 256 bytes bumped from recycled, zeroed memory. */
	double bump_16, bump_32, bump_64, bump_256;
};

/** Takes about ten seconds, and 1 GiB of memory, which it gives back. */
void calibrate(struct calibration *calibration);

/** Bump and zero for one size, in ns an object. */
double calibrate_bump(size_t bytes);

#endif
