/* SPDX-License-Identifier: MIT */
/*
 * tree.h: one level of the 256-ary tree: nodes with up to 256 equal units.
 *
 * A level is an array of nodes of 8 bytes. A node that is partly used has a
 * map of 256 bits (a bit is set while its unit is handed out) and stands in
 * the ring of its order: the largest k such that it has 2^k free units that
 * begin at a multiple of 2^k. Full and closed nodes have no map and no ring.
 */
#ifndef SMAL_SPACE_TREE_H
#define SMAL_SPACE_TREE_H

#include <smal/space/fsa.h>

enum {
	SMAL_FAN = 256,
	SMAL_ORDERS = 9,
	SMAL_NODES = 65536,
	/* No node: one beyond the last. Rings end by closing, so only heads
	 * hold it, and a node's links have 16 bits. */
	SMAL_NODE_NONE = SMAL_NODES
};

/* smal_node.order beyond 0..8. */
enum smal_node_state { SMAL_NODE_CLOSED = 0xf0, SMAL_NODE_FULL = 0xf1 };

struct smal_node {
	/* The ring of the order. */
	uint16_t next, prev;
	/* Units of the node, less one: 256 does not fit. */
	uint8_t capacity_1;
	/* Units in use, modulo 256; at least 1 where there is a map. */
	uint8_t count;
	/* The lowest free unit. */
	uint8_t free_index;
	/* The order, or an smal_node_state. */
	uint8_t order;
};

struct smal_binmap {
	uint64_t word[4];
};

struct smal_level {
	struct smal_node *nodes;
	/* Each node's map in the fsa, while it has one. */
	uint32_t *map_index;
	struct smal_fsa *maps;
	/* The first node of each ring, or SMAL_NODE_NONE. */
	uint32_t heads[SMAL_ORDERS];
	/* Take the lowest hole that is large enough rather than the smallest: what
	 * was in use is used again before what is fresh. */
	bool first_fit;
	/* Nodes that exist: those whose memory is committed. */
	uint32_t node_count;
};

/* All nodes are closed; the first smal_level_grow() makes them known. */
void smal_level_init(struct smal_level *level, struct smal_node *nodes, uint32_t *map_index,
                     struct smal_fsa *maps);

/* Nodes up to node_count exist from now on; those that are new are closed. */
void smal_level_grow(struct smal_level *level, uint32_t node_count);

/* Makes a closed node an empty one of `capacity` units. False: no memory for
 * its map, ever. */
bool smal_level_open(struct smal_level *level, uint32_t node, unsigned capacity);

/* Closes a node that is empty. */
void smal_level_close(struct smal_level *level, uint32_t node);

/* Takes n (1 to 256) units that begin at a multiple of 2^order (2^order >= n)
 * from an open node: the smallest hole that holds them (unless the level is
 * first fit), and of those in the node the lowest. *index is node * 256 + unit.
 * False: no node has room. */
bool smal_level_take(struct smal_level *level, unsigned n, unsigned order, uint32_t *index);

/* The same, from the units below limit alone. */
bool smal_level_take_below(struct smal_level *level, unsigned n, unsigned order, uint32_t limit,
                           uint32_t *index);

/* Gives units back; true if their node is now empty (close it, or leave it). */
bool smal_level_give(struct smal_level *level, uint32_t index, unsigned n);

/* Takes the n units from `index` on, if all are free and in one open node. */
bool smal_level_take_at(struct smal_level *level, uint32_t index, unsigned n);

/* True if the unit is handed out. */
bool smal_level_is_used(const struct smal_level *level, uint32_t index);

/* Units of a node that are in use. */
unsigned smal_level_count(const struct smal_level *level, uint32_t node);

/* The first invariant (of tree.c) that a level breaks, or NULL. Adds what it
 * holds of its fsa to *held. */
const char *smal_level_check(const struct smal_level *level, struct smal_fsa_held *held);

#endif
