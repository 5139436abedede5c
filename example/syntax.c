/* SPDX-License-Identifier: MIT */
/*
 * syntax.c: the syntax that is not made of other syntax; and macros.
 *
 * quote, if, set!, define, lambda, let, letrec, begin, define-macro; the rest
 * is in prelude.scm. letrec, and a body with definitions, becomes a let whose
 * variables have no value yet, and assignments: who reads one too early is
 * told (I1 of run.c).
 */
#include "compile.h"

static value list_2(value x, value y)
{
	return cons(x, cons(y, NIL));
}

/** Checks how many elements a form has, its name included. */
static void check(value form, value place, size_t least, size_t most)
{
	size_t count = list_count(form);

	if (count == ANY || count < least || count > most)
		bad_form(form, place, "bad form");
}

/** Checks ((NAME EXPRESSION) ...), the second part of a form. */
static value check_bindings(value form, value place)
{
	value rest;

	check(form, place, 3, ANY - 1);
	for (rest = car(cdr(form)); is_pair(rest); rest = cdr(rest))
		if (list_count(car(rest)) != 2)
			bad_form(form, cell_place(rest, place), "bad binding");
	if (rest != NIL)
		bad_form(form, place, "bad form");
	return car(cdr(form));
}

/** Checks that a definition's name is one, and not the language's own. */
static void check_global(value symbol, value place)
{
	if (!is_kind(symbol, KIND_SYMBOL))
		error_at(place, symbol, "not a name for a variable");
	if (symbol_of(symbol)->fixed)
		error_at(place, symbol, "this name can't be given another meaning");
}

static struct node *syntax_quote(struct compiler *compiler, value form, value place,
                                 enum position position)
{
	(void)compiler;
	(void)position;
	check(form, place, 2, 2);
	return node_make(run_constant, place, car(cdr(form)), 0, 0);
}

static struct node *syntax_if(struct compiler *compiler, value form, value place,
                              enum position position)
{
	struct node *node = node_make(run_if, place, NOTHING, 0, 3);
	value rest;

	check(form, place, 3, 4);
	rest = cdr(cdr(form));
	node->kids[0] = compile_cell(compiler, cdr(form), place, VALUE);
	node->kids[1] = compile_cell(compiler, rest, place, position);
	node->kids[2] = is_pair(cdr(rest)) ? compile_cell(compiler, cdr(rest), place, position) :
	                node_make(run_constant, place, UNSPECIFIED, 0, 0);
	return node;
}

static struct node *syntax_begin(struct compiler *compiler, value form, value place,
                                 enum position position)
{
	return compile_sequence(compiler, cdr(form), place, position);
}

/** What a cell holds; a procedure that has no name gets the variable's. */
static struct node *compile_named(struct compiler *compiler, value cell, value place, value name)
{
	struct node *node = compile_cell(compiler, cell, place, VALUE);

	if (node->run == run_lambda && ((struct code *)node->data)->name == NOTHING)
		((struct code *)node->data)->name = name;
	return node;
}

static struct node *syntax_set(struct compiler *compiler, value form, value place,
                               enum position position)
{
	struct node *node;
	value symbol;

	(void)position;
	check(form, place, 3, 3);
	symbol = car(cdr(form));
	node = variable_assign(compiler, symbol, place);
	if (node == NULL) {
		place = cell_place(cdr(form), place);
		check_global(symbol, place);
		node = node_make(run_set_global, place, symbol, 0, 1);
	}
	node->kids[0] = compile_named(compiler, cdr(cdr(form)), place, symbol);
	return node;
}

/** The procedure that has been compiled. */
static struct node *lambda_make(const struct compiler *inner, struct node *body, size_t required,
                                int rest)
{
	struct code *code = heap_bytes(vm.heap->code, sizeof(struct code));

	code->required = required;
	code->maximum = rest ? ANY : required;
	code->slots = inner->slots;
	code->on_stack = inner->lambdas == 0 && !rest && inner->slots <= STACK_VARIABLES;
	code->body = body;
	return node_make(run_lambda, body->place, (value)code, 0, 0);
}

