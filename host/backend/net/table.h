/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * table.h - which Ethernet address was heard from whom: what makes a hub a
 * switch.
 *
 * Here: a table of a fixed size whose entries grow old. Not here: locks, who
 * the peers are.
 */
#ifndef HOST_BACKEND_NET_TABLE_H
#define HOST_BACKEND_NET_TABLE_H

#include "vmbus/port.h"

#define NET_TABLE_BUCKETS 256u
#define NET_TABLE_WAYS	  4u
/* An address that was not heard for so long is forgotten (IEEE 802.1Q, 8.8.3).
 */
#define NET_TABLE_AGE_MS 300000u

struct net_table_entry {
	u64 key; /* 0: free */
	u64 heard_ms;
	u64 peer;
};

struct net_table {
	u64 seed; /* nobody else's: places cannot be foretold */
	struct net_table_entry entries[NET_TABLE_BUCKETS][NET_TABLE_WAYS];
};

/*
 * Notes that @address of @vlan is at @peer. A group address is not noted. A
 * full bucket forgets what was heard longest ago.
 */
void net_table_learn(struct net_table *table, const u8 *address, u32 vlan,
		     u64 peer, u64 now_ms);

/* Where it is; false: not known. */
bool net_table_find(const struct net_table *table, const u8 *address, u32 vlan,
		    u64 now_ms, u64 *peer);

/* Forgets all that is at a peer. */
void net_table_forget(struct net_table *table, u64 peer);

#endif
