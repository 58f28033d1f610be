/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * frame.h - an Ethernet frame and what goes beside it.
 *
 * Here: the virtio header that a backend reads and writes, tags, where the
 * headers of a frame end. Not here: RNDIS (packet.h), filters (filter.h).
 *
 * Source: OASIS virtio 1.2, 5.1.6 (struct virtio_net_hdr); RFC 791, 8200, 9293.
 */
#ifndef SERVICES_NETWORK_FRAME_H
#define SERVICES_NETWORK_FRAME_H

#include "services/network/filter.h"
#include "vmbus/port.h"

#define NETWORK_ETHERNET_BYTES 14u
#define NETWORK_TAG_BYTES      4u

/*
 * What is copied of a frame before it is looked at: Ethernet with a tag, IPv6
 * with extensions or IPv4 with options, TCP with options.
 */
#define NETWORK_HEAD_BYTES 192u

/* The longest frame: a segment to be cut, 64 KiB of IP, two tags. */
#define NETWORK_FRAME_MAX_BYTES (65535u + NETWORK_ETHERNET_BYTES + 8u)

/* struct virtio_net_hdr_v1. A tap set up with 10 bytes has no num_buffers. */
struct network_vnet {
	u8 flags;    /* NETWORK_VNET_ */
	u8 gso_type; /* NETWORK_GSO_ */
	u16 hdr_len;
	u16 gso_size;
	u16 csum_start; /* from the frame's beginning, tag included */
	u16 csum_offset;
	u16 num_buffers;
};

#define NETWORK_VNET_NEEDS_CSUM 1u /* the header's is of the pseudo header */
#define NETWORK_VNET_DATA_VALID 2u

#define NETWORK_GSO_NONE 0u
#define NETWORK_GSO_TCP4 1u
#define NETWORK_GSO_UDP	 3u
#define NETWORK_GSO_TCP6 4u
#define NETWORK_GSO_ECN	 0x80u

#define NETWORK_TCP_CSUM 16u /* csum_offset */
#define NETWORK_UDP_CSUM 6u

/* Where the headers of a frame are. */
struct network_headers {
	u16 ether_type; /* behind the tag */
	u16 ip_offset;
	u8 ip_version; /* 4, 6, or 0: none of the following */
	u8 protocol;   /* of the transport header; fragments: as said */
	bool fragment;
	u16 transport_offset; /* 0: not in the head, or a later fragment */
	u16 payload_offset;   /* behind a TCP or UDP header, else 0 */
};

#define NETWORK_PROTOCOL_TCP 6u
#define NETWORK_PROTOCOL_UDP 17u

static inline u16 network_be16(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

static inline void network_put_be16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

/*
 * network_frame_headers - find them in the first @bytes of a frame (at least
 * the Ethernet header, else all of @headers is 0). Never looks beyond @bytes;
 * what does not fit, or contradicts itself, is not found.
 */
void network_frame_headers(const u8 *head, u32 bytes,
			   struct network_headers *headers);

/*
 * network_frame_tag - the 802.1Q tag in the frame, or NETWORK_UNTAGGED.
 */
u32 network_frame_tag(const u8 *head, u32 bytes);

/*
 * network_checksum - ones' complement sum of @bytes, folded to 16 bits, as a
 * big-endian number; @sum: what to add to it.
 */
u16 network_checksum(const u8 *data, u32 bytes, u32 sum);

_Static_assert(sizeof(struct network_vnet) == 12, "virtio layout");

#endif
