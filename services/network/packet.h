/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * packet.h - RNDIS messages as they lie in memory that the other end can write.
 *
 * Here: one copy out of pieces, the checks of a packet message and of its
 * information, for both ends. Not here: what the information means.
 */
#ifndef SERVICES_NETWORK_PACKET_H
#define SERVICES_NETWORK_PACKET_H

#include "services/network/rndis.h"
#include "vmbus/ring.h"
#include "vmbus/status.h"

/* Of per-packet information; Windows, with most of it, has some 200. */
#define NETWORK_INFO_MAX_BYTES 512u

/* What was found beside a frame. */
struct network_info {
	u32 present; /* NETWORK_HAS_ */
	u32 checksum;
	u32 lso;
	u32 vlan;
	u32 hash;
	u32 hashing;
	struct rndis_info_id id;
};

#define NETWORK_HAS_CHECKSUM 0x01u
#define NETWORK_HAS_LSO	     0x02u
#define NETWORK_HAS_VLAN     0x04u
#define NETWORK_HAS_HASH     0x08u
#define NETWORK_HAS_HASHING  0x10u
#define NETWORK_HAS_ID	     0x20u

/* A packet message. Scalars are our copies, bounded. */
struct network_packet {
	u32 bytes;	  /* of the message, padding included */
	u32 frame_offset; /* from the message's beginning */
	u32 frame_bytes;
	struct network_info info;
};

/* network_pieces_bytes - of all pieces; more than 4 GiB count as that. */
u32 network_pieces_bytes(const struct ring_vec *pieces, u32 piece_count);

/*
 * network_pieces_copy - copy @bytes from @offset on. Returns false when the
 * pieces are shorter.
 */
bool network_pieces_copy(const struct ring_vec *pieces, u32 piece_count,
			 u32 offset, void *to, u32 bytes);

/*
 * network_packet_read - look at the packet message at @offset.
 * @limit: bytes from @offset on that belong to it or to what follows
 * Each byte is copied once. Returns VMBUS_OK, VMBUS_E_NETWORK_RNDIS_LENGTH,
 * VMBUS_E_NETWORK_RNDIS_TYPE (no packet message), VMBUS_E_NETWORK_RNDIS_DATA or
 * VMBUS_E_NETWORK_RNDIS_INFO.
 */
enum vmbus_status network_packet_read(const struct ring_vec *pieces,
				      u32 piece_count, u32 offset, u32 limit,
				      struct network_packet *packet);

/*
 * network_packet_write - a packet message's headers for a frame that follows
 * @head_bytes after the message's beginning.
 * @at: @head_bytes, written as far as the information goes (at most 8 + 36 +
 * 16 for each kind of it)
 */
void network_packet_write(u8 *at, u32 head_bytes, u32 frame_bytes,
			  const struct network_info *info);

/* Of the headers with @info. */
u32 network_packet_head_bytes(const struct network_info *info);

#endif
