/* SPDX-License-Identifier: MIT */
/*
 * abi.h: what the tests of libgc's interface share. A test is compiled with the
 * collector's own headers, and one binary runs twice (abi.sh): on the system's
 * libgc, which proves the test, and on ours in its place.
 *
 * Each test has a process of its own (Check forks), so it may choose what must be
 * chosen before the collector is initialised.
 *
 * That an object lives is demanded of each; that one is dead only of nine in ten,
 * because a word that is left somewhere may keep it. Garbage is made under
 * abi_away, and a collection by abi_collect comes after the stack was cleared.
 */
#ifndef TEST_LIBGC_ABI_H
#define TEST_LIBGC_ABI_H

/* Plain names are the C library's; what is tested is written as GC_pthread_create. */
#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
/* A test's function for lack of memory may return an object that is known. */
#define GC_OOM_FUNC_RETURNS_ALIAS
#include <gc.h>
#include <gc/gc_mark.h>

#include "test/support.h"

#include <string.h>

/* The variables that have functions now are libgc's interface still. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* True on the system's libgc (ABI_STOCK=1 in the environment): for a test of what
 * the documentation promises and that libgc does not keep. */
bool abi_on_stock(void);

/* As test_main; says first where the collector's functions are. */
int abi_main(Suite *(*suite)(void));

/* A fixture: initialises the collector, without its warnings. */
void abi_begin(void);

/* ---- Garbage ---- */

/* Calls make(n) where nothing that it leaves on the stack is seen afterwards. */
void abi_away(void (*make)(size_t n), size_t n);
void abi_clear_stack(void);
/* Clears the stack, and collects. */
void abi_collect(void);

/* What the compiler stores in an array of references is to be in memory, though nothing
 * but the collector reads it. */
#define ABI_SEEN(array) __asm__ volatile("" : : "r"(array) : "memory")

/* ---- Objects that are watched ---- */

enum { ABI_WATCHES = 2000 };

/* Notes object as the i-th; keeps it not. */
void abi_watch(size_t i, void *object);
bool abi_lives(size_t i);
/* The i-th object, NULL if it is dead. */
void *abi_watched(size_t i);
/* Of those from first up to limit, how many are dead. */
size_t abi_dead(size_t first, size_t limit);

/* A thousand are watched of which each, or nearly none, lives. */
enum { ABI_MANY = 1000 };
#define EXPECT_ALL_LIVE() EXPECT_EQ(abi_dead(0, ABI_MANY), 0)
#define EXPECT_MOST_DEAD() ck_assert_uint_ge(abi_dead(0, ABI_MANY), ABI_MANY * 9 / 10)

/* ---- Bytes ---- */

/* The bytes of an object are value, all of them; are the pattern of its number. */
bool abi_all(const void *object, int value, size_t bytes);
void abi_fill(void *object, size_t number, size_t bytes);
bool abi_filled(const void *object, size_t number, size_t bytes);

/* ---- Work ---- */

/* Makes a list of objects, round after round; each is what it was at its end, also if
 * there was a collection. */
void abi_work(size_t seed, int rounds, bool collects);

#endif
