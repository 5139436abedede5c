/* SPDX-License-Identifier: MIT */
/* A heap is made for nobody. */
/* expect: smal: smal_handle_heap_create: result is NULL */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	smal_handle_heap_create(NULL, NULL);
	return 0;
}
