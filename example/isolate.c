/* SPDX-License-Identifier: MIT */
/*
 * isolate.c: programs with a heap of their own.
 *
 *     this interpreter                    a new one, on a thread of its own
 *     program's text -- copied ---------> heap_start, evaluates
 *     waits (it has left)                 ...
 *     result, a datum <----- copied ----- result's text, heap_end
 *
 * The two collectors know nothing of each other: no pointer leads from one heap
 * to the other, and a collection of one does not stop the other. So all that
 * passes is copied, as text. Whatever the program made, and also a limit that
 * it ran into, ends with its heap.
 */
#include "vm.h"

#include <stdlib.h>
#include <string.h>

struct job {
	struct heap_options options;
	size_t stack_bytes;
	/** In malloc's memory: the program; the result, or what went wrong. */
	char *text, *result;
	int failed;
};

/** Copies a string out of the heap; NULL if there is no memory. */
static char *copy_out(value string)
{
	return strdup(bytes_of(string)->at);
}

/** Evaluates the program. An error in it becomes its result. */
static void evaluate_text(struct job *job)
{
	struct catcher catcher;
	value v;

	error_catch(&catcher, 0);
	if (setjmp(catcher.jump) == 0) {
		v = machine_load(port_open_string(make_text(job->text), NOTHING));
		job->result = copy_out(call(global_named("datum->text"), 1, &v));
		error_done(&catcher);
	} else {
		job->failed = 1;
		job->result = error_text(&catcher);
	}
}

static void *run(void *argument)
{
	struct job *job = argument;
	enum smal_error error;

	error_set_stack(job->stack_bytes);
	error = machine_begin(&job->options);
	if (error != SMAL_OK) {
		job->failed = 1;
		job->result = strdup(smal_error_text(error));
		return NULL;
	}
	evaluate_text(job);
	heap_end();
	return NULL;
}

/** Runs a job to its end. */
static int job_run(struct job *job)
{
	pthread_t thread;
	int error = thread_create(&thread, job->stack_bytes + STACK_RESERVE_BYTES, run, job);

	if (error == 0) {
		smal_thread_leave(vm.thread);
		error = pthread_join(thread, NULL);
		smal_thread_enter(vm.thread);
	}
	return error;
}

/** (run-in-new-heap TEXT LIMIT): the text of the last value. LIMIT 0 is this heap's
 *  own. In the prelude, in-new-heap turns data into text and back. */
static value run_in_new_heap(const value *a)
{
	struct job job = { .options = vm.heap->options, .stack_bytes = 16 * 1024 * 1024 };
	value result = NOTHING;
	int error;

	if (a[2] != fixnum(0))
		job.options.limit_bytes = (size_t)fixnum_number(a[2]);
	job.text = copy_out(a[1]);
	if (job.text == NULL)
		heap_exhausted();
	error = job_run(&job);
	free(job.text);
	if (error != 0)
		error_at(vm.place, NOTHING, "can't start a thread: %s", strerror(error));
	if (job.result != NULL)
		result = make_text(job.result);
	free(job.result);
	if (result == NOTHING)
		heap_exhausted();
	if (job.failed)
		error_at(vm.place, NOTHING, "in a new heap: %s", bytes_of(result)->at);
	return result;
}

const struct primitive_spec isolate_primitives[] = {
	{ "run-in-new-heap", run_in_new_heap, "si", 0 },
	{ NULL, NULL, NULL, 0 }
};
