/* SPDX-License-Identifier: MIT */
/*
 * mstress.c: threads that keep some of their blocks, exchange others and die.
 *
 * In the manner of the stress test of mimalloc. Each block is filled with words
 * that follow from its length and is checked whole. Some sizes are a hundred
 * times larger than the usual. A thread may free a block, keep it till it ends,
 * or put it into a table that all threads share and take what was there.
 *
 *   steps        of each thread in each generation (20,000)
 *   generations  of threads (50)
 *   exchange     places of the shared table (1000)
 *   threads      at once (1)
 */
#include "work.h"

#include <stdatomic.h>

#define COOKIE UINT64_C(0xbf58476d1ce4e5b9)

static _Atomic(uint64_t *) *exchange;
static uint64_t steps, places;

static uint64_t *words_new(struct worker *worker, uint64_t count)
{
	uint64_t *words = malloc(count * sizeof *words), i;

	if (!words)
		measure_fail("no memory");
	tally_add(&worker->tally, count * sizeof *words);
	for (i = 0; i < count; i++)
		words[i] = (count - i) ^ COOKIE;
	return words;
}

static void words_drop(struct worker *worker, uint64_t *words)
{
	uint64_t count, i;

	if (!words)
		return;
	count = words[0] ^ COOKIE;
	for (i = 0; i < count; i++)
		if ((words[i] ^ COOKIE) != count - i)
			measure_fail("a block is damaged");
	worker->tally.live_bytes -= (int64_t)(count * sizeof *words);
	free(words);
}

static uint64_t count_pick(uint64_t *random)
{
	uint64_t count = 1 + measure_random_below(random, 64);

	if (measure_random_below(random, 100) == 0)
		count *= 10;
	if (measure_random_below(random, 1000) == 0)
		count *= 100;
	return count;
}

static void work(struct worker *worker)
{
	uint64_t **kept = table_new(steps, sizeof *kept);
	uint64_t *random = &worker->random, kept_count = 0, i;

	for (i = 0; i < steps; i++) {
		uint64_t *words = words_new(worker, count_pick(random));
		uint64_t fate = measure_random_below(random, 100);

		if (fate < 25) {
			words = atomic_exchange(&exchange[measure_random_below(random, places)],
			                        words);
			words_drop(worker, words);
		} else if (fate < 60 && kept_count > 0) {
			uint64_t at = measure_random_below(random, kept_count);

			words_drop(worker, kept[at]);
			kept[at] = words;
		} else {
			kept[kept_count++] = words;
		}
	}
	while (kept_count > 0)
		words_drop(worker, kept[--kept_count]);
	free(kept);
}

void mstress(void)
{
	unsigned threads = work_threads();
	uint64_t generations = work_steps("generations", 50), i;

	steps = measure_number("steps", 20000);
	places = measure_number("exchange", 1000);
	if (steps < 1 || places < 1)
		measure_fail("steps or exchange out of range");
	exchange = table_new(places, sizeof *exchange);
	while (generations-- > 0)
		work_spawn(threads, work);
	for (i = 0; i < places; i++)
		words_drop(&workers[0], exchange[i]);
	free(exchange);
}
