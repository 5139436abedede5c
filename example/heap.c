/* SPDX-License-Identifier: MIT */
/*
 * heap.c: the collector's set-up: types and roots; and the symbol table.
 *
 * Each type shows one way to tell the collector where the pointers are:
 *
 *     pair           layout: both words
 *     located pair   layout: four words
 *     flonum         nothing
 *     bytes          nothing, variable size: strings and bytevectors
 *     vector         layout that repeats: kind, length, then values
 *     closure        callback with a tail return
 *     environment    layout that repeats: values, and nothing else
 *     code           conservative: the compiler's objects are of many shapes
 *     file           layout, and a free callback that closes the file
 *     the others     layout: the words that may hold values
 *
 * Roots are the stack and the registers of the thread, which the collector
 * scans by itself; the symbol table, a slot; and the rest of struct vm, which
 * a function marks.
 *
 * I1  A callback copes with an object that is not filled yet: its words are 0.
 * I2  Every global variable is in a symbol, every symbol is in the symbol
 *     table, and none is ever dropped: a C variable that holds a symbol is no
 *     root and needs none, and two symbols never have the same name.
 */
#include "vm.h"

#include <stdlib.h>
#include <string.h>

struct vm vm;

enum {
	/** Lists in the symbol table. */
	SYMBOL_LISTS = 1024,
	WORD = sizeof(value)
};

/** What can't go wrong, or must be told before there are errors to raise. */
static void require(enum smal_error error, const char *what)
{
	if (error == SMAL_OK)
		return;
	fprintf(stderr, "smile: %s: %s\n", what, smal_error_text(error));
	exit(2);
}

/** Marks a closure's code. Its environment is returned, not marked: the
 *  collector goes on with it at once. */
static void *closure_mark(struct smal_marker *marker, void *object)
{
	struct closure *closure = object;

	smal_mark(marker, closure->code);
	return closure->environment;
}

static void types_create(void)
{
	static const struct {
		struct smal_type **type;
		const char *name;
		enum smal_marking marking;
		/** 0: of variable size. */
		size_t bytes;
		/** Which of how many words hold values; if the size varies, the last
		 *  of them stands for all that follow. */
		uintptr_t bits;
		size_t words;
	} types[] = {
		{ &vm.pair, "pair", SMAL_MARK_LAYOUT, 2 * WORD, 3, 2 },
		{ &vm.located, "located pair", SMAL_MARK_LAYOUT, 4 * WORD, 15, 4 },
		{ &vm.flonum, "flonum", SMAL_MARK_NOTHING, sizeof(double), 0, 0 },
		{ &vm.bytes, "bytes", SMAL_MARK_NOTHING, 0, 0, 0 },
		{ &vm.vector, "vector", SMAL_MARK_LAYOUT, 0, 4, 3 },
		{ &vm.environment, "environment", SMAL_MARK_LAYOUT, 0, 1, 1 },
		{ &vm.closure, "closure", SMAL_MARK_CALLBACK, sizeof(struct closure), 0, 0 },
		{ &vm.code, "code", SMAL_MARK_CONSERVATIVE, 0, 0, 0 },
		{ &vm.object, "object", SMAL_MARK_LAYOUT, 4 * WORD, 14, 4 },
		{ &vm.primitive, "primitive", SMAL_MARK_LAYOUT, sizeof(struct primitive), 6, 3 },
		{ &vm.port, "port", SMAL_MARK_LAYOUT, sizeof(struct port), 6, 3 },
		{ &vm.file, "file", SMAL_MARK_LAYOUT, sizeof(struct port), 6, 3 }
	};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct smal_type_desc desc = { .name = types[i].name, .bytes = types[i].bytes };

		desc.marking = types[i].marking;
		desc.layout.bits = &types[i].bits;
		desc.layout.words = types[i].words;
		desc.layout.repeat_words = types[i].bytes == 0 && types[i].words != 0;
		desc.mark = desc.marking == SMAL_MARK_CALLBACK ? closure_mark : NULL;
		desc.free = types[i].type == &vm.file ? port_free : NULL;
		require(smal_type_create(vm.gc, &desc, types[i].type), types[i].name);
	}
}

