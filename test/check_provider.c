/* SPDX-License-Identifier: MIT */
/*
 * check_provider.c: areas grow by a committed prefix, in few steps and never
 * beyond their end; what a provider refuses changes nothing; the account has
 * every byte and every call. A caller's buffer needs no call at all.
 */
#include "test/fault.h"
#include "test/ground.h"

/* A provider with a limit, that remembers where it was asked to commit. */
static char *expected_base;
static size_t limit_bytes, last_bytes;
static unsigned asked;

static bool limited_commit(void *base, size_t bytes)
{
	asked++;
	EXPECT(base == expected_base);
	if (bytes > limit_bytes)
		return false;
	last_bytes = bytes;
	limit_bytes -= bytes;
	return true;
}

static bool limited_discard(void *base, size_t bytes)
{
	(void)base;
	return bytes <= limit_bytes;
}

static const struct smal_provider limited = { NULL, limited_commit, limited_discard, NULL };

static void commit(struct smal_area *area, struct smal_account *account, size_t bytes, bool can)
{
	size_t before = area->committed_bytes;
	uint64_t commits = account->commits, total = account->committed_bytes;

	expected_base = area->base + before;
	asked = 0;
	EXPECT_EQ(smal_area_commit(area, account, bytes), can);
	EXPECT(area->committed_bytes <= area->bytes);
	EXPECT_EQ(account->committed_bytes - total, area->committed_bytes - before);
	if (!can || bytes <= before) {
		EXPECT_EQ(area->committed_bytes, before);
		EXPECT_EQ(account->commits, commits);
		EXPECT(asked == 0 || !can);
	} else {
		EXPECT(area->committed_bytes >= bytes);
		EXPECT_EQ(area->committed_bytes - before, last_bytes);
		EXPECT_EQ(account->commits, commits + 1);
	}
	EXPECT(asked <= 2);
}

START_TEST(test_growth)
{
	size_t page = smal_os_page_bytes();
	struct smal_account account = { .provider = &limited };
	struct smal_area area = { (char *)(16 * page), 1000 * page, 0 };

	limit_bytes = SIZE_MAX;
	commit(&area, &account, 0, true);
	commit(&area, &account, 1, true);
	ck_assert_uint_eq(area.committed_bytes, page);
	commit(&area, &account, page, true);
	commit(&area, &account, page + 1, true);
	ck_assert_uint_eq(area.committed_bytes, 2 * page);
	commit(&area, &account, 500 * page, true);
	ck_assert_uint_eq(area.committed_bytes, 500 * page);
	/* A sixteenth more at a time, and all of it at the end. */
	commit(&area, &account, 500 * page + 1, true);
	ck_assert_uint_ge(area.committed_bytes, 531 * page);
	commit(&area, &account, 990 * page, true);
	commit(&area, &account, 990 * page + 1, true);
	ck_assert_uint_eq(area.committed_bytes, 1000 * page);
	commit(&area, &account, 1000 * page, true);
	commit(&area, &account, 1000 * page + 1, false);
	ck_assert_uint_eq(asked, 0);
	ck_assert_uint_eq(account.committed_bytes, 1000 * page);
}
END_TEST

/* Where there is not enough for a step, there may be for what is needed. */
START_TEST(test_refusal)
{
	size_t page = smal_os_page_bytes();
	struct smal_account account = { .provider = &limited };
	struct smal_area area = { (char *)(16 * page), 1000 * page, 0 };

	limit_bytes = 103 * page;
	commit(&area, &account, 100 * page, true);
	commit(&area, &account, 101 * page, true);
	ck_assert_uint_eq(area.committed_bytes, 101 * page);
	ck_assert_uint_eq(asked, 2);
	commit(&area, &account, 104 * page, false);
	commit(&area, &account, 103 * page, true);
	ck_assert_uint_eq(asked, 2);
	commit(&area, &account, 103 * page + 1, false);
	ck_assert(!smal_account_discard(&account, area.base, 1));
	ck_assert_uint_eq(account.discards, 0);
	limit_bytes = page;
	ck_assert(smal_account_discard(&account, area.base, page));
	ck_assert_uint_eq(account.discards, 1);
	ck_assert_uint_eq(account.committed_bytes, 103 * page);
}
END_TEST

/* An area that is no multiple of a page, as in a caller's buffer. */
START_TEST(test_odd_area)
{
	struct smal_account account = { .provider = &limited };
	struct smal_area area = { (char *)4096, 100, 0 };

	limit_bytes = SIZE_MAX;
	commit(&area, &account, 1, true);
	ck_assert_uint_eq(area.committed_bytes, 100);
	commit(&area, &account, 101, false);
}
END_TEST

START_TEST(test_many_small_steps)
{
	size_t page = smal_os_page_bytes();
	struct smal_account account = { .provider = &limited };
	struct smal_area area = { (char *)(16 * page), 100000 * page, 0 };

	limit_bytes = SIZE_MAX;
	for (size_t bytes = 1; bytes <= area.bytes; bytes += page)
		commit(&area, &account, bytes, true);
	ck_assert_uint_le(account.commits, 250);
}
END_TEST

START_TEST(test_ready_ones)
{
	size_t page = smal_os_page_bytes();
	const struct smal_provider *os = &smal_provider_os, *buffer = &smal_provider_buffer;
	uint64_t calls = fault_calls(FAULT_ALL);
	char bytes[16] = { 1 }, *base;

	ck_assert(buffer->reserve == NULL);
	ck_assert(buffer->commit(bytes, sizeof bytes));
	ck_assert(!buffer->discard(bytes, sizeof bytes));
	ck_assert(!buffer->release(bytes, sizeof bytes));
	ck_assert_int_eq(bytes[0], 1);
	ck_assert_uint_eq(fault_calls(FAULT_ALL), calls);

	base = os->reserve(2 * page);
	ck_assert_ptr_nonnull(base);
	ck_assert(os->commit(base, page));
	base[0] = 1;
	ck_assert(os->discard(base, page));
	ck_assert_int_eq(base[0], 0);
	ck_assert(os->release(base, 2 * page));
	ck_assert_uint_eq(fault_calls(FAULT_ALL), calls + 4);
}
END_TEST

static Suite *provider_suite(void)
{
	Suite *suite = suite_create("provider");
	TCase *areas = tcase_create("areas");
	TCase *providers = tcase_create("providers");

	tcase_add_test(areas, test_growth);
	tcase_add_test(areas, test_refusal);
	tcase_add_test(areas, test_odd_area);
	tcase_add_test(areas, test_many_small_steps);
	suite_add_tcase(suite, areas);

	tcase_add_test(providers, test_ready_ones);
	suite_add_tcase(suite, providers);
	return suite;
}

int main(void)
{
	return test_main(provider_suite);
}
