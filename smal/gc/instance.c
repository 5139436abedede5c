/* SPDX-License-Identifier: MIT */
/*
 * instance.c: making and ending collectors, and the space they share.
 *
 * The spaces of the process are made with the first collector and never end:
 * one of objects, and one, the books, of collectors, types, threads and queues.
 * A collector takes a number from the process's map of owners; two collectors
 * share nothing else that either could see.
 */
#include <smal/gc/crew.h>
#include <smal/gc/weak.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <string.h>

enum {
	QUEUE_WORDS = 8192,
	QUEUE_BYTES = (QUEUE_WORDS + SMAL_SLACK_WORDS) * sizeof(uintptr_t),
	TABLE_BYTES = SMAL_KINDS * (sizeof(struct smal_kind *) + sizeof(struct smal_scan))
};

/* A space of the process's, made if it is not there yet; or NULL. */
static struct smal_space *process_space(volatile AO_t *place, const struct smal_space_options *options)
{
	struct smal_space *space = smal_atomic_load_pointer(place);

	if (space != NULL)
		return space;
	space = smal_space_create(options);
	if (space != NULL && !smal_atomic_cas(place, 0, (uintptr_t)space)) {
		/* Another thread was faster. */
		smal_space_destroy(space);
		space = smal_atomic_load_pointer(place);
	}
	return space;
}

/* The two spaces; false if there is no memory for them. */
static bool process_spaces(const struct smal_gc_options *wanted, struct smal_space **space,
                           struct smal_space **books)
{
	struct smal_space_options options = { 0 };

	/* Two threads that come first together must not both write the options. */
	smal_os_lock_take(&smal_os_process_lock);
	options.decay_ms = smal_options()->decay_ms;
	if (wanted->decay_ms != 0 && !smal_options()->decay_given)
		options.decay_ms = wanted->decay_ms;
	smal_os_lock_give(&smal_os_process_lock);
	options.small_pages = true;
	*books = process_space(&smal_process.books, &options);
	if (*books == NULL)
		return false;
	options.small_pages = false;
	options.plain_pages = smal_options()->huge == SMAL_HUGE_OFF ||
	                      (wanted->plain_pages && smal_options()->huge != SMAL_HUGE_ON);
	options.books = *books;
	smal_stride_sides(&options);
	*space = process_space(&smal_process.space, &options);
	return *space != NULL;
}

static enum smal_error options_copy(struct smal_gc_options *to,
                                    const struct smal_gc_options *from, const char *function)
{
	size_t bytes;

	*to = (struct smal_gc_options){ 0 };
	if (from == NULL)
		return SMAL_OK;
	bytes = from->options_bytes != 0 ? from->options_bytes : sizeof *to;
	if (bytes > 4096)
		return smal_fail(SMAL_ERROR_INVALID, function, "options_bytes is wrong", NULL, "%zu",
		                 bytes);
	memcpy(to, from, smal_min(bytes, sizeof *to));
	return smal_pace_check_options(to, function);
}

/* Once, and before the first collector is in the list. */
static bool fork_handlers(void)
{
	bool done;

	smal_os_lock_take(&smal_os_instances_lock);
	if (smal_process.instances.next == NULL)
		smal_link_init(&smal_process.instances);
	if (!smal_process.fork_handlers)
		smal_process.fork_handlers = smal_fork_handle();
	done = smal_process.fork_handlers;
	smal_os_lock_give(&smal_os_instances_lock);
	return done;
}

static enum smal_error instance_create(struct smal_space *space, struct smal_space *books,
                                       const struct smal_gc_options *options,
                                       struct smal_gc **result)
{
	struct smal_gc *gc = smal_element_take(books, sizeof *gc);
	bool zeroed;
	char *run;

