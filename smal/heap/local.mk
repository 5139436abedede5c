# SPDX-License-Identifier: MIT
# smal/heap/local.mk: the variable-size heap. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/heap/class.h \
	smal/heap/heap.h \
	smal/heap/guard.h \
	smal/heap/fork_lock.h \
	smal/heap/class.c \
	smal/heap/remote.c \
	smal/heap/bin.c \
	smal/heap/purge.c \
	smal/heap/cache.c \
	smal/heap/fork.c \
	smal/heap/large.c \
	smal/heap/empty.c \
	smal/heap/fault.c \
	smal/heap/guard.c \
	smal/heap/heap.c \
	smal/heap/block.c \
	smal/heap/resize.c \
	smal/heap/verify.c
