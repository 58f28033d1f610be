/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ring_memory.h - memory for one ring, for tests, fuzz targets and benchmarks.
 *
 * Here: a header page and data, plain or mapped twice in succession. Not here:
 * anything that uses them.
 */
#ifndef TESTS_UNIT_VMBUS_RING_MEMORY_H
#define TESTS_UNIT_VMBUS_RING_MEMORY_H

#include "vmbus/ring.h"

struct ring_memory {
	struct ring_header *header;
	u8 *data;
	u32 size_bytes;
	bool mirrored;
};

/*
 * A formatted ring header and @size_bytes of zeroed data. Plain data is one
 * allocation of just that size, so that a sanitizer sees any access beyond it.
 * Mirrored data must be whole pages. False with errno set when there is no
 * memory.
 */
bool ring_memory_create(struct ring_memory *memory, u32 size_bytes,
			bool mirrored);

void ring_memory_destroy(struct ring_memory *memory);

#endif
