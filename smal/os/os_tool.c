/* SPDX-License-Identifier: MIT */
/*
 * os_tool.c: telling memcheck and ASan which memory may be touched.
 *
 * memcheck is told through its client requests, if its header was there when
 * the library was built: a few instructions that do nothing outside of it. ASan
 * is told only where the library itself is built with it. Without either, all
 * of this compiles to nothing.
 */
#include <smal/os/os.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#ifdef __SANITIZE_ADDRESS__
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif

#if WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(base, bytes) ((void)(base), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(base, bytes) ((void)(base), (void)(bytes))
#endif

#ifdef HAVE_VALGRIND_MEMCHECK_H
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_MAKE_MEM_NOACCESS(base, bytes) ((void)0)
#define VALGRIND_MAKE_MEM_DEFINED(base, bytes) ((void)0)
#define VALGRIND_MAKE_MEM_UNDEFINED(base, bytes) ((void)(base), (void)(bytes))
#define VALGRIND_DISABLE_ERROR_REPORTING ((void)0)
#define VALGRIND_ENABLE_ERROR_REPORTING ((void)0)
#endif

bool smal_os_tool_watches(void)
{
	return WITH_ASAN || RUNNING_ON_VALGRIND != 0;
}

void smal_os_tool_forbid(const void *base, size_t bytes)
{
	ASAN_POISON_MEMORY_REGION(base, bytes);
	VALGRIND_MAKE_MEM_NOACCESS(base, bytes);
}

void smal_os_tool_allow(const void *base, size_t bytes)
{
	ASAN_UNPOISON_MEMORY_REGION(base, bytes);
	VALGRIND_MAKE_MEM_DEFINED(base, bytes);
}

void smal_os_tool_undefine(const void *base, size_t bytes)
{
	VALGRIND_MAKE_MEM_UNDEFINED(base, bytes);
}

void smal_os_tool_quiet(void)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
}

void smal_os_tool_loud(void)
{
	VALGRIND_ENABLE_ERROR_REPORTING;
}
