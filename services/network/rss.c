// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Which channel a frame belongs to. */
#include "services/network/frame.h"
#include "services/network/rss.h"

u32 network_toeplitz(const u8 key[NETWORK_RSS_KEY_BYTES], const u8 *data,
		     u32 bytes)
{
	u64 window = 0;
	u32 hash = 0, i, bit;

	for (i = 0; i < 8; i++)
		window = window << 8 | key[i];
	for (i = 0; i < bytes; i++) {
		/* The upper half is the key from this bit on. */
		for (bit = 0; bit < 8; bit++) {
			if (data[i] & (0x80u >> bit))
				hash ^= (u32)(window >> 32);
			window <<= 1;
		}
		if (i + 8 < NETWORK_RSS_KEY_BYTES)
			window |= key[i + 8];
	}
	return hash;
}

/* The type that frames with these headers are hashed by, 0: none. */
static u32 hash_type(u32 hash, const struct network_headers *headers)
{
	bool tcp = headers->transport_offset && !headers->fragment &&
		   headers->protocol == NETWORK_PROTOCOL_TCP;
	bool udp = headers->transport_offset && !headers->fragment &&
		   headers->protocol == NETWORK_PROTOCOL_UDP;

	if (headers->ip_version == 4) {
		if (tcp && (hash & NETWORK_HASH_TCP_IPV4))
			return NETWORK_HASH_TCP_IPV4;
		if (udp && (hash & NETWORK_HASH_UDP_IPV4))
			return NETWORK_HASH_UDP_IPV4;
		return hash & NETWORK_HASH_IPV4;
	}
	if (headers->ip_version == 6) {
		if (tcp && (hash & NETWORK_HASH_TCP_IPV6))
			return NETWORK_HASH_TCP_IPV6;
		if (udp && (hash & NETWORK_HASH_UDP_IPV6))
			return NETWORK_HASH_UDP_IPV6;
		return hash & NETWORK_HASH_IPV6;
	}
	return 0;
}

u32 network_rss_hash(const struct network_rss *rss, const u8 *head,
		     u32 head_bytes, u32 *type)
{
	struct network_headers headers;
	u8 input[NETWORK_RSS_KEY_BYTES - 4];
	u32 addresses;

	*type = 0;
	if ((rss->hash & NETWORK_HASH_FUNCTIONS) != NETWORK_HASH_TOEPLITZ)
		return 0;
	network_frame_headers(head, head_bytes, &headers);
	*type = hash_type(rss->hash, &headers);
	if (!*type)
		return 0;
	/* Source and destination stand one after the other. */
	addresses = headers.ip_version == 4 ? 8 : 32;
	port_copy(input,
		  head + headers.ip_offset + (headers.ip_version == 4 ? 12 : 8),
		  addresses);
	if (*type == NETWORK_HASH_IPV4 || *type == NETWORK_HASH_IPV6)
		return network_toeplitz(rss->key, input, addresses);
	port_copy(input + addresses, head + headers.transport_offset, 4);
	return network_toeplitz(rss->key, input, addresses + 4);
}

u16 network_rss_channel(const struct network_rss *rss, u32 hash, u32 type)
{
	if (!type || !rss->table_count)
		return 0;
	return rss->table[hash % rss->table_count];
}
