/* SPDX-License-Identifier: MIT */
/*
 * count_pairs.c: pairs of malloc and free, for count_pairs.sh to count.
 *
 * usage: count_pairs PAIRS BYTES DEPTH. A depth of 0: the loop alone.
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
	static void *volatile block[1000];
	unsigned long pairs, bytes, depth;

	if (argc != 4)
		return 2;
	pairs = strtoul(argv[1], NULL, 10);
	bytes = strtoul(argv[2], NULL, 10);
	depth = strtoul(argv[3], NULL, 10);
	if (depth > 1000)
		return 2;
	if (depth == 0)
		for (unsigned long i = 0; i < pairs; i++) {
			block[0] = (void *)bytes;
			block[0] = NULL;
		}
	if (depth == 1)
		for (unsigned long i = 0; i < pairs; i++) {
			block[0] = malloc(bytes);
			free(block[0]);
		}
	for (unsigned long i = 0; depth > 1 && i < pairs; i += depth) {
		for (unsigned long k = 0; k < depth; k++)
			block[k] = malloc(bytes);
		for (unsigned long k = 0; k < depth; k++)
			free(block[k]);
	}
	return 0;
}
