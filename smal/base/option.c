/* SPDX-License-Identifier: MIT */
/*
 * option.c: SMAL_OPTIONS.
 *
 * Read once. Two threads that come first together both parse the same text to
 * the same result; the flag is set after the options.
 */
#include <smal/base/option.h>
#include <smal/base/fail.h>
#include <smal/base/process.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { DECAY_MS = 1000 };

/* True if the word is `name=`N; *value is then N. */
static bool number_after(const char *word, size_t length, const char *name, unsigned *value)
{
	size_t n = strlen(name);
	unsigned long long number = 0;

	if (length <= n + 1 || strncmp(word, name, n) != 0 || word[n] != '=')
		return false;
	for (n++; n < length; n++) {
		if (word[n] < '0' || word[n] > '9')
			return false;
		number = number * 10 + (unsigned)(word[n] - '0');
		if (number > UINT_MAX)
			return false;
	}
	*value = (unsigned)number;
	return true;
}

static bool is_word(const char *word, size_t length, const char *name)
{
	return length == strlen(name) && strncmp(word, name, length) == 0;
}

const char *smal_options_parse(struct smal_options *options, const char *text)
{
	const char *bad = NULL;

	*options = (struct smal_options){ .decay_ms = DECAY_MS };
	while (text != NULL && *text != 0) {
		size_t n = strcspn(text, ",");

		if (is_word(text, n, "check=mark"))
			options->check_mark = true;
		else if (is_word(text, n, "check=all"))
			options->check_mark = options->check_all = true;
		else if (is_word(text, n, "check=1"))
			options->check_heap = true;
		else if (is_word(text, n, "huge=off"))
			options->huge = SMAL_HUGE_OFF;
		else if (is_word(text, n, "huge=on"))
			options->huge = SMAL_HUGE_ON;
		else if (is_word(text, n, "huge=auto"))
			options->huge = SMAL_HUGE_AUTO;
		else if (is_word(text, n, "tool=off"))
			options->no_tool = true;
		else if (is_word(text, n, "log"))
			options->log = true;
		else if (number_after(text, n, "decay", &options->decay_ms))
			options->decay_given = true;
		else if (n != 0 && !number_after(text, n, "torture", &options->torture) &&
		         !number_after(text, n, "markers", &options->markers) &&
		         !number_after(text, n, "team", &options->team) && bad == NULL)
			bad = text;
		text += n + (text[n] == ',');
	}
	return bad;
}

const struct smal_options *smal_options(void)
{
	if (!smal_atomic_load(&smal_process.options_read)) {
		struct smal_options options;
		const char *bad = smal_options_parse(&options, getenv("SMAL_OPTIONS"));

		if (bad != NULL)
			smal_log("smal: SMAL_OPTIONS: unknown: %s\n", bad);
		smal_process.options = options;
		smal_atomic_store(&smal_process.options_read, 1);
	}
	return &smal_process.options;
}
