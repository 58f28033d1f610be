/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ic.h - what all integration components do alike, at both ends.
 *
 * Here: building and parsing of the two headers, version negotiation, matching
 * answers to requests, statuses and their text. Not here: any one service.
 *
 * The host asks and the guest answers: the host end (ic_vsp) sends requests
 * and takes answers, the guest end (ic_vsc) takes requests and sends answers.
 * Both are made anew each time that the channel is opened. Neither touches a
 * ring: packets are plain memory, which must not change while it is parsed
 * (copy it out of shared memory first).
 *
 * Source: services/ic/wire.h names the documents for the layouts; behaviour is
 * that of drivers/hv/hv_util.c and drivers/hv/channel_mgmt.c (guest end) and
 * OpenVMM's hyperv_ic (host end).
 */
#ifndef SERVICES_IC_IC_H
#define SERVICES_IC_IC_H

#include "services/ic/wire.h"
#include "vmbus/guid.h"
#include "vmbus/status.h"

#define IC_MS_100NS	10000ull
#define IC_SECOND_100NS 10000000ull
/* "No deadline" from the X_vsp_deadline_100ns functions. */
#define IC_NEVER (~0ull)

/* One row per service: what is offered and which versions it speaks. */
struct ic_service {
	const char *name; /* as the administrators' table shows it */
	struct guid type;
	struct guid instance; /* the one that real Hyper-V uses */
	u16 message_type;     /* enum ic_message_type */
	const u32 *versions;  /* of the message, oldest first */
	u32 version_count;
	/*
	 * Oldest version that lacks nothing of what our host does with the
	 * service. A guest that settles below it is shown with the detail
	 * "Protocol Version Mismatch".
	 */
	u32 full_version;
	u32 packet_max_bytes; /* largest packet that either end sends */
};

/* PrimaryStatusDescription of the services table. */
enum ic_status {
	IC_STATUS_NO_CONTACT, /* not opened, or not yet negotiated */
	IC_STATUS_OK,
	IC_STATUS_LOST_COMMUNICATION, /* answered once, silent now */
	IC_STATUS_PROTOCOL_MISMATCH,  /* no version in common */
	IC_STATUS_ERROR, /* the channel was closed for a violation */
	IC_STATUS_DISABLED,
};

/* SecondaryStatusDescription. */
enum ic_detail {
	IC_DETAIL_NONE,
	IC_DETAIL_OK,
	IC_DETAIL_PROTOCOL_MISMATCH, /* works, at a version that lacks some */
	IC_DETAIL_APPLICATION_HEALTHY,
	IC_DETAIL_APPLICATION_CRITICAL,
	IC_DETAIL_APPLICATION_STOPPED,
};

/* ic_status_text - "OK", "No Contact", ...; "Unknown" for other numbers. */
const char *ic_status_text(enum ic_status status);

/* ic_detail_text - "", "OK", "Protocol Version Mismatch", ... */
const char *ic_detail_text(enum ic_detail detail);

/*
 * ic_result_text - a plain-English clause for an HRESULT in a guest's answer,
 * "not found" for 0x80070490; NULL when we know none (show the number).
 */
const char *ic_result_text(u32 status);

/* ic_version_older - whether IC_VERSION() number a is older than b. */
bool ic_version_older(u32 a, u32 b);

/* What a received packet was. */
enum ic_message_kind {
	IC_KIND_IGNORED,    /* nothing to do: stray or late */
	IC_KIND_NEGOTIATED, /* versions are settled now */
	IC_KIND_REFUSED,    /* the two ends have no version in common */
	IC_KIND_MESSAGE,    /* one of the service: see the other fields */
};

/*
 * One parsed packet. The body points into the memory that was parsed; its
 * size is bounded by the packet's.
 */
