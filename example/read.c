/* SPDX-License-Identifier: MIT */
/*
 * read.c: the reader: text into data that know where they stand; and the text
 * of what can't be taken apart.
 *
 * Every pair that is read from a port with a name is a located pair: it says
 * where its car begins in the text. So the compiler can name the place of
 * anything, even of a symbol, by the cell that holds it. At run time such a
 * pair is a pair like any other.
 */
#include "vm.h"

#include <string.h>

struct reader {
	struct port *port;
	/** The token that is being read, a string port. */
	value token;
};

static const char *const character_names[] = {
	[0] = "null", [7] = "alarm", [8] = "backspace", [9] = "tab", [10] = "newline",
	[13] = "return", [27] = "escape", [32] = "space", [127] = "delete"
};

static int get(struct reader *reader)
{
	return port_get((value)reader->port);
}

static int peek(struct reader *reader)
{
	return port_peek((value)reader->port);
}

static value here(const struct reader *reader)
{
	size_t column = reader->port->column < 1023 ? reader->port->column : 1023;

	return fixnum((intptr_t)(reader->port->line << 10 | column));
}

static value cell_make(struct reader *reader, value head, value position)
{
	if (reader->port->name == NOTHING)
		return cons(head, NIL);
	return make_located_pair(head, NIL, reader->port->name, position);
}

static value place_of(struct reader *reader, value position)
{
	return reader->port->name == NOTHING ? vm.place : cell_make(reader, NIL, position);
}

_Noreturn static void fail(struct reader *reader, value position, const char *what)
{
	error_at(place_of(reader, position), NOTHING, "%s", what);
}

/** The same about the token. */
_Noreturn static void fail_token(struct reader *reader, value position, const char *what)
{
	error_at(place_of(reader, position), NOTHING, "%s: %s", what,
	         bytes_of(port_text(reader->token))->at);
}

