/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * guest.h - the guest end of the bus: what is offered to it, what it opened.
 *
 * Here: negotiation, offers, GPADLs and channel states as a state machine over
 * the caller's memory, the mirror of host.h. Not here: guest memory,
 * hypercalls, interrupts, packets (ring.h, packet.h), threads and clocks.
 *
 * The caller's loop, after every call below that may cause actions:
 *
 *	while (vmbus_guest_next(guest, &action))
 *		... do it ...
 *
 * One thread at a time may be inside one struct vmbus_guest.
 */
#ifndef VMBUS_GUEST_H
#define VMBUS_GUEST_H

#include "vmbus/guest_state.h"
#include "vmbus/monitor.h"
#include "vmbus/offer.h"
#include "vmbus/port.h"
#include "vmbus/status.h"
#include "vmbus/wire.h"

enum vmbus_guest_action_type {
	/*
	 * Post .send with HvPostMessage. When it was taken call
	 * vmbus_guest_sent(). When the host answers that it has no buffers, go
	 * on with the loop and call vmbus_guest_resend() a little later: the
	 * action then comes anew. When it answers that the connection id is
	 * invalid call vmbus_guest_send_refused().
	 */
	VMBUS_GUEST_SEND,
	VMBUS_GUEST_CONNECTED, /* .version */
	VMBUS_GUEST_REFUSED,   /* .reason; there is no connection */
	/*
	 * .offered. The primary of a sub-channel may be gone already, when its
	 * release crossed the offer on the way: a rescind will follow.
	 */
	VMBUS_GUEST_OFFERED,
	VMBUS_GUEST_OFFERS_DELIVERED, /* those known at the time of asking */
	/*
	 * The host took the offer back. Stop using the channel, then
	 * vmbus_guest_close() if it is open, then vmbus_guest_release().
	 * Whatever was under way on it has failed and was told so before.
	 */
	VMBUS_GUEST_RESCINDED,
	VMBUS_GUEST_GPADL_READY,   /* .gpadl; status 0, or it does not exist */
	VMBUS_GUEST_GPADL_GONE,	   /* .gpadl; its memory is the guest's again */
	VMBUS_GUEST_OPENED,	   /* .status: 0, or it is not open */
	VMBUS_GUEST_MODIFIED,	   /* .status of vmbus_guest_modify() */
	VMBUS_GUEST_SOCKET_RESULT, /* .socket */
	VMBUS_GUEST_UNLOADED,	   /* all channels and GPADLs are gone */
	VMBUS_GUEST_VIOLATION,	   /* .violation; the message was refused */
};

struct vmbus_guest_action {
	enum vmbus_guest_action_type type;
	u32 relid;     /* of the channel, 0 when there is none */
	void *context; /* of it: vmbus_guest_set_context() */
	union {
		struct {
			u32 connection_id;
			const void *payload; /* type VMBUS_SYNIC_MESSAGE_TYPE */
			u32 size_bytes;
		} send;
		u32 version;
		enum vmbus_status reason;
		struct {
			const struct vmbus_offer *offer;
			u32 connection_id; /* to signal, with HvSignalEvent */
			u32 monitor_id;	   /* or VMBUS_MONITOR_ID_NONE */
			bool dedicated_interrupt; /* else set the page's bit */
		} offered;
		struct {
			u32 id;
			u32 status;
		} gpadl;
		u32 status;
		struct {
			struct guid endpoint;
			struct guid service;
			u32 status;
		} socket;
		struct {
			enum vmbus_status reason;
			u32 message_type; /* 0 when too short to have one */
			u64 total;	  /* violations since init */
			u64 unreported;	  /* since the last such action */
		} violation;
	};
};

/* Tables are the caller's memory, their contents the engine's (guest_state.h).
 */
struct vmbus_guest_config {
	struct vmbus_guest_channel *channels;
	u32 channel_count; /* offers at one time: 1 to VMBUS_RELID_MAX */
	struct vmbus_guest_gpadl *gpadls;
	u32 gpadl_count;
	struct vmbus_guest_job *jobs;
	u32 job_count;		/* requests waiting to be sent: 1 and up */
	u32 target_vp;		/* that gets the host's messages */
	u32 target_sint;	/* from 5.0; below, and by custom, 2 */
	u64 interrupt_page_gpa; /* below 5.0 */
	u64 monitor_to_guest_gpa;
	u64 monitor_to_host_gpa;
	u32 newest_version; /* 0: the newest that the engine offers */
	u32 oldest_version; /* 0, or below: 2.4 */
	u32 first_gpadl;    /* ids count up from here */
};

/*
 * Begins unconnected. All memory in @config stays in use until the engine is no
 * longer called; @config itself does not.
 * VMBUS_BAD_ARGUMENT: a table is missing or out of its range, or no version
 * lies between oldest and newest.
 */
enum vmbus_status vmbus_guest_init(struct vmbus_guest *guest,
				   const struct vmbus_guest_config *config);

/*
 * Begins to negotiate, newest version first; VMBUS_GUEST_CONNECTED or
 * VMBUS_GUEST_REFUSED follows. VMBUS_BAD_ARGUMENT: not unconnected.
 */
enum vmbus_status vmbus_guest_connect(struct vmbus_guest *guest);

/* Asks for offers. VMBUS_BAD_ARGUMENT: not connected, or asked before. */
enum vmbus_status vmbus_guest_request_offers(struct vmbus_guest *guest);

