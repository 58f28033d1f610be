/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * rndis.h - layouts of RNDIS messages and of a packet's information.
 *
 * Here: what lies in send sections, page lists and receive slots. Not here:
 * objects and their identifiers (oid.h), reading and writing (packet.h).
 *
 * Sources: [MS-RNDIS] 2.2; include/linux/rndis.h; Linux, hyperv_net.h, struct
 * rndis_*, struct ndis_*_info. Offsets count from the beginning of the
 * message's body, which follows the eight bytes of struct rndis_header.
 */
#ifndef SERVICES_NETWORK_RNDIS_H
#define SERVICES_NETWORK_RNDIS_H

#include "vmbus/port.h"

/* [MS-RNDIS] 2.2.1 and on. An answer has the bit. */
#define RNDIS_PACKET	 0x00000001u
#define RNDIS_INITIALIZE 0x00000002u
#define RNDIS_HALT	 0x00000003u /* no answer */
#define RNDIS_QUERY	 0x00000004u
#define RNDIS_SET	 0x00000005u
#define RNDIS_RESET	 0x00000006u
#define RNDIS_INDICATE	 0x00000007u /* no answer */
#define RNDIS_KEEPALIVE	 0x00000008u
#define RNDIS_ANSWER	 0x80000000u

struct rndis_header {
	u32 type;
	u32 bytes; /* header, body, data, padding */
};

#define RNDIS_HEADER_BYTES 8u

struct rndis_initialize {
	u32 id;
	u32 major;
	u32 minor;
	u32 transfer_max_bytes;
};

struct rndis_initialize_answer {
	u32 id;
	u32 status;
	u32 major;
	u32 minor;
	u32 flags;
	u32 medium;
	u32 packets_max; /* in one NVSP message */
	u32 transfer_max_bytes;
	u32 alignment; /* of them: a power of two */
	u32 af_offset_bytes;
	u32 af_bytes;
};

/* HALT, KEEPALIVE. */
struct rndis_request {
	u32 id;
};

/* QUERY, SET. */
struct rndis_object_request {
	u32 id;
	u32 oid;
	u32 info_bytes;
	u32 info_offset_bytes;
	u32 vc;
};

struct rndis_query_answer {
	u32 id;
	u32 status;
	u32 info_bytes;
	u32 info_offset_bytes;
};

/* SET, KEEPALIVE. */
struct rndis_answer {
	u32 id;
	u32 status;
};

struct rndis_reset_answer {
	u32 status;
	u32 addressing_reset;
};

struct rndis_indicate {
	u32 status;
	u32 info_bytes;
	u32 info_offset_bytes;
};

#define RNDIS_VERSION_MAJOR	 1u
#define RNDIS_VERSION_MINOR	 0u
#define RNDIS_CONNECTIONLESS	 1u /* flags */
#define RNDIS_MEDIUM_802_3	 0u
#define RNDIS_MEDIA_CONNECTED	 0u
#define RNDIS_MEDIA_DISCONNECTED 1u

/* RNDIS_STATUS_* of include/linux/rndis.h; NETWORK_CHANGE: hyperv_net.h. */
#define RNDIS_STATUS_SUCCESS	       0x00000000u
#define RNDIS_STATUS_MEDIA_CONNECT     0x4001000bu
#define RNDIS_STATUS_MEDIA_DISCONNECT  0x4001000cu
#define RNDIS_STATUS_LINK_SPEED_CHANGE 0x40010013u
#define RNDIS_STATUS_NETWORK_CHANGE    0x40010018u
#define RNDIS_STATUS_OFFLOAD_CONFIG    0x40020006u
#define RNDIS_STATUS_FAILURE	       0xc0000001u
#define RNDIS_STATUS_NOT_SUPPORTED     0xc00000bbu
#define RNDIS_STATUS_MULTICAST_FULL    0xc0010009u
#define RNDIS_STATUS_INVALID_LENGTH    0xc0010014u
#define RNDIS_STATUS_INVALID_DATA      0xc0010015u
#define RNDIS_STATUS_ADAPTER_NOT_READY 0xc0010011u

