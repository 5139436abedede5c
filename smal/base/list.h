/* SPDX-License-Identifier: MIT */
/*
 * list.h: a doubly linked ring with its head outside of the nodes.
 *
 * An empty list's head points to itself; a node that is on no list points to
 * itself too, so that a removal needs no test and can be repeated. Nodes are
 * embedded; SMAL_CONTAINER finds the structure around one. No locks: a list
 * belongs to whoever owns the structure with the head.
 */
#ifndef SMAL_BASE_LIST_H
#define SMAL_BASE_LIST_H

#include <smal/base/def.h>

struct smal_link {
	struct smal_link *next, *prev;
};

static inline void smal_link_init(struct smal_link *link)
{
	link->next = link->prev = link;
}

static inline bool smal_link_is_alone(const struct smal_link *link)
{
	return link->next == link;
}

/* Puts a node in front of another one, or at the end of a list. */
static inline void smal_link_insert(struct smal_link *before, struct smal_link *link)
{
	link->next = before;
	link->prev = before->prev;
	before->prev->next = link;
	before->prev = link;
}

/* Puts a node at the front of a list. */
static inline void smal_link_push(struct smal_link *head, struct smal_link *link)
{
	smal_link_insert(head->next, link);
}

static inline void smal_link_remove(struct smal_link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	smal_link_init(link);
}

/* Takes the first node off, or returns NULL. */
static inline struct smal_link *smal_link_pop(struct smal_link *head)
{
	struct smal_link *link = head->next;

	if (link == head)
		return NULL;
	smal_link_remove(link);
	return link;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void smal_link_splice(struct smal_link *to, struct smal_link *from)
{
	if (smal_link_is_alone(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	smal_link_init(from);
}

#define SMAL_LIST_EACH(link, head) \
	for (struct smal_link *link = (head)->next; link != (head); link = link->next)

/* As above; the body may remove `link`. */
#define SMAL_LIST_EACH_SAFE(link, head)                                          \
	for (struct smal_link *link = (head)->next, *link##_next = link->next;     \
	     link != (head); link = link##_next, link##_next = link->next)

#endif
