/* SPDX-License-Identifier: MIT */
/*
 * symbol.c: the symbol table, and the symbols that have a global.
 *
 *     heap->symbols   name --weak--> symbol     every symbol that is in use
 *     heap->globals   [ symbol symbol ... ]     those that have a global
 *
 * The table is a map of libsmal's with weak values, and is searched by text. A
 * symbol that nothing refers to any more, neither data nor code nor a C
 * variable, is collected, and its name leaves the table: a program may make
 * symbols without end. A symbol that has a global stays for its sake.
 *
 * I1  Two symbols that live never have the same name.
 * I2  The table and the vector of globals are used under the heap's lock; a
 *     global itself is one word, which is read and written without it.
 * I3  Nothing is allocated under the lock but by the map itself: making a
 *     symbol may raise an error.
 */
#include "vm.h"

#include <string.h>

enum { GLOBALS = 1024 };

/** A text that is no string yet. */
struct text {
	const char *at;
	size_t length;
};

static uintptr_t hash_text(struct text text)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < text.length; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	return hash;
}

static uintptr_t hash_name(const void *key, void *user)
{
	const struct bytes *name = key;

	(void)user;
	return hash_text((struct text){ name->at, name->length });
}

static int is_text(const void *key, const void *wanted, void *user)
{
	const struct bytes *name = key;
	const struct text *text = wanted;

	(void)user;
	return name->length == text->length && memcmp(name->at, text->at, text->length) == 0;
}

static int is_name(const void *key, const void *wanted, void *user)
{
	const struct bytes *name = wanted;

	return is_text(key, &(struct text){ name->at, name->length }, user);
}

struct smal_map *symbol_table_create(void)
{
	return smal_map_create(vm.thread, SMAL_MAP_WEAK_VALUES, hash_name, is_name, NULL);
}

static struct symbol *find_locked(struct text text)
{
	return smal_map_find(vm.thread, vm.heap->symbols, hash_text(text), is_text, &text, NULL);
}

/** Adds a symbol; another thread may have been first. */
static struct symbol *add(struct symbol *symbol, struct text text)
{
	struct symbol *there;
	enum smal_error error = SMAL_OK;

	heap_lock();
	there = find_locked(text);
	if (there == NULL)
		error = smal_map_put(vm.thread, vm.heap->symbols, (void *)symbol->name, symbol);
	heap_unlock();
	if (error != SMAL_OK)
		heap_exhausted();
	return there != NULL ? there : symbol;
}

value symbol_intern(const char *at, size_t length)
{
	struct text text = { at, length };
	struct symbol *symbol;

	heap_lock();
	symbol = find_locked(text);
	heap_unlock();
	if (symbol == NULL) {
		symbol = heap_object(vm.heap->object, KIND_SYMBOL);
		symbol->name = make_string(at, length);
		symbol = add(symbol, text);
	}
	return (value)symbol;
}

value symbol_named(const char *name)
{
	return symbol_intern(name, strlen(name));
}

value global_named(const char *name)
{
	return symbol_global(symbol_named(name));
}

/** Makes room for more globals. */
static void globals_grow(size_t length)
{
	value grown = make_vector(KIND_VECTOR, length, NOTHING);
	struct heap *heap = vm.heap;

	heap_lock();
	if (heap->globals == NOTHING || vector_of(heap->globals)->length < length) {
		if (heap->globals != NOTHING)
			memcpy(vector_of(grown)->at, vector_of(heap->globals)->at,
			       heap->globals_count * sizeof(value));
		heap->globals = grown;
	}
	heap_unlock();
}

/** Keeps a symbol, from now on. */
static void globals_add(value symbol)
{
	struct heap *heap = vm.heap;
	size_t length;

	for (;;) {
		heap_lock();
		length = heap->globals == NOTHING ? 0 : vector_of(heap->globals)->length;
		if (heap->globals_count < length)
			break;
		heap_unlock();
		globals_grow(length == 0 ? GLOBALS : 2 * length);
	}
	if (symbol_global(symbol) == NOTHING)
		vector_of(heap->globals)->at[heap->globals_count++] = symbol;
	heap_unlock();
}

void symbol_bind(value symbol, value v)
{
	if (symbol_global(symbol) == NOTHING)
		globals_add(symbol);
	__atomic_store_n(&symbol_of(symbol)->global, v, __ATOMIC_RELEASE);
}

/** (symbol-count): how many symbols there are. */
static value symbol_count(const value *a)
{
	size_t count;

	(void)a;
	heap_lock();
	count = smal_map_count(vm.heap->symbols);
	heap_unlock();
	return fixnum((intptr_t)count);
}

const struct primitive_spec symbol_primitives[] = {
	{ "symbol-count", symbol_count, "", 0 },
	{ NULL, NULL, NULL, 0 }
};
