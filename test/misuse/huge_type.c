/* SPDX-License-Identifier: MIT */
/* Types larger than any memory. */
/* expect: done */
/* ends: 0 */
#include "test/misuse/misuse.h"

static void ignore(const struct smal_report *report, void *user)
{
	(void)report;
	(void)user;
}

int main(void)
{
	begin();
	smal_error_set_sink(ignore, NULL);
	for (size_t k = 0; k < 5000; k++) {
		struct smal_type_desc desc = { .name = "huge", .bytes = SIZE_MAX - k };
		struct smal_type *type;
		enum smal_error error = smal_type_create(gc, &desc, &type);

		if (error != SMAL_ERROR_TOO_LARGE)
			fprintf(stderr, "SIZE_MAX - %zu: %s\n", k, smal_error_text(error));
	}
	fprintf(stderr, "done\n");
	return 0;
}
