/* SPDX-License-Identifier: MIT */
/*
 * team.c: what the tests of several markers share (team.h).
 */
#include "test/team.h"

#include <smal/base/atomic.h>
#include <smal/gc/crew.h>
#include <smal/gc/gc.h>

#include <stdio.h>
#include <string.h>

const unsigned team_markers[TEAM_MARKERS] = { 2, 3, 4 };

struct smal_type *team_pair, *team_array, *team_text, *team_witness, *team_mortal;
volatile uint32_t team_on_helpers, team_on_collector, team_freed;

size_t team_many(size_t n)
{
	return heap_must_be_small() ? n / 100 : n;
}

const char *team_why_alone(void)
{
	if (heap_must_be_small())
		return "the heap must be small";
	return gc->tool_watches ? "a tool watches, and one thread marks" : NULL;
}

/* ---- Witnesses ---- */

void team_note_thread(void)
{
	smal_atomic_add_u32(smal_crew_is_here() ? &team_on_helpers : &team_on_collector, 1);
}

void *team_mark_witness(struct smal_marker *marker, void *object)
{
	struct witness *at = object;

	team_note_thread();
	smal_mark(marker, at->left);
	smal_mark_array(marker, &at->right, 1);
	return at->tail;
}

static void count_freed(void *object, void *user)
{
	(void)object;
	(void)user;
	smal_atomic_add_u32(&team_freed, 1);
}

/* ---- Heaps ---- */

void team_begin(unsigned markers, int signal)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF,
		                           .exact_stacks = signal == 0,
		                           .markers = markers,
		                           .stop_signal = signal };
	struct smal_type_desc seen = { .name = "witness",
		                       .bytes = sizeof(struct witness),
		                       .marking = SMAL_MARK_CALLBACK,
		                       .mark = team_mark_witness };
	struct smal_type_desc desc = { .name = "mortal",
		                       .bytes = 3 * sizeof(void *),
		                       .marking = SMAL_MARK_CONSERVATIVE,
		                       .free = count_freed };

	heap_begin(&options);
	team_pair = heap_pair_type();
	team_array = heap_array_type();
	team_text = heap_text_type();
	team_witness = heap_type(&seen);
	team_mortal = heap_type(&desc);
	team_on_helpers = team_on_collector = team_freed = 0;
}

void team_expect_live(uint64_t live)
{
	int patience = team_why_alone() != NULL ? 2 : TEAM_PATIENCE;

	for (int i = 0; i < 2 || (i < patience && team_on_helpers == 0); i++) {
		/* However slow they are. */
		gc->team_collections = 0;
		heap_collect();
		ck_assert_uint_eq(heap_live(), live);
	}
}

void team_end(bool shared)
{
	if (shared && team_on_helpers == 0 && !gc->tool_watches)
		fprintf(stderr, "no helper was seen (%u threads)\n", smal_crew_prepare(1));
	if (shared && team_why_alone() == NULL && smal_crew_prepare(1) != 0)
		ck_assert_uint_gt(team_on_helpers, 0);
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
	heap_end();
}

void *team_see(void *left, void *right)
{
	struct witness *at;

	roots[6] = left;
	roots[7] = right;
	at = heap_alloc(team_witness);
	at->left = left;
	at->right = right;
	roots[6] = roots[7] = NULL;
	return at;
}

uint64_t team_fill(size_t n, uint64_t (*make)(void **slot, size_t i))
{
	void **heads = roots[0] = heap_alloc_bytes(team_array, n * sizeof *heads);
	uint64_t objects = 1;

	for (size_t i = 0; i < n; i++) {
		objects += 1 + make(&roots[1], i);
		heads[i] = team_see(roots[1], NULL);
		roots[1] = NULL;
	}
	return objects;
}

uint64_t team_make_list(void **slot, size_t i)
{
	(void)i;
	for (int j = 0; j < 50; j++)
		*slot = heap_cons(team_pair, NULL, *slot);
	return 50;
}

static void **tree(unsigned depth)
{
	void **object = heap_alloc(team_pair);

	if (depth > 0) {
		object[0] = tree(depth - 1);
		object[1] = tree(depth - 1);
	}
	return object;
}

uint64_t team_make_tree(void **slot, size_t i)
{
	(void)i;
	*slot = tree(5);
	return 63;
}

void team_mutate(struct member *member)
{
	size_t rounds = heap_scale(60);

	for (size_t round = 0; round < rounds; round++) {
		void *list = NULL, *slots[1] = { NULL };
		struct smal_frame frame;

		smal_frame_push(member->self, &frame, slots, 1);
		for (int i = 0; i < 500; i++) {
			struct witness *at = smal_alloc(member->self, team_witness);

			EXPECT(at != NULL);
			at->left = list;
			slots[0] = list = at;
			smal_poll(member->self);
		}
		EXPECT(smal_collect(member->self) == SMAL_OK);
		for (int i = 0; i < 500; i++, list = ((struct witness *)list)->left)
			EXPECT(smal_type_of(list) == team_witness);
		EXPECT(list == NULL);
		smal_frame_pop(member->self, &frame);
	}
}
