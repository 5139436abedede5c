/* SPDX-License-Identifier: MIT */
/*
 * world.pml: stopping the threads of a collector, and letting them go on: the
 * handshake of smal/gc/park.c, smal/gc/world.c and smal/gc/fork.c, for spin.
 *
 * THREADS threads make CALLS calls each, whichever they like, into COLLECTORS
 * collectors, and detach. Bit AT(t, g) of ATTACHED says who is attached to what.
 * With FORKS, they fork, too. With COARSE, a loop over all threads is one step, and
 * with FEW thread 0 does nothing but fork and the others poll and collect, so that
 * more threads are possible.
 *
 * Proved:
 *   W1  one thread at most is between stop and resume of a collector
 *   W2  while a collector marks, no thread touches its objects
 *   F1  at a fork nobody else is inside and knows it, and nobody marks
 *   L   all threads come to their end: no deadlock (invalid end states), and no
 *       going round for ever (non-progress cycles: pan -l)
 *
 * The names are those of the code. An atomic operation of the library is one step
 * here, and memory is sequentially consistent. Waiting for a word is futex's: it
 * looks at the word and falls asleep in one step, and sleeps until it is woken.
 * arrivals, which only counts up, is a flag: has it changed since it was read?
 *
 * Each of these breaks the model, and spin must find it:
 *   BROKEN_FREEZE  a thread that a fork keeps out is AWAY nowhere
 *   BROKEN_ENTER   a thread comes back without looking for STOP
 *   BROKEN_PARK    a thread that waits is AWAY in the one collector alone
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef COLLECTORS
#define COLLECTORS 2
#endif
#ifndef CALLS
#define CALLS 1
#endif
#ifndef ATTACHED
#define ATTACHED 255
#endif

#define N (THREADS * COLLECTORS)
#define AT(t, g) ((t) * COLLECTORS + (g))

/* Bits of poll. */
#define STOP 1
#define AWAY 2
#define FREEZE 4

#ifdef COARSE
#define SWEEP atomic
#else
#define SWEEP
#endif

#ifdef FEW
#define MAY_CALL(t) (t != 0)
#define MAY_FORK(t) (t == 0)
#else
#define MAY_CALL(t) true
#define MAY_FORK(t) true
#endif

/* Phases. */
#define IDLE 0
#define STOPPED 1
#define COLLECTING 2
#define FORKING 3

byte poll[N];
bool attached[N], inside[N], parked[N], left[N];
byte phase[COLLECTORS];
bool locked[COLLECTORS], instances_locked;
/* Who sleeps on what. */
bool asleep_poll[N], asleep_phase[N], asleep_arrivals[COLLECTORS];
bool changed[COLLECTORS];
/* What is proved of. */
bool marking[COLLECTORS], entered[N];
byte stoppers[COLLECTORS];

/* ---- The system ---- */

inline lock_take(g) { atomic { !locked[g] -> locked[g] = true } }
inline lock_give(g) { locked[g] = false }

inline wait_poll(i, value)
{
	atomic { if :: poll[i] == value -> asleep_poll[i] = true :: else fi }
	!asleep_poll[i]
}

inline wait_phase(i, g, value)
{
	atomic { if :: phase[g] == value -> asleep_phase[i] = true :: else fi }
	!asleep_phase[i]
}

inline wait_arrivals(g)
{
	atomic { if :: !changed[g] -> asleep_arrivals[g] = true :: else fi }
	!asleep_arrivals[g]
}

inline arrive(g)
{
	changed[g] = true;
	asleep_arrivals[g] = false
}

inline wake_phase(g)
{
	d_step {
		w = 0;
		do
		:: w < THREADS -> asleep_phase[AT(w, g)] = false; w++
		:: else -> break
		od;
		w = 0
	}
}

/* ---- Where a thread stands ---- */

inline go_away(i, g)
{
	d_step { old = poll[i]; poll[i] = poll[i] | AWAY };
	if
	:: (old & STOP) != 0 -> arrive(g)
	:: else
	fi;
	old = 0
}

