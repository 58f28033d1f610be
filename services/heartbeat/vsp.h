/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of the heartbeat service.
 *
 * Here: asking the guest every two seconds, and knowing from its answers
 * whether it lives. Not here: rings, clocks, what is done about a dead guest.
 *
 * now_100ns is any clock that goes on while the guest is paused or hung: a
 * clock which stops with the guest cannot tell that it stopped.
 *
 * Source: services/heartbeat/wire.h; the period of two seconds is the one
 * that drivers/hv/hv_util.c states for Hyper-V.
 */
#ifndef SERVICES_HEARTBEAT_VSP_H
#define SERVICES_HEARTBEAT_VSP_H

#include "services/heartbeat/service.h"

#define HEARTBEAT_PERIOD_100NS (2 * IC_SECOND_100NS)
/* A request unanswered for this long: two were missed. */
#define HEARTBEAT_LOST_100NS (2 * HEARTBEAT_PERIOD_100NS)
/*
 * A silent guest finds its old requests in the ring when it wakes up; sending
 * more at the full rate would only fill the ring.
 */
#define HEARTBEAT_SILENT_PERIOD_100NS (30 * IC_SECOND_100NS)

#define HEARTBEAT_VSP_PACKET_MAX HEARTBEAT_PACKET_MAX

enum heartbeat_event_kind {
	HEARTBEAT_EVENT_FIRST,	     /* the guest answered for the first time */
	HEARTBEAT_EVENT_LOST,	     /* it has stopped answering */
	HEARTBEAT_EVENT_REGAINED,    /* it answers again */
	HEARTBEAT_EVENT_APPLICATION, /* it reports another state */
};

struct heartbeat_event {
	enum heartbeat_event_kind kind;
	enum heartbeat_application application;
};

struct heartbeat_vsp {
	struct ic_vsp ic;
	u64 next_send_100ns;	/* 0: at once */
	u64 silent_since_100ns; /* oldest request unanswered since the last
				   answer; IC_NEVER: none */
	bool contacted;	 /* an answer came since the channel was opened */
	u32 application; /* enum heartbeat_application, as last reported */
	/* What the caller was told by events. */
	bool told_alive;
	bool told_contacted;
	u32 told_application;
};

/*
 * heartbeat_vsp_init - at start and at each opening of the channel.
 * @newest_version: HEARTBEAT_VERSION_* to offer at most; 0 for all
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no such version).
 */
enum vmbus_status heartbeat_vsp_init(struct heartbeat_vsp *vsp,
				     u32 newest_version);

/*
 * heartbeat_vsp_receive - take one packet from the guest.
 * Arguments and results are those of ic_vsp_receive(); besides
 * VMBUS_E_IC_SHORT for an answer without a sequence, and
 * VMBUS_E_HEARTBEAT_SEQUENCE for one whose sequence is not the request's plus
 * one.
 */
enum vmbus_status heartbeat_vsp_receive(struct heartbeat_vsp *vsp,
					const void *data, u32 size_bytes,
					u64 transaction_id, u64 now_100ns);

/*
 * heartbeat_vsp_transmit - the next packet to send.
 * @buffer: at least HEARTBEAT_VSP_PACKET_MAX bytes; the ring must have space
 *          for that much, for the packet counts as sent. With less capacity
 *          nothing is sent, and what was due stays due.
 * @transaction_id: set for the packet's descriptor
 * Returns the payload's size in bytes, 0 when nothing is due.
 */
u32 heartbeat_vsp_transmit(struct heartbeat_vsp *vsp, u64 now_100ns,
			   void *buffer, u32 capacity_bytes,
			   u64 *transaction_id);

/*
 * heartbeat_vsp_deadline_100ns - when to call transmit and next_event again;
 * 0 for at once, IC_NEVER for not before a packet comes.
 */
u64 heartbeat_vsp_deadline_100ns(const struct heartbeat_vsp *vsp);

/*
 * heartbeat_vsp_status - IC_STATUS_OK when the guest answers,
 * IC_STATUS_LOST_COMMUNICATION once a request stays unanswered for
 * HEARTBEAT_LOST_100NS (at most 6 s after the guest stopped, given one
 * transmit in that time), IC_STATUS_NO_CONTACT before the first answer, and
 * ic_vsp_status()'s others.
 */
enum ic_status heartbeat_vsp_status(const struct heartbeat_vsp *vsp,
				    u64 now_100ns);

/* heartbeat_vsp_detail - the application's state while the status is OK. */
enum ic_detail heartbeat_vsp_detail(const struct heartbeat_vsp *vsp,
				    u64 now_100ns);

/* heartbeat_vsp_next_event - fill @event with what changed; false: nothing. */
bool heartbeat_vsp_next_event(struct heartbeat_vsp *vsp, u64 now_100ns,
			      struct heartbeat_event *event);

#endif
