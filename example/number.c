/* SPDX-License-Identifier: MIT */
/*
 * number.c: arithmetic on fixnums and flonums, and numbers as text.
 *
 * Integers are exact and stay so: a result that is no fixnum is an error, not
 * a rounded number. An operation with a flonum gives a flonum. A flonum is
 * printed with as few digits as read back as the same flonum, and always looks
 * like one: it has a point or an exponent.
 */
#include "vm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/** Room for the text of any number. */
enum { NUMBER_TEXT_BYTES = 32 };

static double real(value v)
{
	return is_fixnum(v) ? (double)fixnum_number(v) : flonum_number(v);
}

_Noreturn static void fail(const value *a, const char *what)
{
	error_at(vm.place, NOTHING, "%s: %s", primitive_of(a[0])->spec->name, what);
}

static value integer(const value *a, intptr_t number)
{
	if (number > FIXNUM_MAX || number < FIXNUM_MIN)
		fail(a, "the integer is too large");
	return fixnum(number);
}

static value integer_arithmetic(const value *a, intptr_t x, intptr_t y)
{
	intptr_t product;

	switch ((enum number_op)variant(a)) {
	case NUMBER_ADD:
		return integer(a, x + y);
	case NUMBER_SUBTRACT:
		return integer(a, x - y);
	case NUMBER_MULTIPLY:
		if (__builtin_mul_overflow(x, y, &product))
			fail(a, "the integer is too large");
		return integer(a, product);
	default:
		if (y == 0)
			fail(a, "division by zero");
		return x % y == 0 ? integer(a, x / y) : make_flonum((double)x / (double)y);
	}
}

static value real_arithmetic(const value *a, double x, double y)
{
	enum number_op op = (enum number_op)variant(a);

	return make_flonum(op == NUMBER_ADD ? x + y : op == NUMBER_SUBTRACT ? x - y :
	                   op == NUMBER_MULTIPLY ? x * y : x / y);
}

/** + - * /: without arguments, or with one, they start from their unit. */
static value arithmetic(const value *a)
{
	value result = fixnum(variant(a) == NUMBER_MULTIPLY || variant(a) == NUMBER_DIVIDE);
	size_t i = 1;

	if (a[1] != NOTHING && a[2] != NOTHING)
		result = a[i++];
	for (; a[i] != NOTHING; i++)
		result = is_fixnum(result) && is_fixnum(a[i])
		         ? integer_arithmetic(a, fixnum_number(result), fixnum_number(a[i]))
		         : real_arithmetic(a, real(result), real(a[i]));
	return result;
}

/** = < > <= >=: between each argument and the next. */
static value compare(const value *a)
{
	int truth = 1;
	size_t i;

	for (i = 1; a[i + 1] != NOTHING; i++) {
		int exact = is_fixnum(a[i]) && is_fixnum(a[i + 1]);
		int less = exact ? (intptr_t)a[i] < (intptr_t)a[i + 1] : real(a[i]) < real(a[i + 1]);
		int more = exact ? (intptr_t)a[i] > (intptr_t)a[i + 1] : real(a[i]) > real(a[i + 1]);
		int same = exact ? a[i] == a[i + 1] : real(a[i]) == real(a[i + 1]);

		truth &= variant(a) == NUMBER_EQUAL ? same : variant(a) == NUMBER_LESS ? less :
		         variant(a) == NUMBER_GREATER ? more :
		         variant(a) == NUMBER_AT_MOST ? less | same : more | same;
	}
	return boolean(truth);
}

enum { QUOTIENT, REMAINDER, MODULO };

static value division(const value *a)
{
	intptr_t x = fixnum_number(a[1]), y = fixnum_number(a[2]), rest;

	if (y == 0)
		fail(a, "division by zero");
	if (variant(a) == QUOTIENT)
		return integer(a, x / y);
	rest = x % y;
	if (variant(a) == MODULO && rest != 0 && (rest < 0) != (y < 0))
		rest += y;
	return fixnum(rest);
}

enum { INEXACT, EXACT, FLOOR, ROUND, SQRT };

static value function(const value *a)
{
	double x = real(a[1]);
	intptr_t root = x >= 0 && is_fixnum(a[1]) ? (intptr_t)sqrt(x) : 0;

	switch (variant(a)) {
	case INEXACT:
		return make_flonum(x);
	case EXACT:
		if (is_flonum(a[1]) && (floor(x) != x || !(fabs(x) < (double)FIXNUM_MAX)))
			error_at(vm.place, a[1], "exact: not an integer, or too large");
		return is_fixnum(a[1]) ? a[1] : fixnum((intptr_t)x);
	case FLOOR:
		return is_fixnum(a[1]) ? a[1] : make_flonum(floor(x));
	case ROUND:
		return is_fixnum(a[1]) ? a[1] : make_flonum(nearbyint(x));
	default:
		return is_fixnum(a[1]) && root * root == fixnum_number(a[1])
		       ? fixnum(root) : make_flonum(sqrt(x));
	}
}

