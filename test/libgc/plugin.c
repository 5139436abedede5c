/* SPDX-License-Identifier: MIT */
/*
 * plugin.c: a library that is opened and closed while a program runs (abi_root.c): it
 * has data in which nothing but the program stores references.
 */
enum { SLOTS = 1000 };

void **plugin_slots(void);

static void *slots[SLOTS] = { slots };

void **plugin_slots(void)
{
	return slots;
}