struct ic_message {
	enum ic_message_kind kind;
	u32 status;	    /* HRESULT; of answers */
	u64 transaction_id; /* answers: id that ic_vsp_request() gave */
	const u8 *body;
	u32 body_bytes;
	/* Of requests: what the answer repeats. */
	u32 pipe_type;
	u16 type;
	u8 short_id;
	bool response_wanted;
};

enum ic_negotiation {
	IC_NEGOTIATION_START,
	IC_NEGOTIATION_ASKED,
	IC_NEGOTIATION_SETTLED,
	IC_NEGOTIATION_REFUSED,
};

/* ---- host end ---- */

struct ic_vsp {
	const struct ic_service *service;
	enum ic_negotiation negotiation;
	u32 offered_count;     /* of service->versions, from the oldest */
	u32 framework_version; /* settled, else 0 */
	u32 message_version;   /* settled, else 0 */
	u64 negotiation_id;    /* transaction of the newest attempt */
	u64 last_id;	       /* newest transaction id given out; 0: none */
	u64 stray_count;       /* packets that were ignored */
	enum vmbus_status violation; /* the first, else VMBUS_OK */
};

/*
 * ic_vsp_init - make ready for a channel that was just opened.
 * @newest_version: offer nothing newer than this IC_VERSION() number; 0 for
 *                  all. Must be one of service->versions.
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT.
 */
enum vmbus_status ic_vsp_init(struct ic_vsp *ic,
			      const struct ic_service *service,
			      u32 newest_version);

/*
 * ic_vsp_negotiate - the negotiation request, once after init.
 * @buffer: @capacity_bytes of memory for the packet's payload
 * @transaction_id: set to the id to put into the packet's descriptor
 * Returns the payload's size in bytes; 0 when nothing is to be sent or the
 * buffer is too small (service->packet_max_bytes always suffices).
 */
u32 ic_vsp_negotiate(struct ic_vsp *ic, void *buffer, u32 capacity_bytes,
		     u64 *transaction_id);

/* ic_vsp_negotiate_due - whether ic_vsp_negotiate() has something to send. */
bool ic_vsp_negotiate_due(const struct ic_vsp *ic);

/*
 * ic_vsp_renegotiate - ask again, as hosts do after the guest's end of the
 * service changed. Earlier attempts' answers are ignored from now on.
 */
void ic_vsp_renegotiate(struct ic_vsp *ic);

/* ic_vsp_ready - whether versions are settled. */
bool ic_vsp_ready(const struct ic_vsp *ic);

/*
 * ic_vsp_request - build both headers of a request in @buffer.
 * @body_bytes: what the caller writes at @buffer + IC_BODY_OFFSET, before or
 *              after the call; up to 65535
 * @response_wanted: false for messages that are only told (time samples)
 * @transaction_id: set to the request's id: put it into the packet's
 *                  descriptor, and know the answer by it
 * Returns the payload's size in bytes; 0 when versions are not settled or the
 * buffer is too small.
 */
u32 ic_vsp_request(struct ic_vsp *ic, void *buffer, u32 capacity_bytes,
		   u32 body_bytes, bool response_wanted, u64 *transaction_id);

/*
 * ic_vsp_receive - parse one packet from the guest.
 * @data: @size_bytes of payload, any alignment
 * @transaction_id: of the packet's descriptor. Guests repeat the request's, or
 *                  give 0 or ~0 when they write through a pipe or UIO: then
 *                  the 8-bit id of the IC header tells which is answered.
 * @message: always filled; kind IC_KIND_MESSAGE is an answer of the service,
 *           which may answer any earlier request: compare transaction_id
 *
 * Returns VMBUS_OK, or a violation that must close the channel:
 * VMBUS_E_IC_SHORT (packet smaller than its headers, or a negotiation answer
 * smaller than its versions), VMBUS_E_IC_SIZE (a size field reaches beyond the
 * packet), VMBUS_E_IC_FLAGS (a request, where guests only answer),
 * VMBUS_E_IC_TYPE (answer of another type), VMBUS_E_IC_TRANSACTION (answer to
 * a request never sent).
 *
 * Answers of the service that arrive while negotiation is under way belong to
 * requests of before, and are ignored. A guest that picks no version, or one
 * that was not offered, is no violation: kind is IC_KIND_REFUSED and
 * ic_vsp_status() tells of the mismatch.
 */
