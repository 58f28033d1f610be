/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - the channel messages of VMBus as they lie in a SynIC message.
 *
 * Here: layouts, message types, versions, status codes and the SynIC numbers
 * that VMBus fixes. Not here: anything that runs, and the contents of rings
 * (packet.h, ring.h) or of services (services/NAME/wire.h).
 *
 * Sources: Linux include/linux/hyperv.h and drivers/hv/hyperv_vmbus.h for
 * layouts and numbers; OpenVMM vmbus_core/src/protocol.rs for minimum versions
 * and for what protocol 5.2 and newer append; Hyper-V Top Level Functional
 * Specification, chapter 11, for the SynIC.
 */
#ifndef VMBUS_WIRE_H
#define VMBUS_WIRE_H

#include "vmbus/guid.h"
#include "vmbus/port.h"

/* SynIC (TLFS 11.4 to 11.10; Linux hyperv_vmbus.h). */
#define VMBUS_SYNIC_PAYLOAD_MAX	      240 /* bytes in one message */
#define VMBUS_SYNIC_MESSAGE_TYPE      1	  /* of every channel message */
#define VMBUS_SYNIC_SINT_COUNT	      16
#define VMBUS_SYNIC_FLAG_COUNT	      2048 /* event flags of one SINT of one VP */
#define VMBUS_MESSAGE_SINT	      2 /* unless the contact names another */
#define VMBUS_CONNECTION_ID_CONTACT   1 /* posts of versions below 5.0 */
#define VMBUS_CONNECTION_ID_EVENT     2 /* signals of versions below 2.4 */
#define VMBUS_CONNECTION_ID_CONTACT_5 4 /* contact of version 5.0 and up */
#define VMBUS_CONNECTION_ID_LIMIT     0x1000000 /* ids have 24 bits */

#define VMBUS_PAGE_BYTES 4096
#define VMBUS_PAGE_SHIFT 12

/* Relids begin at 1; one event flag each bounds them (Linux: 2048 channels). */
#define VMBUS_RELID_MAX (VMBUS_SYNIC_FLAG_COUNT - 1)

/* A target VP that asks for no interrupt at all (OpenVMM protocol.rs). */
#define VMBUS_TARGET_VP_NONE 0xffffffffu

#define VMBUS_VERSION(major, minor)  ((u32)(major) << 16 | (minor))
#define VMBUS_VERSION_MAJOR(version) ((version) >> 16)
#define VMBUS_VERSION_MINOR(version) ((version)&0xffff)

#define VMBUS_VERSION_0_13 VMBUS_VERSION(0, 13) /* Windows Server 2008 */
#define VMBUS_VERSION_1_1  VMBUS_VERSION(1, 1)	/* Windows Server 2008 R2 */
#define VMBUS_VERSION_2_4  VMBUS_VERSION(2, 4)	/* Windows 8 */
#define VMBUS_VERSION_3_0  VMBUS_VERSION(3, 0)	/* Windows 8.1 */
#define VMBUS_VERSION_4_0  VMBUS_VERSION(4, 0)	/* Windows 10 */
#define VMBUS_VERSION_4_1  VMBUS_VERSION(4, 1)	/* Windows 10 RS3 */
#define VMBUS_VERSION_5_0  VMBUS_VERSION(5, 0)
#define VMBUS_VERSION_5_1  VMBUS_VERSION(5, 1) /* Windows 10 RS4 */
#define VMBUS_VERSION_5_2  VMBUS_VERSION(5, 2) /* Windows Server 2019 */
#define VMBUS_VERSION_5_3  VMBUS_VERSION(5, 3) /* Windows Server 2022 */
#define VMBUS_VERSION_6_0  VMBUS_VERSION(6, 0)

enum vmbus_message_type {
	VMBUS_MESSAGE_OFFER = 1,
	VMBUS_MESSAGE_RESCIND = 2,
	VMBUS_MESSAGE_REQUEST_OFFERS = 3,
	VMBUS_MESSAGE_OFFERS_DELIVERED = 4,
	VMBUS_MESSAGE_OPEN = 5,
	VMBUS_MESSAGE_OPEN_RESULT = 6,
	VMBUS_MESSAGE_CLOSE = 7,
	VMBUS_MESSAGE_GPADL_HEADER = 8,
	VMBUS_MESSAGE_GPADL_BODY = 9,
	VMBUS_MESSAGE_GPADL_CREATED = 10,
	VMBUS_MESSAGE_GPADL_TEARDOWN = 11,
	VMBUS_MESSAGE_GPADL_TORNDOWN = 12,
	VMBUS_MESSAGE_RELID_RELEASED = 13,
	VMBUS_MESSAGE_CONTACT = 14,
	VMBUS_MESSAGE_VERSION_RESPONSE = 15,
	VMBUS_MESSAGE_UNLOAD = 16,
	VMBUS_MESSAGE_UNLOAD_RESPONSE = 17,
	/* 18 to 20: reserved channels, which nobody has offered since. */
	VMBUS_MESSAGE_SOCKET_CONNECT = 21, /* TL_CONNECT_REQUEST */
	VMBUS_MESSAGE_MODIFY = 22,
	VMBUS_MESSAGE_SOCKET_RESULT = 23, /* TL_CONNECT_RESULT */
	VMBUS_MESSAGE_MODIFY_RESPONSE = 24,
	VMBUS_MESSAGE_TYPE_COUNT = 25,
};

