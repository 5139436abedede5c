/* SPDX-License-Identifier: MIT */
/*
 * workload.h: the workloads, and how one is measured.
 *
 * A workload is a function in a file of its own. It reads its arguments, opens
 * the shim, makes its kinds of objects, and hands its work to one of the
 * functions below, which write the figures.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdint.h>

void w1_gcbench(void);
void w2_trees(void);
void w3_list(void);
void w4_graph(void);
void w5_dead(void);
void w6_mixed(void);
void w7_threads(void);
void w8_large(void);
void w9_leaves(void);
void w10_weak(void);
void w12_deep(void);

/**
 * Measures work that allocates. It is done twice: first to warm the memory,
 * since a page's first touch costs more than any collector (that time is
 * written as cold_s), then, after a collection, to be measured.
 *
 * work     does it and returns the number of objects that it has made
 * collect  the shim's full collection
 */
void workload_measure(uint64_t (*work)(void), void (*collect)(void));

/**
 * The same for work on a heap that is there, in memory that is warm: it is done
 * once.
 *
 * cold_ns  how long it took to build the heap and to warm the memory
 */
void workload_measure_warm(uint64_t (*work)(void), void (*collect)(void), uint64_t cold_ns);

/**
 * Measures full collections of a heap that is there: one to warm up, then so
 * many, of which the median is written.
 *
 * objects  how many there are
 * cold_ns  how long the heap took to build
 */
void workload_measure_collections(void (*collect)(void), uint64_t objects, uint64_t cold_ns);

#endif
