# SPDX-License-Identifier: MIT
# test/local.mk: the tests.
#
# A unit test of a noun is test/check_<noun>.c and a word in unit_tests: it is
# linked with libsmal-core, so that it reaches internal functions, and with
# test/support.c. To put itself in front of a system call it has
#
#     test_check_noun_LDFLAGS = -Wl,--wrap=mmap
#
# A mistake that the library recognises is test/misuse/<mistake>.c and a word in
# misuse_tests. Programs that are linked with libsmal itself, as those of a user
# are, are the examples of the manual.

unit_tests = \
	test/check_list \
	test/check_option \
	test/check_word \
	test/check_fail \
	test/check_os \
	test/check_provider \
	test/check_fsa \
	test/check_tree \
	test/check_table \
	test/check_segment \
	test/check_space \
	test/check_purge \
	test/check_element \
	test/check_stride \
	test/check_buffer \
	test/check_shortage \
	test/model_tree \
	test/model_space \
	test/model_element \
	test/model_stride \
	test/nomem_space \
	test/stress_space \
	test/check_class \
	test/check_heap \
	test/check_heap_bounds \
	test/check_cache \
	test/check_empty \
	test/check_large \
	test/check_guard \
	test/check_heap_purge \
	test/check_heap_verify \
	test/model_heap \
	test/model_heap_threads \
	test/nomem_heap \
	test/stress_heap_fork \
	test/stress_heap \
	test/check_vector \
	test/check_vector_bounds \
	test/check_vector_verify \
	test/check_vector_large \
	test/check_vector_fork \
	test/model_vector \
	test/nomem_vector \
	test/stress_vector \
	test/check_handle \
	test/check_handle_fail \
	test/check_handle_resize \
	test/check_handle_purge \
	test/check_handle_low \
	test/check_handle_bounds \
	test/check_handle_verify \
	test/check_compact \
	test/check_compact_steps \
	test/model_handle \
	test/model_handle_threads \
	test/nomem_handle \
	test/stress_handle_fork \
	test/check_alloc \
	test/check_fork \
	test/check_gc \
	test/check_mark \
	test/check_pace \
	test/check_queue \
	test/check_root \
	test/check_static \
	test/check_stack \
	test/check_stats \
	test/check_sweep \
	test/check_team \
	test/check_crew \
	test/check_crew_fail \
	test/check_type \
	test/check_verify \
	test/model_gc \
	test/nomem_gc \
	test/nomem_thread \
	test/nomem_weak \
	test/check_thread \
	test/check_sharing \
	test/check_attach \
	test/check_leave \
	test/check_world \
	test/check_hold \
	test/check_hook \
	test/check_signal \
	test/check_many \
	test/check_fiber \
	test/check_switch \
	test/check_follow \
	test/check_atfork \
	test/stress_threads \
	test/check_weak \
	test/check_own_weak \
	test/check_own_final \
	test/check_ephemeron \
	test/check_finalizer \
	test/check_order \
	test/check_notice \
	test/check_map \
	test/check_entry \
	test/check_explain \
	test/check_policy \
	test/check_limit \
	test/model_map \
	test/model_weak \
	test/check_public \
	test/check_support

# In front of the system's memory calls, for what uses test/fault.h.
fault_ldflags = -Wl,--wrap=mmap,--wrap=munmap,--wrap=mprotect,--wrap=madvise,--wrap=mremap
test_check_os_LDFLAGS = $(fault_ldflags),--wrap=pthread_getattr_np
test_check_provider_LDFLAGS = $(fault_ldflags)
test_check_fsa_LDFLAGS = $(fault_ldflags)
test_check_tree_LDFLAGS = $(fault_ldflags)
test_check_table_LDFLAGS = $(fault_ldflags)
test_check_space_LDFLAGS = $(fault_ldflags)
test_check_purge_LDFLAGS = $(fault_ldflags)
test_check_element_LDFLAGS = $(fault_ldflags)
test_check_stride_LDFLAGS = $(fault_ldflags)
test_check_buffer_LDFLAGS = $(fault_ldflags)
test_model_space_LDFLAGS = $(fault_ldflags)
test_model_element_LDFLAGS = $(fault_ldflags)
test_model_stride_LDFLAGS = $(fault_ldflags)
test_nomem_space_LDFLAGS = $(fault_ldflags)
test_nomem_gc_LDFLAGS = $(fault_ldflags)
test_check_notice_LDFLAGS = $(fault_ldflags)

