/* SPDX-License-Identifier: MIT */
/*
 * abi.h: the names that libgc.so.1 exports, as bdwgc 8.2 has them on Debian 12.
 *
 * What a call does is said in bdwgc's own headers; what differs here, where the
 * function is defined. Those of the debugging variants that take a file and a line are
 * declared without: nobody looks at them. Types are the ABI's under names of our own.
 */
#ifndef SMAL_COMPAT_LIBGC_ABI_H
#define SMAL_COMPAT_LIBGC_ABI_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A word, as wide as a pointer. */
typedef uintptr_t bdw_word;
typedef void *bdw_oom_proc(size_t bytes);
typedef void bdw_finalizer(void *object, void *data);
typedef void bdw_warn_proc(char *format, bdw_word argument);
typedef void bdw_abort_proc(const char *message);
typedef void bdw_plain_proc(void);
typedef void bdw_resize_proc(bdw_word bytes);
typedef void bdw_event_proc(int event);
typedef void bdw_thread_event_proc(int event, void *thread);
typedef void *bdw_function(void *data);
typedef int bdw_stop_proc(void);
typedef int bdw_disclaim_proc(void *object);
typedef int bdw_toggleref_proc(void *object);
typedef void bdw_await_proc(void *object);
typedef void bdw_reachable_proc(void *object, size_t bytes, void *data);
typedef void bdw_pointer_proc(void *pointer);
typedef void bdw_two_pointers_proc(void *pointer, void *other);
typedef void bdw_describe_proc(void *object, char *text);
typedef int bdw_roots_proc(const char *name, void *base, size_t bytes);

struct bdw_stack_base {
	void *mem_base;
};
typedef void *bdw_stack_base_proc(struct bdw_stack_base *base, void *data);

/* The marker's place is handed through mark procedures; nobody looks into it. */
struct bdw_ms_entry;
typedef struct bdw_ms_entry *bdw_mark_proc(bdw_word *object, struct bdw_ms_entry *top,
                                           struct bdw_ms_entry *limit, bdw_word environment);

struct bdw_closure {
	bdw_finalizer *proc;
	void *data;
};

struct bdw_timeval {
	unsigned long ms, ns;
};

struct bdw_prof_stats {
	bdw_word heap_bytes, free_bytes, unmapped_bytes, fresh_bytes, before_bytes, non_gc_bytes,
		gc_no, helpers, reclaimed_bytes, reclaimed_before_bytes, freed_bytes, os_bytes;
};

/* Results of threads' and links' functions. */
enum {
	BDW_SUCCESS = 0,
	BDW_DUPLICATE = 1,
	BDW_NO_THREADS = 2,
	BDW_NO_MEMORY = 2,
	BDW_UNIMPLEMENTED = 3,
	BDW_NOT_FOUND = 4
};

enum bdw_event {
	BDW_EVENT_START,
	BDW_EVENT_MARK_START,
	BDW_EVENT_MARK_END,
	BDW_EVENT_RECLAIM_START,
	BDW_EVENT_RECLAIM_END,
	BDW_EVENT_END,
	BDW_EVENT_PRE_STOP_WORLD,
	BDW_EVENT_POST_STOP_WORLD,
	BDW_EVENT_PRE_START_WORLD,
	BDW_EVENT_POST_START_WORLD
};

#pragma GCC visibility push(default)

/* ---- Variables ---- */

