/* SPDX-License-Identifier: MIT */
/*
 * fail.h: telling the sink about a caller's mistake (see <smal/error.h>).
 */
#ifndef SMAL_BASE_FAIL_H
#define SMAL_BASE_FAIL_H

#include <smal/base/def.h>
#include <smal/error.h>

/*
 * Tells the sink, and returns `error` if the sink returns. `detail` is a printf
 * format for what the pointer really is; "" says nothing. No lock may be held.
 */
enum smal_error smal_fail(enum smal_error error, const char *function, const char *what,
                          const void *pointer, const char *detail, ...)
	__attribute__((format(printf, 5, 6)));

/* A condition on what a caller passed; returns the error from the function it
 * stands in. */
#define SMAL_REQUIRE(condition, error, what, pointer, ...)                            \
	do {                                                                          \
		if (SMAL_UNLIKELY(!(condition)))                                      \
			return smal_fail(error, __func__, what, pointer, __VA_ARGS__); \
	} while (0)

/* A line on standard error without allocation, for what is not a mistake: the
 * log of SMAL_OPTIONS. */
void smal_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
