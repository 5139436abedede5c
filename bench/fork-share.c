/* SPDX-License-Identifier: MIT */
/*
 * fork-share.c: how much of a heap a forked child still shares with its parent
 * after it has collected.
 *
 * The parent fills a heap with pairs and keeps every second one, so that half
 * of every page is dead. The child collects. Whatever it writes becomes a
 * private page of its own; all other pages stay shared. Its private dirty
 * memory (/proc/self/smaps_rollup), stack and C library included, may be 2 % of
 * the heap.
 *
 * Also a test: the status is 0 if that holds, 1 if not, 77 if it can't be told.
 */
#include "measure.h"

#include <smal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PAIRS = 8 << 20,
	SHARE_PERCENT = 2,
};

struct pair {
	struct pair *head, *tail;
};

static struct smal_gc *gc;
static struct smal_thread *thread;
static struct pair *list;

static void done(enum smal_error error)
{
	if (error != SMAL_OK)
		measure_fail(smal_error_text(error));
}

/* A list of every second pair; those between are dead. */
static void heap_fill(void)
{
	const uintptr_t pointers = 3;
	const struct smal_type_desc desc = {
		.name = "pair",
		.bytes = sizeof(struct pair),
		.marking = SMAL_MARK_LAYOUT,
		.layout = { &pointers, 2, 0 },
	};
	const struct smal_gc_options options = {
		.options_bytes = sizeof options,
		.pace = SMAL_PACE_OFF,
	};
	struct smal_type *type;
	int i;

	done(smal_gc_create(&options, &gc));
	done(smal_thread_attach(gc, &thread));
	done(smal_root_add(gc, &list, "list"));
	done(smal_type_create(gc, &desc, &type));
	for (i = 0; i < PAIRS; i++) {
		struct pair *pair = smal_alloc(thread, type);

		if (!pair)
			measure_fail("out of memory");
		pair->tail = list;
		if (i % 2)
			list = pair;
	}
}

/* In the child: collects, and tells what has become private by it. */
static int child(void)
{
	struct smal_gc_stats stats;
	uint64_t before, after, heap_bytes;
	double percent;

	smal_gc_get_stats(gc, &stats);
	heap_bytes = stats.objects.heap_bytes;
	before = measure_proc_bytes("smaps_rollup", "Private_Dirty:");
	done(smal_collect(thread));
	after = measure_proc_bytes("smaps_rollup", "Private_Dirty:");
	if (after == 0) {
		fputs("fork-share: no /proc/self/smaps_rollup here\n", stderr);
		return 77;
	}
	smal_gc_get_stats(gc, &stats);
	if (stats.objects.live_objects > PAIRS / 2 + PAIRS / 1000)
		measure_fail("dead objects were kept");
	percent = 100.0 * (double)after / (double)heap_bytes;
	measure_line("heap_bytes", (double)heap_bytes, "bytes");
	measure_line("private_before_bytes", (double)before, "bytes");
	measure_line("private_after_bytes", (double)after, "bytes");
	measure_line("private_share", percent, "percent");
	return fflush(stdout) == 0 && percent <= SHARE_PERCENT ? 0 : 1;
}

int main(void)
{
	int status;
	pid_t pid;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* A sanitizer's shadow memory is private too. */
	return 77;
#endif
	heap_fill();
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		measure_fail("fork");
	if (pid == 0)
		_exit(child());
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		measure_fail("the child died");
	return WEXITSTATUS(status);
}
