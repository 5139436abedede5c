/* SPDX-License-Identifier: MIT */
/*
 * model_gc.c: random object graphs beside a reference graph. Objects of every
 * kind (ways of marking, sizes, tags, free callbacks) are allocated, linked,
 * dropped, freed early and resized; whenever a collection has run, exactly the
 * objects are live that the reference graph reaches from the roots: none lost,
 * with their contents whole, and none dead kept, for all roots are exact.
 *
 *   roots: slots, a frame, a range of interior pointers
 *      |
 *      v
 *   node { object, edges: word -> node }    one for each object
 */
#include <smal/gc/gc.h>

#include "test/collector.h"

#include <string.h>

enum { EDGES = 6, NODES = 1 << 16, NONE = -1, TAG_MASK = 7 };

/* ---- Types ---- */

enum kind { PAIR, CELL, RECORD, NODE, ARRAY, VECTOR, ODD, TEXT, INTERIOR, MORTAL, MORTAL_TEXT,
            SPARSE, WIDE, KINDS };

static struct smal_type *types[KINDS];

static bool is_leaf(enum kind kind)
{
	return kind == ODD || kind == TEXT || kind == INTERIOR || kind == MORTAL_TEXT;
}

static bool is_mortal(enum kind kind)
{
	return kind == MORTAL || kind == MORTAL_TEXT || kind == SPARSE;
}

static void *mark_node(struct smal_marker *marker, void *object)
{
	void **words = object;

	smal_mark(marker, words[0]);
	smal_mark_array(marker, words + 1, 2);
	return words[3];
}

static void free_mortal(void *object, void *user);

static void make_types(void)
{
	static const uintptr_t cell = 5, record = 31, vector = 2;
	const struct smal_type_desc descs[KINDS] = {
		[CELL] = { .name = "cell", .bytes = 3 * sizeof(void *),
		           .marking = SMAL_MARK_LAYOUT, .layout = { &cell, 3, 0 } },
		[RECORD] = { .name = "record", .bytes = 5 * sizeof(void *), .alignment = 64,
		             .marking = SMAL_MARK_LAYOUT, .layout = { &record, 5, 0 } },
		[NODE] = { .name = "node", .bytes = 5 * sizeof(void *),
		           .marking = SMAL_MARK_CALLBACK, .mark = mark_node },
		[ARRAY] = { .name = "array", .marking = SMAL_MARK_CONSERVATIVE },
		[VECTOR] = { .name = "vector", .marking = SMAL_MARK_LAYOUT,
		             .layout = { &vector, 2, 1 } },
		[ODD] = { .name = "odd", .bytes = 24 },
		[TEXT] = { .name = "text" },
		[INTERIOR] = { .name = "interior", .bytes = 120, .flags = SMAL_TYPE_INTERIOR },
		[MORTAL] = { .name = "mortal", .bytes = 7 * sizeof(void *),
		             .marking = SMAL_MARK_CONSERVATIVE, .free = free_mortal,
		             .user = (void *)6 },
		[MORTAL_TEXT] = { .name = "mortal text", .free = free_mortal },
		/* Slots at odd multiples of 8, far apart, in small and in medium buffers. */
		[SPARSE] = { .name = "sparse", .bytes = 1032, .marking = SMAL_MARK_CONSERVATIVE,
		             .free = free_mortal, .user = (void *)6 },
		[WIDE] = { .name = "wide", .bytes = 9000, .marking = SMAL_MARK_CONSERVATIVE },
	};

	types[PAIR] = heap_pair_type();
	for (int i = CELL; i < KINDS; i++)
		types[i] = heap_type(&descs[i]);
}

/* ---- The reference graph ---- */

enum state { FREE, LIVE, PENDING };

struct node {
	uintptr_t *object;
	size_t bytes;
	enum state state;
	enum kind kind;
	/* Calls of its free callback. */
	unsigned called;
	/* Edges and roots that lead to it, at least. */
	unsigned incoming;
	unsigned reached;
	uintptr_t pattern;
	struct edge {
		size_t word;
		int to;
		uintptr_t value;
	} edges[EDGES];
	unsigned edge_count;
};

static struct node nodes[NODES];
static int free_nodes[NODES], queue[NODES];
/* Nodes from node_top on were never used. */
static int node_top;
static unsigned free_count, live_count, pending_count, epoch;
static struct test_random random_numbers;

