/* SPDX-License-Identifier: MIT */
/*
 * list.c: pairs and lists; when two values are the same, and hashes.
 *
 * What can be written in the language without loss stands in prelude.scm.
 */
#include "vm.h"

#include <string.h>

enum {
	SAME_OBJECT,
	SAME_VALUE,
	SAME_CONTENTS,
	/** Elements of a list or vector, and levels, that a hash takes into account. */
	HASH_ELEMENTS = 8,
	HASH_LEVELS = 3
};

size_t list_count(value list)
{
	value behind = list;
	size_t count;

	for (count = 0; is_pair(list); count++, list = cdr(list)) {
		if (count > 0 && list == behind)
			return ANY;
		if (count & 1)
			behind = cdr(behind);
	}
	return list == NIL ? count : ANY;
}

static int equal(value x, value y)
{
	const struct bytes *p = bytes_of(x), *q = bytes_of(y);
	size_t i;

	error_poll();
	for (; is_pair(x) && is_pair(y); x = cdr(x), y = cdr(y))
		if (!equal(car(x), car(y)))
			return 0;
	if (is_flonum(x) && is_flonum(y))
		return flonum_number(x) == flonum_number(y);
	if (is_kind(x, KIND_BYTEVECTOR) && is_kind(y, KIND_BYTEVECTOR))
		return bytevector_equal(x, y);
	if (is_kind(x, KIND_STRING) && is_kind(y, KIND_STRING))
		return p->length == q->length && memcmp(p->at, q->at, p->length) == 0;
	if (!is_kind(x, KIND_VECTOR) || !is_kind(y, KIND_VECTOR) || p->length != q->length)
		return x == y;
	for (i = 0; i < vector_of(x)->length; i++)
		if (!equal(vector_of(x)->at[i], vector_of(y)->at[i]))
			return 0;
	return 1;
}

/** eq?, eqv? or equal?. */
static int same(uintptr_t how, value x, value y)
{
	if (x == y || how == SAME_OBJECT)
		return x == y;
	return how == SAME_CONTENTS ? equal(x, y) :
	       is_flonum(x) && is_flonum(y) && flonum_number(x) == flonum_number(y);
}

