/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/backend/net/ring.h"

#include <errno.h>
#include <stdlib.h>

/* Before each record; its size is a multiple of 8, so one always fits. */
struct head {
	u32 bytes; /* of the record with its head, a multiple of 8 */
	u32 skip;  /* no record: the ring goes on at its beginning */
};

int net_ring_make(struct net_ring *ring, u32 size_bytes)
{
	ring->size_bytes = size_bytes & ~7u;
	ring->memory = malloc(ring->size_bytes);
	ring->written = 0;
	ring->read = 0;
	return ring->memory ? 0 : -ENOMEM;
}

void net_ring_free(struct net_ring *ring)
{
	free(ring->memory);
	ring->memory = NULL;
}

static struct head *head_at(struct net_ring *ring, u64 position)
{
	return (struct head *)(ring->memory + position % ring->size_bytes);
}

void *net_ring_add(struct net_ring *ring, u32 bytes)
{
	u32 whole = ((u32)sizeof(struct head) + bytes + 7) & ~7u;
	u32 left = ring->size_bytes - net_ring_used_bytes(ring);
	u32 to_end = ring->size_bytes - (u32)(ring->written % ring->size_bytes);
	u32 skip = to_end < whole ? to_end : 0;
	struct head *head = head_at(ring, ring->written);

	/* Also when all is free, no record is longer than the ring. */
	if (left < (u64)skip + whole)
		return NULL;
	if (skip) {
		head->bytes = skip;
		head->skip = true;
		ring->written += skip;
		head = head_at(ring, ring->written);
	}
	head->bytes = whole;
	head->skip = false;
	ring->written += whole;
	return head + 1;
}

void *net_ring_first(struct net_ring *ring)
{
	struct head *head;

	if (net_ring_empty(ring))
		return NULL;
	head = head_at(ring, ring->read);
	if (head->skip) {
		ring->read += head->bytes;
		head = head_at(ring, ring->read);
	}
	return head + 1;
}

void net_ring_consume(struct net_ring *ring)
{
	const struct head *head = (const struct head *)net_ring_first(ring) - 1;

	ring->read += head->bytes;
}
