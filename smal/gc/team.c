/* SPDX-License-Identifier: MIT */
/*
 * team.c: sharing what is to be marked (team.h).
 *
 *   queue of a member          chunks                 queue of another
 *   +-----------+------+                             +------+
 *   | older     | ...  | ---> [ 16..512 words ] ---> |      |
 *   +-----------+------+                             +------+
 *
 * Handing over costs the giver a copy of some words under the lock, and it is done
 * only where somebody waits; taking is the same. There is nothing in the path of an
 * object but a look at a count, which changes seldom.
 *
 * The end: a member that becomes hungry as the last one finds the chunks empty. The
 * collecting thread then goes on; helpers stay hungry, in case there is more.
 */
#include <smal/gc/team.h>
#include <smal/gc/crew.h>
#include <smal/base/option.h>

#include <string.h>

enum {
	/* Words in the queue with which a marker asks for help; words that are worth
	 * handing over. */
	ASK_WORDS = 64,
	LEAST_WORDS = 16,
	/* Looks without anything to give away after which it goes on alone. */
	LONELY_LOOKS = 32,
	/* Turns that a member waits before it sleeps. */
	SPINS = 200,
	RANGE_LEAST = 1 << 20,
	RANGE_PIECE = 1 << 16
};

void smal_team_init(struct smal_team *team, struct smal_marker *marker,
                    const struct smal_team_room *room)
{
	bool eager = smal_options()->team != 0;

	*team = (struct smal_team){ .marker = marker,
		                    .room = *room,
		                    .members = 1,
		                    .ask_words = eager ? 2 : ASK_WORDS,
		                    .least_words = eager ? 1 : LEAST_WORDS,
		                    .range_bytes = eager ? 64 : RANGE_LEAST,
		                    .piece_bytes = eager ? 16 : RANGE_PIECE };
	smal_os_lock_init(&team->lock);
	marker->team = team;
}

/* With the lock held. */
static void tell(struct smal_team *team)
{
	smal_atomic_store_u32(&team->news, team->news + 1);
	if (team->sleepers != 0)
		smal_os_wake(&team->news);
}

void smal_team_fini(struct smal_team *team)
{
	team->marker->team = NULL;
	if (!team->called)
		return;
	smal_team_lock(team);
	team->done = true;
	tell(team);
	smal_team_unlock(team);
	smal_crew_dismiss();
}

/* ---- Giving ---- */

/* Moves words from the bottom of a queue into a chunk; with the lock held. */
static void give(struct smal_team *team, struct smal_marker *marker, size_t words)
{
	struct smal_handover *chunk;

	while (words != 0 && team->chunk_count < SMAL_CHUNKS) {
		size_t n = smal_min(words, SMAL_CHUNK_WORDS - 1);

		/* What stands above the cut is no half of a piece. */
		if (marker->bottom + n < marker->top && (marker->bottom[n] & SMAL_PIECE) != 0)
			n++;
		chunk = &team->room.chunks[team->chunk_count++];
		chunk->count = n;
		memcpy(chunk->words, marker->bottom, n * sizeof *chunk->words);
		marker->bottom += n;
		words -= smal_min(words, n);
	}
	tell(team);
}

bool smal_team_look(struct smal_marker *marker, size_t words)
{
	struct smal_team *team = marker->team;
	uint32_t hungry = smal_atomic_load_relaxed_u32(&team->hungry);
	bool stay = true;

	if (hungry == 0) {
		marker->lonely = 0;
		return true;
	}
	if (words >= 2 * team->least_words) {
		marker->lonely = 0;
		smal_team_lock(team);
		if (team->chunk_count < team->hungry)
			give(team, marker, words / 2);
		smal_team_unlock(team);
		return true;
	}
	if (++marker->lonely < LONELY_LOOKS)
		return true;
	marker->lonely = 0;
	smal_team_lock(team);
	if (team->hungry == team->members - 1 && team->chunk_count == 0 &&
	    team->base == team->limit)
		stay = false;
	smal_team_unlock(team);
	return stay;
}

/* ---- Taking ---- */

/* A piece of the range of roots; with the lock held, which is given. */
static void mark_piece(struct smal_team *team, struct smal_marker *marker)
{
	uintptr_t base = team->base;
	uintptr_t limit = base + smal_min(team->limit - base, team->piece_bytes);

	team->base = limit;
	smal_team_unlock(team);
	marker->together = true;
	smal_mark_roots(marker, base, limit);
	marker->together = false;
}

/* Waits for news; with the lock held, which is given meanwhile. */
static void wait_for_news(struct smal_team *team)
{
	uint32_t news = team->news;

	smal_team_unlock(team);
	for (unsigned i = 0; i < SPINS && smal_atomic_load_u32(&team->news) == news; i++)
		smal_os_pause();
	smal_team_lock(team);
	while (team->news == news) {
		team->sleepers++;
		smal_team_unlock(team);
		smal_os_wait(&team->news, news, 0);
		smal_team_lock(team);
		team->sleepers--;
	}
}

/* Gets the marker something to do; `others` before it looks itself, what lies there
 * is for others. False: there will be nothing; for the collecting thread, there is
 * nothing. */
