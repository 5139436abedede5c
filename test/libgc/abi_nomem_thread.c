/* SPDX-License-Identifier: MIT */
/*
 * abi_nomem_thread.c: whatever the system refuses, a thread is made, or attached, or its
 * maker is told that it can't be; one that can't be may call what it likes; what others
 * hold is whole, whoever was refused; and a fork gives two whole processes.
 *
 * Every call of the system's is refused, one after another (refuse.h). Threads wait for the
 * first one twice: while it collects what they alone know of, and until nothing is refused
 * any more.
 */
#define _GNU_SOURCE
#include "test/libgc/refuse.h"

#include <gc/gc_inline.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, COMERS = 2, LIST = 40 };

/* How often the first thread has let the others go; how many wait for it. */
static unsigned phase, waiting;

static void wait_for_first(void)
{
	unsigned now = __atomic_load_n(&phase, __ATOMIC_ACQUIRE);

	__atomic_add_fetch(&waiting, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&phase, __ATOMIC_ACQUIRE) == now)
		sched_yield();
}

static void wait_for_all(unsigned count)
{
	while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE) != count)
		sched_yield();
}

static void let_go(void)
{
	__atomic_store_n(&waiting, 0, __ATOMIC_RELEASE);
	__atomic_add_fetch(&phase, 1, __ATOMIC_ACQ_REL);
}

static void begin(void)
{
	GC_set_markers_count(3);
	GC_set_handle_fork(1);
	refuse_init();
	GC_allow_register_threads();
}

/* ---- A list, that nobody but its caller knows ---- */

struct item {
	struct item *next;
	size_t id;
	void *more;
	unsigned char text[48];
};

/* As many as there is memory for. */
static struct item *grow(struct item *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct item *item = refuse_got(GC_malloc(sizeof *item), sizeof *item);

		if (item == NULL)
			return list;
		DEMAND(abi_all(item, 0, sizeof *item));
		item->next = list;
		item->id = list != NULL ? list->id + 1 : 1;
		abi_fill(item->text, item->id, sizeof item->text);
		list = item;
		item->more = refuse_got(GC_malloc_atomic(i % 16 == 9 ? 200 * KIB : 3000), 3000);
	}
	return list;
}

static size_t expect(const struct item *list)
{
	size_t length = list != NULL ? list->id : 0;

	for (size_t id = length; id != 0; id--, list = list->next)
		DEMAND(list->id == id && abi_filled(list->text, id, sizeof list->text));
	DEMAND(list == NULL);
	return length;
}

/* ---- Threads of the collector's ---- */

/* What a thread is given: it takes the list out, and has it alone. */
struct given {
	struct item *list;
	size_t number;
};

static void *works(void *argument)
{
	struct given *own = argument;
	struct item *list = own->list;
	size_t length = expect(list);

	own->list = NULL;
	DEMAND(own->number < THREADS && length != 0);
	wait_for_first();
	DEMAND(expect(list) == length);
	list = grow(list, LIST);
	GC_gcollect();
	length = expect(list);
	wait_for_first();
	list = grow(list, LIST);
	DEMAND(expect(list) == length + LIST);
	/* It is found by whoever joins this. */
	return list;
}

static struct given *given;

static void make_given(size_t number)
{
	given = refuse_got(GC_malloc(sizeof *given), sizeof *given);
	if (given == NULL)
		return;
	given->number = number;
	given->list = grow(NULL, LIST);
}

/* Its maker has no word of the list that it leaves to it. */
static bool make_thread(pthread_t *thread, size_t number)
{
	struct given *own;
	int error;

	abi_away(make_given, number);
	own = given;
	given = NULL;
	if (own == NULL || own->list == NULL)
		return false;
	error = GC_pthread_create(thread, NULL, works, own);
	DEMAND(error == 0 || error == EAGAIN);
	return !refuse_error(error != 0);
}

/* ---- Threads that come by themselves ---- */

/* What each of them has: words that are no roots but for what it notes, and an object. */
static struct {
	void *link, *other_link, *root, *object;
} has[COMERS];

