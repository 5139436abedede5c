/* SPDX-License-Identifier: MIT */
/*
 * count_alloc.c: what the collector does most, for count_alloc.sh to count.
 *
 * usage: count_alloc WORK N M. What N and M are is said at each work below. Returns 77
 * where the figures would mean nothing: not x86-64, not optimized, or with what
 * --enable-debug and sanitizers add.
 *
 * What a collection costs is counted in collect_counted alone.
 */
#include <smal.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_SLOTS = 4096, HOLES = 50000, CHILDREN = 40000, POINTERS = 30, WORDS = 1 << 16 };
/* More than a run of a segment with others (space.h). */
enum { LARGE_BYTES = 300 << 20 };

struct pair {
	struct pair *head, *tail;
};

/* A container: in a chain, and what its layout says. */
struct object {
	struct object *next;
	void *words[POINTERS + 1];
};

static struct smal_gc *gc;
static struct smal_thread *thread;
static struct smal_type *pair_type, *bytes_type;
static void *root, *large;
static void *volatile kept;
static void *pointers[WORDS];

void collect_counted(void);

static void done(enum smal_error error)
{
	if (error != SMAL_OK)
		exit(1);
}

static void *checked(void *object)
{
	if (object == NULL)
		exit(1);
	return object;
}

__attribute__((noinline)) void collect_counted(void)
{
	done(smal_collect(thread));
}

static struct smal_type *type_new(const char *name, size_t bytes, uintptr_t layout)
{
	const struct smal_type_desc desc = {
		.name = name,
		.bytes = bytes,
		.marking = layout != 0 ? SMAL_MARK_LAYOUT : SMAL_MARK_NOTHING,
		.layout = { &layout, layout != 0 ? bytes / sizeof(void *) : 0, 0 },
	};
	struct smal_type *type;

	done(smal_type_create(gc, &desc, &type));
	return type;
}

static struct pair *pair_new(struct pair *tail)
{
	struct pair *pair = checked(smal_alloc(thread, pair_type));

	pair->tail = tail;
	return pair;
}

/* So many full buffers of pairs, of which each has `live` that stay, in one list. */
static void buffers_fill(unsigned long buffers, unsigned long live)
{
	for (unsigned long i = 0; i < buffers; i++)
		for (unsigned long k = 0; k < BUFFER_SLOTS; k++) {
			struct pair *pair = pair_new(root);

			if (k % (BUFFER_SLOTS / live) == 0)
				root = pair;
			else
				pair->tail = NULL;
		}
	done(smal_collect(thread));
}

/* ---- Allocation: N windows, of each M slots and the one that opens it ---- */

/* The rest of a window is allocated at once, so that the next allocation opens
 * another one. */
static void window_drop(struct smal_parcel *parcel)
{
	parcel->cursor = parcel->limit;
}

/* What a loop knows is forgotten, as in a program that does something besides. */
static inline void forget(void)
{
	__asm__ volatile("" ::: "memory");
}

/* What follows, without an allocation. */
static void work_none(unsigned long n, unsigned long m)
{
	struct smal_parcel *parcel = smal_thread_parcel(thread, pair_type);

	for (unsigned long i = 0; i < n; i++) {
		kept = smal_alloc(thread, pair_type);
		for (unsigned long k = 0; k < m; k++) {
			kept = parcel;
			forget();
		}
		window_drop(parcel);
	}
}

/* As a compiler emits it (<smal/alloc.h>): the parcel's address is known, and the
 * stride. */
static void work_parcel(unsigned long n, unsigned long m)
{
	struct smal_parcel *parcel = smal_thread_parcel(thread, pair_type);

	for (unsigned long i = 0; i < n; i++) {
		kept = smal_alloc(thread, pair_type);
		for (unsigned long k = 0; k < m; k++) {
			uintptr_t object = parcel->cursor;

			if (__builtin_expect(object + sizeof(struct pair) > parcel->limit, 0))
				object = (uintptr_t)smal_alloc(thread, pair_type);
			else
				parcel->cursor = object + sizeof(struct pair);
			kept = (void *)object;
			forget();
		}
		window_drop(parcel);
	}
}

static void work_alloc(unsigned long n, unsigned long m)
{
	struct smal_parcel *parcel = smal_thread_parcel(thread, pair_type);
	struct smal_thread *own = thread;
	struct smal_type *type = pair_type;

	for (unsigned long i = 0; i < n; i++) {
		kept = smal_alloc(thread, pair_type);
		for (unsigned long k = 0; k < m; k++) {
			kept = smal_alloc(own, type);
			forget();
		}
		window_drop(parcel);
	}
}

static void work_bytes(unsigned long n, unsigned long m)
{
	size_t index = bytes_type->class_index + smal_class_index(sizeof(struct pair));
	struct smal_parcel *parcel = &thread->parcels[index];
	struct smal_thread *own = thread;
	struct smal_type *type = bytes_type;

	for (unsigned long i = 0; i < n; i++) {
		kept = smal_alloc_bytes(thread, bytes_type, sizeof(struct pair));
		for (unsigned long k = 0; k < m; k++) {
			kept = smal_alloc_bytes(own, type, sizeof(struct pair));
			forget();
		}
		window_drop(parcel);
	}
}

/* Windows of memory that was in use before: M buffers, of which one object stays. */
static void work_refill(unsigned long n, unsigned long m)
{
	buffers_fill(m, 1);
	work_none(n, 0);
}

/* What the opening of a window is besides: M bytes are zeroed, N times. */
static void work_zero(unsigned long n, unsigned long m)
{
	for (unsigned long i = 0; i < n; i++) {
		memset(pointers, 0, m);
		forget();
	}
}

