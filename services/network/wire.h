/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layouts and constants of the synthetic network, both directions.
 *
 * Here: NVSP, the messages of a channel's packets. Not here: the RNDIS messages
 * that lie in the buffers which NVSP names (rndis.h), their objects (oid.h).
 *
 * Sources: drivers/net/hyperv/hyperv_net.h of Linux 5.10 to 6.12; OpenVMM,
 * vm/devices/net/netvsp/src/protocol.rs. A message is the payload of one VMBus
 * packet, padded to NETWORK_MESSAGE_BYTES_; shorter ones with all their fields
 * are taken (FreeBSD, DPDK and iPXE send them).
 */
#ifndef SERVICES_NETWORK_WIRE_H
#define SERVICES_NETWORK_WIRE_H

#include "vmbus/guid.h"
#include "vmbus/port.h"

/* Type of an adapter's offer (linux/hyperv.h, HV_NIC_GUID). */
#define NETWORK_TYPE                                                           \
	GUID_FIELDS(0xf8615163, 0xdf3e, 0x46c5, 0x91, 0x3f, 0xf2, 0xd2, 0xf9,  \
		    0x65, 0xed, 0x0e)

/* Opaque; newer ones are larger (NVSP_PROTOCOL_VERSION_*). */
#define NETWORK_VERSION_1  0x00002u /* Windows Server 2008, iPXE */
#define NETWORK_VERSION_2  0x30002u /* 2008 R2: NDIS configuration */
#define NETWORK_VERSION_4  0x40000u /* 2012: SR-IOV */
#define NETWORK_VERSION_5  0x50000u /* 2012 R2: sub-channels */
#define NETWORK_VERSION_6  0x60000u /* 2016 */
#define NETWORK_VERSION_61 0x60001u /* 2019: RSC, longer messages */

/* NVSP_MSG_TYPE_*, NVSP_MSG1_TYPE_* to NVSP_MSG6_TYPE_*. */
enum network_message_type {
	NETWORK_INIT = 1,
	NETWORK_INIT_COMPLETE = 2,
	NETWORK_NDIS_VERSION = 100,
	NETWORK_RECEIVE_BUFFER = 101,
	NETWORK_RECEIVE_BUFFER_COMPLETE = 102,
	NETWORK_REVOKE_RECEIVE_BUFFER = 103,
	NETWORK_SEND_BUFFER = 104,
	NETWORK_SEND_BUFFER_COMPLETE = 105,
	NETWORK_REVOKE_SEND_BUFFER = 106,
	NETWORK_RNDIS = 107,
	NETWORK_RNDIS_COMPLETE = 108,
	/* From version 2 on; 109 to 124, 126 and 127 were never used. */
	NETWORK_NDIS_CONFIG = 125,
	/* From version 4 on. */
	NETWORK_VF_ASSOCIATION = 128,
	NETWORK_SWITCH_DATA_PATH = 129,
	/* From version 5 on; both directions of a sub-channel request. */
	NETWORK_OID_QUERY_EX = 131,
	NETWORK_OID_QUERY_EX_COMPLETE = 132,
	NETWORK_SUB_CHANNELS = 133,
	NETWORK_INDIRECTION_TABLE = 134,
	/* From version 6.1 on: packet direct, which no host here offers. */
	NETWORK_PD_API = 135,
	NETWORK_PD_BATCH = 136,
};

/* NVSP_STAT_*. */
enum network_status {
	NETWORK_STATUS_NONE = 0,
	NETWORK_STATUS_SUCCESS = 1,
	NETWORK_STATUS_FAIL = 2,
	NETWORK_STATUS_TOO_NEW = 3,
	NETWORK_STATUS_TOO_OLD = 4,
	NETWORK_STATUS_INVALID_RNDIS = 5,
	NETWORK_STATUS_BUSY = 6,
	NETWORK_STATUS_UNSUPPORTED = 7,
};

/*
 * Guest: the versions it takes, Linux one at a time with both fields the same.
 */
struct network_init {
	u32 version_min;
	u32 version_max;
};

struct network_init_complete {
	u32 version;
	u32 mdl_chain_max; /* hosts: 34; nobody looks at it */
	u32 status;	   /* enum network_status */
};

/* No answer. 6.1 up to version 4, 6.30 from 5 on. */
struct network_ndis_version {
	u32 major;
	u32 minor;
};

#define NETWORK_NDIS_6_0  0x00060000u
#define NETWORK_NDIS_6_1  0x00060001u
#define NETWORK_NDIS_6_20 0x00060014u
#define NETWORK_NDIS_6_30 0x0006001eu

/* RECEIVE_BUFFER and SEND_BUFFER. */
struct network_buffer {
	u32 gpadl;
	u16 id; /* the guest's choice; of the receive buffer: its page set */
	u16 reserved;
};

/* What Linux chooses; iPXE's receive buffer is 0xbead. */
#define NETWORK_RECEIVE_BUFFER_ID 0xcafeu
#define NETWORK_SEND_BUFFER_ID	  0u

