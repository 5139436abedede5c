/* SPDX-License-Identifier: MIT */
/*
 * tree.c: taking runs of units from one level of the tree, and giving them
 * back.
 *
 *          heads[0..8]
 *            |  ring of the nodes whose largest aligned hole has 2^k units
 *            v
 *   nodes  [ 8 bytes | 8 bytes | ... ]     map_index -> fsa: 256 bits
 *
 * A run is found by folding the map: the windows of 2^(k+1) free units are
 * those whose two halves are windows of 2^k. Freed neighbours merge by that
 * alone; there is nothing else to maintain. All steps are O(orders).
 *
 * Invariants:
 *   I1  a node with a map has 1 <= units in use < capacity, or is open and
 *       empty (count 0); full and closed nodes have no map
 *   I2  count is the number of bits that are set, less those beyond capacity,
 *       which all are; a full node's is its capacity
 *   I3  order and free_index follow from the map
 *   I4  a node with a map stands in the ring of its order and in no other
 * The segment's owner holds the space's lock.
 */
#include <smal/space/tree.h>

#include <string.h>

/* Bits at the multiples of 2^k. */
static const uint64_t aligned[7] = {
	0xffffffffffffffff, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
	0x0001000100010001, 0x0000000100000001, 0x0000000000000001,
};

/* fold[k] has a bit at the start of every window of 2^k free units. Returns the
 * largest k with a window; -1 if nothing is free. */
static int fold_map(const struct smal_binmap *map, struct smal_binmap fold[SMAL_ORDERS])
{
	uint64_t any = 0;
	int k;

	for (int w = 0; w < 4; w++)
		any |= fold[0].word[w] = ~map->word[w];
	for (k = 0; any != 0 && k < SMAL_ORDERS - 1; k++) {
		any = 0;
		memset(&fold[k + 1], 0, sizeof fold[0]);
		for (int w = 0; w < 4; w++) {
			uint64_t f = fold[k].word[w];

			if (k < 6)
				f &= f >> (1 << k) & aligned[k + 1];
			else if (k == 6)
				f &= (w & 1) == 0 ? fold[6].word[w + 1] : 0;
			else
				f &= w == 0 ? fold[7].word[2] : 0;
			any |= fold[k + 1].word[w] = f;
		}
	}
	return any != 0 ? k : k - 1;
}

/* The starts of the windows of 2^(k+1) units whose halves are windows of 2^k. */
static uint64_t windows_of_pairs(uint64_t halves, unsigned k)
{
	return halves & halves >> (1u << k) & aligned[k + 1];
}

/* The starts of the windows of 2^order units (at most 64) in a word of free ones. */
static uint64_t windows(uint64_t free, unsigned order)
{
	for (unsigned k = 0; k < order && free != 0; k++)
		free = windows_of_pairs(free, k);
	return free;
}

/* The largest k with a window of 2^k free units; -1 if nothing is free. */
static int map_order(const struct smal_binmap *map)
{
	const uint64_t *word = map->word;
	int order = -1;

	if ((word[0] | word[1]) == 0 || (word[2] | word[3]) == 0)
		return (word[0] | word[1] | word[2] | word[3]) == 0 ? 8 : 7;
	for (int w = 0; w < 4 && order < 6; w++) {
		/* Is there one larger than the largest so far? */
		uint64_t free = windows(~word[w], (unsigned)order + 1);

		while (free != 0) {
			order++;
			free = order < 6 ? windows_of_pairs(free, (unsigned)order) : 0;
		}
	}
	return order;
}

/* The lowest window of 2^order free units, or SMAL_FAN. */
static unsigned map_lowest(const struct smal_binmap *map, unsigned order)
{
	unsigned words = order <= 6 ? 1 : 1u << (order - 6);

	for (unsigned w = 0; w < 4; w += words) {
		uint64_t used = map->word[w], free;

		for (unsigned i = 1; i < words; i++)
			used |= map->word[w + i];
		free = windows(~used, order < 6 ? order : 6);
		if (free != 0)
			return w * 64 + (unsigned)__builtin_ctzll(free);
	}
	return SMAL_FAN;
}

