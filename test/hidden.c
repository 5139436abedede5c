/* SPDX-License-Identifier: MIT */
/*
 * hidden.c: objects that nothing refers to (hidden.h).
 */
#include "test/hidden.h"

uintptr_t hidden[HIDDEN];
struct smal_type *hidden_type;

void hidden_begin(void)
{
	struct smal_type_desc desc = { .name = "hidden", .bytes = HIDDEN_BYTES };

	hidden_type = heap_type(&desc);
}

__attribute__((noinline)) void hidden_make(struct smal_thread *self)
{
	for (int i = 0; i < HIDDEN; i++) {
		void *object = smal_alloc(self, hidden_type);

		EXPECT(object != NULL);
		hidden[i] = HIDE(object);
	}
}

__attribute__((noinline)) void hidden_scribble(void)
{
	volatile unsigned char bytes[4096];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 1;
}

__attribute__((noinline)) bool hidden_is_live(uintptr_t word)
{
	return smal_type_of((void *)~word) == hidden_type;
}

__attribute__((noinline)) unsigned hidden_live(void)
{
	unsigned count = 0;

	for (int i = 0; i < HIDDEN; i++)
		count += hidden_is_live(hidden[i]);
	return count;
}
