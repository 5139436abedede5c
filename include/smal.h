/* SPDX-License-Identifier: MIT */
/*
 * smal.h: the whole of libsmal's public interface.
 *
 * libsmal is a conservative, non-moving mark-sweep garbage collector for
 * language runtimes. A program makes a collector (smal_gc_create), attaches
 * its thread (smal_thread_attach), describes its object types
 * (smal_type_create) and allocates (smal_alloc, smal_alloc_bytes). What can
 * be reached from the attached threads' stacks and registers and from the
 * roots it declared stays; the rest is found by smal_collect, which runs when
 * it is called, or when the collector's pace says so.
 *
 * Beneath it are heaps of blocks that the program frees itself: with addresses
 * (heap.h), or behind handles, so that the library can move them together
 * (handle.h).
 *
 * Rules that hold everywhere:
 *
 * - Sizes and counts are in the unit that the name ends in: bytes, objects,
 *   words (of sizeof(void *) bytes), ns.
 * - A function that sets something up returns enum smal_error. A function
 *   that allocates an object returns NULL when it fails and leaves the reason
 *   with the thread (smal_thread_error).
 * - A caller's mistake (a double free, a foreign pointer, a thread that is not
 *   attached) goes to the error sink first (error.h). The default sink prints
 *   one line and aborts; where a sink returns, the call fails as documented
 *   and nothing has been changed.
 * - Objects never move: an object's address is its identity for as long as it
 *   lives, it may be hashed by address, and it never needs to be pinned.
 */
#ifndef SMAL_H
#define SMAL_H

#include <smal/version.h>
#include <smal/error.h>
#include <smal/gc.h>
#include <smal/thread.h>
#include <smal/type.h>
#include <smal/mark.h>
#include <smal/alloc.h>
#include <smal/root.h>
#include <smal/collect.h>
#include <smal/fiber.h>
#include <smal/weak.h>
#include <smal/finalizer.h>
#include <smal/map.h>
#include <smal/explain.h>
#include <smal/heap.h>
#include <smal/vector.h>
#include <smal/handle.h>
#include <smal/stats.h>
#include <smal/check.h>

#endif
