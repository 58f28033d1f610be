/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * oid.h - RNDIS objects: their identifiers and the structures of NDIS in them.
 *
 * Sources: include/linux/rndis.h, hyperv_net.h (struct ndis_*); DPDK,
 * drivers/net/netvsc/ndis.h; OpenVMM, rndisprot.rs; Microsoft, "NDIS OIDs".
 */
#ifndef SERVICES_NETWORK_OID_H
#define SERVICES_NETWORK_OID_H

#include "vmbus/port.h"

#define OID_SUPPORTED_LIST	  0x00010101u
#define OID_HARDWARE_STATUS	  0x00010102u
#define OID_MEDIA_SUPPORTED	  0x00010103u
#define OID_MEDIA_IN_USE	  0x00010104u
#define OID_MAXIMUM_LOOKAHEAD	  0x00010105u
#define OID_MAXIMUM_FRAME_SIZE	  0x00010106u
#define OID_LINK_SPEED		  0x00010107u /* of 100 bit/s */
#define OID_TRANSMIT_BUFFER_SPACE 0x00010108u
#define OID_RECEIVE_BUFFER_SPACE  0x00010109u
#define OID_TRANSMIT_BLOCK_SIZE	  0x0001010au
#define OID_RECEIVE_BLOCK_SIZE	  0x0001010bu
#define OID_VENDOR_ID		  0x0001010cu
#define OID_VENDOR_DESCRIPTION	  0x0001010du
#define OID_PACKET_FILTER	  0x0001010eu
#define OID_CURRENT_LOOKAHEAD	  0x0001010fu
#define OID_DRIVER_VERSION	  0x00010110u
#define OID_MAXIMUM_TOTAL_SIZE	  0x00010111u
#define OID_PROTOCOL_OPTIONS	  0x00010112u
#define OID_MAC_OPTIONS		  0x00010113u
#define OID_MEDIA_CONNECT_STATUS  0x00010114u
#define OID_MAXIMUM_SEND_PACKETS  0x00010115u
#define OID_VENDOR_DRIVER_VERSION 0x00010116u
#define OID_NETWORK_ADDRESSES	  0x00010118u
#define OID_PHYSICAL_MEDIUM	  0x00010202u
#define OID_RSS_CAPABILITIES	  0x00010203u
#define OID_RSS_PARAMETERS	  0x00010204u
#define OID_MAX_LINK_SPEED	  0x00010206u
#define OID_LINK_STATE		  0x00010207u
#define OID_LINK_PARAMETERS	  0x00010208u
#define OID_MACHINE_NAME	  0x0001021au
#define OID_CONFIG_PARAMETER	  0x0001021bu
#define OID_VLAN_ID		  0x0001021cu

#define OID_XMIT_OK		  0x00020101u
#define OID_RCV_OK		  0x00020102u
#define OID_XMIT_ERROR		  0x00020103u
#define OID_RCV_ERROR		  0x00020104u
#define OID_RCV_NO_BUFFER	  0x00020105u
#define OID_STATISTICS		  0x00020106u
#define OID_DIRECTED_FRAMES_XMIT  0x00020202u
#define OID_MULTICAST_FRAMES_XMIT 0x00020204u
#define OID_BROADCAST_FRAMES_XMIT 0x00020206u
#define OID_DIRECTED_FRAMES_RCV	  0x00020208u
#define OID_MULTICAST_FRAMES_RCV  0x0002020au
#define OID_BROADCAST_FRAMES_RCV  0x0002020cu
#define OID_RCV_CRC_ERROR	  0x0002020du
#define OID_TRANSMIT_QUEUE_LENGTH 0x0002020eu
#define OID_FRIENDLY_NAME	  0x00020216u
#define OID_BYTES_RCV		  0x00020219u
#define OID_BYTES_XMIT		  0x0002021au
#define OID_RCV_DISCARDS	  0x0002021bu
#define OID_XMIT_DISCARDS	  0x0002021cu

#define OID_PERMANENT_ADDRESS	  0x01010101u
#define OID_CURRENT_ADDRESS	  0x01010102u
#define OID_MULTICAST_LIST	  0x01010103u
#define OID_MULTICAST_LIST_SIZE	  0x01010104u
#define OID_802_3_MAC_OPTIONS	  0x01010105u
#define OID_OFFLOAD_ENCAPSULATION 0x0101010au
#define OID_RCV_ERROR_ALIGNMENT	  0x01020101u
#define OID_XMIT_ONE_COLLISION	  0x01020102u
#define OID_XMIT_MORE_COLLISIONS  0x01020103u

