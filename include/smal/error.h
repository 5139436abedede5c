/* SPDX-License-Identifier: MIT */
/*
 * error.h: error codes, and the sink that a caller's mistakes go to.
 */
#ifndef SMAL_ERROR_H
#define SMAL_ERROR_H

#include <smal/version.h>

SMAL_BEGIN

enum smal_error {
	/** Success. */
	SMAL_OK = 0,
	/** The operating system has no memory or no addresses left for us. */
	SMAL_ERROR_NO_MEMORY,
	/** The collector's hard limit is reached, also after a collection. */
	SMAL_ERROR_LIMIT,
	/** A size is larger than any object can be, or overflows. */
	SMAL_ERROR_TOO_LARGE,
	/** An argument has no meaning here; the sink was told which. */
	SMAL_ERROR_INVALID,
	/** A fixed number of things (types, collectors) is used up. */
	SMAL_ERROR_TOO_MANY,
	/** Not allowed at this moment: a collection is under way, a thread is
	 *  still attached, or has left, a fiber is running … */
	SMAL_ERROR_BUSY,
	/** The calling thread is not attached to the collector. */
	SMAL_ERROR_NOT_ATTACHED,
	/** smal_check found an invariant broken; the sink was told which. */
	SMAL_ERROR_CORRUPT
};

/**
 * A short English text for an error code, such as "no memory". Never NULL.
 * Any thread, at any time.
 */
SMAL_API const char *smal_error_text(enum smal_error error);

/** What the sink is told about a mistake. */
struct smal_report {
	/** The function that was called, such as "smal_free". */
	const char *function;
	/** What was wrong, in a phrase, such as "double free". */
	const char *what;
	/** The pointer that it is about, or NULL. */
	const void *pointer;
	/** What is really there, such as "a free slot of type pair", or "". */
	const char *detail;
	/** What the call returns if the sink does. */
	enum smal_error error;
};

/**
 * A function that is told about a caller's mistake. It may return (the call
 * then fails), abort, or leave by longjmp: no lock is held and nothing is half
 * done. It runs on the thread that made the mistake and must not call into
 * libsmal. The report and its strings last until it returns.
 */
typedef void smal_error_sink(const struct smal_report *report, void *user);

/**
 * Replaces the sink of the process.
 *
 * sink  the new sink, or NULL for the default: one line on standard error,
 *       "smal: FUNCTION: WHAT: POINTER is DETAIL", then abort()
 * user  is handed to it
 *
 * Any thread; a mistake made at the same moment may reach either sink.
 */
SMAL_API void smal_error_set_sink(smal_error_sink *sink, void *user);

SMAL_END

#endif
