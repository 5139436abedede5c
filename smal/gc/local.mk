# SPDX-License-Identifier: MIT
# smal/gc/local.mk: the collector. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/gc/gc.h \
	smal/gc/attach.h \
	smal/gc/world.h \
	smal/gc/mark.h \
	smal/gc/candidate.h \
	smal/gc/window.h \
	smal/gc/crew.h \
	smal/gc/team.h \
	smal/gc/weak.h \
	smal/gc/second.h \
	smal/gc/type.c \
	smal/gc/thread.c \
	smal/gc/park.c \
	smal/gc/world.c \
	smal/gc/fork.c \
	smal/gc/fiber.c \
	smal/gc/marker.c \
	smal/gc/candidate.c \
	smal/gc/array.c \
	smal/gc/mark.c \
	smal/gc/range.c \
	smal/gc/crew.c \
	smal/gc/team.c \
	smal/gc/stack.c \
	smal/gc/pair.c \
	smal/gc/weak.c \
	smal/gc/queue.c \
	smal/gc/finalizer.c \
	smal/gc/map.c \
	smal/gc/root.c \
	smal/gc/pace.c \
	smal/gc/sweep.c \
	smal/gc/second.c \
	smal/gc/verify.c \
	smal/gc/explain.c \
	smal/gc/collect.c \
	smal/gc/demand.c \
	smal/gc/object.c \
	smal/gc/window.c \
	smal/gc/alloc.c \
	smal/gc/free.c \
	smal/gc/resize.c \
	smal/gc/instance.c
