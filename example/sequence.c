/* SPDX-License-Identifier: MIT */
/*
 * sequence.c: vectors, strings, characters; and records.
 *
 * A string is a row of bytes, and a character is one byte, 0 to 255: text in
 * UTF-8 goes through unharmed, but counts by its bytes. Strings are leaves:
 * the collector never looks into them, however long they are.
 *
 * All sequences begin with kind and length, and share their functions. A record
 * is a vector of another kind, whose first element is its type.
 */
#include "vm.h"

#include <ctype.h>
#include <string.h>

static int has_values(value sequence)
{
	return is_kind(sequence, KIND_VECTOR) || is_kind(sequence, KIND_RECORD);
}

static value element(value sequence, size_t i)
{
	if (has_values(sequence))
		return vector_of(sequence)->at[i];
	return character((unsigned char)bytes_of(sequence)->at[i]);
}

/** The byte that a character or a small integer is. */
static int byte_of(value v)
{
	return (int)(is_character(v) ? v >> 8 : v >> 1);
}

enum { LENGTH, REF, SET, TO_LIST };

/** (WHAT SEQUENCE [INDEX [ELEMENT]]) */
static value sequence(const value *a)
{
	size_t length = bytes_of(a[1])->length, i = length;
	value list = NIL;

	if (variant(a) == LENGTH)
		return fixnum((intptr_t)length);
	if (variant(a) == TO_LIST) {
		while (i-- > 0)
			list = cons(element(a[1], i), list);
		return list;
	}
	i = (size_t)fixnum_number(a[2]);
	if (i >= length)
		error_range(a, 2);
	if (variant(a) == REF)
		return element(a[1], i);
	if (has_values(a[1]))
		vector_of(a[1])->at[i] = a[3];
	else
		bytes_of(a[1])->at[i] = (char)byte_of(a[3]);
	return UNSPECIFIED;
}

/** (make-string LENGTH [CHARACTER]) and its like: the variant is the kind. */
static value make(const value *a)
{
	size_t length = (size_t)fixnum_number(a[1]);
	value result;

	if (variant(a) == KIND_VECTOR)
		return make_vector(KIND_VECTOR, length, a[2] == NOTHING ? FALSE : a[2]);
	result = make_bytes(KIND_STRING, length);
	if (a[2] != NOTHING)
		memset(bytes_of(result)->at, byte_of(a[2]), length);
	return result;
}

/** (list->vector LIST) and its like: the variant is the kind. */
static value of_list(const value *a)
{
	enum kind kind = (enum kind)variant(a);
	size_t length = list_count(a[1]), i = 0;
	int values = kind == KIND_VECTOR || kind == KIND_RECORD;
	value rest, result = values ? make_vector(kind, length, NOTHING) : make_bytes(kind, length);

	for (rest = a[1]; i < length && is_pair(rest); rest = cdr(rest), i++) {
		if (values)
			vector_of(result)->at[i] = car(rest);
		else if (is_character(car(rest)))
			bytes_of(result)->at[i] = (char)byte_of(car(rest));
		else
			error_at(vm.place, car(rest), "%s: not a character",
			         primitive_of(a[0])->spec->name);
	}
	return result;
}

/** (substring STRING START [END]), (string-copy STRING [START [END]]) */
static value copy(const value *a)
{
	struct range range = argument_range(a, 2, bytes_of(a[1])->length);

	return make_string(bytes_of(a[1])->at + range.base, range.limit - range.base);
}

static value string_append(const value *a)
{
	size_t length = 0, i;
	value result;

	for (i = 1; a[i] != NOTHING; i++)
		length = heap_size(length, bytes_of(a[i])->length, 1);
	result = make_bytes(KIND_STRING, length);
	for (length = 0, i = 1; a[i] != NOTHING; length += bytes_of(a[i++])->length)
		memcpy(bytes_of(result)->at + length, bytes_of(a[i])->at, bytes_of(a[i])->length);
	return result;
}