	if (gc == NULL)
		return SMAL_ERROR_NO_MEMORY;
	run = smal_space_take(books, TABLE_BYTES + QUEUE_BYTES, SMAL_CHUNK, &zeroed);
	if (run == NULL) {
		smal_element_give(books, gc);
		return SMAL_ERROR_NO_MEMORY;
	}
	memset(gc, 0, sizeof *gc);
	gc->owner = smal_owner_take();
	if (gc->owner == 0) {
		smal_space_give(books, run, TABLE_BYTES + QUEUE_BYTES);
		smal_element_give(books, gc);
		return SMAL_ERROR_TOO_MANY;
	}
	gc->queue = (void *)run;
	gc->queue_words = QUEUE_WORDS;
	gc->kinds = (void *)(run + QUEUE_BYTES);
	gc->scans = (void *)(gc->kinds + SMAL_KINDS);
	gc->kinds[0] = NULL;
	gc->kinds_top = 1;
	gc->space = space;
	gc->books = books;
	gc->options = *options;
	gc->torture = smal_options()->torture;
	gc->sharing = smal_os_has_barrier() ? SMAL_ALONE : SMAL_SHARED;
	gc->tool_watches = smal_os_tool_watches() && !smal_options()->no_tool;
	smal_os_lock_init(&gc->lock);
	smal_link_init(&gc->types);
	smal_link_init(&gc->ended_types);
	smal_link_init(&gc->roots);
	smal_link_init(&gc->fibers);
	smal_link_init(&gc->queues);
	smal_link_init(&gc->threads);
	smal_link_init(&gc->spare_threads);
	smal_pace_init(gc);
	gc->magic = SMAL_MAGIC_GC;
	*result = gc;
	return SMAL_OK;
}

enum smal_error smal_gc_create(const struct smal_gc_options *options, struct smal_gc **result)
{
	struct smal_space *space, *books;
	struct smal_gc_options copy;
	enum smal_error error;
	struct smal_gc *gc;

	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	/* A fork that waits for the end of the collection holds what this waits for. */
	SMAL_REQUIRE(!smal_thread_is_marking(), SMAL_ERROR_BUSY, "not allowed now", NULL, "%s",
	             "a collection is under way");
	error = options_copy(&copy, options, __func__);
	if (error != SMAL_OK)
		return error;
	if (!process_spaces(&copy, &space, &books) || !fork_handlers())
		return SMAL_ERROR_NO_MEMORY;
	SMAL_REQUIRE(copy.stop_signal == 0 || smal_world_handle_signal(copy.stop_signal),
	             SMAL_ERROR_INVALID, "stop_signal can't be handled", NULL, "signal %d",
	             copy.stop_signal);
	/* The first time, the system takes a while. */
	smal_os_has_barrier();
	smal_begin_all();
	error = instance_create(space, books, &copy, &gc);
	smal_end_all();
	if (error != SMAL_OK)
		return error;
	smal_os_lock_take(&smal_os_instances_lock);
	smal_link_insert(&smal_process.instances, &gc->link);
	smal_os_lock_give(&smal_os_instances_lock);
	*result = gc;
	return SMAL_OK;
}

/* Calls the free callbacks of all objects that are left. */
static void free_all(struct smal_gc *gc)
{
	struct smal_collection ignored = { 0 };

	/* As if nothing had been marked. */
	gc->live ^= 1;
	smal_sweep(gc, &ignored);
	smal_sweep_frees(gc, NULL);
}

enum smal_error smal_gc_destroy(struct smal_gc *gc)
{
	enum smal_error error;
	bool in_use, is_last;

	if (gc == NULL)
		return SMAL_OK;
	SMAL_REQUIRE(gc->magic == SMAL_MAGIC_GC, SMAL_ERROR_INVALID, "not a collector", gc, "%s",
	             gc->magic == SMAL_MAGIC_GONE ? "a collector that has ended" : "");
	error = smal_gc_check(gc, __func__);
	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	in_use = !smal_link_is_alone(&gc->threads);
	if (!in_use)
		smal_atomic_store_u32(&gc->ending, 1);
	smal_gc_unlock(gc);
	SMAL_REQUIRE(!in_use, SMAL_ERROR_BUSY, "a thread is attached", gc, "%s", "in use");
	free_all(gc);
	smal_os_lock_take(&smal_os_instances_lock);
	smal_link_remove(&gc->link);
	is_last = smal_link_is_alone(&smal_process.instances);
	smal_os_lock_give(&smal_os_instances_lock);
	if (is_last)
		smal_crew_end();
	smal_begin_all();
	smal_types_fini(gc);
	smal_roots_fini(gc);
	smal_fibers_fini(gc);
	smal_queues_fini(gc);
	smal_threads_fini(gc);
	smal_owner_give(gc->owner);
	smal_space_give(gc->books, gc->queue, TABLE_BYTES + QUEUE_BYTES);
	gc->magic = SMAL_MAGIC_GONE;
	smal_element_give(gc->books, gc);
	smal_end_all();
	return SMAL_OK;
}
