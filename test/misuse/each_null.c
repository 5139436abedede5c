/* SPDX-License-Identifier: MIT */
/* A walk over all objects has no thread. */
/* expect: smal: smal_each_object: thread is not attached */
/* ends: abort */
#include "test/misuse/misuse.h"

static int visit(void *object, struct smal_type *type, size_t bytes, void *user)
{
	(void)object;
	(void)type;
	(void)bytes;
	(void)user;
	return 0;
}

int main(void)
{
	begin();
	smal_each_object(NULL, visit, NULL);
	return 0;
}
