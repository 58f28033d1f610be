/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/guest_internal.h"
#include "vmbus/messages.h"

enum vmbus_status vmbus_guest_init(struct vmbus_guest *guest,
				   const struct vmbus_guest_config *config)
{
	u32 newest = config->newest_version ? config->newest_version : ~0u;
	u32 oldest = config->oldest_version;

	/* Before, there is an interrupt page, which is not read here. */
	if (oldest < VMBUS_VERSION_2_4)
		oldest = VMBUS_VERSION_2_4;
	newest = vmbus_version_newest(newest, oldest);
	if (!config->channels || !config->channel_count ||
	    config->channel_count > VMBUS_RELID_MAX || !config->gpadls ||
	    !config->gpadl_count || !config->jobs || !config->job_count ||
	    !config->target_sint ||
	    config->target_sint >= VMBUS_SYNIC_SINT_COUNT || !newest)
		return VMBUS_BAD_ARGUMENT;

	port_fill(guest, 0, sizeof(*guest));
	guest->channels = config->channels;
	guest->channel_count = config->channel_count;
	guest->gpadls = config->gpadls;
	guest->gpadl_count = config->gpadl_count;
	guest->jobs = config->jobs;
	guest->job_count = config->job_count;
	guest->next_gpadl = config->first_gpadl;
	guest->target_vp = config->target_vp;
	guest->target_sint = config->target_sint;
	guest->interrupt_page_gpa = config->interrupt_page_gpa;
	guest->contact.monitor_to_guest_gpa = config->monitor_to_guest_gpa;
	guest->contact.monitor_to_host_gpa = config->monitor_to_host_gpa;
	guest->newest_version = newest;
	guest->oldest_version = oldest;
	guest_forget(guest);
	return VMBUS_OK;
}

void guest_forget(struct vmbus_guest *guest)
{
	u32 i;

	for (i = 0; i < guest->channel_count; i++)
		port_fill(&guest->channels[i], 0, sizeof(guest->channels[i]));
	for (i = 0; i < guest->gpadl_count; i++)
		port_fill(&guest->gpadls[i], 0, sizeof(guest->gpadls[i]));
	guest->state = GUEST_DOWN;
	guest->version = 0;
	guest->gpadl_notices = 0;
	guest->job_used = 0;
	guest->socket_used = 0;
	guest->outgoing_bytes = 0;
	guest->outgoing_given = false;
	guest->list_first = guest->list_last = GUEST_NONE;
	guest->offers_requested = guest->offers_delivered = false;
	guest->contact_owed = guest->unload_owed = false;
	guest->connected_notice = guest->refused_notice = false;
	guest->delivered_notice = guest->unloaded_notice = false;
}

void vmbus_guest_reset(struct vmbus_guest *guest)
{
	guest_forget(guest);
}

static void contact_send(struct vmbus_guest *guest, u32 version)
{
	guest->version = version;
	guest->connection_id = version >= VMBUS_VERSION_5_0
				       ? VMBUS_CONNECTION_ID_CONTACT_5
				       : VMBUS_CONNECTION_ID_CONTACT;
	guest->contact_owed = true;
}

enum vmbus_status vmbus_guest_connect(struct vmbus_guest *guest)
{
	if (guest->state != GUEST_DOWN)
		return VMBUS_BAD_ARGUMENT;
	guest->state = GUEST_CONTACTING;
	guest->refused_notice = false;
	contact_send(guest, guest->newest_version);
	return VMBUS_OK;
}

static void contact_refused(struct vmbus_guest *guest, enum vmbus_status reason)
{
	guest->state = GUEST_DOWN;
	guest->version = 0;
	guest->refused_notice = true;
	guest->refused_reason = reason;
}

void guest_try_older(struct vmbus_guest *guest, enum vmbus_status reason)
{
	u32 older =
		vmbus_version_newest(guest->version - 1, guest->oldest_version);

	if (older)
		contact_send(guest, older);
	else
		contact_refused(guest, reason);
}

