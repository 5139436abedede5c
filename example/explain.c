/* SPDX-License-Identifier: MIT */
/*
 * explain.c: why an object is alive: (why OBJECT) prints the way from a root to
 * it, which smal_retainers finds.
 *
 *     globals
 *       symbol cache
 *       pair (("key" . #(1 2 3)))
 *       vector #(1 2 3)
 *
 * Whoever asks holds the object, and would be the answer. So the word is turned
 * over while the question runs, and taken out of the array of arguments, and
 * nothing on the stack looks like it: unless a local variable of the program does
 * hold the object, or a word that is left in a hole of a frame, as many are in code
 * that is not optimized.
 */
#include "vm.h"

#include <string.h>

enum { STEPS = 40 };

/** Takes the argument, turned over. This and the next are functions of their own
 *  lest the compiler keeps the word in a register of why's. */
__attribute__((noinline))
static value hide(value *argument)
{
	value hidden = ~*argument;

	*argument = NOTHING;
	return hidden;
}

/** Asks about what is the object's address only in the call itself. */
__attribute__((noinline))
static ptrdiff_t ask(struct smal_thread *thread, const volatile value *hidden,
                     struct smal_step *steps)
{
	return smal_retainers(thread, object_of(~*hidden), steps, STEPS);
}

/** An object of libsmal's as a value, or NOTHING if it is none of the language:
 *  an environment, code, the inside of a table. */
static value value_of(const struct smal_step *step)
{
	const struct heap *heap = vm.heap;
	const struct smal_type *type = step->type;
	value v = (value)step->object;

	if (type == heap->pair || type == heap->located)
		return v | TAG_PAIR;
	if (type == heap->flonum)
		return v | TAG_FLONUM;
	return type == heap->bytes || type == heap->vector || type == heap->closure ||
	       type == heap->object || type == heap->primitive || type == heap->port ||
	       type == heap->file || type == heap->fiber ? v : NOTHING;
}

/** What a step is called. */
static const char *name_of(const struct smal_step *step)
{
	if (step->object == NULL)
		return step->root;
	if (step->type == vm.heap->object)
		return is_kind((value)step->object, KIND_SYMBOL) ? "symbol" : "object";
	return smal_type_name(step->type);
}

/** A list of (NAME) and (NAME . VALUE), for print-path of the prelude. */
static value list_steps(const struct smal_step *steps, size_t count)
{
	value list = NIL, v;
	size_t i;

	for (i = count; i-- > 0;) {
		v = steps[i].object == NULL ? NOTHING : value_of(&steps[i]);
		if (v != NOTHING && v == vm.heap->globals)
			continue;
		v = v == NOTHING ? NIL : cons(v, NIL);
		list = cons(cons(make_text(name_of(&steps[i])), v), list);
	}
	return list;
}

/** Asks, and prints the answer. */
__attribute__((noinline))
static void explain(value hidden)
{
	struct smal_step steps[STEPS];
	ptrdiff_t count;
	value list;

	memset(steps, 0, sizeof(steps));
	count = ask(vm.thread, &hidden, steps);
	if (count < 0)
		error_at(vm.place, NOTHING, "why: %s",
		         smal_error_text(smal_thread_error(vm.thread)));
	list = list_steps(steps, (size_t)count < STEPS ? (size_t)count : STEPS);
	call(global_named("print-path"), 1, &list);
	explicit_bzero(steps, sizeof(steps));
}

/** (why OBJECT). What the argument's evaluation has left below is wiped. */
static value why(const value *a)
{
	value hidden = hide((value *)&a[1]);

	error_wipe();
	explain(hidden);
	return UNSPECIFIED;
}

const struct primitive_spec explain_primitives[] = {
	{ "why", why, "g", 0 },
	{ NULL, NULL, NULL, 0 }
};