/*
 * Lends memory to the host. @pfns: the pages that @byte_count bytes from
 * @byte_offset (below 4096) of the first one touch; they are read until
 * VMBUS_GUEST_GPADL_READY comes, which it does unless the channel is released
 * or the connection ends first. @gpadl: receives the id, which is never 0.
 * VMBUS_BAD_ARGUMENT: no such live channel, an empty range or one that needs
 * more than 8190 pages. VMBUS_AGAIN: a table is full.
 */
enum vmbus_status vmbus_guest_gpadl_create(struct vmbus_guest *guest, u32 relid,
					   u32 byte_offset, u32 byte_count,
					   const u64 *pfns, u32 *gpadl);

/*
 * Asks memory back; VMBUS_GUEST_GPADL_GONE follows, at once when the channel is
 * rescinded (the host let go of all before it said so).
 * VMBUS_BAD_ARGUMENT: not a ready GPADL of that channel, or the ring of an open
 * one. VMBUS_AGAIN: too much waits to be sent.
 */
enum vmbus_status vmbus_guest_gpadl_teardown(struct vmbus_guest *guest,
					     u32 relid, u32 gpadl);

/*
 * Opens a channel on a ready GPADL; VMBUS_GUEST_OPENED follows.
 * @downstream_page_offset: the guest writes the pages before it, reads the
 * rest; each half has one header page and at least one of data. @target_vp:
 * that gets its interrupts. @user_data: VMBUS_USER_DATA_BYTES, or NULL.
 * A channel may be opened again once the GPADL of its last ring is gone.
 * VMBUS_BAD_ARGUMENT: not a closed live channel, or no such GPADL.
 * VMBUS_AGAIN: too much waits to be sent.
 */
enum vmbus_status vmbus_guest_open(struct vmbus_guest *guest, u32 relid,
				   u32 gpadl, u32 downstream_page_offset,
				   u32 target_vp, const u8 *user_data);

/*
 * Closes an open channel. The host may use the ring until its GPADL is gone.
 * VMBUS_BAD_ARGUMENT: not open. VMBUS_AGAIN: too much waits to be sent.
 */
enum vmbus_status vmbus_guest_close(struct vmbus_guest *guest, u32 relid);

/*
 * Moves a channel's interrupts; VMBUS_GUEST_MODIFIED follows when the host has
 * answered, which it does from 5.3 on, else at once.
 * VMBUS_BAD_ARGUMENT: not open, one is under way, or the version is below 4.1.
 * VMBUS_AGAIN: too much waits to be sent.
 */
enum vmbus_status vmbus_guest_modify(struct vmbus_guest *guest, u32 relid,
				     u32 target_vp);

/*
 * Lets go of a channel that is not open, rescinded or not: relid and GPADLs are
 * forgotten. VMBUS_BAD_ARGUMENT: no such channel, or it is open or opening.
 * VMBUS_AGAIN: too much waits to be sent.
 */
enum vmbus_status vmbus_guest_release(struct vmbus_guest *guest, u32 relid);

/*
 * Asks the host to connect an hv_sock endpoint: an offer with that instance
 * follows, or VMBUS_GUEST_SOCKET_RESULT (from 4.1), or nothing.
 * VMBUS_BAD_ARGUMENT: not connected, or below 4.0.
 * VMBUS_AGAIN: too much waits to be sent.
 */
enum vmbus_status vmbus_guest_socket_connect(struct vmbus_guest *guest,
					     const struct guid *endpoint,
					     const struct guid *service);

/*
 * Ends the connection, open channels and all; VMBUS_GUEST_UNLOADED follows when
 * the host has let go of all memory. VMBUS_BAD_ARGUMENT: not connected.
 */
enum vmbus_status vmbus_guest_unload(struct vmbus_guest *guest);

/* Forgets everything, tells nobody: the kernel was just started. */
void vmbus_guest_reset(struct vmbus_guest *guest);

/*
 * One message of the host. @payload: copied by the caller out of the message
 * slot before. VMBUS_OK: taken (a violation comes as an action). VMBUS_AGAIN:
 * not taken: leave it in its slot and call again after the actions.
 */
enum vmbus_status vmbus_guest_receive(struct vmbus_guest *guest,
				      const void *payload, u32 size_bytes);

/* What to do next; false: nothing now. */
bool vmbus_guest_next(struct vmbus_guest *guest,
		      struct vmbus_guest_action *action);

/* The message of the last VMBUS_GUEST_SEND was taken. */
void vmbus_guest_sent(struct vmbus_guest *guest);

/* Time to try again: VMBUS_GUEST_SEND may come anew. Harmless else. */
void vmbus_guest_resend(struct vmbus_guest *guest);

/*
 * The host knows no such connection id. While connecting, the next older
 * version is tried (Hyper-V before 5.0 knows no id 4); later it is as though
 * the message were lost.
 */
void vmbus_guest_send_refused(struct vmbus_guest *guest);

/* The caller's pointer for a channel. VMBUS_BAD_ARGUMENT: no such channel. */
enum vmbus_status vmbus_guest_set_context(struct vmbus_guest *guest, u32 relid,
					  void *context);

/* The version agreed on, 0 when not connected. */
u32 vmbus_guest_version(const struct vmbus_guest *guest);

#endif