# In front of the collectors' requests, for what uses test/starve.h; and of both, for
# what uses test/nomem.h.
take_ldflags = -Wl,--wrap=smal_space_take
test_check_limit_LDFLAGS = $(take_ldflags)
test_check_ephemeron_LDFLAGS = $(take_ldflags)
test_check_explain_LDFLAGS = $(take_ldflags)
test_check_map_LDFLAGS = $(take_ldflags)
test_check_entry_LDFLAGS = $(take_ldflags)
test_check_queue_LDFLAGS = $(take_ldflags)
test_check_world_LDFLAGS = $(take_ldflags)
nomem_ldflags = $(fault_ldflags),--wrap=smal_space_take,--wrap=smal_element_take
test_nomem_thread_LDFLAGS = $(nomem_ldflags)
test_nomem_weak_LDFLAGS = $(nomem_ldflags)
test_nomem_heap_LDFLAGS = $(nomem_ldflags)
test_nomem_vector_LDFLAGS = $(nomem_ldflags)
test_check_vector_bounds_LDFLAGS = $(fault_ldflags)
test_check_vector_large_LDFLAGS = $(fault_ldflags)

# In front of what fills bins from masks; of the clock; of starts of threads.
test_check_heap_bounds_LDFLAGS = -Wl,--wrap=smal_cache_refill
test_check_heap_purge_LDFLAGS = -Wl,--wrap=smal_os_clock_ns
test_check_handle_bounds_LDFLAGS = $(fault_ldflags),--wrap=smal_heap_create
test_check_compact_LDFLAGS = -Wl,--wrap=smal_os_clock_ns
test_check_compact_steps_LDFLAGS = -Wl,--wrap=smal_os_clock_ns
test_nomem_handle_LDFLAGS = $(nomem_ldflags)
test_check_crew_fail_LDFLAGS = -Wl,--wrap=pthread_create

# In front of membarrier, among other calls.
test_check_sharing_LDFLAGS = -Wl,--wrap=syscall
test_check_attach_LDFLAGS = -Wl,--wrap=syscall

