/* SPDX-License-Identifier: MIT */
/*
 * heap.h: an interpreter, its threads, and how objects are made.
 *
 *     struct heap    an interpreter: a collector, its types, the globals, the
 *        |           standard ports; what all its threads share
 *        +- struct vm    a thread of it: the variable vm, one to a thread
 *        +- struct vm
 *
 * Several interpreters can be in a process, each with a collector of its own
 * and objects that no other one refers to. All objects of the language are
 * libsmal's: nothing of it lies in malloc's memory.
 *
 * A function that makes an object may collect. It returns the object, or does
 * not return: an allocation that fails becomes an error of the language
 * (error.c). What the caller still needs must be in its C variables, or in an
 * object or a root that is reachable.
 */
#ifndef HEAP_H
#define HEAP_H

#include <smal.h>

#include "value.h"

#include <pthread.h>

/** How a heap is set up: the command line's options. */
struct heap_options {
	enum smal_pace pace;
	size_t heap_bytes, limit_bytes;
	unsigned pace_percent, torture;
};

/** What the threads of an interpreter share. */
struct heap {
	struct smal_gc *gc;
	struct heap_options options;

	/* Types; heap.c says how each is marked. */
	struct smal_type *pair, *located, *flonum, *bytes, *vector, *closure, *environment, *code,
		*object, *bytevector, *primitive, *port, *file, *fiber;

	/* Roots. */
	/** The symbol table, see symbol.c; a vector of the symbols that have a
	 *  global, and how many there are. */
	struct smal_map *symbols;
	value globals;
	size_t globals_count;
	/** (command-line), a list of strings; the ports of standard input and output. */
	value arguments, input, output;

	/* Not roots. */
	/** Held for symbols, globals, tables, what follows here: see heap_lock. */
	pthread_mutex_t lock;
	/** A thread has ended. */
	pthread_cond_t ended;
	/** The attached threads; how many run programs, and how many have ended and
	 *  are not gone yet; the last one's number. */
	struct vm *threads;
	size_t running, ending, last_number;
	/** What objects will leave behind, and the queue of those that have died. */
	struct remains *remains;
	struct smal_queue *dead;
	/** The bytes of bytevectors (payload.c): how many they are; how many may be
	 *  there before the next collection. */
	struct smal_handle_heap *payloads;
	size_t payload_bytes, payload_goal;
};

/**
 * What an object leaves behind outside of the heap when it dies: a stack, a
 * lock, a queue. Lies in malloc's memory, as the first field of something.
 */
struct remains {
	struct remains *next, **link;
	/** Gives it all back, the memory of the remains included. */
	void (*dispose)(struct remains *remains);
};

/** Bytevectors that a thread holds at a time, at most: for a copy from one to the other. */
enum { HELD = 2 };

/** What a thread has to itself. */
struct vm {
	struct heap *heap;
	struct smal_thread *thread;
	/** The next thread of the heap; a number that no other thread of it has. */
	struct vm *next_thread;
	size_t number;

	/* Roots. */
	/** Where the call stands that is being made: a located pair or FALSE. */
	value place;
	/** What is on its way to a catcher. */
	value raised;
	/** The error to raise when there is no memory to make one. */
	value exhausted;
	/** What one fiber hands to another; the thread object, see thread.c. */
	value transfer, self;

	/* Not roots. */
	/** Of a tail call that is about to be made, see call.c. */
	const struct code *next_code;
	struct environment *next;
	value next_arguments[STACK_VARIABLES];
	struct catcher *catcher;
	/** The stack may not grow below this, see error.c; the real limit; how deep
	 *  the stack was when something was raised. */
	uintptr_t volatile stack_limit;
	uintptr_t stack_base, raised_at;
	/** Reasons to poll, set by the signal handler and the observer. */
	int volatile interrupted, collected;
	/** True if it runs no program any more. */
	int ending;
	/** The bytevectors whose bytes it uses right now, or NOTHING; see payload.c. */
	value held[HELD];
	/** The fiber that runs, or NULL; stacks that are free to use. */
	struct fiber *fiber;
	struct stack *stacks;
	size_t stacks_count;
	/** The last continuation's number; what (random) goes on from. */
	intptr_t last_escape;
	uint64_t random;
};

/** The calling thread's. It is a variable of the program itself, whose address
 *  the linker knows: reaching it costs what a global variable costs. */
extern __thread struct vm vm __attribute__((tls_model("local-exec")));

/** Makes an interpreter, and attaches this thread to it as its first. */
enum smal_error heap_start(const struct heap_options *options);

/** Detaches this thread, and destroys the interpreter: waits for its other
 *  threads to end. Every port that is still open is closed. */
void heap_end(void);

/** Attaches this thread to an interpreter; detaches it. */
enum smal_error vm_start(struct heap *heap);
void vm_end(void);

/** Says that this thread runs no program any more. */
void vm_ending_locked(void);

/** Waits until so many threads are left at most, and those that have ended are
 *  gone; ANY waits for the latter alone. Returns how many are left. */
size_t vm_wait(size_t running);

/**
 * The heap's lock. Who waits for it has left the collector meanwhile, so its
 * owner may allocate and collect; but may raise nothing, and call nothing that
 * takes the lock.
 */
void heap_lock(void);
void heap_unlock(void);

/** Has remains disposed of after their object has died, or when the heap ends.
 *  If that can't be arranged they are disposed of, and an error is raised. */
void remains_leave(void *object, struct remains *remains);

/** Disposes of what the dead have left; of all there are. */
void remains_settle(void);
void remains_settle_all(void);

/** An object of a type of fixed size, with its kind; of variable size. */
void *heap_object(struct smal_type *type, enum kind kind);
void *heap_bytes(struct smal_type *type, size_t bytes);

/** head + count * each, in bytes; an error if that is no size. */
size_t heap_size(size_t head, size_t count, size_t each);

/** Raises the error of an allocation that failed: the thread's last one, or for this
 *  reason. */
_Noreturn void heap_exhausted(void);
_Noreturn void heap_exhausted_by(enum smal_error reason);

value make_located_pair(value head, value tail, value file, value position);
value make_bytes(enum kind kind, size_t length);
value make_string(const char *text, size_t length);
value make_text(const char *text);
value make_vector(enum kind kind, size_t length, value fill);

/** The symbol of a name; the text may end anywhere. The global of a name. */
value symbol_intern(const char *text, size_t length);
value symbol_named(const char *name);
value global_named(const char *name);

/** An empty symbol table, or NULL. */
struct smal_map *symbol_table_create(void);

/** Gives a symbol a global, or its global another value. */
void symbol_bind(value symbol, value v);

static inline value cons(value head, value tail)
{
	struct pair *pair = smal_alloc(vm.thread, vm.heap->pair);

	if (__builtin_expect(pair == NULL, 0))
		heap_exhausted();
	pair->car = head;
	pair->cdr = tail;
	return (value)pair | TAG_PAIR;
}

static inline value make_flonum(double number)
{
	double *flonum = smal_alloc(vm.thread, vm.heap->flonum);

	if (__builtin_expect(flonum == NULL, 0))
		heap_exhausted();
	*flonum = number;
	return (value)flonum | TAG_FLONUM;
}

/** A fixnum, or, if that is too small, a flonum. */
static inline value make_count(uint64_t count)
{
	return count <= (uint64_t)FIXNUM_MAX ? fixnum((intptr_t)count) : make_flonum((double)count);
}

#endif
