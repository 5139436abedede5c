# SPDX-License-Identifier: MIT
# smal/space/local.mk: addresses, and who has them. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/space/provider.h \
	smal/space/provider.c \
	smal/space/fsa.h \
	smal/space/fsa.c \
	smal/space/tree.h \
	smal/space/tree.c \
	smal/space/segment.h \
	smal/space/table.h \
	smal/space/table.c \
	smal/space/space.h \
	smal/space/element.h \
	smal/space/segment.c \
	smal/space/element.c \
	smal/space/run.c \
	smal/space/purge.c \
	smal/space/space.c \
	smal/space/verify.c
