# SPDX-License-Identifier: MIT
# bench/local.mk: the benchmarks. Nothing of them is built by make all.
#
# make bench          libsmal alone: bench/bench-smal, bench/fork-share
# make bench-compare  libsmal beside its peers: bench/compare-gc, with options in
#                     BENCH_COMPARE_FLAGS (--help; --plot=DIR draws)
# make bench-malloc   malloc in whole processes: bench/compare-malloc, with options
#                     in BENCH_MALLOC_FLAGS; bench/count-malloc beside it counts
#                     instructions of a malloc and a free
# make bench-libgc    stock programs under the system's libgc.so.1 and ours:
#                     bench/compare-libgc, with options in BENCH_LIBGC_FLAGS; the
#                     programs are those of test/libgc
# make bench-handles  handles beside malloc: bench/compare-handles, with options in
#                     BENCH_HANDLES_FLAGS
# make bench-scale    many threads, kinds and buffers, and marking by many workers,
#                     simulated: bench/scale/run, with options in BENCH_SCALE_FLAGS
# make bench-vectors  vectors that grow: bench/compare-vectors, with options in
#                     BENCH_VECTORS_FLAGS
#
# A workload is a file in gc_workloads and a line of the table in bench/gc/main.c. A
# peer is a header bench/gc/shim_PEER.h and a program bench/gc-PEER, compiled from all
# workloads; gc-machine alone has nothing of them. Rows stand in bench/compare-gc.

gc_workloads = \
	bench/measure.h \
	bench/measure.c \
	bench/graph.h \
	bench/gc/shim.h \
	bench/gc/shuffled.h \
	bench/gc/workload.h \
	bench/gc/main.c \
	bench/gc/w1_gcbench.c \
	bench/gc/w2_trees.c \
	bench/gc/w3_list.c \
	bench/gc/w4_graph.c \
	bench/gc/w5_dead.c \
	bench/gc/w6_mixed.c \
	bench/gc/w7_threads.c \
	bench/gc/w8_large.c \
	bench/gc/w9_leaves.c \
	bench/gc/w10_weak.c \
	bench/gc/w12_deep.c

gc_peers = bench/gc-smal bench/gc-malloc bench/gc-machine
if LIBGC
gc_peers += bench/gc-libgc bench/gc-libgc-inline
endif

EXTRA_PROGRAMS = bench/bench-smal bench/gc-smal bench/gc-malloc bench/gc-machine \
	bench/gc-libgc bench/gc-libgc-inline

bench_gc_smal_SOURCES = $(gc_workloads) bench/gc/shim_smal.h
bench_gc_smal_CPPFLAGS = $(AM_CPPFLAGS) -DSHIM='"shim_smal.h"'
bench_gc_smal_LDADD = libsmal.la
bench_gc_smal_LDFLAGS = -no-install

bench_gc_malloc_SOURCES = $(gc_workloads) bench/gc/shim_malloc.h
bench_gc_malloc_CPPFLAGS = $(AM_CPPFLAGS) -DSHIM='"shim_malloc.h"'
bench_gc_malloc_LDADD =

bench_gc_machine_SOURCES = bench/measure.h bench/measure.c bench/graph.h \
	bench/calibrate.h bench/calibrate.c bench/gc/machine.c
bench_gc_machine_LDADD =

bench_gc_libgc_SOURCES = $(gc_workloads) bench/gc/shim_bdw.h
bench_gc_libgc_CPPFLAGS = $(AM_CPPFLAGS) $(BDW_GC_CFLAGS) -DSHIM='"shim_bdw.h"'
bench_gc_libgc_LDADD = $(BDW_GC_LIBS)

bench_gc_libgc_inline_SOURCES = $(gc_workloads) bench/gc/shim_bdw.h bench/gc/shim_bdw_inline.h
bench_gc_libgc_inline_CPPFLAGS = $(AM_CPPFLAGS) $(BDW_GC_CFLAGS) -DSHIM='"shim_bdw_inline.h"'
bench_gc_libgc_inline_LDADD = $(BDW_GC_LIBS)

bench_bench_smal_SOURCES = \
	bench/measure.h \
	bench/measure.c \
	bench/graph.h \
	bench/calibrate.h \
	bench/calibrate.c \
	bench/smal/row.h \
	bench/smal/row.c \
	bench/smal/alloc.c \
	bench/smal/collect.c \
	bench/bench-smal.c