/* N allocations where every second slot is taken. */
static void work_holes(unsigned long n, unsigned long m)
{
	struct smal_thread *own = thread;
	struct smal_type *type = pair_type;

	(void)m;
	for (unsigned long i = 0; i < 2 * HOLES; i++)
		root = pair_new(root);
	for (struct pair *pair = root; pair != NULL && pair->tail != NULL; pair = pair->tail)
		pair->tail = pair->tail->tail;
	done(smal_collect(thread));
	for (unsigned long i = 0; i < n; i++) {
		kept = smal_alloc(own, type);
		forget();
	}
}

/* ---- Collection ---- */

/* A list of N pairs. */
static void work_list(unsigned long n, unsigned long m)
{
	(void)m;
	for (unsigned long i = 0; i < n; i++)
		root = pair_new(root);
	collect_counted();
}

/* M buffers, N dead objects in them. */
static void work_dead(unsigned long n, unsigned long m)
{
	buffers_fill(m, 1);
	for (unsigned long i = 0; i < n; i++)
		kept = pair_new(NULL);
	collect_counted();
}

/* N buffers, M objects in each that stay. */
static void work_buffers(unsigned long n, unsigned long m)
{
	buffers_fill(n, m);
	collect_counted();
}

/* A thousand containers, of which each has N words that may be pointers, and what
 * they are: nothing, a number, one and the same object, one each without pointers, a
 * pair each. */
enum { NOTHING, NUMBER, SAME, LEAF, PAIR };

static void *word_of(unsigned long what, unsigned long k, size_t *count)
{
	switch (what) {
	case NOTHING:
		return NULL;
	case NUMBER:
		return (void *)(uintptr_t)(2 * k + 1);
	case SAME:
		return pointers[0];
	default:
		return pointers[(*count)++];
	}
}

static void work_words(unsigned long n, unsigned long m)
{
	struct smal_type *leaf = type_new("leaf", sizeof(struct pair), 0), *container;
	size_t count = 0;

	container = type_new("container", sizeof(struct object), ((uintptr_t)2 << n) - 1);
	for (size_t i = 0; i < CHILDREN; i++)
		pointers[i] = checked(smal_alloc(thread, m == LEAF ? leaf : pair_type));
	for (unsigned i = 0; i < 1000; i++) {
		struct object *object = checked(smal_alloc(thread, container));

		object->next = root;
		for (unsigned long k = 0; k < n; k++)
			object->words[k] = word_of(m, k, &count);
		root = object;
	}
	collect_counted();
}

/* The same where the space has a second segment, which one large object is. */
static void work_apart(unsigned long n, unsigned long m)
{
	done(smal_root_add(gc, &large, "large"));
	large = checked(smal_alloc_bytes(thread, bytes_type, LARGE_BYTES));
	work_words(n, m);
}

/* A range of N words as a stack has them, none of which is a pointer to an object. */
static void work_range(unsigned long n, unsigned long m)
{
	static const char text[] = "a word o";

	(void)m;
	root = pair_new(NULL);
	for (unsigned long i = 0; i < n; i += 4) {
		pointers[i] = NULL;
		pointers[i + 1] = (void *)(uintptr_t)i;
		pointers[i + 2] = &pointers[i];
		memcpy(&pointers[i + 3], text, sizeof pointers[i + 3]);
	}
	done(smal_root_add_range(gc, pointers, pointers + n, "range"));
	collect_counted();
}

/* A range of N words of which each leads to an object of its own, without pointers: to
 * the M-th byte of it. */
static void work_found(unsigned long n, unsigned long m)
{
	struct smal_type *leaf = type_new("leaf", sizeof(struct pair), 0);

	for (size_t i = 0; i < CHILDREN; i++)
		pointers[i] = (char *)checked(smal_alloc(thread, leaf)) + m;
	done(smal_root_add_range(gc, pointers, pointers + n, "range"));
	collect_counted();
}

static void mark_pointers(struct smal_marker *marker, void *user)
{
	unsigned long *n = user;

	smal_mark_array(marker, pointers, *n);
	forget();
}

/* A callback marks N pairs in one call, which alone is counted then. */
static void work_array(unsigned long n, unsigned long m)
{
	(void)m;
	for (size_t i = 0; i < WORDS; i++)
		pointers[i] = pair_new(NULL);
	done(smal_root_add_function(gc, mark_pointers, &n, "function"));
	collect_counted();
}

static const struct {
	const char *name;
	void (*run)(unsigned long n, unsigned long m);
} works[] = {
	{ "none", work_none },   { "parcel", work_parcel },   { "alloc", work_alloc },
	{ "bytes", work_bytes }, { "refill", work_refill },   { "zero", work_zero },
	{ "holes", work_holes }, { "list", work_list },       { "dead", work_dead },
	{ "words", work_words }, { "buffers", work_buffers }, { "range", work_range },
	{ "apart", work_apart }, { "found", work_found },     { "array", work_array },
};

static int is_fit(void)
{
#if defined __x86_64__ && defined __LP64__ && defined __OPTIMIZE__ && \
	!defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ && !defined SMAL_DEBUG
	return 1;
#else
	return 0;
#endif
}

int main(int argc, char **argv)
{
	struct smal_gc_options options = { .options_bytes = sizeof options,
		                           .pace = SMAL_PACE_OFF,
		                           .exact_stacks = 1 };

	if (argc != 4)
		return 2;
	if (!is_fit())
		return 77;
	done(smal_gc_create(&options, &gc));
	done(smal_thread_attach(gc, &thread));
	done(smal_root_add(gc, &root, "root"));
	pair_type = type_new("pair", sizeof(struct pair), 3);
	bytes_type = type_new("bytes", 0, 0);
	for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
		if (strcmp(works[i].name, argv[1]) == 0) {
			works[i].run(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
			return 0;
		}
	return 2;
}