/* came: 0, or the word to wait for. */
inline come_back(i)
{
	d_step {
		if
#ifndef BROKEN_ENTER
		:: (poll[i] & STOP) != 0 -> came = poll[i]
#endif
		:: else -> poll[i] = poll[i] & ~AWAY; came = 0
		fi
	}
}

#ifdef BROKEN_PARK
#define PARKS(t, g, only) (attached[AT(t, g)] && (poll[AT(t, g)] & AWAY) == 0 && g == only)
#else
#define PARKS(t, g, only) (attached[AT(t, g)] && (poll[AT(t, g)] & AWAY) == 0)
#endif

inline park(t, only)
{
	pg = 0;
	do
	:: pg == COLLECTORS -> break
	:: else ->
		if
		:: PARKS(t, pg, only) -> parked[AT(t, pg)] = true; go_away(AT(t, pg), pg)
		:: else
		fi;
		pg++
	od;
	pg = 0
}

/* Comes back everywhere, or nowhere and waits. */
inline come_back_all(t)
{
	ug = 0;
	do
	:: ug == COLLECTORS -> break
	:: else ->
		came = 0;
		if
		:: parked[AT(t, ug)] -> come_back(AT(t, ug))
		:: else
		fi;
		if
		:: came == 0 -> ug++
		:: else ->
			ub = 0;
			do
			:: ub == ug -> break
			:: else ->
				if
				:: parked[AT(t, ub)] -> go_away(AT(t, ub), ub)
				:: else
				fi;
				ub++
			od;
			wait_poll(AT(t, ug), came);
			ub = 0;
			ug = 0
		fi
	od;
	skip;
	d_step {
		ug = 0;
		do
		:: ug < COLLECTORS -> parked[AT(t, ug)] = false; ug++
		:: else -> break
		od;
		ug = 0;
		came = 0
	}
}

inline unpark(t)
{
	come_back_all(t);
	do
	:: true;
	   d_step {
		is_wanted = false;
		ug = 0;
		do
		:: ug < COLLECTORS ->
			is_wanted = is_wanted ||
				(attached[AT(t, ug)] && (poll[AT(t, ug)] & (STOP | AWAY)) == STOP);
			ug++
		:: else -> break
		od;
		ug = 0
	   };
	   if
	   :: is_wanted -> park(t, COLLECTORS); come_back_all(t)
	   :: else -> break
	   fi
	od;
	is_wanted = false
}

/* ---- Inside ---- */

inline begin_slow(t, g)
{
	do
	:: inside[AT(t, g)] = false;
	   p = poll[AT(t, g)];
	   if
	   :: (p & STOP) != 0 -> park(t, g); unpark(t)
	   :: (p & STOP) == 0 && (p & FREEZE) != 0 ->
#ifdef BROKEN_FREEZE
		wait_poll(AT(t, g), p)
#else
		park(t, g);
		do
		:: p = poll[AT(t, g)];
		   if
		   :: (p & FREEZE) != 0 -> wait_poll(AT(t, g), p)
		   :: else -> break
		   fi
		od;
		unpark(t)
#endif
	   :: else
	   fi;
	   inside[AT(t, g)] = true;
	   p = poll[AT(t, g)];
	   if
	   :: (p & (STOP | FREEZE)) == 0 -> break
	   :: else
	   fi
	od;
	p = 0
}

inline begin(t, g)
{
	inside[AT(t, g)] = true;
	if
	:: poll[AT(t, g)] == 0 -> entered[AT(t, g)] = true
	:: else -> begin_slow(t, g); entered[AT(t, g)] = true
	fi
}

inline end(t, g)
{
	entered[AT(t, g)] = false;
	inside[AT(t, g)] = false
}

inline begin_all(t)
{
	bg = 0;
	do
	:: bg == COLLECTORS -> break
	:: bg < COLLECTORS && !attached[AT(t, bg)] -> bg++
	:: bg < COLLECTORS && attached[AT(t, bg)] ->
		inside[AT(t, bg)] = true;
		p = poll[AT(t, bg)];
		if
		:: p == 0 || (p & AWAY) != 0 -> bg++
		:: else ->
			d_step {
				w = 0;
				do
				:: w < bg -> inside[AT(t, w)] = false; w++
				:: else -> break
				od;
				w = 0
			};
			begin_slow(t, bg);
			inside[AT(t, bg)] = false;
			bg = 0
		fi
	od;
	bg = 0;
	p = 0
}

