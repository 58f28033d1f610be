/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * limit.c - bandwidth of one direction of a port, over all its queues.
 *
 * Every frame takes its share of time from a clock that belongs to the
 * direction. A frame passes when the clock has caught up, and is charged after:
 * so one may go over the limit, the next waits for it.
 */
#define _GNU_SOURCE
#include "host/backend/net/backend.h"

#include <time.h>

#define SECOND_NS 1000000000ull
/* What a direction that was idle may catch up on. */
#define BURST_NS (SECOND_NS / 100)
/* A frame that waits looks this often whether the limit has changed. */
#define LOOK_NS (SECOND_NS / 10)
/* On the wire a frame has a preamble, an FCS and a gap (IEEE 802.3). */
#define WIRE_BYTES 24

bool net_limit_passes(const struct net_limit *limit, u64 *when_ns)
{
	u64 free_ns, now;

	if (!port_load(&limit->bits_per_second))
		return true;
	free_ns = port_load(&limit->free_ns);
	now = net_clock_ns(CLOCK_MONOTONIC);
	if (free_ns <= now)
		return true;
	*when_ns = free_ns - now < LOOK_NS ? free_ns : now + LOOK_NS;
	return false;
}

void net_limit_charge(struct net_limit *limit, u64 bytes)
{
	u64 rate = port_load(&limit->bits_per_second), cost, begin, free_ns;
	u64 now;

	if (!rate)
		return;
	/* A frame is below 2^17 bytes: no overflow. */
	cost = (bytes + WIRE_BYTES) * 8 * SECOND_NS / rate;
	now = net_clock_ns(CLOCK_MONOTONIC);
	free_ns = port_load(&limit->free_ns);
	do {
		begin = free_ns > now - BURST_NS ? free_ns : now - BURST_NS;
	} while (!__atomic_compare_exchange_n(
		&limit->free_ns, &free_ns, begin + cost, true, __ATOMIC_RELAXED,
		__ATOMIC_RELAXED));
}

void net_limit_set(struct net_limit *limit, u64 bits_per_second)
{
	port_store(&limit->free_ns, 0);
	port_store(&limit->bits_per_second, bits_per_second);
}
