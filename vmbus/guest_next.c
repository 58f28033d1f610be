/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/gpadl.h"
#include "vmbus/guest_internal.h"
#include "vmbus/messages.h"

/* ---- jobs and notices ---- */

void guest_notice(struct vmbus_guest *guest,
		  struct vmbus_guest_channel *channel, u32 notice)
{
	u32 index = (u32)(channel - guest->channels);

	channel->notices |= (u8)notice;
	if (channel->queued)
		return;
	channel->queued = true;
	channel->next = GUEST_NONE;
	if (guest->list_first == GUEST_NONE)
		guest->list_first = index;
	else
		guest->channels[guest->list_last].next = index;
	guest->list_last = index;
}

struct vmbus_guest_job *guest_job_add(struct vmbus_guest *guest, u32 type,
				      u32 relid)
{
	struct vmbus_guest_job *job;

	if (guest->job_used == guest->job_count)
		return NULL;
	job = &guest->jobs[(guest->job_first + guest->job_used++) %
			   guest->job_count];
	port_fill(job, 0, sizeof(*job));
	job->type = type;
	job->relid = relid;
	return job;
}

void guest_job_withdraw(struct vmbus_guest *guest, u32 relid)
{
	u32 i;

	for (i = 0; i < guest->job_used; i++) {
		struct vmbus_guest_job *job =
			&guest->jobs[(guest->job_first + i) % guest->job_count];

		if (job->relid == relid && job->type != VMBUS_MESSAGE_CLOSE &&
		    job->type != VMBUS_MESSAGE_RELID_RELEASED)
			job->type = 0;
	}
}

void guest_job_withdraw_gpadl(struct vmbus_guest *guest, u32 index)
{
	u32 i;

	for (i = 0; i < guest->job_used; i++) {
		struct vmbus_guest_job *job =
			&guest->jobs[(guest->job_first + i) % guest->job_count];

		if (job->type == VMBUS_MESSAGE_GPADL_HEADER &&
		    job->gpadl == index)
			job->type = 0;
	}
}

/* ---- building the next message ---- */

static void outgoing_set(struct vmbus_guest *guest, const void *payload,
			 u32 size_bytes)
{
	port_copy(guest->outgoing, payload, size_bytes);
	guest->outgoing_bytes = size_bytes;
}

static void build_header(struct vmbus_guest *guest, u32 type)
{
	struct vmbus_message_header message = { .type = type };

	outgoing_set(guest, &message, sizeof(message));
}

static void build_relid(struct vmbus_guest *guest, u32 type, u32 relid)
{
	struct vmbus_message_relid message = {
		.header.type = type,
		.relid = relid,
	};

	outgoing_set(guest, &message, sizeof(message));
}

static void build_contact(struct vmbus_guest *guest)
{
	struct vmbus_message_contact message = guest->contact;

	message.header.type = VMBUS_MESSAGE_CONTACT;
	message.version = guest->version;
	message.target_vp = guest->target_vp;
	if (guest->version >= VMBUS_VERSION_5_0)
		message.target.sint = (u8)guest->target_sint;
	else
		message.interrupt_page_gpa = guest->interrupt_page_gpa;
	outgoing_set(guest, &message, sizeof(message));
}

/* Appends values of the list, in wire form, from where the last one ended. */
static void build_values(struct vmbus_guest *guest,
			 struct vmbus_guest_gpadl *gpadl, u32 room)
{
	u32 left = gpadl->value_count - gpadl->values_sent;
	u8 *to = guest->outgoing + guest->outgoing_bytes;
	u32 count = left < room ? left : room;

	guest->outgoing_bytes += count * (u32)sizeof(u64);
	if (count && !gpadl->values_sent) {
		struct vmbus_gpa_range head = {
			.byte_count = gpadl->byte_count,
			.byte_offset = gpadl->byte_offset,
		};

		port_copy(to, &head, sizeof(head));
		to += sizeof(head);
		gpadl->values_sent++;
		count--;
	}
	port_copy(to, gpadl->pfns + gpadl->values_sent - 1,
		  count * sizeof(u64));
	gpadl->values_sent += count;
}

/* One message of a GPADL; true when it was the last. */
static bool build_gpadl(struct vmbus_guest *guest,
			struct vmbus_guest_gpadl *gpadl)
{
	if (!gpadl->values_sent) {
		struct vmbus_message_gpadl_header message = {
			.header.type = VMBUS_MESSAGE_GPADL_HEADER,
			.relid = gpadl->relid,
			.gpadl = gpadl->id,
			.range_bytes = (u16)(gpadl->value_count * sizeof(u64)),
			.range_count = 1,
		};

		outgoing_set(guest, &message, sizeof(message));
		build_values(guest, gpadl, VMBUS_GPADL_HEADER_VALUES);
	} else {
		/* The number stays 0, as in what Linux sends. */
		struct vmbus_message_gpadl_body message = {
			.header.type = VMBUS_MESSAGE_GPADL_BODY,
			.gpadl = gpadl->id,
		};

		outgoing_set(guest, &message, sizeof(message));
		build_values(guest, gpadl, VMBUS_GPADL_BODY_VALUES);
	}
	return gpadl->values_sent == gpadl->value_count;
}

