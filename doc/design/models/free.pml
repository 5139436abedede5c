/* SPDX-License-Identifier: MIT */
/*
 * free.pml: the free callbacks of the dead, for spin: smal_sweep_frees of
 * smal/gc/sweep.c, while other threads collect and run callbacks, too.
 *
 * A slot is an object, then dead and pending, then, when its callback has run,
 * free; a thread may allocate it again. THREADS threads make CALLS calls each:
 * allocate, collect (sweeps, then runs callbacks), run callbacks. A sweep is one
 * step, for the world is stopped; it does not happen between begin and end of a
 * thread that is inside, which are one step here.
 *
 * Proved:
 *   F1  each object's callback runs once, and before its slot is used again
 *   F2  one callback at a time
 *   F3  when all threads have ended nothing is pending: whoever came in vain left
 *       it to one who saw it
 *
 * BROKEN_ONCE: the freer looks once, and does not come back for what another
 * thread's sweep has found meanwhile. BROKEN_ALONE: anybody runs callbacks.
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef CALLS
#define CALLS 2
#endif
#define SLOTS 2

/* Of a slot: live and pending bits; what became of the object that it holds. */
bool live[SLOTS], pending[SLOTS];
byte owed[SLOTS];
/* Of the collector. */
bool frees_pending, freeing;
byte running, ended;

/* Sweeps: any object may have died. */
inline sweep()
{
	atomic {
		s = 0;
		do
		:: s == SLOTS -> break
		:: s < SLOTS && live[s] && !pending[s] ->
			pending[s] = true; frees_pending = true; owed[s]++; s++
		:: s < SLOTS -> s++
		od;
		s = 0
	}
}

inline allocate()
{
	atomic {
		if
		:: !live[0] -> assert(owed[0] == 0); live[0] = true
		:: !live[1] -> assert(owed[1] == 0); live[1] = true
		:: else
		fi
	}
}

/* The callback, outside; then the slot is free. */
inline free_slot(n)
{
	running++;
#ifndef BROKEN_ALONE
	assert(running == 1);                                   /* F2 */
#endif
	atomic { assert(owed[n] == 1); owed[n]-- };             /* F1 */
	running--;
	atomic { pending[n] = false; live[n] = false }
}

inline free_all()
{
	n = 0;
	do
	:: n == SLOTS -> break
	:: n < SLOTS && pending[n] -> free_slot(n); n++
	:: n < SLOTS && !pending[n] -> n++
	od;
	n = 0
}

inline sweep_frees()
{
	do
	:: frees_pending ->
		/* An exchange: who finds it taken leaves. */
		atomic {
			mine = !freeing;
#ifdef BROKEN_ALONE
			mine = true;
#endif
			freeing = true
		};
		if
		:: mine ->
			frees_pending = false;
			free_all();
			freeing = false
#ifdef BROKEN_ONCE
			; break
#endif
		:: else -> break
		fi
	:: !frees_pending -> break
	od
}

proctype thread()
{
	byte calls, s, n;
	bool mine;

	do
	:: calls == CALLS -> break
	:: else ->
		calls++;
		if
		:: allocate()
		:: sweep(); sweep_frees()
		:: sweep_frees()
		fi
	od;
	ended++;
	if
	:: ended == THREADS -> assert(!pending[0] && !pending[1])        /* F3 */
	:: else
	fi
}

init
{
	byte t;

	atomic {
		live[0] = true;
		do
		:: t == THREADS -> break
		:: else -> run thread(); t++
		od
	}
}
