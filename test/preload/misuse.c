/* SPDX-License-Identifier: MIT */
/*
 * misuse.c NAME: makes the mistake of that name with malloc and free.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More frees than the queue of a guarded heap is long. */
static void free_others(size_t bytes)
{
	for (int i = 0; i < 3000; i++)
		free(malloc(bytes));
}

/* What a compiler would see through goes through here. */
static void *same(void *block)
{
	static void *volatile place;

	place = block;
	return place;
}

static char *block(size_t bytes)
{
	char *result = same(malloc(bytes));

	if (result == NULL)
		exit(3);
	return result;
}

static void double_free(void)
{
	char *p = block(100);

	free(p);
	free(same(p));
}

static void double_free_large(void)
{
	char *p = block(100000), *neighbour = block(100000);

	free(p);
	free(same(p));
	free(neighbour);
}

static void double_free_empty(void)
{
	char *p = block(0);

	free(p);
	free(same(p));
}

static void double_free_realloc(void)
{
	char *p = block(100);

	free(p);
	free(realloc(same(p), 200));
}

static void double_free_usable(void)
{
	char *p = block(100);

	free(p);
	printf("%zu\n", malloc_usable_size(same(p)));
}

static void interior(void)
{
	free(same(block(100) + 16));
}

static void interior_large(void)
{
	free(same(block(100000) + 4096));
}

static void misaligned(void)
{
	free(same(block(100) + 3));
}

static void foreign_stack(void)
{
	char text[16] = "";

	free(same(text));
}

static void foreign_static(void)
{
	static char text[16];

	free(same(text));
}

static void foreign_number(void)
{
	free(same((void *)16));
}

static void overrun(void)
{
	char *p = block(100);

	memset(same(p), 1, 101);
	free(p);
}

static void overrun_far(void)
{
	char *p = block(100);

	memset(same(p), 1, 128);
	free(p);
}

static void overrun_large(void)
{
	char *p = block(100000);

	memset(same(p), 1, 100003);
	free(p);
}

static void overrun_realloc(void)
{
	char *p = block(100);

	memset(same(p), 1, 102);
	free(realloc(p, 500));
}

static void write_after_free(void)
{
	char *p = block(100);

	free(p);
	((char *)same(p))[5] = 1;
	free_others(100);
}

static void write_after_free_large(void)
{
	char *p = block(100000);

	free(p);
	((char *)same(p))[5] = 1;
	free_others(100000);
}

static const struct mistake {
	const char *name;
	void (*make)(void);
} mistakes[] = {
	{ "double_free", double_free },
	{ "double_free_large", double_free_large },
	{ "double_free_empty", double_free_empty },
	{ "double_free_realloc", double_free_realloc },
	{ "double_free_usable", double_free_usable },
	{ "interior", interior },
	{ "interior_large", interior_large },
	{ "misaligned", misaligned },
	{ "foreign_stack", foreign_stack },
	{ "foreign_static", foreign_static },
	{ "foreign_number", foreign_number },
	{ "overrun", overrun },
	{ "overrun_far", overrun_far },
	{ "overrun_large", overrun_large },
	{ "overrun_realloc", overrun_realloc },
	{ "write_after_free", write_after_free },
	{ "write_after_free_large", write_after_free_large },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof mistakes / sizeof *mistakes; i++)
		if (strcmp(argv[1], mistakes[i].name) == 0) {
			mistakes[i].make();
			return 0;
		}
	return 2;
}