/** Marks the fields of struct vm that hold values. */
static void vm_mark(struct smal_marker *marker, void *user)
{
	(void)user;
	smal_mark(marker, (void *)vm.place);
	smal_mark(marker, (void *)vm.raised);
	smal_mark(marker, (void *)vm.exhausted);
	smal_mark(marker, (void *)vm.arguments);
	smal_mark(marker, (void *)vm.input);
	smal_mark(marker, (void *)vm.output);
}

void heap_start(const struct heap_options *options)
{
	struct smal_gc_options settings = { .options_bytes = sizeof(settings) };

	settings.pace = options->pace;
	settings.pace_bytes = options->heap_bytes;
	settings.pace_percent = options->pace_percent;
	settings.limit_bytes = options->limit_bytes;
	settings.tag_mask = TAG_MASK;
	require(smal_gc_create(&settings, &vm.gc), "creating the collector");
	require(smal_thread_attach(vm.gc, &vm.thread), "attaching the thread");
	types_create();
	require(smal_root_add(vm.gc, &vm.symbols, "symbol table"), "adding a root");
	require(smal_root_add_function(vm.gc, vm_mark, &vm, "vm"), "adding a root");
	smal_gc_set_observer(vm.gc, measure_collection, NULL);
	if (options->torture != 0)
		smal_gc_set_torture(vm.gc, options->torture);
	vm.place = FALSE;
	vm.arguments = NIL;
	vm.symbols = make_vector(KIND_VECTOR, SYMBOL_LISTS, NIL);
	vm.exhausted = (value)heap_object(vm.object, KIND_CONDITION);
}

void heap_end(void)
{
	require(smal_thread_detach(vm.thread), "detaching the thread");
	require(smal_gc_destroy(vm.gc), "destroying the collector");
}

void *heap_object(struct smal_type *type, enum kind kind)
{
	uintptr_t *object = smal_alloc(vm.thread, type);

	if (object == NULL)
		heap_exhausted();
	*object = kind;
	return object;
}

void *heap_bytes(struct smal_type *type, size_t bytes)
{
	void *object = smal_alloc_bytes(vm.thread, type, bytes);

	if (object == NULL)
		heap_exhausted();
	return object;
}

size_t heap_size(size_t head, size_t count, size_t each)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, each, &bytes) ||
	    __builtin_add_overflow(bytes, head, &bytes))
		error_at(vm.place, NOTHING, "out of memory: too large an object");
	return bytes;
}

value make_located_pair(value head, value tail, value file, value position)
{
	struct located_pair *located = smal_alloc(vm.thread, vm.located);

	if (located == NULL)
		heap_exhausted();
	located->pair.car = head;
	located->pair.cdr = tail;
	located->file = file;
	located->position = position;
	return (value)located | TAG_PAIR;
}

value make_bytes(enum kind kind, size_t length)
{
	struct bytes *bytes = heap_bytes(vm.bytes, heap_size(sizeof(*bytes) + 1, length, 1));

	bytes->kind = kind;
	bytes->length = length;
	return (value)bytes;
}

value make_string(const char *text, size_t length)
{
	value string = make_bytes(KIND_STRING, length);

	memcpy(bytes_of(string)->at, text, length);
	return string;
}

value make_text(const char *text)
{
	return make_string(text, strlen(text));
}

value make_vector(enum kind kind, size_t length, value fill)
{
	struct vector *vector =
		heap_bytes(vm.vector, heap_size(sizeof(*vector), length, sizeof(value)));
	size_t i;

	vector->kind = kind;
	vector->length = length;
	for (i = 0; fill != NOTHING && i < length; i++)
		vector->at[i] = fill;
	return (value)vector;
}

value symbol_intern(const char *text, size_t length)
{
	uint32_t hash = 2166136261u;
	struct symbol *symbol;
	value list;
	size_t i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	i = hash % SYMBOL_LISTS;
	for (list = vector_of(vm.symbols)->at[i]; is_pair(list); list = cdr(list)) {
		const struct bytes *name = bytes_of(symbol_of(car(list))->name);

		if (name->length == length && memcmp(name->at, text, length) == 0)
			return car(list);
	}
	symbol = heap_object(vm.object, KIND_SYMBOL);
	symbol->name = make_string(text, length);
	list = cons((value)symbol, vector_of(vm.symbols)->at[i]);
	vector_of(vm.symbols)->at[i] = list;
	return (value)symbol;
}

value symbol_named(const char *name)
{
	return symbol_intern(name, strlen(name));
}

value global_named(const char *name)
{
	return symbol_of(symbol_named(name))->global;
}