misuse_tests = \
	test/misuse/automatic_null \
	test/misuse/cancel_object \
	test/misuse/cancel_queued \
	test/misuse/cancel_twice \
	test/misuse/double_free \
	test/misuse/double_free_bytes \
	test/misuse/double_free_large \
	test/misuse/each_destroys \
	test/misuse/each_null \
	test/misuse/ending_attaches \
	test/misuse/enter_null \
	test/misuse/enter_other \
	test/misuse/enter_without_leave \
	test/misuse/ephemeron_interior \
	test/misuse/ephemeron_other_gc \
	test/misuse/event_collects \
	test/misuse/external_null \
	test/misuse/fiber_current \
	test/misuse/fiber_destroyed \
	test/misuse/fiber_detaches \
	test/misuse/fiber_elsewhere \
	test/misuse/fiber_empty \
	test/misuse/fiber_foreign \
	test/misuse/fiber_gone \
	test/misuse/fiber_no_stack \
	test/misuse/fiber_own \
	test/misuse/fiber_twice \
	test/misuse/finalizer_dead \
	test/misuse/finalizer_flags \
	test/misuse/finalizer_foreign \
	test/misuse/finalizer_null \
	test/misuse/finalizer_other_gc \
	test/misuse/follow_left \
	test/misuse/frame_twice \
	test/misuse/frame_unknown \
	test/misuse/free_collects \
	test/misuse/free_destroys \
	test/misuse/free_detaches \
	test/misuse/free_finalizer \
	test/misuse/free_foreign \
	test/misuse/free_frees_dead \
	test/misuse/free_frees_itself \
	test/misuse/free_malloc \
	test/misuse/free_map \
	test/misuse/free_stack \
	test/misuse/free_static \
	test/misuse/free_unallocated \
	test/misuse/free_weak \
	test/misuse/gc_attached \
	test/misuse/gc_attached_other \
	test/misuse/gc_gone \
	test/misuse/gc_options \
	test/misuse/gc_pace \
	test/misuse/gc_percent \
	test/misuse/guard_double_free \
	test/misuse/guard_interior \
	test/misuse/guard_late \
	test/misuse/guard_late_check \
	test/misuse/guard_late_option \
	test/misuse/guard_overrun \
	test/misuse/guard_overrun_check \
	test/misuse/guard_overrun_large \
	test/misuse/guard_overrun_many \
	test/misuse/guard_overrun_option \
	test/misuse/guard_overrun_realloc \
	test/misuse/handle_destroy_twice \
	test/misuse/handle_double_free \
	test/misuse/handle_flags \
	test/misuse/handle_free_locked \
	test/misuse/handle_gone \
	test/misuse/handle_limit \
	test/misuse/handle_many_locks \
	test/misuse/handle_no_buffer \
	test/misuse/handle_no_result \
	test/misuse/handle_not_handle \
	test/misuse/handle_not_heap \
	test/misuse/handle_null_heap \
	test/misuse/handle_options \
	test/misuse/handle_other_heap \
	test/misuse/handle_resize_purged \
	test/misuse/handle_stale_lock \
	test/misuse/handle_stale_purgeable \
	test/misuse/handle_stale_resize \
	test/misuse/handle_stale_size \
	test/misuse/handle_stale_used \
	test/misuse/handle_stale_weak \
	test/misuse/handle_unlock_unlocked \
	test/misuse/handle_zero \
	test/misuse/heap_alignment \
	test/misuse/heap_as_object \
	test/misuse/heap_behind \
	test/misuse/heap_double_free \
	test/misuse/heap_double_free_default \
	test/misuse/heap_double_free_empty \
	test/misuse/heap_double_free_large \
	test/misuse/heap_double_free_later \
	test/misuse/heap_double_free_local_remote \
	test/misuse/heap_double_free_remote_local \
	test/misuse/heap_double_free_remote_twice \
	test/misuse/heap_double_free_trimmed \
	test/misuse/heap_flags \
	test/misuse/heap_gone \
	test/misuse/heap_interior \
	test/misuse/heap_interior_free \
	test/misuse/heap_interior_large \
	test/misuse/heap_malloc \
	test/misuse/heap_misaligned \
	test/misuse/heap_misaligned_large \
	test/misuse/heap_never \
	test/misuse/heap_no_result \
	test/misuse/heap_not_heap \
	test/misuse/heap_number \
	test/misuse/heap_object \
	test/misuse/heap_options \
	test/misuse/heap_other \
	test/misuse/heap_other_empty \
	test/misuse/heap_other_large \
	test/misuse/heap_realloc_free \
	test/misuse/heap_realloc_interior \
	test/misuse/heap_stack \
	test/misuse/heap_static \
	test/misuse/heap_usable_free \
	test/misuse/heap_wild \
	test/misuse/hold_allocates \
	test/misuse/hold_collects \
	test/misuse/hold_null \
	test/misuse/hold_twice \
	test/misuse/huge_alignment \
	test/misuse/huge_alloc \
	test/misuse/huge_layout \
	test/misuse/huge_limit \
	test/misuse/huge_resize \
	test/misuse/huge_type \
	test/misuse/interior_free \
	test/misuse/interior_free_large \
	test/misuse/leave_twice \
	test/misuse/left_allocates \
	test/misuse/left_collects \
	test/misuse/left_detaches \
	test/misuse/left_frees \
	test/misuse/left_polls \
	test/misuse/limit_low \
	test/misuse/lost_stack \
	test/misuse/map_hash_allocates \
	test/misuse/map_kind \
	test/misuse/map_not_map \
	test/misuse/map_null \
	test/misuse/map_null_key \
	test/misuse/map_null_value \
	test/misuse/map_one_function \
	test/misuse/map_other_gc \
	test/misuse/mark_adds_root \
	test/misuse/mark_allocates \
	test/misuse/mark_allocates_bytes \
	test/misuse/mark_attaches \
	test/misuse/mark_collects \
	test/misuse/mark_counts \
	test/misuse/mark_destroys \
	test/misuse/mark_detaches \
	test/misuse/mark_explains \
	test/misuse/mark_finalizer \
	test/misuse/mark_forks \
	test/misuse/mark_frees \
	test/misuse/mark_leaves \
	test/misuse/mark_makes_collector \
	test/misuse/mark_makes_fiber \
	test/misuse/mark_map \
	test/misuse/mark_switches \
	test/misuse/mark_takes \
	test/misuse/mark_weak \
	test/misuse/null_free \
	test/misuse/observer_collects \
	test/misuse/own_weak_allocates \
	test/misuse/pace_gone \
	test/misuse/policy_allocates \
	test/misuse/queue_gone \
	test/misuse/queue_null \
	test/misuse/queue_other_gc \
	test/misuse/queue_take_other_gc \
	test/misuse/queue_twice \
	test/misuse/resize_fixed \
	test/misuse/resize_map \
	test/misuse/resize_weak \
	test/misuse/retainers_dead \
	test/misuse/retainers_none \
	test/misuse/retainers_other_gc \
	test/misuse/root_exclude \
	test/misuse/root_null \
	test/misuse/root_range \
	test/misuse/root_static_twice \
	test/misuse/root_twice \
	test/misuse/signal_alternate \
	test/misuse/signal_exact \
	test/misuse/signal_inside \
	test/misuse/signal_kill \
	test/misuse/signal_unknown \
	test/misuse/size_of_free \
	test/misuse/team_adds_root \
	test/misuse/team_allocates \
	test/misuse/team_attaches \
	test/misuse/team_checks \
	test/misuse/team_collects \
	test/misuse/team_counts \
	test/misuse/team_destroys \
	test/misuse/team_detaches \
	test/misuse/team_enters \
	test/misuse/team_forks \
	test/misuse/team_frees \
	test/misuse/team_leaves \
	test/misuse/team_makes_collector \
	test/misuse/team_makes_map \
	test/misuse/team_makes_type \
	test/misuse/team_makes_weak \
	test/misuse/team_polls \
	test/misuse/team_walks \
	test/misuse/thread_detached \
	test/misuse/thread_null \
	test/misuse/thread_other \
	test/misuse/thread_twice \
	test/misuse/type_alignment \
	test/misuse/type_alignment_large \
	test/misuse/type_fixed_bytes \
	test/misuse/type_flags \
	test/misuse/type_flags_inner \
	test/misuse/type_foreign \
	test/misuse/type_gone \
	test/misuse/type_gone_bytes \
	test/misuse/type_inner \
	test/misuse/type_layout \
	test/misuse/type_no_mark \
	test/misuse/type_no_name \
	test/misuse/type_repeat \
	test/misuse/type_sweep \
	test/misuse/type_used \
	test/misuse/type_variable_alloc \
	test/misuse/vector_disc \
	test/misuse/vector_double_free \
	test/misuse/vector_double_free_large \
	test/misuse/vector_foreign \
	test/misuse/vector_gone \
	test/misuse/vector_interior \
	test/misuse/vector_interior_free \
	test/misuse/vector_interior_large \
	test/misuse/vector_no_map \
	test/misuse/vector_no_result \
	test/misuse/vector_not_pool \
	test/misuse/vector_options \
	test/misuse/vector_other \
	test/misuse/vector_resize_free \
	test/misuse/vector_sizes \
	test/misuse/vector_stale \
	test/misuse/vector_tail_free \
	test/misuse/watch_dead \
	test/misuse/weak_dead \
	test/misuse/weak_flags \
	test/misuse/weak_interior \
	test/misuse/weak_other_gc \
	test/misuse/weak_set_interior

