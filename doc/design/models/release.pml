/* SPDX-License-Identifier: MIT */
/*
 * release.pml: slots given back, taken back and claimed by several threads, for
 * spin: smal_stride_release, _retake, _claim and _unclaim of smal/stride/lend.c
 * with what smal_free and allocation do around them.
 *
 * One stride, BUFFERS buffers of two slots. A thread claims a buffer, takes its
 * free slots by windows, frees objects wherever they lie, keeps the address of
 * what it freed last at hand and takes that back. Setting and clearing bits of a
 * claimed buffer need no lock (its holes are the claimer's); everything else is
 * done with the stride's lock held. Lists are the states of the buffers.
 *
 * Proved:
 *   R1  a slot never has two owners: who takes one finds it nobody's
 *   R2  none is lost: a slot whose live bit is clear is nobody's, and one whose
 *       bit is set is somebody's, when all threads have ended
 *   R3  used_slots is right when nobody has the buffer
 *
 * BROKEN_RETAKE: a slot is taken back without asking who has claimed its buffer.
 * BROKEN_COUNT: a release from a claimed buffer counts, and unclaiming does not
 * recount.
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef CALLS
#define CALLS 4
#endif
#ifndef BUFFERS
#define BUFFERS 2
#endif
#define SLOTS (BUFFERS * 2)
#define NONE 255

bool live[SLOTS];
/* Who has an object, or a window, there: 0 is nobody. */
byte owner[SLOTS];
byte used[BUFFERS], claimer[BUFFERS];
bool locked;
byte ended;

inline lock_take() { atomic { !locked -> locked = true } }
inline lock_give() { locked = false }

/* A slot becomes this thread's. */
inline own(s) { d_step { assert(owner[s] == 0); owner[s] = me } }          /* R1 */

/* Claims a buffer with room, if this thread has none. */
inline claim()
{
	lock_take();
	b = 0;
	do
	:: b == BUFFERS -> break
	:: b < BUFFERS && claimer[b] == 0 && used[b] < 2 -> claimer[b] = me; mine = b; break
	:: b < BUFFERS && !(claimer[b] == 0 && used[b] < 2) -> b++
	od;
	b = 0;
	lock_give()
}

/* Takes the next free slot of the claimed buffer: no lock, an atomic or. Those
 * behind it are the rest of the hole, whose bits are clear. */
inline take()
{
	s = mine * 2;
	if
	:: live[s] -> s++
	:: else
	fi;
	if
	:: !live[s] -> live[s] = true; own(s)
	:: else
	fi;
	s = 0
}

inline unclaim()
{
	lock_take();
#ifndef BROKEN_COUNT
	used[mine] = live[mine * 2] + live[mine * 2 + 1];
#endif
	claimer[mine] = 0;
	lock_give();
	mine = NONE
}

/* Gives a slot of this thread's back; it is at hand afterwards unless another
 * thread has claimed its buffer. The bit is cleared with the lock held, whoever
 * has the buffer. */
inline release(s)
{
	owner[s] = 0;
	lock_take();
	live[s] = false;
	if
#ifndef BROKEN_COUNT
	:: claimer[s / 2] != 0 ->
		if
		:: claimer[s / 2] == me -> recent = s
		:: else
		fi
#endif
	:: else -> used[s / 2]--; recent = s
	fi;
	lock_give()
}

inline retake()
{
	lock_take();
	if
#ifdef BROKEN_RETAKE
	:: !live[recent] ->
#else
	:: (claimer[recent / 2] == 0 || claimer[recent / 2] == me) && !live[recent] ->
#endif
		live[recent] = true;
		own(recent);
		if
		:: claimer[recent / 2] == 0 -> used[recent / 2]++
		:: else
		fi
	:: else
	fi;
	recent = NONE;
	lock_give()
}

proctype thread(byte me)
{
	byte calls, b, s, mine = NONE, recent = NONE;

	do
	:: calls == CALLS -> break
	:: else ->
		calls++;
		if
		:: mine == NONE -> claim()
		:: mine != NONE -> take()
		:: mine != NONE -> unclaim()
		:: owner[0] == me -> release(0)
		:: owner[1] == me -> release(1)
#if BUFFERS > 1
		:: owner[2] == me -> release(2)
		:: owner[3] == me -> release(3)
#endif
		:: recent != NONE -> retake()
		fi
	od;
	if
	:: mine != NONE -> unclaim()
	:: else
	fi;
	ended++;
	if
	:: ended == THREADS ->
		s = 0;
		do
		:: s == SLOTS -> break
		:: else -> assert(live[s] == (owner[s] != 0)); s++         /* R2 */
		od;
		b = 0;
		do
		:: b == BUFFERS -> break
		:: else -> assert(used[b] == live[b * 2] + live[b * 2 + 1]); b++ /* R3 */
		od
	:: else
	fi
}

init
{
	byte t;

	atomic {
		/* The first slot is an object of the first thread's: it may free it while
		 * another one has the buffer. */
		live[0] = true;
		owner[0] = 1;
		used[0] = 1;
		do
		:: t == THREADS -> break
		:: else -> t++; run thread(t)
		od
	}
}
