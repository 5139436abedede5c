/* SPDX-License-Identifier: MIT */
/*
 * value.h: what a word of the language is, and what its objects look like.
 *
 * A value is one word; its low bits are its tag:
 *
 *     .......1   fixnum: the other bits are a signed integer
 *     .....000   an object that begins with its kind
 *     .....010   a pair: two words, no kind
 *     .....100   a flonum: a double, no kind
 *     .....110   a constant or a character
 *
 * The collector is told to ignore the three tag bits (tag_mask, heap.c), so a
 * value may lie wherever a pointer to an object may.
 *
 * I1  A value in an object is a constant, a fixnum, or the tagged start of an
 *     object: never a pointer into one. (Interior pointers exist only in C
 *     variables, where the scan of the stack finds them.)
 * I2  The word 0 is NOTHING: a field that has not been filled, a variable
 *     without a value, an argument that was not passed. No expression returns
 *     it. Memory comes zeroed, so a new object is full of it.
 */
#ifndef VALUE_H
#define VALUE_H

#include <stddef.h>
#include <stdint.h>

/** A word of the language. */
typedef uintptr_t value;

enum { TAG_OBJECT = 0, TAG_PAIR = 2, TAG_FLONUM = 4, TAG_CONSTANT = 6, TAG_MASK = 7 };

enum {
	NOTHING = 0,
	FALSE = 0 << 3 | TAG_CONSTANT,
	TRUE = 1 << 3 | TAG_CONSTANT,
	NIL = 2 << 3 | TAG_CONSTANT,
	UNSPECIFIED = 3 << 3 | TAG_CONSTANT,
	END_OF_FILE = 4 << 3 | TAG_CONSTANT,
	/** What a tail call returns to the call that owns the frame (call.c). */
	TAIL = 5 << 3 | TAG_CONSTANT,
	/** + c << 8: the character c. */
	CHARACTER = 6 << 3 | TAG_CONSTANT
};

#define FIXNUM_MAX (INTPTR_MAX >> 1)
#define FIXNUM_MIN (INTPTR_MIN >> 1)

/** The first word of every object that is neither a pair nor a flonum. */
enum kind {
	KIND_STRING = 1,
	KIND_BYTEVECTOR,
	KIND_VECTOR,
	KIND_RECORD,
	KIND_SYMBOL,
	KIND_CLOSURE,
	KIND_PRIMITIVE,
	KIND_SYNTAX,
	KIND_PORT,
	KIND_CONDITION,
	KIND_TABLE,
	KIND_WEAK_BOX,
	KIND_EPHEMERON,
	KIND_GUARDIAN,
	KIND_FIBER,
	KIND_THREAD,
	KIND_MUTEX,
	KIND_CONDITION_VARIABLE
};

struct pair {
	value car, cdr;
};

/** A pair that was read from a text, and where its car stands there. It has
 *  the tag of a pair; smal_type_of tells the two apart. */
struct located_pair {
	struct pair pair;
	/** The text's name, a string; a fixnum, line * 1024 + column. */
	value file, position;
};

/** A string. Its bytes are followed by a 0 byte. (Bytevectors: payload.h.) */
struct bytes {
	uintptr_t kind;
	size_t length;
	char at[];
};

/** A vector; or a record, which begins with its type, a vector that begins
 *  with the type's name. */
struct vector {
	uintptr_t kind;
	size_t length;
	value at[];
};

struct symbol {
	uintptr_t kind;
	/** Its name, a string; its global variable, or NOTHING. */
	value name, global;
	/** True if the global is the language's own: nobody may define it. */
	uintptr_t fixed;
};

/** The variables of a procedure that was called: its arguments, and what let
 *  binds in its body; and the environment of the procedure around it. An object
 *  of the collector, or, if no inner procedure can refer to it, on the stack. */
struct environment {
	struct environment *up;
	value at[];
};

/** Variables in an environment on the stack, at most. */
enum { STACK_VARIABLES = 14 };

/** A procedure made by lambda. */
struct closure {
	uintptr_t kind;
	struct code *code;
	struct environment *environment;
};

/**
 * What a primitive does. a[0] is the primitive itself; its arguments follow,
 * checked; then NOTHING, once at least, and once for each optional argument
 * that was not passed.
 */
typedef value primitive_function(const value *a);

struct primitive_spec {
	const char *name;
	primitive_function *function;
	/** A letter for each argument, see primitive.c. */
	const char *arguments;
	/** Which of its variants the function is to be. */
	uintptr_t variant;
};

struct primitive {
	uintptr_t kind;
	const struct primitive_spec *spec;
	/** What this one knows: a continuation's number. */
	value data;
	/** How many arguments it takes. */
	size_t required, maximum;
};

/** As a number of arguments or elements: any, or none that is one. */
#define ANY ((size_t)-1)

/** An error: a string, what it is about (a list), where it happened (a located
 *  pair or FALSE). */
struct condition {
	uintptr_t kind;
	value message, irritants, place;
};

static inline int is_fixnum(value v)
{
	return v & 1;
}

static inline value fixnum(intptr_t number)
{
	return (value)number << 1 | 1;
}

static inline intptr_t fixnum_number(value v)
{
	return (intptr_t)v >> 1;
}

static inline int is_pair(value v)
{
	return (v & TAG_MASK) == TAG_PAIR;
}

static inline struct pair *pair_of(value v)
{
	return (struct pair *)(v - TAG_PAIR);
}

static inline value car(value v)
{
	return pair_of(v)->car;
}

static inline value cdr(value v)
{
	return pair_of(v)->cdr;
}

static inline int is_flonum(value v)
{
	return (v & TAG_MASK) == TAG_FLONUM;
}

static inline double flonum_number(value v)
{
	return *(const double *)(v - TAG_FLONUM);
}

static inline int is_kind(value v, enum kind kind)
{
	return (v & TAG_MASK) == TAG_OBJECT && v != NOTHING && *(const uintptr_t *)v == kind;
}

/** True if a value is an object, and no number, character or constant. */
static inline int is_object(value v)
{
	return !is_fixnum(v) && (v & TAG_MASK) != TAG_CONSTANT && v != NOTHING;
}

/** The object's address, without the tag. */
static inline void *object_of(value v)
{
	return (void *)(v & ~(value)TAG_MASK);
}

static inline value boolean(int truth)
{
	return truth ? TRUE : FALSE;
}

static inline value character(unsigned code)
{
	return (value)code << 8 | CHARACTER;
}

static inline int is_character(value v)
{
	return (v & 0xff) == CHARACTER;
}

static inline struct bytes *bytes_of(value v)
{
	return (struct bytes *)v;
}

static inline struct vector *vector_of(value v)
{
	return (struct vector *)v;
}

static inline struct symbol *symbol_of(value v)
{
	return (struct symbol *)v;
}

/** The global of a symbol, or NOTHING. Another thread may just define it: what
 *  is found here is complete. */
static inline value symbol_global(value v)
{
	return __atomic_load_n(&symbol_of(v)->global, __ATOMIC_ACQUIRE);
}

static inline const char *symbol_text(value v)
{
	return bytes_of(symbol_of(v)->name)->at;
}

static inline struct closure *closure_of(value v)
{
	return (struct closure *)v;
}

static inline struct primitive *primitive_of(value v)
{
	return (struct primitive *)v;
}

static inline uintptr_t variant(const value *a)
{
	return primitive_of(a[0])->spec->variant;
}

#endif
