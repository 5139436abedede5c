# SPDX-License-Identifier: MIT
# test/libgc/local.mk: tests of libgc's interface. They are made with the system's libgc,
# on which they run too (test/libgc/abi.sh); a test is test/libgc/abi_<noun>.c, a word in
# abi_programs, and its libraries.

abi_programs = \
	test/libgc/abi_alloc \
	test/libgc/abi_many \
	test/libgc/abi_limit \
	test/libgc/abi_nomem \
	test/libgc/abi_nomem_table \
	test/libgc/abi_nomem_thread \
	test/libgc/abi_mark \
	test/libgc/abi_typed \
	test/libgc/abi_kind \
	test/libgc/abi_disclaim \
	test/libgc/abi_root \
	test/libgc/abi_push \
	test/libgc/abi_final \
	test/libgc/abi_queue \
	test/libgc/abi_link \
	test/libgc/abi_weak \
	test/libgc/abi_thread \
	test/libgc/abi_arrive \
	test/libgc/abi_cancel \
	test/libgc/abi_fork \
	test/libgc/abi_stack \
	test/libgc/abi_fiber \
	test/libgc/abi_tune \
	test/libgc/abi_start

if CHECK_FRAMEWORK
if LIBGC
check_LTLIBRARIES += test/libgc/libabi.la
test_libgc_libabi_la_SOURCES = test/libgc/abi.h test/libgc/kinds.h \
	test/libgc/foreign.h test/libgc/abi.c test/support.h test/support.c
test_libgc_libabi_la_CPPFLAGS = $(AM_CPPFLAGS) $(BDW_GC_CFLAGS)
check_PROGRAMS += $(abi_programs)
endif
endif

abi_libs = test/libgc/libabi.la $(CHECK_LIBS) $(BDW_GC_LIBS) $(PTHREAD_LIBS) -ldl
test_libgc_abi_alloc_LDADD = $(abi_libs)
test_libgc_abi_many_LDADD = $(abi_libs)
test_libgc_abi_limit_LDADD = $(abi_libs)
test_libgc_abi_nomem_LDADD = $(abi_libs)
test_libgc_abi_nomem_table_LDADD = $(abi_libs)
test_libgc_abi_nomem_thread_LDADD = $(abi_libs)
test_libgc_abi_mark_LDADD = $(abi_libs)
test_libgc_abi_typed_LDADD = $(abi_libs)
test_libgc_abi_kind_LDADD = $(abi_libs)
test_libgc_abi_disclaim_LDADD = $(abi_libs)
test_libgc_abi_root_LDADD = $(abi_libs)
test_libgc_abi_push_LDADD = $(abi_libs)
test_libgc_abi_final_LDADD = $(abi_libs)
test_libgc_abi_queue_LDADD = $(abi_libs)
test_libgc_abi_link_LDADD = $(abi_libs)
test_libgc_abi_weak_LDADD = $(abi_libs)
test_libgc_abi_thread_LDADD = $(abi_libs)
test_libgc_abi_arrive_LDADD = $(abi_libs)
test_libgc_abi_cancel_LDADD = $(abi_libs)
test_libgc_abi_fork_LDADD = $(abi_libs)
test_libgc_abi_stack_LDADD = $(abi_libs)
test_libgc_abi_fiber_LDADD = $(abi_libs)
test_libgc_abi_tune_LDADD = $(abi_libs)
test_libgc_abi_start_LDADD = $(abi_libs)

# In front of the C library: their functions are the collector's, too.
refuse_sources = test/libgc/refuse.h test/libgc/refuse.c
test_libgc_abi_nomem_SOURCES = test/libgc/abi_nomem.c $(refuse_sources)
test_libgc_abi_nomem_LDFLAGS = -export-dynamic
test_libgc_abi_nomem_table_SOURCES = test/libgc/abi_nomem_table.c $(refuse_sources)
test_libgc_abi_nomem_table_LDFLAGS = -export-dynamic
test_libgc_abi_nomem_thread_SOURCES = test/libgc/abi_nomem_thread.c $(refuse_sources)
test_libgc_abi_nomem_thread_LDFLAGS = -export-dynamic

# Programs of others: what they do is in workloads.sh, and of those that few have, in
# wide/workloads.sh.
libgc_tests = test/libgc/abi.sh test/libgc/exports.sh test/libgc/programs.sh \
	test/libgc/wide.sh
TESTS += $(libgc_tests)
EXTRA_DIST += $(libgc_tests) test/libgc/plugin.c test/libgc/faults.sh test/libgc/faults.c \
	test/libgc/workloads.sh test/libgc/programs test/libgc/wide

# The small ones on our library, under memcheck.
check-abi-valgrind: all $(check_PROGRAMS)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' CC='$(CC)' \
		WRAPPER='$(MEMCHECK)' $(SHELL) $(srcdir)/test/libgc/abi.sh

# That they can fail: minutes.
check-abi-faults: $(check_PROGRAMS)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' CC='$(CC)' \
		$(SHELL) $(srcdir)/test/libgc/faults.sh

.PHONY: check-abi-valgrind check-abi-faults
