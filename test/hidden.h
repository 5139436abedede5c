/* SPDX-License-Identifier: MIT */
/*
 * hidden.h: objects that nothing refers to but what a test has refer to them: which
 * of them are live tells what a scan of stacks and registers has seen.
 *
 * Their addresses are kept as HIDE(address). What a test finds alive might be so by a
 * word left over; so every way of holding is tried on many objects, and the same
 * with no way at all must lose most of them.
 */
#ifndef SMAL_TEST_HIDDEN_H
#define SMAL_TEST_HIDDEN_H

#include "test/collector.h"

/* A multiple of the registers of hold.h. */
enum { HIDDEN = 60, HIDDEN_BYTES = 208 };

/* Their addresses, hidden; and their type, without pointers. */
extern uintptr_t hidden[HIDDEN];
extern struct smal_type *hidden_type;

/* Makes the type: after heap_begin. */
void hidden_begin(void);

/* Makes them all anew, in frames that are overwritten afterwards (hidden_scribble). */
void hidden_make(struct smal_thread *self);
void hidden_scribble(void);

/* Whether an address, hidden, is a live object's start; how many of them all are. */
bool hidden_is_live(uintptr_t word);
unsigned hidden_live(void);

#endif
