/* SPDX-License-Identifier: MIT */
/*
 * object.c: what a pointer is: its object, its type, its size; and what to say of
 * one that is none; and allocating the library's own.
 */
#include <smal/gc/attach.h>
#include <smal/base/fail.h>

/* The buffer of collectors that an address lies in: heaps have buffers, too. */
static struct smal_buffer *buffer_of(uintptr_t address)
{
	struct smal_buffer *buffer = smal_buffer_find(address);
	const struct smal_stride *stride = buffer != NULL ? smal_buffer_stride(buffer) : NULL;

	return stride != NULL && (uintptr_t)stride->space == smal_atomic_load(&smal_process.space)
	               ? buffer
	               : NULL;
}

/* The masks change places in a collection, and the old one is cleared: what was read
 * of it then means nothing. */
uintptr_t smal_object_find(uintptr_t address, struct smal_buffer **result)
{
	struct smal_buffer *buffer = buffer_of(address);
	const struct smal_kind *kind;
	uint32_t flips;
	uintptr_t slot;

	*result = buffer;
	if (buffer == NULL)
		return 0;
	kind = smal_buffer_kind(buffer);
	do {
		flips = smal_atomic_load_u32(&kind->stride.flips);
		slot = smal_buffer_find_slot(buffer, address);
		if (slot != 0 && !smal_slot_is_object(kind, buffer, slot))
			slot = 0;
	} while (smal_atomic_load_u32(&kind->stride.flips) != flips);
	return slot;
}

struct smal_buffer *smal_object_buffer(const void *object)
{
	struct smal_buffer *buffer;

	return smal_object_find((uintptr_t)object, &buffer) == (uintptr_t)object && object != NULL
	               ? buffer
	               : NULL;
}

enum smal_error smal_object_fail(const struct smal_gc *gc, const void *pointer,
                                 const char *function)
{
	uintptr_t address = (uintptr_t)pointer, slot;
	const struct smal_buffer *buffer = buffer_of(address);
	const char *name;

	if (buffer == NULL)
		return smal_fail(SMAL_ERROR_INVALID, function, "foreign pointer", pointer, "%s",
		                 smal_buffer_find(address) != NULL ? "memory of a heap"
		                                                   : "no address of libsmal's");
	name = smal_buffer_kind(buffer)->type->desc.name;
	if (gc != NULL && smal_buffer_kind(buffer)->type->gc != gc)
		return smal_fail(SMAL_ERROR_INVALID, function, "object of another collector",
		                 pointer, "of type %s", name);
	slot = smal_buffer_slot(buffer, address);
	if (slot != address)
		return smal_fail(SMAL_ERROR_INVALID, function, "interior pointer", pointer,
		                 "%zu bytes into a slot of type %s", (size_t)(address - slot), name);
	return smal_fail(SMAL_ERROR_INVALID, function, "double free or dead object", pointer,
	                 "a free slot of type %s", name);
}

size_t smal_size(const void *object)
{
	const struct smal_buffer *buffer = smal_object_buffer(object);

	if (buffer == NULL) {
		smal_object_fail(NULL, object, __func__);
		return 0;
	}
	return smal_buffer_slot_bytes(buffer);
}

struct smal_type *smal_type_of(const void *object)
{
	const struct smal_buffer *buffer = smal_object_buffer(object);

	return buffer != NULL ? &smal_buffer_kind(buffer)->type->public : NULL;
}

void *smal_base(struct smal_thread *public, uintptr_t word)
{
	struct smal_buffer *buffer;
	const struct smal_gc *gc;
	uintptr_t slot;

	if (smal_thread_check(public, SMAL_FREEING, __func__) != SMAL_OK)
		return NULL;
	gc = smal_attached(public)->gc;
	slot = smal_object_find(word & ~gc->options.tag_mask, &buffer);
	return slot != 0 && smal_buffer_kind(buffer)->type->gc == gc ? (void *)slot : NULL;
}

void *smal_find(const struct smal_gc *gc, uintptr_t word)
{
	struct smal_buffer *buffer;
	uintptr_t slot = smal_object_find(word & ~gc->options.tag_mask, &buffer);

	return slot != 0 && smal_buffer_kind(buffer)->type->gc == gc ? (void *)slot : NULL;
}

int smal_holds(const struct smal_gc *gc, const void *address)
{
	uint16_t kind;

	return smal_buffer_find_owned((uintptr_t)address, gc->owner, &kind) != NULL;
}

void *smal_inner_alloc(struct smal_attached *thread, enum smal_inner_type which,
                       const struct smal_type_desc *desc, size_t bytes, void *const *held)
{
	struct smal_type *type = smal_inner_type(thread->gc, which, desc);
	void *object;

	if (type == NULL) {
		thread->error = SMAL_ERROR_NO_MEMORY;
		return NULL;
	}
	for (unsigned i = 0; i < SMAL_HELD_WORDS; i++)
		thread->held[i] = held[i];
	/* The words stand there before the thread may be stopped. */
	__asm__ volatile("" ::: "memory");
	object = bytes == 0 ? smal_alloc(&thread->public, type)
	                    : smal_alloc_bytes(&thread->public, type, bytes);
	for (unsigned i = 0; i < SMAL_HELD_WORDS; i++)
		thread->held[i] = NULL;
	return object;
}
