/* SPDX-License-Identifier: MIT */
/*
 * error.c: errors: raising, catching, and the poll.
 *
 *     vm.catcher -> catcher -> ... -> the outermost of this stack
 *
 * Catchers lie on the C stack, innermost first, and each stack, a thread's or a
 * fiber's, has its own; raising an error unwinds the
 * stack to one. What only the stack above had is garbage from then on, and the
 * next collection finds it: nobody frees anything. But the words are still
 * there, below the stack pointer, and frames to come will lie over them with
 * slots that are not filled yet. A word that was the only one to hold a list
 * of many MiB would then hold it again. So the dead stack is wiped.
 *
 * The poll is a comparison and a test. Is the stack below vm.stack_limit? It is
 * when recursion runs away. It is, too, when somebody has set the limit to the
 * top of the address space: the signal handler of an interrupt, or the observer
 * of collections, so that free callbacks run here, where no object is half made.
 * And is the word set by which libsmal asks this thread to stop for a collection?
 *
 * I1  While a program runs there is a catcher of errors on its stack.
 * I2  Raising "out of memory" allocates nothing: vm.exhausted is used again.
 *     Its irritants are a fixnum, 1 if the heap's limit is reached; the
 *     prelude knows the words.
 */
#include "vm.h"

#include <stdarg.h>
#include <string.h>

enum {
	/** Stack below error_raise that may hold words of interest. */
	STACK_BELOW_BYTES = 4 * 1024,
	/** Stack that an expression uses, as a rule. */
	STACK_DEAD_BYTES = 32 * 1024
};

void error_catch(struct catcher *catcher, uintptr_t number)
{
	catcher->up = vm.catcher;
	catcher->number = number;
	vm.catcher = catcher;
}

void error_done(struct catcher *catcher)
{
	vm.catcher = catcher->up;
}

/** Wipes the stack from here down to an address, in steps, lest a tool takes
 *  the leap for another stack. */
__attribute__((noinline))
static void wipe_stack(uintptr_t base)
{
	char piece[STACK_BELOW_BYTES];

	if ((uintptr_t)piece > base)
		wipe_stack(base);
	explicit_bzero(piece, sizeof(piece));
}

void error_wipe(void)
{
	wipe_stack((uintptr_t)__builtin_frame_address(0) - STACK_DEAD_BYTES);
}

void error_land(struct catcher *catcher)
{
	vm.catcher = catcher->up;
	wipe_stack(vm.raised_at - STACK_BELOW_BYTES);
}

_Noreturn static void jump(struct catcher *catcher, value raised)
{
	vm.catcher = catcher;
	vm.raised = raised;
	vm.raised_at = (uintptr_t)__builtin_frame_address(0);
	longjmp(catcher->jump, 1);
}

void error_raise(value raised)
{
	struct catcher *catcher = vm.catcher;

	while (catcher->number != 0)
		catcher = catcher->up;
	jump(catcher, raised);
}

_Noreturn static void raise_condition(value message, value irritants, value place)
{
	struct condition *condition = heap_object(vm.heap->object, KIND_CONDITION);

	condition->message = message;
	condition->irritants = irritants;
	condition->place = place;
	error_raise((value)condition);
}

void error_at(value place, value irritant, const char *format, ...)
{
	char text[400];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	raise_condition(make_text(text), irritant != NOTHING ? cons(irritant, NIL) : NIL, place);
}

void heap_exhausted_by(enum smal_error reason)
{
	struct condition *condition = (struct condition *)vm.exhausted;

	condition->place = vm.place;
	condition->message = NIL;
	condition->irritants = fixnum(reason == SMAL_ERROR_LIMIT);
	error_raise(vm.exhausted);
}

void heap_exhausted(void)
{
	heap_exhausted_by(smal_thread_error(vm.thread));
}

void error_set_stack(size_t bytes)
{
	error_use_stack((uintptr_t)__builtin_frame_address(0) - bytes + STACK_RESERVE_BYTES);
}

void error_use_stack(uintptr_t base)
{
	vm.stack_base = base;
	vm.stack_limit = base;
	if (vm.interrupted || vm.collected)
		vm.stack_limit = UINTPTR_MAX;
}

void error_interrupt(struct vm *thread)
{
	thread->interrupted = 1;
	thread->stack_limit = UINTPTR_MAX;
}

