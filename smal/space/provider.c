/* SPDX-License-Identifier: MIT */
/*
 * provider.c: the two ready providers, accounts, and areas.
 */
#include <smal/space/provider.h>

const struct smal_provider smal_provider_os = {
	smal_os_reserve,
	smal_os_commit,
	smal_os_discard,
	smal_os_release,
};

static bool buffer_commit(void *base, size_t bytes)
{
	(void)base;
	(void)bytes;
	return true;
}

static bool buffer_keep(void *base, size_t bytes)
{
	(void)base;
	(void)bytes;
	return false;
}

const struct smal_provider smal_provider_buffer = {
	NULL,
	buffer_commit,
	buffer_keep,
	buffer_keep,
};

bool smal_account_commit(struct smal_account *account, void *base, size_t bytes)
{
	if (!account->provider->commit(base, bytes))
		return false;
	account->committed_bytes += bytes;
	account->commits++;
	return true;
}

bool smal_account_discard(struct smal_account *account, void *base, size_t bytes)
{
	if (!account->provider->discard(base, bytes))
		return false;
	account->discards++;
	return true;
}

enum { HUGE_FROM = 8 << 20, HUGE_PAGE = 2 << 20 };

bool smal_area_commit(struct smal_area *area, struct smal_account *account, size_t bytes)
{
	char *end = area->base + area->committed_bytes;
	size_t page = smal_os_page_bytes();
	size_t wanted, least;

	if (SMAL_LIKELY(bytes <= area->committed_bytes))
		return true;
	if (bytes > area->bytes)
		return false;
	/* A sixteenth more than there is saves calls, and a huge page must be there as a
	 * whole when it is touched; at the end, all of it. */
	least = smal_min(smal_round_up(bytes, page), area->bytes);
	wanted = smal_max(bytes, area->committed_bytes + area->committed_bytes / 16);
	wanted = smal_round_up(wanted, wanted > HUGE_FROM ? HUGE_PAGE : page);
	wanted = smal_min(wanted, area->bytes);
	if (!smal_account_commit(account, end, wanted - area->committed_bytes)) {
		if (wanted == least ||
		    !smal_account_commit(account, end, least - area->committed_bytes))
			return false;
		wanted = least;
	}
	area->committed_bytes = wanted;
	return true;
}
