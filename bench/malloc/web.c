/* SPDX-License-Identifier: MIT */
/*
 * web.c: a server that answers requests and remembers some.
 *
 * A request allocates many blocks of 16 bytes to 8 KiB and frees them when it
 * ends; several are open at once and end in any order. Every other one leaves a
 * few blocks of mixed sizes in a random place of the table of sessions, and
 * frees those that were there. Long-lived blocks so stand among short-lived
 * ones everywhere. The run has eight parts; threads end and begin between them,
 * and after each part of the second half resident over live bytes is taken.
 *
 *   open      requests at once (16)
 *   blocks    of a request (100)
 *   sessions  places of each thread's table (20,000)
 *   requests  of each thread (100,000)
 *   threads   (1)
 */
#include "work.h"

enum { PARTS = 8, SESSION_BLOCKS = 4, LEAVES = 2 };

struct session {
	struct block blocks[SESSION_BLOCKS];
};

static struct session *tables[MOST_THREADS];
static struct block *requests_open[MOST_THREADS];
static uint64_t open_count, blocks, sessions, requests;

static void session_leave(struct worker *worker)
{
	uint64_t at = measure_random_below(&worker->random, sessions);
	struct session *session = &tables[worker->index][at];
	int i;

	for (i = 0; i < SESSION_BLOCKS; i++) {
		block_drop(&worker->tally, &session->blocks[i]);
		session->blocks[i] = block_new(&worker->tally, size_power(&worker->random, 5, 8));
	}
}

static void request_end(struct worker *worker, struct block *request)
{
	uint64_t i;

	for (i = 0; i < blocks; i++)
		block_drop(&worker->tally, &request[i]);
}

static void request_begin(struct worker *worker, struct block *request)
{
	uint64_t i;

	for (i = 0; i < blocks; i++)
		request[i] = block_new(&worker->tally, size_power(&worker->random, 4, 9));
	if (measure_random_below(&worker->random, LEAVES) == 0)
		session_leave(worker);
}

static void serve(struct worker *worker)
{
	struct block *table = requests_open[worker->index];
	uint64_t i;

	for (i = 0; i < requests / PARTS; i++) {
		uint64_t at = measure_random_below(&worker->random, open_count);

		request_end(worker, table + at * blocks);
		request_begin(worker, table + at * blocks);
	}
}

static void finish(unsigned index)
{
	uint64_t i, j;

	for (i = 0; i < open_count; i++)
		request_end(&workers[0], requests_open[index] + i * blocks);
	for (i = 0; i < sessions; i++)
		for (j = 0; j < SESSION_BLOCKS; j++)
			block_drop(&workers[0].tally, &tables[index][i].blocks[j]);
	free(requests_open[index]);
	free(tables[index]);
}

void web(void)
{
	unsigned threads = work_threads(), i;
	int part;

	open_count = measure_number("open", 16);
	blocks = measure_number("blocks", 100);
	sessions = work_steps("sessions", 20000);
	requests = work_steps("requests", 100000);
	if (open_count < 1 || blocks < 1)
		measure_fail("open or blocks out of range");
	for (i = 0; i < threads; i++) {
		tables[i] = table_new(sessions, sizeof *tables[i]);
		requests_open[i] = table_new(open_count * blocks, sizeof **requests_open);
	}
	for (part = 0; part < PARTS; part++) {
		work_run(threads, serve);
		if (part >= PARTS / 2)
			work_sample(work_live_bytes());
	}
	for (i = 0; i < threads; i++)
		finish(i);
}
