/* SPDX-License-Identifier: MIT */
/*
 * space.h: the virtual allocator: runs of chunks, and small elements, from
 * 64 GiB segments of 256 regions of 256 blocks of 256 chunks.
 *
 * After J. Kluft's "Virtual Allocator v2.0". Three kinds of requests:
 *
 *   runs       whole chunks (4 KiB). Up to 1 MiB they begin at a multiple of
 *              their size rounded up to a power of two; larger ones begin a
 *              block; above 256 MiB they are reservations of their own.
 *   elements   up to 2 KiB, 16-byte granules, in chunks of one size
 *   sides      metadata by address, for the floors above (segment.h)
 *
 * All metadata is out of line, except in a caller's buffer, whose first part
 * it takes. Memory that is given back stays for a while and then returns to
 * the system: when a call notices that decay_ms have passed, or at a trim.
 *
 * One lock; it is a leaf: nothing but the provider is called while it is held.
 * Functions may be called by any thread, except create and destroy.
 */
#ifndef SMAL_SPACE_SPACE_H
#define SMAL_SPACE_SPACE_H

#include <smal/space/table.h>

struct smal_space_options {
	/* smal_provider_os if NULL. */
	const struct smal_provider *provider;
	/* The space that the floor above keeps its structures in; NULL: this one. */
	struct smal_space *books;
	/* A caller's buffer that the space lives in, or NULL. It stays out of
	 * the table, and no further segment is ever made. */
	void *buffer;
	size_t buffer_bytes;
	/* The size of a segment's memory: a power of two from 1 MiB to 64 GiB;
	 * 0 for as much as the machine's addresses allow. A run that is larger
	 * gets a segment of its own size. */
	uint64_t segment_bytes;
	/* Age at which free memory goes back to the system. */
	unsigned decay_ms;
	/* Free memory that is kept at most, whatever its age: so many bytes, and one part
	 * in so many of what is in use. 0: no limit. */
	size_t dirty_bytes;
	unsigned dirty_part;
	/* No huge pages: runs are large, and little of them is touched. */
	bool small_pages;
	/* Huge pages are not asked for; where the system gives them by itself, it does. */
	bool plain_pages;
	/* Bytes of side metadata for each buffer id, or 0. */
	uint32_t side_bytes[SMAL_SIDES];
	/* Sides that are committed only where smal_space_commit_side asks: a bit
	 * each. */
	uint32_t lazy_sides;
};

struct smal_space_counts {
	/* Addresses reserved, and how many times they were asked for. */
	uint64_t reserved_bytes, mappings;
	/* used + free + metadata = committed. A caller's buffer is committed. */
	uint64_t committed_bytes, used_bytes, free_bytes, dirty_bytes, metadata_bytes;
	/* Calls of the provider that committed and discarded memory. */
	uint64_t commits, discards;
};

struct smal_space {
	uint32_t magic;
	struct smal_os_lock lock;
	struct smal_space_options options;
	struct smal_account account;
	/* All segments, the newest first; those of ended direct runs. */
	struct smal_link segments, spare;
	/* Metadata of direct segments: an item each. */
	struct smal_fsa directs;
	uint64_t next_segment_bytes;
	/* The clock when something was given last, and when age was last looked at. */
	uint64_t now_ms, decayed_ms;
	uint64_t reserved_bytes, mappings;
	/* For the floor above: what it keeps for all its users of the space. */
	volatile AO_t attachment;
};

/* A space of its own, or NULL if the system or the buffer is too small, or
 * segment_bytes is none of those sizes. */
struct smal_space *smal_space_create(const struct smal_space_options *options);

/* Everything goes back, whatever is in use. No reader may be left. */
void smal_space_destroy(struct smal_space *space);

/*
 * Takes a run of `bytes` (rounded up to chunks) that begins at a multiple of
 * align_bytes (a power of two up to 1 MiB; in a caller's buffer, counted from
 * its first chunk). *zeroed tells whether it is known
 * to read as zero. NULL: no memory; nothing has changed.
 */
