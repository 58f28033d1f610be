/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of the shutdown service.
 *
 * Here: asking the guest to power off, reboot or hibernate, and its answer.
 * Not here: waiting for the machine to stop, which the caller sees for itself.
 *
 * Source: services/shutdown/wire.h.
 */
#ifndef SERVICES_SHUTDOWN_VSP_H
#define SERVICES_SHUTDOWN_VSP_H

#include "services/shutdown/service.h"

#define SHUTDOWN_VSP_PACKET_MAX SHUTDOWN_PACKET_MAX

struct shutdown_request {
	enum shutdown_kind kind;
	bool forced;	     /* without asking the guest's applications */
	u32 reason_code;     /* SHUTDOWN_REASON_PLANNED when in doubt */
	u32 timeout_seconds; /* told to the guest; 0: as it likes */
	const char *text;    /* UTF-8, shown in the guest's log; may be NULL */
	u64 deadline_100ns;  /* when to give up on the answer; IC_NEVER */
};

enum shutdown_event_kind {
	SHUTDOWN_EVENT_ACCEPTED,  /* the guest is going to do it */
	SHUTDOWN_EVENT_REFUSED,	  /* status says why */
	SHUTDOWN_EVENT_TIMED_OUT, /* no answer by the deadline */
};

struct shutdown_event {
	enum shutdown_event_kind kind;
	enum shutdown_kind request; /* what was asked for */
	u32 status; /* HRESULT of the answer; see ic_result_text() */
};

enum shutdown_state {
	SHUTDOWN_IDLE,
	SHUTDOWN_QUEUED, /* asked for by the caller */
	SHUTDOWN_ASKED,	 /* sent to the guest */
	SHUTDOWN_DONE,	 /* an event is ready */
};

struct shutdown_vsp {
	struct ic_vsp ic;
	enum shutdown_state state;
	u64 request_id; /* transaction id while SHUTDOWN_ASKED */
	u64 deadline_100ns;
	enum shutdown_kind kind;
	struct shutdown_message message;
	struct shutdown_event event;
};

/*
 * shutdown_vsp_init - at start and at each opening of the channel. A request
 * under way is forgotten: ask shutdown_vsp_busy() first.
 * @newest_version: SHUTDOWN_VERSION_* to offer at most; 0 for all
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no such version).
 */
enum vmbus_status shutdown_vsp_init(struct shutdown_vsp *vsp,
				    u32 newest_version);

/*
 * shutdown_vsp_request - ask the guest to end. The text is copied.
 * Returns VMBUS_OK (an event follows; transmit has a packet),
 * VMBUS_NOT_READY (the guest has not connected to the service: it has no
 * driver for it, or not yet), VMBUS_AGAIN (an earlier request has no answer
 * yet), VMBUS_UNSUPPORTED (hibernation, of a guest below version 3.2),
 * VMBUS_BAD_ARGUMENT (unknown kind; text not UTF-8 or longer than 1023 UTF-16
 * units).
 */
enum vmbus_status shutdown_vsp_request(struct shutdown_vsp *vsp,
				       const struct shutdown_request *request);

/* shutdown_vsp_busy - whether a request has neither answer nor timeout yet. */
bool shutdown_vsp_busy(const struct shutdown_vsp *vsp);

/*
 * shutdown_vsp_receive - take one packet from the guest. Arguments and results
 * are those of ic_vsp_receive(). An answer that comes after its deadline is
 * ignored.
 */
enum vmbus_status shutdown_vsp_receive(struct shutdown_vsp *vsp,
				       const void *data, u32 size_bytes,
				       u64 transaction_id, u64 now_100ns);

/*
 * shutdown_vsp_transmit - the next packet to send; see
 * heartbeat_vsp_transmit() for the arguments, with SHUTDOWN_VSP_PACKET_MAX.
 */
u32 shutdown_vsp_transmit(struct shutdown_vsp *vsp, u64 now_100ns, void *buffer,
			  u32 capacity_bytes, u64 *transaction_id);

/* shutdown_vsp_deadline_100ns - when to call transmit and next_event again. */
u64 shutdown_vsp_deadline_100ns(const struct shutdown_vsp *vsp);

/* shutdown_vsp_status - that of ic_vsp_status(). */
enum ic_status shutdown_vsp_status(const struct shutdown_vsp *vsp,
				   u64 now_100ns);

/* shutdown_vsp_detail - that of ic_vsp_detail(). */
enum ic_detail shutdown_vsp_detail(const struct shutdown_vsp *vsp,
				   u64 now_100ns);

/*
 * shutdown_vsp_next_event - fill @event with the end of the request, once;
 * false: nothing. Takes note of the deadline by @now_100ns.
 */
bool shutdown_vsp_next_event(struct shutdown_vsp *vsp, u64 now_100ns,
			     struct shutdown_event *event);

#endif