bench_bench_smal_LDADD = libsmal.la
bench_bench_smal_LDFLAGS = -no-install

# A benchmark and a test: it counts pages, not time.
check_PROGRAMS += bench/fork-share
TESTS += bench/fork-share
bench_fork_share_SOURCES = bench/fork-share.c bench/measure.h bench/measure.c
bench_fork_share_LDADD = libsmal.la
bench_fork_share_LDFLAGS = -no-install

# A workload is a file and a line of the table in bench/malloc/work.c. These
# programs know of no library of ours: they are run with one loaded before them.
EXTRA_PROGRAMS += bench/malloc-work bench/malloc-run
bench_malloc_run_SOURCES = bench/malloc/run.c
bench_malloc_work_LDADD = $(PTHREAD_LIBS)
bench_malloc_work_SOURCES = \
	bench/measure.h \
	bench/measure.c \
	bench/malloc/work.h \
	bench/malloc/work.c \
	bench/malloc/cache.c \
	bench/malloc/factor.c \
	bench/malloc/large.c \
	bench/malloc/larson.c \
	bench/malloc/mstress.c \
	bench/malloc/pair.c \
	bench/malloc/phases.c \
	bench/malloc/pool.c \
	bench/malloc/replace.c \
	bench/malloc/robson.c \
	bench/malloc/sh.c \
	bench/malloc/spawn.c \
	bench/malloc/strings.c \
	bench/malloc/trees.c \
	bench/malloc/values.c \
	bench/malloc/vectors.c \
	bench/malloc/web.c \
	bench/malloc/xmalloc.c

# The same workloads with handles, and with malloc, for which a library is loaded
# before the program; handles-churn writes a trace. The recorder is loaded before
# programs of the system: a library of its own, in every kind of build.
handles_workloads = \
	bench/measure.h \
	bench/measure.c \
	bench/handles/work.h \
	bench/handles/work.c \
	bench/handles/trace.h \
	bench/handles/trace.c \
	bench/handles/replay.h \
	bench/handles/replay.c \
	bench/handles/lock.c \
	bench/handles/points.c \
	bench/handles/pairs.c

EXTRA_PROGRAMS += bench/handles-work bench/handles-malloc bench/handles-churn
bench_handles_work_SOURCES = $(handles_workloads) bench/handles/shim_handles.h \
	bench/handles/compact.c bench/handles/oracle.h bench/handles/oracle.c
bench_handles_work_CPPFLAGS = $(AM_CPPFLAGS) -DSHIM='"shim_handles.h"'
bench_handles_work_LDADD = libsmal.la
bench_handles_work_LDFLAGS = -no-install

bench_handles_malloc_SOURCES = $(handles_workloads) bench/handles/shim_malloc.h
bench_handles_malloc_CPPFLAGS = $(AM_CPPFLAGS) -DSHIM='"shim_malloc.h"'
bench_handles_malloc_LDADD =

bench_handles_churn_SOURCES = bench/measure.h bench/measure.c bench/handles/trace.h \
	bench/handles/churn.c
bench_handles_churn_LDADD =

handles_record = bench/handles-record.so
bench/handles-record.so: bench/handles/record.c bench/handles/trace.h
	$(AM_V_CC)$(MKDIR_P) bench && \
	$(COMPILE) -fPIC -shared -o $@ $(srcdir)/bench/handles/record.c $(PTHREAD_LIBS)
CLEANFILES += $(handles_record)

EXTRA_DIST += \
	bench/compare-handles \
	bench/handles/record.c \
	bench/handles/table.awk \
	bench/handles/points.gp

# Loaded before programs of the system, beside whichever libgc.so.1 they have.
libgc_pauses = bench/libgc-pauses.so
bench/libgc-pauses.so: bench/libgc/pauses.c
	$(AM_V_CC)$(MKDIR_P) bench && \
	$(COMPILE) $(HIDE_CFLAGS) -fPIC -shared -o $@ $(srcdir)/bench/libgc/pauses.c \
		$(PTHREAD_LIBS) -ldl
CLEANFILES += $(libgc_pauses)

EXTRA_DIST += \
	bench/compare-libgc \
	bench/libgc/add.awk \
	bench/libgc/means.awk \
	bench/libgc/pauses.c \
	bench/libgc/ratios.awk \
	bench/libgc/ratios.gp \
	bench/libgc/table.awk