static struct smal_binmap *node_map(const struct smal_level *level, uint32_t node)
{
	return smal_fsa_at(level->maps, level->map_index[node]);
}

static bool node_has_map(const struct smal_node *node)
{
	return node->order < SMAL_ORDERS;
}

static void ring_insert(struct smal_level *level, uint32_t index)
{
	struct smal_node *node = &level->nodes[index];
	uint32_t *head = &level->heads[node->order];

	if (*head == SMAL_NODE_NONE) {
		node->next = node->prev = (uint16_t)index;
	} else {
		struct smal_node *first = &level->nodes[*head];

		node->next = (uint16_t)*head;
		node->prev = first->prev;
		level->nodes[first->prev].next = (uint16_t)index;
		first->prev = (uint16_t)index;
	}
	*head = index;
}

static void ring_remove(struct smal_level *level, uint32_t index)
{
	struct smal_node *node = &level->nodes[index];
	uint32_t *head = &level->heads[node->order];

	level->nodes[node->prev].next = node->next;
	level->nodes[node->next].prev = node->prev;
	if (*head == index)
		*head = node->next == index ? SMAL_NODE_NONE : node->next;
}

/* Sets order and free_index from the map and puts the node where it belongs;
 * the node is on no ring. Gives the map of a full node back. */
static void node_settle(struct smal_level *level, uint32_t index)
{
	struct smal_node *node = &level->nodes[index];
	const struct smal_binmap *map = node_map(level, index);
	int order = map_order(map);

	if (order < 0) {
		smal_fsa_give(level->maps, level->map_index[index]);
		node->order = SMAL_NODE_FULL;
		return;
	}
	node->order = (uint8_t)order;
	node->free_index = (uint8_t)map_lowest(map, 0);
	ring_insert(level, index);
}

static void map_change(struct smal_binmap *map, unsigned first, unsigned n, bool used)
{
	for (unsigned w = first / 64; n > 0; w++) {
		unsigned bit = first % 64;
		unsigned here = n < 64 - bit ? n : 64 - bit;
		uint64_t mask = (here == 64 ? ~(uint64_t)0 : ((uint64_t)1 << here) - 1) << bit;

		SMAL_ASSERT((map->word[w] & mask) == (used ? 0 : mask));
		map->word[w] ^= mask;
		first += here;
		n -= here;
	}
}

static bool map_is_free(const struct smal_binmap *map, unsigned first, unsigned n)
{
	for (; n > 0; first++, n--)
		if (map->word[first / 64] >> (first % 64) & 1)
			return false;
	return true;
}

void smal_level_init(struct smal_level *level, struct smal_node *nodes, uint32_t *map_index,
                     struct smal_fsa *maps)
{
	*level = (struct smal_level){ .nodes = nodes, .map_index = map_index, .maps = maps };
	for (unsigned k = 0; k < SMAL_ORDERS; k++)
		level->heads[k] = SMAL_NODE_NONE;
}

void smal_level_grow(struct smal_level *level, uint32_t node_count)
{
	for (; level->node_count < node_count; level->node_count++)
		level->nodes[level->node_count] = (struct smal_node){ .order = SMAL_NODE_CLOSED };
}

bool smal_level_open(struct smal_level *level, uint32_t index, unsigned capacity)
{
	struct smal_node *node = &level->nodes[index];
	struct smal_binmap *map;

	if (!smal_fsa_reserve(level->maps))
		return false;
	level->map_index[index] = smal_fsa_take(level->maps);
	map = node_map(level, index);
	memset(map, 0, sizeof *map);
	if (capacity < SMAL_FAN)
		map_change(map, capacity, SMAL_FAN - capacity, true);
	*node = (struct smal_node){ .capacity_1 = (uint8_t)(capacity - 1) };
	node_settle(level, index);
	return true;
}

void smal_level_close(struct smal_level *level, uint32_t index)
{
	struct smal_node *node = &level->nodes[index];

	SMAL_ASSERT(node_has_map(node) && node->count == 0);
	ring_remove(level, index);
	smal_fsa_give(level->maps, level->map_index[index]);
	smal_fsa_unreserve(level->maps);
	node->order = SMAL_NODE_CLOSED;
}

