# SPDX-License-Identifier: MIT
# include/local.mk: the public interface; <smal.h> includes the rest.

include_HEADERS += include/smal.h
pkginclude_HEADERS += \
	include/smal/version.h \
	include/smal/error.h \
	include/smal/gc.h \
	include/smal/thread.h \
	include/smal/type.h \
	include/smal/mark.h \
	include/smal/alloc.h \
	include/smal/root.h \
	include/smal/collect.h \
	include/smal/fiber.h \
	include/smal/weak.h \
	include/smal/finalizer.h \
	include/smal/map.h \
	include/smal/explain.h \
	include/smal/heap.h \
	include/smal/vector.h \
	include/smal/handle.h \
	include/smal/stats.h \
	include/smal/check.h