static size_t below(size_t limit)
{
	return (size_t)test_random_below(&random_numbers, limit);
}

/* Roots: which node, and where its address stands. The first is for objects that
 * have just been made. */
enum { FRAME = 8, RANGE = 4, ALL_ROOTS = ROOTS + FRAME + RANGE };

static int root_of[ALL_ROOTS];
static void *frame_slots[FRAME];
static uintptr_t range[RANGE];

static uintptr_t tagged(const struct node *node)
{
	size_t offset = node->kind == INTERIOR ? below(node->bytes) : 0;

	return ((uintptr_t)node->object + offset) | below(TAG_MASK + 1);
}

static void set_root(int root, int to)
{
	uintptr_t value = to != NONE ? tagged(&nodes[to]) : 0;

	if (root_of[root] != NONE)
		nodes[root_of[root]].incoming--;
	root_of[root] = to;
	if (to != NONE)
		nodes[to].incoming++;
	if (root < ROOTS)
		roots[root] = (void *)value;
	else if (root < ROOTS + FRAME)
		frame_slots[root - ROOTS] = (void *)value;
	else
		/* Inside, and not at the start: that is where a neighbour may end. */
		range[root - ROOTS - FRAME] =
			to != NONE ? (uintptr_t)nodes[to].object + 8 + below(nodes[to].bytes - 8)
				   : 0;
}

static void set_edge(struct node *node, unsigned e, int to)
{
	struct edge *edge = &node->edges[e];

	if (edge->to != NONE)
		nodes[edge->to].incoming--;
	edge->to = to;
	edge->value = to != NONE ? tagged(&nodes[to]) : 0;
	if (to != NONE)
		nodes[to].incoming++;
	node->object[edge->word] = edge->value;
}

/* The words of a new node that hold its edges. */
static void place_edges(struct node *node)
{
	static const unsigned counts[KINDS] = { [PAIR] = 2, [CELL] = 2, [RECORD] = 5, [NODE] = 4,
		                                [ARRAY] = EDGES, [VECTOR] = EDGES, [MORTAL] = 6,
		                                [SPARSE] = 6, [WIDE] = 6 };
	size_t words = node->bytes / sizeof(uintptr_t);

	node->edge_count = counts[node->kind];
	for (unsigned e = 0; e < node->edge_count; e++) {
		size_t word = e;

		if (node->kind == CELL)
			word = 2 * e;
		else if (node->kind == VECTOR)
			word = words < 8 ? e + 1 : 1 + e * (words - 2) / (EDGES - 1);
		else if (node->kind == ARRAY && words >= 16)
			word = e * (words - 1) / (EDGES - 1);
		if (word >= words) {
			node->edge_count = e;
			break;
		}
		node->edges[e] = (struct edge){ word, NONE, 0 };
	}
}

/* A data word: small, so that it is nobody's address; for the mortal, its
 * node's number. */
static uintptr_t *data_word(const struct node *node)
{
	switch (node->kind) {
	case CELL:
		return &node->object[1];
	case NODE:
		return &node->object[4];
	case ARRAY:
		return node->bytes >= 16 * sizeof(uintptr_t) ? &node->object[1] : NULL;
	case MORTAL:
	case SPARSE:
	case WIDE:
		return &node->object[6];
	case PAIR:
	case RECORD:
		return NULL;
	default:
		return &node->object[0];
	}
}

static void write_data(struct node *node)
{
	uintptr_t *data = data_word(node);

	node->pattern = (uintptr_t)(node - nodes);
	if (data != NULL)
		*data = node->pattern;
	if (is_leaf(node->kind)) {
		size_t bytes = node->bytes - sizeof(uintptr_t);

		memset(node->object + 1, (int)node->pattern & 0xff, bytes < 200 ? bytes : 200);
		node->object[node->bytes / sizeof(uintptr_t) - 1] = node->pattern;
	}
}

