/* SPDX-License-Identifier: MIT */
/*
 * machine.c: the machine as a whole: its start, its programs, its end.
 *
 * A program is a row of expressions; each is read, compiled and run before the
 * next is read. The catcher here is the outermost: an error that the program
 * does not catch ends up in machine_run, or in the REPL.
 *
 * The program's end is that of its first thread, or whoever calls (exit). If
 * other threads or fibers still run, their heap can't be destroyed, and ends with
 * the process.
 */
#include "vm.h"

#include <stdlib.h>

static const struct machine_options *settings;

/** prelude.scm as a string. */
static const char prelude[] =
#include "prelude.inc"
	;

value machine_load(value port)
{
	value cell, last = UNSPECIFIED;

	while ((cell = read_datum(port)) != END_OF_FILE) {
		error_wipe();
		last = compile_and_run(cell);
	}
	return last;
}

int machine_run(const char *text, const char *file)
{
	struct catcher catcher;

	error_catch(&catcher, 0);
	if (setjmp(catcher.jump) != 0) {
		error_report(&catcher);
		return 1;
	}
	machine_load(text != NULL ? port_open_string(make_text(text), make_text("-e"))
	                       : port_open_file(make_text(file), PORT_INPUT));
	error_done(&catcher);
	return 0;
}

/** (load FILE) */
static value load(const value *a)
{
	machine_load(port_open_file(a[1], PORT_INPUT));
	return UNSPECIFIED;
}

/** (eval EXPRESSION), in the global scope. */
static value eval(const value *a)
{
	return compile_and_run(cons(a[1], NIL));
}

enum { ARGUMENTS, OUTPUT, END };

/** (command-line), (current-output-port), (eof-object) */
static value constant(const value *a)
{
	return variant(a) == ARGUMENTS ? vm.heap->arguments :
	       variant(a) == OUTPUT ? vm.heap->output : END_OF_FILE;
}

static value get_environment(const value *a)
{
	const char *text = getenv(bytes_of(a[1])->at);

	return text == NULL ? FALSE : make_text(text);
}

/** (exit [STATUS]) */
static value exit_machine(const value *a)
{
	machine_end(a[1] == NOTHING ? 0 : (int)(fixnum_number(a[1]) & 255));
}

static const struct primitive_spec machine_primitives[] = {
	{ "load", load, "s", 0 },
	{ "eval", eval, "x", 0 },
	{ "command-line", constant, "", ARGUMENTS },
	{ "current-output-port", constant, "", OUTPUT },
	{ "eof-object", constant, "", END },
	{ "getenv", get_environment, "s", 0 },
	{ "exit", exit_machine, "|f", 0 },
	{ NULL, NULL, NULL, 0 }
};

static void globals_define(void)
{
	const struct primitive_spec *const tables[] = {
		type_primitives, number_primitives, list_primitives, sequence_primitives,
		port_primitives, error_primitives, call_primitives, syntax_primitives,
		measure_primitives, read_primitives, symbol_primitives, thread_primitives,
		mutex_primitives, weak_primitives, guardian_primitives, fiber_primitives,
		explain_primitives, isolate_primitives, bytevector_primitives, payload_primitives,
		machine_primitives
	};
	char **argument = settings->arguments;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		primitives_define(tables[i]);
	syntax_define();
	vm.heap->input = port_open_stream(NULL, "stdin", PORT_INPUT | PORT_CONSOLE);
	vm.heap->output = port_open_stream(stdout, "stdout", PORT_OUTPUT);
	while (*argument != NULL)
		argument++;
	while (argument-- != settings->arguments)
		vm.heap->arguments = cons(make_text(*argument), vm.heap->arguments);
	machine_load(port_open_string(make_text(prelude), NOTHING));
}

enum smal_error machine_begin(const struct heap_options *options)
{
	enum smal_error error = heap_start(options);
	struct catcher catcher;

	if (error != SMAL_OK)
		return error;
	error_catch(&catcher, 0);
	if (setjmp(catcher.jump) != 0) {
		error_land(&catcher);
		error = smal_thread_error(vm.thread);
		heap_end();
		return error;
	}
	globals_define();
	error_done(&catcher);
	return SMAL_OK;
}

void machine_start(const struct machine_options *options)
{
	enum smal_error error;

	settings = options;
	measure_start();
	error_set_stack(options->stack_bytes);
	error = machine_begin(&options->heap);
	if (error != SMAL_OK) {
		fprintf(stderr, "smile: can't make a heap: %s\n", smal_error_text(error));
		exit(2);
	}
}

void machine_end(int status)
{
	if (fflush(stdout) != 0 && status == 0) {
		fprintf(stderr, "smile: can't write to standard output\n");
		status = 1;
	}
	if (settings->stats)
		measure_print(stderr);
	if (settings->timeline != NULL && !measure_write(settings->timeline)) {
		fprintf(stderr, "smile: can't write %s\n", settings->timeline);
		status = 1;
	}
	if (vm_wait(ANY) == 1 && vm.fiber == NULL)
		heap_end();
	exit(status);
}
