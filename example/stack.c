/* SPDX-License-Identifier: MIT */
/*
 * stack.c: stacks for fibers: their memory, and switching between them.
 *
 *     | guard page |                        STACK_BYTES |
 *     ^ mapped     ^ base             grows downwards <-+
 *
 * Switching is what swapcontext does, in its two halves: AddressSanitizer prints
 * a warning about the whole that does not apply here. A thread keeps some stacks that are
 * free, since mapping one takes longer than a short fiber runs. Pages that no
 * fiber has touched take no memory.
 *
 * Tools that watch the stack have to be told of every switch.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "stack.h"
#include "vm.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_VALGRIND_MEMCHECK_H
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(base, limit) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

/* The sanitizers' names, which are there if a sanitizer is. */
void __sanitizer_start_switch_fiber(void **save, const void *base, size_t bytes)
	__attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake, const void **base, size_t *bytes)
	__attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *base, size_t bytes)
	__attribute__((weak));
void *__tsan_get_current_fiber(void) __attribute__((weak));
void *__tsan_create_fiber(unsigned flags) __attribute__((weak));
void __tsan_destroy_fiber(void *fiber) __attribute__((weak));
void __tsan_switch_to_fiber(void *fiber, unsigned flags) __attribute__((weak));

enum {
	/** Stacks that a thread keeps. */
	STACKS_KEPT = 64,
	/** What place_switch's frame has below its address, generously. */
	FRAME_BYTES = 512
};

static void stack_unmap(struct stack *stack)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
	munmap(stack->base - page, page + STACK_BYTES);
	free(stack);
}

static struct stack *stack_map(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct stack *stack = malloc(sizeof(*stack));
	char *memory;

	if (stack == NULL)
		return NULL;
	memory = mmap(NULL, page + STACK_BYTES, PROT_NONE,
	              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		goto free_stack;
	stack->base = memory + page;
	if (mprotect(stack->base, STACK_BYTES, PROT_READ | PROT_WRITE) != 0)
		goto unmap;
	stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->base, stack->base + STACK_BYTES);
	return stack;
unmap:
	munmap(memory, page + STACK_BYTES);
free_stack:
	free(stack);
	return NULL;
}

struct stack *stack_take(void)
{
	struct stack *stack = vm.stacks;

	if (stack == NULL)
		return stack_map();
	vm.stacks = stack->next;
	vm.stacks_count--;
	return stack;
}

void stack_give(struct stack *stack)
{
	if (vm.stacks_count == STACKS_KEPT) {
		stack_unmap(stack);
		return;
	}
	stack->next = vm.stacks;
	vm.stacks = stack;
	vm.stacks_count++;
}

void stacks_free(void)
{
	struct stack *stack;

	while ((stack = vm.stacks) != NULL) {
		vm.stacks = stack->next;
		stack_unmap(stack);
	}
	vm.stacks_count = 0;
}

void place_init(struct place *place, const struct stack *stack, void (*function)(void))
{
	place->stack = stack;
	place->top = stack->base + STACK_BYTES;
	getcontext(&place->context);
	place->context.uc_stack.ss_sp = stack->base;
	place->context.uc_stack.ss_size = STACK_BYTES;
	place->context.uc_link = NULL;
	makecontext(&place->context, function, 0);
	if (__asan_unpoison_memory_region != NULL)
		__asan_unpoison_memory_region(stack->base, STACK_BYTES);
	place->sanitizer = __tsan_create_fiber != NULL ? __tsan_create_fiber(0) : NULL;
}

void place_fini(struct place *place)
{
	if (place->sanitizer != NULL)
		__tsan_destroy_fiber(place->sanitizer);
}

__attribute__((noinline))
void place_switch(struct place *from, struct place *to, int last)
{
	volatile int left = 0;

	if (__tsan_switch_to_fiber != NULL) {
		from->sanitizer = __tsan_get_current_fiber();
		__tsan_switch_to_fiber(to->sanitizer, 0);
	}
	if (__sanitizer_start_switch_fiber != NULL)
		__sanitizer_start_switch_fiber(
			last ? NULL : &from->fake_stack,
			to->stack != NULL ? to->stack->base : to->own_base,
			to->stack != NULL ? STACK_BYTES : to->own_bytes);
	from->top = (char *)__builtin_frame_address(0) - FRAME_BYTES;
	getcontext(&from->context);
	if (!left) {
		left = 1;
		setcontext(&to->context);
	}
}

void place_mark(const struct place *place, struct smal_marker *marker)
{
	smal_mark_range(marker, place->top, place->stack->base + STACK_BYTES);
	smal_mark_range(marker, &place->context, &place->context + 1);
}

void place_arrive(struct place *from, struct place *to)
{
	if (__sanitizer_finish_switch_fiber != NULL)
		__sanitizer_finish_switch_fiber(to->fake_stack, &from->own_base, &from->own_bytes);
}