EXTRA_PROGRAMS += bench/vectors-work
bench_vectors_work_SOURCES = bench/measure.h bench/measure.c bench/vectors/work.c
bench_vectors_work_LDADD = libsmal.la
bench_vectors_work_LDFLAGS = -no-install

# What grows with processors and memory: rows of their own, the machine's own costs,
# and a simulation of marking.
EXTRA_PROGRAMS += bench/scale-measure bench/scale-machine bench/scale-simulate
bench_scale_measure_SOURCES = bench/measure.h bench/measure.c bench/smal/row.h \
	bench/smal/row.c bench/scale/measure.c
bench_scale_measure_LDADD = libsmal.la
bench_scale_measure_LDFLAGS = -no-install
bench_scale_machine_SOURCES = bench/measure.h bench/measure.c bench/scale/machine.c
bench_scale_machine_LDADD = $(PTHREAD_LIBS)
bench_scale_simulate_SOURCES = \
	bench/measure.h \
	bench/measure.c \
	bench/scale/simulate.h \
	bench/scale/shape.c \
	bench/scale/cost.c \
	bench/scale/share.c \
	bench/scale/worker.c \
	bench/scale/simulate.c
bench_scale_simulate_LDADD =

EXTRA_DIST += \
	bench/scale/run \
	bench/scale/curves.gp \
	bench/compare.awk \
	bench/compare-gc \
	bench/compare-malloc \
	bench/compare-vectors \
	bench/vectors/standard.cc \
	bench/vectors/table.awk \
	bench/count-malloc \
	bench/gc/table.awk \
	bench/gc/stats.awk \
	bench/gc/ratios.awk \
	bench/gc/ratios.gp \
	bench/gc/programs/gcbench.scm \
	bench/gc/programs/words.scm \
	bench/malloc/ratios.awk \
	bench/malloc/table.awk \
	bench/malloc/ratios.gp \
	bench/malloc/programs/client.sh \
	bench/malloc/programs/objects.rb \
	bench/malloc/programs/pages.ps \
	bench/malloc/programs/problem.awk \
	bench/malloc/programs/source.awk \
	bench/malloc/programs/store.sql \
	bench/malloc/programs/tables.lua \
	bench/malloc/programs/trees.py
CLEANFILES += $(EXTRA_PROGRAMS)

bench: bench/bench-smal$(EXEEXT) bench/fork-share$(EXEEXT)
	bench/bench-smal$(EXEEXT)
	bench/fork-share$(EXEEXT)

bench-malloc: bench/malloc-work$(EXEEXT) bench/malloc-run$(EXEEXT)
	$(SHELL) $(srcdir)/bench/compare-malloc --bin=bench $(BENCH_MALLOC_FLAGS)

bench-handles: bench/handles-work$(EXEEXT) bench/handles-malloc$(EXEEXT) \
	bench/handles-churn$(EXEEXT) bench/malloc-run$(EXEEXT) $(handles_record)
	$(SHELL) $(srcdir)/bench/compare-handles --bin=bench $(BENCH_HANDLES_FLAGS)

bench-libgc: bench/malloc-run$(EXEEXT) $(libgc_pauses) smal/compat/libgc/libgc.la
	$(SHELL) $(srcdir)/bench/compare-libgc --bin=bench $(BENCH_LIBGC_FLAGS)

bench-vectors: bench/vectors-work$(EXEEXT) bench/malloc-run$(EXEEXT)
	CXX='$(CXX)' $(SHELL) $(srcdir)/bench/compare-vectors --bin=bench $(BENCH_VECTORS_FLAGS)

bench-scale: bench/scale-measure$(EXEEXT) bench/scale-machine$(EXEEXT) \
	bench/scale-simulate$(EXEEXT)
	$(SHELL) $(srcdir)/bench/scale/run --bin=bench $(BENCH_SCALE_FLAGS)

bench-compare: $(gc_peers:=$(EXEEXT)) bench/malloc-run$(EXEEXT) example/smile$(EXEEXT)
	$(SHELL) $(srcdir)/bench/compare-gc --bin=bench $(BENCH_COMPARE_FLAGS)

.PHONY: bench bench-compare bench-handles bench-libgc bench-malloc bench-scale \
	bench-vectors