/** xorshift64*, the same numbers in every thread, run and machine. */
static value random_number(const value *a)
{
	uint64_t state = vm.random, bits;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	vm.random = state;
	bits = state * 2685821657736338717u;
	if (is_flonum(a[1]))
		return make_flonum((double)(bits >> 11) * 0x1p-53 * flonum_number(a[1]));
	if (fixnum_number(a[1]) <= 0)
		error_range(a, 1);
	return fixnum((intptr_t)((bits >> 2) % (uint64_t)fixnum_number(a[1])));
}

/** A text that is no fixnum: FALSE, unless it has the form of a flonum. */
static value parse_flonum(const char *text, size_t length)
{
	char copy[400], *end;
	double number;

	if (length >= sizeof(copy) || memchr("+-.0123456789", *text, 13) == NULL)
		return FALSE;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (copy[strspn(copy, "+-.0123456789e")] != '\0' || strpbrk(copy, ".e") == NULL)
		return FALSE;
	number = strtod(copy, &end);
	return end == copy + length ? make_flonum(number) : FALSE;
}

value number_parse(const char *text, size_t length, int radix)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	size_t start = length > 0 && (text[0] == '-' || text[0] == '+'), i;
	intptr_t number = 0;

	for (i = start; i < length; i++) {
		const char *found = memchr(digits, text[i], sizeof(digits) - 1);
		intptr_t digit = found == NULL ? radix : (found - digits) % 16;

		if (digit >= radix)
			break;
		if (__builtin_mul_overflow(number, (intptr_t)radix, &number) ||
		    __builtin_sub_overflow(number, digit, &number))
			return FALSE;
	}
	if (i < length || i == start)
		return radix == 10 && length > 0 ? parse_flonum(text, length) : FALSE;
	if (number < (text[0] == '-' ? FIXNUM_MIN : -FIXNUM_MAX))
		return FALSE;
	return fixnum(text[0] == '-' ? number : -number);
}

static value number_to_string(const value *a)
{
	char text[NUMBER_TEXT_BYTES];
	int precision = 15;

	if (is_fixnum(a[1])) {
		sprintf(text, "%jd", (intmax_t)fixnum_number(a[1]));
		return make_text(text);
	}
	if (!isfinite(real(a[1])))
		return make_text(isnan(real(a[1])) ? "+nan.0" : real(a[1]) > 0 ? "+inf.0" : "-inf.0");
	do
		sprintf(text, "%.*g", precision, real(a[1]));
	while (strtod(text, NULL) != real(a[1]) && ++precision <= 17);
	return make_text(strpbrk(text, ".e") == NULL ? strcat(text, ".0") : text);
}

static value string_to_number(const value *a)
{
	int radix = a[2] == NOTHING ? 10 : (int)fixnum_number(a[2]);

	if (radix < 2 || radix > 16)
		error_range(a, 2);
	return number_parse(bytes_of(a[1])->at, bytes_of(a[1])->length, radix);
}

const struct primitive_spec number_primitives[] = {
	{ "+", arithmetic, "|n*", NUMBER_ADD },
	{ "-", arithmetic, "n|n*", NUMBER_SUBTRACT },
	{ "*", arithmetic, "|n*", NUMBER_MULTIPLY },
	{ "/", arithmetic, "n|n*", NUMBER_DIVIDE },
	{ "=", compare, "n|n*", NUMBER_EQUAL },
	{ "<", compare, "n|n*", NUMBER_LESS },
	{ ">", compare, "n|n*", NUMBER_GREATER },
	{ "<=", compare, "n|n*", NUMBER_AT_MOST },
	{ ">=", compare, "n|n*", NUMBER_AT_LEAST },
	{ "quotient", division, "ff", QUOTIENT },
	{ "remainder", division, "ff", REMAINDER },
	{ "modulo", division, "ff", MODULO },
	{ "inexact", function, "n", INEXACT },
	{ "exact", function, "n", EXACT },
	{ "floor", function, "n", FLOOR },
	{ "round", function, "n", ROUND },
	{ "sqrt", function, "n", SQRT },
	{ "random", random_number, "n", 0 },
	{ "number->string", number_to_string, "n", 0 },
	{ "string->number", string_to_number, "s|i", 0 },
	{ NULL, NULL, NULL, 0 }
};
