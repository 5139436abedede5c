/* SPDX-License-Identifier: MIT */
/*
 * foreign.c: a library in C for foreign.scm, that knows nothing of Scheme: it calls
 * back, keeps pointers, and counts the blocks that its finalizer was given.
 */
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *self; /* right as long as nobody wrote over it */
	size_t number;
};

static size_t freed, spoilt;
static int (*kept)(int);

void *foreign_block(size_t number)
{
	struct block *block = malloc(sizeof *block);

	if (block != NULL)
		*block = (struct block){ block, number };
	return block;
}

size_t foreign_number(const struct block *block)
{
	return block->self == block ? block->number : 0;
}

/* Called by the collector's client, once for each block. */
void foreign_free(void *pointer)
{
	struct block *block = pointer;

	if (block->self != block)
		spoilt++;
	block->self = NULL;
	freed++;
	free(block);
}

size_t foreign_freed(void)
{
	return freed;
}

size_t foreign_spoilt(void)
{
	return spoilt;
}

/* The sum of what a callback makes of 0 to n - 1. */
long foreign_sum(long (*callback)(long), long n)
{
	long sum = 0;

	for (long i = 0; i < n; i++)
		sum += callback(i);
	return sum;
}

void foreign_keep(int (*callback)(int))
{
	kept = callback;
}

int foreign_call_kept(int argument)
{
	return kept(argument);
}

void foreign_reverse(unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		unsigned char byte = bytes[i];

		bytes[i] = bytes[n - 1 - i];
		bytes[n - 1 - i] = byte;
	}
}
