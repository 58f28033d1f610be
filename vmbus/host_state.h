/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host_state.h - the memory of the host end.
 *
 * Here: the structs whose size a caller of host.h must know. Their members are
 * for host*.c alone; what they mean to a caller is in host.h.
 */
#ifndef VMBUS_HOST_STATE_H
#define VMBUS_HOST_STATE_H

#include "vmbus/monitor.h"
#include "vmbus/offer.h"
#include "vmbus/port.h"
#include "vmbus/status.h"
#include "vmbus/wire.h"

enum vmbus_host_channel_state {
	HOST_CHANNEL_FREE = 0,
	HOST_CHANNEL_KNOWN,	  /* offered by the service, guest not told */
	HOST_CHANNEL_OFFERED,	  /* the guest was told */
	HOST_CHANNEL_OPEN_WANTED, /* the caller is to be told to open */
	HOST_CHANNEL_OPENING,	  /* the caller opens */
	HOST_CHANNEL_OPEN,
	HOST_CHANNEL_CLOSE_WANTED, /* the caller is to be told to close */
	HOST_CHANNEL_CLOSING,	   /* the caller closes */
	HOST_CHANNEL_RESCINDED,	   /* closed; the guest has to let go */
	HOST_CHANNEL_DECLINED,	   /* the guest let go of a live offer */
	HOST_CHANNEL_RELEASING,	   /* the caller is to be told it is gone */
	HOST_CHANNEL_STATE_COUNT
};

struct vmbus_host_channel {
	struct vmbus_offer offer;
	u8 state;
	u8 owed; /* messages to the guest: VMBUS_HOST_OWES_* */
	u8 monitor_id;
	bool initial;	    /* belongs before OFFERS_DELIVERED */
	bool rescind;	    /* the service took the offer back */
	bool release_after; /* while closing: the guest let go already */
	bool close_after;   /* while opening: close as soon as opened */
	bool move;	    /* the caller is to be told of target_vp */
	bool work_queued;   /* is in the list of what the caller must do */
	bool send_queued;   /* is in the list of who has messages */
	u32 work_next;
	u32 send_next;
	u32 open_id;
	u32 open_status;
	u32 ring; /* index of the ring's GPADL while opening, open, closing */
	u32 downstream_page_offset;
	u32 target_vp;
	u8 user_data[VMBUS_USER_DATA_BYTES]; /* of the open message */
};

enum vmbus_host_gpadl_state {
	HOST_GPADL_FREE = 0,
	HOST_GPADL_ASSEMBLING, /* bodies are missing */
	HOST_GPADL_REFUSING,   /* no room: its bodies are swallowed */
	HOST_GPADL_READY,
	HOST_GPADL_TEARDOWN, /* the guest wants it back, it is held */
	HOST_GPADL_TORNDOWN, /* nobody holds it, the answer is owed */
};

struct vmbus_host_gpadl {
	u32 relid;
	u32 id;
	u8 state;
	bool notice; /* the caller is to be told of the teardown */
	u16 range_count;
	u32 value_count;
	u32 received;
	u32 first; /* of its values in the pool */
	u32 holds;
	u32 previous; /* in order of the pool; index, or none */
	u32 next;
};

/* Answers are small: the longest is that to a socket's connect. */
struct vmbus_host_message {
	u32 size_bytes;
	u8 payload[sizeof(struct vmbus_message_socket_result)];
};

#define VMBUS_HOST_GPADL_SPARE 4 /* of the table, for refusals under way */
#define VMBUS_HOST_REPORTS     8 /* violations that wait for the caller */
#define VMBUS_HOST_SOCKETS     8 /* hv_sock requests that wait for the caller */

struct vmbus_host_report {
	u32 relid;
	u32 message_type;
	enum vmbus_status reason;
};

struct vmbus_host_list { /* of channels, by index; first in, first out */
	u32 first;
	u32 last;
};

enum vmbus_host_connection_state {
	HOST_DOWN = 0, /* no guest */
	HOST_UP,
	HOST_DROPPING, /* the caller has channels to close */
};

struct vmbus_host {
	struct vmbus_host_channel *channels;
	u32 channel_count;
	struct vmbus_host_gpadl *gpadls;
	u32 gpadl_count;
	u64 *values;
	u32 value_count;
	u32 gpadl_used;
	u32 values_used; /* end of the last GPADL in the pool */
	u32 values_live; /* in GPADLs */
	u32 gpadl_first; /* order of the pool */
	u32 gpadl_last;
	u32 gpadl_notices;
	u32 gpadl_torndowns;
	struct vmbus_host_message *messages;
	u32 message_count;
	u32 message_first;
	u32 message_used;
	u32 vp_count;
	u32 newest_version;

	enum vmbus_host_connection_state state;
	u32 version;
	u32 target_vp;
	u32 target_sint;
	struct vmbus_message_contact contact; /* the last one */
	bool offers_requested;
	bool offers_delivered_owed;
	u32 initial_offers;    /* not yet sent */
	u32 closing;	       /* channels that the caller still holds open */
	bool contact_pending;  /* answer it when all is closed */
	bool unload_pending;   /* answer it when all is closed */
	bool connected_notice; /* the caller is to be told */
	bool disconnected_notice;
	bool version_owed;
	bool unload_owed;

	_Alignas(u64) u8 outgoing[sizeof(struct vmbus_message_offer)];
	u32 outgoing_bytes;  /* 0: none */
	bool outgoing_given; /* the caller has it, or found the slot busy */

	struct vmbus_host_list work;
	struct vmbus_host_list send;
	u32 send_turn; /* which kind of message was sent last */

	struct vmbus_host_report reports[VMBUS_HOST_REPORTS];
	u32 report_first;
	u32 report_used;
	u64 violations;
	u64 violations_unreported;

	struct vmbus_message_socket_connect_silo sockets[VMBUS_HOST_SOCKETS];
	u32 socket_first;
	u32 socket_used;

	u32 monitor_ids[VMBUS_MONITOR_GROUPS]; /* bit set: in use */
};

#endif
