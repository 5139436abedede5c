/* SPDX-License-Identifier: MIT */
/*
 * compile.c: the compiler: expressions into nodes, variables into places.
 *
 * One pass. A variable is found when it is compiled, not when it runs: it is
 * number index of the environment that is so many levels up. A procedure has
 * one environment; let takes places in it. They are used again by another let
 * only if no inner procedure has seen them.
 *
 *     compiler (C stack) -> variables: variable -> variable (objects)
 *         | up
 *     compiler of the procedure around
 */
#include "compile.h"

struct node *node_make(run_function *run, value place, value data, size_t index, size_t count)
{
	size_t bytes = heap_size(sizeof(struct node), count, sizeof(struct node *));
	struct node *node = heap_bytes(vm.heap->code, bytes);

	node->run = run;
	node->place = place;
	node->data = data;
	node->index = index;
	node->count = count;
	return node;
}

static int is_located(value v)
{
	return is_pair(v) && smal_type_of(pair_of(v)) == vm.heap->located;
}

value cell_place(value cell, value place)
{
	return is_located(cell) ? cell : is_located(car(cell)) ? car(cell) : place;
}

void bad_form(value form, value place, const char *what)
{
	if (!is_kind(car(form), KIND_SYMBOL))
		error_at(place, form, "%s", what);
	error_at(place, form, "%s: %s", symbol_text(car(form)), what);
}

void variable_declare(struct compiler *compiler, value symbol, int checked, value place)
{
	struct variable *variable;

	if (!is_kind(symbol, KIND_SYMBOL))
		error_at(place, symbol, "not a name for a variable");
	variable = heap_bytes(vm.heap->code, sizeof(struct variable));
	variable->next = compiler->variables;
	variable->symbol = symbol;
	variable->index = compiler->used++;
	variable->checked = checked;
	compiler->variables = variable;
	if (compiler->slots < compiler->used)
		compiler->slots = compiler->used;
}

/** The variable of a name, and how many environments up it is; or NULL. */
static struct variable *find(struct compiler *compiler, value symbol, size_t *levels)
{
	struct variable *variable;

	for (*levels = 0; compiler != NULL; compiler = compiler->up, ++*levels)
		for (variable = compiler->variables; variable != NULL; variable = variable->next)
			if (variable->symbol == symbol)
				return variable;
	return NULL;
}

struct node *variable_assign(struct compiler *compiler, value symbol, value place)
{
	size_t levels;
	struct variable *variable = find(compiler, symbol, &levels);
	struct node *node;

	if (variable == NULL)
		return NULL;
	node = node_make(run_set, place, symbol, variable->index, 1);
	node->levels = levels;
	return node;
}

static struct node *compile_reference(struct compiler *compiler, value symbol, value place)
{
	size_t levels;
	struct variable *variable = find(compiler, symbol, &levels);
	struct node *node;

	if (variable == NULL) {
		if (is_kind(symbol_global(symbol), KIND_SYNTAX))
			error_at(place, symbol, "syntax is not a value");
		return node_make(run_global, place, symbol, 0, 0);
	}
	node = node_make(variable->checked ? run_checked : levels > 0 ? run_outer : run_local, place,
	                 symbol, variable->index, 0);
	node->levels = levels;
	return node;
}

struct syntax *syntax_find(struct compiler *compiler, value form)
{
	size_t levels;
	value head = is_pair(form) ? car(form) : NIL;

	if (!is_kind(head, KIND_SYMBOL) || !is_kind(symbol_global(head), KIND_SYNTAX) ||
	    find(compiler, head, &levels) != NULL)
		return NULL;
	return (struct syntax *)symbol_global(head);
}

value syntax_expand(const struct syntax *syntax, value form, value place)
{
	value arguments[2] = { syntax->expander, cdr(form) };

	place_set(place);
	return call(global_named("apply-list"), 2, arguments);
}

/** The primitive that a call is known to call, or NULL. */
static struct primitive *known_primitive(struct compiler *compiler, value head)
{
	size_t levels;

	if (is_kind(head, KIND_SYMBOL) && symbol_of(head)->fixed &&
	    find(compiler, head, &levels) == NULL)
		head = symbol_global(head);
	return is_kind(head, KIND_PRIMITIVE) ? primitive_of(head) : NULL;
}

/** A call of an inlined primitive, or NULL. */
static struct node *compile_inline(struct compiler *compiler, value form, value place)
{
	const struct primitive *primitive = known_primitive(compiler, car(form));
	size_t count = list_count(cdr(form)), i;
	run_function *run;
	struct node *node;

	if (primitive == NULL)
		return NULL;
	run = inline_find(primitive->spec->name, count);
	if (run == NULL)
		return NULL;
	node = node_make(run, place, (value)primitive, 0, count);
	for (i = 0, form = cdr(form); i < count; i++, form = cdr(form))
		node->kids[i] = compile_cell(compiler, form, place, VALUE);
	return node;
}

static struct node *compile_call(struct compiler *compiler, value form, value place,
                                 enum position position)
{
	size_t count = list_count(form), i;
	struct node *node = compile_inline(compiler, form, place);

	if (node != NULL)
		return node;
	node = node_make(position == TAIL_POSITION ? run_tail_call : run_call, place, NOTHING, 0,
	                 count);
	for (i = 0; i < count; form = cdr(form), i++)
		node->kids[i] = compile_cell(compiler, form, place, VALUE);
	return node;
}

struct node *compile(struct compiler *compiler, value x, value place, enum position position)
{
	const struct syntax *syntax;

	place_set(place);
	error_poll();
	if (is_kind(x, KIND_SYMBOL))
		return compile_reference(compiler, x, place);
	if (x == NIL)
		error_at(place, NOTHING, "an empty list is no expression: quote it");
	if (!is_pair(x))
		return node_make(run_constant, place, x, 0, 0);
	if (list_count(x) == ANY)
		bad_form(x, place, "not a list");
	syntax = syntax_find(compiler, x);
	if (syntax == NULL)
		return compile_call(compiler, x, place, position);
	if (syntax->compile != NULL)
		return syntax->compile(compiler, x, place, position);
	return compile(compiler, syntax_expand(syntax, x, place), place, position);
}

struct node *compile_cell(struct compiler *compiler, value cell, value place,
                          enum position position)
{
	return compile(compiler, car(cell), cell_place(cell, place), position);
}

struct node *compile_sequence(struct compiler *compiler, value forms, value place,
                              enum position position)
{
	size_t count = list_count(forms), i;
	struct node *node;

	if (count == ANY || count == 0)
		error_at(place, NOTHING, "a body needs an expression");
	if (count == 1)
		return compile_cell(compiler, forms, place, position);
	node = node_make(run_sequence, place, NOTHING, 0, count);
	for (i = 0; i < count; i++, forms = cdr(forms))
		node->kids[i] = compile_cell(compiler, forms, place,
		                             i + 1 < count ? VALUE : position);
	return node;
}
