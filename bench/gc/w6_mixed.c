/* SPDX-License-Identifier: MIT */
/*
 * w6_mixed.c: objects of 16 bytes to 64 KiB with mixed lifetimes, in a heap
 * that they leave in pieces.
 *
 * A table holds the live objects; each new one takes the place of another. Of
 * sixteen, twelve go to the first sixteenth of the table and die soon, three to
 * the next quarter, and one anywhere. Small sizes are frequent, each doubling
 * has about as many bytes over the run by a factor of 1.4 as the one before.
 * Every eighth of the run leaves out the sizes of every third doubling, another
 * third each time, so that new objects do not fit where old ones died.
 *
 * Half of the objects are leaves; the other half are vectors, of which the
 * first word points to a small leaf of its own. All of an object is written,
 * and looked at when it dies.
 *
 *   heap     bytes of heap (320M)
 *   slots    objects in the table (131,072)
 *   objects  new objects, without the leaves of the vectors (2,000,000)
 */
#include "shim.h"
#include "workload.h"

#include <string.h>

enum {
	DOUBLINGS = 12,
	BYTES_MIN = 16,
	PHASES = 8,
	OWN_BYTES = 32,
	WEIGHT_TOTAL = 256,
};

/* What a slot refers to, and how it can be checked. */
struct slot {
	uint64_t bytes;
	int vector;
};

static struct shim_kind leaf_kind, vector_kind;
static uint64_t slots, objects;
static void **table;
static struct slot *facts;

/* Of 256 objects, how many fall into each doubling: 1 / sqrt 2 of the one before. */
static const unsigned char weights[DOUBLINGS] = { 76, 54, 38, 27, 19, 13, 9, 7, 5, 4, 2, 2 };

static uint64_t size_pick(uint64_t *random, unsigned phase)
{
	uint64_t at, bytes;
	unsigned doubling;

	do {
		at = measure_random_below(random, WEIGHT_TOTAL);
		for (doubling = 0; at >= weights[doubling]; doubling++)
			at -= weights[doubling];
	} while (doubling % 3 == phase % 3);
	bytes = (uint64_t)BYTES_MIN << doubling;
	return bytes + measure_random_below(random, bytes);
}

static uint64_t slot_pick(uint64_t *random)
{
	uint64_t age = measure_random_below(random, 16);

	if (age < 12)
		return measure_random_below(random, slots / 16);
	if (age < 15)
		return slots / 16 + measure_random_below(random, slots / 4);
	return measure_random_below(random, slots);
}

static void object_drop(uint64_t index)
{
	unsigned char *object = table[index];

	if (!object)
		return;
	if (facts[index].vector) {
		unsigned char **words = table[index];

		if (words[0][OWN_BYTES - 1] != (unsigned char)index)
			measure_fail("a vector's leaf is damaged");
		shim_free(words[0]);
	} else if (object[0] != (unsigned char)index ||
	           object[facts[index].bytes - 1] != (unsigned char)index) {
		measure_fail("a leaf is damaged");
	}
	table[index] = NULL;
	shim_free(object);
}

static void *leaf_new(uint64_t index, uint64_t bytes)
{
	void *leaf = shim_new_bytes(&leaf_kind, bytes);

	memset(leaf, (unsigned char)index, bytes);
	return leaf;
}

static void *vector_new(uint64_t index, uint64_t bytes)
{
	void **vector = shim_new_bytes(&vector_kind, bytes);
	uint64_t i;

	for (i = 1; i < bytes / sizeof *vector; i++)
		vector[i] = NULL;
	vector[0] = leaf_new(index, OWN_BYTES);
	return vector;
}

static uint64_t work(void)
{
	uint64_t random = 6, made = 0, i;

	for (i = 0; i < objects; i++) {
		uint64_t bytes = size_pick(&random, (unsigned)(i * PHASES / objects));
		uint64_t index = slot_pick(&random);
		int vector = (int)(measure_random(&random) & 1);

		object_drop(index);
		facts[index] = (struct slot){ bytes, vector };
		table[index] = vector ? vector_new(index, bytes) : leaf_new(index, bytes);
		made += vector ? 2 : 1;
	}
	for (i = 0; i < slots; i++)
		object_drop(i);
	return made;
}

void w6_mixed(void)
{
	slots = measure_number("slots", 131072);
	objects = measure_number("objects", 2000000);
	shim_open(measure_number("heap", 320 << 20));
	shim_root(&table);
	shim_root(&facts);
	shim_leaf(&leaf_kind, "leaf");
	shim_vector(&vector_kind, "vector");
	table = shim_new_bytes(&vector_kind, slots * sizeof *table);
	facts = shim_new_bytes(&leaf_kind, slots * sizeof *facts);
	workload_measure(work, shim_collect);
}
