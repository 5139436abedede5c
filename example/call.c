/* SPDX-License-Identifier: MIT */
/*
 * call.c: calls, and tail calls.
 *
 * The caller makes the environment of the procedure it calls, evaluates the
 * arguments right into it, and runs the body. A tail call inside the body
 * leaves its procedure and arguments to that caller, in vm.next, and returns
 * TAIL: the caller runs the next body. So a tail call needs no stack, whoever
 * calls whom.
 *
 * The environment of a procedure that has no inner procedure lies in the
 * caller's C frame, where the collector finds what it holds; any other is an
 * object, which lives as long as a closure, or the stack, refers to it.
 *
 * I1  Between TAIL and the next body nothing is allocated: vm.next is no root.
 */
#include "vm.h"

#include <alloca.h>
#include <string.h>

enum {
	/** Elements of a list that apply takes, at most: they go to the stack. */
	APPLY_MOST = 10000
};

static struct environment *environment_make(const struct closure *closure)
{
	struct environment *e = smal_alloc_bytes(vm.thread, vm.heap->environment, sizeof(*e) +
	                                         closure->code->slots * sizeof(value));

	if (__builtin_expect(e == NULL, 0))
		heap_exhausted();
	e->up = closure->environment;
	return e;
}

/** The environment of a call with arguments that need a check, or a list. */
static struct environment *environment_fill(const value *a, size_t count)
{
	const struct closure *closure = closure_of(a[0]);
	const struct code *code = closure->code;
	struct environment *e;
	value rest = NIL;

	if (count < code->required || count > code->maximum)
		error_arity(code->name == NOTHING ? "lambda" : symbol_text(code->name),
		            code->required, code->maximum, count);
	for (; count > code->required; count--)
		rest = cons(a[count], rest);
	e = environment_make(closure);
	memcpy(e->at, a + 1, count * sizeof(value));
	if (code->maximum == ANY)
		e->at[count] = rest;
	return e;
}

/** An environment in a C frame. */
struct frame {
	struct environment *up;
	value at[STACK_VARIABLES];
};

/** Makes the call that has been left in vm.next, and those after it. */
static value run_next(struct frame *frame)
{
	const struct code *code;
	struct environment *e;
	value result;
	size_t i;

	do {
		code = vm.next_code;
		e = vm.next;
		if (code->on_stack) {
			frame->up = e;
			e = (struct environment *)frame;
			for (i = 0; i < code->required; i++)
				frame->at[i] = vm.next_arguments[i];
		}
		error_poll();
		result = code->body->run(code->body, e);
	} while (result == TAIL);
	return result;
}

/** Calls what is in a[0]; a closure as a tail call. */
static value call_any(value *a, size_t count, value place)
{
	const struct closure *closure = closure_of(a[0]);

	if (is_kind(a[0], KIND_PRIMITIVE))
		return primitive_call(a, count, place);
	place_set(place);
	if (!is_kind(a[0], KIND_CLOSURE))
		error_at(vm.place, a[0], "not a procedure");
	if (closure->code->on_stack && count == closure->code->required) {
		memcpy(vm.next_arguments, a + 1, count * sizeof(value));
		vm.next = closure->environment;
	} else {
		vm.next = environment_fill(a, count);
	}
	vm.next_code = closure->code;
	return TAIL;
}

/** Words for a primitive's arguments, those included that are not passed. */
static inline size_t call_words(value procedure, size_t count)
{
	size_t most = is_kind(procedure, KIND_PRIMITIVE) ? primitive_of(procedure)->maximum : 0;

	return (most > count && most != ANY ? most : count) + 2;
}

/** (apply-list PROCEDURE LIST); apply itself is in the prelude. */
static value apply(const value *a)
{
	size_t count = 0, length = list_count(a[2]);
	value *next, list;

	if (length > APPLY_MOST)
		error_at(vm.place, NOTHING, "apply: too many arguments");
	error_reserve(length * sizeof(value));
	next = alloca(call_words(a[1], length) * sizeof(value));
	next[0] = a[1];
	for (list = a[2]; count < length && is_pair(list); list = cdr(list))
		next[++count] = car(list);
	return call_any(next, count, FALSE);
}

