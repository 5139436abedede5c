/* SPDX-License-Identifier: MIT */
/*
 * heap_remote.pml: blocks that are freed by another thread than their buffer's, for
 * spin: smal/heap/remote.c, while the buffer changes hands (smal/heap/bin.c, cache.c).
 *
 * One buffer with two words of two slots, all held. FREERS threads free a slot each:
 * the slot's bit; if the word was 0, the word's bit in lent; if that was 0, the
 * buffer goes on the list of the cache that has it. Two caches make CALLS calls each:
 * drain their list, borrow the buffer if nobody has it, dissolve (give it back, shut
 * the list, be idle), get a thread again. The lists hold one buffer, so that they are
 * empty, or it, or shut. A call that holds the heap's lock from beginning to end is
 * still many steps: frees take no lock.
 *
 * Proved:
 *   R1  the buffer is on one list at most, once
 *   R2  one thread at a time takes home, and finds the slots of all bits held
 *   R3  the buffer does not end while somebody may still put it on a list
 *   R4  when all frees are done and the caches that have threads have drained,
 *       nothing is left in the remote mask, and no slot is held
 *
 * BROKEN_ORDER: takes the words first, and then lent. BROKEN_EAGER: takes home what
 * is in the words without a delivery. BROKEN_BLIND: who finds that no cache has the
 * buffer does not look again with the lock. BROKEN_OPEN: an idle cache's list is not
 * shut. BROKEN_KEEP: a drain keeps a delivery for a buffer that another cache has.
 */
#ifndef FREERS
#define FREERS 3
#endif
#ifndef CALLS
#define CALLS 3
#endif

#define NONE 0
#define EMPTY 0
#define LISTED 1
#define SHUT 2

/* The buffer. */
byte word[2], lent, held, claimer;
bool ended;
/* Of the heap. */
bool lock;
byte taking;
/* Caches 1 and 2. */
byte list[3];
bool idle[3];
byte freed, stopped;

inline take_lock() { atomic { !lock -> lock = true } }
inline give_lock() { lock = false }

/* The held bits are those of the owner, or of who has the lock: no atomic step. */
inline take_word(n)
{
	atomic { bits = word[n]; word[n] = 0 };
	now_held = held;
	assert((now_held & (bits << (2 * n))) == (bits << (2 * n)));    /* R2 */
	held = now_held & ~(bits << (2 * n));
	bits = 0; now_held = 0
}

inline take_home()
{
	atomic { taking++; assert(taking == 1 && !ended) };             /* R2 */
#ifdef BROKEN_ORDER
	take_word(0);
	take_word(1);
	lent = 0;
#else
	atomic { got = lent; lent = 0 };
	if
	:: got & 1 -> take_word(0)
	:: else
	fi;
	if
	:: got & 2 -> take_word(1)
	:: else
	fi;
	got = 0;
#endif
	taking--
}

inline end_if_empty()
{
	if
	:: held == 0 -> ended = true
	:: else
	fi
}

/* True in `pushed`: the cache's list has it. */
inline push(c)
{
	atomic {
		assert(!ended);                                         /* R3 */
		if
		:: list[c] == SHUT -> pushed = false
		:: else ->
			assert(list[1] != LISTED && list[2] != LISTED); /* R1 */
			list[c] = LISTED;
			pushed = true
		fi
	}
}

inline deliver_locked()
{
	pushed = false;
	if
	:: claimer != NONE -> push(claimer)
	:: else
	fi;
	if
	:: !pushed -> take_home(); end_if_empty()
	:: else
	fi
}

inline deliver()
{
	pushed = false;
	do
	:: pushed -> break
	:: else ->
		to = claimer;
		if
		:: to != NONE -> push(to)
		:: else
		fi;
		if
		:: pushed -> break
		:: else ->
			take_lock();
#ifdef BROKEN_BLIND
			take_home(); end_if_empty(); pushed = true;
#else
			if
			:: claimer == NONE -> deliver_locked(); pushed = true
			:: else
			fi;
#endif
			give_lock()
		fi
	od;
	to = NONE; pushed = false
}

proctype freer(byte slot)
{
	byte old, bits, now_held, got, to;
	bool pushed;

	assert(!ended);
	atomic { old = word[slot / 2]; word[slot / 2] = old | (1 << (slot % 2)) };
	if
	:: old == 0 ->
		assert(!ended);
		atomic { old = lent; lent = old | (1 << (slot / 2)) };
		if
		:: old == 0 -> deliver()
		:: else
		fi
	:: else
	fi;
	freed++
}

/* What is on the list goes home, or to who has it now. */
inline drain(me, locked)
{
	atomic {
		found = list[me] == LISTED;
		if
		:: found -> list[me] = EMPTY
		:: else
		fi
	};
	if
	:: found && claimer == me ->
		take_home();
		if
		:: held == 0 && !locked -> take_lock(); claimer = NONE; ended = true; give_lock()
		:: else
		fi
#ifdef BROKEN_KEEP
	:: found && claimer != me
#else
	:: found && claimer != me && locked -> deliver_locked()
	:: found && claimer != me && !locked -> deliver()
#endif
	:: !found
#ifdef BROKEN_EAGER
		-> if
		:: claimer == me && (word[0] | word[1]) != 0 ->
			take_word(0); take_word(1);
			if
			:: held == 0 && !locked ->
				take_lock(); claimer = NONE; ended = true; give_lock()
			:: else
			fi
		:: else
		fi
#endif
	fi;
	found = false
}

inline borrow(me)
{
	take_lock();
	if
	:: claimer == NONE && !ended -> claimer = me
	:: else
	fi;
	give_lock()
}

inline dissolve(me)
{
	take_lock();
	drain(me, true);
	if
	:: claimer == me -> claimer = NONE; end_if_empty()
	:: else
	fi;
	atomic { found = list[me] == LISTED; list[me] = SHUT };
	if
	:: found -> deliver_locked()
	:: else
	fi;
	found = false; pushed = false;
#ifdef BROKEN_OPEN
	list[me] = EMPTY;
#endif
	idle[me] = true;
	give_lock()
}

inline get_thread(me)
{
	take_lock();
	if
	:: list[me] == SHUT -> list[me] = EMPTY
	:: else
	fi;
	idle[me] = false;
	give_lock()
}

proctype cache(byte me)
{
	byte calls, bits, now_held, got, to;
	bool found, pushed;

	do
	:: calls == CALLS -> break
	:: calls < CALLS ->
		calls++;
		if
		:: !idle[me] -> drain(me, false)
		:: !idle[me] -> borrow(me)
		:: !idle[me] -> dissolve(me)
		:: idle[me] -> get_thread(me)
		fi
	:: break
	od;
	stopped++
}

/* Those that have threads drain again: the first may pass on to the second. */
proctype last()
{
	byte bits, now_held, got, to;
	bool found, pushed;

	freed == FREERS && stopped == 2;
	if
	:: !idle[1] -> drain(1, false)
	:: else
	fi;
	if
	:: !idle[2] -> drain(2, false)
	:: else
	fi;
	if
	:: !idle[1] -> drain(1, false)
	:: else
	fi;
	assert(word[0] == 0 && word[1] == 0 && lent == 0 && held == 0); /* R4 */
}

init
{
	byte n;

	atomic {
		claimer = 1;
		do
		:: n == FREERS -> break
		:: else -> held = held | (1 << n); run freer(n); n++
		od;
		run cache(1);
		run cache(2);
		run last()
	}
}
