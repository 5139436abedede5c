/* SPDX-License-Identifier: MIT */
/*
 * option.h: the words of the environment variable SMAL_OPTIONS (their meaning
 * is in <smal/check.h>).
 */
#ifndef SMAL_BASE_OPTION_H
#define SMAL_BASE_OPTION_H

#include <smal/base/def.h>

/* Huge pages for heaps: for none, for large blocks, for all but the first memory. */
enum smal_huge { SMAL_HUGE_AUTO, SMAL_HUGE_OFF, SMAL_HUGE_ON };

struct smal_options {
	unsigned torture;
	/* 0: not said. */
	unsigned markers;
	/* Not 0: markers help each other as soon as they can. */
	unsigned team;
	bool check_mark;
	bool check_all;
	bool check_heap;
	bool log;
	enum smal_huge huge;
	/* Not to care for a tool that watches. */
	bool no_tool;
	unsigned decay_ms;
	/* It was said. */
	bool decay_given;
};

/*
 * Sets *options from a text such as "torture=10,check=mark"; NULL or "" gives
 * the defaults. Returns NULL, or the first word that means nothing.
 */
const char *smal_options_parse(struct smal_options *options, const char *text);

/* The options of the process, read from the environment at the first call. An
 * unknown word gets one line on standard error and is skipped. Any thread. */
const struct smal_options *smal_options(void);

#endif
