/* SPDX-License-Identifier: MIT */
/*
 * fork_lock.h: locks that are held over a fork, so that what they guard is whole in
 * the child: of anything above the heaps that has one lock.
 *
 * Nothing is allocated for one: the node is its owner's. They are taken before all
 * locks of heaps; so who holds one may use heaps, and make them.
 */
#ifndef SMAL_HEAP_FORK_LOCK_H
#define SMAL_HEAP_FORK_LOCK_H

#include <smal/base/list.h>
#include <smal/os/os.h>

struct smal_fork_lock {
	struct smal_link link;
	struct smal_os_lock *lock;
};

/* From now on a fork takes the lock first; in the child it is new. If the system can't
 * handle forks, this one isn't. */
void smal_fork_lock_add(struct smal_fork_lock *node, struct smal_os_lock *lock);
/* No more; before the lock's memory goes. */
void smal_fork_lock_remove(struct smal_fork_lock *node);

#endif
