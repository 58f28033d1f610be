/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host.h - the host end of the bus: what is offered, what the guest opened.
 *
 * Here: connection, offers, GPADLs and channel states of one VM, as a state
 * machine over the caller's memory. Not here: guest memory, hypercalls,
 * interrupts, packets (ring.h, packet.h), threads and clocks. The caller hands
 * in what the guest posts and does what the actions say.
 *
 * The caller's loop, after every call below that may cause actions:
 *
 *	while (vmbus_host_next(host, &action))
 *		... do it ...
 *
 * One thread at a time may be inside one struct vmbus_host.
 */
#ifndef VMBUS_HOST_H
#define VMBUS_HOST_H

#include "vmbus/host_state.h"
#include "vmbus/monitor.h"
#include "vmbus/offer.h"
#include "vmbus/port.h"
#include "vmbus/status.h"
#include "vmbus/wire.h"

/* A GPADL seen whole. Pointers hold until the next call into the engine. */
struct vmbus_host_gpadl_view {
	const u64 *values; /* ranges: struct vmbus_gpa_range, then its PFNs */
	u32 value_count;
	u32 range_count;
	/* The first range, which is the only one of a ring. */
	u32 byte_count;
	u32 byte_offset;
	const u64 *pfns;
	u32 pfn_count;
};

enum vmbus_host_action_type {
	/*
	 * Post .send to the guest. When the slot takes it call
	 * vmbus_host_sent(). When the slot is busy do nothing now, go on with
	 * the loop, and call vmbus_host_resend() when the slot is free again:
	 * the action then comes anew, or is gone if the guest went away.
	 */
	VMBUS_HOST_SEND,
	/*
	 * The guest opens a channel: map .open.pfns, start the service, then
	 * answer with vmbus_host_open_done(), now or later.
	 */
	VMBUS_HOST_OPEN,
	/*
	 * The channel is closed, by the guest, by rescind or because the guest
	 * went away. Stop the service, drop the mapping of the ring and of
	 * every held GPADL, then call vmbus_host_close_done(), now or later.
	 * Nothing that tells the guest so is sent before that.
	 */
	VMBUS_HOST_CLOSE,
	/* The offer is gone for good: relid and context are free again. */
	VMBUS_HOST_RELEASED,
	/*
	 * Deliver interrupts of this channel to .target_vp from now on (before
	 * the next call of vmbus_host_next: the guest is told by then).
	 */
	VMBUS_HOST_TARGET_VP,
	/*
	 * The guest wants a held GPADL back: unmap it, then call
	 * vmbus_host_gpadl_drop() as often as it was held.
	 */
	VMBUS_HOST_GPADL_TEARDOWN,
	VMBUS_HOST_CONNECTED,	   /* .connected */
	VMBUS_HOST_DISCONNECTED,   /* all is closed, no GPADL is left */
	VMBUS_HOST_SOCKET_CONNECT, /* .socket; vmbus_host_socket_result() */
	VMBUS_HOST_VIOLATION,	   /* .violation; the message was refused */
};

struct vmbus_host_action {
	enum vmbus_host_action_type type;
	u32 relid;     /* of the channel, 0 when there is none */
	void *context; /* of its offer, or NULL */
	union {
		struct {
			u32 vp;
			u32 sint;
			const void *payload; /* type VMBUS_SYNIC_MESSAGE_TYPE */
			u32 size_bytes;	     /* at most 240 */
		} send;
		struct {
			/* The ring: all of its pages, whole. Valid until the
			 * next call into the engine. */
			const u64 *pfns;
			u32 pfn_count;
			/* The guest writes pages [0, this), reads the rest;
			 * each half has its header page and at least one of
			 * data. */
			u32 downstream_page_offset;
			u32 target_vp;	     /* or VMBUS_TARGET_VP_NONE */
			const u8 *user_data; /* VMBUS_USER_DATA_BYTES */
		} open;
		u32 target_vp; /* or VMBUS_TARGET_VP_NONE */
		u32 gpadl;
		struct {
			u32 version;
			u32 target_vp; /* where messages go */
			u32 target_sint;
			u64 interrupt_page_gpa;	  /* 0 from 5.0 */
			u64 monitor_to_guest_gpa; /* 0: none */
			u64 monitor_to_host_gpa;
		} connected;
		struct {
			struct guid endpoint;
			struct guid service;
			struct guid silo; /* zero unless the guest named one */
		} socket;
		struct {
			enum vmbus_status reason;
			u32 message_type; /* 0 when too short to have one */
			u64 total;	  /* violations since the last reset */
			u64 unreported;	  /* since the last such action */
		} violation;
	};
};

/* Tables are the caller's memory, their contents the engine's (host_state.h).
 */
struct vmbus_host_config {
	struct vmbus_host_channel *channels;
	u32 channel_count; /* offers at one time: 1 to VMBUS_RELID_MAX */
	struct vmbus_host_gpadl *gpadls;
	u32 gpadl_count; /* GPADLs at one time, and VMBUS_HOST_GPADL_SPARE */
	u64 *values; /* PFNs (and range heads) that a guest can make us hold */
	u32 value_count;
	struct vmbus_host_message *messages;
	u32 message_count;  /* answers waiting to be sent: 2 and up */
	u32 vp_count;	    /* of the machine: 1 and up */
	u32 newest_version; /* 0: the newest that the engine offers */
};

/*
 * Begins with no offers and no guest. All memory in @config stays in use until
 * the engine is no longer called; @config itself does not.
 * VMBUS_BAD_ARGUMENT: a table is missing or out of its range.
 */
