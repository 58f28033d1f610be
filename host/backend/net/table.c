/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/backend/net/table.h"

#define GROUP 1u /* of an address' first byte */

static u64 key_of(const u8 *address, u32 vlan)
{
	u64 key = 0;

	port_copy(&key, address, 6);
	/* The highest bit: no key is 0. */
	return key | (u64)(vlan & 0xfff) << 48 | 1ull << 63;
}

/* Finalizer of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
 * Number Generators, 2014). */
static u32 bucket_of(const struct net_table *table, u64 key)
{
	key ^= table->seed;
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9ull;
	key = (key ^ key >> 27) * 0x94d049bb133111ebull;
	return (u32)((key ^ key >> 31) % NET_TABLE_BUCKETS);
}

void net_table_learn(struct net_table *table, const u8 *address, u32 vlan,
		     u64 peer, u64 now_ms)
{
	u64 key = key_of(address, vlan);
	struct net_table_entry *bucket = table->entries[bucket_of(table, key)];
	struct net_table_entry *entry = bucket;

	if (address[0] & GROUP)
		return;
	for (u32 i = 0; i < NET_TABLE_WAYS; i++) {
		if (bucket[i].key == key) {
			entry = &bucket[i];
			break;
		}
		if (bucket[i].heard_ms < entry->heard_ms)
			entry = &bucket[i];
	}
	entry->key = key;
	entry->heard_ms = now_ms;
	entry->peer = peer;
}

bool net_table_find(const struct net_table *table, const u8 *address, u32 vlan,
		    u64 now_ms, u64 *peer)
{
	u64 key = key_of(address, vlan);
	const struct net_table_entry *bucket =
		table->entries[bucket_of(table, key)];

	for (u32 i = 0; i < NET_TABLE_WAYS; i++) {
		if (bucket[i].key != key)
			continue;
		*peer = bucket[i].peer;
		return now_ms - bucket[i].heard_ms < NET_TABLE_AGE_MS;
	}
	return false;
}

void net_table_forget(struct net_table *table, u64 peer)
{
	for (u32 i = 0; i < NET_TABLE_BUCKETS; i++) {
		for (u32 j = 0; j < NET_TABLE_WAYS; j++) {
			struct net_table_entry *entry = &table->entries[i][j];

			if (entry->key && entry->peer == peer)
				*entry = (struct net_table_entry){ 0 };
		}
	}
}
