/* SPDX-License-Identifier: MIT */
/* NULL where it is allowed is no mistake. */
/* expect: done */
/* ends: 0 */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_free(thread, NULL));
	expect_ok(smal_thread_detach(NULL));
	expect_ok(smal_gc_destroy(NULL));
	fprintf(stderr, "done\n");
	return 0;
}
