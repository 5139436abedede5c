/* SPDX-License-Identifier: MIT */
/*
 * heap.h: what a word of the language is, what its objects look like, the
 * machine's state, and how objects are made.
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
 * There is one machine in the process; its state is the variable vm. All its
 * objects are libsmal's: nothing of the language lies in malloc's memory.
 *
 * A function that makes an object may collect. It returns the object, or does
 * not return: an allocation that fails becomes an error of the language
 * (error.c). What the caller still needs must be in its C variables, or in an
 * object or a root that is reachable.
 *
 * I1  A value in an object is a constant, a fixnum, or the tagged start of an
 *     object: never a pointer into one. (Interior pointers exist only in C
 *     variables, where the scan of the stack finds them.)
 * I2  The word 0 is NOTHING: a field that has not been filled, a variable
 *     without a value, an argument that was not passed. No expression returns
 *     it. Memory comes zeroed, so a new object is full of it.
 */
#ifndef HEAP_H
#define HEAP_H

#include <smal.h>

#include <stdio.h>

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
	KIND_CONDITION
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

/** A string or a bytevector. A string's bytes are followed by a 0 byte. */
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

struct vm {
	struct smal_gc *gc;
	struct smal_thread *thread;

	/* Types; heap.c says how each is marked. */
	struct smal_type *pair, *located, *flonum, *bytes, *vector, *closure, *environment, *code,
		*object, *primitive, *port, *file;

	/* Roots. */
	/** The symbol table: a vector of lists. */
	value symbols;
	/** Where the call stands that is being made: a located pair or FALSE. */
	value place;
	/** What is on its way to a catcher. */
	value raised;
	/** The error to raise when there is no memory to make one. */
	value exhausted;
	/** (command-line), a list of strings; the ports of standard input and output. */
	value arguments, input, output;

	/* Not roots. */
	/** Of a tail call that is about to be made, see call.c. */
	const struct code *next_code;
	struct environment *next;
	value next_arguments[STACK_VARIABLES];
	struct catcher *catcher;
	/** The stack may not grow below this, see error.c; the real limit; how deep
	 *  the stack was when something was raised. */
	uintptr_t volatile stack_limit;
	uintptr_t stack_base, raised_at;
	/** Reasons to poll, set by the signal handler and the observer. */
	int volatile interrupted, collected;
};

extern struct vm vm;

/** How the heap is set up: the command line's options. */
struct heap_options {
	enum smal_pace pace;
	size_t heap_bytes, limit_bytes;
	unsigned pace_percent, torture;
};

/** Makes the collector, attaches this thread, makes the types, declares the
 *  roots. Prints a message and exits if that fails. */
void heap_start(const struct heap_options *options);

/** Detaches and destroys. Every port that is still open is closed. */
void heap_end(void);

/** An object of a type of fixed size, with its kind; of variable size. */
void *heap_object(struct smal_type *type, enum kind kind);
void *heap_bytes(struct smal_type *type, size_t bytes);

/** head + count * each, in bytes; an error if that is no size. */
size_t heap_size(size_t head, size_t count, size_t each);

/** Raises the error of an allocation that failed. */
_Noreturn void heap_exhausted(void);

value make_located_pair(value head, value tail, value file, value position);
value make_bytes(enum kind kind, size_t length);
value make_string(const char *text, size_t length);
value make_text(const char *text);
value make_vector(enum kind kind, size_t length, value fill);

/** The symbol of a name; the text may end anywhere. The global of a name. */
value symbol_intern(const char *text, size_t length);
value symbol_named(const char *name);
value global_named(const char *name);

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

static inline value cons(value head, value tail)
{
	struct pair *pair = smal_alloc(vm.thread, vm.pair);

	if (__builtin_expect(pair == NULL, 0))
		heap_exhausted();
	pair->car = head;
	pair->cdr = tail;
	return (value)pair | TAG_PAIR;
}

static inline value make_flonum(double number)
{
	double *flonum = smal_alloc(vm.thread, vm.flonum);

	if (__builtin_expect(flonum == NULL, 0))
		heap_exhausted();
	*flonum = number;
	return (value)flonum | TAG_FLONUM;
}

#endif
