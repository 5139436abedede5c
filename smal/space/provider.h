/* SPDX-License-Identifier: MIT */
/*
 * provider.h: where a space takes its addresses from.
 *
 * smal_provider_os reserves, commits and discards by system calls. A buffer
 * that a caller hands over needs none of it (smal_provider_buffer): it is all
 * there, and nothing can be given back. Tests bring their own.
 */
#ifndef SMAL_SPACE_PROVIDER_H
#define SMAL_SPACE_PROVIDER_H

#include <smal/os/os.h>

struct smal_provider {
	/* As the functions of os.h; commit and discard may refuse. A provider
	 * without reserve can't make further segments. */
	void *(*reserve)(size_t bytes);
	bool (*commit)(void *base, size_t bytes);
	bool (*discard)(void *base, size_t bytes);
	bool (*release)(void *base, size_t bytes);
};

extern const struct smal_provider smal_provider_os;
extern const struct smal_provider smal_provider_buffer;

/*
 * A space's account with its provider: what it has committed, counted where it
 * is asked for and not where it ends up, so that a checker can compare the two.
 */
struct smal_account {
	const struct smal_provider *provider;
	uint64_t committed_bytes;
	/* Calls that committed and discarded memory. */
	uint64_t commits, discards;
};

/* The provider's commit, and its discard, counted. */
bool smal_account_commit(struct smal_account *account, void *base, size_t bytes);
bool smal_account_discard(struct smal_account *account, void *base, size_t bytes);

/*
 * A range of addresses with a committed prefix that only grows: the shape of
 * every piece of metadata and of a segment's memory itself, so that each costs
 * one mapping however much it grows.
 */
struct smal_area {
	char *base;
	size_t bytes;
	size_t committed_bytes;
};

/* Commits at least the first `bytes` of an area, in steps that grow with it.
 * False: the provider refused, nothing has changed. */
bool smal_area_commit(struct smal_area *area, struct smal_account *account, size_t bytes);

#endif
