/* SPDX-License-Identifier: MIT */
/*
 * vm.h: what the parts of the machine do for each other: errors, primitives,
 * ports, numbers and lists, compiled code, the machine as a whole.
 */
#ifndef VM_H
#define VM_H

#include "heap.h"

#include <setjmp.h>
#include <stdio.h>

/* ---- Errors (error.c) ---- */

/**
 * Somebody on the C stack to jump to:
 *
 *     error_catch(&catcher, 0);
 *     if (setjmp(catcher.jump) == 0) { ... work ...; error_done(&catcher); }
 *     else { error_land(&catcher); ... vm.raised says why ... }
 *
 * Mark and free callbacks, in which libsmal is at work, raise nothing.
 */
struct catcher {
	jmp_buf jump;
	struct catcher *up;
	/** 0 catches errors; anything else, the escape of that number alone. */
	uintptr_t number;
};

/** Begins catching; ends it without a jump; ends it after one. */
void error_catch(struct catcher *catcher, uintptr_t number);
void error_done(struct catcher *catcher);
void error_land(struct catcher *catcher);

/** Hands a value to the innermost catcher of errors. */
_Noreturn void error_raise(value raised);

/** Raises a condition. The place is a located pair, or FALSE; the irritant is
 *  what it is about, or NOTHING. */
__attribute__((format(printf, 3, 4)))
_Noreturn void error_at(value place, value irritant, const char *format, ...);

/** Ends catching after a jump, and prints what was raised, and where, to
 *  standard error. What goes wrong in that is told, too. */
void error_report(struct catcher *catcher);

/** Ends catching after a jump; the text of what was raised, in malloc's memory,
 *  or NULL. */
char *error_text(struct catcher *catcher);

/** Wipes what the last expression has left on the dead stack: the next one's
 *  frames would lie over it, and seem to hold it still. */
void error_wipe(void);

/** What the poll does when the stack is below its limit. */
void error_poll_slow(void);

/** True if the poll has something to do: the stack is too deep, somebody has
 *  asked for it, or a collection waits for this thread. */
static inline int error_is_due(void)
{
	int deep = (uintptr_t)__builtin_frame_address(0) < vm.stack_limit;
	uint32_t poll = __atomic_load_n(&vm.thread->poll, __ATOMIC_RELAXED);

	return __builtin_expect(deep | (poll != 0), 0);
}

/** The poll: is called by everything that recurs or loops. */
static inline void error_poll(void)
{
	if (error_is_due())
		error_poll_slow();
}

/** Stack that is kept for C functions that do not poll. */
enum { STACK_RESERVE_BYTES = 64 * 1024 };

/** Raises an error if the stack has not so many bytes left. */
void error_reserve(size_t bytes);

/** Gives the stack its limit: the calling thread's, of so many bytes. */
void error_set_stack(size_t bytes);

/** The same for any stack; the program may use it down to base. */
void error_use_stack(uintptr_t base);

/** Has a thread's next poll raise an error. May be called by a signal handler. */
void error_interrupt(struct vm *thread);

/* ---- Primitives (primitive.c) ---- */

/** Calls the primitive in a[0] with the arguments that follow, after a check.
 *  There must be room behind them for those it may take, and one more. */
value primitive_call(value *a, size_t count, value place);

value primitive_make(const struct primitive_spec *spec, value data);

/** Binds the primitives of a table, which ends with no name, to globals. */
void primitives_define(const struct primitive_spec *specs);

/** Raises "NAME: out of range" for argument i of a primitive. */
_Noreturn void error_range(const value *a, size_t i);

/** [base, limit) of a sequence. */
struct range {
	size_t base, limit;
};

/** The range that the optional arguments i and i + 1 of a primitive are. */
struct range argument_range(const value *a, size_t i, size_t length);

/** Raises "NAME: needs ... arguments, got ...". */
_Noreturn void error_arity(const char *name, size_t required, size_t maximum, size_t count);

