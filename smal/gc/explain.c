/* SPDX-License-Identifier: MIT */
/*
 * explain.c: the way from a root to an object.
 *
 * The second marker remembers how it found each object, and it finds them in the
 * order of their distance from the roots (but for what pairs lead to): the chain
 * of parents, read backwards, is a shortest way.
 */
#include <smal/gc/second.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

/* The object is asked about on frames below what is scanned, and is its complement
 * elsewhere: or the question would be the answer. */
struct question {
	uintptr_t object;
	struct smal_step *steps;
	size_t count;
	/* Steps of the whole way; -1: no memory; or this: */
	ptrdiff_t length;
};

enum { NO_OBJECT = -2 };

static void fill_object(const struct smal_second *second, struct smal_step *step, size_t number,
                        uintptr_t place)
{
	uintptr_t object = second->found[number].object;
	const struct smal_buffer *buffer = smal_second_buffer(second, object);

	*step = (struct smal_step){ .object = (void *)object,
		                    .type = &smal_buffer_kind(buffer)->type->public,
		                    .place = (const void *)place,
		                    .offset = place != 0 ? place - object : SIZE_MAX };
}

/* Fills the steps from the last to the first: each has the place of the word that
 * leads to the one behind it. */
static void fill(const struct smal_second *second, const struct question *question, size_t number)
{
	size_t step = (size_t)question->length;
	uintptr_t place = 0;

	for (; number != SMAL_FOUND_NONE; number = second->found[number].parent) {
		const struct smal_found *found = &second->found[number];

		if (--step < question->count)
			fill_object(second, &question->steps[step], number, place);
		place = found->place;
		if (found->parent == SMAL_FOUND_NONE && question->count > 0)
			question->steps[0] = (struct smal_step){ .root = found->root,
				                                 .place = (const void *)place,
				                                 .offset = SIZE_MAX };
	}
}

static void answer(struct smal_gc *gc, struct question *question)
{
	struct smal_second second;
	size_t number;

	if (!smal_second_init(&second, gc)) {
		question->length = -1;
		return;
	}
	smal_second_run(&second);
	number = smal_second_number(&second, ~question->object);
	for (size_t at = number; at != SMAL_FOUND_NONE; at = second.found[at].parent)
		question->length++;
	if (number != SMAL_FOUND_NONE) {
		question->length++;
		fill(&second, question, number);
	}
	smal_second_fini(&second);
}

static void explain_stopped(struct smal_gc *gc, uintptr_t low, void *argument)
{
	struct question *question = argument;
	const struct smal_buffer *buffer = smal_object_buffer((const void *)~question->object);

	(void)low;
	if (buffer == NULL || smal_buffer_kind(buffer)->type->gc != gc) {
		question->length = NO_OBJECT;
		return;
	}
	smal_os_tool_quiet();
	SMAL_EACH_THREAD(gc, thread)
		smal_thread_retract(thread);
	answer(gc, argument);
	SMAL_EACH_THREAD(gc, thread)
		smal_thread_restore(thread);
	smal_os_tool_loud();
}

ptrdiff_t smal_retainers(struct smal_thread *public, const void *object, struct smal_step *steps,
                         size_t count)
{
	struct question question = { .object = ~(uintptr_t)object, .steps = steps, .count = count };
	enum smal_error error = smal_thread_check(public, SMAL_IDLE, __func__);
	struct smal_attached *thread = smal_attached(public);

	/* An argument may lie on the stack. */
	object = NULL;
	__asm__ volatile("" : : "m"(object));
	if (error != SMAL_OK)
		return -1;
	smal_world_run(thread->gc, explain_stopped, &question);
	if (question.length == NO_OBJECT) {
		thread->error = smal_object_fail(thread->gc, (void *)~question.object, __func__);
		return -1;
	}
	if (question.length < 0)
		thread->error = SMAL_ERROR_NO_MEMORY;
	return question.length;
}
