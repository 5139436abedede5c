/* SPDX-License-Identifier: MIT */
/*
 * run.c: what the nodes do, except calls (call.c) and inlined primitives
 * (inline.c).
 *
 * A node in a tail position is run last, and what it returns is returned: the
 * C compiler makes most of these calls jumps.
 *
 * I1  A variable that may be read too early, one of letrec, holds NOTHING
 *     until it has its value, and reading it is checked.
 */
#include "vm.h"

value run_constant(const struct node *node, struct environment *e)
{
	(void)e;
	return node->data;
}

/** index: of the variable in the innermost environment. */
value run_local(const struct node *node, struct environment *e)
{
	return e->at[node->index];
}

/** The variable of an environment further up. */
static value *variable(const struct node *node, struct environment *e)
{
	size_t i;

	for (i = node->levels; i > 0; i--)
		e = e->up;
	return &e->at[node->index];
}

value run_outer(const struct node *node, struct environment *e)
{
	return *variable(node, e);
}

/** data: the variable's name. */
value run_checked(const struct node *node, struct environment *e)
{
	value v = *variable(node, e);

	if (__builtin_expect(v == NOTHING, 0))
		error_at(node->place, NOTHING, "%s is used before it has a value",
		         symbol_text(node->data));
	return v;
}

/** kids: the value. */
value run_set(const struct node *node, struct environment *e)
{
	value v = evaluate(node->kids[0], e);

	*variable(node, e) = v;
	return UNSPECIFIED;
}

/** data: a symbol. */
value run_global(const struct node *node, struct environment *e)
{
	value v = symbol_global(node->data);

	(void)e;
	if (__builtin_expect(v == NOTHING, 0)) {
		place_set(node->place);
		error_at(vm.place, NOTHING, "unbound variable: %s", symbol_text(node->data));
	}
	return v;
}

value run_set_global(const struct node *node, struct environment *e)
{
	value v = evaluate(node->kids[0], e);

	run_global(node, e);
	symbol_bind(node->data, v);
	return UNSPECIFIED;
}

value run_define(const struct node *node, struct environment *e)
{
	symbol_bind(node->data, evaluate(node->kids[0], e));
	return UNSPECIFIED;
}

/** kids: test, then, otherwise. */
value run_if(const struct node *node, struct environment *e)
{
	const struct node *next = node->kids[1 + (evaluate(node->kids[0], e) == FALSE)];

	return next->run(next, e);
}

value run_sequence(const struct node *node, struct environment *e)
{
	size_t i, last = node->count - 1;

	for (i = 0; i < last; i++)
		node->kids[i]->run(node->kids[i], e);
	return node->kids[last]->run(node->kids[last], e);
}

/** kids: values of the variables from index on, then the body. */
value run_let(const struct node *node, struct environment *e)
{
	size_t i, last = node->count - 1;

	for (i = 0; i < last; i++)
		e->at[node->index + i] = evaluate(node->kids[i], e);
	return node->kids[last]->run(node->kids[last], e);
}

/** data: the code. */
value run_lambda(const struct node *node, struct environment *e)
{
	struct closure *closure = heap_object(vm.heap->closure, KIND_CLOSURE);

	closure->code = (struct code *)node->data;
	closure->environment = e;
	return (value)closure;
}