extern const struct primitive_spec type_primitives[], number_primitives[], list_primitives[],
	sequence_primitives[], port_primitives[], error_primitives[], call_primitives[],
	syntax_primitives[], measure_primitives[], read_primitives[], symbol_primitives[],
	thread_primitives[], mutex_primitives[], weak_primitives[], guardian_primitives[],
	fiber_primitives[], explain_primitives[], isolate_primitives[], bytevector_primitives[],
	payload_primitives[];

/* ---- Ports (port.c) and the reader (read.c) ---- */

enum port_flags {
	PORT_INPUT = 1,
	PORT_OUTPUT = 2,
	/** Input comes line by line from port_line. */
	PORT_CONSOLE = 4
};

struct port {
	uintptr_t kind;
	/** A string: the file's name. Bytes read and not yet taken, or written
	 *  to a string port: [position, limit) of a string. */
	value name, buffer;
	size_t position, limit;
	/** Where the next character stands, from 1. */
	size_t line, column;
	/** NULL for string ports, for the console, and once it is closed. */
	FILE *file;
	uintptr_t flags;
};

/** Opens a port: on a file; on a stream that it does not close; on a string,
 *  or, with NOTHING, one that collects what is written to it. The name is the
 *  one that places have; without a name, what is read has no places. */
value port_open_file(value name, unsigned flags);
value port_open_stream(FILE *file, const char *name, unsigned flags);
value port_open_string(value text, value name);

/** The free callback of file ports. */
void port_free(void *object, void *user);

/** The next byte, taken or not, or EOF. */
int port_get(value port);
int port_peek(value port);

/** Drops the rest of the console's line. */
void port_drain(value port);

void port_write(value port, const char *text, size_t length);

/** What has been written to a string port, a string. */
value port_text(value port);

/** The next line of the console with its newline, a string, or NOTHING; as it
 *  is to begin with: the next line of standard input. */
extern value (*port_line)(void);
value port_plain_line(void);

/** The next datum of a port, as the car of a pair, or END_OF_FILE. If the port
 *  has a name, all pairs are located. Raises an error where the text is wrong. */
value read_datum(value port);

/* ---- Numbers (number.c) and lists (list.c) ---- */

enum number_op {
	NUMBER_ADD,
	NUMBER_SUBTRACT,
	NUMBER_MULTIPLY,
	NUMBER_DIVIDE,
	NUMBER_EQUAL,
	NUMBER_LESS,
	NUMBER_GREATER,
	NUMBER_AT_MOST,
	NUMBER_AT_LEAST
};

/** The number that a text spells in a radix, or FALSE. */
value number_parse(const char *text, size_t length, int radix);

/** How many elements a list has; ANY if it does not end in (), or not at all. */
size_t list_count(value list);

/** A hash of bytes. */
uint32_t hash_bytes(const void *at, size_t length);

/* ---- Bytevectors (payload.c, bytevector.c) ---- */

/** How long the machine moves blocks when it has a moment. */
enum { PAYLOAD_NS = 1000000 };

/** A heap of handles for an interpreter. It outlives the collector, which frees the
 *  last blocks. */
enum smal_error payloads_create(struct heap *heap);

/** Moves blocks together for max_ns at most, or, with 0, to the end. True if that was
 *  reached. */
int payloads_compact(uint64_t max_ns);

/** The free callback of bytevectors. */
void bytevector_free(void *object, void *user);

int bytevector_equal(value x, value y);
uint32_t bytevector_hash(value v);

/* ---- Code (run.c, call.c, inline.c, compile.c) ---- */

struct node;

/** Evaluates a node. Returns its value, or, where the node stands in a tail
 *  position, perhaps TAIL. */
typedef value run_function(const struct node *node, struct environment *environment);

/** Compiled code is a tree of nodes that run themselves: each holds the C
 *  function that evaluates it. There is no other interpreter. */
