/* SPDX-License-Identifier: MIT */
/*
 * port.c: ports: files, strings, the console; and files that close themselves.
 *
 *     input    buffer:  [ taken | still to be taken |        ]
 *                               ^ position          ^ limit
 *     output to a string: the same with position 0; output to a file goes
 *     to the C library's stream
 *
 * The buffer is a string, grown in place where smal_resize finds room. Ports
 * on files are of a type of their own, with a free callback: a file that the
 * program has lost is closed, and what was written to it is flushed, after the
 * collection that finds it. When the system has no more file descriptors, a
 * collection is the answer; and smal_external says what a stream takes outside
 * of the heap, so that collections come in time.
 *
 * I1  A port of the type file owns its stream; other ports own nothing.
 * I2  A free callback reads its own object only.
 * I3  Of a program's threads one at a time uses a port, but for standard output,
 *     whose stream has a lock: the others wait for a mutex.
 */
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 16 * 1024,
	STRING_BYTES = 48,
	/** What an open file costs outside of the heap: the stream and its buffer. */
	FILE_BYTES = 5 * 1024
};

value port_plain_line(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	value text;

	smal_thread_leave(vm.thread);
	length = getline(&line, &size, stdin);
	smal_thread_enter(vm.thread);
	text = length > 0 ? make_string(line, (size_t)length) : NOTHING;
	free(line);
	return text;
}

value (*port_line)(void) = port_plain_line;

static struct port *port_of(value v)
{
	return (struct port *)v;
}

/** Raises "can't DO a file: REASON: NAME". */
_Noreturn static void fail(const char *what, value name)
{
	error_at(vm.place, name, "can't %s a file: %s", what, strerror(errno));
}

static value port_make(struct smal_type *type, value name, unsigned flags)
{
	struct port *port = heap_object(type, KIND_PORT);

	port->name = name;
	port->flags = flags;
	port->line = 1;
	port->column = 1;
	return (value)port;
}

value port_open_stream(FILE *file, const char *name, unsigned flags)
{
	value port = port_make(vm.heap->port, make_text(name), flags);

	port_of(port)->file = file;
	return port;
}

value port_open_file(value name, unsigned flags)
{
	value port = port_make(vm.heap->file, name, flags);
	const char *mode = flags & PORT_INPUT ? "rb" : "wb";
	FILE *file = fopen(bytes_of(name)->at, mode);

	if (file == NULL && (errno == EMFILE || errno == ENFILE)) {
		smal_collect(vm.thread);
		file = fopen(bytes_of(name)->at, mode);
	}
	if (file == NULL)
		fail("open", name);
	port_of(port)->file = file;
	smal_external(vm.heap->gc, FILE_BYTES);
	return port;
}

value port_open_string(value text, value name)
{
	value port = port_make(vm.heap->port, name, text == NOTHING ? PORT_OUTPUT : PORT_INPUT);

	port_of(port)->buffer = text == NOTHING ? make_bytes(KIND_STRING, STRING_BYTES) : text;
	port_of(port)->limit = text == NOTHING ? 0 : bytes_of(text)->length;
	return port;
}

/** Closes a file. Closing twice is no mistake. */
static value port_close(const value *a)
{
	struct port *port = port_of(a[1]);
	FILE *file = port->file;

	port->position = port->limit = 0;
	port->file = NULL;
	if (file == NULL || smal_type_of(port) != vm.heap->file)
		return UNSPECIFIED;
	smal_external(vm.heap->gc, -FILE_BYTES);
	if (fclose(file) != 0)
		fail("write", port->name);
	return UNSPECIFIED;
}

void port_free(void *object, void *user)
{
	struct port *port = object;

	if (port->file == NULL)
		return;
	fclose(port->file);
	smal_external(((struct heap *)user)->gc, -FILE_BYTES);
}

/** Reads from a file, which may take its time: the thread has left the collector
 *  meanwhile, and may touch no object, not even the buffer. */
static size_t port_read(struct port *port)
{
	char piece[BUFFER_BYTES];
	FILE *file = port->file;
	size_t length;

	smal_thread_leave(vm.thread);
	length = fread(piece, 1, BUFFER_BYTES, file);
	smal_thread_enter(vm.thread);
	if (ferror(file))
		fail("read", port->name);
	memcpy(bytes_of(port->buffer)->at, piece, length);
	return length;
}

/** Gets more bytes into an empty buffer. False at the end. */
static int port_fill(struct port *port)
{
	port->position = port->limit = 0;
	if (port->flags & PORT_CONSOLE) {
		value line;

		payloads_compact(PAYLOAD_NS);
		line = port_line();
		if (line == NOTHING)
			return 0;
		port->buffer = line;
		port->limit = bytes_of(line)->length;
	} else if (port->file != NULL) {
		if (port->buffer == NOTHING)
			port->buffer = make_bytes(KIND_STRING, BUFFER_BYTES);
		port->limit = port_read(port);
	}
	return port->limit != 0;
}

