# SPDX-License-Identifier: MIT
# smal/base/local.mk: words, atomics, lists, options, errors. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/base/def.h \
	smal/base/atomic.h \
	smal/base/list.h \
	smal/base/option.h \
	smal/base/process.h \
	smal/base/fail.h \
	smal/base/option.c \
	smal/base/process.c \
	smal/base/fail.c