void *smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes, bool *zeroed);

/* Gives a run back, or any part of one that begins and ends with a chunk. Only
 * a part of a run can fail, for lack of metadata; it then stays in use. The
 * addresses of a run above 256 MiB return when its last part does. */
bool smal_space_give(struct smal_space *space, void *run, size_t bytes);

/* Makes a run longer where it stands. *zeroed is about the new part. */
bool smal_space_extend(struct smal_space *space, void *run, size_t old_bytes, size_t new_bytes,
                       bool *zeroed);

/* Gives free memory of at least this age back to the system; returns bytes. */
size_t smal_space_purge(struct smal_space *space, unsigned age_ms);

/* Gives a run back that was zeroed when it was taken and that nobody touched:
 * it is as clean as it was. */
void smal_space_give_unused(struct smal_space *space, void *run, size_t bytes);

/* Commits a lazy side for a run. False: no memory. */
bool smal_space_commit_side(struct smal_space *space, unsigned side, const void *run,
                            size_t bytes);

void smal_space_get_counts(struct smal_space *space, struct smal_space_counts *counts);

/* The first invariant that does not hold, or NULL. */
const char *smal_space_check(struct smal_space *space);

/* Has the system take the memory of the pages [base, base + bytes), which are in use: they
 * are zero then. Where it does not, or the space is a caller's, they are as they were. */
void smal_space_discard(struct smal_space *space, void *base, size_t bytes);

/* The space's segment that an address lies in, or NULL; finds the buffer's too. */
struct smal_segment *smal_space_segment(struct smal_space *space, const void *address);

/* ---- Elements (element.c) ---- */

enum { SMAL_ELEMENT_LARGEST = 2048 };

/* An element of 1 to 2048 bytes, not zeroed, at a multiple of 16; or NULL. */
void *smal_element_take(struct smal_space *space, size_t bytes);

/* Gives an element back. False if the address is not a live element's start;
 * nothing has changed then. */
bool smal_element_give(struct smal_space *space, void *element);

/* Bytes that a live element has; 0 if the address is not one's start. */
size_t smal_element_bytes(struct smal_space *space, const void *element);

/* ---- For element.c, purge.c and verify.c: called with the lock held ---- */

void *smal_space_take_locked(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);
bool smal_space_give_locked(struct smal_space *space, void *run, size_t bytes);
/* Ends the empty groups that classes keep. */
void smal_element_trim_locked(struct smal_space *space, struct smal_segment *segment);
/* Bytes of all committed metadata. */
uint64_t smal_space_metadata(const struct smal_space *space);

/* ---- For space.c and run.c: called with the lock held ---- */

/* Runs in one segment (run.c): takes n chunks at a multiple of 2^order, in blocks
 * that are committed or, if `grows`, are then; takes those from `chunk` on, if all
 * are free; gives a run back, dirty or untouched. False: no run has changed. */
bool smal_run_take(struct smal_segment *segment, size_t n, unsigned order, bool grows,
                   uint32_t *chunk);
bool smal_run_take_at(struct smal_segment *segment, uint32_t chunk, size_t n);
bool smal_run_give(struct smal_segment *segment, uint32_t chunk, size_t n, bool dirty);
/* Opens a buffer's last block if it is a short one. */
bool smal_run_open_short(struct smal_segment *segment);

/* Chunks that are handed out are dirty no more: true if none of them was. Chunks that
 * are given back become it. (purge.c) */
bool smal_segment_take_dirty(struct smal_segment *segment, uint32_t chunk, size_t n);
void smal_segment_give_dirty(struct smal_segment *segment, uint32_t chunk, size_t n);

/* Purges all if there is more than may be kept; and what is old enough, for which it
 * looks at most eight times per decay time. */
void smal_space_decay_locked(struct smal_space *space);

#endif
