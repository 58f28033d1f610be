/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ring.h - records of any size that wait for another thread, in order.
 *
 * Here: a bounded ring in whose memory no record wraps. Not here: locks; all
 * calls are made under one of the caller's. The memory of a record stays as it
 * is until it is consumed, lock or not.
 */
#ifndef HOST_BACKEND_NET_RING_H
#define HOST_BACKEND_NET_RING_H

#include "vmbus/port.h"

struct net_ring {
	u8 *memory; /* NULL: not made */
	u32 size_bytes;
	u64 written, read; /* positions that only grow */
};

/* Returns 0 or -ENOMEM. */
int net_ring_make(struct net_ring *ring, u32 size_bytes);
void net_ring_free(struct net_ring *ring);

static inline bool net_ring_empty(const struct net_ring *ring)
{
	return ring->written == ring->read;
}

static inline u32 net_ring_used_bytes(const struct net_ring *ring)
{
	return (u32)(ring->written - ring->read);
}

/* Adds a record of @bytes, to be filled in under the same lock; aligned to 8.
 * NULL: no room. */
void *net_ring_add(struct net_ring *ring, u32 bytes);

/* The oldest record; NULL: none. */
void *net_ring_first(struct net_ring *ring);

/* Gives the oldest record's memory back; there is one. */
void net_ring_consume(struct net_ring *ring);

#endif
