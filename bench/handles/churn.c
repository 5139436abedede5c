/* SPDX-License-Identifier: MIT */
/*
 * churn.c: writes a trace of a store of values, like Redis with a bound on its
 * memory, whose values become larger.
 *
 * usage: handles-churn [NAME=VALUE ...] >FILE
 *
 *   live        bytes that the values may have together (64M)
 *   first_min   bytes of a value at first, any size alike (64)
 *   first_max   (240)
 *   second_min  bytes of a value later (80)
 *   second_max  (400)
 *   rounds      in percent: values that are set later, for each that there was at
 *               the end of the first phase (200)
 *   gets        in percent: values that are looked at, for each that is set (100)
 *   drop        in percent: of the keys that are there at the end, those that are
 *               deleted (25)
 *   seed        (1)
 *
 * First, keys are set one after another until the values fill the bound. Then random
 * keys are set to values of the second kind: the new value is made before the old
 * one goes, as a server does; where the bound would be exceeded, random other keys
 * are evicted first. Gets choose random keys. At last random keys are deleted.
 */
#include "../measure.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key has a value if it has an id; ids are one more than in the file. */
struct key {
	uint32_t id, bytes;
};

static struct key *keys;
static uint32_t *free_ids, free_count, next_id;
static uint64_t key_count, live, live_most, random_state;

static void op_write(enum trace_what what, uint32_t id, uint64_t bytes)
{
	struct trace_op op = trace_op(what, id - 1, bytes);

	if (fwrite(&op, sizeof op, 1, stdout) != 1)
		measure_fail("the trace cannot be written");
}

static uint32_t id_take(void)
{
	return free_count ? free_ids[--free_count] : ++next_id;
}

static void value_drop(struct key *key)
{
	if (!key->id)
		return;
	op_write(TRACE_FREE, key->id, 0);
	free_ids[free_count++] = key->id;
	live -= key->bytes;
	key->id = 0;
}

static struct key *key_any(void)
{
	return &keys[measure_random_below(&random_state, key_count)];
}

static void value_set(struct key *key, uint64_t bytes)
{
	struct key old = *key;

	key->id = id_take();
	key->bytes = (uint32_t)bytes;
	op_write(TRACE_NEW, key->id, bytes);
	live += bytes;
	value_drop(&old);
}

static void key_set(struct key *key, uint64_t bytes)
{
	while (live + bytes > live_most) {
		struct key *other = key_any();

		if (other != key)
			value_drop(other);
	}
	value_set(key, bytes);
}

static uint64_t size_between(uint64_t low, uint64_t high)
{
	return low + measure_random_below(&random_state, high - low + 1);
}

static void first_phase(uint64_t low, uint64_t high)
{
	uint64_t bytes = size_between(low, high);

	for (; live + bytes <= live_most; bytes = size_between(low, high))
		value_set(&keys[key_count++], bytes);
}

static void second_phase(uint64_t sets, uint64_t gets_percent, uint64_t low, uint64_t high)
{
	uint64_t due = 0;

	for (; sets; sets--) {
		key_set(key_any(), size_between(low, high));
		for (due += gets_percent; due >= 100; due -= 100) {
			struct key *key = key_any();

			if (key->id)
				op_write(TRACE_USE, key->id, 0);
		}
	}
}

static void last_phase(uint64_t percent)
{
	uint64_t i;

	for (i = 0; i < key_count; i++)
		if (measure_random_below(&random_state, 100) < percent)
			value_drop(&keys[i]);
}

/* Room for as many keys as there can be, and a new value beside each old one. */
static void tables_open(uint64_t most)
{
	if (most + 2 > TRACE_MOST_IDS)
		measure_fail("too many values");
	keys = calloc(most, sizeof *keys);
	free_ids = calloc(most + 2, sizeof *free_ids);
	if (!keys || !free_ids)
		measure_fail("no memory");
}

int main(int count, char **arguments)
{
	uint64_t first_min, first_max, second_min, second_max, rounds, gets, drop;
	struct trace_op mark = { 0, TRACE_MARK };

	measure_arguments(count - 1, arguments + 1);
	live_most = measure_number("live", 64 << 20);
	first_min = measure_number("first_min", 64);
	first_max = measure_number("first_max", 240);
	second_min = measure_number("second_min", 80);
	second_max = measure_number("second_max", 400);
	rounds = measure_number("rounds", 200);
	gets = measure_number("gets", 100);
	drop = measure_number("drop", 25);
	random_state = measure_number("seed", 1);
	measure_arguments_done();
	if (first_min < 1 || first_max < first_min || second_max < second_min ||
	    live_most < 16 * (first_max + second_max))
		measure_fail("sizes out of range");
	tables_open(live_most / first_min + 1);
	if (fwrite(&mark, sizeof mark, 1, stdout) != 1)
		measure_fail("the trace cannot be written");
	first_phase(first_min, first_max);
	second_phase(key_count * rounds / 100, gets, second_min, second_max);
	last_phase(drop);
	return fflush(stdout) == 0 ? 0 : 1;
}
