/* SPDX-License-Identifier: MIT */
/*
 * faults.c: stands in front of the system's libgc and does one thing wrong, that which
 * ABI_FAULT names; for faults.sh, which wants to see the tests fail.
 *
 * A fault is the function that it spoils, with what that does instead; the others are
 * passed on to libgc.
 */
#define _GNU_SOURCE
#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <gc.h>
#include <gc/gc_disclaim.h>
#include <gc/gc_gcj.h>
#include <gc/gc_inline.h>
#include <gc/gc_mark.h>
#include <gc/gc_typed.h>
#include <gc/javaxfc.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_fault(const char *name)
{
	const char *fault = getenv("ABI_FAULT");

	return fault != NULL && strcmp(fault, name) == 0;
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* A function: if it is the fault its result is `wrong`, in which `real` is libgc's. */
#define FAULT(result, name, parameters, arguments, wrong) \
	result name parameters                            \
	{                                                 \
		static result(*real) parameters;          \
		static bool bad, asked;                   \
		if (!asked) {                             \
			*(void **)&real = next(#name);    \
			bad = is_fault(#name);            \
			asked = true;                     \
		}                                         \
		return bad ? (wrong) : real arguments;    \
	}

/* The same without a result. */
#define VOID_FAULT(name, parameters, arguments, wrong) \
	void name parameters                           \
	{                                              \
		static void(*real) parameters;         \
		static bool bad, asked;                \
		if (!asked) {                          \
			*(void **)&real = next(#name); \
			bad = is_fault(#name);         \
			asked = true;                  \
		}                                      \
		if (bad)                               \
			(void)(wrong);                 \
		else                                   \
			real arguments;                \
	}

static void *dirty(void *object)
{
	if (object != NULL)
		memset((char *)object + GC_size(object) - 2, 0x5a, 1);
	return object;
}

/* Objects. */
FAULT(void *, GC_malloc_uncollectable, (size_t n), (n), GC_malloc(n))
FAULT(void *, GC_malloc_atomic, (size_t n), (n), n == 8 ? NULL : real(n / 2))
FAULT(void *, GC_malloc_ignore_off_page, (size_t n), (n), dirty(real(n)))
FAULT(void *, GC_base, (void *p), (p), (uintptr_t)p % 16 != 0 ? NULL : real(p))
FAULT(int, GC_is_heap_ptr, (const void *p), (p), p != NULL)
FAULT(size_t, GC_size, (const void *p), (p), real(p) / 2)
FAULT(void *, GC_realloc, (void *p, size_t n), (p, n), p == NULL ? real(p, n) : GC_malloc(n))
FAULT(char *, GC_strndup, (const char *s, size_t n), (s, n), GC_strdup(s))
FAULT(void *, GC_memalign, (size_t a, size_t n), (a, n), GC_malloc(n))
VOID_FAULT(GC_free, (void *p), (p), p)
/* Lists, and objects with debugging information. */
FAULT(void *, GC_malloc_many, (size_t n), (n), GC_malloc_atomic(n))
VOID_FAULT(GC_generic_malloc_many, (size_t n, int kind, void **list), (n, kind, list),
           *list = GC_malloc_kind(n, 1 - kind))
FAULT(void *, GC_debug_malloc, (size_t n, const char *s, int i), (n, s, i), GC_malloc(n))
FAULT(void *, GC_debug_realloc, (void *p, size_t n, const char *s, int i), (p, n, s, i),
      GC_debug_malloc(n, s, i))
/* The end of memory. */
VOID_FAULT(GC_set_oom_fn, (GC_oom_func f), (f), f)
VOID_FAULT(GC_set_max_heap_size, (GC_word n), (n), n)
FAULT(void *, GC_calloc_explicitly_typed, (size_t n, size_t m, GC_descr d), (n, m, d),
      real(1, m, d))
/* What keeps. */
VOID_FAULT(GC_register_displacement, (size_t n), (n), n)
VOID_FAULT(GC_set_all_interior_pointers, (int on), (on), on)
FAULT(GC_descr, GC_make_descriptor, (const GC_word *bits, size_t n), (bits, n),
      real(bits, n > 1 ? n - 1 : n))
FAULT(unsigned, GC_new_kind, (void **list, GC_word d, int adjust, int clear),
      (list, d, adjust, clear), real(list, 0, 1, clear))
FAULT(void *, GC_gcj_malloc, (size_t n, void *table), (n, table), GC_malloc_kind(n, 1))
VOID_FAULT(GC_register_disclaim_proc, (int kind, GC_disclaim_proc f, int all), (kind, f, all), f)
FAULT(void *, GC_finalized_malloc, (size_t n, const struct GC_finalizer_closure *c), (n, c),
      GC_malloc(n))
/* Roots. */
VOID_FAULT(GC_add_roots, (void *a, void *b), (a, b), a != b)
VOID_FAULT(GC_remove_roots, (void *a, void *b), (a, b), a != b)
VOID_FAULT(GC_exclude_static_roots, (void *a, void *b), (a, b), a != b)
VOID_FAULT(GC_clear_roots, (void), (), 0)
VOID_FAULT(GC_set_no_dls, (int on), (on), on)
VOID_FAULT(GC_register_has_static_roots_callback, (GC_has_static_roots_func f), (f), f)
VOID_FAULT(GC_push_all, (void *a, void *b), (a, b), a != b)
VOID_FAULT(GC_push_all_eager, (void *a, void *b), (a, b), a != b)
VOID_FAULT(GC_push_conditional, (void *a, void *b, int all), (a, b, all), all)
VOID_FAULT(GC_set_mark_bit, (const void *p), (p), p)
VOID_FAULT(GC_set_start_callback, (GC_start_callback_proc f), (f), f)
VOID_FAULT(GC_set_on_collection_event, (GC_on_collection_event_proc f), (f), f)
/* Finalizers. */
#define FINAL_PARAMETERS \
	(void *p, GC_finalization_proc f, void *d, GC_finalization_proc *of, void **od)
#define FINAL_ARGUMENTS (p, f, d, of, od)
VOID_FAULT(GC_register_finalizer, FINAL_PARAMETERS, FINAL_ARGUMENTS,
           (GC_register_finalizer_no_order(p, f, d, of, od), 0))
VOID_FAULT(GC_register_finalizer_ignore_self, FINAL_PARAMETERS, FINAL_ARGUMENTS,
           (GC_register_finalizer(p, f, d, of, od), 0))
VOID_FAULT(GC_register_finalizer_no_order, FINAL_PARAMETERS, FINAL_ARGUMENTS,
           (GC_register_finalizer(p, f, d, of, od), 0))
VOID_FAULT(GC_register_finalizer_unreachable, FINAL_PARAMETERS, FINAL_ARGUMENTS,
           (GC_register_finalizer_no_order(p, f, d, of, od), 0))
VOID_FAULT(GC_set_finalize_on_demand, (int on), (on), on)
VOID_FAULT(GC_set_finalizer_notifier, (GC_finalizer_notifier_proc f), (f), f)
VOID_FAULT(GC_set_await_finalize_proc, (GC_await_finalize_proc f), (f), f)
VOID_FAULT(GC_finalize_all, (void), (), 0)
FAULT(int, GC_invoke_finalizers, (void), (), real() + 1)
/* Links. */
FAULT(int, GC_general_register_disappearing_link, (void **link, const void *p), (link, p), 0)
FAULT(int, GC_register_long_link, (void **link, const void *p), (link, p),
      GC_general_register_disappearing_link(link, p))
FAULT(int, GC_move_disappearing_link, (void **a, void **b), (a, b), 0)
FAULT(int, GC_unregister_disappearing_link, (void **link), (link), 1)
FAULT(int, GC_register_disappearing_link, (void **link), (link), 0)
FAULT(int, GC_toggleref_add, (void *p, int strong), (p, strong), 0)
/* Threads. */
FAULT(int, GC_register_my_thread, (const struct GC_stack_base *base), (base), 0)
FAULT(int, GC_unregister_my_thread, (void), (), 0)
FAULT(int, GC_pthread_create, (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *x),
      (t, a, f, x), pthread_create(t, a, f, x))
FAULT(void *, GC_call_with_alloc_lock, (GC_fn_type f, void *x), (f, x), f(x))
FAULT(void *, GC_call_with_gc_active, (GC_fn_type f, void *x), (f, x), f(x))
VOID_FAULT(GC_set_handle_fork, (int on), (on), (real(on & 0), 0))
VOID_FAULT(GC_set_stackbottom, (void *h, const struct GC_stack_base *base), (h, base), h)
VOID_FAULT(GC_stop_world_external, (void), (), 0)
VOID_FAULT(GC_suspend_thread, (pthread_t t), (t), t)
VOID_FAULT(GC_set_on_thread_event, (GC_on_thread_event_proc f), (f), f)
/* Dials and gauges. */
VOID_FAULT(GC_gcollect, (void), (), 0)
VOID_FAULT(GC_disable, (void), (), 0)
VOID_FAULT(GC_enable, (void), (), 0)
FAULT(int, GC_expand_hp, (size_t n), (n), 1)
FAULT(int, GC_try_to_collect, (GC_stop_func f), (f), real(f) + 1)
FAULT(size_t, GC_get_free_bytes, (void), (), real() + 1)
FAULT(size_t, GC_get_prof_stats, (struct GC_prof_stats_s * s, size_t n), (s, n),
      real(s, n < 40 ? n : 40))
FAULT(GC_word, GC_get_gc_no, (void), (), real() / 2)
FAULT(void *, GC_same_obj, (void *p, void *q), (p, q), p)
FAULT(void *, GC_is_visible, (void *p), (p), NULL)
FAULT(int, GC_get_parallel, (void), (), 5)
FAULT(int, GC_is_disabled, (void), (), 0)