struct node {
	run_function *run;
	/** Where it stands in the text: a located pair, or FALSE. */
	value place;
	/** A value or an object, see the run function. */
	value data;
	/** A variable's place in its environment; how many environments up. */
	size_t index, levels;
	size_t count;
	const struct node *kids[];
};

/** The code of a lambda expression. */
struct code {
	/** Arguments that must be passed; the same, or ANY if more may be, which
	 *  become a list; variables in the environment. */
	size_t required, maximum, slots;
	/** True if the environment may lie on the stack. */
	int on_stack;
	const struct node *body;
	/** A symbol, or NOTHING. */
	value name;
};

run_function run_constant, run_local, run_outer, run_checked, run_global, run_set, run_set_global,
	run_define, run_if, run_sequence, run_let, run_lambda, run_call, run_tail_call;

/** Evaluates a node, without a call if it is a variable of the innermost
 *  environment, or a constant. */
static inline value evaluate(const struct node *node, struct environment *environment)
{
	if (node->run == run_local)
		return environment->at[node->index];
	if (node->run == run_constant)
		return node->data;
	return node->run(node, environment);
}

/** Notes where the call stands that is being made. Code that has no place, the
 *  prelude's, stands where it is called. */
static inline void place_set(value place)
{
	if (place != FALSE)
		vm.place = place;
}

/** Calls a procedure from C. */
value call(value procedure, size_t count, const value *arguments);

/** The run function that does the same as calling a primitive of that name
 *  with so many arguments, only sooner; or NULL. */
run_function *inline_find(const char *name, size_t count);

/** Compiles the expression in a cell, and evaluates it. */
value compile_and_run(value cell);

/** Binds the syntax that is not in the prelude to its names. */
void syntax_define(void);

/* ---- Threads (thread.c) ---- */

/** Starts a thread of the system with a stack of that size. Returns as
 *  pthread_create. */
int thread_create(pthread_t *thread, size_t stack_bytes, void *(*function)(void *),
                  void *argument);

/* ---- Stacks of fibers (stack.c, fiber.c) ---- */

/** The mark callback of fibers, and their size. */
void *fiber_mark(struct smal_marker *marker, void *object);
size_t fiber_object_bytes(void);

/** Unmaps the stacks that the thread has kept for fibers to come. */
void stacks_free(void);

/* ---- The machine (machine.c, measure.c, main.c) ---- */

/** What the command line asks for. */
struct machine_options {
	struct heap_options heap;
	size_t stack_bytes;
	/** Print statistics at the end; write the timeline to a file, or NULL. */
	int stats;
	const char *timeline;
	/** An expression to evaluate, and a program to run; else the REPL. */
	const char *expression, *file;
	/** The program's name and its arguments, as (command-line) has them; then
	 *  NULL. */
	char **arguments;
};

/** Makes an interpreter with all its globals, of which this is the first thread.
 *  The stack has its limit already. */
enum smal_error machine_begin(const struct heap_options *options);

/** Evaluates all that a port has to read; returns the last value. */
value machine_load(value port);

/** The same for the process's own. On the thread that is to run programs. */
void machine_start(const struct machine_options *options);

/** Ends the process: statistics, timeline, open files. */
_Noreturn void machine_end(int status);

/** Evaluates a text, or a file if there is no text; prints an error. Returns
 *  an exit status. */
int machine_run(const char *text, const char *file);

/** Reads from standard input, evaluates, prints; goes on after errors. */
void repl_run(void);

/** Starts the clock of (runtime) and of the timeline. */
void measure_start(void);

/** Has an interpreter measured, if it is the first in the process. */
void measure_heap(const struct heap *heap);

/** The observer of collections; its user is the heap. */
void measure_collection(const struct smal_collection *collection, void *user);

/** Prints time, allocation, collections, pauses and memory. */
void measure_print(FILE *file);

/** Writes "ns bytes" for each collection that was kept. False if it fails. */
int measure_write(const char *path);

#endif
