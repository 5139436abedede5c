/* SPDX-License-Identifier: MIT */
/*
 * abi.c: what the tests of libgc's interface share (abi.h).
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* Hidden, for the data of the program are roots. */
static GC_hidden_pointer watched[ABI_WATCHES];

bool abi_on_stock(void)
{
	const char *text = getenv("ABI_STOCK");

	return text != NULL && strcmp(text, "1") == 0;
}

int abi_main(Suite *(*suite)(void))
{
	Dl_info info;

	/* Without a call: the collector is still to be initialised. */
	if (dladdr(dlsym(RTLD_DEFAULT, "GC_gcollect"), &info) != 0)
		printf("collector: %s\n", info.dli_fname);
	fflush(stdout);
	return test_main(suite);
}

void abi_begin(void)
{
	GC_INIT();
	GC_set_warn_proc(GC_ignore_warn_proc);
}

__attribute__((noinline)) void abi_clear_stack(void)
{
	char waste[64 * KIB];

	memset(waste, 0, sizeof waste);
	__asm__ volatile("" : : "r"(waste) : "memory");
}

__attribute__((noinline)) void abi_away(void (*make)(size_t n), size_t n)
{
	char distance[32 * KIB];

	__asm__ volatile("" : : "r"(distance) : "memory");
	make(n);
	__asm__ volatile("" : : "r"(distance) : "memory");
	abi_clear_stack();
}

__attribute__((noinline)) void abi_collect(void)
{
	abi_clear_stack();
	GC_gcollect();
}

void abi_watch(size_t i, void *object)
{
	EXPECT(i < ABI_WATCHES && object != NULL);
	GC_unregister_disappearing_link((void **)&watched[i]);
	watched[i] = GC_HIDE_POINTER(object);
	EXPECT_EQ(GC_general_register_disappearing_link((void **)&watched[i], GC_base(object)),
	          GC_SUCCESS);
}

bool abi_lives(size_t i)
{
	return *(volatile GC_hidden_pointer *)&watched[i] != 0;
}

void *abi_watched(size_t i)
{
	return abi_lives(i) ? GC_REVEAL_POINTER(watched[i]) : NULL;
}

size_t abi_dead(size_t first, size_t limit)
{
	size_t dead = 0;

	for (size_t i = first; i < limit; i++)
		dead += !abi_lives(i);
	return dead;
}

bool abi_all(const void *object, int value, size_t bytes)
{
	const unsigned char *at = object;

	for (size_t i = 0; i < bytes; i++)
		if (at[i] != value)
			return false;
	return true;
}

/* No eight of these bytes are the address of an object. */
static unsigned char pattern(size_t number, size_t i)
{
	return (unsigned char)((number * 31 + i * 7) % 127 + 128);
}

void abi_fill(void *object, size_t number, size_t bytes)
{
	unsigned char *at = object;

	for (size_t i = 0; i < bytes; i++)
		at[i] = pattern(number, i);
}

bool abi_filled(const void *object, size_t number, size_t bytes)
{
	const unsigned char *at = object;

	for (size_t i = 0; i < bytes; i++)
		if (at[i] != pattern(number, i))
			return false;
	return true;
}

void abi_work(size_t seed, int rounds, bool collects)
{
	for (int round = 0; round < rounds; round++) {
		size_t **head = NULL, n = 0;

		for (size_t i = 0; i < 1000; i++) {
			size_t **object = GC_malloc(i % 10 * 16 + 24);

			object[0] = (size_t *)head;
			object[1] = (size_t *)(seed + i);
			object[2] = GC_malloc_atomic(32);
			*object[2] = seed ^ i;
			head = object;
		}
		if (collects)
			GC_gcollect();
		for (n = 1000; head != NULL; head = (size_t **)head[0])
			EXPECT((size_t)head[1] == seed + --n && *head[2] == (seed ^ n));
		EXPECT_EQ(n, 0);
	}
}