static void *active(void *object)
{
	void *got = refuse_got(GC_malloc_atomic(64), 64);

	GC_free(got);
	DEMAND(GC_base(object) == object && GC_size(object) >= 64);
	return object;
}

/* What the system's libgc does not allow, there it is not done. */
static void *locked(void *object)
{
	if (!abi_on_stock()) {
		active(object);
		GC_gcollect();
	}
	return object;
}

static void *blocking(void *object)
{
	DEMAND(GC_call_with_gc_active(active, object) == object);
	return locked(object);
}

static void on_final(void *object, void *data)
{
	DEMAND(object != NULL && data == NULL);
}

/* A finalizer is there, if nobody was told otherwise. */
static void expect_noted(void *object)
{
	GC_finalization_proc old = NULL;
	void *data;
	bool noted;

	GC_register_finalizer(object, on_final, NULL, NULL, NULL);
	noted = !refuse_told();
	GC_register_finalizer(object, NULL, NULL, &old, &data);
	if (!refuse_told())
		DEMAND(old == (noted ? on_final : (GC_finalization_proc)0));
}

/* Everything that a thread may call which is attached by its calls, or not. */
static void call_all(size_t number)
{
	struct GC_stack_base base;
	void *object = has[number].object;
	void **many = GC_malloc_many(64);

	refuse_got(many, 64);
	DEMAND(GC_call_with_alloc_lock(locked, object) == object);
	DEMAND(GC_do_blocking(blocking, object) == object);
	refuse_got(GC_realloc(NULL, 100), 100);
	refuse_got(GC_strdup("string"), 7);
	refuse_got(GC_malloc_uncollectable(64), 64);
	expect_noted(object);
	refuse_failed(GC_general_register_disappearing_link(&has[number].link, object) ==
	              GC_NO_MEMORY);
	GC_move_disappearing_link(&has[number].link, &has[number].other_link);
	GC_unregister_disappearing_link(&has[number].link);
	GC_unregister_disappearing_link(&has[number].other_link);
	GC_add_roots(&has[number].root, &has[number].root + 1);
	refuse_told();
	GC_remove_roots(&has[number].root, &has[number].root + 1);
	GC_new_kind(GC_new_free_list(), 0, 1, 1);
	refuse_told();
	GC_gcollect();
	GC_gcollect_and_unmap();
	GC_invoke_finalizers();
	refuse_error(GC_expand_hp(4096) == 0);
	DEMAND(GC_get_my_stackbottom(&base) != NULL);
	DEMAND(base.mem_base == NULL || base.mem_base > (void *)&base);
	GC_free(NULL);
	refuse_error(false);
}

static void *comes(void *argument)
{
	size_t number = *(const size_t *)argument;
	bool registers = number == 0 || abi_on_stock(), is_registered = false;
	struct GC_stack_base base;
	struct item *list = NULL;
	size_t length;
	int result;

	wait_for_first();
	if (GC_get_stack_base(&base) != GC_SUCCESS)
		base.mem_base = __builtin_frame_address(0);
	if (registers) {
		result = GC_register_my_thread(&base);
		DEMAND(result == GC_SUCCESS || result == GC_NO_MEMORY);
		is_registered = !refuse_error(result != GC_SUCCESS);
	}
	if (!registers || is_registered) {
		list = grow(NULL, LIST);
		call_all(number);
	}
	length = expect(list);
	wait_for_first();
	if (registers && !is_registered)
		DEMAND(GC_register_my_thread(&base) == GC_SUCCESS);
	list = grow(list, LIST);
	DEMAND(expect(list) == length + LIST);
	call_all(number);
	if (registers)
		DEMAND(GC_unregister_my_thread() == GC_SUCCESS);
	return NULL;
}

/* ---- All of them ---- */

/* Half of them are joined, and what they leave is there. */
static void end_threads(const pthread_t *of, const bool *made)
{
	for (size_t i = 0; i < THREADS; i++) {
		void *result = NULL;

		if (!made[i])
			continue;
		if (i % 2 != 0) {
			DEMAND(GC_pthread_detach(of[i]) == 0);
			continue;
		}
		DEMAND(GC_pthread_join(of[i], &result) == 0);
		GC_gcollect();
		DEMAND(expect(result) > LIST);
	}
}

