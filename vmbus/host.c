/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/host_internal.h"
#include "vmbus/messages.h"

enum vmbus_status vmbus_host_init(struct vmbus_host *host,
				  const struct vmbus_host_config *config)
{
	if (!config->channels || !config->channel_count ||
	    config->channel_count > VMBUS_RELID_MAX || !config->gpadls ||
	    config->gpadl_count <= VMBUS_HOST_GPADL_SPARE || !config->values ||
	    !config->value_count || !config->messages ||
	    config->message_count < 2 || !config->vp_count)
		return VMBUS_BAD_ARGUMENT;
	if (config->newest_version &&
	    !vmbus_version_newest(config->newest_version, 0))
		return VMBUS_BAD_ARGUMENT;

	port_fill(host, 0, sizeof(*host));
	port_fill(config->channels, 0,
		  sizeof(*config->channels) * (size_t)config->channel_count);
	port_fill(config->gpadls, 0,
		  sizeof(*config->gpadls) * (size_t)config->gpadl_count);
	host->channels = config->channels;
	host->channel_count = config->channel_count;
	host->gpadls = config->gpadls;
	host->gpadl_count = config->gpadl_count;
	host->values = config->values;
	host->value_count = config->value_count;
	host->gpadl_first = HOST_NONE;
	host->gpadl_last = HOST_NONE;
	host->messages = config->messages;
	host->message_count = config->message_count;
	host->vp_count = config->vp_count;
	host->newest_version = vmbus_version_newest(
		config->newest_version ? config->newest_version : ~0u, 0);
	host->target_sint = VMBUS_MESSAGE_SINT;
	host->work.first = host->work.last = HOST_NONE;
	host->send.first = host->send.last = HOST_NONE;
	return VMBUS_OK;
}

void host_report(struct vmbus_host *host, u32 relid, u32 message_type,
		 enum vmbus_status reason)
{
	struct vmbus_host_report *report;

	host->violations++;
	host->violations_unreported++;
	if (host->report_used == VMBUS_HOST_REPORTS)
		return;
	report = &host->reports[(host->report_first + host->report_used++) %
				VMBUS_HOST_REPORTS];
	report->relid = relid;
	report->message_type = message_type;
	report->reason = reason;
}

/* Where answers to a contact go, if they can go there. */
static enum vmbus_status contact_target(const struct vmbus_host *host,
					const struct vmbus_message_contact *in,
					u32 *vp, u32 *sint)
{
	*vp = 0;
	*sint = VMBUS_MESSAGE_SINT;
	/* Linux relies on it from 3.0 on, for kexec on another processor. */
	if (in->version >= VMBUS_VERSION_3_0)
		*vp = in->target_vp;
	if (in->version >= VMBUS_VERSION_5_0) {
		*sint = in->target.sint;
		if (in->target.vtl)
			return VMBUS_E_CONTACT_TARGET;
	}
	/* SINT 0 is the hypervisor's own. */
	if (*vp >= host->vp_count || !*sint || *sint >= VMBUS_SYNIC_SINT_COUNT)
		return VMBUS_E_CONTACT_TARGET;
	return VMBUS_OK;
}

static void contact_answer(struct vmbus_host *host)
{
	u32 version = host->contact.version;

	host->contact_pending = false;
	host->version_owed = true;
	if (!vmbus_version_offered(version) || version > host->newest_version)
		return;
	host->version = version;
	host->state = HOST_UP;
	host->offers_requested = false;
	host->offers_delivered_owed = false;
	host->initial_offers = 0;
	host->connected_notice = true;
}

/* Everything of the last guest is closed. */
static void drop_finish(struct vmbus_host *host)
{
	host->state = HOST_DOWN;
	host->version = 0;
	/* A connection that the caller never heard of did not end either. */
	if (host->connected_notice)
		host->connected_notice = false;
	else
		host->disconnected_notice = true;
	if (host->unload_pending) {
		host->unload_pending = false;
		host->unload_owed = true;
	}
	if (host->contact_pending)
		contact_answer(host);
}

void host_channel_let_go(struct vmbus_host *host)
{
	if (--host->closing == 0 && host->state == HOST_DROPPING)
		drop_finish(host);
}

/* The guest is gone or leaves: nothing of it may stay. */
static void drop_begin(struct vmbus_host *host)
{
	host->state = HOST_DROPPING;
	host_send_drop(host);
	host->socket_used = 0;
	host_channel_drop_all(host);
	if (!host->closing)
		drop_finish(host);
}

static enum vmbus_status on_contact(struct vmbus_host *host,
				    const void *payload, u32 size_bytes)
{
	struct vmbus_message_contact message;
	enum vmbus_status status;
	u32 vp, sint;

	(void)size_bytes;
	port_copy(&message, payload, sizeof(message));
	status = contact_target(host, &message, &vp, &sint);
	if (status)
		return status;

	host->contact = message;
	host->target_vp = vp;
	host->target_sint = sint;
	host->contact_pending = true;
	host->unload_pending = false;
	switch (host->state) {
	case HOST_UP:
		/* A new kernel after a crash, which never said UNLOAD. */
		drop_begin(host);
		break;
	case HOST_DROPPING:
		break;
	case HOST_DOWN:
		host_send_drop(host);
		contact_answer(host);
		break;
	}
	return VMBUS_OK;
}