/* Results carried in messages. Linux asks only whether they are 0. */
#define VMBUS_RESULT_SUCCESS 0u
#define VMBUS_RESULT_FAILURE 0x8000ffffu /* "unsuccessful" */
#define VMBUS_RESULT_NO_RESOURCES                                              \
	0xc000009au			 /* STATUS_INSUFFICIENT_RESOURCES */
#define VMBUS_RESULT_INVALID 0xc000000du /* STATUS_INVALID_PARAMETER */
#define VMBUS_RESULT_REFUSED 0xc0000236u /* STATUS_CONNECTION_REFUSED */

/* connection_state of a version response (OpenVMM ConnectionState). */
#define VMBUS_CONNECTION_SUCCESSFUL    0
#define VMBUS_CONNECTION_LOW_RESOURCES 1
#define VMBUS_CONNECTION_FAILED	       2

#define VMBUS_USER_DATA_BYTES 120

struct vmbus_message_header {
	u32 type;
	u32 padding;
};

/* Also UNLOAD, UNLOAD_RESPONSE, REQUEST_OFFERS, OFFERS_DELIVERED: header only.
 */
_Static_assert(sizeof(struct vmbus_message_header) == 8, "wire size");

/* flags of an offer (Linux hyperv.h, "Server Flags"). */
#define VMBUS_OFFER_ENUMERATE	   0x1
#define VMBUS_OFFER_TRANSFER_PAGES 0x2 /* confidential ring from 6.0 */
#define VMBUS_OFFER_GPADLS	   0x4 /* confidential memory from 6.0 */
#define VMBUS_OFFER_NAMED_PIPE	   0x10
#define VMBUS_OFFER_LOOPBACK	   0x100
#define VMBUS_OFFER_PARENT	   0x200
#define VMBUS_OFFER_MONITORED	   0x400
#define VMBUS_OFFER_SOCKET	   0x2000 /* TLNPI provider: hv_sock */

#define VMBUS_PIPE_BYTE	   0 /* pipe_mode, first u32 of a pipe's user data */
#define VMBUS_PIPE_MESSAGE 4

struct vmbus_message_offer {
	struct vmbus_message_header header;
	struct guid type;
	struct guid instance;
	u32 reserved[4];
	u16 flags;
	u16 mmio_mib;
	u8 user_data[VMBUS_USER_DATA_BYTES];
	u16 subchannel_index; /* 0: primary */
	u16 mmio_optional_mib;
	u32 relid;
	u8 monitor_id;
	u8 monitor_allocated;	 /* bit 0 */
	u16 dedicated_interrupt; /* bit 0: no bit in the old interrupt page */
	u32 connection_id;	 /* what the guest signals */
};
_Static_assert(sizeof(struct vmbus_message_offer) == 196, "wire size");
_Static_assert(offsetof(struct vmbus_message_offer, user_data) == 60, "wire");
_Static_assert(offsetof(struct vmbus_message_offer, relid) == 184, "wire");

/* RESCIND, CLOSE, RELID_RELEASED. */
struct vmbus_message_relid {
	struct vmbus_message_header header;
	u32 relid;
};
_Static_assert(sizeof(struct vmbus_message_relid) == 12, "wire size");

struct vmbus_message_open {
	struct vmbus_message_header header;
	u32 relid;
	u32 open_id;
	u32 ring_gpadl;
	u32 target_vp;
	u32 downstream_page_offset; /* first page of the host-to-guest ring */
	u8 user_data[VMBUS_USER_DATA_BYTES];
};
_Static_assert(sizeof(struct vmbus_message_open) == 148, "wire size");

struct vmbus_message_open_result {
	struct vmbus_message_header header;
	u32 relid;
	u32 open_id;
	u32 status;
};
_Static_assert(sizeof(struct vmbus_message_open_result) == 20, "wire size");