extern bdw_word GC_gc_no, GC_non_gc_bytes, GC_free_space_divisor, GC_max_retries;
extern int GC_parallel, GC_find_leak, GC_all_interior_pointers, GC_finalize_on_demand;
extern int GC_java_finalization, GC_dont_gc, GC_dont_expand, GC_use_entire_heap, GC_full_freq;
extern int GC_no_dls, GC_dont_precollect, GC_gcj_kind, GC_gcj_debug_kind;
extern unsigned long GC_time_limit;
extern char *GC_stackbottom;
extern void *GC_least_plausible_heap_addr, *GC_greatest_plausible_heap_addr;
extern const size_t GC_debug_header_size;
extern bdw_oom_proc *GC_oom_fn;
extern bdw_resize_proc *GC_on_heap_resize;
extern bdw_plain_proc *GC_finalizer_notifier, *GC_push_other_roots;
extern bdw_abort_proc *GC_on_abort;
extern bdw_pointer_proc *GC_is_valid_displacement_print_proc, *GC_is_visible_print_proc;
extern bdw_two_pointers_proc *GC_same_obj_print_proc;
extern void **GC_objfreelist_ptr, **GC_aobjfreelist_ptr, **GC_uobjfreelist_ptr;
extern void **GC_auobjfreelist_ptr;
extern bdw_word GC_arrays[];

/* ---- Beginning ---- */

void GC_init(void);
int GC_is_init_called(void);
void GC_deinit(void);
unsigned GC_get_version(void);

/* ---- Allocating ---- */

void *GC_malloc(size_t bytes);
void *GC_malloc_atomic(size_t bytes);
void *GC_malloc_uncollectable(size_t bytes);
void *GC_malloc_atomic_uncollectable(size_t bytes);
void *GC_malloc_stubborn(size_t bytes);
void *GC_malloc_ignore_off_page(size_t bytes);
void *GC_malloc_atomic_ignore_off_page(size_t bytes);
void *GC_malloc_kind(size_t bytes, int kind);
void *GC_malloc_kind_global(size_t bytes, int kind);
void *GC_generic_malloc(size_t bytes, int kind);
void *GC_generic_malloc_ignore_off_page(size_t bytes, int kind);
void *GC_generic_malloc_uncollectable(size_t bytes, int kind);
void *GC_generic_or_special_malloc(size_t bytes, int kind);
void *GC_malloc_many(size_t bytes);
void GC_generic_malloc_many(size_t bytes, int kind, void **result);
void *GC_memalign(size_t alignment, size_t bytes);
int GC_posix_memalign(void **result, size_t alignment, size_t bytes);
char *GC_strdup(const char *text);
char *GC_strndup(const char *text, size_t most);
void *GC_realloc(void *object, size_t bytes);
void GC_free(void *object);
void GC_change_stubborn(const void *object);
void GC_end_stubborn_change(const void *object);
void GC_ptr_store_and_dirty(void *slot, const void *pointer);

/* ---- The same with what debugging adds elsewhere: here, nothing ---- */

void *GC_debug_malloc(size_t bytes);
void *GC_debug_malloc_atomic(size_t bytes);
void *GC_debug_malloc_uncollectable(size_t bytes);
void *GC_debug_malloc_atomic_uncollectable(size_t bytes);
void *GC_debug_malloc_stubborn(size_t bytes);
void *GC_debug_malloc_ignore_off_page(size_t bytes);
void *GC_debug_malloc_atomic_ignore_off_page(size_t bytes);
void *GC_debug_malloc_replacement(size_t bytes);
void *GC_debug_generic_or_special_malloc(size_t bytes, int kind);
void *GC_debug_gcj_malloc(size_t bytes, void *table);
char *GC_debug_strdup(const char *text);
char *GC_debug_strndup(const char *text, size_t most);
void *GC_debug_realloc(void *object, size_t bytes);
void *GC_debug_realloc_replacement(void *object, size_t bytes);
void GC_debug_free(void *object);
void GC_debug_change_stubborn(const void *object);
void GC_debug_end_stubborn_change(const void *object);
void GC_debug_ptr_store_and_dirty(void *slot, const void *pointer);
void GC_debug_register_displacement(size_t offset);
void GC_debug_register_finalizer(void *object, bdw_finalizer *function, void *data,
                                 bdw_finalizer **old_function, void **old_data);
void GC_debug_register_finalizer_ignore_self(void *object, bdw_finalizer *function, void *data,
                                             bdw_finalizer **old_function, void **old_data);
void GC_debug_register_finalizer_no_order(void *object, bdw_finalizer *function, void *data,
                                          bdw_finalizer **old_function, void **old_data);
