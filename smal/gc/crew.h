/* SPDX-License-Identifier: MIT */
/*
 * crew.h: threads of the library's own that help who collects.
 *
 * There is one crew in a process, for one collection at a time: one that finds it
 * hired does without. Its threads are started before a collection stops anybody,
 * for a thread that is stopped may be holding what starting one needs; they sleep
 * until they are called, and end with the last collector.
 *
 * A forked child has none, and starts its own.
 */
#ifndef SMAL_GC_CREW_H
#define SMAL_GC_CREW_H

#include <smal/base/def.h>

/* Sees to it that there are so many threads, if they can be had; returns how many
 * there are, at most `helpers`. Not while the world is stopped. */
unsigned smal_crew_prepare(unsigned helpers);

/* Has `work` called on up to so many threads, at once or soon, each with a number
 * from 1 on. False: somebody else has the crew. */
bool smal_crew_call(unsigned helpers, void (*work)(void *argument, unsigned number),
                    void *argument);

/* Lets the crew go: who has not come yet will not; returns when nobody is in `work`
 * any more. */
void smal_crew_dismiss(void);

/* True on a thread of the crew. */
bool smal_crew_is_here(void);

/* Ends the threads, if nobody uses them; in a forked child, where there are none,
 * says so. */
void smal_crew_end(void);
void smal_crew_forked(void);

#endif
