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
	/** A random read whose address the one before it gives. */
	double read_dependent;
	/** A random read, asked for 16 reads ahead. */
	double read_ahead;
	/** A line of 64 bytes, read in order. */
	double read_sequential;
	/** An object of 16, 32, 64, 256 bytes bumped from recycled, zeroed memory. */
	double bump_16, bump_32, bump_64, bump_256;
};

/** What is recycled: it fits into a processor's own cache, or into the one that
 *  processors share. */
enum { CALIBRATE_SMALL_BYTES = 256 << 10, CALIBRATE_LARGE_BYTES = 4 << 20 };

/** All of it, reads in 1 GiB, bumps in the small area. Takes about ten seconds,
 *  and 1 GiB of memory, which it gives back. */
void calibrate(struct calibration *calibration);

/** Reads alone, in so many bytes. */
void calibrate_reads(struct calibration *calibration, size_t area_bytes);

/** Reads asked for ahead alone, in ns. */
double calibrate_read_ahead(size_t area_bytes);

/** Bump and zero for one size, in ns an object; in the small area, or in another. */
double calibrate_bump(size_t bytes);
double calibrate_bump_in(size_t area_bytes, size_t bytes);

#endif