void GC_debug_register_finalizer_unreachable(void *object, bdw_finalizer *function, void *data,
                                             bdw_finalizer **old_function, void **old_data);
size_t GC_get_debug_header_size(void);

/* ---- Kinds, descriptors, marking ---- */

void **GC_new_free_list(void);
void **GC_new_free_list_inner(void);
unsigned GC_new_kind(void **free_list, bdw_word descr, int adjust, int clear);
unsigned GC_new_kind_inner(void **free_list, bdw_word descr, int adjust, int clear);
unsigned GC_new_proc(bdw_mark_proc *proc);
unsigned GC_new_proc_inner(bdw_mark_proc *proc);
struct bdw_ms_entry *GC_mark_and_push(void *object, struct bdw_ms_entry *top,
                                      struct bdw_ms_entry *limit, void **source);
bdw_word GC_make_descriptor(const bdw_word *bits, size_t count);
void *GC_malloc_explicitly_typed(size_t bytes, bdw_word descr);
void *GC_malloc_explicitly_typed_ignore_off_page(size_t bytes, bdw_word descr);
void *GC_calloc_explicitly_typed(size_t count, size_t bytes, bdw_word descr);
void GC_init_gcj_malloc(int index, void *proc);
void *GC_gcj_malloc(size_t bytes, void *table);
void *GC_gcj_malloc_ignore_off_page(size_t bytes, void *table);
void GC_init_finalized_malloc(void);
void *GC_finalized_malloc(size_t bytes, const struct bdw_closure *closure);
void GC_register_disclaim_proc(int kind, bdw_disclaim_proc *proc, int mark_from_all);
void GC_register_describe_type_fn(int kind, bdw_describe_proc *function);
int GC_is_marked(const void *object);
void GC_set_mark_bit(const void *object);
void GC_clear_mark_bit(const void *object);
void GC_push_all(void *base, void *limit);
void GC_push_all_eager(void *base, void *limit);
void GC_push_conditional(void *base, void *limit, int all);
void GC_push_finalizer_structures(void);
void GC_set_push_other_roots(bdw_plain_proc *proc);
bdw_plain_proc *GC_get_push_other_roots(void);
void GC_enumerate_reachable_objects_inner(bdw_reachable_proc *proc, void *data);

/* ---- What a pointer is ---- */

void *GC_base(void *pointer);
size_t GC_size(const void *object);
int GC_is_heap_ptr(const void *pointer);
int GC_get_kind_and_size(const void *object, size_t *bytes);
void *GC_same_obj(void *pointer, void *other);
void *GC_pre_incr(void **pointer, ptrdiff_t bytes);
void *GC_post_incr(void **pointer, ptrdiff_t bytes);
void *GC_is_visible(void *pointer);
void *GC_is_valid_displacement(void *pointer);

/* ---- Roots ---- */

void GC_add_roots(void *base, void *limit);
void GC_remove_roots(void *base, void *limit);
void GC_clear_roots(void);
void GC_exclude_static_roots(void *base, void *limit);
void GC_clear_exclusion_table(void);
void GC_register_has_static_roots_callback(bdw_roots_proc *proc);
int GC_is_tmp_root(void *pointer);
void GC_register_displacement(size_t offset);
void GC_set_no_dls(int flag);
int GC_get_no_dls(void);
void *GC_dlopen(const char *path, int mode);

/* ---- Collecting ---- */

void GC_gcollect(void);
void GC_gcollect_and_unmap(void);
int GC_try_to_collect(bdw_stop_proc *stop);
void GC_set_stop_func(bdw_stop_proc *stop);
bdw_stop_proc *GC_get_stop_func(void);
int GC_collect_a_little(void);
void GC_enable_incremental(void);
int GC_is_incremental_mode(void);
int GC_incremental_protection_needs(void);
void GC_start_incremental_collection(void);
void GC_disable(void);
void GC_enable(void);
int GC_is_disabled(void);
void GC_set_start_callback(bdw_plain_proc *proc);
bdw_plain_proc *GC_get_start_callback(void);
void GC_set_on_collection_event(bdw_event_proc *proc);
bdw_event_proc *GC_get_on_collection_event(void);
void GC_set_on_thread_event(bdw_thread_event_proc *proc);
bdw_thread_event_proc *GC_get_on_thread_event(void);

