/* SPDX-License-Identifier: MIT */
/*
 * heap.c: an interpreter's set-up, its types and roots; and objects.
 *
 * Each type shows one way to tell the collector where the pointers are:
 *
 *     pair           layout: both words
 *     located pair   layout: four words
 *     flonum         nothing
 *     bytes          nothing, variable size: strings
 *     bytevector     nothing, and a free callback that gives its bytes back
 *     vector         layout that repeats: kind, length, then values
 *     closure        callback with a tail return
 *     environment    layout that repeats: values, and nothing else
 *     code           conservative: the compiler's objects are of many shapes
 *     file           layout, and a free callback that closes the file
 *     fiber          callback that scans a stack
 *     the others     layout: the words that may hold values
 *
 * Roots are the stacks and the registers of the threads and of fibers that run,
 * which the collector scans by itself; the symbol table and the globals, a slot each;
 * and the rest of struct heap and of each struct vm, which a function marks.
 *
 * I1  A callback copes with an object that is not filled yet: its words are 0.
 */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = sizeof(value) };

/** Marks a closure's code. Its environment is returned, not marked: the
 *  collector goes on with it at once. */
static void *closure_mark(struct smal_marker *marker, void *object)
{
	struct closure *closure = object;

	smal_mark(marker, closure->code);
	return closure->environment;
}

static enum smal_error types_create(struct heap *heap)
{
	const struct {
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
		{ &heap->pair, "pair", SMAL_MARK_LAYOUT, 2 * WORD, 3, 2 },
		{ &heap->located, "located pair", SMAL_MARK_LAYOUT, 4 * WORD, 15, 4 },
		{ &heap->flonum, "flonum", SMAL_MARK_NOTHING, sizeof(double), 0, 0 },
		{ &heap->bytes, "bytes", SMAL_MARK_NOTHING, 0, 0, 0 },
		{ &heap->vector, "vector", SMAL_MARK_LAYOUT, 0, 4, 3 },
		{ &heap->environment, "environment", SMAL_MARK_LAYOUT, 0, 1, 1 },
		{ &heap->closure, "closure", SMAL_MARK_CALLBACK, sizeof(struct closure), 0, 0 },
		{ &heap->code, "code", SMAL_MARK_CONSERVATIVE, 0, 0, 0 },
		{ &heap->object, "object", SMAL_MARK_LAYOUT, 4 * WORD, 14, 4 },
		{ &heap->bytevector, "bytevector", SMAL_MARK_NOTHING, sizeof(struct bytevector),
		  0, 0 },
		{ &heap->primitive, "primitive", SMAL_MARK_LAYOUT, sizeof(struct primitive), 6, 3 },
		{ &heap->port, "port", SMAL_MARK_LAYOUT, sizeof(struct port), 6, 3 },
		{ &heap->file, "file", SMAL_MARK_LAYOUT, sizeof(struct port), 6, 3 },
		{ &heap->fiber, "fiber", SMAL_MARK_CALLBACK, fiber_object_bytes(), 0, 0 }
	};
	enum smal_error error = SMAL_OK;
	size_t i;

	for (i = 0; error == SMAL_OK && i < sizeof(types) / sizeof(types[0]); i++) {
		struct smal_type_desc desc = { .name = types[i].name, .bytes = types[i].bytes };

		desc.marking = types[i].marking;
		desc.layout.bits = &types[i].bits;
		desc.layout.words = types[i].words;
		desc.layout.repeat_words = types[i].bytes == 0 && types[i].words != 0;
		desc.mark = types[i].type == &heap->closure ? closure_mark :
		            types[i].type == &heap->fiber ? fiber_mark : NULL;
		desc.free = types[i].type == &heap->file ? port_free :
		            types[i].type == &heap->bytevector ? bytevector_free : NULL;
		desc.user = heap;
		error = smal_type_create(heap->gc, &desc, types[i].type);
	}
	return error;
}

