/* SPDX-License-Identifier: MIT */
/*
 * inline.c: nodes that do a primitive's work in place.
 *
 * Each handles the usual case and leaves all others, errors included, to the
 * primitive itself. The language's own globals can't be defined anew, so the
 * compiler knows what a name means unless a local variable hides it.
 *
 * In all of them data is the primitive and the kids are the arguments.
 */
#include "vm.h"

#include <string.h>

/** The rare cases, out of line: else their frames would weigh on the others. */
__attribute__((noinline))
static value slow(const struct node *node, value x, value y, value z)
{
	value a[5] = { node->data, x, y, z };

	return primitive_call(a, node->count, node->place);
}

static value inline_car(const struct node *node, struct environment *e)
{
	value v = evaluate(node->kids[0], e);

	return is_pair(v) ? car(v) : slow(node, v, NOTHING, NOTHING);
}

static value inline_cdr(const struct node *node, struct environment *e)
{
	value v = evaluate(node->kids[0], e);

	return is_pair(v) ? cdr(v) : slow(node, v, NOTHING, NOTHING);
}

static value inline_is_pair(const struct node *node, struct environment *e)
{
	return boolean(is_pair(evaluate(node->kids[0], e)));
}

static value inline_is_null(const struct node *node, struct environment *e)
{
	return boolean(evaluate(node->kids[0], e) == NIL);
}

static value inline_not(const struct node *node, struct environment *e)
{
	return boolean(evaluate(node->kids[0], e) == FALSE);
}

static value inline_cons(const struct node *node, struct environment *e)
{
	value head = evaluate(node->kids[0], e), tail = evaluate(node->kids[1], e);

	place_set(node->place);
	return cons(head, tail);
}

/** eq?, and eqv? of words that are no flonums. */
static value inline_is_same(const struct node *node, struct environment *e)
{
	value x = evaluate(node->kids[0], e), y = evaluate(node->kids[1], e);

	return is_flonum(x) ? slow(node, x, y, NOTHING) : boolean(x == y);
}

static value inline_char_equal(const struct node *node, struct environment *e)
{
	value x = evaluate(node->kids[0], e), y = evaluate(node->kids[1], e);

	return is_character(x) && is_character(y) ? boolean(x == y) : slow(node, x, y, NOTHING);
}

static value inline_vector_ref(const struct node *node, struct environment *e)
{
	value v = evaluate(node->kids[0], e), i = evaluate(node->kids[1], e);

	if (is_kind(v, KIND_VECTOR) && is_fixnum(i) &&
	    (size_t)fixnum_number(i) < vector_of(v)->length)
		return vector_of(v)->at[fixnum_number(i)];
	return slow(node, v, i, NOTHING);
}

static value inline_vector_set(const struct node *node, struct environment *e)
{
	value v = evaluate(node->kids[0], e), i = evaluate(node->kids[1], e);
	value x = evaluate(node->kids[2], e);

	if (!is_kind(v, KIND_VECTOR) || !is_fixnum(i) ||
	    (size_t)fixnum_number(i) >= vector_of(v)->length)
		return slow(node, v, i, x);
	vector_of(v)->at[fixnum_number(i)] = x;
	return UNSPECIFIED;
}

__attribute__((noinline))
static value arithmetic(const struct node *node, value x, value y, enum number_op op)
{
	if (!is_flonum(x) || !is_flonum(y))
		return slow(node, x, y, NOTHING);
	place_set(node->place);
	if (op == NUMBER_ADD)
		return make_flonum(flonum_number(x) + flonum_number(y));
	if (op == NUMBER_SUBTRACT)
		return make_flonum(flonum_number(x) - flonum_number(y));
	return make_flonum(flonum_number(x) * flonum_number(y));
}

/** + - *: fixnums by the tag's arithmetic, two flonums, or the long way. */
static inline value inline_arithmetic(const struct node *node, struct environment *e,
                                      enum number_op op)
{
	value x = evaluate(node->kids[0], e), y = evaluate(node->kids[1], e);
	intptr_t left = (intptr_t)(x - 1), right = (intptr_t)(y - 1), result;
	int overflow = op == NUMBER_ADD ? __builtin_add_overflow(left, right, &result) :
	               op == NUMBER_SUBTRACT ? __builtin_sub_overflow(left, right, &result) :
	               __builtin_mul_overflow(left >> 1, right, &result);

	return (x & y & 1) && !overflow ? (value)result + 1 : arithmetic(node, x, y, op);
}

static value inline_add(const struct node *node, struct environment *e)
{
	return inline_arithmetic(node, e, NUMBER_ADD);
}

static value inline_subtract(const struct node *node, struct environment *e)
{
	return inline_arithmetic(node, e, NUMBER_SUBTRACT);
}

static value inline_multiply(const struct node *node, struct environment *e)
{
	return inline_arithmetic(node, e, NUMBER_MULTIPLY);
}

/** = < >: a fixnum's tag does not change the order. */
static inline value inline_compare(const struct node *node, struct environment *e,
                                   enum number_op op)
{
	value x = evaluate(node->kids[0], e), y = evaluate(node->kids[1], e);
	intptr_t left = (intptr_t)x, right = (intptr_t)y;

	if (!(x & y & 1))
		return slow(node, x, y, NOTHING);
	return boolean(op == NUMBER_EQUAL ? left == right :
	               op == NUMBER_LESS ? left < right : left > right);
}

static value inline_equal(const struct node *node, struct environment *e)
{
	return inline_compare(node, e, NUMBER_EQUAL);
}

static value inline_less(const struct node *node, struct environment *e)
{
	return inline_compare(node, e, NUMBER_LESS);
}

static value inline_greater(const struct node *node, struct environment *e)
{
	return inline_compare(node, e, NUMBER_GREATER);
}

static const struct {
	const char *name;
	size_t count;
	run_function *run;
} inlines[] = {
	{ "car", 1, inline_car }, { "cdr", 1, inline_cdr }, { "cons", 2, inline_cons },
	{ "pair?", 1, inline_is_pair }, { "null?", 1, inline_is_null }, { "not", 1, inline_not },
	{ "eq?", 2, inline_is_same }, { "eqv?", 2, inline_is_same },
	{ "char=?", 2, inline_char_equal },
	{ "vector-ref", 2, inline_vector_ref }, { "vector-set!", 3, inline_vector_set },
	{ "+", 2, inline_add }, { "-", 2, inline_subtract }, { "*", 2, inline_multiply },
	{ "=", 2, inline_equal }, { "<", 2, inline_less }, { ">", 2, inline_greater }
};

run_function *inline_find(const char *name, size_t count)
{
	size_t i;

	for (i = 0; i < sizeof(inlines) / sizeof(inlines[0]); i++)
		if (inlines[i].count == count && strcmp(inlines[i].name, name) == 0)
			return inlines[i].run;
	return NULL;
}
