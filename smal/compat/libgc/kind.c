/* SPDX-License-Identifier: MIT */
/*
 * kind.c: kinds as types, mark procedures, disclaim.
 *
 *   number --> kind --> type (of variable size) --user--> kind
 *               `- descr: how the pointers of an object of it are found
 *
 * A kind whose descriptor is a whole object's length is scanned conservatively, one
 * without pointers not at all; every other has a mark callback of its own, which
 * knows the kind by its number. A mark procedure of the program's gets the marker where
 * it expects the top of a mark stack, and hands it to GC_mark_and_push.
 */
#include <smal/compat/libgc/libgc.h>

#include <string.h>

enum { TAG_LENGTH, TAG_BITMAP, TAG_PROC, TAG_PER_OBJECT, TAGS = 3, PROC_LOG2 = 6, BIAS = 16 };

struct bdw_kind bdw_kinds[BDW_KINDS];
unsigned bdw_kind_count;
size_t bdw_spare = 1;
bool bdw_interior;
int GC_gcj_kind, GC_gcj_debug_kind;
void *GC_least_plausible_heap_addr, *GC_greatest_plausible_heap_addr = (void *)~(uintptr_t)0;

static bdw_mark_proc *procs[BDW_PROCS];
static unsigned proc_count = BDW_RESERVED_PROCS;

/* ---- Descriptors ---- */

/* For those that are none of ours: as far as the bits of one word go, from the top. */
static void mark_bitmap(struct smal_marker *marker, void *object, bdw_word descr)
{
	void *const *word = object;

	for (descr &= ~(bdw_word)TAGS; descr != 0; descr <<= 1, word++)
		if ((intptr_t)descr < 0)
			smal_mark(marker, *word);
}

/* The descriptor that an object has itself, or that its type structure has; 0 if it
 * is not filled in yet. */
static bdw_word per_object(const void *object, bdw_word descr)
{
	const char *table;

	if ((intptr_t)descr >= 0)
		return *(const bdw_word *)(const void *)((const char *)object + descr -
		                                         TAG_PER_OBJECT);
	table = *(const char *const *)object;
	if (table == NULL)
		return 0;
	return *(const bdw_word *)(const void *)(table - (intptr_t)(descr - TAG_PER_OBJECT) - BIAS);
}

void bdw_descr_mark(struct smal_marker *marker, void *object, bdw_word descr)
{
	size_t index;

	if ((descr & TAGS) == TAG_PER_OBJECT)
		descr = per_object(object, descr);
	switch (descr & TAGS) {
	case TAG_LENGTH: {
		size_t bytes = smal_size(object);

		smal_mark_array(marker, object, (descr < bytes ? descr : bytes) / sizeof(void *));
		break;
	}
	case TAG_BITMAP:
		mark_bitmap(marker, object, descr);
		break;
	case TAG_PROC:
		index = descr >> 2 & (BDW_PROCS - 1);
		if (procs[index] != NULL)
			procs[index](object, (struct bdw_ms_entry *)(void *)marker,
			             (struct bdw_ms_entry *)(void *)((char *)marker + 4096),
			             descr >> (PROC_LOG2 + 2));
		break;
	default:
		break;
	}
}

struct bdw_ms_entry *GC_mark_and_push(void *object, struct bdw_ms_entry *top,
                                      struct bdw_ms_entry *limit, void **source)
{
	(void)limit;
	(void)source;
	smal_mark((struct smal_marker *)(void *)top, object);
	return top;
}

/* ---- A mark callback for each kind ---- */

static void mark_as(unsigned number, struct smal_marker *marker, void *object)
{
	const struct bdw_kind *kind = &bdw_kinds[number];
	bdw_word descr = kind->descr;

	if (kind->adjust && (descr & TAGS) == TAG_LENGTH)
		descr += smal_size(object);
	bdw_descr_mark(marker, object, descr);
}

#define MARK(number)                                                         \
	static void *mark_##number(struct smal_marker *marker, void *object) \
	{                                                                    \
		mark_as(number, marker, object);                             \
		return NULL;                                                 \
	}
#define MARK_EACH(x)                                                                          \
	x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15) \
		x(16) x(17) x(18) x(19) x(20) x(21) x(22) x(23) x(24) x(25) x(26) x(27) x(28) \
			x(29) x(30) x(31)
#define MARK_NAME(number) mark_##number,

MARK_EACH(MARK)
static smal_mark_function *const marks[BDW_KINDS] = { MARK_EACH(MARK_NAME) };

/* ---- Making kinds ---- */

struct smal_type *bdw_type_create(const char *name, enum smal_marking marking,
                                  smal_mark_function *mark, unsigned flags,
                                  const struct bdw_kind *kind)
{
	struct smal_type_desc desc = { .name = name,
		                       .marking = marking,
		                       .mark = mark,
		                       .flags = flags | SMAL_TYPE_NO_END,
		                       .user = (void *)(uintptr_t)kind };
	struct smal_type *type;

	if (bdw_interior)
		desc.flags |= SMAL_TYPE_INTERIOR;
	return smal_type_create(bdw_gc, &desc, &type) == SMAL_OK ? type : NULL;
}

