/* SPDX-License-Identifier: MIT */
/*
 * share.pml: a thread that has a collector to itself sets live bits by plain stores, and
 * learns in time that it is not alone any more: smal_gc_begin (smal/gc/world.h), share
 * and smal_thread_attach (smal/gc/thread.c), smal_gc_outlast (smal/gc/world.c), for spin.
 *
 * One thread allocates: it goes inside, looks whether it is alone, sets the lowest bit of
 * the word, and goes outside. ATTACH others attach, and then each clears a bit of its own
 * in the same word, by one step. What the first one stores waits in its processor's
 * buffer, in order, until that writes it, whenever it likes; a locked instruction of its
 * own, or somebody's barrier, has all of it written. What it loads overtakes what it has
 * stored.
 *
 * Proved:
 *   S   no bit that was cleared is back at the end, and the one that was set is set
 *   L   all come to their end
 *
 * Each of these breaks the model, and spin must find it:
 *   BROKEN_STATES   who finds that somebody else is attaching goes straight on
 *   BROKEN_BARRIER  nobody has what is in the buffer written
 */
#ifndef ATTACH
#define ATTACH 2
#endif

mtype = { INSIDE, WORD };
mtype = { ALONE, SHARING, SHARED };

mtype sharing = ALONE;
bool inside;
/* Bit 0 is to be set; bit k + 1 is attaching thread k's, to be cleared. */
byte word = (1 << (ATTACH + 1)) - 2;
byte attached;
bool allocated;
chan buffer = [3] of { mtype, byte };
mtype what;
byte value;

inline write_one()
{
	buffer ? what, value;
	if
	:: what == INSIDE -> inside = value
	:: what == WORD -> word = value
	fi
}

inline write_all()
{
	do
	:: nempty(buffer) -> write_one()
	:: empty(buffer) -> break
	od
}

/* The processor: at any time, or never before it must. */
active proctype processor()
{
end:
	do
	:: atomic { nempty(buffer) -> write_one() }
	od
}

active proctype allocator()
{
	byte old;

	buffer ! INSIDE, 1;
	if
	:: sharing == ALONE ->
		old = word;
		buffer ! WORD, old | 1
	:: sharing != ALONE ->
		atomic {
			write_all();
			word = word | 1
		}
	fi;
	buffer ! INSIDE, 0;
	allocated = true
}

active [ATTACH] proctype attacher()
{
	byte own = _pid - 2;
	mtype seen;

	seen = sharing;
	if
#ifdef BROKEN_STATES
	:: seen == ALONE ->
#else
	:: seen != SHARED ->
#endif
		atomic {
			if
			:: sharing == ALONE -> sharing = SHARING
			:: else
			fi
		}
#ifndef BROKEN_BARRIER
		atomic { write_all() }
#endif
		!inside;
		sharing = SHARED
	:: else
	fi;
	word = word & ~(1 << (own + 1));
	attached++;
	if
	:: atomic { attached == ATTACH && allocated && empty(buffer) ->
		assert(word == 1) }
	:: attached != ATTACH || !allocated || nempty(buffer)
	fi
}
