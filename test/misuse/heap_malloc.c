/* SPDX-License-Identifier: MIT */
/* Memory of the C library is freed. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is in no heap */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_free(heap, malloc(100));
	return 0;
}