/* ---- Finalizers and links ---- */

void GC_register_finalizer(void *object, bdw_finalizer *function, void *data,
                           bdw_finalizer **old_function, void **old_data);
void GC_register_finalizer_ignore_self(void *object, bdw_finalizer *function, void *data,
                                       bdw_finalizer **old_function, void **old_data);
void GC_register_finalizer_no_order(void *object, bdw_finalizer *function, void *data,
                                    bdw_finalizer **old_function, void **old_data);
void GC_register_finalizer_unreachable(void *object, bdw_finalizer *function, void *data,
                                       bdw_finalizer **old_function, void **old_data);
int GC_should_invoke_finalizers(void);
int GC_invoke_finalizers(void);
void GC_finalize_all(void);
int GC_register_disappearing_link(void **link);
int GC_general_register_disappearing_link(void **link, const void *object);
int GC_move_disappearing_link(void **link, void **new_link);
int GC_unregister_disappearing_link(void **link);
int GC_register_long_link(void **link, const void *object);
int GC_move_long_link(void **link, void **new_link);
int GC_unregister_long_link(void **link);
int GC_toggleref_add(void *object, int is_strong);
void GC_set_toggleref_func(bdw_toggleref_proc *function);
bdw_toggleref_proc *GC_get_toggleref_func(void);
void GC_set_await_finalize_proc(bdw_await_proc *proc);
bdw_await_proc *GC_get_await_finalize_proc(void);
void GC_set_finalizer_notifier(bdw_plain_proc *proc);
bdw_plain_proc *GC_get_finalizer_notifier(void);
void GC_dump_finalization(void);

/* ---- Threads ---- */

void GC_alloc_lock(void);
void GC_alloc_unlock(void);
void *GC_call_with_alloc_lock(bdw_function *function, void *data);
void *GC_call_with_stack_base(bdw_stack_base_proc *function, void *data);
void *GC_do_blocking(bdw_function *function, void *data);
void *GC_call_with_gc_active(bdw_function *function, void *data);
int GC_get_stack_base(struct bdw_stack_base *base);
void *GC_get_my_stackbottom(struct bdw_stack_base *base);
void GC_set_stackbottom(void *thread, const struct bdw_stack_base *base);
void GC_allow_register_threads(void);
int GC_register_my_thread(const struct bdw_stack_base *base);
int GC_unregister_my_thread(void);
int GC_thread_is_registered(void);
void GC_register_altstack(void *stack, size_t stack_bytes, void *alternate, size_t alternate_bytes);
int GC_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, bdw_function *start,
                      void *argument);
int GC_pthread_join(pthread_t thread, void **result);
int GC_pthread_detach(pthread_t thread);
int GC_pthread_cancel(pthread_t thread);
void GC_pthread_exit(void *result) __attribute__((noreturn));
int GC_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
void GC_set_suspend_signal(int number);
int GC_get_suspend_signal(void);
void GC_set_thr_restart_signal(int number);
int GC_get_thr_restart_signal(void);
void GC_suspend_thread(pthread_t thread);
void GC_resume_thread(pthread_t thread);
int GC_is_thread_suspended(pthread_t thread);
void GC_stop_world_external(void);
void GC_start_world_external(void);
void GC_start_mark_threads(void);
void GC_set_handle_fork(int flag);
void GC_atfork_prepare(void);
void GC_atfork_parent(void);
void GC_atfork_child(void);
void *GC_clear_stack(void *argument);

/* ---- Sizes and counts ---- */

