/* SPDX-License-Identifier: MIT */
/*
 * xmalloc.c: some threads only allocate, others only free.
 *
 * After Lever and Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment" (2000). Blocks travel in batches through a queue of bounded
 * length, so that what is live is bounded too; the batch itself is a block.
 *
 *   producers  (1), as many consumers
 *   batches    that each producer makes (40,000)
 *   blocks     in a batch (100)
 *   bytes      of the largest block (500)
 *   queue      batches that wait at most (64)
 */
#include "work.h"

struct batch {
	struct batch *next;
	struct block blocks[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_cond_t emptied = PTHREAD_COND_INITIALIZER;
static struct batch *first, **last = &first;
static uint64_t waiting, queue_most, batches_each, batch_blocks, bytes_max;
static unsigned producers;

static void queue_push(struct batch *batch)
{
	batch->next = NULL;
	pthread_mutex_lock(&lock);
	while (waiting == queue_most)
		pthread_cond_wait(&emptied, &lock);
	*last = batch;
	last = &batch->next;
	waiting++;
	pthread_cond_signal(&filled);
	pthread_mutex_unlock(&lock);
}

static struct batch *queue_pop(void)
{
	struct batch *batch;

	pthread_mutex_lock(&lock);
	while (!first)
		pthread_cond_wait(&filled, &lock);
	batch = first;
	first = batch->next;
	if (!first)
		last = &first;
	waiting--;
	pthread_cond_signal(&emptied);
	pthread_mutex_unlock(&lock);
	return batch;
}

static void produce(struct worker *worker)
{
	uint64_t i, j;

	for (i = 0; i < batches_each; i++) {
		struct batch *batch = malloc(sizeof *batch + batch_blocks * sizeof *batch->blocks);

		if (!batch)
			measure_fail("no memory");
		worker->tally.calls++;
		for (j = 0; j < batch_blocks; j++)
			batch->blocks[j] =
				block_new(&worker->tally,
			                  1 + measure_random_below(&worker->random, bytes_max));
		queue_push(batch);
	}
}

static void consume(struct worker *worker)
{
	uint64_t i, j;

	for (i = 0; i < batches_each; i++) {
		struct batch *batch = queue_pop();

		for (j = 0; j < batch_blocks; j++)
			block_drop(&worker->tally, &batch->blocks[j]);
		free(batch);
	}
}

static void work(struct worker *worker)
{
	if (worker->index < producers)
		produce(worker);
	else
		consume(worker);
}

void xmalloc(void)
{
	producers = (unsigned)measure_number("producers", 1);
	if (producers < 1 || producers > MOST_THREADS / 2)
		measure_fail("producers out of range");
	batches_each = work_steps("batches", 40000);
	batch_blocks = measure_number("blocks", 100);
	bytes_max = measure_number("bytes", 500);
	queue_most = measure_number("queue", 64);
	work_spawn(2 * producers, work);
	work_peak((queue_most + 2 * producers) * batch_blocks *
	          (sizeof(struct block) + bytes_max / 2));
}
