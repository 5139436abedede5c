# SPDX-License-Identifier: MIT
# smal/stride/local.mk: buffers of equal slots and their masks. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/stride/bitmap.h \
	smal/stride/stride.h \
	smal/stride/buffer.c \
	smal/stride/stride.c \
	smal/stride/lend.c \
	smal/stride/walk.c \
	smal/stride/verify.c