/** Marks what the heap and its threads hold, all of which stand still. */
static void heap_mark(struct smal_marker *marker, void *user)
{
	const struct heap *heap = user;
	const struct vm *thread;

	smal_mark(marker, (void *)heap->arguments);
	smal_mark(marker, (void *)heap->input);
	smal_mark(marker, (void *)heap->output);
	for (thread = heap->threads; thread != NULL; thread = thread->next_thread) {
		smal_mark(marker, (void *)thread->place);
		smal_mark(marker, (void *)thread->raised);
		smal_mark(marker, (void *)thread->exhausted);
		smal_mark(marker, (void *)thread->transfer);
		smal_mark(marker, (void *)thread->self);
	}
}

static enum smal_error gc_create(struct heap *heap)
{
	const struct heap_options *options = &heap->options;
	struct smal_gc_options settings = { .options_bytes = sizeof(settings) };

	settings.pace = options->pace;
	settings.pace_bytes = options->heap_bytes;
	settings.pace_percent = options->pace_percent;
	settings.limit_bytes = options->limit_bytes;
	settings.tag_mask = TAG_MASK;
	return smal_gc_create(&settings, &heap->gc);
}

/** Everything that no thread is needed for. */
static enum smal_error heap_fill(struct heap *heap)
{
	enum smal_error error = types_create(heap);

	if (error == SMAL_OK)
		error = smal_queue_create(heap->gc, &heap->dead);
	if (error == SMAL_OK)
		error = smal_root_add(heap->gc, &heap->symbols, "symbol table");
	if (error == SMAL_OK)
		error = smal_root_add(heap->gc, &heap->globals, "globals");
	if (error == SMAL_OK)
		error = smal_root_add_function(heap->gc, heap_mark, heap, "machine");
	return error;
}

/** Everything that a thread is needed for. */
static enum smal_error heap_finish(struct heap *heap)
{
	heap->symbols = symbol_table_create();
	if (heap->symbols == NULL)
		return smal_thread_error(vm.thread);
	measure_heap(heap);
	smal_gc_set_observer(heap->gc, measure_collection, heap);
	if (heap->options.torture != 0)
		smal_gc_set_torture(heap->gc, heap->options.torture);
	return SMAL_OK;
}

enum smal_error heap_start(const struct heap_options *options)
{
	struct heap *heap = calloc(1, sizeof(*heap));
	enum smal_error error;

	if (heap == NULL)
		return SMAL_ERROR_NO_MEMORY;
	heap->options = *options;
	heap->arguments = NIL;
	pthread_mutex_init(&heap->lock, NULL);
	pthread_cond_init(&heap->ended, NULL);
	error = gc_create(heap);
	if (error != SMAL_OK)
		goto free_heap;
	error = payloads_create(heap);
	if (error == SMAL_OK)
		error = heap_fill(heap);
	if (error == SMAL_OK)
		error = vm_start(heap);
	if (error != SMAL_OK)
		goto destroy_gc;
	error = heap_finish(heap);
	if (error == SMAL_OK)
		return SMAL_OK;
	vm_end();
destroy_gc:
	smal_gc_destroy(heap->gc);
	smal_handle_heap_destroy(heap->payloads);
free_heap:
	free(heap);
	return error;
}

void heap_end(void)
{
	struct heap *heap = vm.heap;

	vm_wait(1);
	remains_settle_all();
	vm_end();
	smal_gc_destroy(heap->gc);
	smal_handle_heap_destroy(heap->payloads);
	pthread_cond_destroy(&heap->ended);
	pthread_mutex_destroy(&heap->lock);
	free(heap);
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
	struct located_pair *located = smal_alloc(vm.thread, vm.heap->located);

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
	struct bytes *bytes = heap_bytes(vm.heap->bytes, heap_size(sizeof(*bytes) + 1, length, 1));

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
		heap_bytes(vm.heap->vector, heap_size(sizeof(*vector), length, sizeof(value)));
	size_t i;

	vector->kind = kind;
	vector->length = length;
	for (i = 0; fill != NOTHING && i < length; i++)
		vector->at[i] = fill;
	return (value)vector;
}