/** A call with many arguments. */
static value call_wide(const struct node *node, value procedure, struct environment *e)
{
	size_t count = node->count - 1, i;
	value *a;

	error_reserve(count * sizeof(value));
	a = alloca(call_words(procedure, count) * sizeof(value));
	a[0] = procedure;
	for (i = 1; i <= count; i++)
		a[i] = evaluate(node->kids[i], e);
	return call_any(a, count, node->place);
}

/** A call of anything but a closure that takes the arguments as they are. No
 *  primitive has optional arguments beyond its fourth. */
static value call_other(const struct node *node, value procedure, struct environment *e)
{
	value a[STACK_VARIABLES];
	size_t i;

	if (node->count + 2 > STACK_VARIABLES)
		return call_wide(node, procedure, e);
	a[0] = procedure;
	for (i = 1; i < node->count; i++)
		a[i] = evaluate(node->kids[i], e);
	return call_any(a, node->count - 1, node->place);
}

/** What stands in the place of the procedure, a global most of the time. */
static inline value evaluate_procedure(const struct node *node, struct environment *e)
{
	value v = node->run == run_global ? symbol_global(node->data) : NOTHING;

	return v != NOTHING ? v : evaluate(node, e);
}

/** True if a closure takes so many arguments as they are. */
static inline int is_simple(value procedure, size_t count)
{
	return is_kind(procedure, KIND_CLOSURE) && closure_of(procedure)->code->maximum == count &&
	       closure_of(procedure)->code->required == count;
}

/** kids: procedure, arguments. */
value run_call(const struct node *node, struct environment *e)
{
	value procedure = evaluate_procedure(node->kids[0], e), result;
	const struct closure *closure = closure_of(procedure);
	struct environment *next;
	struct frame frame;
	size_t i;

	if (!is_simple(procedure, node->count - 1)) {
		result = call_other(node, procedure, e);
		return result == TAIL ? run_next(&frame) : result;
	}
	next = (struct environment *)&frame;
	if (!closure->code->on_stack)
		next = environment_make(closure);
	next->up = closure->environment;
	for (i = 1; i < node->count; i++)
		next->at[i - 1] = evaluate(node->kids[i], e);
	place_set(node->place);
	error_poll();
	result = closure->code->body->run(closure->code->body, next);
	return result == TAIL ? run_next(&frame) : result;
}

value run_tail_call(const struct node *node, struct environment *e)
{
	value procedure = evaluate_procedure(node->kids[0], e), arguments[STACK_VARIABLES];
	const struct closure *closure = closure_of(procedure);
	size_t i;

	if (!is_simple(procedure, node->count - 1))
		return call_other(node, procedure, e);
	if (closure->code->on_stack) {
		for (i = 1; i < node->count; i++)
			arguments[i - 1] = evaluate(node->kids[i], e);
		for (i = 1; i < node->count; i++)
			vm.next_arguments[i - 1] = arguments[i - 1];
		vm.next = closure->environment;
	} else {
		struct environment *next = environment_make(closure);

		for (i = 1; i < node->count; i++)
			next->at[i - 1] = evaluate(node->kids[i], e);
		vm.next = next;
	}
	place_set(node->place);
	vm.next_code = closure->code;
	return TAIL;
}

value call(value procedure, size_t count, const value *arguments)
{
	value *a = alloca(call_words(procedure, count) * sizeof(value)), place = vm.place, result;
	struct frame frame;
	size_t i;

	error_poll();
	a[0] = procedure;
	for (i = 0; i < count; i++)
		a[i + 1] = arguments[i];
	result = call_any(a, count, FALSE);
	if (result == TAIL)
		result = run_next(&frame);
	vm.place = place;
	return result;
}

const struct primitive_spec call_primitives[] = {
	{ "apply-list", apply, "kl", 0 },
	{ NULL, NULL, NULL, 0 }
};