static void expect_whole(const struct node *node)
{
	const uintptr_t *data = data_word(node);

	EXPECT(smal_type_of(node->object) == types[node->kind]);
	EXPECT(smal_size(node->object) == node->bytes);
	EXPECT(data == NULL || *data == node->pattern);
	EXPECT(node->called == 0);
	for (unsigned e = 0; e < node->edge_count; e++)
		EXPECT(node->object[node->edges[e].word] == node->edges[e].value);
	if (is_leaf(node->kind) && node->bytes > 40) {
		const unsigned char *bytes = (const unsigned char *)(node->object + 1);

		EXPECT(bytes[0] == (node->pattern & 0xff) && memcmp(bytes, bytes + 1, 20) == 0);
		EXPECT(node->object[node->bytes / sizeof(uintptr_t) - 1] == node->pattern);
	}
}

/* ---- What the collector does, and whether the model agrees ---- */

static unsigned collections, modelled;

static void observe(const struct smal_collection *collection, void *user)
{
	(void)collection;
	(void)user;
	collections++;
}

static void free_mortal(void *object, void *user)
{
	/* Its number, in the word that the type's user pointer says. */
	uintptr_t number = ((uintptr_t *)object)[(uintptr_t)user];

	EXPECT(number < NODES && nodes[number].object == object);
	EXPECT(nodes[number].state != FREE && is_mortal(nodes[number].kind));
	EXPECT(nodes[number].called == 0);
	nodes[number].called++;
}

static void release(int i)
{
	nodes[i].state = FREE;
	free_nodes[free_count++] = i;
}

static unsigned reach(void)
{
	unsigned head = 0, tail = 0;

	epoch++;
	for (int i = 0; i < ALL_ROOTS; i++) {
		if (root_of[i] != NONE && nodes[root_of[i]].reached != epoch) {
			nodes[root_of[i]].reached = epoch;
			queue[tail++] = root_of[i];
		}
	}
	while (head < tail) {
		const struct node *node = &nodes[queue[head++]];

		for (unsigned e = 0; e < node->edge_count; e++) {
			int to = node->edges[e].to;

			if (to != NONE && nodes[to].reached != epoch) {
				nodes[to].reached = epoch;
				queue[tail++] = to;
			}
		}
	}
	return tail;
}

/* A collection has run: what is not reached is dead, or pending. */
static void model_collection(void)
{
	modelled = collections;
	live_count = reach();
	for (int i = 0; i < node_top; i++) {
		if (nodes[i].state != LIVE)
			continue;
		if (nodes[i].reached == epoch) {
			EXPECT(nodes[i].called == 0);
			nodes[i].incoming = 0;
		} else if (is_mortal(nodes[i].kind)) {
			nodes[i].state = PENDING;
			pending_count++;
		} else {
			release(i);
		}
	}
	for (unsigned n = 0; n < live_count; n++)
		for (unsigned e = 0; e < nodes[queue[n]].edge_count; e++)
			if (nodes[queue[n]].edges[e].to != NONE)
				nodes[nodes[queue[n]].edges[e].to].incoming++;
	for (int i = 0; i < ALL_ROOTS; i++)
		if (root_of[i] != NONE)
			nodes[root_of[i]].incoming++;
}

/* The pending whose callback has run are gone. */
static void model_frees(void)
{
	for (int i = 0; i < node_top && pending_count > 0; i++) {
		if (nodes[i].state == PENDING && nodes[i].called == 1) {
			pending_count--;
			release(i);
		}
	}
}

static void expect_agreement(void)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(stats.objects.pending_objects, pending_count);
	ck_assert_uint_eq(stats.objects.live_objects, live_count + pending_count);
	for (int i = 0; i < node_top; i++)
		if (nodes[i].state == LIVE)
			expect_whole(&nodes[i]);
}

/* ---- Operations ---- */

/* A node that is reachable: the end of a random walk. *from and *e: the edge
 * that the walk came by, or NULL if it is a root's. */
static int walk(struct node **from, unsigned *e)
{
	int at = root_of[below(ALL_ROOTS)];

	*from = NULL;
	for (size_t steps = below(40); at != NONE && steps > 0; steps--) {
		struct node *node = &nodes[at];
		unsigned edge;

		if (node->edge_count == 0)
			break;
		edge = (unsigned)below(node->edge_count);
		if (node->edges[edge].to == NONE)
			continue;
		*from = node;
		*e = edge;
		at = node->edges[edge].to;
	}
	return at;
}

