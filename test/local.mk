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
	test/check_alloc \
	test/check_fork \
	test/check_gc \
	test/check_mark \
	test/check_pace \
	test/check_queue \
	test/check_root \
	test/check_stack \
	test/check_stats \
	test/check_sweep \
	test/check_type \
	test/check_verify \
	test/model_gc \
	test/nomem_gc \
	test/check_public \
	test/check_support

# In front of the system's memory calls, for what uses test/fault.h.
fault_ldflags = -Wl,--wrap=mmap,--wrap=munmap,--wrap=mprotect,--wrap=madvise
test_check_os_LDFLAGS = $(fault_ldflags)
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

misuse_tests = \
	test/misuse/double_free \
	test/misuse/double_free_bytes \
	test/misuse/double_free_large \
	test/misuse/frame_twice \
	test/misuse/frame_unknown \
	test/misuse/free_collects \
	test/misuse/free_foreign \
	test/misuse/free_malloc \
	test/misuse/free_stack \
	test/misuse/free_static \
	test/misuse/free_unallocated \
	test/misuse/gc_attached \
	test/misuse/gc_gone \
	test/misuse/gc_options \
	test/misuse/gc_pace \
	test/misuse/gc_percent \
	test/misuse/huge_alignment \
	test/misuse/huge_alloc \
	test/misuse/huge_layout \
	test/misuse/huge_limit \
	test/misuse/huge_resize \
	test/misuse/huge_type \
	test/misuse/interior_free \
	test/misuse/interior_free_large \
	test/misuse/limit_low \
	test/misuse/mark_allocates \
	test/misuse/mark_allocates_bytes \
	test/misuse/mark_collects \
	test/misuse/mark_frees \
	test/misuse/null_free \
	test/misuse/resize_fixed \
	test/misuse/root_null \
	test/misuse/root_range \
	test/misuse/root_twice \
	test/misuse/size_of_free \
	test/misuse/thread_detached \
	test/misuse/thread_null \
	test/misuse/thread_other \
	test/misuse/thread_twice \
	test/misuse/type_alignment \
	test/misuse/type_alignment_large \
	test/misuse/type_fixed_bytes \
	test/misuse/type_foreign \
	test/misuse/type_gone \
	test/misuse/type_gone_bytes \
	test/misuse/type_layout \
	test/misuse/type_no_mark \
	test/misuse/type_no_name \
	test/misuse/type_repeat \
	test/misuse/type_used \
	test/misuse/type_variable_alloc

AM_CPPFLAGS += $(CHECK_CFLAGS)
LDADD = test/libsupport.la libsmal-core.la $(CHECK_LIBS)

if CHECK_FRAMEWORK
check_LTLIBRARIES += test/libsupport.la
test_libsupport_la_SOURCES = test/support.h test/support.c test/collector.h test/collector.c \
	test/fault.h test/fault.c test/ground.h test/ground.c
test_check_queue_LDFLAGS = -Wl,--wrap=smal_space_take
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
TESTS += test/misuse.sh
EXTRA_DIST += test/torture.sh test/tool_watch.sh test/misuse.sh test/misuse/misuse.h test/standin/check.h

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
