/* SPDX-License-Identifier: MIT */
/*
 * fail.c: the error sink, the error texts, and failed assertions.
 *
 * Nothing here allocates: a message is made in a buffer on the stack and
 * written by one call. The sink and its user pointer stand in the process's
 * state (process.h).
 */
#include <smal/base/fail.h>
#include <smal/base/process.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *smal_error_text(enum smal_error error)
{
	switch (error) {
	case SMAL_OK:
		return "success";
	case SMAL_ERROR_NO_MEMORY:
		return "no memory";
	case SMAL_ERROR_LIMIT:
		return "heap limit reached";
	case SMAL_ERROR_TOO_LARGE:
		return "size too large";
	case SMAL_ERROR_INVALID:
		return "invalid argument";
	case SMAL_ERROR_TOO_MANY:
		return "too many";
	case SMAL_ERROR_BUSY:
		return "not allowed now";
	case SMAL_ERROR_NOT_ATTACHED:
		return "thread is not attached";
	case SMAL_ERROR_CORRUPT:
		return "an invariant does not hold";
	}
	return "unknown error";
}

static void default_sink(const struct smal_report *report, void *user)
{
	(void)user;
	if (report->pointer != NULL)
		smal_log("smal: %s: %s: %p%s%s\n", report->function, report->what, report->pointer,
		         report->detail[0] != 0 ? " is " : "", report->detail);
	else
		smal_log("smal: %s: %s%s%s\n", report->function, report->what,
		         report->detail[0] != 0 ? ": " : "", report->detail);
	abort();
}

void smal_error_set_sink(smal_error_sink *sink, void *user)
{
	smal_process.sink_user = user;
	smal_atomic_store_pointer(&smal_process.sink, (void *)(uintptr_t)sink);
}

enum smal_error smal_fail(enum smal_error error, const char *function, const char *what,
                          const void *pointer, const char *detail, ...)
{
	smal_error_sink *sink = (smal_error_sink *)(uintptr_t)smal_atomic_load(&smal_process.sink);
	struct smal_report report = { function, what, pointer, "", error };
	char text[256];
	va_list arguments;

	va_start(arguments, detail);
	vsnprintf(text, sizeof text, detail, arguments);
	va_end(arguments);
	report.detail = text;
	if (sink == NULL)
		sink = default_sink;
	sink(&report, smal_process.sink_user);
	return error;
}

void smal_log(const char *format, ...)
{
	char text[512];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (n > 0)
		fwrite(text, 1, smal_min((size_t)n, sizeof text - 1), stderr);
}

void smal_assert_failed(const char *expression, const char *file, int line)
{
	smal_log("smal: %s:%d: assertion failed: %s\n", file, line, expression);
	abort();
}