enum vmbus_status ic_vsp_receive(struct ic_vsp *ic, const void *data,
				 u32 size_bytes, u64 transaction_id,
				 struct ic_message *message);

/*
 * ic_vsp_violate - remember why the channel must be closed: for services that
 * find a violation in the body of an answer. Returns @violation.
 */
enum vmbus_status ic_vsp_violate(struct ic_vsp *ic,
				 enum vmbus_status violation);

/*
 * ic_vsp_status - IC_STATUS_ERROR after a violation (ic->violation is the
 * reason), IC_STATUS_OK when settled, IC_STATUS_PROTOCOL_MISMATCH when
 * refused, else IC_STATUS_NO_CONTACT.
 */
enum ic_status ic_vsp_status(const struct ic_vsp *ic);

/*
 * ic_vsp_detail - IC_DETAIL_PROTOCOL_MISMATCH when settled below
 * service->full_version, else IC_DETAIL_NONE.
 */
enum ic_detail ic_vsp_detail(const struct ic_vsp *ic);

/* ---- guest end ---- */

struct ic_vsc {
	const struct ic_service *service;
	enum ic_negotiation negotiation;
	u32 known_count;       /* of service->versions, from the oldest */
	u32 framework_version; /* settled, else 0 */
	u32 message_version;   /* settled, else 0 */
};

/*
 * ic_vsc_init - make ready for a channel that is about to be opened.
 * @newest_version: accept nothing newer; 0 for all; else one of the service's
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT.
 */
enum vmbus_status ic_vsc_init(struct ic_vsc *ic,
			      const struct ic_service *service,
			      u32 newest_version);

/* ic_vsc_ready - whether versions are settled. */
bool ic_vsc_ready(const struct ic_vsc *ic);

/*
 * ic_vsc_receive - parse one packet from the host; negotiation is answered
 * here, newest common version first.
 * @response: @capacity_bytes of memory, at least size_bytes, not overlapping
 *            @data
 * @response_bytes: size of the answer to send with the request's transaction
 *                  id; 0 for none (always 0 with kind IC_KIND_MESSAGE, which
 *                  the service answers by ic_vsc_respond())
 *
 * Returns VMBUS_OK, VMBUS_BAD_ARGUMENT (capacity too small), or a violation:
 * VMBUS_E_IC_SHORT, VMBUS_E_IC_SIZE, VMBUS_E_IC_FLAGS (an answer, where hosts
 * only ask). A message of another type, or one that comes before versions are
 * settled, is answered with IC_E_FAIL and is IC_KIND_IGNORED.
 */
enum vmbus_status ic_vsc_receive(struct ic_vsc *ic, const void *data,
				 u32 size_bytes, void *response,
				 u32 capacity_bytes, u32 *response_bytes,
				 struct ic_message *message);

/*
 * ic_vsc_respond - build both headers of the answer to @request.
 * @body_bytes: what the caller writes at @buffer + IC_BODY_OFFSET; as long as
 *              the request's, as hosts expect
 * @status: HRESULT
 * The request's body is not read: a copy of the struct suffices for an answer
 * that is given later. Returns the payload's size, 0 when @buffer is too small.
 */
u32 ic_vsc_respond(const struct ic_vsc *ic, const struct ic_message *request,
		   void *buffer, u32 capacity_bytes, u32 body_bytes,
		   u32 status);

/* ic_vsc_echo - the answer to @request with its body given back unchanged. */
u32 ic_vsc_echo(const struct ic_vsc *ic, const struct ic_message *request,
		void *buffer, u32 capacity_bytes, u32 status);

#endif