uint32_t hash_bytes(const void *at, size_t length)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < length; i++)
		hash = (hash ^ ((const unsigned char *)at)[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/** A hash that is the same for values that are equal?. */
static uint32_t hash_contents(value v, int level)
{
	double number = is_flonum(v) ? flonum_number(v) + 0.0 : 0;
	uint32_t hash = 0;
	size_t i;

	if (is_flonum(v))
		return hash_bytes(&number, sizeof(number));
	if (is_kind(v, KIND_BYTEVECTOR))
		return bytevector_hash(v);
	if (is_kind(v, KIND_STRING))
		return hash_bytes(bytes_of(v)->at, bytes_of(v)->length);
	if (!is_pair(v) && !is_kind(v, KIND_VECTOR))
		return hash_bytes(&v, sizeof(v));
	for (i = 0; level < HASH_LEVELS && i < HASH_ELEMENTS; i++) {
		if (is_pair(v)) {
			hash += hash_contents(car(v), level + 1) + 1;
			v = cdr(v);
		} else if (is_kind(v, KIND_VECTOR) && i < vector_of(v)->length) {
			hash += hash_contents(vector_of(v)->at[i], level + 1) + 2;
		}
		hash *= 2654435761u;
	}
	return hash;
}

/** (hash VALUE BOUND CONTENTS?): a number below the bound, by the contents or
 *  by the address: objects never move. */
static value hash(const value *a)
{
	uint32_t bits = a[3] != FALSE ? hash_contents(a[1], 0) : hash_bytes(&a[1], sizeof(value));

	if (a[2] == fixnum(0))
		error_range(a, 2);
	return fixnum((intptr_t)(bits % (size_t)fixnum_number(a[2])));
}

/** car, cdr and their combinations: the variant's bits from the lowest on say
 *  which to take, 1 for cdr, and end with a 1. */
static value part(const value *a)
{
	uintptr_t path = variant(a);
	value v = a[1];

	for (; path != 1; path >>= 1) {
		if (!is_pair(v))
			error_at(vm.place, a[1], "%s: not a pair", primitive_of(a[0])->spec->name);
		v = path & 1 ? cdr(v) : car(v);
	}
	return v;
}

static value is_same(const value *a)
{
	return boolean(same(variant(a), a[1], a[2]));
}

enum { CONS, SET_CAR, SET_CDR, LENGTH, REVERSE };

static value pairs(const value *a)
{
	value rest, reversed = NIL;

	switch (variant(a)) {
	case CONS:
		return cons(a[1], a[2]);
	case SET_CAR:
		pair_of(a[1])->car = a[2];
		return UNSPECIFIED;
	case SET_CDR:
		pair_of(a[1])->cdr = a[2];
		return UNSPECIFIED;
	case LENGTH:
		return fixnum((intptr_t)list_count(a[1]));
	default:
		for (rest = a[1]; is_pair(rest); rest = cdr(rest))
			reversed = cons(car(rest), reversed);
		return reversed;
	}
}

/** A list that grows at its end. It is in C variables, hence a root. */
struct builder {
	value first, last;
};

static void builder_add(struct builder *builder, value v)
{
	value cell = cons(v, NIL);

	if (builder->first == NIL)
		builder->first = cell;
	else
		pair_of(builder->last)->cdr = cell;
	builder->last = cell;
}

/** (append-two LIST END) */
static value append(const value *a)
{
	struct builder builder = { NIL, NIL };
	value rest;

	for (rest = a[1]; is_pair(rest); rest = cdr(rest))
		builder_add(&builder, car(rest));
	if (builder.first == NIL)
		return a[2];
	pair_of(builder.last)->cdr = a[2];
	return builder.first;
}

enum { MAP, FOR_EACH, FILTER };

/** Of one list; those of several are in the prelude. */
static value map(const value *a)
{
	struct builder builder = { NIL, NIL };
	value rest, element, result;

	for (rest = a[2]; is_pair(rest); rest = cdr(rest)) {
		element = car(rest);
		result = call(a[1], 1, &element);
		if (variant(a) == MAP)
			builder_add(&builder, result);
		else if (variant(a) == FILTER && result != FALSE)
			builder_add(&builder, element);
	}
	return variant(a) == FOR_EACH ? UNSPECIFIED : builder.first;
}

/** memq, memv, member. */
static value member(const value *a)
{
	value rest = a[2];

	while (is_pair(rest) && !same(variant(a), a[1], car(rest)))
		rest = cdr(rest);
	return is_pair(rest) ? rest : FALSE;
}

/** assq, assv, assoc. */
static value associate(const value *a)
{
	value rest = a[2];

	for (; is_pair(rest); rest = cdr(rest)) {
		if (!is_pair(car(rest)))
			error_at(vm.place, car(rest), "%s: not a pair", primitive_of(a[0])->spec->name);
		if (same(variant(a), a[1], car(car(rest))))
			return car(rest);
	}
	return FALSE;
}

const struct primitive_spec list_primitives[] = {
	{ "car", part, "x", 2 },
	{ "cdr", part, "x", 3 },
	{ "caar", part, "x", 4 },
	{ "cadr", part, "x", 5 },
	{ "cdar", part, "x", 6 },
	{ "cddr", part, "x", 7 },
	{ "caddr", part, "x", 11 },
	{ "cons", pairs, "xx", CONS },
	{ "set-car!", pairs, "px", SET_CAR },
	{ "set-cdr!", pairs, "px", SET_CDR },
	{ "length", pairs, "l", LENGTH },
	{ "reverse", pairs, "l", REVERSE },
	{ "append-two", append, "lx", 0 },
	{ "map-list", map, "kl", MAP },
	{ "for-each-list", map, "kl", FOR_EACH },
	{ "filter", map, "kl", FILTER },
	{ "eq?", is_same, "xx", SAME_OBJECT },
	{ "eqv?", is_same, "xx", SAME_VALUE },
	{ "equal?", is_same, "xx", SAME_CONTENTS },
	{ "memq", member, "xx", SAME_OBJECT },
	{ "memv", member, "xx", SAME_VALUE },
	{ "member", member, "xx", SAME_CONTENTS },
	{ "assq", associate, "xx", SAME_OBJECT },
	{ "assv", associate, "xx", SAME_VALUE },
	{ "assoc", associate, "xx", SAME_CONTENTS },
	{ "hash", hash, "xix", 0 },
	{ NULL, NULL, NULL, 0 }
};