static size_t random_bytes(void)
{
	if (below(2000) == 0)
		return SMAL_LARGE_BYTES + 1 + below(300000);
	return 8 + below((size_t)1 << (4 + below(below(50) == 0 ? 13 : 7)));
}

/* A node that is reachable and one of its edges, nearly always one that is free,
 * so that graphs grow; or NONE. */
static int grow_at(unsigned *e)
{
	struct node *from;
	int i = walk(&from, e);

	if (i != NONE && nodes[i].edge_count == 0)
		i = from != NULL ? (int)(from - nodes) : NONE;
	if (i == NONE)
		return NONE;
	*e = (unsigned)below(nodes[i].edge_count);
	for (unsigned n = 0; n < nodes[i].edge_count && nodes[i].edges[*e].to != NONE; n++)
		*e = (*e + 1) % nodes[i].edge_count;
	return nodes[i].edges[*e].to == NONE || below(5000) == 0 ? i : NONE;
}

static void allocate(void)
{
	/* Few that take much memory. */
	enum kind kind = (enum kind)below(below(16) == 0 ? KINDS : SPARSE);
	bool variable = smal_type_stride(types[kind]) == 0;
	struct node *node;
	uintptr_t *object;
	unsigned e;
	int to, i;

	object = variable ? heap_alloc_bytes(types[kind], random_bytes()) : heap_alloc(types[kind]);
	if (collections != modelled)
		model_collection();
	EXPECT(free_count > 0);
	i = free_nodes[--free_count];
	node_top = i < node_top ? node_top : i + 1;
	node = &nodes[i];
	*node = (struct node){ .object = object, .bytes = smal_size(object), .state = LIVE,
		               .kind = kind };
	live_count++;
	e = (unsigned)(node->bytes < 4096 ? node->bytes : 4096) - 1;
	EXPECT(*(char *)object == 0 && memcmp(object, (char *)object + 1, e) == 0);
	EXPECT(((char *)object)[node->bytes - 1] == 0);
	place_edges(node);
	write_data(node);
	set_root(0, i);
	/* Where it stays: behind another, or as a root; or it is garbage soon. */
	to = grow_at(&e);
	if (to != NONE)
		set_edge(&nodes[to], e, i);
	else if (root_of[to = (int)below(ALL_ROOTS)] == NONE || below(1000) == 0)
		set_root(to, i);
}

static void link_nodes(void)
{
	struct node *from;
	unsigned e, unused;
	int a = grow_at(&e);

	if (a != NONE)
		set_edge(&nodes[a], e, below(10) == 0 ? NONE : walk(&from, &unused));
}

static bool leads_somewhere(const struct node *node)
{
	for (unsigned e = 0; e < node->edge_count; e++)
		if (node->edges[e].to != NONE)
			return true;
	return false;
}

/* Frees an object that one edge alone leads to; rarely one with a graph behind
 * it, which is garbage then. */
static void free_early(void)
{
	struct node *from, *node;
	unsigned e;
	int i = walk(&from, &e);

	if (i == NONE || from == NULL || nodes[i].incoming != 1 || from == &nodes[i] ||
	    (leads_somewhere(&nodes[i]) && below(200) != 0))
		return;
	node = &nodes[i];
	set_edge(from, e, NONE);
	EXPECT(smal_free(thread, node->object) == SMAL_OK);
	EXPECT(node->called == is_mortal(node->kind));
	EXPECT(smal_type_of(node->object) == NULL);
	for (unsigned k = 0; k < node->edge_count; k++)
		if (node->edges[k].to != NONE)
			nodes[node->edges[k].to].incoming--;
	live_count--;
	release(i);
}

static void resize(void)
{
	struct node *from, *node;
	unsigned e;
	int i = walk(&from, &e);
	size_t bytes;

	if (i == NONE || smal_type_stride(types[nodes[i].kind]) != 0)
		return;
	node = &nodes[i];
	bytes = node->bytes > SMAL_LARGE_BYTES ? SMAL_LARGE_BYTES + below(400000) : random_bytes();
	if (smal_resize(thread, node->object, bytes) != SMAL_OK) {
		EXPECT(bytes > node->bytes);
		return;
	}
	node->bytes = smal_size(node->object);
	EXPECT(node->bytes >= bytes);
	while (node->edge_count > 0 && node->edges[node->edge_count - 1].word >=
	                                       node->bytes / sizeof(uintptr_t)) {
		struct edge *edge = &node->edges[--node->edge_count];

		if (edge->to != NONE)
			nodes[edge->to].incoming--;
	}
	write_data(node);
	/* A root inside of it may now be outside. */
	for (int root = ROOTS + FRAME; root < ALL_ROOTS; root++)
		if (root_of[root] == i)
			set_root(root, i);
}