/* What hosts take of a receive buffer (NETVSC_RECEIVE_BUFFER_SIZE*). */
#define NETWORK_RECEIVE_MAX_BYTES     (31u << 20)
#define NETWORK_RECEIVE_MAX_OLD_BYTES (15u << 20) /* up to version 2 */
/* Linux gives 15 MiB at most, its uio_hv_generic 16. */
#define NETWORK_SEND_MAX_BYTES (16u << 20)

/* One section is all that any host sends, at offset 0 (Linux takes no other).
 */
struct network_receive_complete {
	u32 status;
	u32 section_count; /* 1 */
	u32 offset_bytes;
	u32 slot_bytes;
	u32 slot_count;
	u32 end_bytes;
};

struct network_send_complete {
	u32 status;
	u32 section_bytes; /* multiple of 4, DPDK refuses others */
};

/* REVOKE_RECEIVE_BUFFER and REVOKE_SEND_BUFFER. No answer. */
struct network_revoke {
	u16 id;
};

struct network_rndis {
	u32 channel; /* enum network_rndis_channel */
	u32 section; /* of the send buffer, or NETWORK_SECTION_NONE */
	u32 section_bytes;
};

enum network_rndis_channel {
	NETWORK_RNDIS_DATA = 0, /* of packet messages only */
	NETWORK_RNDIS_CONTROL = 1,
};

#define NETWORK_SECTION_NONE 0xffffffffu

/* RNDIS_COMPLETE, OID_QUERY_EX_COMPLETE without data. */
struct network_complete {
	u32 status;
	u32 bytes; /* OID_QUERY_EX_COMPLETE only */
};

/* No answer. */
struct network_ndis_config {
	u32 mtu_bytes; /* with the Ethernet header: 1514, 9014 */
	u32 reserved;
	u64 capabilities; /* NETWORK_CAPABILITY_ */
};

/* struct nvsp_2_vsc_capability. */
#define NETWORK_CAPABILITY_VMQ	   0x01u
#define NETWORK_CAPABILITY_CHIMNEY 0x02u
#define NETWORK_CAPABILITY_SRIOV   0x04u
#define NETWORK_CAPABILITY_8021Q   0x08u /* tags as per-packet information */
#define NETWORK_CAPABILITY_TEAMING 0x20u /* wants link speed changes */
#define NETWORK_CAPABILITY_SUBNET  0x40u
#define NETWORK_CAPABILITY_RSC	   0x80u /* frames in several slots */

/* Host: a virtual function came or went. No answer. */
struct network_vf_association {
	u32 allocated; /* 1 or 0 */
	u32 serial;
};

/* Guest: which way its frames go. Linux wants an empty completion. */
struct network_data_path {
	u32 path;
};

#define NETWORK_PATH_SYNTHETIC 0u
#define NETWORK_PATH_VF	       1u

struct network_sub_channels {
	u32 operation; /* asking: NETWORK_SUB_CHANNELS_ALLOCATE; else status */
	u32 count;
};

#define NETWORK_SUB_CHANNELS_ALLOCATE 1u

/*
 * Host: which channel the guest's frames with a hash go to. The offset is from
 * the message's beginning; that of versions up to 6 was sent wrong by real
 * hosts, where the table follows a message of the longest kind.
 */
struct network_indirection {
	u32 count; /* NETWORK_SEND_TABLE */
	u32 offset_bytes;
};

#define NETWORK_SEND_TABLE 16u

struct network_message {
	u32 type; /* enum network_message_type */
	union {
		struct network_init init;
		struct network_init_complete init_complete;
		struct network_ndis_version ndis_version;
		struct network_buffer buffer;
		struct network_receive_complete receive_complete;
		struct network_send_complete send_complete;
		struct network_revoke revoke;
		struct network_rndis rndis;
		struct network_complete complete;
		struct network_vf_association vf;
		struct network_data_path data_path;
		struct network_sub_channels sub_channels;
		struct network_indirection indirection;
		/* struct network_ndis_config, of which the u64 is unaligned. */
		u8 ndis_config[16];
		u8 bytes[36];
	};
};

#define NETWORK_MESSAGE_BYTES	  40u /* version 6.1 */
#define NETWORK_MESSAGE_BYTES_OLD 28u /* before */

/* The longest packet in band: an indirection table. */
#define NETWORK_PACKET_BYTES (NETWORK_MESSAGE_BYTES + 4 * NETWORK_SEND_TABLE)

/* Ranges of one transfer page packet (NVSP_RSC_MAX; 375 without RSC). */
#define NETWORK_RANGES_MAX 562u

/* Channels of an adapter (VRSS_CHANNEL_MAX). */
#define NETWORK_CHANNELS_MAX 64u

_Static_assert(sizeof(struct network_message) == NETWORK_MESSAGE_BYTES,
	       "wire layout");
_Static_assert(sizeof(struct network_receive_complete) == 24, "wire layout");
_Static_assert(sizeof(struct network_ndis_config) == 16, "wire layout");

#endif