AM_CPPFLAGS += $(CHECK_CFLAGS)
LDADD = test/libsupport.la libsmal-core.la $(CHECK_LIBS)

if CHECK_FRAMEWORK
check_LTLIBRARIES += test/libsupport.la
test_libsupport_la_SOURCES = test/support.h test/support.c test/collector.h test/collector.c \
	test/fault.h test/fault.c test/nomem.h test/nomem.c test/ground.h test/ground.c \
	test/crew.h test/crew.c test/coroutine.h test/coroutine.c test/hidden.h test/hidden.c \
	test/own.h test/granule.h test/granule.c test/barriers.h test/barriers.c \
	test/hold.h test/notice.h test/notice.c test/starve.h test/starve.c \
	test/heaps.h test/heaps.c test/vectors.h test/vectors.c \
	test/handles.h test/handles.c test/team.h test/team.c
check_PROGRAMS += $(unit_tests) $(misuse_tests) test/tool_watch
TESTS += $(unit_tests) test/torture.sh test/tool_watch.sh
else
# Without Check there is no `make check`, rather than one that tests little.
check_DATA = no-check-framework
no-check-framework:
	@echo 'make check needs the Check library for this compiler (Debian: check);' >&2
	@echo 'install it and configure again, or configure --with-check=standin' >&2
	@false
endif
# Programs with libsmal-malloc.so in front; what they share is test/preload/common.sh.
preload_tests = \
	test/preload_run.sh \
	test/preload_misuse.sh \
	test/preload_own.sh \
	test/preload_compiler.sh \
	test/preload_programs.sh \
	test/preload_python.sh \
	test/preload_redis.sh
TESTS += $(preload_tests)
EXTRA_DIST += $(preload_tests) test/preload/common.sh test/preload/early.c test/preload/forks.sh \
	test/preload/misuse.c test/preload/parity.c test/preload/plugin.c test/preload/rows.sql \
	test/preload/strings.lua test/preload/threads.cc

TESTS += test/misuse.sh test/count_pairs.sh test/count_alloc.sh