/** (string-search STRING WHAT START): where WHAT comes first from there on. */
static value string_search(const value *a)
{
	const struct bytes *where = bytes_of(a[1]), *what = bytes_of(a[2]);
	size_t i = (size_t)fixnum_number(a[3]);

	for (; i + what->length <= where->length; i++)
		if (memcmp(where->at + i, what->at, what->length) == 0)
			return fixnum((intptr_t)i);
	return FALSE;
}

enum { STRING_EQUAL, STRING_LESS, CHAR_EQUAL, CHAR_LESS };

static value compare(const value *a)
{
	const struct bytes *x = bytes_of(a[1]), *y = bytes_of(a[2]);
	size_t common;
	int order;

	if (variant(a) >= CHAR_EQUAL)
		return boolean(variant(a) == CHAR_EQUAL ? a[1] == a[2] : a[1] < a[2]);
	if (variant(a) == STRING_EQUAL)
		return boolean(x->length == y->length && memcmp(x->at, y->at, x->length) == 0);
	common = x->length < y->length ? x->length : y->length;
	order = memcmp(x->at, y->at, common);
	return boolean(order < 0 || (order == 0 && x->length < y->length));
}

enum { TO_INTEGER, FROM_INTEGER, ALPHABETIC, NUMERIC, WHITESPACE, UPCASE, DOWNCASE };

static value character_function(const value *a)
{
	int c = byte_of(a[1]);

	switch (variant(a)) {
	case TO_INTEGER:
		return fixnum(c);
	case FROM_INTEGER:
		return character((unsigned)c);
	case ALPHABETIC:
		return boolean(isalpha(c));
	case NUMERIC:
		return boolean(isdigit(c));
	case WHITESPACE:
		return boolean(isspace(c));
	default:
		return character((unsigned)(variant(a) == UPCASE ? toupper(c) : tolower(c)));
	}
}

static value string_to_symbol(const value *a)
{
	return symbol_intern(bytes_of(a[1])->at, bytes_of(a[1])->length);
}

static value symbol_to_string(const value *a)
{
	const struct bytes *name = bytes_of(symbol_of(a[1])->name);

	return make_string(name->at, name->length);
}

const struct primitive_spec sequence_primitives[] = {
	{ "vector-length", sequence, "v", LENGTH },
	{ "string-length", sequence, "s", LENGTH },
	{ "vector-ref", sequence, "vf", REF },
	{ "string-ref", sequence, "sf", REF },
	{ "record-ref", sequence, "df", REF },
	{ "vector-set!", sequence, "vfx", SET },
	{ "string-set!", sequence, "sfc", SET },
	{ "record-set!", sequence, "dfx", SET },
	{ "vector->list", sequence, "v", TO_LIST },
	{ "string->list", sequence, "s", TO_LIST },
	{ "record->list", sequence, "d", TO_LIST },
	{ "make-vector", make, "i|x", KIND_VECTOR },
	{ "make-string", make, "i|c", KIND_STRING },
	{ "list->vector", of_list, "l", KIND_VECTOR },
	{ "list->string", of_list, "l", KIND_STRING },
	{ "list->record", of_list, "l", KIND_RECORD },
	{ "substring", copy, "si|i", 0 },
	{ "string-copy", copy, "s|ii", 0 },
	{ "string-append", string_append, "|s*", 0 },
	{ "string-search", string_search, "ssi", 0 },
	{ "string=?", compare, "ss", STRING_EQUAL },
	{ "string<?", compare, "ss", STRING_LESS },
	{ "char=?", compare, "cc", CHAR_EQUAL },
	{ "char<?", compare, "cc", CHAR_LESS },
	{ "char->integer", character_function, "c", TO_INTEGER },
	{ "integer->char", character_function, "o", FROM_INTEGER },
	{ "char-alphabetic?", character_function, "c", ALPHABETIC },
	{ "char-numeric?", character_function, "c", NUMERIC },
	{ "char-whitespace?", character_function, "c", WHITESPACE },
	{ "char-upcase", character_function, "c", UPCASE },
	{ "char-downcase", character_function, "c", DOWNCASE },
	{ "string->symbol", string_to_symbol, "s", 0 },
	{ "symbol->string", symbol_to_string, "y", 0 },
	{ NULL, NULL, NULL, 0 }
};