static void build_teardown(struct vmbus_guest *guest, u32 relid, u32 gpadl)
{
	struct vmbus_message_gpadl_teardown message = {
		.header.type = VMBUS_MESSAGE_GPADL_TEARDOWN,
		.relid = relid,
		.gpadl = gpadl,
	};

	outgoing_set(guest, &message, sizeof(message));
}

static void build_open(struct vmbus_guest *guest,
		       const struct vmbus_guest_channel *channel)
{
	struct vmbus_message_open message = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = channel->relid,
		.open_id = channel->relid,
		.ring_gpadl = channel->ring,
		.target_vp = channel->target_vp,
		.downstream_page_offset = channel->downstream_page_offset,
	};

	port_copy(message.user_data, channel->user_data,
		  sizeof(message.user_data));
	outgoing_set(guest, &message, sizeof(message));
}

static void build_modify(struct vmbus_guest *guest,
			 struct vmbus_guest_channel *channel)
{
	struct vmbus_message_modify message = {
		.header.type = VMBUS_MESSAGE_MODIFY,
		.relid = channel->relid,
		.target_vp = channel->target_vp,
	};

	outgoing_set(guest, &message, sizeof(message));
	if (guest->version >= VMBUS_VERSION_5_3 || !channel->modifying)
		return;
	channel->modifying = false;
	channel->modify_status = VMBUS_RESULT_SUCCESS;
	guest_notice(guest, channel, GUEST_NOTICE_MODIFIED);
}

static void build_socket(struct vmbus_guest *guest,
			 const struct vmbus_guest_job *job)
{
	struct vmbus_message_socket_connect message = {
		.header.type = VMBUS_MESSAGE_SOCKET_CONNECT,
		.endpoint = job->endpoint,
		.service = job->service,
	};

	outgoing_set(guest, &message, sizeof(message));
}

/* Builds a message of a job; true when the job is done. */
static bool build_job(struct vmbus_guest *guest,
		      const struct vmbus_guest_job *job)
{
	struct vmbus_guest_channel *channel =
		guest_channel_find(guest, job->relid);

	switch (job->type) {
	case VMBUS_MESSAGE_REQUEST_OFFERS:
		build_header(guest, job->type);
		return true;
	case VMBUS_MESSAGE_GPADL_HEADER:
		return build_gpadl(guest, &guest->gpadls[job->gpadl]);
	case VMBUS_MESSAGE_GPADL_TEARDOWN:
		build_teardown(guest, job->relid, job->gpadl);
		return true;
	case VMBUS_MESSAGE_OPEN:
		build_open(guest, channel);
		return true;
	case VMBUS_MESSAGE_MODIFY:
		build_modify(guest, channel);
		return true;
	case VMBUS_MESSAGE_CLOSE:
	case VMBUS_MESSAGE_RELID_RELEASED:
		build_relid(guest, job->type, job->relid);
		return true;
	case VMBUS_MESSAGE_SOCKET_CONNECT:
		build_socket(guest, job);
		return true;
	default: /* withdrawn */
		return true;
	}
}

static void build_outgoing(struct vmbus_guest *guest)
{
	if (guest->contact_owed) {
		guest->contact_owed = false;
		build_contact(guest);
		return;
	}
	if (guest->unload_owed) {
		guest->unload_owed = false;
		build_header(guest, VMBUS_MESSAGE_UNLOAD);
		return;
	}
	while (guest->job_used && !guest->outgoing_bytes) {
		if (!build_job(guest, &guest->jobs[guest->job_first]))
			continue;
		guest->job_first = (guest->job_first + 1) % guest->job_count;
		guest->job_used--;
	}
}

/* ---- what the caller must do ---- */

static bool next_connection(struct vmbus_guest *guest,
			    struct vmbus_guest_action *action)
{
	if (guest->unloaded_notice) {
		guest->unloaded_notice = false;
		action->type = VMBUS_GUEST_UNLOADED;
	} else if (guest->refused_notice) {
		guest->refused_notice = false;
		action->type = VMBUS_GUEST_REFUSED;
		action->reason = guest->refused_reason;
	} else if (guest->connected_notice) {
		guest->connected_notice = false;
		action->type = VMBUS_GUEST_CONNECTED;
		action->version = guest->version;
	} else {
		return false;
	}
	return true;
}

static void fill_notice(struct vmbus_guest_channel *channel, u32 notice,
			struct vmbus_guest_action *action)
{
	switch (notice) {
	case GUEST_NOTICE_OFFERED:
		action->type = VMBUS_GUEST_OFFERED;
		action->offered.offer = &channel->offer;
		action->offered.connection_id = channel->connection_id;
		action->offered.monitor_id = channel->monitor_id;
		action->offered.dedicated_interrupt =
			channel->dedicated_interrupt;
		break;
	case GUEST_NOTICE_OPENED:
		action->type = VMBUS_GUEST_OPENED;
		action->status = channel->open_status;
		break;
	case GUEST_NOTICE_MODIFIED:
		action->type = VMBUS_GUEST_MODIFIED;
		action->status = channel->modify_status;
		break;
	case GUEST_NOTICE_RESCINDED:
		action->type = VMBUS_GUEST_RESCINDED;
		break;
	}
}