value compile_and_run(value cell)
{
	struct compiler compiler = { .up = NULL };
	struct node *body = compile_cell(&compiler, cell, FALSE, TAIL_POSITION);

	return call(run_lambda(lambda_make(&compiler, body, 0, 0), NULL), 0, NULL);
}

/** A definition as (NAME EXPRESSION). */
static value definition_binding(value form, value place)
{
	value target, lambda;

	check(form, place, 3, ANY - 1);
	target = car(cdr(form));
	if (is_pair(target)) {
		lambda = cons(symbol_named("lambda"), cons(cdr(target), cdr(cdr(form))));
		return list_2(car(target), lambda);
	}
	check(form, place, 3, 3);
	return cdr(form);
}

static struct node *syntax_definition(struct compiler *compiler, value form, value place,
                                      enum position position)
{
	value binding = definition_binding(form, place);
	struct node *node;

	(void)position;
	if (compiler->depth > 0 || compiler->up != NULL)
		bad_form(form, place, "belongs at the start of a body");
	check_global(car(binding), cell_place(cdr(form), place));
	node = node_make(run_define, place, car(binding), 0, 1);
	node->kids[0] = compile_named(compiler, cdr(binding), place, car(binding));
	return node;
}

/** (let ((NAME <nothing>) ...) (set! NAME EXPRESSION) ... (let () BODY ...)), of
 *  bindings in reverse. */
static value letrec_form(value bindings, value body)
{
	value empty = NIL, let = symbol_named("let");

	body = cons(cons(let, cons(NIL, body)), NIL);
	for (; is_pair(bindings); bindings = cdr(bindings)) {
		empty = cons(list_2(car(car(bindings)), NOTHING), empty);
		body = cons(cons(symbol_named("set!"), car(bindings)), body);
	}
	return cons(let, cons(empty, body));
}

static struct node *syntax_letrec(struct compiler *compiler, value form, value place,
                                  enum position position)
{
	value bindings = NIL, rest;

	for (rest = check_bindings(form, place); is_pair(rest); rest = cdr(rest))
		bindings = cons(car(rest), bindings);
	return compile(compiler, letrec_form(bindings, cdr(cdr(form))), place, position);
}

/** Adds the definitions that a form makes to a list, the last one first. False
 *  if it is anything else, or holds anything else. */
static int definitions(struct compiler *compiler, value form, value place, value *bindings)
{
	struct syntax *syntax = syntax_find(compiler, form);
	value before = *bindings, rest;

	if (syntax == NULL || list_count(form) == ANY)
		return 0;
	if (syntax->compile == NULL)
		return definitions(compiler, syntax_expand(syntax, form, place), place, bindings);
	if (syntax->compile == syntax_definition) {
		*bindings = cons(definition_binding(form, place), *bindings);
		return 1;
	}
	for (rest = cdr(form); syntax->compile == syntax_begin && is_pair(rest); rest = cdr(rest)) {
		if (!definitions(compiler, car(rest), cell_place(rest, place), bindings)) {
			*bindings = before;
			return 0;
		}
	}
	return syntax->compile == syntax_begin;
}

/** Definitions, then expressions, in a scope of their own. */
static struct node *compile_body(struct compiler *compiler, value forms, value place,
                                 enum position position)
{
	value bindings = NIL;
	struct node *node;

	compiler->depth++;
	while (is_pair(forms) &&
	       definitions(compiler, car(forms), cell_place(forms, place), &bindings))
		forms = cdr(forms);
	if (forms == NIL)
		error_at(place, NOTHING, "a body needs an expression");
	node = bindings == NIL ? compile_sequence(compiler, forms, place, position) :
	       compile(compiler, letrec_form(bindings, forms), place, position);
	compiler->depth--;
	return node;
}

/** (lambda PARAMETERS BODY ...) */
static struct node *syntax_lambda(struct compiler *compiler, value form, value place,
                                  enum position position)
{
	struct compiler inner = { .up = compiler };
	struct node *body;
	size_t required = 0;
	value rest;

