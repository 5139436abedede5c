/* SPDX-License-Identifier: MIT */
/*
 * atomic.h: the atomic operations of the library, from libatomic_ops; the only
 * file that includes it.
 *
 * Words are AO_t, as wide as a pointer; two functions are for words of 32 bits.
 * libatomic_ops has no fetch-or that returns the old value, and its AO_or and
 * AO_fetch_and_add are assembly that TSan does not see: both are loops around a
 * compare-and-swap here. Its loads and stores are plain volatile ones, which TSan
 * reports: a build for TSan defines AO_PREFER_BUILTIN_ATOMICS.
 */
#ifndef SMAL_BASE_ATOMIC_H
#define SMAL_BASE_ATOMIC_H

#include <smal/base/def.h>

#include <atomic_ops.h>

static inline uintptr_t smal_atomic_load(const volatile AO_t *at)
{
	return AO_load_acquire(at);
}

static inline uintptr_t smal_atomic_load_relaxed(const volatile AO_t *at)
{
	return AO_load(at);
}

static inline void smal_atomic_store(volatile AO_t *at, uintptr_t value)
{
	AO_store_release(at, value);
}

static inline void smal_atomic_store_relaxed(volatile AO_t *at, uintptr_t value)
{
	AO_store(at, value);
}

static inline uint32_t smal_atomic_load_u32(const volatile uint32_t *at)
{
	return AO_int_load_acquire(at);
}

static inline void smal_atomic_store_u32(volatile uint32_t *at, uint32_t value)
{
	AO_int_store_release(at, value);
}

static inline uint32_t smal_atomic_load_relaxed_u32(const volatile uint32_t *at)
{
	return AO_int_load(at);
}

static inline bool smal_atomic_cas_u32(volatile uint32_t *at, uint32_t expected, uint32_t value)
{
	return AO_int_compare_and_swap_full(at, expected, value);
}

/* Set bits, clear bits, add; return the old word. Full barriers. */
static inline uint32_t smal_atomic_or_u32(volatile uint32_t *at, uint32_t bits)
{
	uint32_t old;

	do {
		old = AO_int_load(at);
	} while (!AO_int_compare_and_swap_full(at, old, old | bits));
	return old;
}

static inline uint32_t smal_atomic_clear_u32(volatile uint32_t *at, uint32_t bits)
{
	uint32_t old;

	do {
		old = AO_int_load(at);
	} while (!AO_int_compare_and_swap_full(at, old, old & ~bits));
	return old;
}

static inline uint32_t smal_atomic_add_u32(volatile uint32_t *at, uint32_t value)
{
	uint32_t old;

	do {
		old = AO_int_load(at);
	} while (!AO_int_compare_and_swap_full(at, old, old + value));
	return old;
}

/* The pointer flavours; the slot is an AO_t. */
static inline void *smal_atomic_load_pointer(const volatile AO_t *at)
{
	return (void *)AO_load_acquire(at);
}

static inline void smal_atomic_store_pointer(volatile AO_t *at, void *value)
{
	AO_store_release(at, (AO_t)value);
}

/* Returns the old value. */
static inline uintptr_t smal_atomic_add(volatile AO_t *at, uintptr_t value)
{
	uintptr_t old;

	do {
		old = AO_load(at);
	} while (!AO_compare_and_swap_full(at, old, old + value));
	return old;
}

static inline bool smal_atomic_cas(volatile AO_t *at, uintptr_t expected, uintptr_t value)
{
	return AO_compare_and_swap_full(at, expected, value);
}

/* Clears bits; returns the old word. */
static inline uintptr_t smal_atomic_clear(volatile AO_t *at, uintptr_t bits)
{
	uintptr_t old;

	do {
		old = AO_load(at);
	} while (!AO_compare_and_swap_full(at, old, old & ~bits));
	return old;
}

/* What stands before it is done before what stands behind it. */
static inline void smal_atomic_fence(void)
{
	AO_nop_full();
}

/* Sets bits; returns the old word. */
static inline uintptr_t smal_atomic_or(volatile AO_t *at, uintptr_t bits)
{
	uintptr_t old;

	do {
		old = AO_load(at);
		if ((old & bits) == bits)
			break;
	} while (!AO_compare_and_swap_full(at, old, old | bits));
	return old;
}

#endif