int GC_expand_hp(size_t bytes);
void GC_set_max_heap_size(bdw_word bytes);
size_t GC_get_heap_size(void);
size_t GC_get_free_bytes(void);
size_t GC_get_unmapped_bytes(void);
size_t GC_get_bytes_since_gc(void);
size_t GC_get_expl_freed_bytes_since_gc(void);
size_t GC_get_total_bytes(void);
size_t GC_get_obtained_from_os_bytes(void);
size_t GC_get_memory_use(void);
size_t GC_get_size_map_at(int index);
void GC_get_heap_usage_safe(bdw_word *heap, bdw_word *free_bytes, bdw_word *unmapped,
                            bdw_word *since_gc, bdw_word *total);
size_t GC_get_prof_stats(struct bdw_prof_stats *stats, size_t bytes);
size_t GC_get_prof_stats_unsafe(struct bdw_prof_stats *stats, size_t bytes);
bdw_word GC_get_gc_no(void);
int GC_get_parallel(void);
unsigned long GC_get_full_gc_total_time(void);
void GC_start_performance_measurement(void);
void GC_incr_bytes_allocd(size_t bytes);
void GC_incr_bytes_freed(size_t bytes);

/* ---- Tuning ---- */

void GC_set_oom_fn(bdw_oom_proc *function);
bdw_oom_proc *GC_get_oom_fn(void);
void GC_set_on_heap_resize(bdw_resize_proc *proc);
bdw_resize_proc *GC_get_on_heap_resize(void);
void GC_set_find_leak(int flag);
int GC_get_find_leak(void);
void GC_set_all_interior_pointers(int flag);
int GC_get_all_interior_pointers(void);
void GC_set_finalize_on_demand(int flag);
int GC_get_finalize_on_demand(void);
void GC_set_java_finalization(int flag);
int GC_get_java_finalization(void);
void GC_set_dont_expand(int flag);
int GC_get_dont_expand(void);
void GC_set_full_freq(int frequency);
int GC_get_full_freq(void);
void GC_set_non_gc_bytes(bdw_word bytes);
bdw_word GC_get_non_gc_bytes(void);
void GC_set_free_space_divisor(bdw_word divisor);
bdw_word GC_get_free_space_divisor(void);
void GC_set_max_retries(bdw_word count);
bdw_word GC_get_max_retries(void);
void GC_set_dont_precollect(int flag);
int GC_get_dont_precollect(void);
void GC_set_time_limit(unsigned long ms);
unsigned long GC_get_time_limit(void);
void GC_set_time_limit_tv(struct bdw_timeval limit);
struct bdw_timeval GC_get_time_limit_tv(void);
void GC_set_allocd_bytes_per_finalizer(bdw_word bytes);
bdw_word GC_get_allocd_bytes_per_finalizer(void);
void GC_set_pages_executable(int flag);
int GC_get_pages_executable(void);
void GC_set_min_bytes_allocd(size_t bytes);
size_t GC_get_min_bytes_allocd(void);
void GC_set_rate(int rate);
int GC_get_rate(void);
void GC_set_max_prior_attempts(int count);
int GC_get_max_prior_attempts(void);
void GC_set_disable_automatic_collection(int flag);
int GC_get_disable_automatic_collection(void);
void GC_set_manual_vdb_allowed(int flag);
int GC_get_manual_vdb_allowed(void);
void GC_set_markers_count(unsigned count);
void GC_set_force_unmap_on_gcollect(int flag);
int GC_get_force_unmap_on_gcollect(void);

/* ---- Messages ---- */

void GC_set_warn_proc(bdw_warn_proc *proc);
bdw_warn_proc *GC_get_warn_proc(void);
void GC_ignore_warn_proc(char *format, bdw_word argument);
void GC_set_log_fd(int file);
void GC_set_abort_func(bdw_abort_proc *function);
bdw_abort_proc *GC_get_abort_func(void);
void GC_abort_on_oom(void);
void GC_dump(void);
void GC_dump_named(const char *name);
void GC_dump_regions(void);
void GC_print_free_list(int kind, size_t granules);
void GC_noop1(bdw_word argument);
void GC_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void GC_err_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void GC_log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#pragma GCC visibility pop

#endif