static bool kind_init(unsigned number, const char *name, enum smal_marking marking, unsigned flags)
{
	struct bdw_kind *kind = &bdw_kinds[number];

	kind->number = number;
	kind->marking = marking;
	kind->flags = flags;
	kind->type = bdw_type_create(name, marking, marks[number], flags, kind);
	if (kind->type == NULL)
		return false;
	kind->class_index = kind->type->class_index;
	return true;
}

bool bdw_kinds_init(void)
{
	bdw_interior = bdw_interior || GC_all_interior_pointers;
	bdw_spare = GC_all_interior_pointers ? 1 : 0;
	bdw_kind_count = BDW_FIRST_OWN;
	bdw_kinds[BDW_NORMAL].adjust = bdw_kinds[BDW_UNCOLLECTABLE].adjust = true;
	return kind_init(BDW_PTRFREE, "pointer-free", SMAL_MARK_NOTHING, SMAL_TYPE_UNZEROED) &&
	       kind_init(BDW_NORMAL, "normal", SMAL_MARK_CONSERVATIVE, 0) &&
	       kind_init(BDW_UNCOLLECTABLE, "uncollectable", SMAL_MARK_CONSERVATIVE,
	                 SMAL_TYPE_IMMORTAL) &&
	       kind_init(BDW_ATOMIC_UNCOLLECTABLE, "atomic uncollectable", SMAL_MARK_NOTHING,
	                 SMAL_TYPE_IMMORTAL | SMAL_TYPE_UNZEROED);
}

/* Each kind has a second type from now on. False: no memory; the next time goes on with the
 * kinds that have none. */
bool bdw_kinds_make_interior(void)
{
	static unsigned i;

	if (bdw_interior)
		return true;
	bdw_interior = true;
	for (; i < bdw_kind_count; i++) {
		struct smal_type *type = bdw_type_create("interior", bdw_kinds[i].marking, marks[i],
		                                         bdw_kinds[i].flags, &bdw_kinds[i]);

		if (type == NULL) {
			bdw_interior = false;
			return false;
		}
		bdw_kinds[i].type = type;
		bdw_kinds[i].class_index = type->class_index;
	}
	return true;
}

const struct bdw_kind *bdw_kind_of(const void *object)
{
	struct smal_type *type = smal_type_of(object);

	return type != NULL ? smal_type_user(type) : NULL;
}

/* Its number, or 0: there can be none. The lock is not held: a type needs memory. Other
 * threads may make kinds, too. */
