/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * rss.h - which channel a frame belongs to.
 *
 * Here: the Toeplitz hash and the indirection table. Not here: how a guest sets
 * them (vsp.h), queues of a backend.
 *
 * Source: Microsoft, "RSS Hashing Types" and "Verifying the RSS Hash
 * Calculation" (whose examples the tests use).
 */
#ifndef SERVICES_NETWORK_RSS_H
#define SERVICES_NETWORK_RSS_H

#include "vmbus/port.h"

#define NETWORK_RSS_KEY_BYTES 40u
#define NETWORK_RSS_TABLE     128u

/* NDIS_HASH_*: the low byte is the function. */
#define NETWORK_HASH_TOEPLITZ	 0x00000001u
#define NETWORK_HASH_FUNCTIONS	 0x000000ffu
#define NETWORK_HASH_IPV4	 0x00000100u
#define NETWORK_HASH_TCP_IPV4	 0x00000200u
#define NETWORK_HASH_IPV6	 0x00000400u
#define NETWORK_HASH_IPV6_EX	 0x00000800u
#define NETWORK_HASH_TCP_IPV6	 0x00001000u
#define NETWORK_HASH_TCP_IPV6_EX 0x00002000u
#define NETWORK_HASH_UDP_IPV4	 0x00004000u
#define NETWORK_HASH_UDP_IPV6	 0x00008000u

struct network_rss {
	u32 hash; /* NETWORK_HASH_; 0: every frame goes to channel 0 */
	u16 table_count;
	u16 table[NETWORK_RSS_TABLE]; /* channel numbers */
	u8 key[NETWORK_RSS_KEY_BYTES];
};

/*
 * network_toeplitz - the hash of up to 36 bytes.
 * @bytes: at most NETWORK_RSS_KEY_BYTES - 4
 */
u32 network_toeplitz(const u8 key[NETWORK_RSS_KEY_BYTES], const u8 *data,
		     u32 bytes);

/*
 * network_rss_hash - the hash of a frame.
 * @head: the first @head_bytes of the frame, untagged; too few count as no IP
 * @type: receives the one bit of NETWORK_HASH_ that it was made by, 0: none
 * Returns 0 where rss asks for no hash of such a frame. A fragment is hashed by
 * its addresses.
 */
u32 network_rss_hash(const struct network_rss *rss, const u8 *head,
		     u32 head_bytes, u32 *type);

/*
 * network_rss_channel - where @hash leads; 0 when @type is 0 or there is no
 * table.
 */
u16 network_rss_channel(const struct network_rss *rss, u32 hash, u32 type);

#endif
