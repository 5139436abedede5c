# SPDX-License-Identifier: MIT
# smal/vector/local.mk: vectors that grow without being copied. A file includes only
# files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/vector/index.h \
	smal/vector/pool.h \
	smal/vector/index.c \
	smal/vector/geometry.c \
	smal/vector/code.c \
	smal/vector/warm.c \
	smal/vector/disc.c \
	smal/vector/region.c \
	smal/vector/slot.c \
	smal/vector/pool.c \
	smal/vector/vector.c \
	smal/vector/tail.c \
	smal/vector/verify.c
