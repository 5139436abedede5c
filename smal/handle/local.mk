# SPDX-License-Identifier: MIT
# smal/handle/local.mk: blocks that move, behind handles. A file includes only files
# that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/handle/handle.h \
	smal/handle/table.c \
	smal/handle/hole.c \
	smal/handle/large.c \
	smal/handle/lock.c \
	smal/handle/discard.c \
	smal/handle/compact.c \
	smal/handle/block.c \
	smal/handle/resize.c \
	smal/handle/heap.c \
	smal/handle/verify.c
