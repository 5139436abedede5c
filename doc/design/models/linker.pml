/* SPDX-License-Identifier: MIT */
/*
 * linker.pml: stopping the world while the dynamic linker's list of objects is held, for
 * spin: collect_world and smal_statics_gather of smal/gc, with hold_and_stop and
 * stop_in_time of smal/gc/world.c.
 *
 * Threads load objects and collect; with SIGNAL, within a visit of the linker's list, too:
 * the linker's lock may be taken again by who has it. (Without, who waits for that lock
 * can't stop, and must not wait for one who collects with it.) Without SIGNAL a thread stops
 * only between two of its calls, or where it is parked; with it, anywhere. That somebody is
 * late is spin's timeout: nothing else can happen.
 *
 * Proved:
 *   L1  who marks has gathered what is loaded
 *   L2  all calls end
 *
 * BROKEN_ORDER: the phase is claimed before the linker's lock is taken.
 * BROKEN_GATHER: what was gathered is not looked at again when the threads have stopped.
 * BROKEN_PATIENCE: who is late is waited for.
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef CALLS
#define CALLS 2
#endif
#ifdef SIGNAL
#define by_signal true
#else
#define by_signal false
#endif

/* The linker's lock: who has it, and how often. */
byte linker, depth;
/* Objects loaded so far; the thread that has the phase, that asks others to stop; who is
 * parked. */
byte loaded, phase, stop;
bool away[THREADS + 1];
byte collections;

/* A thread that a signal has stopped does nothing. */
#define RUNS (!by_signal || stop == 0 || stop == me || away[me])

inline linker_take()
{
	atomic { RUNS && (linker == 0 || linker == me) -> linker = me; depth++ }
}

inline linker_give()
{
	atomic {
		RUNS -> depth--;
		if
		:: depth == 0 -> linker = 0
		:: else
		fi
	}
}

inline park() { atomic { RUNS -> away[me] = true } }
inline unpark() { atomic { stop == 0 || stop == me -> away[me] = false } }

/* All but this one are parked, or a signal stops them where they are. */
#if THREADS == 2
#define ALL_AWAY (by_signal || away[3 - me])
#else
#define ALL_AWAY (by_signal || (away[1] && away[2] && away[3]))
#endif

/* The threads go on, and the phase is nobody's. */
inline let_go() { atomic { stop = 0; phase = 0 } }

/* A thread waits for the linker where it is parked, if no signal stops it there. */
inline gather()
{
	if
	:: by_signal
	:: else -> park()
	fi;
	linker_take();
	known = loaded;
	linker_give();
	if
	:: by_signal
	:: else -> unpark()
	fi
}

proctype thread(byte me)
{
	byte calls, known, before;
	bool visits;

	do
	:: calls == CALLS -> break
	:: calls < CALLS ->
		/* A poll. */
		park();
		unpark();
		calls++;
		if
		:: true -> linker_take(); atomic { RUNS -> loaded++ }; linker_give()
		:: by_signal -> linker_take(); visits = true; goto collect
		:: true -> goto collect
		:: true -> skip
		fi;
		goto next;
collect:
		before = collections;
again:
		gather();
		park();
hold:
#ifdef BROKEN_ORDER
		atomic { phase == 0 -> phase = me }
		linker_take();
#else
		linker_take();
		atomic {
			if
			:: phase == 0 -> phase = me
			:: else -> goto busy
			fi
		}
#endif
#ifdef BROKEN_GATHER
		linker_give();
#else
		if
		:: known != loaded -> let_go(); linker_give(); unpark(); goto again
		:: else
		fi;
#endif
		stop = me;
		if
		:: ALL_AWAY
#ifndef BROKEN_PATIENCE
		:: timeout -> let_go(); linker_give(); unpark(); goto again
#endif
		fi;
#ifndef BROKEN_GATHER
		linker_give();
#endif
		assert(known == loaded);                                   /* L1 */
		collections++;
		let_go();
		unpark();
		goto collected;
busy:
		linker_give();
		phase == 0;
		if
		:: collections == before -> goto hold
		:: else -> unpark()
		fi;
collected:
		if
		:: visits -> linker_give(); visits = false
		:: else
		fi;
next:
		skip
	od;
	/* It has ended. */
	park()
}

init {
	byte n = 1;

	atomic {
		do
		:: n > THREADS -> break
		:: n <= THREADS -> run thread(n); n++
		od
	}
}