#define OID_OFFLOAD_CONFIG     0xfc01020bu
#define OID_OFFLOAD_PARAMETERS 0xfc01020cu
#define OID_OFFLOAD_HARDWARE   0xfc01020du

/* NDIS_OBJECT_HEADER: at the beginning of each structure. */
struct ndis_header {
	u8 type; /* NDIS_TYPE_ */
	u8 revision;
	u16 bytes;
};

#define NDIS_TYPE_DEFAULT	   0x80u
#define NDIS_TYPE_RSS_CAPABILITIES 0x88u
#define NDIS_TYPE_RSS_PARAMETERS   0x89u
#define NDIS_TYPE_OFFLOAD	   0xa7u
#define NDIS_TYPE_ENCAPSULATION	   0xa8u

#define NDIS_ENCAPSULATION_802_3 0x2u

/* NDIS_STATISTICS_INFO, of OID_STATISTICS. */
struct ndis_statistics {
	struct ndis_header header;
	u32 supported; /* NDIS_STATISTICS_: which of the rest are counted */
	u64 rx_discards;
	u64 rx_errors;
	u64 rx_bytes;
	u64 rx_directed;
	u64 rx_multicast;
	u64 rx_broadcast;
	u64 tx_bytes;
	u64 tx_directed;
	u64 tx_multicast;
	u64 tx_broadcast;
	u64 tx_errors;
	u64 tx_discards;
	u64 rx_directed_bytes;
	u64 rx_multicast_bytes;
	u64 rx_broadcast_bytes;
	u64 tx_directed_bytes;
	u64 tx_multicast_bytes;
	u64 tx_broadcast_bytes;
};
_Static_assert(sizeof(struct ndis_statistics) == 152, "wire size");

/* All but the bytes of each kind of frame (ntddndis.h,
 * NDIS_STATISTICS_FLAGS_VALID_*). */
#define NDIS_STATISTICS_FRAMES_AND_BYTES 0x87ffu

/* NDIS_OFFLOAD: what there is, or what is in force. */
struct ndis_offload {
	struct ndis_header header;
	u32 tx4_encapsulation;
	u32 tx4; /* NDIS_CHECKSUM_ */
	u32 rx4_encapsulation;
	u32 rx4;
	u32 tx6_encapsulation;
	u32 tx6;
	u32 rx6_encapsulation;
	u32 rx6;
	u32 lso1[4];
	u32 ipsec1[7];
	u32 lso4_encapsulation;
	u32 lso4_max_bytes;
	u32 lso4_min_segments;
	u32 lso6_encapsulation;
	u32 lso6_max_bytes;
	u32 lso6_min_segments;
	u32 lso6; /* NDIS_CHECKSUM_IP_OPTIONS, _TCP_OPTIONS */
	u32 flags;
	/* Revision 2, NDIS 6.1 */
	u8 ipsec2[32];
	/* Revision 3, NDIS 6.30 */
	u8 rsc4;
	u8 rsc6;
	u8 reserved[2];
	u32 encapsulated[2];
};

#define NDIS_OFFLOAD_BYTES_1 112u
#define NDIS_OFFLOAD_BYTES_2 144u
#define NDIS_OFFLOAD_BYTES_3 156u

#define NDIS_CHECKSUM_IP_OPTIONS  0x001u /* version 6: extension headers */
#define NDIS_CHECKSUM_TCP_OPTIONS 0x004u
#define NDIS_CHECKSUM_TCP	  0x010u
#define NDIS_CHECKSUM_UDP	  0x040u
#define NDIS_CHECKSUM_IP	  0x100u /* version 4 only */

/* NDIS_OFFLOAD_PARAMETERS: what a guest wants. */
struct ndis_offload_parameters {
	struct ndis_header header;
	u8 ip4_checksum; /* NDIS_PARAMETER_ */
	u8 tcp4_checksum;
	u8 udp4_checksum;
	u8 tcp6_checksum;
	u8 udp6_checksum;
	u8 lso1;
	u8 ipsec1;
	u8 lso4; /* NDIS_PARAMETER_DISABLED, NDIS_PARAMETER_ENABLED */
	u8 lso6;
	u8 connection4;
	u8 connection6;
	u8 reserved;
	u32 flags;
	/* Revision 2 */
	u8 ipsec2;
	u8 ipsec2_ip4;
	/* Revision 3 */
	u8 rsc4;
	u8 rsc6;
	u8 encapsulated;
	u8 encapsulation_types;
	u8 reserved2[2];
};

