/* SPDX-License-Identifier: MIT */
/*
 * team.pml: several markers share what is to be marked, and find out that nothing is
 * left: smal/gc/team.c and the crew that comes and goes (smal/gc/crew.c), for spin.
 *
 * MEMBERS threads; number 0 collects. An object is a unit of WORK; what a member has
 * queued is a number of them. Scanning one may make a new one, as long as there are any
 * in the heap (`unmarked`). The collecting thread begins with BEGIN of them, marks
 * alone for as long as it likes, calls the crew, marks with the others, goes back to
 * marking alone; helpers come when they come, or never.
 *
 * Proved:
 *   T2  the hungry have empty queues
 *   T3  while the collecting thread marks alone, nobody else marks: no helper has
 *       anything queued, and nothing is handed over
 *   E   at the end, nothing that was queued is left: all of it has been scanned
 *   L   all come to their end: no deadlock (invalid end states)
 *   C   a helper is in a team that is there; it calls what it was called for
 *
 * A member's work on its own queue is one step; what is done with the lock held is one
 * step, too, but for the waits. Waiting for a word is futex's: it looks at the word and
 * falls asleep in one step, and sleeps until it is woken. `news`, which only counts up,
 * is a flag for each member: has it changed since it was read?
 *
 * Each of these breaks the model, and spin must find it:
 *   BROKEN_TELL    the last member that becomes hungry tells nobody
 *   BROKEN_ALONE   the collecting thread goes on alone while chunks are there
 *   BROKEN_LATE    a helper that comes late counts as a member after its first look
 *   BROKEN_CALL    a helper looks for what to do when it has given the crew's lock
 */
#ifndef MEMBERS
#define MEMBERS 3
#endif
#ifndef WORK
#define WORK 4
#endif
#ifndef BEGIN
#define BEGIN 3
#endif
#ifndef CHUNKS
#define CHUNKS 2
#endif

byte queued[MEMBERS];
/* Objects that are in nobody's queue yet; in the chunks. */
byte unmarked;
byte chunk[CHUNKS], chunk_count;
byte hungry, members;
bool is_hungry[MEMBERS];
bool done, alone, called, team_is_there, finished;
/* Of the team's news, by member: they changed; it sleeps until they do. */
bool changed[MEMBERS], asleep[MEMBERS];
/* The crew. */
bool work_is_set, crew_is_open, asleep_working;
byte working;

inline tell()
{
	k = 0;
	do
	:: k < MEMBERS -> changed[k] = true; asleep[k] = false; k++
	:: else -> break
	od;
	k = 0
}

/* With the lock held: up to so many, a chunk at a time. */
inline give(me, words)
{
	if
	:: chunk_count < CHUNKS && (words) > 0 ->
		chunk[chunk_count] = words;
		queued[me] = queued[me] - chunk[chunk_count];
		chunk_count++
	:: else
	fi;
	tell()
}

/* Scans one object of its own, which leads to none that is new, to one, or to two. */
inline scan(me)
{
	atomic {
		assert(!is_hungry[me]);                         /* T2 */
		assert(me == 0 || !alone);                      /* T3 */
		assert(team_is_there || me == 0);               /* C */
		if
		:: unmarked > 0 -> unmarked--
		:: queued[me]--
		:: unmarked > 1 -> unmarked = unmarked - 2; queued[me]++
		fi
	}
}

/* smal_mark_together: until the queue is empty, or what is left is little and all
 * others are hungry: then stay is false. */
inline mark_together(me)
{
	stay = true;
	do
	:: queued[me] == 0 || !stay -> break
	:: queued[me] > 0 && stay ->
		if
		:: scan(me)
		:: hungry != 0 && queued[me] >= 2 -> atomic {
			if
			:: chunk_count < hungry -> give(me, queued[me] / 2)
			:: else
			fi
		   }
#ifdef BROKEN_ALONE
		:: hungry != 0 -> atomic { stay = hungry != members - 1 }
#else
		:: hungry != 0 -> atomic { stay = hungry != members - 1 || chunk_count != 0 }
#endif
		fi
	od
}

