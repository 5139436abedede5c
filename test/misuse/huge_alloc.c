/* SPDX-License-Identifier: MIT */
/* Objects larger than any memory. */
/* expect: done */
/* ends: 0 */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	for (size_t k = 0; k < 5000; k++)
		if (smal_alloc_bytes(thread, text_type, SIZE_MAX - k) != NULL ||
		    smal_thread_error(thread) != SMAL_ERROR_TOO_LARGE)
			fprintf(stderr, "SIZE_MAX - %zu\n", k);
	if (smal_alloc_bytes(thread, text_type, SIZE_MAX / 2) != NULL)
		fprintf(stderr, "SIZE_MAX / 2\n");
	fprintf(stderr, "done\n");
	return 0;
}
