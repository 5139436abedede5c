/* SPDX-License-Identifier: MIT */
/*
 * fiber.c: fibers: procedures that can be left in the middle and gone on with.
 *
 *     fiber object --> struct fiber (malloc) --> stack (mmap)
 *
 *     thread's stack --resume--> fiber --resume--> fiber ...
 *                   <--yield---       <--yield---
 *
 * A fiber has a stack of its own, on which a C function calls the procedure.
 * Resuming and yielding switch stacks: smal_fiber_switch says so to libsmal, and
 * then place_switch does it. A value goes along in vm.transfer.
 *
 * A stack that libsmal knows is a root. A fiber's is known to it only while the
 * fiber runs, or waits for one that it has resumed. While it is suspended it is
 * the fiber object that keeps what the stack holds: its mark callback scans it.
 * So a fiber that nobody holds is collected, also if its own stack refers to it,
 * as a generator's does; and its stack, which is among its remains, is used again.
 *
 * The catchers of errors and the limit of the stack belong to the stack; who
 * switches keeps its own in C variables, and puts them back on return. An error
 * that a fiber does not catch ends it, and is raised again in its resumer.
 *
 * I1  A fiber is resumed by the thread that resumed it first: the compiler may
 *     keep the address of vm across a switch.
 * I2  A fiber has a stack from its first resume to its end.
 * I3  A stack that is in use is known to libsmal, or its fiber is SUSPENDED;
 *     around a switch, where a collection may happen, it is both.
 */
#include "stack.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum state { FRESH, SUSPENDED, RUNNING, DONE };

struct fiber {
	struct remains remains;
	struct stack *stack;
	/** While it is running. */
	struct smal_fiber *known;
	/** The number of the thread that it belongs to. */
	size_t thread;
	enum state state;
	/** True if it ended by an error. */
	int raised;
	/** Who has resumed it: a fiber, or NULL; where that goes on. */
	struct fiber *resumer;
	struct place *back;
	struct place place;
};

/** What the program has. */
struct fiber_object {
	uintptr_t kind;
	struct fiber *fiber;
	/** Until it has begun. */
	value procedure;
};

void *fiber_mark(struct smal_marker *marker, void *object)
{
	const struct fiber_object *fiber_object = object;
	const struct fiber *fiber = fiber_object->fiber;

	if (fiber != NULL && fiber->state == SUSPENDED)
		place_mark(&fiber->place, marker);
	return (void *)fiber_object->procedure;
}

size_t fiber_object_bytes(void)
{
	return sizeof(struct fiber_object);
}

/** Gives a fiber's stack back. */
static void give_stack(struct fiber *fiber)
{
	if (fiber->stack == NULL)
		return;
	place_fini(&fiber->place);
	stack_give(fiber->stack);
	smal_external(vm.heap->gc, -STACK_USUAL_BYTES);
	fiber->stack = NULL;
}

static void dispose(struct remains *remains)
{
	give_stack((struct fiber *)remains);
	free(remains);
}

/** (make-fiber PROCEDURE): PROCEDURE is called by the first resume, with its
 *  value. */
static value make(const value *a)
{
	struct fiber_object *object = heap_object(vm.heap->fiber, KIND_FIBER);
	struct fiber *fiber = calloc(1, sizeof(*fiber));

	if (fiber == NULL)
		heap_exhausted();
	fiber->remains.dispose = dispose;
	object->procedure = a[1];
	remains_leave(object, &fiber->remains);
	object->fiber = fiber;
	return (value)object;
}

/** Goes to a place on another stack, and returns what comes back. */
static value go(struct place *from, struct fiber *fiber, struct place *to, int last)
{
	struct catcher *catcher = vm.catcher;
	uintptr_t base = vm.stack_base;
	struct fiber *self = vm.fiber;
	value place = vm.place;

	vm.fiber = fiber;
	smal_fiber_switch(vm.thread, fiber != NULL ? fiber->known : NULL);
	place_switch(from, to, last);
	vm.fiber = self;
	vm.place = place;
	vm.catcher = catcher;
	error_use_stack(base);
	return vm.transfer;
}

