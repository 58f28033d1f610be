/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ring_pair.h - both ends of one ring in one test.
 *
 * Here: memory, writer, reader and cmocka fixtures for them. Not here: channels
 * (tests/sim).
 */
#ifndef TESTS_UNIT_VMBUS_RING_PAIR_H
#define TESTS_UNIT_VMBUS_RING_PAIR_H

#include "tests/unit/vmbus/ring_memory.h"
#include "vmbus/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RING_PAIR_BYTES	      4096u
#define RING_PAIR_SMALL_BYTES 160u
#define RING_PAIR_LARGE_BYTES (1u << 20)

/* Of ring: what ring_pair_write() writes. */
#define RING_PAIR_PACKET_BYTES 128u

struct ring_pair {
	struct ring_memory memory;
	struct ring tx;
	struct ring rx;
	u8 bounce[RING_PAIR_BYTES];
};

/* Both ends at ring offset @start, the ring empty, its data not zero. */
void ring_pair_reset(struct ring_pair *pair, u32 start);

/* Fixtures: *state becomes a struct ring_pair. */
int ring_pair_plain(void **state);
int ring_pair_mirrored(void **state);
int ring_pair_small(void **state); /* plain, RING_PAIR_SMALL_BYTES */
int ring_pair_large(void **state); /* mirrored, RING_PAIR_LARGE_BYTES */
int ring_pair_teardown(void **state);

/* Stage one in-band packet of RING_PAIR_PACKET_BYTES. */
enum vmbus_status ring_pair_write(struct ring *tx);

/* Read and step over @count packets of it. */
void ring_pair_read(struct ring *rx, u32 count);

/* Write until there is no space. How many packets went in. */
u32 ring_pair_fill(struct ring *tx);

#define ON_PLAIN(test)                                                         \
	{                                                                      \
#test " (plain)", test, ring_pair_plain, ring_pair_teardown,   \
			NULL                                                   \
	}
#define ON_MIRRORED(test)                                                      \
	{                                                                      \
#test " (mirrored)", test, ring_pair_mirrored,                 \
			ring_pair_teardown, NULL                               \
	}
#define ON_SMALL(test)                                                         \
	{                                                                      \
#test " (small)", test, ring_pair_small, ring_pair_teardown,   \
			NULL                                                   \
	}
#define ON_LARGE(test)                                                         \
	{                                                                      \
#test " (large)", test, ring_pair_large, ring_pair_teardown,   \
			NULL                                                   \
	}

#endif