static bool take(struct smal_team *team, struct smal_marker *marker, bool others)
{
	const struct smal_handover *chunk;

	smal_team_lock(team);
	for (; !team->done; others = false) {
		if (!others && team->base != team->limit) {
			mark_piece(team, marker);
			return true;
		}
		if (!others && team->chunk_count != 0) {
			chunk = &team->room.chunks[--team->chunk_count];
			marker->bottom = marker->base;
			marker->top = marker->bottom + chunk->count;
			memcpy(marker->bottom, chunk->words, chunk->count * sizeof *chunk->words);
			smal_team_unlock(team);
			return true;
		}
		if (marker == team->marker && team->hungry == team->members - 1)
			break;
		smal_atomic_store_u32(&team->hungry, team->hungry + 1);
		/* The collecting thread waits for that. */
		if (team->hungry == team->members)
			tell(team);
		wait_for_news(team);
		smal_atomic_store_u32(&team->hungry, team->hungry - 1);
	}
	smal_team_unlock(team);
	return false;
}

/* ---- Helpers ---- */

static void help(void *argument, unsigned number)
{
	struct smal_team *team = argument;
	struct smal_marker marker = team->model;
	bool gave_all = false;

	marker.view.others = marker.view.mark;
	marker.view.mark = team->room.masks;
	marker.view.touched = team->room.touched;
	marker.view.shared = team->room.helpers > 1;
	smal_marker_place(&marker, team->room.queues + (number - 1) * team->room.queue_words,
	                  team->room.queue_words - SMAL_SLACK_WORDS);
	marker.bottom = marker.top = marker.base;
	marker.spare = NULL;
	smal_team_lock(team);
	team->members++;
	smal_team_unlock(team);
	while (take(team, &marker, gave_all)) {
		smal_mark_together(&marker);
		gave_all = marker.top != marker.bottom;
		if (!gave_all)
			continue;
		smal_team_lock(team);
		give(team, &marker, (size_t)(marker.top - marker.bottom));
		smal_team_unlock(team);
	}
}

/* True if there is a mask for the view's ids; it is clear then. */
static bool has_masks(struct smal_team *team)
{
	struct smal_team_room *room = &team->room;
	size_t ids = smal_view_ids(&team->marker->view);

	if (ids > room->mask_ids)
		return false;
	room->mask_ids = ids;
	memset(room->masks, 0, ids * SMAL_MASK_BYTES);
	memset(room->touched, 0, ids * sizeof *room->touched);
	return true;
}

/* Calls the crew, if it can be had; else notes that it was wanted. */
static bool call(struct smal_team *team)
{
	struct smal_gc *gc = team->marker->gc;

	gc->wants_crew = true;
	team->model = *team->marker;
	team->called = team->room.helpers != 0 && has_masks(team) &&
	               smal_crew_call(team->room.helpers, help, team);
	if (!team->called)
		team->marker->team = NULL;
	return team->called;
}

bool smal_team_can_help(struct smal_marker *marker, size_t words)
{
	struct smal_team *team = marker->team;

	if (words < team->ask_words || marker->marked != NULL)
		return false;
	if (!team->called)
		call(team);
	return team->called && smal_atomic_load_u32(&team->hungry) != 0;
}

/* The marks that helpers have set become the heap's. */
static void take_marks_over(struct smal_team *team, smal_word *mark)
{
	struct smal_team_room *room = &team->room;

	for (size_t id = 0; id < room->mask_ids; id++) {
		smal_word *from = room->masks + id * SMAL_MASK_WORDS;
		smal_word *to = mark + id * SMAL_MASK_WORDS;

		if (room->touched[id] == 0)
			continue;
		room->touched[id] = 0;
		for (size_t w = 0; w < SMAL_MASK_WORDS; w++) {
			if (from[w] == 0)
				continue;
			/* Who has another collector's in view may read it. */
			smal_word_store(&to[w], to[w] | from[w]);
			smal_word_store(&from[w], 0);
		}
	}
}

/* Until all others are hungry, and there is nothing left or it is not worth it. */
static void mark_with_others(struct smal_team *team, struct smal_marker *marker)
{
	marker->view.others = team->room.masks;
	do
		smal_mark_together(marker);
	while (marker->top == marker->bottom && take(team, marker, false));
	smal_team_lock(team);
	marker->overflowed |= team->overflowed;
	team->overflowed = false;
	smal_team_unlock(team);
	take_marks_over(team, marker->view.mark);
}

void smal_team_mark(struct smal_marker *marker)
{
	struct smal_team *team = marker->team;

	if (team == NULL)
		return;
	smal_team_lock(team);
	give(team, marker, (size_t)(marker->top - marker->bottom) / 2);
	smal_team_unlock(team);
	mark_with_others(team, marker);
}

bool smal_team_mark_range(struct smal_marker *marker, uintptr_t base, uintptr_t limit)
{
	struct smal_team *team = marker->team;

	if (team == NULL || marker->together || marker->scanning || marker->marked != NULL ||
	    limit - base < team->range_bytes || (!team->called && !call(team)))
		return false;
	smal_team_lock(team);
	team->base = base;
	team->limit = limit;
	tell(team);
	smal_team_unlock(team);
	mark_with_others(team, marker);
	return true;
}