int port_peek(value v)
{
	struct port *port = port_of(v);

	if (port->position >= port->limit && !port_fill(port))
		return EOF;
	return (unsigned char)bytes_of(port->buffer)->at[port->position];
}

int port_get(value v)
{
	struct port *port = port_of(v);
	int c = port_peek(v);

	if (c == EOF)
		return EOF;
	port->position++;
	port->column++;
	if (c == '\n') {
		port->line++;
		port->column = 1;
	}
	return c;
}

void port_drain(value v)
{
	while (port_of(v)->position < port_of(v)->limit)
		port_get(v);
}

/** Makes the buffer of a string port larger: where it is, or elsewhere. */
static void port_reserve(struct port *port, size_t more_bytes)
{
	size_t need = heap_size(port->limit, more_bytes, 1);
	size_t grown = heap_size(need / 2, need, 1);
	struct bytes *old = bytes_of(port->buffer);
	value buffer;

	if (need <= old->length)
		return;
	if (smal_resize(vm.thread, old, sizeof(struct bytes) + grown + 1) == SMAL_OK) {
		old->length = grown;
		return;
	}
	buffer = make_bytes(KIND_STRING, grown);
	memcpy(bytes_of(buffer)->at, old->at, port->limit);
	port->buffer = buffer;
}

void port_write(value v, const char *text, size_t length)
{
	struct port *port = port_of(v);

	if (port->file != NULL) {
		if (fwrite(text, 1, length, port->file) != length)
			fail("write", port->name);
		return;
	}
	if (port->buffer == NOTHING)
		error_at(vm.place, port->name, "the port is closed");
	port_reserve(port, length);
	memcpy(bytes_of(port->buffer)->at + port->limit, text, length);
	port->limit += length;
}

value port_text(value v)
{
	return make_string(bytes_of(port_of(v)->buffer)->at, port_of(v)->limit);
}

static value open_file(const value *a)
{
	return port_open_file(a[1], (unsigned)variant(a));
}

static value open_string(const value *a)
{
	return port_open_string(a[1], NOTHING);
}

static value output_string(const value *a)
{
	if (port_of(a[1])->buffer == NOTHING)
		error_at(vm.place, a[1], "get-output-string: not a string port");
	return port_text(a[1]);
}

enum { READ, READ_CHAR, PEEK_CHAR, READ_LINE };

static value read_line(value port)
{
	value line = port_open_string(NOTHING, NOTHING);
	int c = port_get(port);

	if (c == EOF)
		return END_OF_FILE;
	for (; c != EOF && c != '\n'; c = port_get(port))
		port_write(line, &(char){ (char)c }, 1);
	return port_text(line);
}

static value read_something(const value *a)
{
	value port = a[1] == NOTHING ? vm.heap->input : a[1], cell;
	int c;

	switch (variant(a)) {
	case READ:
		cell = read_datum(port);
		return is_pair(cell) ? car(cell) : cell;
	case READ_LINE:
		return read_line(port);
	default:
		c = variant(a) == READ_CHAR ? port_get(port) : port_peek(port);
		return c == EOF ? END_OF_FILE : character((unsigned)c);
	}
}

static value write_string(const value *a)
{
	port_write(a[2] == NOTHING ? vm.heap->output : a[2], bytes_of(a[1])->at,
	           bytes_of(a[1])->length);
	return UNSPECIFIED;
}

static value write_char(const value *a)
{
	port_write(a[2] == NOTHING ? vm.heap->output : a[2], &(char){ (char)(a[1] >> 8) }, 1);
	return UNSPECIFIED;
}

static value delete_file(const value *a)
{
	if (unlink(bytes_of(a[1])->at) != 0)
		fail("delete", a[1]);
	return UNSPECIFIED;
}

/** Makes an empty file of a name that was not used before; returns the name. */
static value temporary_file(const value *a)
{
	const char *directory = getenv("TMPDIR");
	char name[1000];
	int descriptor;

	(void)a;
	snprintf(name, sizeof(name), "%s/smile-XXXXXX", directory != NULL ? directory : "/tmp");
	descriptor = mkstemp(name);
	if (descriptor < 0)
		fail("make", make_text(name));
	close(descriptor);
	return make_text(name);
}

const struct primitive_spec port_primitives[] = {
	{ "open-input-file", open_file, "s", PORT_INPUT },
	{ "open-output-file", open_file, "s", PORT_OUTPUT },
	{ "open-input-string", open_string, "s", 0 },
	{ "open-output-string", open_string, "", 0 },
	{ "get-output-string", output_string, "w", 0 },
	{ "close-port", port_close, "h", 0 },
	{ "read", read_something, "|r", READ },
	{ "read-char", read_something, "|r", READ_CHAR },
	{ "peek-char", read_something, "|r", PEEK_CHAR },
	{ "read-line", read_something, "|r", READ_LINE },
	{ "write-string", write_string, "s|w", 0 },
	{ "write-char", write_char, "c|w", 0 },
	{ "delete-file", delete_file, "s", 0 },
	{ "temporary-file", temporary_file, "", 0 },
	{ NULL, NULL, NULL, 0 }
};
