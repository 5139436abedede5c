/* SPDX-License-Identifier: MIT */
/*
 * primitive.c: procedures in C: what they take, checked in one place.
 *
 * A spec has a letter for each argument: "si" takes a string and an index. "|"
 * makes the arguments after it optional, and "*" after the last letter takes
 * any number of it. A primitive's function sees only arguments that fit.
 */
#include "vm.h"

/** What a letter takes; those without a kind are in takes. */
static const struct {
	const char *name;
	enum kind kind;
} types[128] = {
	['p'] = { "a pair", 0 }, ['l'] = { "a list", 0 }, ['n'] = { "a number", 0 },
	['f'] = { "an integer", 0 }, ['i'] = { "an index", 0 }, ['o'] = { "a byte", 0 },
	['c'] = { "a character", 0 }, ['k'] = { "a procedure", 0 },
	['r'] = { "an input port", 0 }, ['w'] = { "an output port", 0 },
	['s'] = { "a string", KIND_STRING }, ['b'] = { "a bytevector", KIND_BYTEVECTOR },
	['v'] = { "a vector", KIND_VECTOR }, ['y'] = { "a symbol", KIND_SYMBOL },
	['h'] = { "a port", KIND_PORT }, ['e'] = { "an error", KIND_CONDITION },
	['d'] = { "a record", KIND_RECORD }, ['g'] = { "an object", 0 },
	['t'] = { "a table", KIND_TABLE }, ['B'] = { "a weak box", KIND_WEAK_BOX },
	['E'] = { "an ephemeron", KIND_EPHEMERON }, ['F'] = { "a fiber", KIND_FIBER },
	['T'] = { "a thread", KIND_THREAD }, ['M'] = { "a mutex", KIND_MUTEX },
	['C'] = { "a condition variable", KIND_CONDITION_VARIABLE }
};

static inline int takes(char letter, value v)
{
	if (types[(int)letter].kind != 0)
		return is_kind(v, types[(int)letter].kind);
	switch (letter) {
	case 'p':
		return is_pair(v);
	case 'l':
		return list_count(v) != ANY;
	case 'n':
		return is_fixnum(v) || is_flonum(v);
	case 'f':
		return is_fixnum(v);
	case 'i':
		return is_fixnum(v) && fixnum_number(v) >= 0;
	case 'o':
		return is_fixnum(v) && v <= fixnum(255);
	case 'c':
		return is_character(v);
	case 'g':
		return is_object(v);
	case 'k':
		return is_kind(v, KIND_CLOSURE) || is_kind(v, KIND_PRIMITIVE);
	default:
		return is_kind(v, KIND_PORT) &&
		       (((struct port *)v)->flags & (letter == 'r' ? PORT_INPUT : PORT_OUTPUT)) != 0;
	}
}

void error_range(const value *a, size_t i)
{
	error_at(vm.place, a[i], "%s: out of range", primitive_of(a[0])->spec->name);
}

struct range argument_range(const value *a, size_t i, size_t length)
{
	struct range range = { 0, length };

	if (a[i] == NOTHING)
		return range;
	range.base = (size_t)fixnum_number(a[i]);
	if (a[i + 1] != NOTHING)
		range.limit = (size_t)fixnum_number(a[i + 1]);
	if (range.limit > length)
		error_range(a, i + 1);
	if (range.base > range.limit)
		error_range(a, i);
	return range;
}

void error_arity(const char *name, size_t required, size_t maximum, size_t count)
{
	size_t wanted = count < required ? required : maximum;
	const char *bound = required == maximum ? "" : count < required ? "at least " : "at most ";

	error_at(vm.place, NOTHING, "%s: needs %s%zu argument%s, got %zu", name, bound, wanted,
	         wanted == 1 ? "" : "s", count);
}

value primitive_call(value *a, size_t count, value place)
{
	const struct primitive *self = primitive_of(a[0]);
	const char *letter = self->spec->arguments;
	size_t i;

	place_set(place);
	if (count < self->required || count > self->maximum)
		error_arity(self->spec->name, self->required, self->maximum, count);
	for (i = 1; i <= count; i++) {
		letter += *letter == '|';
		if (*letter != 'x' && !takes(*letter, a[i]))
			error_at(vm.place, a[i], "%s: not %s", self->spec->name,
			         types[(int)*letter].name);
		letter += letter[1] != '*';
	}
	a[count + 1] = NOTHING;
	for (i = count; self->maximum != ANY && i < self->maximum; i++)
		a[i + 2] = NOTHING;
	return self->spec->function(a);
}

value primitive_make(const struct primitive_spec *spec, value data)
{
	struct primitive *primitive = heap_object(vm.heap->primitive, KIND_PRIMITIVE);
	const char *letter;
	int optional = 0;

	primitive->spec = spec;
	primitive->data = data;
	for (letter = spec->arguments; *letter != '\0' && *letter != '*'; letter++) {
		optional |= *letter == '|';
		primitive->maximum += *letter != '|';
		primitive->required += !optional;
	}
	if (*letter == '*')
		primitive->maximum = ANY;
	return (value)primitive;
}

void primitives_define(const struct primitive_spec *specs)
{
	for (; specs->name != NULL; specs++)
		symbol_bind(symbol_named(specs->name), primitive_make(specs, NOTHING));
}

/** string? and its like: the variant is the letter. */
static value is_type(const value *a)
{
	return boolean(takes((char)variant(a), a[1]));
}

/** null? and its like: the variant is the constant. */
static value is_constant(const value *a)
{
	return boolean(a[1] == variant(a));
}

const struct primitive_spec type_primitives[] = {
	{ "pair?", is_type, "x", 'p' },
	{ "list?", is_type, "x", 'l' },
	{ "number?", is_type, "x", 'n' },
	{ "exact?", is_type, "n", 'f' },
	{ "char?", is_type, "x", 'c' },
	{ "string?", is_type, "x", 's' },
	{ "symbol?", is_type, "x", 'y' },
	{ "vector?", is_type, "x", 'v' },
	{ "bytevector?", is_type, "x", 'b' },
	{ "procedure?", is_type, "x", 'k' },
	{ "port?", is_type, "x", 'h' },
	{ "record?", is_type, "x", 'd' },
	{ "error-object?", is_type, "x", 'e' },
	{ "null?", is_constant, "x", NIL },
	{ "not", is_constant, "x", FALSE },
	{ NULL, NULL, NULL, 0 }
};
