/* SPDX-License-Identifier: MIT */
/*
 * compile.h: what the compiler (compile.c) and the syntax (syntax.c) share.
 *
 * Everything that lasts lies in objects of the collector; what is needed for
 * one expression only lies on the C stack.
 */
#ifndef COMPILE_H
#define COMPILE_H

#include "vm.h"

/** A local variable, an object of the collector. */
struct variable {
	struct variable *next;
	value symbol;
	/** Its place in the environment; true if it may be read too early. */
	size_t index;
	int checked;
};

/** A procedure that is being compiled. */
struct compiler {
	struct compiler *up;
	/** In scope, innermost first. */
	struct variable *variables;
	/** Places in use; the most that were; bodies around this place; inner
	 *  procedures so far. */
	size_t used, slots, depth, lambdas;
};

/** Whether an expression's value is the procedure's. */
enum position { VALUE, TAIL_POSITION };

/** What compiles a form that begins with a certain name. */
typedef struct node *syntax_function(struct compiler *compiler, value form, value place,
                                     enum position position);

/** The value of such a name: built in, or a macro, a procedure that turns the
 *  rest of the form into another form. */
struct syntax {
	uintptr_t kind;
	value name, expander;
	syntax_function *compile;
};

struct node *node_make(run_function *run, value place, value data, size_t index, size_t count);

/** The place of what a cell holds, or the one around it. */
value cell_place(value cell, value place);

/** Raises "NAME: WHAT: FORM". */
_Noreturn void bad_form(value form, value place, const char *what);

/** Brings a variable into scope, in the next place. */
void variable_declare(struct compiler *compiler, value symbol, int checked, value place);

/** A node that assigns a name's variable, or NULL if the name is global. */
struct node *variable_assign(struct compiler *compiler, value symbol, value place);

/** The syntax that a form's head stands for, or NULL. */
struct syntax *syntax_find(struct compiler *compiler, value form);

/** What a macro makes of a form. */
value syntax_expand(const struct syntax *syntax, value form, value place);

struct node *compile(struct compiler *compiler, value x, value place, enum position position);
struct node *compile_cell(struct compiler *compiler, value cell, value place,
                          enum position position);

/** Expressions in turn. */
struct node *compile_sequence(struct compiler *compiler, value forms, value place,
                              enum position position);

#endif
