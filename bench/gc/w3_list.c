/* SPDX-License-Identifier: MIT */
/*
 * w3_list.c: full collections of one long list, made in order: what a marker
 * costs where memory helps it as much as it can.
 *
 *   heap   bytes of heap (512M)
 *   cells  of the list (10,000,000)
 */
#include "shim.h"
#include "workload.h"

struct cell {
	struct cell *head, *tail;
};

static struct shim_kind cell_kind;
static struct cell *list;

void w3_list(void)
{
	uint64_t cells = measure_number("cells", 10000000), start_ns, i;

	shim_open(measure_number("heap", 512 << 20));
	shim_root(&list);
	shim_fixed(&cell_kind, "cell", sizeof(struct cell), 3);
	start_ns = measure_ns();
	for (i = 0; i < cells; i++) {
		struct cell *cell = shim_new(&cell_kind);

		cell->head = NULL;
		cell->tail = list;
		list = cell;
	}
	workload_measure_collections(shim_collect, cells, measure_ns() - start_ns);
	for (i = 0; list; i++)
		list = list->tail;
	if (i != cells)
		measure_fail("the list is damaged");
}
