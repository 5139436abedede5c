/* SPDX-License-Identifier: MIT */
/*
 * bytevector.c: what can be done with bytevectors. Where their bytes are is
 * payload.c's affair.
 *
 * Bytes are looked at while the bytevector is held, and what is wrong is said after it
 * has been let go of: nothing between hold and let_go may raise, allocate or poll. So a
 * primitive makes its result first, then holds what it copies. A length that was read
 * before may be out of date by then, if another thread has made the bytevector shorter:
 * what touches bytes compares once more.
 */
#include "payload.h"

#include <string.h>

static int fits(size_t base, size_t length, const struct view *view)
{
	return base <= view->length && length <= view->length - base;
}

/** The functions that follow return false if a bytevector is too short, also if it
 *  has become so since the caller looked at its length. */
static int fill(value v, size_t base, size_t length, int byte)
{
	struct view view = hold(v, 0);
	int fit = fits(base, length, &view);

	if (fit)
		memset(view.at + base, byte, length);
	let_go(v, 0);
	return fit;
}

/** From one to another, or to itself. */
static int move(value to, size_t at, value from, size_t base, size_t length)
{
	struct view target = hold(to, 0), source = hold(from, 1);
	int fit = fits(at, length, &target) && fits(base, length, &source);

	if (fit)
		memmove(target.at + at, source.at + base, length);
	let_go(from, 1);
	let_go(to, 0);
	return fit;
}

enum { OUT, IN };

/** To or from memory that does not move. */
static int transfer(int how, value v, size_t base, void *bytes, size_t length)
{
	struct view view = hold(v, 0);
	int fit = fits(base, length, &view);

	if (fit && how == OUT)
		memcpy(bytes, view.at + base, length);
	else if (fit)
		memcpy(view.at + base, bytes, length);
	let_go(v, 0);
	return fit;
}

int bytevector_equal(value x, value y)
{
	struct view p = hold(x, 0), q = hold(y, 1);
	int equal = p.length == q.length && memcmp(p.at, q.at, p.length) == 0;

	let_go(y, 1);
	let_go(x, 0);
	return equal;
}

uint32_t bytevector_hash(value v)
{
	struct view view = hold(v, 0);
	uint32_t hash = hash_bytes(view.at, view.length);

	let_go(v, 0);
	return hash;
}

/* ---- Primitives ---- */

/** (make-bytevector LENGTH [BYTE]) */
static value make(const value *a)
{
	size_t length = (size_t)fixnum_number(a[1]);
	value result = bytevector_make(length);

	fill(result, 0, length, a[2] == NOTHING ? 0 : (int)fixnum_number(a[2]));
	return result;
}

static value length(const value *a)
{
	return fixnum((intptr_t)bytevector_length(a[1]));
}

enum { REF, SET };

/** (bytevector-u8-ref BYTEVECTOR INDEX), (bytevector-u8-set! BYTEVECTOR INDEX BYTE) */
static value element(const value *a)
{
	unsigned char byte = variant(a) == SET ? (unsigned char)fixnum_number(a[3]) : 0;

	if (!transfer(variant(a) == SET ? IN : OUT, a[1], (size_t)fixnum_number(a[2]), &byte, 1))
		error_range(a, 2);
	return variant(a) == SET ? UNSPECIFIED : fixnum(byte);
}

static value to_list(const value *a)
{
	size_t i = bytevector_length(a[1]);
	unsigned char byte;
	value list = NIL;

	while (i-- > 0)
		if (transfer(OUT, a[1], i, &byte, 1))
			list = cons(fixnum(byte), list);
	return list;
}