static void *leaves(void *argument)
{
	struct item *list = grow(argument, LIST);

	GC_gcollect();
	return list;
}

/* A thread can be made. */
static void expect_thread(void)
{
	pthread_t thread;
	void *result;

	DEMAND(GC_pthread_create(&thread, NULL, leaves, grow(NULL, LIST)) == 0);
	DEMAND(GC_pthread_join(thread, &result) == 0);
	DEMAND(expect(result) == 2 * LIST);
}

/* What was found dead is others' then. */
static void collect_and_use(void)
{
	unsigned most = refuse_failures() + 3;

	abi_collect();
	for (int i = 0; i < 500 && refuse_failures() < most; i++) {
		void *object = refuse_got(GC_malloc(sizeof(struct item)), sizeof(struct item));

		if (object != NULL)
			memset(object, 0x55, sizeof(struct item));
	}
}

static void threads(void)
{
	static const size_t numbers[COMERS] = { 0, 1 };
	bool made[THREADS];
	pthread_t of[THREADS], plain[COMERS];
	struct item *list;
	unsigned count = COMERS;
	size_t length;

	begin();
	for (size_t i = 0; i < COMERS; i++)
		has[i].object = GC_malloc_uncollectable(64);
	list = grow(NULL, LIST);
	refuse_begin();
	for (size_t i = 0; i < THREADS; i++) {
		made[i] = make_thread(&of[i], i);
		count += made[i];
	}
	for (size_t i = 0; i < COMERS; i++)
		DEMAND(pthread_create(&plain[i], NULL, comes, (void *)&numbers[i]) == 0);
	wait_for_all(count);
	collect_and_use();
	list = grow(list, LIST);
	let_go();
	wait_for_all(count);
	length = expect(list);
	refuse_end();
	let_go();
	list = grow(list, LIST);
	for (size_t i = 0; i < COMERS; i++)
		DEMAND(pthread_join(plain[i], NULL) == 0);
	/* Nobody waits for one that has ended. */
	GC_stop_world_external();
	GC_start_world_external();
	end_threads(of, made);
	expect_thread();
	DEMAND(expect(list) == length + LIST);
}

/* ---- Fork ---- */

static void in_child(struct item *list, size_t length)
{
	DEMAND(expect(list) == length);
	list = grow(list, LIST);
	length = expect(list);
	refuse_end();
	list = grow(list, LIST);
	GC_gcollect();
	DEMAND(expect(list) == length + LIST);
	expect_thread();
}

static void forks(void)
{
	struct given *own;
	struct item *list;
	pthread_t other;
	int status = -1;
	size_t length;
	pid_t child;

	begin();
	list = grow(NULL, LIST);
	own = GC_malloc_uncollectable(sizeof *own);
	own->list = grow(NULL, LIST);
	DEMAND(GC_pthread_create(&other, NULL, works, own) == 0);
	refuse_begin();
	list = grow(list, LIST);
	wait_for_all(1);
	let_go();
	length = expect(list);
	child = fork();
	DEMAND(child >= 0);
	if (child == 0) {
		alarm(30);
		in_child(list, length);
		_exit(0);
	}
	list = grow(list, LIST);
	DEMAND(waitpid(child, &status, 0) == child && status == 0);
	wait_for_all(1);
	length = expect(list);
	refuse_end();
	let_go();
	list = grow(list, LIST);
	DEMAND(GC_pthread_join(other, NULL) == 0);
	DEMAND(expect(list) == length + LIST);
}

/* What none has to be told of. */
enum { UNSEEN = REFUSE_ADVISE | REFUSE_UNMAP | REFUSE_BARRIER | REFUSE_FILE };

static const struct refuse_scenario scenarios[] = {
	{ "threads", threads, "", 0, REFUSE_ALL, UNSEEN },
	{ "threads, without delay", threads, "decay=0", 0, REFUSE_ALL, UNSEEN },
	{ "fork", forks, "decay=0", 0, REFUSE_ALL, UNSEEN },
};

int main(void)
{
	return refuse_main("nomem thread", scenarios, sizeof scenarios / sizeof *scenarios);
}
