/* SPDX-License-Identifier: MIT */
/* A limit and a pace that no heap reaches. */
/* expect: done */
/* ends: 0 */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_gc_set_limit(gc, SIZE_MAX));
	if (smal_alloc_bytes(thread, text_type, SIZE_MAX) != NULL)
		fprintf(stderr, "SIZE_MAX\n");
	expect_ok(smal_gc_set_pace(gc, SMAL_PACE_GROWTH, SIZE_MAX, 10000));
	if (smal_alloc(thread, pair_type) == NULL)
		fprintf(stderr, "%s\n", smal_error_text(smal_thread_error(thread)));
	expect_ok(smal_collect(thread));
	fprintf(stderr, "done\n");
	return 0;
}
