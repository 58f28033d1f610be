/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * guest_state.h - the memory of the guest end.
 *
 * Here: the structs whose size a caller of guest.h must know. Their members are
 * for guest*.c alone; what they mean to a caller is in guest.h.
 */
#ifndef VMBUS_GUEST_STATE_H
#define VMBUS_GUEST_STATE_H

#include "vmbus/offer.h"
#include "vmbus/port.h"
#include "vmbus/status.h"
#include "vmbus/wire.h"

enum vmbus_guest_channel_state {
	GUEST_CHANNEL_FREE = 0,
	GUEST_CHANNEL_OFFERED, /* and closed */
	GUEST_CHANNEL_OPENING,
	GUEST_CHANNEL_OPEN,
};

struct vmbus_guest_channel {
	struct vmbus_offer offer;
	u32 relid;
	u32 connection_id;
	u8 monitor_id;
	bool dedicated_interrupt;
	u8 state;
	u8 notices; /* GUEST_NOTICE_* that the caller is to be told */
	bool rescinded;
	bool modifying;
	bool queued; /* is in the list of channels with notices */
	u32 next;
	u32 ring; /* GPADL id of the open or opening ring */
	u32 downstream_page_offset;
	u32 target_vp;
	u32 open_status;
	u32 modify_status;
	u8 user_data[VMBUS_USER_DATA_BYTES]; /* of the open message */
};

enum vmbus_guest_gpadl_state {
	GUEST_GPADL_FREE = 0,
	GUEST_GPADL_CREATING,
	GUEST_GPADL_READY,
	GUEST_GPADL_TEARDOWN,
	GUEST_GPADL_FAILED, /* free once the caller was told */
	GUEST_GPADL_GONE,   /* free once the caller was told */
};

struct vmbus_guest_gpadl {
	u8 state;
	bool notice; /* the caller is to be told of the state */
	u32 relid;
	u32 id;
	const u64 *pfns;
	u32 byte_offset;
	u32 byte_count;
	u32 value_count; /* range head and pages */
	u32 values_sent;
	u32 status;
};

/* A request that waits to be sent; that of a GPADL is several messages. */
struct vmbus_guest_job {
	u32 type; /* of the message; 0: withdrawn */
	u32 relid;
	u32 gpadl; /* index in the table, or id */
	struct guid endpoint;
	struct guid service;
};

#define VMBUS_GUEST_REPORTS 8 /* violations that wait for the caller */
#define VMBUS_GUEST_SOCKETS 8 /* hv_sock results that wait for the caller */

struct vmbus_guest_report {
	u32 relid;
	u32 message_type;
	enum vmbus_status reason;
};

enum vmbus_guest_connection_state {
	GUEST_DOWN = 0,
	GUEST_CONTACTING,
	GUEST_UP,
	GUEST_UNLOADING,
};

struct vmbus_guest {
	struct vmbus_guest_channel *channels;
	u32 channel_count;
	struct vmbus_guest_gpadl *gpadls;
	u32 gpadl_count;
	u32 gpadl_notices;
	u32 next_gpadl;
	struct vmbus_guest_job *jobs;
	u32 job_count;
	u32 job_first;
	u32 job_used;

	struct vmbus_message_contact contact; /* less its version */
	u32 target_vp;
	u32 target_sint;
	u64 interrupt_page_gpa;
	u32 newest_version;
	u32 oldest_version;

	enum vmbus_guest_connection_state state;
	u32 version; /* agreed on, or being asked for */
	u32 connection_id;
	bool offers_requested;
	bool offers_delivered;
	bool contact_owed;
	bool unload_owed;
	bool connected_notice;
	bool refused_notice;
	bool delivered_notice;
	bool unloaded_notice;
	enum vmbus_status refused_reason;

	_Alignas(u64) u8 outgoing[VMBUS_SYNIC_PAYLOAD_MAX];
	u32 outgoing_bytes; /* 0: none */
	bool outgoing_given;

	u32 list_first; /* channels with notices */
	u32 list_last;

	struct vmbus_guest_report reports[VMBUS_GUEST_REPORTS];
	u32 report_first;
	u32 report_used;
	u64 violations;
	u64 violations_unreported;

	struct vmbus_message_socket_result sockets[VMBUS_GUEST_SOCKETS];
	u32 socket_first;
	u32 socket_used;
};

#endif
