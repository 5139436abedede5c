/* SPDX-License-Identifier: MIT */
/*
 * weak.c: weak boxes, ephemerons, and tables with weak keys or values.
 *
 *     weak box --> smal_weak ...> x
 *     ephemeron --> smal_ephemeron ...> key, value
 *     table --> smal_map ...> keys, values
 *
 * libsmal's weak things are objects without a kind; the language's are small
 * objects that hold one. What is weak must be an object: a number or a character
 * is the same wherever it is, and never dies.
 *
 * Keys of a table with weak keys are compared by eq?. Keys of one with weak
 * values are strings and numbers, most of the time: they are compared by what
 * they are (eqv?, and strings by their text).
 *
 * I1  A map is used under the heap's lock, so that threads may share a table.
 *     Nothing is raised, and no procedure called, under it.
 */
#include "vm.h"

#include <string.h>

/** A weak box, an ephemeron, a table; and the libsmal object that it is about. */
struct weak_object {
	uintptr_t kind;
	void *is;
	/** Of a table, which is weak: a fixnum, an argument's number. */
	value weak;
};

static void *is(value v)
{
	return ((const struct weak_object *)v)->is;
}

/** Makes one; NULL is an allocation that has failed. */
static value make(enum kind kind, void *of)
{
	struct weak_object *object;

	if (of == NULL)
		heap_exhausted();
	object = heap_object(vm.heap->object, kind);
	object->is = of;
	return (value)object;
}

/** A word that libsmal has kept; what is gone is #f. */
static value kept(const void *word)
{
	return word == NULL ? FALSE : (value)word;
}

/** (make-weak-box OBJECT) */
static value make_weak_box(const value *a)
{
	return make(KIND_WEAK_BOX, smal_weak_create(vm.thread, (void *)a[1], 0));
}

/** (weak-box-value BOX): the object, or #f once it has died. */
static value weak_box_value(const value *a)
{
	return kept(smal_weak_get(is(a[1])));
}

/** (make-ephemeron KEY VALUE): keeps VALUE while something else keeps KEY. */
static value make_ephemeron(const value *a)
{
	return make(KIND_EPHEMERON, smal_ephemeron_create(vm.thread, (void *)a[1], (void *)a[2]));
}

enum { KEY, VALUE };

/** (ephemeron-key EPHEMERON), (ephemeron-value EPHEMERON): #f after KEY's death. */
static value ephemeron_part(const value *a)
{
	const struct smal_ephemeron *ephemeron = is(a[1]);

	return kept(variant(a) == KEY ? smal_ephemeron_key(ephemeron) :
	            smal_ephemeron_value(ephemeron));
}

/** A hash that is the same for keys that are the same. */
static uintptr_t hash_key(const void *key, void *user)
{
	value v = (value)key;
	const char *at = (const char *)&v;
	size_t length = sizeof(v), i;
	uint32_t hash = 2166136261u;

	(void)user;
	if (is_kind(v, KIND_STRING)) {
		at = bytes_of(v)->at;
		length = bytes_of(v)->length;
	} else if (is_flonum(v)) {
		at = object_of(v);
		length = sizeof(double);
	}
	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)at[i]) * 16777619u;
	return hash;
}

static int is_same_key(const void *key, const void *wanted, void *user)
{
	value x = (value)key, y = (value)wanted;

	(void)user;
	if (is_flonum(x) && is_flonum(y))
		return memcmp(object_of(x), object_of(y), sizeof(double)) == 0;
	if (is_kind(x, KIND_STRING) && is_kind(y, KIND_STRING))
		return bytes_of(x)->length == bytes_of(y)->length &&
		       memcmp(bytes_of(x)->at, bytes_of(y)->at, bytes_of(x)->length) == 0;
	return x == y;
}

/** (make-weak-key-table), (make-weak-value-table) */
static value make_table(const value *a)
{
	enum smal_map_kind kind = (enum smal_map_kind)variant(a);
	int by_address = kind == SMAL_MAP_WEAK_KEYS;
	struct smal_map *map = smal_map_create(vm.thread, kind, by_address ? NULL : hash_key,
	                                       by_address ? NULL : is_same_key, NULL);
	value table;

	table = make(KIND_TABLE, map);
	((struct weak_object *)table)->weak = fixnum(by_address ? 2 : 3);
	return table;
}

enum { REF, DELETE };

/** (table-ref TABLE KEY DEFAULT), (table-delete! TABLE KEY) */
static value table_use(const value *a)
{
	void *result;

	heap_lock();
	if (variant(a) == REF)
		result = smal_map_get(vm.thread, is(a[1]), (void *)a[2]);
	else
		result = smal_map_remove(vm.thread, is(a[1]), (void *)a[2]);
	heap_unlock();
	if (variant(a) == DELETE)
		return UNSPECIFIED;
	return result == NULL ? a[3] : (value)result;
}

/** (table-count TABLE) */
static value table_count(const value *a)
{
	size_t count;

	heap_lock();
	count = smal_map_count(is(a[1]));
	heap_unlock();
	return fixnum((intptr_t)count);
}

/** Where a visitor puts what it sees: keys and values in turn. */
struct copy {
	struct vector *into;
	size_t count;
};

static int copy_entry(void *key, void *v, void *user)
{
	struct copy *copy = user;

	if (copy->count + 2 > copy->into->length)
		return 1;
	copy->into->at[copy->count++] = (value)key;
	copy->into->at[copy->count++] = (value)v;
	return 0;
}

/** (table-walk TABLE PROCEDURE): calls PROCEDURE with the key and the value of
 *  each entry that is there when it begins. */
static value table_walk(const value *a)
{
	size_t length = 2 * (size_t)fixnum_number(table_count(a)), i;
	struct copy copy = { vector_of(make_vector(KIND_VECTOR, length, NOTHING)), 0 };

	heap_lock();
	smal_map_each(vm.thread, is(a[1]), copy_entry, &copy);
	heap_unlock();
	for (i = 0; i < copy.count; i += 2)
		call(a[2], 2, &copy.into->at[i]);
	return UNSPECIFIED;
}

/** (table-set! TABLE KEY VALUE) */
static value table_set(const value *a)
{
	value weak = a[fixnum_number(((const struct weak_object *)a[1])->weak)];
	enum smal_error error;

	if (!is_object(weak))
		error_at(vm.place, weak, "table-set!: what is weak must be an object");
	heap_lock();
	error = smal_map_put(vm.thread, is(a[1]), (void *)a[2], (void *)a[3]);
	heap_unlock();
	if (error != SMAL_OK)
		heap_exhausted();
	return UNSPECIFIED;
}

const struct primitive_spec weak_primitives[] = {
	{ "make-weak-box", make_weak_box, "g", 0 },
	{ "weak-box-value", weak_box_value, "B", 0 },
	{ "make-ephemeron", make_ephemeron, "gx", 0 },
	{ "ephemeron-key", ephemeron_part, "E", KEY },
	{ "ephemeron-value", ephemeron_part, "E", VALUE },
	{ "make-weak-key-table", make_table, "", SMAL_MAP_WEAK_KEYS },
	{ "make-weak-value-table", make_table, "", SMAL_MAP_WEAK_VALUES },
	{ "table-ref", table_use, "txx", REF },
	{ "table-set!", table_set, "txx", 0 },
	{ "table-delete!", table_use, "tx", DELETE },
	{ "table-count", table_count, "t", 0 },
	{ "table-walk", table_walk, "tk", 0 },
	{ NULL, NULL, NULL, 0 }
};
