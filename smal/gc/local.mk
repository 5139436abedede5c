# SPDX-License-Identifier: MIT
# smal/gc/local.mk: the collector. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/gc/gc.h \
	smal/gc/mark.h \
	smal/gc/type.c \
	smal/gc/thread.c \
	smal/gc/root.c \
	smal/gc/pace.c \
	smal/gc/mark.c \
	smal/gc/sweep.c \
	smal/gc/verify.c \
	smal/gc/collect.c \
	smal/gc/alloc.c \
	smal/gc/instance.c
