/* SPDX-License-Identifier: MIT */
/*
 * barriers.h: in front of syscall(): membarrier counted, refused, held up; threads that
 * wait for a while are seen. For programs that are linked with --wrap=syscall.
 *
 * What the system answered first is kept as long as the process lives; so it is
 * refused from the start in programs of their own: the test's, run again with
 * SMAL_TEST_REFUSE=ENOSYS, EPERM or filter.
 */
#ifndef TEST_BARRIERS_H
#define TEST_BARRIERS_H

#include <smal/gc/world.h>

#include "test/crew.h"

/* linux/membarrier.h, which older systems have not. */
enum { BARRIERS_EXPEDITED = 1 << 3, BARRIERS_REGISTER = 1 << 4 };
enum { BARRIERS_SKIPPED = 77, BARRIERS_WAYS = 3 };

/* The error that membarrier gives, or 0; EPERM only until it is registered. */
extern volatile uint32_t barriers_error, barriers_until_registered;
extern volatile uint32_t barriers_asked, barriers_registrations;
/* 1: a thread that is to be held up is not let go yet; how many are there. */
extern volatile uint32_t barriers_holding, barriers_held_up;
extern __thread bool barriers_hold_me;
/* Where a thread counts how often it has waited for a while. */
extern __thread volatile uint32_t *barriers_naps;

/* More threads than processors wait for each other here: they sleep, and a signal's
 * handler may. */
void barriers_nap(void);
void barriers_wait_for(const volatile uint32_t *word, uint32_t value);

void barriers_refuse(int error);

/* Whether the system makes barriers, by its own word; it is asked after the library, which
 * has to register by itself. */
bool barriers_by_system(void);

/* Whether a collector starts alone; else says why it does not. */
bool barriers_can_be_alone(void);

enum smal_sharing sharing(void);
enum smal_sharing sharing_at_first(void);

/* A collector with exact stacks and a crew, alone if it can be; and its end. */
void sharing_begin(void);
void sharing_end(void);

/* Several threads that attach at once. How often each has waited for a while, and how much
 * it has done. */
enum { LATE = 3 };
extern volatile uint32_t late_naps[LATE], late_done[LATE];
void late_begin(void);
/* Each of those who attach late has done so much, or waits for others. */
bool late_are_settled(uint32_t done);
void late_attach(struct member *member);

/* Runs the suite; if SMAL_TEST_REFUSE asks for it, where barriers are refused. */
int barriers_main(char **argv, Suite *(*suite)(void));
/* Runs the program again, in the way of that number, and looks how it ends. */
void barriers_run_refused(int way);

#endif