void error_poll_slow(void)
{
	smal_poll(vm.thread);
	vm.stack_limit = vm.stack_base;
	if (vm.collected) {
		vm.collected = 0;
		smal_run_frees(vm.thread);
		remains_settle();
		payloads_compact(PAYLOAD_NS);
	}
	if (vm.interrupted) {
		vm.interrupted = 0;
		error_at(vm.place, NOTHING, "interrupted");
	}
	if ((uintptr_t)__builtin_frame_address(0) < vm.stack_base)
		error_at(vm.place, NOTHING, "the recursion is too deep");
}

void error_reserve(size_t bytes)
{
	if ((uintptr_t)__builtin_frame_address(0) - bytes < vm.stack_base)
		error_at(vm.place, NOTHING, "the recursion is too deep");
}

static void report(value raised, value place)
{
	value text = call(global_named("error-object-text"), 1, &raised);

	fflush(stdout);
	if (is_kind(raised, KIND_CONDITION))
		place = ((const struct condition *)raised)->place;
	if (place != FALSE) {
		const struct located_pair *located = (const void *)(place - TAG_PAIR);
		intptr_t position = fixnum_number(located->position);

		fprintf(stderr, "%s:%jd:%jd: ", bytes_of(located->file)->at,
		        (intmax_t)position >> 10, (intmax_t)position & 1023);
	}
	fprintf(stderr, "%s\n", bytes_of(text)->at);
}

void error_report(struct catcher *catcher)
{
	struct catcher inner;

	error_land(catcher);
	error_catch(&inner, 0);
	if (setjmp(inner.jump) == 0) {
		report(vm.raised, vm.place);
		error_done(&inner);
	} else {
		error_land(&inner);
		fputs("an error, and no memory to describe it\n", stderr);
	}
}

char *error_text(struct catcher *catcher)
{
	struct catcher inner;
	char *copy;

	error_land(catcher);
	error_catch(&inner, 0);
	if (setjmp(inner.jump) == 0) {
		copy = strdup(bytes_of(call(global_named("error-object-text"), 1, &vm.raised))->at);
		error_done(&inner);
		return copy;
	}
	error_land(&inner);
	return strdup("an error, and no memory to describe it");
}

enum { RAISE, RAISE_ERROR, MESSAGE, IRRITANTS };

/** (raise VALUE), (raise-error MESSAGE IRRITANTS), and the parts of an error. */
static value errors(const value *a)
{
	const struct condition *condition = (const struct condition *)a[1];

	switch (variant(a)) {
	case RAISE:
		error_raise(a[1]);
	case RAISE_ERROR:
		raise_condition(a[1], a[2], vm.place);
	case MESSAGE:
		return condition->message;
	default:
		return condition->irritants;
	}
}

/** (with-handler HANDLER THUNK): what THUNK returns, or, if it raises an
 *  error, what HANDLER makes of that. */
static value with_handler(const value *a)
{
	struct catcher catcher;
	value result;

	error_catch(&catcher, 0);
	if (setjmp(catcher.jump) != 0) {
		error_land(&catcher);
		return call(a[1], 1, &vm.raised);
	}
	result = call(a[2], 0, NULL);
	error_done(&catcher);
	return result;
}

/** What call/cc passes: a procedure that goes back there. */
static value escape(const value *a)
{
	struct catcher *catcher = vm.catcher;

	while (catcher != NULL && fixnum((intptr_t)catcher->number) != primitive_of(a[0])->data)
		catcher = catcher->up;
	if (catcher != NULL)
		jump(catcher, a[1] == NOTHING ? UNSPECIFIED : a[1]);
	error_at(vm.place, NOTHING, "a continuation that has been left can't be entered again");
}

/** (call/cc PROCEDURE): continuations that only escape. */
static value call_with_escape(const value *a)
{
	static const struct primitive_spec spec = { "continuation", escape, "|x", 0 };
	intptr_t number = ++vm.last_escape;
	struct catcher catcher;
	value result = primitive_make(&spec, fixnum(number));

	error_catch(&catcher, (uintptr_t)number);
	if (setjmp(catcher.jump) != 0) {
		error_land(&catcher);
		return vm.raised;
	}
	result = call(a[1], 1, &result);
	error_done(&catcher);
	return result;
}

const struct primitive_spec error_primitives[] = {
	{ "raise", errors, "x", RAISE },
	{ "raise-error", errors, "sl", RAISE_ERROR },
	{ "error-message", errors, "e", MESSAGE },
	{ "error-irritants", errors, "e", IRRITANTS },
	{ "with-handler", with_handler, "xk", 0 },
	{ "call/cc", call_with_escape, "k", 0 },
	{ "call/ec", call_with_escape, "k", 0 },
	{ NULL, NULL, NULL, 0 }
};
