/* SPDX-License-Identifier: MIT */
/*
 * repl.c: read, evaluate, print; and go on after an error.
 *
 * The console is a port whose buffer is one line; when the reader wants more,
 * the port asks for the next line, with a prompt that says whether it begins
 * or continues an expression. With libedit, lines can be edited and recalled.
 * An error ends the expression and drops what is left of its line; everything
 * it had made is garbage.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "vm.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** True at the first line of an expression. */
static int fresh;

#ifdef HAVE_LIBEDIT
#include <editline/readline.h>

/** The next line that somebody types. */
static value typed_line(void)
{
	char *line;
	value text;

	smal_thread_leave(vm.thread);
	line = readline(fresh ? "> " : ". ");
	smal_thread_enter(vm.thread);
	fresh = 0;
	if (line == NULL)
		return NOTHING;
	if (*line != '\0')
		add_history(line);
	text = make_bytes(KIND_STRING, strlen(line) + 1);
	memcpy(bytes_of(text)->at, line, strlen(line));
	bytes_of(text)->at[strlen(line)] = '\n';
	free(line);
	return text;
}
#else
static value typed_line(void)
{
	fputs(fresh ? "> " : ". ", stdout);
	fflush(stdout);
	fresh = 0;
	return port_plain_line();
}
#endif

/** The thread that reads from the console. */
static struct vm *reader;

static void handle_interrupt(int number)
{
	(void)number;
	error_interrupt(reader);
}

/** Reads, evaluates and prints once. False at the end of the input. */
static int round_go(void)
{
	struct catcher catcher;
	value cell, result;

	error_catch(&catcher, 0);
	if (setjmp(catcher.jump) != 0) {
		error_report(&catcher);
		port_drain(vm.heap->input);
		return 1;
	}
	cell = read_datum(vm.heap->input);
	if (cell != END_OF_FILE) {
		error_wipe();
		result = compile_and_run(cell);
		if (result != UNSPECIFIED)
			call(global_named("write-line"), 1, &result);
	}
	error_done(&catcher);
	return cell != END_OF_FILE;
}

void repl_run(void)
{
	struct sigaction action = { .sa_handler = handle_interrupt, .sa_flags = SA_RESTART };

	reader = &vm;
	sigaction(SIGINT, &action, NULL);
	if (isatty(STDIN_FILENO))
		port_line = typed_line;
	do {
		fresh = 1;
		fflush(stdout);
	} while (round_go());
}
