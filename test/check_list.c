/* SPDX-License-Identifier: MIT */
/*
 * check_list.c: rings with a head hold what was put in, in that order; a node
 * can be removed twice; a walk survives the removal of its node.
 */
#include "test/ground.h"

#include <string.h>

enum { NODES = 16, STEPS = 20000 };

struct item {
	int value;
	struct smal_link link;
};

/* The list holds these values, forwards and backwards. */
static void expect(struct smal_link *head, const int *values, int count)
{
	struct smal_link *back = head->prev;
	int i = 0;

	SMAL_LIST_EACH(link, head) {
		EXPECT(i < count);
		EXPECT_EQ(SMAL_CONTAINER(link, struct item, link)->value, values[i]);
		i++;
	}
	EXPECT_EQ(i, count);
	for (; i > 0; i--, back = back->prev)
		EXPECT_EQ(SMAL_CONTAINER(back, struct item, link)->value, values[i - 1]);
	EXPECT(back == head);
	EXPECT_EQ(smal_link_is_alone(head), count == 0);
}

START_TEST(test_order)
{
	struct item items[4] = { { .value = 0 }, { .value = 1 }, { .value = 2 }, { .value = 3 } };
	struct smal_link head;

	smal_link_init(&head);
	ck_assert_ptr_null(smal_link_pop(&head));
	smal_link_insert(&head, &items[1].link);
	smal_link_insert(&head, &items[2].link);
	smal_link_push(&head, &items[0].link);
	smal_link_insert(&items[2].link, &items[3].link);
	expect(&head, (const int[]){ 0, 1, 3, 2 }, 4);
	smal_link_remove(&items[3].link);
	ck_assert(smal_link_is_alone(&items[3].link));
	smal_link_remove(&items[3].link);
	expect(&head, (const int[]){ 0, 1, 2 }, 3);
	ck_assert_ptr_eq(smal_link_pop(&head), &items[0].link);
	ck_assert(smal_link_is_alone(&items[0].link));
	expect(&head, (const int[]){ 1, 2 }, 2);
}
END_TEST

START_TEST(test_splice)
{
	struct item items[4] = { { .value = 0 }, { .value = 1 }, { .value = 2 }, { .value = 3 } };
	struct smal_link to, from;

	smal_link_init(&to);
	smal_link_init(&from);
	smal_link_splice(&to, &from);
	expect(&to, NULL, 0);
	smal_link_insert(&from, &items[2].link);
	smal_link_insert(&from, &items[3].link);
	smal_link_splice(&to, &from);
	expect(&to, (const int[]){ 2, 3 }, 2);
	expect(&from, NULL, 0);
	smal_link_insert(&from, &items[0].link);
	smal_link_insert(&from, &items[1].link);
	smal_link_splice(&from, &to);
	expect(&from, (const int[]){ 0, 1, 2, 3 }, 4);
	expect(&to, NULL, 0);
}
END_TEST

START_TEST(test_safe_walk)
{
	struct item items[NODES];
	struct smal_link head;
	int seen = 0;

	smal_link_init(&head);
	for (int i = 0; i < NODES; i++) {
		items[i].value = i;
		smal_link_insert(&head, &items[i].link);
	}
	SMAL_LIST_EACH_SAFE(link, &head) {
		ck_assert_int_eq(SMAL_CONTAINER(link, struct item, link)->value, seen++);
		smal_link_remove(link);
		memset(link, 0xa5, sizeof *link);
	}
	ck_assert_int_eq(seen, NODES);
	expect(&head, NULL, 0);
}
END_TEST

/* Two lists and an array for each: random changes, and what they must give. */
START_TEST(test_model)
{
	struct item items[NODES];
	struct smal_link heads[2];
	int values[2][NODES], counts[2] = { 0, 0 };
	struct test_random random;

	test_random_init(&random, 1);
	for (int i = 0; i < 2; i++)
		smal_link_init(&heads[i]);
	for (int i = 0; i < NODES; i++) {
		items[i].value = i;
		smal_link_init(&items[i].link);
	}
	for (int step = 0; step < STEPS; step++) {
		int which = (int)test_random_below(&random, 2), value = -1, at;
		struct item *item = &items[test_random_below(&random, NODES)];

		switch (test_random_below(&random, 4)) {
		case 0: /* to the front or the end, from wherever it is */
			for (int list = 0; list < 2; list++) {
				for (at = 0; at < counts[list] && values[list][at] != item->value; at++)
					;
				if (at < counts[list])
					memmove(&values[list][at], &values[list][at + 1],
					        (size_t)(--counts[list] - at) * sizeof(int));
			}
			smal_link_remove(&item->link);
			at = step & 1 ? counts[which] : 0;
			if (step & 1)
				smal_link_insert(&heads[which], &item->link);
			else
				smal_link_push(&heads[which], &item->link);
			memmove(&values[which][at + 1], &values[which][at],
			        (size_t)(counts[which] - at) * sizeof(int));
			values[which][at] = item->value;
			counts[which]++;
			break;
		case 1:
		case 2: {
			struct smal_link *link = smal_link_pop(&heads[which]);

			if (link != NULL)
				value = SMAL_CONTAINER(link, struct item, link)->value;
			EXPECT(value == (counts[which] > 0 ? values[which][0] : -1));
			if (counts[which] > 0)
				memmove(&values[which][0], &values[which][1],
				        (size_t)--counts[which] * sizeof(int));
			break;
		}
		default:
			if (test_random_below(&random, 8) != 0)
				break;
			smal_link_splice(&heads[which], &heads[!which]);
			memcpy(&values[which][counts[which]], values[!which],
			       (size_t)counts[!which] * sizeof(int));
			counts[which] += counts[!which];
			counts[!which] = 0;
		}
		expect(&heads[0], values[0], counts[0]);
		expect(&heads[1], values[1], counts[1]);
	}
}
END_TEST

static Suite *list_suite(void)
{
	Suite *suite = suite_create("list");
	TCase *tcase = tcase_create("list");

	tcase_add_test(tcase, test_order);
	tcase_add_test(tcase, test_splice);
	tcase_add_test(tcase, test_safe_walk);
	tcase_add_test(tcase, test_model);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(list_suite);
}