static void collect(void)
{
	EXPECT(smal_collect(thread) == SMAL_OK);
	model_collection();
	model_frees();
	EXPECT(pending_count == 0);
	expect_agreement();
	ck_assert_msg(smal_check(thread) == SMAL_OK, "%s", told.what);
}

/* ---- Runs ---- */

struct run {
	const char *name;
	size_t operations, most_live, collect_every;
	bool torture, check_all;
};

static void start(void)
{
	struct smal_gc_options options = { .pace_bytes = 512 * 1024, .tag_mask = TAG_MASK,
		                           .exact_stacks = 1 };

	heap_begin(&options);
	make_types();
	ck_assert_int_eq(smal_root_add_range(gc, range, range + RANGE, NULL), SMAL_OK);
	smal_gc_set_observer(gc, observe, NULL);
	memset(range, 0, sizeof range);
	memset(frame_slots, 0, sizeof frame_slots);
	memset(nodes, 0, sizeof nodes);
	node_top = 0;
	collections = modelled = live_count = pending_count = epoch = free_count = 0;
	for (int i = 0; i < ALL_ROOTS; i++)
		root_of[i] = NONE;
	for (int i = NODES; i > 0; i--)
		free_nodes[free_count++] = i - 1;
}

static void run_model(const struct run *run, uint64_t stream)
{
	struct smal_frame frame;

	test_random_init(&random_numbers, stream);
	start();
	smal_frame_push(thread, &frame, frame_slots, FRAME);
	smal_gc_set_torture(gc, run->torture ? 1 : 0);
	smal_process.options.check_mark = smal_process.options.check_all = run->check_all;
	for (size_t i = 0; i < run->operations; i++) {
		size_t what = below(100);

		if (what < 50)
			allocate();
		else if (what < 80)
			link_nodes();
		else if (what < 88)
			free_early();
		else if (what < 90)
			resize();
		else if (what == 95 && below(200) == 0)
			set_root((int)below(ALL_ROOTS), NONE);
		else if (what == 96 && below(50) == 0 && smal_run_frees(thread) > 0)
			model_frees();
		if (below(run->collect_every) == 0)
			collect();
		if (live_count > run->most_live || free_count < 100) {
			for (int root = 0; root < ALL_ROOTS; root++)
				if (live_count > run->most_live * 2 || below(2) == 0)
					set_root(root, NONE);
			collect();
		}
	}
	for (int root = 0; root < ALL_ROOTS; root++)
		set_root(root, NONE);
	collect();
	ck_assert_uint_eq(live_count, 0);
	smal_process.options.check_mark = smal_process.options.check_all = false;
	smal_gc_set_torture(gc, 0);
	smal_frame_pop(thread, &frame);
	heap_end();
}

START_TEST(test_model)
{
	struct run run = { .operations = test_long() ? 100000000 : heap_scale(1000000),
		           .most_live = 20000, .collect_every = test_long() ? 50000 : 2000 };

	run_model(&run, 1);
}
END_TEST

/* A collection at every allocation. */
START_TEST(test_torture)
{
	struct run run = { .operations = heap_scale(20000), .most_live = 400,
		           .collect_every = 100, .torture = true };

	run_model(&run, 2);
}
END_TEST

/* The second marker and the checker at every collection. */
START_TEST(test_check_all)
{
	struct run run = { .operations = heap_scale(100000), .most_live = 10000,
		           .collect_every = 1000, .check_all = true };

	run_model(&run, 3);
}
END_TEST

static Suite *model_suite(void)
{
	Suite *suite = suite_create("model gc");
	TCase *model = tcase_create("model");

	tcase_add_test(model, test_model);
	tcase_add_test(model, test_torture);
	tcase_add_test(model, test_check_all);
	suite_add_tcase(suite, model);
	return suite;
}

int main(void)
{
	return test_main(model_suite);
}