static void node_use(struct smal_level *level, uint32_t index, unsigned unit, unsigned n)
{
	struct smal_node *node = &level->nodes[index];

	ring_remove(level, index);
	map_change(node_map(level, index), unit, n, true);
	node->count = (uint8_t)(node->count + n);
	node_settle(level, index);
}

/* The start of the smallest hole (or, first fit, of any hole) of at least
 * 2^order units, the lowest of those; the node has one. */
static unsigned map_find(const struct smal_binmap *map, unsigned order, bool first_fit)
{
	struct smal_binmap fold[SMAL_ORDERS];
	int largest;

	if (first_fit)
		return map_lowest(map, order);
	largest = fold_map(map, fold);
	for (int k = (int)order; k <= largest; k++) {
		for (unsigned w = 0; w < 4; w++) {
			uint64_t only = fold[k].word[w];

			/* Leave those that are half of a larger window. */
			if (k < largest && k < 6)
				only &= ~(fold[k + 1].word[w] | fold[k + 1].word[w] << (1 << k));
			else if (k < largest && k == 6)
				only &= ~fold[7].word[w & 2u];
			else if (k < largest)
				only &= ~fold[8].word[0];
			if (only != 0)
				return w * 64 + (unsigned)__builtin_ctzll(only);
		}
	}
	SMAL_ASSERT(!"a ring's node has no window of its order");
	return 0;
}

bool smal_level_take(struct smal_level *level, unsigned n, unsigned order, uint32_t *index)
{
	for (unsigned k = order; k < SMAL_ORDERS; k++) {
		uint32_t head = level->heads[k];
		unsigned unit;

		if (head == SMAL_NODE_NONE)
			continue;
		/* A node of order 0 has single holes only. */
		unit = k == 0 || (order == 0 && level->first_fit)
		               ? level->nodes[head].free_index
		               : map_find(node_map(level, head), order, level->first_fit);
		node_use(level, head, unit, n);
		*index = head * SMAL_FAN + unit;
		return true;
	}
	return false;
}

/* The lowest fitting unit of a node that is below limit; SMAL_FAN if none is. */
static unsigned find_below(const struct smal_level *level, uint32_t node, unsigned order,
                           uint32_t limit)
{
	struct smal_binmap map = *node_map(level, node);
	uint32_t first = limit > node * SMAL_FAN ? limit - node * SMAL_FAN : 0;

	if (first < SMAL_FAN) {
		map.word[first / 64] |= ~(uint64_t)0 << (first % 64);
		for (unsigned w = first / 64 + 1; w < 4; w++)
			map.word[w] = ~(uint64_t)0;
	}
	if (level->first_fit)
		return map_lowest(&map, order);
	return map_order(&map) >= (int)order ? map_find(&map, order, false) : SMAL_FAN;
}

bool smal_level_take_below(struct smal_level *level, unsigned n, unsigned order, uint32_t limit,
                           uint32_t *index)
{
	for (unsigned k = order; k < SMAL_ORDERS; k++) {
		uint32_t node = level->heads[k];

		if (node == SMAL_NODE_NONE)
			continue;
		do {
			unsigned unit = find_below(level, node, order, limit);

			if (unit < SMAL_FAN) {
				node_use(level, node, unit, n);
				*index = node * SMAL_FAN + unit;
				return true;
			}
			node = level->nodes[node].next;
		} while (node != level->heads[k]);
	}
	return false;
}

bool smal_level_take_at(struct smal_level *level, uint32_t index, unsigned n)
{
	uint32_t node = index / SMAL_FAN;
	unsigned unit = index % SMAL_FAN;

	if (node >= level->node_count || !node_has_map(&level->nodes[node]) || n > SMAL_FAN - unit ||
	    !map_is_free(node_map(level, node), unit, n))
		return false;
	node_use(level, node, unit, n);
	return true;
}

