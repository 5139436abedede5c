/* SPDX-License-Identifier: MIT */
/*
 * tool_watch.c MISTAKE: reads a byte that is no object's, for tool_watch.sh to
 * see that memcheck or AddressSanitizer catches it; "none" reads only what it
 * may; "which" prints the tools that the library was built for.
 */
#include <config.h>

#include <smal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN "asan "
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN "asan "
#endif
#endif
#ifndef ASAN
#define ASAN ""
#endif

#ifdef HAVE_VALGRIND_MEMCHECK_H
#define MEMCHECK "memcheck"
#else
#define MEMCHECK ""
#endif

static struct smal_gc *gc;
static struct smal_thread *thread;
static struct smal_type *pair, *text, *mortal;
static void *root;

static void must(enum smal_error error)
{
	if (error != SMAL_OK) {
		fprintf(stderr, "tool_watch: %s\n", smal_error_text(error));
		exit(3);
	}
}

/* The last thing that the type's free callback saw. */
static volatile unsigned char *last_freed;

static void free_mortal(void *object, void *user)
{
	(void)user;
	last_freed = object;
	/* Until now it may be read. */
	if (*last_freed != 7)
		exit(4);
}

static void begin(void)
{
	struct smal_gc_options options = { .exact_stacks = 1 };
	struct smal_type_desc desc = { .name = "pair", .bytes = 16 };

	must(smal_gc_create(&options, &gc));
	must(smal_thread_attach(gc, &thread));
	must(smal_type_create(gc, &desc, &pair));
	desc = (struct smal_type_desc){ .name = "text" };
	must(smal_type_create(gc, &desc, &text));
	desc = (struct smal_type_desc){ .name = "mortal", .bytes = 40, .free = free_mortal };
	must(smal_type_create(gc, &desc, &mortal));
	must(smal_root_add(gc, &root, "root"));
}

/* A byte that must not be read. */
static volatile unsigned char *mistake(const char *name)
{
	unsigned char *object;

	if (strcmp(name, "freed") == 0) {
		object = smal_alloc(thread, pair);
		smal_free(thread, object);
		return object;
	}
	if (strcmp(name, "freed-large") == 0) {
		object = smal_alloc_bytes(thread, text, 300000);
		smal_alloc_bytes(thread, text, 300000);
		smal_free(thread, object);
		/* The next one may use its addresses: as far as it goes. */
		smal_alloc_bytes(thread, text, 200000);
		return object + 250000;
	}
	if (strcmp(name, "collected") == 0) {
		root = smal_alloc_bytes(thread, text, 100);
		object = smal_alloc_bytes(thread, text, 100);
		smal_collect(thread);
		return object + 50;
	}
	if (strcmp(name, "collected-large") == 0) {
		object = smal_alloc_bytes(thread, text, 300000);
		smal_collect(thread);
		return object + 299999;
	}
	if (strcmp(name, "shrunk") == 0) {
		root = object = smal_alloc_bytes(thread, text, 1 << 20);
		must(smal_resize(thread, object, 300000));
		return object + smal_size(object);
	}
	if (strcmp(name, "callback") == 0) {
		root = smal_alloc(thread, mortal);
		object = smal_alloc(thread, mortal);
		*object = 7;
		smal_collect(thread);
		return last_freed;
	}
	if (strcmp(name, "next") == 0) {
		object = smal_alloc(thread, pair);
		return object + 16;
	}
	if (strcmp(name, "again") == 0) {
		/* Used again, it may be read; freed again, not. */
		object = smal_alloc(thread, pair);
		smal_free(thread, object);
		object = smal_alloc(thread, pair);
		memset(object, 1, 16);
		smal_free(thread, object);
		return object + 15;
	}
	return NULL;
}

/* What a program may do. */
static void no_mistake(void)
{
	for (int round = 0; round < 20; round++) {
		for (size_t bytes = 1; bytes < 400000; bytes += 1 + bytes) {
			root = smal_alloc_bytes(thread, text, bytes);
			memset(root, 1, smal_size(root));
			memset(smal_alloc(thread, pair), 1, 16);
			memset(smal_alloc(thread, mortal), 7, 40);
			smal_free(thread, smal_alloc(thread, pair));
			if (bytes > 200000 && smal_resize(thread, root, bytes / 2) == SMAL_OK &&
			    smal_resize(thread, root, bytes) == SMAL_OK)
				memset(root, 1, smal_size(root));
		}
		smal_collect(thread);
		smal_trim(thread);
	}
}

int main(int count, char **words)
{
	volatile unsigned char *byte;

	if (count == 2 && strcmp(words[1], "which") == 0) {
		puts(ASAN MEMCHECK);
		return 0;
	}
	begin();
	if (count == 2 && strcmp(words[1], "none") == 0) {
		no_mistake();
	} else {
		byte = count == 2 ? mistake(words[1]) : NULL;
		if (byte == NULL)
			return 2;
		/* Not thrown away by the compiler. */
		if (*byte == 3)
			putchar('3');
	}
	must(smal_thread_detach(thread));
	must(smal_gc_destroy(gc));
	return 0;
}