inline end_all(t)
{
	bg = 0;
	do
	:: bg == COLLECTORS -> break
	:: else -> inside[AT(t, bg)] = false; bg++
	od;
	bg = 0
}

/* ---- The lock ---- */

inline wait_until_idle(t, g)
{
	do
	:: p = phase[g];
	   if
	   :: p != IDLE -> wait_phase(AT(t, g), g, p)
	   :: else -> break
	   fi
	od
}

inline gc_lock(t, g)
{
	do
	:: begin_all(t);
	   lock_take(g);
	   if
	   :: phase[g] == IDLE || (attached[AT(t, g)] && (poll[AT(t, g)] & AWAY) == 0) -> break
	   :: else ->
		lock_give(g);
		end_all(t);
		park(t, g);
		wait_until_idle(t, g);
		unpark(t)
	   fi
	od
}

inline gc_unlock(t, g)
{
	lock_give(g);
	end_all(t)
}

/* ---- Stopping the world ---- */

inline stop(g, as)
{
	lock_take(g);
	mine = phase[g] == IDLE;
	if
	:: mine ->
		phase[g] = as;
		stoppers[g]++;
		assert(stoppers[g] == 1);                       /* W1 */
		SWEEP {
		sg = 0;
		do
		:: sg == THREADS -> break
		:: else ->
			if
			:: attached[AT(sg, g)] -> d_step {
				poll[AT(sg, g)] = poll[AT(sg, g)] | STOP
			   }
			:: else
			fi;
			sg++
		od
		};
		sg = 0
	:: else
	fi;
	lock_give(g)
}

inline wait_until_away(g)
{
	do
	:: changed[g] = false;
	   lock_take(g);
	   all_away = true;
	   SWEEP {
	   sg = 0;
	   do
	   :: sg == THREADS -> break
	   :: else ->
		all_away = all_away && (!attached[AT(sg, g)] || (poll[AT(sg, g)] & AWAY) != 0);
		sg++
	   od
	   };
	   sg = 0;
	   lock_give(g);
	   if
	   :: all_away -> break
	   :: else -> wait_arrivals(g)
	   fi
	od;
	all_away = false
}

inline resume(g)
{
	lock_take(g);
	stoppers[g]--;
	SWEEP {
	sg = 0;
	do
	:: sg == THREADS -> break
	:: else ->
		if
		:: attached[AT(sg, g)] ->
			poll[AT(sg, g)] = poll[AT(sg, g)] & ~STOP;
			asleep_poll[AT(sg, g)] = false
		:: else
		fi;
		sg++
	od
	};
	sg = 0;
	phase[g] = IDLE;
	wake_phase(g);
	lock_give(g)
}

inline world_run(t, g, coalesce)
{
	park(t, g);
	do
	:: stop(g, (coalesce -> COLLECTING : STOPPED));
	   if
	   :: mine ->
		wait_until_away(g);
		marking[g] = true;
		marking[g] = false;
		resume(g);
		break
	   :: else ->
		p = phase[g];
		if
		:: p == COLLECTING && coalesce -> break
		:: p != IDLE && !(p == COLLECTING && coalesce) -> wait_phase(AT(t, g), g, p)
		:: else
		fi
	   fi
	od;
	mine = false;
	p = 0;
	unpark(t)
}

/* ---- Fork ---- */

