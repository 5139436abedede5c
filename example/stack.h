/* SPDX-License-Identifier: MIT */
/*
 * stack.h: stacks that a thread can switch between (stack.c).
 */
#ifndef STACK_H
#define STACK_H

#include <smal.h>

#include <stddef.h>
#include <ucontext.h>

enum {
	/** What a stack has for its program and the C functions below it: 256 KiB,
	 *  or half of that where addresses are short. */
	STACK_BYTES = 32 * 1024 * sizeof(void *),
	/** What is used of one, as a rule: for the pace of collections. */
	STACK_USUAL_BYTES = 8 * 1024
};

/** A stack: [base, base + STACK_BYTES), behind a page that can't be touched. */
struct stack {
	struct stack *next;
	char *base;
	/** Valgrind's name for it. */
	unsigned valgrind_id;
};

/** Somewhere on a stack, to switch to. */
struct place {
	ucontext_t context;
	/** What is in use of the stack begins above this, once it is left. */
	const char *top;
	/** The stack that it is on; NULL for a thread's own. What the sanitizers
	 *  know of it. */
	const struct stack *stack;
	void *sanitizer, *fake_stack;
	const void *own_base;
	size_t own_bytes;
};

/** A stack from the thread's own store, or a new one; NULL if there is none to
 *  be had. Back to the store, which keeps some. */
struct stack *stack_take(void);
void stack_give(struct stack *stack);

/** Makes a place at the top of a stack, where a function is to begin, which must
 *  not return. Ends one, while the thread is elsewhere. */
void place_init(struct place *place, const struct stack *stack, void (*function)(void));
void place_fini(struct place *place);

/** Goes to another place; returns when something comes back to this one.
 *  last  true if nothing will */
void place_switch(struct place *from, struct place *to, int last);

/** To be called first by whoever has been switched to, with where that was. */
void place_arrive(struct place *from, struct place *to);

/** Marks what is held at a place that has been left, on a stack of ours. */
void place_mark(const struct place *place, struct smal_marker *marker);

#endif
