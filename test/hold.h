/* SPDX-License-Identifier: MIT */
/*
 * hold.h: calls a function while an address is in one callee-saved register and
 * nowhere else. Where there is no such code, HOLD_REGISTERS is not defined.
 */
#ifndef SMAL_TEST_HOLD_H
#define SMAL_TEST_HOLD_H

#include <stdint.h>

#if defined(__x86_64__) && !defined(__ILP32__)

enum { HOLD_REGISTERS = 6 };
#define HOLD_REGISTERS HOLD_REGISTERS

/*
 * uintptr_t hold_REGISTER(uintptr_t hidden, uintptr_t offset,
 *                         int (*call)(void *), void *argument)
 *
 * Calls with ~hidden + offset in the register; returns what is in it afterwards.
 */
#define HOLD(reg)                                                          \
	uintptr_t hold_##reg(uintptr_t hidden, uintptr_t offset,           \
	                     int (*call)(void *argument), void *argument); \
	__asm__(".text\n.type hold_" #reg ", @function\nhold_" #reg ":\n"  \
	        "	push %" #reg "\n"                                  \
	        "	mov %rdi, %" #reg "\n"                             \
	        "	not %" #reg "\n"                                   \
	        "	add %rsi, %" #reg "\n"                             \
	        "	mov %rcx, %rdi\n"                                  \
	        "	xor %esi, %esi\n"                                  \
	        "	call *%rdx\n"                                      \
	        "	mov %" #reg ", %rax\n"                             \
	        "	pop %" #reg "\n"                                   \
	        "	ret\n.size hold_" #reg ", . - hold_" #reg "\n")

HOLD(rbx);
HOLD(rbp);
HOLD(r12);
HOLD(r13);
HOLD(r14);
HOLD(r15);

static const struct {
	const char *name;
	uintptr_t (*hold)(uintptr_t hidden, uintptr_t offset, int (*call)(void *argument),
	                  void *argument);
} hold_registers[HOLD_REGISTERS] = {
	{ "rbx", hold_rbx }, { "rbp", hold_rbp }, { "r12", hold_r12 },
	{ "r13", hold_r13 }, { "r14", hold_r14 }, { "r15", hold_r15 },
};

#endif
#endif
