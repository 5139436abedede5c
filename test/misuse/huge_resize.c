/* SPDX-License-Identifier: MIT */
/* An object grows beyond any memory. */
/* expect: done */
/* ends: 0 */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc_bytes(thread, text_type, 1024 * 1024);
	for (size_t k = 0; k < 5000; k++)
		if (smal_resize(thread, object, SIZE_MAX - k) != SMAL_ERROR_TOO_LARGE)
			fprintf(stderr, "SIZE_MAX - %zu\n", k);
	if (smal_size(object) != 1024 * 1024)
		fprintf(stderr, "the object has changed\n");
	fprintf(stderr, "done\n");
	return 0;
}
