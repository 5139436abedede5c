/* SPDX-License-Identifier: MIT */
/*
 * mark.h: what a mark callback or a root callback may do.
 *
 * A marker is the state of one marking worker; it is handed to the callback
 * and valid until the callback returns.
 */
#ifndef SMAL_MARK_H
#define SMAL_MARK_H

#include <smal/type.h>

SMAL_BEGIN

/**
 * Marks the object that pointer refers to. NULL, small integers, tagged
 * immediates and foreign addresses are allowed and ignored; the collector's
 * tag_mask is taken off first.
 *
 * Only from a mark callback or a root callback, on the thread it runs on. Does
 * not call back: the object's own pointers are marked later.
 */
SMAL_API void smal_mark(struct smal_marker *marker, const void *pointer);

/** Marks each of count pointers, as smal_mark does. */
SMAL_API void smal_mark_array(struct smal_marker *marker, void *const *pointers,
                              size_t count);

/**
 * Scans [base, limit) conservatively, as stacks are: every aligned word that is
 * the address of an object, of a place inside it, or of the byte after it,
 * marks it. (The byte after an object of a type of fixed size, of up to 64
 * bytes, counts only if no other object begins there: or every pointer would
 * keep the neighbour of its object too.)
 */
SMAL_API void smal_mark_range(struct smal_marker *marker, const void *base,
                              const void *limit);

/**
 * Marks an object and not what it refers to: for one whose pointers the callback
 * knows better, and marks itself (a stack of which a part is in use). What else
 * refers to the object does not have them marked either.
 */
SMAL_API void smal_mark_only(struct smal_marker *marker, const void *pointer);

SMAL_END

#endif
