# SPDX-License-Identifier: MIT
# smal/os/local.mk: all that is asked of an operating system. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/os/os.h \
	smal/os/os_posix.c \
	smal/os/os_thread.c \
	smal/os/os_limit.c \
	smal/os/os_stack.c \
	smal/os/os_tool.c