/* struct rndis_packet: the body of RNDIS_PACKET. */
struct rndis_packet {
	u32 data_offset_bytes;
	u32 data_bytes;
	u32 oob_offset_bytes;
	u32 oob_bytes;
	u32 oob_count;
	u32 info_offset_bytes;
	u32 info_bytes;
	u32 vc;
	u32 reserved;
};

/* What of it a sender has to have: iPXE leaves the last word out. */
#define RNDIS_PACKET_MIN_BYTES 28u

/* One piece of per-packet information; all of ours carry one u32. */
struct rndis_info {
	u32 bytes; /* with this head */
	u32 type;  /* RNDIS_INFO_ */
	u32 offset_bytes;
};

#define RNDIS_INFO_CHECKSUM 0u
#define RNDIS_INFO_LSO	    2u
#define RNDIS_INFO_VLAN	    6u
#define RNDIS_INFO_HASH	    8u /* value */
#define RNDIS_INFO_HASHING  9u /* function and type: FreeBSD wants them */
#define RNDIS_INFO_INTERNAL 0x80000000u
#define RNDIS_INFO_ID	    (RNDIS_INFO_INTERNAL | 1u)

#define RNDIS_INFO_BYTES 16u

/* RNDIS_INFO_CHECKSUM to the host (ndis_tcp_ip_checksum_info.transmit). */
#define RNDIS_TX_IPV4	      0x00000001u
#define RNDIS_TX_IPV6	      0x00000002u
#define RNDIS_TX_TCP	      0x00000004u
#define RNDIS_TX_UDP	      0x00000008u
#define RNDIS_TX_IP_HEADER    0x00000010u
#define RNDIS_TX_OFFSET_SHIFT 16u /* of the TCP or UDP header, 0: look */
#define RNDIS_TX_OFFSET_MASK  0x3ffu

/* RNDIS_INFO_CHECKSUM to the guest (ndis_tcp_ip_checksum_info.receive). */
#define RNDIS_RX_TCP_FAILED    0x001u
#define RNDIS_RX_UDP_FAILED    0x002u
#define RNDIS_RX_IP_FAILED     0x004u
#define RNDIS_RX_TCP_GOOD      0x008u
#define RNDIS_RX_UDP_GOOD      0x010u
#define RNDIS_RX_IP_GOOD       0x020u
#define RNDIS_RX_LOOPBACK      0x040u
#define RNDIS_RX_TCP_UNWRITTEN 0x080u /* good, but not in the header */
#define RNDIS_RX_IP_UNWRITTEN  0x100u

/*
 * RNDIS_INFO_LSO (ndis_tcp_lso_info.lso_v2_transmit). The TCP checksum is that
 * of a pseudo header without length; the IP length and checksum are 0.
 */
#define RNDIS_LSO_MSS_MASK     0x000fffffu
#define RNDIS_LSO_OFFSET_SHIFT 20u /* of the TCP header */
#define RNDIS_LSO_OFFSET_MASK  0x3ffu
#define RNDIS_LSO_V2	       0x40000000u
#define RNDIS_LSO_IPV6	       0x80000000u

/* RNDIS_INFO_VLAN (ndis_pkt_8021q_info). */
#define RNDIS_VLAN_PRIORITY_MASK 0x7u
#define RNDIS_VLAN_CFI		 0x8u
#define RNDIS_VLAN_ID_SHIFT	 4u

/* RNDIS_INFO_ID (struct rndis_pktinfo_id): one frame in several slots. */
struct rndis_info_id {
	u8 version; /* 1 */
	u8 flags;   /* RNDIS_ID_ */
	u16 id;
};

#define RNDIS_ID_PIECE 0x1u
#define RNDIS_ID_FIRST 0x2u
#define RNDIS_ID_LAST  0x4u

_Static_assert(sizeof(struct rndis_packet) == 36, "wire layout");
_Static_assert(__builtin_offsetof(struct rndis_packet, vc) ==
		       RNDIS_PACKET_MIN_BYTES,
	       "wire layout");
_Static_assert(sizeof(struct rndis_initialize_answer) == 44, "wire layout");
_Static_assert(sizeof(struct rndis_info) + 4 == RNDIS_INFO_BYTES,
	       "wire layout");

#endif