/* got: there is something to do. */
inline take(me, gave)
{
	others = gave;
	got = false;
	do
	:: atomic {
		if
		:: done -> fetch = 2
		:: !done && !others && chunk_count != 0 ->
			chunk_count--;
			queued[me] = chunk[chunk_count];
			chunk[chunk_count] = 0;
			got = true;
			fetch = 2
		:: !done && (others || chunk_count == 0) && me == 0 && hungry == members - 1 ->
			fetch = 2
		:: else ->
			fetch = 1;
			assert(queued[me] == 0);                /* T2 */
			hungry++;
			is_hungry[me] = true;
#ifndef BROKEN_TELL
			if
			:: hungry == members -> tell()
			:: else
			fi;
#endif
			changed[me] = false
		fi
	   };
	   if
	   :: fetch == 2 -> break
	   :: else
	   fi;
	   atomic { if :: !changed[me] -> asleep[me] = true :: else fi };
	   !asleep[me];
	   atomic { hungry--; is_hungry[me] = false; others = false }
	od;
	fetch = 0;
	others = false
}

/* The collecting thread. */
proctype collector()
{
	bool stay, others, got;
	byte k, fetch, turns;

	do
	:: queued[0] == 0 -> break
	:: queued[0] > 0 ->
		if
		:: alone = true; scan(0); alone = false
		:: !called -> atomic { called = true; work_is_set = true; crew_is_open = true }
		:: called && hungry != 0 && queued[0] > 1 && turns < 2 ->
			turns++;
			atomic { give(0, queued[0] / 2) };
			do
			:: mark_together(0);
			   if
			   :: queued[0] == 0 -> take(0, false)
			   :: else -> got = false
			   fi;
			   if
			   :: !got -> break
			   :: else
			   fi
			od;
			atomic {
				k = 1;
				do
				:: k < MEMBERS -> assert(queued[k] == 0); k++   /* T3 */
				:: else -> break
				od;
				k = 0;
				assert(chunk_count == 0)                        /* T3 */
			}
		fi
	od;
	atomic {
		k = 1;
		do
		:: k < MEMBERS -> assert(queued[k] == 0); k++           /* E */
		:: else -> break
		od;
		k = 0;
		assert(chunk_count == 0)                                /* E */
	};
	/* smal_team_fini. */
	atomic { done = true; tell() };
	atomic { work_is_set = false; crew_is_open = false };
	do
	:: atomic { if :: working != 0 -> asleep_working = true :: else -> break fi };
	   !asleep_working
	od;
	team_is_there = false;
	finished = true
}

/* smal_crew: take_part, and help. */
proctype helper(byte me)
{
	bool stay, others, got, gave;
	byte k, fetch;

	if
	:: finished -> goto out
	:: atomic { crew_is_open -> working++ }
	fi;
#ifdef BROKEN_CALL
	assert(work_is_set);                                            /* C */
#endif
	assert(team_is_there);                                          /* C */
#ifdef BROKEN_LATE
	atomic { if :: chunk_count != 0 -> chunk_count--; queued[me] = chunk[chunk_count];
	                                   chunk[chunk_count] = 0 :: else fi };
	members++;
	mark_together(me);
#else
	atomic { members++ };
#endif
	do
	:: take(me, gave);
	   if
	   :: !got -> break
	   :: else
	   fi;
	   mark_together(me);
	   gave = queued[me] != 0;
	   if
	   :: gave -> atomic { give(me, queued[me]) }
	   :: else
	   fi
	od;
	assert(queued[me] == 0);                                        /* E */
	atomic { working--; if :: working == 0 -> asleep_working = false :: else fi };
out:
	skip
}

init
{
	byte i;

	atomic {
		queued[0] = BEGIN;
		unmarked = WORK;
		members = 1;
		team_is_there = true;
		run collector();
		i = 1;
		do
		:: i < MEMBERS -> run helper(i); i++
		:: else -> break
		od
	}
}