enum vmbus_status vmbus_guest_request_offers(struct vmbus_guest *guest)
{
	if (guest->state != GUEST_UP || guest->offers_requested)
		return VMBUS_BAD_ARGUMENT;
	if (!guest_job_add(guest, VMBUS_MESSAGE_REQUEST_OFFERS, 0))
		return VMBUS_AGAIN;
	guest->offers_requested = true;
	return VMBUS_OK;
}

enum vmbus_status vmbus_guest_socket_connect(struct vmbus_guest *guest,
					     const struct guid *endpoint,
					     const struct guid *service)
{
	struct vmbus_guest_job *job;

	if (guest->state != GUEST_UP || guest->version < VMBUS_VERSION_4_0)
		return VMBUS_BAD_ARGUMENT;
	job = guest_job_add(guest, VMBUS_MESSAGE_SOCKET_CONNECT, 0);
	if (!job)
		return VMBUS_AGAIN;
	job->endpoint = *endpoint;
	job->service = *service;
	return VMBUS_OK;
}

enum vmbus_status vmbus_guest_unload(struct vmbus_guest *guest)
{
	if (guest->state != GUEST_UP)
		return VMBUS_BAD_ARGUMENT;
	guest->state = GUEST_UNLOADING;
	guest->job_used = 0;
	guest->outgoing_bytes = 0;
	guest->outgoing_given = false;
	guest->unload_owed = true;
	return VMBUS_OK;
}

u32 vmbus_guest_version(const struct vmbus_guest *guest)
{
	return guest->state == GUEST_UP ? guest->version : 0;
}

/* ---- what the host sends ---- */

static enum vmbus_status on_version(struct vmbus_guest *guest,
				    const void *payload, u32 size_bytes)
{
	struct vmbus_message_version_response in;

	(void)size_bytes;
	if (guest->state == GUEST_UP || guest->state == GUEST_UNLOADING)
		return VMBUS_E_MESSAGE_STATE;
	/* Until the question was built, an answer is to an earlier kernel's. */
	if (guest->state != GUEST_CONTACTING || guest->contact_owed)
		return VMBUS_OK;
	guest->outgoing_bytes = 0;
	guest->outgoing_given = false;
	port_copy(&in, payload, sizeof(in));
	if (!in.supported) {
		guest_try_older(guest, VMBUS_E_VERSION_REFUSED);
		return VMBUS_OK;
	}
	if (in.connection_state != VMBUS_CONNECTION_SUCCESSFUL) {
		contact_refused(guest, VMBUS_E_VERSION_REFUSED);
		return VMBUS_OK;
	}
	if (guest->version >= VMBUS_VERSION_5_0) {
		u32 id = in.version_or_connection_id;

		if (!id || id >= VMBUS_CONNECTION_ID_LIMIT) {
			contact_refused(guest, VMBUS_E_CONNECTION_ID);
			return VMBUS_E_CONNECTION_ID;
		}
		guest->connection_id = id;
	}
	guest->state = GUEST_UP;
	guest->connected_notice = true;
	return VMBUS_OK;
}

static enum vmbus_status on_delivered(struct vmbus_guest *guest,
				      const void *payload, u32 size_bytes)
{
	(void)payload;
	(void)size_bytes;
	if (!guest->offers_requested || guest->offers_delivered)
		return VMBUS_E_MESSAGE_STATE;
	guest->offers_delivered = true;
	guest->delivered_notice = true;
	return VMBUS_OK;
}

static enum vmbus_status on_unload_response(struct vmbus_guest *guest,
					    const void *payload, u32 size_bytes)
{
	(void)payload;
	(void)size_bytes;
	if (guest->state == GUEST_UP || guest->unload_owed)
		return VMBUS_E_MESSAGE_STATE;
	if (guest->state != GUEST_UNLOADING)
		return VMBUS_OK;
	guest_forget(guest);
	guest->unloaded_notice = true;
	return VMBUS_OK;
}