# With fine buffers, what compares all that happens with a model.
fine_tests = test/fine/model_stride test/fine/model_heap test/fine/model_gc \
	test/fine/model_weak test/fine/stress_threads
fine_cppflags = $(AM_CPPFLAGS) $(FINE_CPPFLAGS)
fine_ldadd = test/libfine.la libsmal-fine.la $(CHECK_LIBS)
test_fine_model_stride_SOURCES = test/model_stride.c
test_fine_model_stride_CPPFLAGS = $(fine_cppflags)
test_fine_model_stride_LDFLAGS = $(fault_ldflags)
test_fine_model_stride_LDADD = $(fine_ldadd)
test_fine_model_heap_SOURCES = test/model_heap.c
test_fine_model_heap_CPPFLAGS = $(fine_cppflags)
test_fine_model_heap_LDADD = $(fine_ldadd)
test_fine_model_gc_SOURCES = test/model_gc.c
test_fine_model_gc_CPPFLAGS = $(fine_cppflags)
test_fine_model_gc_LDADD = $(fine_ldadd)
test_fine_model_weak_SOURCES = test/model_weak.c
test_fine_model_weak_CPPFLAGS = $(fine_cppflags)
test_fine_model_weak_LDADD = $(fine_ldadd)
test_fine_stress_threads_SOURCES = test/stress_threads.c
test_fine_stress_threads_CPPFLAGS = $(fine_cppflags)
test_fine_stress_threads_LDADD = $(fine_ldadd)
if CHECK_FRAMEWORK
check_LTLIBRARIES += test/libfine.la
test_libfine_la_SOURCES = $(test_libsupport_la_SOURCES)
test_libfine_la_CPPFLAGS = $(fine_cppflags)
check_PROGRAMS += $(fine_tests)
TESTS += $(fine_tests)
endif

# Programs for heaps that a fuzzer has made up; check-all makes more of them.
check_PROGRAMS += test/fuzz_heap
test_fuzz_heap_LDADD = libsmal-core.la
TESTS += test/fuzz_heap
EXTRA_DIST += test/corpus

check_PROGRAMS += test/count_pairs
test_count_pairs_SOURCES = test/count_pairs.c
test_count_pairs_LDADD =
EXTRA_DIST += test/count_pairs.sh

check_PROGRAMS += test/count_alloc
test_count_alloc_SOURCES = test/count_alloc.c
test_count_alloc_LDADD = libsmal-core.la
EXTRA_DIST += test/count_alloc.sh
EXTRA_DIST += test/torture.sh test/tool_watch.sh test/misuse.sh test/misuse/misuse.h \
	test/misuse/handle.h test/misuse/heap.h test/misuse/team.h test/misuse/vector.h test/standin/check.h

include test/libgc/local.mk

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; \
	CC='$(CC)'; CXX='$(CXX)'; NM='$(NM)'; MANDOC='$(MANDOC)'; \
	CPPFLAGS='$(CPPFLAGS)'; CFLAGS='$(SAN_CFLAGS) $(CFLAGS)'; \
	LDFLAGS='$(LDFLAGS)'; \
	export top_srcdir top_builddir CC CXX NM MANDOC CPPFLAGS CFLAGS LDFLAGS;

# "N passed, N failed, N skipped" of the last make check.
check-summary:
	@$(SHELL) $(srcdir)/tools/check-summary.sh $(TEST_LOGS)

# The suite under memcheck, nothing reported: the unit tests in one process each
# (CK_FORK=no), and the example's programs in their small sizes.
# A frame that a stack jumps over may be as large as the stack of the example.
MEMCHECK = $(VALGRIND) -q --error-exitcode=99 --max-stackframe=67108864 \
	--suppressions=$(abs_top_srcdir)/smal.supp

check-valgrind: all
	@test '$(VALGRIND)' != no || { echo 'valgrind is not installed' >&2; false; }
	CK_FORK=no $(MAKE) $(AM_MAKEFLAGS) check TESTS='$(unit_tests)' \
		LOG_COMPILER='$(LIBTOOL) --mode=execute $(MEMCHECK)'
	SIZE=small WRAPPER='$(MEMCHECK)' $(SHELL) $(srcdir)/example/run-programs.sh example/smile

# The suite in builds of its own: sanitizers, clang, 32 bits, and the long tests.
check-all:
	$(SHELL) $(srcdir)/tools/check-all.sh '$(abs_top_srcdir)' '$(abs_top_builddir)/check-all'

clean-local:
	rm -rf check-all

.PHONY: no-check-framework check-summary check-valgrind check-all