#define NDIS_PARAMETERS_BYTES_1 20u
#define NDIS_PARAMETERS_BYTES_2 22u
#define NDIS_PARAMETERS_BYTES_3 28u

#define NDIS_PARAMETER_UNCHANGED 0u
#define NDIS_PARAMETER_DISABLED	 1u
#define NDIS_PARAMETER_ENABLED	 2u /* not of checksums */
#define NDIS_PARAMETER_TX	 2u
#define NDIS_PARAMETER_RX	 3u
#define NDIS_PARAMETER_BOTH	 4u

/* NDIS_OFFLOAD_ENCAPSULATION */
struct ndis_encapsulation {
	struct ndis_header header;
	u32 ip4_enabled; /* set: 1 on, 2 off */
	u32 ip4_type;
	u32 ip4_header_bytes;
	u32 ip6_enabled;
	u32 ip6_type;
	u32 ip6_header_bytes;
};

/* NDIS_RECEIVE_SCALE_CAPABILITIES */
struct ndis_rss_capabilities {
	struct ndis_header header;
	u32 flags;
	u32 messages;
	u32 queues;
	u16 table_count;
	u16 reserved;
};

#define NDIS_RSS_CAPABILITIES_BYTES 18u /* revision 2 */

#define NDIS_RSS_TCP_IPV4 0x00000100u
#define NDIS_RSS_TCP_IPV6 0x00000200u

/* NDIS_RECEIVE_SCALE_PARAMETERS; offsets from its beginning. */
struct ndis_rss_parameters {
	struct ndis_header header;
	u16 flags;
	u16 base_cpu;
	u32 hash;	 /* NETWORK_HASH_ */
	u16 table_bytes; /* of u32 entries */
	u16 reserved;
	u32 table_offset_bytes;
	u16 key_bytes;
	u16 reserved2;
	u32 key_offset_bytes;
	u32 masks_offset_bytes;
	u32 mask_count;
	u32 mask_bytes;
};

#define NDIS_RSS_UNCHANGED_HASH	 0x0002u
#define NDIS_RSS_UNCHANGED_TABLE 0x0004u
#define NDIS_RSS_UNCHANGED_KEY	 0x0008u
#define NDIS_RSS_DISABLE	 0x0010u

/* NDIS_LINK_STATE */
struct ndis_link_state {
	struct ndis_header header;
	u32 connected; /* 1: yes, 2: no */
	u32 duplex;    /* 2: full */
	u32 reserved;
	u64 tx_bps;
	u64 rx_bps;
	u32 pause;
	u32 negotiation;
};

/* RNDIS_CONFIG_PARAMETER_INFO; offsets from its beginning, UTF-16. */
struct rndis_parameter {
	u32 name_offset_bytes;
	u32 name_bytes;
	u32 type; /* RNDIS_PARAMETER_STRING */
	u32 value_offset_bytes;
	u32 value_bytes;
};

#define RNDIS_PARAMETER_STRING 2u

_Static_assert(sizeof(struct ndis_offload) == NDIS_OFFLOAD_BYTES_3,
	       "wire layout");
_Static_assert(offsetof(struct ndis_offload, ipsec2) == NDIS_OFFLOAD_BYTES_1,
	       "wire layout");
_Static_assert(offsetof(struct ndis_offload, rsc4) == NDIS_OFFLOAD_BYTES_2,
	       "wire layout");
_Static_assert(sizeof(struct ndis_offload_parameters) ==
		       NDIS_PARAMETERS_BYTES_3,
	       "wire layout");
_Static_assert(offsetof(struct ndis_offload_parameters, rsc4) ==
		       NDIS_PARAMETERS_BYTES_2,
	       "wire layout");
_Static_assert(sizeof(struct ndis_rss_parameters) == 40, "wire layout");
_Static_assert(sizeof(struct ndis_encapsulation) == 28, "wire layout");
_Static_assert(sizeof(struct ndis_link_state) == 40, "wire layout");

#endif