inline fork_process(t)
{
	park(t, COLLECTORS);
	atomic { !instances_locked -> instances_locked = true };
	fg = 0;
	do
	:: fg == COLLECTORS -> break
	:: else ->
		do
		:: lock_take(fg);
		   p = phase[fg];
		   if
		   :: p == IDLE -> break
		   :: else -> lock_give(fg); wait_phase(AT(t, fg), fg, p)
		   fi
		od;
		phase[fg] = FORKING;
		SWEEP {
		sg = 0;
		do
		:: sg == THREADS -> break
		:: else ->
			if
			:: sg != t && attached[AT(sg, fg)] ->
				poll[AT(sg, fg)] = poll[AT(sg, fg)] | FREEZE
			:: else
			fi;
			sg++
		od
		};
		sg = 0;
		lock_give(fg);
		fg++
	od;
	/* Somebody is inside: it is asked again and again, here waited for. */
	fg = 0;
	do
	:: fg == N -> break
	:: else -> (fg / COLLECTORS == t || !inside[fg]) -> fg++
	od;
	fg = 0;
	do
	:: fg == COLLECTORS -> break
	:: else -> lock_take(fg); fg++
	od;
	skip;
	d_step {                                                /* F1 */
		fg = 0;
		do
		:: fg < N -> assert(fg / COLLECTORS == t || !entered[fg]); fg++
		:: else -> break
		od;
		fg = 0;
		do
		:: fg < COLLECTORS -> assert(!marking[fg] && stoppers[fg] == 0); fg++
		:: else -> break
		od
	};
	fg = 0;
	do
	:: fg == COLLECTORS -> break
	:: else ->
		SWEEP {
		sg = 0;
		do
		:: sg == THREADS -> break
		:: else ->
			if
			:: attached[AT(sg, fg)] ->
				poll[AT(sg, fg)] = poll[AT(sg, fg)] & ~FREEZE;
				asleep_poll[AT(sg, fg)] = false
			:: else
			fi;
			sg++
		od
		};
		sg = 0;
		phase[fg] = IDLE;
		wake_phase(fg);
		lock_give(fg);
		fg++
	od;
	fg = 0;
	p = 0;
	instances_locked = false;
	unpark(t)
}

/* ---- Programs ---- */

/* The program uses objects: of every collector that it has not left. */
inline touch(t)
{
	d_step {
		w = 0;
		do
		:: w < COLLECTORS ->
			assert(!marking[w] || !attached[AT(t, w)] || left[AT(t, w)]);  /* W2 */
			w++
		:: else -> break
		od;
		w = 0
	}
}

/* leave; perhaps a collection of another collector meanwhile; enter. */
inline leave_and_enter(t, g)
{
	begin(t, g);
	left[AT(t, g)] = true;
	go_away(AT(t, g), g);
	end(t, g);
	touch(t);
	come_back(AT(t, g));
	if
	:: came != 0 ->
		park(t, COLLECTORS);
		d_step { parked[AT(t, g)] = true; came = 0 };
		unpark(t)
	:: else
	fi;
	left[AT(t, g)] = false
}

inline detach(t, g)
{
	gc_lock(t, g);
	attached[AT(t, g)] = false;
	inside[AT(t, g)] = false;
	parked[AT(t, g)] = false;
	poll[AT(t, g)] = 0;
	arrive(g);
	gc_unlock(t, g)
}

proctype thread(byte t)
{
	byte calls, g, old, came, p, pg, ug, ub, bg, sg, fg, w;
	bool mine, all_away, is_wanted;

	do
	:: calls == CALLS -> break
	:: else ->
		calls++;
		if
		:: g = 0
#if COLLECTORS > 1
		:: g = 1
#endif
		fi;
progress:
		touch(t);
		if
		:: MAY_CALL(t) && attached[AT(t, g)] -> begin(t, g); touch(t); end(t, g)
		:: MAY_CALL(t) && attached[AT(t, g)] -> world_run(t, g, true)
#ifndef FEW
		:: world_run(t, g, false)
		:: attached[AT(t, g)] -> leave_and_enter(t, g)
#endif
#ifdef FORKS
		:: MAY_FORK(t) -> fork_process(t)
#endif
		:: !attached[AT(t, g)] -> skip
		fi;
		touch(t)
	od;
	g = 0;
	do
	:: g == COLLECTORS -> break
	:: else ->
		if
		:: attached[AT(t, g)] -> detach(t, g)
		:: else
		fi;
		g++
	od
}

init
{
	byte t, g;

	d_step {
		do
		:: t == THREADS -> break
		:: else ->
			g = 0;
			do
			:: g == COLLECTORS -> break
			:: else -> attached[AT(t, g)] = (ATTACHED >> AT(t, g)) & 1; g++
			od;
			t++
		od;
		g = 0;
		t = 0
	}
	atomic {
		do
		:: t == THREADS -> break
		:: else -> run thread(t); t++
		od
	}
}