static unsigned new_kind(bdw_word descr, int adjust, int clear)
{
	enum smal_marking marking = SMAL_MARK_CALLBACK;
	unsigned number = __atomic_load_n(&bdw_kind_count, __ATOMIC_RELAXED), flags = 0, last;
	struct bdw_kind *kind;
	char name[16] = "kind ";

	do {
		if (number >= BDW_KINDS) {
			bdw_warn("GC Warning: more than %p kinds of objects\n", BDW_KINDS);
			return 0;
		}
	} while (!__atomic_compare_exchange_n(&bdw_kind_count, &number, number + 1, false,
	                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	kind = &bdw_kinds[number];
	*kind = (struct bdw_kind){ .descr = descr, .adjust = adjust != 0 };
	if (descr == 0)
		marking = adjust ? SMAL_MARK_CONSERVATIVE : SMAL_MARK_NOTHING;
	if (!clear && marking != SMAL_MARK_CALLBACK)
		flags = SMAL_TYPE_UNZEROED;
	name[5] = (char)('0' + number / 10);
	name[6] = (char)('0' + number % 10);
	if (!kind_init(number, name, marking, flags)) {
		/* Unless it is the last, the number is lost, and one of normal objects. */
		*kind = bdw_kinds[BDW_NORMAL];
		last = number + 1;
		__atomic_compare_exchange_n(&bdw_kind_count, &last, number, false, __ATOMIC_ACQ_REL,
		                            __ATOMIC_RELAXED);
		bdw_oom(sizeof *kind);
		return 0;
	}
	return number;
}

static unsigned make_kind(bdw_word descr, int adjust, int clear)
{
	unsigned number = 0, depth;

	if (bdw_thread() == NULL) {
		bdw_oom(sizeof(struct bdw_kind));
		return 0;
	}
	depth = bdw_lock_drop();
	number = new_kind(descr, adjust, clear);
	bdw_lock_retake(depth);
	return number;
}

/* Without a kind of its own, an object is scanned as a whole. */
unsigned GC_new_kind(void **free_list, bdw_word descr, int adjust, int clear)
{
	unsigned number = make_kind(descr, adjust, clear);

	(void)free_list;
	return number != 0 ? number : BDW_NORMAL;
}

unsigned GC_new_kind_inner(void **free_list, bdw_word descr, int adjust, int clear)
{
	return GC_new_kind(free_list, descr, adjust, clear);
}

/* Free lists are the collector's own business; this one is handed to GC_new_kind. */
void **GC_new_free_list(void)
{
	static void *none[1];

	return none;
}

void **GC_new_free_list_inner(void)
{
	return GC_new_free_list();
}

unsigned GC_new_proc(bdw_mark_proc *proc)
{
	unsigned index;

	bdw_lock();
	index = proc_count < BDW_PROCS ? proc_count++ : BDW_PROCS - 1;
	procs[index] = proc;
	bdw_unlock();
	return index;
}

unsigned GC_new_proc_inner(bdw_mark_proc *proc)
{
	return GC_new_proc(proc);
}

void GC_register_describe_type_fn(int kind, bdw_describe_proc *function)
{
	(void)kind;
	(void)function;
}

/* ---- Type structures (gc_gcj.h) ---- */

void GC_init_gcj_malloc(int index, void *proc)
{
	const bdw_word offset = sizeof(void *);

	bdw_thread();
	if (GC_gcj_debug_kind != 0)
		return;
	procs[(unsigned)index % BDW_PROCS] = (bdw_mark_proc *)(uintptr_t)proc;
	if (GC_gcj_kind == 0)
		GC_gcj_kind = (int)make_kind((bdw_word)(0 - offset - BIAS) | TAG_PER_OBJECT, 0, 1);
	if (GC_gcj_kind != 0)
		GC_gcj_debug_kind = (int)make_kind(
			((1u << PROC_LOG2 | ((unsigned)index % BDW_PROCS)) << 2) | TAG_PROC, 0, 1);
}

/* Until there is a kind: objects that are scanned as a whole. */
void *GC_gcj_malloc(size_t bytes, void *table)
{
	void **object = GC_generic_malloc(bytes, GC_gcj_kind != 0 ? GC_gcj_kind : BDW_NORMAL);

	if (object != NULL)
		*object = table;
	return object;
}

void *GC_gcj_malloc_ignore_off_page(size_t bytes, void *table)
{
	return GC_gcj_malloc(bytes, table);
}

void *GC_debug_gcj_malloc(size_t bytes, void *table)
{
	void **object =
		GC_generic_malloc(bytes, GC_gcj_debug_kind != 0 ? GC_gcj_debug_kind : BDW_NORMAL);

	if (object != NULL)
		*object = table;
	return object;
}

/* ---- Disclaim (gc_disclaim.h) ---- */

static void protect(struct smal_marker *marker, void *object, void *user)
{
	(void)user;
	smal_mark_referents(marker, object);
}

static void ask(struct smal_marker *marker, void *object, void *user)
{
	const struct bdw_kind *kind = user;

	if (kind->disclaim(object) != 0)
		smal_mark(marker, object);
}

void bdw_disclaim(struct smal_marker *marker)
{
	for (unsigned i = 0; i < bdw_kind_count; i++)
		if (bdw_kinds[i].disclaim != NULL && bdw_kinds[i].disclaim_marks)
			smal_each_unmarked(marker, bdw_kinds[i].type, protect, NULL);
	smal_mark_onward(marker);
	for (unsigned i = 0; i < bdw_kind_count; i++)
		if (bdw_kinds[i].disclaim != NULL)
			smal_each_unmarked(marker, bdw_kinds[i].type, ask, &bdw_kinds[i]);
	smal_mark_onward(marker);
}

void GC_register_disclaim_proc(int kind, bdw_disclaim_proc *proc, int mark_from_all)
{
	if ((unsigned)kind >= BDW_KINDS)
		return;
	bdw_lock();
	bdw_kinds[kind].disclaim = proc;
	bdw_kinds[kind].disclaim_marks = mark_from_all != 0;
	bdw_unlock();
}

static int finalized_kind;

/* An object of GC_finalized_malloc begins with its closure, which the program does not
 * see. It is 0 in one that is not filled yet. */
static int call_closure(void *object)
{
	const struct bdw_closure *closure = *(struct bdw_closure *const *)object;

	if (closure != NULL)
		closure->proc((void **)object + 1, closure->data);
	return 0;
}

void GC_init_finalized_malloc(void)
{
	int none = 0, kind;

	bdw_thread();
	if (__atomic_load_n(&finalized_kind, __ATOMIC_ACQUIRE) != 0)
		return;
	kind = (int)make_kind(0, 1, 1);
	if (kind == 0)
		return;
	/* Pointers into it begin a word behind its beginning. */
	GC_register_disclaim_proc(kind, call_closure, 1);
	/* Of two threads, one makes a kind too many. */
	__atomic_compare_exchange_n(&finalized_kind, &none, kind, false, __ATOMIC_RELEASE,
	                            __ATOMIC_RELAXED);
}

void *GC_finalized_malloc(size_t bytes, const struct bdw_closure *closure)
{
	const void **object;

	if (bytes >= SIZE_MAX - sizeof(void *))
		return bdw_oom(bytes);
	if (__atomic_load_n(&finalized_kind, __ATOMIC_ACQUIRE) == 0)
		GC_init_finalized_malloc();
	if (finalized_kind == 0)
		return bdw_oom(bytes);
	object = GC_generic_malloc(bytes + sizeof(void *), finalized_kind);
	if (object == NULL)
		return NULL;
	*object = closure;
	return object + 1;
}