/** (list->bytevector LIST) */
static value of_list(const value *a)
{
	size_t i, count = list_count(a[1]);
	value rest, wrong = NOTHING, result = bytevector_make(count);
	struct view view = hold(result, 0);

	for (rest = a[1], i = 0; i < count && is_pair(rest); rest = cdr(rest), i++) {
		value byte = car(rest);

		if (!is_fixnum(byte) || byte > fixnum(255))
			wrong = byte;
		view.at[i] = (unsigned char)fixnum_number(byte);
	}
	let_go(result, 0);
	if (wrong != NOTHING)
		error_at(vm.place, wrong, "%s: not a byte", primitive_of(a[0])->spec->name);
	return result;
}

/** (bytevector-copy BYTEVECTOR [START [END]]) */
static value copy(const value *a)
{
	struct range range = argument_range(a, 2, bytevector_length(a[1]));
	value result = bytevector_make(range.limit - range.base);

	if (!move(result, 0, a[1], range.base, range.limit - range.base))
		error_range(a, 1);
	return result;
}

/** (bytevector-copy! TO AT FROM [START [END]]) */
static value copy_into(const value *a)
{
	struct range range = argument_range(a, 4, bytevector_length(a[3]));

	if (!move(a[1], (size_t)fixnum_number(a[2]), a[3], range.base, range.limit - range.base))
		error_range(a, 2);
	return UNSPECIFIED;
}

/** (bytevector-fill! BYTEVECTOR BYTE [START [END]]) */
static value fill_part(const value *a)
{
	struct range range = argument_range(a, 3, bytevector_length(a[1]));

	if (!fill(a[1], range.base, range.limit - range.base, (int)fixnum_number(a[2])))
		error_range(a, 1);
	return UNSPECIFIED;
}

static value append(const value *a)
{
	size_t sum = 0, part, i;
	value result;

	for (i = 1; a[i] != NOTHING; i++)
		sum = heap_size(sum, bytevector_length(a[i]), 1);
	result = bytevector_make(sum);
	for (sum = 0, i = 1; a[i] != NOTHING; i++, sum += part) {
		part = bytevector_length(a[i]);
		if (!move(result, sum, a[i], 0, part))
			error_range(a, i);
	}
	return result;
}

/** (utf8->string BYTEVECTOR [START [END]]) */
static value to_string(const value *a)
{
	struct range range = argument_range(a, 2, bytevector_length(a[1]));
	value result = make_bytes(KIND_STRING, range.limit - range.base);

	if (!transfer(OUT, a[1], range.base, bytes_of(result)->at, range.limit - range.base))
		error_range(a, 1);
	return result;
}

/** (string->utf8 STRING [START [END]]) */
static value of_string(const value *a)
{
	struct range range = argument_range(a, 2, bytes_of(a[1])->length);
	value result = bytevector_make(range.limit - range.base);

	transfer(IN, result, 0, bytes_of(a[1])->at + range.base, range.limit - range.base);
	return result;
}

/** (bytevector-resize! BYTEVECTOR LENGTH): longer, with zeros, or shorter. */
static value resize(const value *a)
{
	bytevector_resize(a[1], (size_t)fixnum_number(a[2]));
	return UNSPECIFIED;
}

const struct primitive_spec bytevector_primitives[] = {
	{ "make-bytevector", make, "i|o", 0 },
	{ "bytevector-length", length, "b", 0 },
	{ "bytevector-u8-ref", element, "bf", REF },
	{ "bytevector-u8-set!", element, "bfo", SET },
	{ "bytevector->list", to_list, "b", 0 },
	{ "list->bytevector", of_list, "l", 0 },
	{ "bytevector-copy", copy, "b|ii", 0 },
	{ "bytevector-copy!", copy_into, "bib|ii", 0 },
	{ "bytevector-fill!", fill_part, "bo|ii", 0 },
	{ "bytevector-append", append, "|b*", 0 },
	{ "bytevector-resize!", resize, "bi", 0 },
	{ "utf8->string", to_string, "b|ii", 0 },
	{ "string->utf8", of_string, "s|ii", 0 },
	{ NULL, NULL, NULL, 0 }
};