static int is_space(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int is_delimiter(int c)
{
	return c == EOF || is_space(c) || memchr("()\";'`,", c, 7) != NULL;
}

/** Skips space and ";" comments; returns the next character, not taken. */
static int skip(struct reader *reader)
{
	for (;;) {
		int c = peek(reader);

		if (c == ';')
			while (c != '\n' && c != EOF)
				c = get(reader);
		else if (is_space(c))
			get(reader);
		else
			return c;
	}
}

static void token_put(struct reader *reader, int c)
{
	port_write(reader->token, &(char){ (char)c }, 1);
}

/** Reads up to a delimiter. */
static const struct bytes *token_read(struct reader *reader)
{
	while (!is_delimiter(peek(reader)))
		token_put(reader, get(reader));
	return bytes_of(port_text(reader->token));
}

static int read_escape(struct reader *reader)
{
	static const char escapes[] = "n\nt\tr\r\"\"\\\\";
	value position = here(reader);
	int c = get(reader), i;

	for (i = 0; escapes[i] != '\0'; i += 2)
		if (c == escapes[i])
			return escapes[i + 1];
	fail(reader, position, "not an escape in a string");
}

static value read_string(struct reader *reader, value position)
{
	int c;

	while ((c = get(reader)) != '"') {
		if (c == EOF)
			fail(reader, position, "this string does not end");
		token_put(reader, c == '\\' ? read_escape(reader) : c);
	}
	return port_text(reader->token);
}

static value read_character(struct reader *reader, value position)
{
	const struct bytes *token;
	int code;

	get(reader);
	token_put(reader, get(reader));
	token = token_read(reader);
	if (token->length == 1)
		return character((unsigned char)token->at[0]);
	for (code = 0; code < 128; code++)
		if (character_names[code] != NULL && strcmp(character_names[code], token->at) == 0)
			return character((unsigned)code);
	fail_token(reader, position, "not a character's name");
}

static value read_atom(struct reader *reader, value position)
{
	const struct bytes *token = token_read(reader);
	value number = number_parse(token->at, token->length, 10);
	size_t sign = token->at[0] == '-' || token->at[0] == '+';

	if (number == FALSE && token->at[sign] >= '0' && token->at[sign] <= '9')
		fail_token(reader, position, "not a number, or too large");
	return number != FALSE ? number : symbol_intern(token->at, token->length);
}

static value read_cell(struct reader *reader);

/** Reads the rest of a list, up to the parenthesis. */
static value read_list(struct reader *reader, value position)
{
	value first = NIL, last = NIL, cell;

	while (skip(reader) != ')') {
		if (peek(reader) == EOF)
			fail(reader, position, "this list does not end");
		cell = read_cell(reader);
		if (car(cell) == symbol_named(".") && last != NIL) {
			pair_of(last)->cdr = car(read_cell(reader));
			if (skip(reader) != ')')
				fail(reader, here(reader), "needs ) after the end of a dotted list");
			break;
		}
		if (last == NIL)
			first = cell;
		else
			pair_of(last)->cdr = cell;
		last = cell;
	}
	get(reader);
	return first;
}

/** What begins with "#"; that has been taken. */
static value read_hash(struct reader *reader, value position)
{
	const struct bytes *token;
	value number = FALSE, list;

	if (peek(reader) == '\\')
		return read_character(reader, position);
	token = token_read(reader);
	if (peek(reader) == '(' && (token->length == 0 || strcmp(token->at, "u8") == 0)) {
		get(reader);
		list = read_list(reader, position);
		return call(global_named(token->length == 0 ? "list->vector" : "list->bytevector"), 1,
		            &list);
	}
	if (strcmp(token->at, "t") == 0 || strcmp(token->at, "f") == 0)
		return boolean(token->at[0] == 't');
	if (token->at[0] == 'x')
		number = number_parse(token->at + 1, token->length - 1, 16);
	if (number == FALSE)
		fail_token(reader, position, "unknown # syntax");
	return number;
}

/** 'x and its like: a list of two. */
static value read_quoted(struct reader *reader, value position, int c)
{
	int splicing = c == ',' && peek(reader) == '@';
	value cell = cell_make(reader, symbol_named(c == '\'' ? "quote" : c == '`' ? "quasiquote" :
	                                            splicing ? "unquote-splicing" : "unquote"),
	                       position);

	if (splicing)
		get(reader);
	pair_of(cell)->cdr = read_cell(reader);
	return cell;
}

/** Reads a datum into a cell. */
static value read_cell(struct reader *reader)
{
	int c = skip(reader);
	value position = here(reader), datum;

	if (error_is_due())
		vm.place = place_of(reader, position);
	error_poll();
	((struct port *)reader->token)->limit = 0;
	if (c == EOF)
		fail(reader, position, "the text ends where something is needed");
	if (memchr("()\"'`,#", c, 7) == NULL)
		return cell_make(reader, read_atom(reader, position), position);
	get(reader);
	if (c == ')')
		fail(reader, position, "there is no list for ) to end");
	datum = c == '(' ? read_list(reader, position) :
	        c == '"' ? read_string(reader, position) :
	        c == '#' ? read_hash(reader, position) : read_quoted(reader, position, c);
	return cell_make(reader, datum, position);
}

/** The text of an object that is nothing else. */
static const char *object_text(value v)
{
	static const char *const texts[] = {
		[KIND_PORT] = "#<port>", [KIND_CONDITION] = "#<error>", [KIND_TABLE] = "#<table>",
		[KIND_WEAK_BOX] = "#<weak-box>", [KIND_EPHEMERON] = "#<ephemeron>",
		[KIND_FIBER] = "#<fiber>", [KIND_THREAD] = "#<thread>", [KIND_MUTEX] = "#<mutex>",
		[KIND_CONDITION_VARIABLE] = "#<condition-variable>"
	};
	uintptr_t kind = *(const uintptr_t *)v;
	const char *text = kind < sizeof(texts) / sizeof(texts[0]) ? texts[kind] : NULL;

	return text != NULL ? text : "#<object>";
}

/** (describe X): the text of a value that has no parts. */
static value describe(const value *a)
{
	static const char *const constants[] = { "#f", "#t", "()", "#<unspecified>", "#<eof>" };
	char text[100];
	value name;
	int c;

	if (is_character(a[1])) {
		c = (int)(a[1] >> 8);
		if (c < 128 && character_names[c] != NULL)
			snprintf(text, sizeof(text), "#\\%s", character_names[c]);
		else
			snprintf(text, sizeof(text), "#\\%c", c);
	} else if (is_kind(a[1], KIND_CLOSURE)) {
		name = closure_of(a[1])->code->name;
		snprintf(text, sizeof(text), "#<procedure%s%s>", name == NOTHING ? "" : " ",
		         name == NOTHING ? "" : symbol_text(name));
	} else if (is_kind(a[1], KIND_PRIMITIVE)) {
		snprintf(text, sizeof(text), "#<procedure %s>", primitive_of(a[1])->spec->name);
	} else if ((a[1] & TAG_MASK) == TAG_CONSTANT) {
		return make_text(constants[a[1] >> 3]);
	} else {
		return make_text(object_text(a[1]));
	}
	return make_text(text);
}

const struct primitive_spec read_primitives[] = {
	{ "describe", describe, "x", 0 },
	{ NULL, NULL, NULL, 0 }
};

value read_datum(value port)
{
	struct reader reader = { (struct port *)port, port_open_string(NOTHING, NOTHING) };

	return skip(&reader) == EOF ? END_OF_FILE : read_cell(&reader);
}