static enum vmbus_status on_unload(struct vmbus_host *host, const void *payload,
				   u32 size_bytes)
{
	(void)payload;
	(void)size_bytes;
	if (host->state != HOST_UP)
		return VMBUS_E_MESSAGE_STATE;
	host->unload_pending = true;
	drop_begin(host);
	return VMBUS_OK;
}

static enum vmbus_status on_request_offers(struct vmbus_host *host,
					   const void *payload, u32 size_bytes)
{
	(void)payload;
	(void)size_bytes;
	if (host->offers_requested)
		return VMBUS_E_MESSAGE_STATE;
	host->offers_requested = true;
	host_channel_offer_all(host);
	host->offers_delivered_owed = true;
	return VMBUS_OK;
}

static enum vmbus_status on_socket_connect(struct vmbus_host *host,
					   const void *payload, u32 size_bytes)
{
	struct vmbus_message_socket_connect_silo *request;
	u32 at;

	if (host->socket_used == VMBUS_HOST_SOCKETS)
		return VMBUS_AGAIN;
	at = (host->socket_first + host->socket_used) % VMBUS_HOST_SOCKETS;
	request = &host->sockets[at];
	port_fill(request, 0, sizeof(*request));
	/* A short message from 5.2 on is an old one: OpenVMM protocol.rs. */
	if (host->version < VMBUS_VERSION_5_2 || size_bytes < sizeof(*request))
		size_bytes = sizeof(request->base);
	else
		size_bytes = sizeof(*request);
	port_copy(request, payload, size_bytes);
	host->socket_used++;
	return VMBUS_OK;
}

static enum vmbus_status (*const handlers[VMBUS_MESSAGE_TYPE_COUNT])(
	struct vmbus_host *host, const void *payload, u32 size_bytes) = {
	[VMBUS_MESSAGE_REQUEST_OFFERS] = on_request_offers,
	[VMBUS_MESSAGE_OPEN] = host_on_open,
	[VMBUS_MESSAGE_CLOSE] = host_on_close,
	[VMBUS_MESSAGE_GPADL_HEADER] = host_on_gpadl_header,
	[VMBUS_MESSAGE_GPADL_BODY] = host_on_gpadl_body,
	[VMBUS_MESSAGE_GPADL_TEARDOWN] = host_on_gpadl_teardown,
	[VMBUS_MESSAGE_RELID_RELEASED] = host_on_released,
	[VMBUS_MESSAGE_CONTACT] = on_contact,
	[VMBUS_MESSAGE_UNLOAD] = on_unload,
	[VMBUS_MESSAGE_SOCKET_CONNECT] = on_socket_connect,
	[VMBUS_MESSAGE_MODIFY] = host_on_modify,
};

static enum vmbus_status dispatch(struct vmbus_host *host, u32 type,
				  const void *payload, u32 size_bytes)
{
	bool ends =
		type == VMBUS_MESSAGE_CONTACT || type == VMBUS_MESSAGE_UNLOAD;

	if (!ends && host->state != HOST_UP)
		return VMBUS_E_MESSAGE_STATE;
	/*
	 * A new kernel's contact must come through although the old one reads
	 * no answers any more; it makes room by dropping them.
	 */
	if (!ends && !host_answer_room(host))
		return VMBUS_AGAIN;
	return handlers[type](host, payload, size_bytes);
}

/* The channel that a message is about, for the report. */
static u32 message_relid(const struct vmbus_host *host, u32 type,
			 const void *payload, u32 size_bytes)
{
	const struct vmbus_message_rule *rule = vmbus_message_rule(type);
	struct vmbus_message_relid message;

	if (!rule || !rule->names_channel || size_bytes < sizeof(message))
		return 0;
	port_copy(&message, payload, sizeof(message));
	return host_channel_told(host, message.relid) ? message.relid : 0;
}

enum vmbus_status vmbus_host_receive(struct vmbus_host *host, u32 connection_id,
				     const void *payload, u32 size_bytes)
{
	enum vmbus_status status;
	u32 type;

	if (connection_id != VMBUS_CONNECTION_ID_CONTACT &&
	    connection_id != VMBUS_CONNECTION_ID_CONTACT_5)
		return VMBUS_E_CONNECTION_ID;
	status = vmbus_message_check(payload, size_bytes, VMBUS_END_GUEST,
				     host->version, &type);
	if (!status)
		status = dispatch(host, type, payload, size_bytes);
	if (!vmbus_status_is_violation(status))
		return status;
	host_report(host, message_relid(host, type, payload, size_bytes), type,
		    status);
	return VMBUS_OK;
}

void vmbus_host_reset(struct vmbus_host *host)
{
	host->contact_pending = false;
	host->unload_pending = false;
	host->target_vp = 0;
	host->target_sint = VMBUS_MESSAGE_SINT;
	host->violations = 0;
	host->violations_unreported = 0;
	host->report_used = 0;
	if (host->state == HOST_UP)
		drop_begin(host);
	else
		host_send_drop(host);
}

u32 vmbus_host_connection_id(u32 relid)
{
	return 0x10000 | relid;
}

u32 vmbus_host_version(const struct vmbus_host *host)
{
	return host->version;
}