	(void)position;
	compiler->lambdas++;
	check(form, place, 3, ANY - 1);
	for (rest = car(cdr(form)); is_pair(rest); rest = cdr(rest), required++)
		variable_declare(&inner, car(rest), 0, cell_place(rest, place));
	if (rest != NIL)
		variable_declare(&inner, rest, 0, place);
	body = compile_body(&inner, cdr(cdr(form)), place, TAIL_POSITION);
	return lambda_make(&inner, body, required, rest != NIL);
}

/** (let ((NAME EXPRESSION) ...) BODY ...) */
static struct node *syntax_let(struct compiler *compiler, value form, value place,
                               enum position position)
{
	struct variable *outer = compiler->variables;
	size_t slot = compiler->used, lambdas = compiler->lambdas, i = 0;
	value bindings, rest;
	struct node *node;

	check(form, place, 3, ANY - 1);
	if (is_kind(car(cdr(form)), KIND_SYMBOL)) {
		check_bindings(cdr(form), place);
		form = cons(symbol_named("named-let"), cdr(form));
		return compile(compiler, form, place, position);
	}
	bindings = check_bindings(form, place);
	node = node_make(run_let, place, NOTHING, slot, list_count(bindings) + 1);
	compiler->used += list_count(bindings);
	for (rest = bindings; is_pair(rest); rest = cdr(rest))
		node->kids[i++] = compile_named(compiler, cdr(car(rest)), cell_place(rest, place),
		                                car(car(rest)));
	compiler->used = slot;
	for (rest = bindings; is_pair(rest); rest = cdr(rest))
		variable_declare(compiler, car(car(rest)), car(cdr(car(rest))) == NOTHING,
		                 cell_place(rest, place));
	node->kids[i] = compile_body(compiler, cdr(cdr(form)), place, position);
	compiler->variables = outer;
	if (compiler->lambdas == lambdas)
		compiler->used = slot;
	return node;
}

static void bind(const char *name, syntax_function *function, value expander)
{
	struct syntax *syntax = heap_object(vm.heap->object, KIND_SYNTAX);

	syntax->name = symbol_named(name);
	syntax->compile = function;
	syntax->expander = expander;
	symbol_bind(syntax->name, (value)syntax);
}

/** (define-macro (NAME . PARAMETERS) BODY ...): NAME's forms are expanded by
 *  that procedure, from now on. */
static struct node *syntax_macro(struct compiler *compiler, value form, value place,
                                 enum position position)
{
	value binding = definition_binding(form, place), expander;

	(void)position;
	if (compiler->depth > 0 || compiler->up != NULL)
		bad_form(form, place, "belongs at the top level");
	check_global(car(binding), place);
	expander = compile_and_run(cdr(binding));
	if (is_kind(expander, KIND_CLOSURE))
		closure_of(expander)->code->name = car(binding);
	bind(symbol_text(car(binding)), NULL, expander);
	return node_make(run_constant, place, UNSPECIFIED, 0, 0);
}

void syntax_define(void)
{
	bind("quote", syntax_quote, NOTHING);
	bind("if", syntax_if, NOTHING);
	bind("set!", syntax_set, NOTHING);
	bind("begin", syntax_begin, NOTHING);
	bind("define", syntax_definition, NOTHING);
	bind("define-macro", syntax_macro, NOTHING);
	bind("lambda", syntax_lambda, NOTHING);
	bind("let", syntax_let, NOTHING);
	bind("letrec", syntax_letrec, NOTHING);
}

/** (fix-globals!): what is defined now can't be defined anew. */
static value fix_globals(const value *a)
{
	size_t i;

	(void)a;
	for (i = 0; i < vm.heap->globals_count; i++)
		symbol_of(vector_of(vm.heap->globals)->at[i])->fixed = 1;
	return UNSPECIFIED;
}

const struct primitive_spec syntax_primitives[] = {
	{ "fix-globals!", fix_globals, "", 0 },
	{ NULL, NULL, NULL, 0 }
};