static bool next_channel(struct vmbus_guest *guest,
			 struct vmbus_guest_action *action)
{
	while (guest->list_first != GUEST_NONE) {
		struct vmbus_guest_channel *channel =
			&guest->channels[guest->list_first];
		u32 notice = channel->notices & -channel->notices;

		if (notice) {
			channel->notices &= (u8)~notice;
			action->relid = channel->relid;
			action->context = channel->offer.context;
			fill_notice(channel, notice, action);
			return true;
		}
		guest->list_first = channel->next;
		channel->queued = false;
	}
	return false;
}

static bool next_gpadl(struct vmbus_guest *guest,
		       struct vmbus_guest_action *action)
{
	struct vmbus_guest_channel *channel;
	struct vmbus_guest_gpadl *gpadl = guest->gpadls;

	if (!guest->gpadl_notices)
		return false;
	while (!gpadl->notice)
		gpadl++;
	gpadl->notice = false;
	guest->gpadl_notices--;
	channel = guest_channel_find(guest, gpadl->relid);
	action->type = gpadl->state == GUEST_GPADL_GONE
			       ? VMBUS_GUEST_GPADL_GONE
			       : VMBUS_GUEST_GPADL_READY;
	action->relid = gpadl->relid;
	action->context = channel ? channel->offer.context : NULL;
	action->gpadl.id = gpadl->id;
	action->gpadl.status = gpadl->status;
	if (gpadl->state != GUEST_GPADL_READY)
		gpadl->state = GUEST_GPADL_FREE;
	return true;
}

static bool next_delivered(struct vmbus_guest *guest,
			   struct vmbus_guest_action *action)
{
	if (!guest->delivered_notice)
		return false;
	guest->delivered_notice = false;
	action->type = VMBUS_GUEST_OFFERS_DELIVERED;
	return true;
}

static bool next_socket(struct vmbus_guest *guest,
			struct vmbus_guest_action *action)
{
	const struct vmbus_message_socket_result *result;

	if (!guest->socket_used)
		return false;
	result = &guest->sockets[guest->socket_first];
	guest->socket_first = (guest->socket_first + 1) % VMBUS_GUEST_SOCKETS;
	guest->socket_used--;
	action->type = VMBUS_GUEST_SOCKET_RESULT;
	action->socket.endpoint = result->endpoint;
	action->socket.service = result->service;
	action->socket.status = result->status;
	return true;
}

static bool next_report(struct vmbus_guest *guest,
			struct vmbus_guest_action *action)
{
	const struct vmbus_guest_channel *channel;
	const struct vmbus_guest_report *report;

	if (!guest->report_used)
		return false;
	report = &guest->reports[guest->report_first];
	guest->report_first = (guest->report_first + 1) % VMBUS_GUEST_REPORTS;
	guest->report_used--;
	channel = guest_channel_find(guest, report->relid);
	action->type = VMBUS_GUEST_VIOLATION;
	action->relid = channel ? report->relid : 0;
	action->context = channel ? channel->offer.context : NULL;
	action->violation.reason = report->reason;
	action->violation.message_type = report->message_type;
	action->violation.total = guest->violations;
	action->violation.unreported = guest->violations_unreported;
	guest->violations_unreported = 0;
	return true;
}

static bool next_send(struct vmbus_guest *guest,
		      struct vmbus_guest_action *action)
{
	if (guest->outgoing_given)
		return false;
	if (!guest->outgoing_bytes)
		build_outgoing(guest);
	if (!guest->outgoing_bytes)
		return false;
	guest->outgoing_given = true;
	action->type = VMBUS_GUEST_SEND;
	action->send.connection_id = guest->connection_id;
	action->send.payload = guest->outgoing;
	action->send.size_bytes = guest->outgoing_bytes;
	return true;
}

bool vmbus_guest_next(struct vmbus_guest *guest,
		      struct vmbus_guest_action *action)
{
	port_fill(action, 0, sizeof(*action));
	/* GPADLs of a rescinded channel are told before its rescind. */
	return next_connection(guest, action) || next_gpadl(guest, action) ||
	       next_channel(guest, action) || next_delivered(guest, action) ||
	       next_socket(guest, action) || next_report(guest, action) ||
	       next_send(guest, action);
}

void vmbus_guest_sent(struct vmbus_guest *guest)
{
	if (!guest->outgoing_given)
		return;
	guest->outgoing_given = false;
	guest->outgoing_bytes = 0;
}

void vmbus_guest_resend(struct vmbus_guest *guest)
{
	guest->outgoing_given = false;
}

void vmbus_guest_send_refused(struct vmbus_guest *guest)
{
	if (!guest->outgoing_given)
		return;
	vmbus_guest_sent(guest);
	if (guest->state == GUEST_CONTACTING && !guest->contact_owed)
		guest_try_older(guest, VMBUS_E_VERSION_REFUSED);
}