static enum vmbus_status on_socket_result(struct vmbus_guest *guest,
					  const void *payload, u32 size_bytes)
{
	u32 at;

	(void)size_bytes;
	if (guest->socket_used == VMBUS_GUEST_SOCKETS)
		return VMBUS_AGAIN;
	at = (guest->socket_first + guest->socket_used++) % VMBUS_GUEST_SOCKETS;
	port_copy(&guest->sockets[at], payload, sizeof(guest->sockets[at]));
	return VMBUS_OK;
}

static enum vmbus_status (*const handlers[VMBUS_MESSAGE_TYPE_COUNT])(
	struct vmbus_guest *guest, const void *payload, u32 size_bytes) = {
	[VMBUS_MESSAGE_OFFER] = guest_on_offer,
	[VMBUS_MESSAGE_RESCIND] = guest_on_rescind,
	[VMBUS_MESSAGE_OFFERS_DELIVERED] = on_delivered,
	[VMBUS_MESSAGE_OPEN_RESULT] = guest_on_open_result,
	[VMBUS_MESSAGE_GPADL_CREATED] = guest_on_gpadl_created,
	[VMBUS_MESSAGE_GPADL_TORNDOWN] = guest_on_gpadl_torndown,
	[VMBUS_MESSAGE_VERSION_RESPONSE] = on_version,
	[VMBUS_MESSAGE_UNLOAD_RESPONSE] = on_unload_response,
	[VMBUS_MESSAGE_SOCKET_RESULT] = on_socket_result,
	[VMBUS_MESSAGE_MODIFY_RESPONSE] = guest_on_modify_response,
};

static enum vmbus_status dispatch(struct vmbus_guest *guest, u32 type,
				  const void *payload, u32 size_bytes)
{
	bool ends = type == VMBUS_MESSAGE_VERSION_RESPONSE ||
		    type == VMBUS_MESSAGE_UNLOAD_RESPONSE;

	if (ends || guest->state == GUEST_UP)
		return handlers[type](guest, payload, size_bytes);
	/*
	 * What a leaving guest is told crosses its UNLOAD; what one without a
	 * connection is told was meant for the kernel before it.
	 */
	return VMBUS_OK;
}

/* The channel that a message is about, for the report. */
static u32 message_relid(const struct vmbus_guest *guest, u32 type,
			 const void *payload, u32 size_bytes)
{
	const struct vmbus_message_rule *rule = vmbus_message_rule(type);
	struct vmbus_message_relid message;

	if (!rule || !rule->names_channel || size_bytes < sizeof(message))
		return 0;
	port_copy(&message, payload, sizeof(message));
	return guest_channel_find(guest, message.relid) ? message.relid : 0;
}

static void report(struct vmbus_guest *guest, u32 relid, u32 type,
		   enum vmbus_status why)
{
	struct vmbus_guest_report *report;

	guest->violations++;
	guest->violations_unreported++;
	if (guest->report_used == VMBUS_GUEST_REPORTS)
		return;
	report = &guest->reports[(guest->report_first + guest->report_used++) %
				 VMBUS_GUEST_REPORTS];
	report->relid = relid;
	report->message_type = type;
	report->reason = why;
}

enum vmbus_status vmbus_guest_receive(struct vmbus_guest *guest,
				      const void *payload, u32 size_bytes)
{
	enum vmbus_status status;
	u32 type;

	status = vmbus_message_check(payload, size_bytes, VMBUS_END_HOST,
				     vmbus_guest_version(guest), &type);
	if (!status)
		status = dispatch(guest, type, payload, size_bytes);
	if (!vmbus_status_is_violation(status))
		return status;
	report(guest, message_relid(guest, type, payload, size_bytes), type,
	       status);
	return VMBUS_OK;
}