bool smal_level_give(struct smal_level *level, uint32_t index, unsigned n)
{
	uint32_t at = index / SMAL_FAN;
	struct smal_node *node = &level->nodes[at];

	if (node->order == SMAL_NODE_FULL) {
		level->map_index[at] = smal_fsa_take(level->maps);
		memset(node_map(level, at), 0xff, sizeof(struct smal_binmap));
	} else {
		SMAL_ASSERT(node_has_map(node));
		ring_remove(level, at);
	}
	map_change(node_map(level, at), index % SMAL_FAN, n, false);
	node->count = (uint8_t)(node->count - n);
	node_settle(level, at);
	return node->count == 0;
}

bool smal_level_is_used(const struct smal_level *level, uint32_t index)
{
	const struct smal_node *node = &level->nodes[index / SMAL_FAN];

	if (index / SMAL_FAN >= level->node_count)
		return false;
	if (!node_has_map(node))
		return node->order == SMAL_NODE_FULL;
	return node_map(level, index / SMAL_FAN)->word[index % SMAL_FAN / 64] >> (index % 64) & 1;
}

unsigned smal_level_count(const struct smal_level *level, uint32_t index)
{
	const struct smal_node *node = &level->nodes[index];

	if (node->order == SMAL_NODE_FULL)
		return node->capacity_1 + 1u;
	return node_has_map(node) ? node->count : 0;
}

/* What node i's map says, against the node. */
static const char *check_map(const struct smal_level *level, uint32_t i)
{
	const struct smal_node *node = &level->nodes[i];
	const struct smal_binmap *map = node_map(level, i);
	struct smal_binmap fold[SMAL_ORDERS];
	unsigned bits = 0, lowest = 0;
	int order;

	for (unsigned w = 0; w < 4; w++)
		bits += (unsigned)__builtin_popcountll(map->word[w]);
	if (bits == SMAL_FAN)
		return "tree I1: a node with a map is full";
	for (unsigned unit = node->capacity_1 + 1u; unit < SMAL_FAN; unit++)
		if (!(map->word[unit / 64] >> (unit % 64) & 1))
			return "tree I2: a unit beyond a node's capacity is free";
	if (bits - (SMAL_FAN - 1u - node->capacity_1) != node->count)
		return "tree I2: a node's count is not the number of its used units";
	order = fold_map(map, fold);
	if (order != node->order)
		return "tree I3: a node's order does not follow from its map";
	while (map->word[lowest / 64] >> (lowest % 64) & 1)
		lowest++;
	if (lowest != node->free_index)
		return "tree I3: a node's free_index is not its lowest free unit";
	return NULL;
}

/* The rings hold the nodes that have a map, each the ones of its order. */
static const char *check_rings(const struct smal_level *level, uint32_t mapped)
{
	uint32_t listed = 0;

	for (unsigned k = 0; k < SMAL_ORDERS; k++) {
		uint32_t i = level->heads[k];

		if (i == SMAL_NODE_NONE)
			continue;
		do {
			const struct smal_node *node = &level->nodes[i];

			if (i >= level->node_count || node->order != k)
				return "tree I4: a node stands in the ring of another order";
			if (++listed > mapped)
				return "tree I4: a ring does not close";
			if (node->next >= level->node_count || level->nodes[node->next].prev != i)
				return "tree I4: a ring's links disagree";
			i = node->next;
		} while (i != level->heads[k]);
	}
	return listed == mapped ? NULL : "tree I4: a partly used node stands in no ring";
}

const char *smal_level_check(const struct smal_level *level, struct smal_fsa_held *held)
{
	uint32_t mapped = 0;

	for (uint32_t i = 0; i < level->node_count; i++) {
		const struct smal_node *node = &level->nodes[i];
		const char *why;

		if (node->order == SMAL_NODE_FULL) {
			held->reserved++;
			if (node->count != (uint8_t)(node->capacity_1 + 1u))
				return "tree I2: a full node's count is not its capacity";
		} else if (node_has_map(node)) {
			if (level->map_index[i] >= level->maps->top)
				return "tree I1: a node's map is no item of the fsa";
			why = check_map(level, i);
			if (why != NULL)
				return why;
			mapped++;
			held->used++;
			held->reserved++;
			held->index_sum += level->map_index[i];
		} else if (node->order != SMAL_NODE_CLOSED) {
			return "tree I3: a node's order is none";
		}
	}
	return check_rings(level, mapped);
}
