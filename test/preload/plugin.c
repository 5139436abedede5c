/* SPDX-License-Identifier: MIT */
/*
 * plugin.c: a library that is opened and closed while a program runs (early.c): it
 * allocates in its constructor and frees in its destructor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 1000 };

char *plugin_name(void);

static char *blocks[BLOCKS];

__attribute__((constructor)) static void constructor(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(i + 1);
		if (blocks[i] == NULL)
			abort();
		memset(blocks[i], 'p', i);
		blocks[i][i] = 0;
	}
}

__attribute__((destructor)) static void destructor(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (strlen(blocks[i]) != i || strspn(blocks[i], "p") != i)
			abort();
		free(blocks[i]);
	}
}

char *plugin_name(void)
{
	char *name = calloc(1, 64);

	if (name != NULL)
		snprintf(name, 64, "opened, with %d blocks", BLOCKS);
	return name;
}