/*
 * A GPADL header is followed by the ranges: each one struct vmbus_gpa_range
 * and its u64 page frame numbers. What does not fit follows in bodies, cut at
 * any u64. Values begin 4 bytes off an 8-byte boundary: copy, do not point.
 */
struct vmbus_message_gpadl_header {
	struct vmbus_message_header header;
	u32 relid;
	u32 gpadl;
	u16 range_bytes; /* of all ranges, those in bodies too */
	u16 range_count;
};
_Static_assert(sizeof(struct vmbus_message_gpadl_header) == 20, "wire size");

struct vmbus_gpa_range {
	u32 byte_count;
	u32 byte_offset; /* in the first page */
};
_Static_assert(sizeof(struct vmbus_gpa_range) == 8, "wire size");

struct vmbus_message_gpadl_body {
	struct vmbus_message_header header;
	u32 number; /* Linux leaves it 0 in every body: order is arrival */
	u32 gpadl;
};
_Static_assert(sizeof(struct vmbus_message_gpadl_body) == 16, "wire size");

/* u64 values (a range's head is one) that one message can carry. */
#define VMBUS_GPADL_HEADER_VALUES                                              \
	((VMBUS_SYNIC_PAYLOAD_MAX -                                            \
	  sizeof(struct vmbus_message_gpadl_header)) /                         \
	 sizeof(u64))
#define VMBUS_GPADL_BODY_VALUES                                                \
	((VMBUS_SYNIC_PAYLOAD_MAX - sizeof(struct vmbus_message_gpadl_body)) / \
	 sizeof(u64))
_Static_assert(VMBUS_GPADL_HEADER_VALUES == 27, "a range and 26 pages");
_Static_assert(VMBUS_GPADL_BODY_VALUES == 28, "28 pages");

struct vmbus_message_gpadl_created {
	struct vmbus_message_header header;
	u32 relid;
	u32 gpadl;
	u32 status;
};
_Static_assert(sizeof(struct vmbus_message_gpadl_created) == 20, "wire size");

struct vmbus_message_gpadl_teardown {
	struct vmbus_message_header header;
	u32 relid;
	u32 gpadl;
};
_Static_assert(sizeof(struct vmbus_message_gpadl_teardown) == 16, "wire size");

struct vmbus_message_gpadl_torndown {
	struct vmbus_message_header header;
	u32 gpadl;
};
_Static_assert(sizeof(struct vmbus_message_gpadl_torndown) == 12, "wire size");

struct vmbus_message_contact {
	struct vmbus_message_header header;
	u32 version;
	u32 target_vp; /* of the host's messages, from version 3.0 */
	union {
		u64 interrupt_page_gpa; /* below 5.0 */
		struct {		/* from 5.0 */
			u8 sint;
			u8 vtl;
			u16 reserved;
			u32 features; /* from 6.0 */
		} target;
	};
	u64 monitor_to_guest_gpa; /* 0: none */
	u64 monitor_to_host_gpa;
};
_Static_assert(sizeof(struct vmbus_message_contact) == 40, "wire size");

struct vmbus_message_version_response {
	struct vmbus_message_header header;
	u8 supported;
	u8 connection_state;
	u16 padding;
	/* The version below 5.0; from 5.0 where to post from now on. */
	u32 version_or_connection_id;
};
_Static_assert(sizeof(struct vmbus_message_version_response) == 16,
	       "wire size");

struct vmbus_message_modify {
	struct vmbus_message_header header;
	u32 relid;
	u32 target_vp;
};
_Static_assert(sizeof(struct vmbus_message_modify) == 16, "wire size");

struct vmbus_message_modify_response {
	struct vmbus_message_header header;
	u32 relid;
	u32 status;
};
_Static_assert(sizeof(struct vmbus_message_modify_response) == 16, "wire size");

struct vmbus_message_socket_connect {
	struct vmbus_message_header header;
	struct guid endpoint; /* the guest's end, named in the offer to come */
	struct guid service;
};
_Static_assert(sizeof(struct vmbus_message_socket_connect) == 40, "wire size");

/* What some guests send from 5.2. */
struct vmbus_message_socket_connect_silo {
	struct vmbus_message_socket_connect base;
	struct guid silo;
};
_Static_assert(sizeof(struct vmbus_message_socket_connect_silo) == 56,
	       "wire size");

struct vmbus_message_socket_result {
	struct vmbus_message_header header;
	struct guid endpoint;
	struct guid service;
	u32 status;
};
_Static_assert(sizeof(struct vmbus_message_socket_result) == 44, "wire size");

#endif