/** What runs on a fiber's stack. vm.transfer has the procedure and its argument. */
static void run(void)
{
	struct fiber *fiber = vm.fiber;
	struct catcher catcher;
	value argument;

	place_arrive(fiber->back, &fiber->place);
	fiber->state = RUNNING;
	error_use_stack((uintptr_t)fiber->stack->base + STACK_RESERVE_BYTES);
	vm.catcher = NULL;
	error_catch(&catcher, 0);
	if (setjmp(catcher.jump) == 0) {
		argument = cdr(vm.transfer);
		vm.transfer = call(car(vm.transfer), 1, &argument);
	} else {
		error_land(&catcher);
		vm.transfer = vm.raised;
		fiber->raised = 1;
	}
	fiber->state = DONE;
	go(&fiber->place, fiber->resumer, fiber->back, 1);
	abort();
}

/** Gets a fiber its stack. False if there is no more memory for one. */
static int take_stack(struct fiber *fiber)
{
	fiber->stack = stack_take();
	if (fiber->stack == NULL)
		return 0;
	place_init(&fiber->place, fiber->stack, run);
	smal_external(vm.heap->gc, STACK_USUAL_BYTES);
	fiber->thread = vm.number;
	return 1;
}

/** Begins a fiber; a collection finds stacks that nobody needs any more. */
static void begin(struct fiber_object *object, value argument)
{
	if (!take_stack(object->fiber)) {
		smal_collect(vm.thread);
		remains_settle();
		if (!take_stack(object->fiber))
			error_at(vm.place, NOTHING, "can't make a stack: %s", strerror(errno));
	}
	vm.transfer = cons(object->procedure, argument);
	object->procedure = NOTHING;
}

/** (fiber-resume FIBER VALUE): goes on where FIBER has yielded, which there
 *  returns VALUE; returns what it yields next, or its procedure's value. */
static value resume(const value *a)
{
	struct fiber_object *object = (struct fiber_object *)a[1];
	struct fiber *fiber = object->fiber;
	struct place here = { .stack = vm.fiber != NULL ? vm.fiber->stack : NULL };
	value result;

	if (fiber->state == DONE)
		error_at(vm.place, NOTHING, "fiber-resume: the fiber has ended");
	if (fiber->state == RUNNING)
		error_at(vm.place, NOTHING, "fiber-resume: the fiber runs already");
	if (fiber->state == SUSPENDED && fiber->thread != vm.number)
		error_at(vm.place, NOTHING, "fiber-resume: the fiber belongs to another thread");
	vm.transfer = a[2];
	if (fiber->state == FRESH)
		begin(object, a[2]);
	if (smal_fiber_create(vm.heap->gc, fiber->stack->base, STACK_BYTES, &fiber->known) !=
	    SMAL_OK) {
		fiber->state = DONE;
		give_stack(fiber);
		heap_exhausted();
	}
	fiber->resumer = vm.fiber;
	fiber->back = &here;
	result = go(&here, fiber, &fiber->place, 0);
	place_arrive(&fiber->place, &here);
	vm.transfer = NOTHING;
	smal_fiber_destroy(fiber->known);
	if (fiber->state == DONE)
		give_stack(fiber);
	if (fiber->raised)
		error_raise(result);
	return result;
}

/** (fiber-yield VALUE): leaves the fiber; returns the next resume's value. */
static value yield(const value *a)
{
	struct fiber *fiber = vm.fiber;
	value result;

	if (fiber == NULL)
		error_at(vm.place, NOTHING, "fiber-yield: this is no fiber");
	vm.transfer = a[1];
	fiber->state = SUSPENDED;
	result = go(&fiber->place, fiber->resumer, fiber->back, 0);
	place_arrive(fiber->back, &fiber->place);
	fiber->state = RUNNING;
	vm.transfer = NOTHING;
	return result;
}

/** (fiber-done? FIBER) */
static value is_done(const value *a)
{
	return boolean(((const struct fiber_object *)a[1])->fiber->state == DONE);
}

const struct primitive_spec fiber_primitives[] = {
	{ "make-fiber", make, "k", 0 },
	{ "fiber-resume", resume, "Fx", 0 },
	{ "fiber-yield", yield, "x", 0 },
	{ "fiber-done?", is_done, "F", 0 },
	{ NULL, NULL, NULL, 0 }
};