enum vmbus_status vmbus_host_init(struct vmbus_host *host,
				  const struct vmbus_host_config *config);

/*
 * Offers a channel to the guest: now, when it is connected and asked for
 * offers, else when it does. An offer with the type and instance of one that is
 * being rescinded waits until the guest released that one (Linux drops an offer
 * whose instance it still knows, with a warning). Offers of sub-channels do not
 * survive the guest's disconnecting, or the closing of their primary.
 * @relid: receives the channel's id, from 1, which is also its event flag
 * number in the guest. Fixed until VMBUS_HOST_RELEASED.
 * VMBUS_AGAIN: the table is full. VMBUS_BAD_ARGUMENT: this type, instance and
 * index are offered already, the primary is not open, or no monitor id is left.
 */
enum vmbus_status vmbus_host_offer(struct vmbus_host *host,
				   const struct vmbus_offer *offer, u32 *relid);

/*
 * Takes an offer back. An open channel is closed first (VMBUS_HOST_CLOSE), then
 * the guest is told, and VMBUS_HOST_RELEASED follows when it let go. The
 * sub-channels of a primary go with it.
 * VMBUS_BAD_ARGUMENT: no such offer, or rescinded already.
 */
enum vmbus_status vmbus_host_rescind(struct vmbus_host *host, u32 relid);

/*
 * One message that the guest posted with HvPostMessage.
 * @connection_id: as posted, reserved bits cleared. @payload: copied by the
 * caller out of guest memory before. @size_bytes: up to 240; more is a
 * violation.
 * VMBUS_OK: taken (a violation comes as an action). VMBUS_AGAIN: not taken, as
 * answers to earlier ones are still waiting: let the hypercall answer
 * HV_STATUS_INSUFFICIENT_BUFFERS, the guest tries again.
 * VMBUS_E_CONNECTION_ID: no channel messages there
 * (HV_STATUS_INVALID_CONNECTION_ID).
 */
enum vmbus_status vmbus_host_receive(struct vmbus_host *host, u32 connection_id,
				     const void *payload, u32 size_bytes);

/* What to do next; false: nothing now. */
bool vmbus_host_next(struct vmbus_host *host, struct vmbus_host_action *action);

/* The message of the last VMBUS_HOST_SEND was delivered. */
void vmbus_host_sent(struct vmbus_host *host);

/* A message slot became free: VMBUS_HOST_SEND may come again. Harmless else. */
void vmbus_host_resend(struct vmbus_host *host);

/*
 * Answers VMBUS_HOST_OPEN. @status: VMBUS_RESULT_SUCCESS when the rings are
 * mapped and the service runs; any other value goes to the guest as it is, and
 * nothing of this opening may be in use then. VMBUS_HOST_CLOSE may come right
 * after a success, when the guest went away meanwhile.
 * VMBUS_BAD_ARGUMENT: no such open is waiting.
 */
enum vmbus_status vmbus_host_open_done(struct vmbus_host *host, u32 relid,
				       u32 status);

/*
 * Answers VMBUS_HOST_CLOSE: neither ring nor held GPADLs are mapped any more.
 * VMBUS_BAD_ARGUMENT: no such close is waiting.
 */
enum vmbus_status vmbus_host_close_done(struct vmbus_host *host, u32 relid);

/*
 * Looks up a GPADL that the guest completed on channel @relid.
 * VMBUS_BAD_ARGUMENT: there is none, or the guest is taking it back (it may
 * well be the guest's mistake: @gpadl usually comes out of a packet).
 */
enum vmbus_status vmbus_host_gpadl_find(const struct vmbus_host *host,
					u32 relid, u32 gpadl,
					struct vmbus_host_gpadl_view *view);

/*
 * Holds a GPADL while the service has it mapped: the guest's teardown is not
 * answered until it is dropped (vmbus_host_gpadl_drop() as often as held, or
 * the channel's vmbus_host_close_done(), which drops all). Only while the
 * channel is open or being opened. VMBUS_BAD_ARGUMENT: not so, or no such
 * GPADL, or (drop) not held.
 */
enum vmbus_status vmbus_host_gpadl_hold(struct vmbus_host *host, u32 relid,
					u32 gpadl);
enum vmbus_status vmbus_host_gpadl_drop(struct vmbus_host *host, u32 relid,
					u32 gpadl);

/*
 * Answers VMBUS_HOST_SOCKET_CONNECT. A success is told to the guest by the
 * offer whose instance is @endpoint; call this for refusals. Sent from version
 * 4.1 on, before which a guest can only time out.
 * VMBUS_AGAIN: answers are waiting, call again after a VMBUS_HOST_SEND.
 */
enum vmbus_status vmbus_host_socket_result(struct vmbus_host *host,
					   const struct guid *endpoint,
					   const struct guid *service,
					   u32 status);

/*
 * The machine was reset: as if the guest had disconnected, but it is told
 * nothing. Offers stay; VMBUS_HOST_DISCONNECTED follows when all is closed.
 */
void vmbus_host_reset(struct vmbus_host *host);

/* Connection id that the guest signals for @relid (HvSignalEvent). */
u32 vmbus_host_connection_id(u32 relid);

/* The version agreed on, 0 when no guest is connected. */
u32 vmbus_host_version(const struct vmbus_host *host);

/* Monitor id of @relid, or VMBUS_MONITOR_ID_NONE. */
u32 vmbus_host_monitor_id(const struct vmbus_host *host, u32 relid);

/* Where a channel stands, for people: "offered", "open", ... never NULL. */
const char *vmbus_host_channel_state_text(const struct vmbus_host *host,
					  u32 relid);

#endif
