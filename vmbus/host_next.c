/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/host_internal.h"
#include "vmbus/messages.h"

/* ---- lists of channels, and answers ---- */

void host_list_add_work(struct vmbus_host *host,
			struct vmbus_host_channel *channel)
{
	u32 index = host_relid(host, channel) - 1;

	if (channel->work_queued)
		return;
	channel->work_queued = true;
	channel->work_next = HOST_NONE;
	if (host->work.first == HOST_NONE)
		host->work.first = index;
	else
		host->channels[host->work.last].work_next = index;
	host->work.last = index;
}

void host_channel_owes(struct vmbus_host *host,
		       struct vmbus_host_channel *channel, u32 owed)
{
	u32 index = host_relid(host, channel) - 1;

	channel->owed |= (u8)owed;
	if (channel->send_queued)
		return;
	channel->send_queued = true;
	channel->send_next = HOST_NONE;
	if (host->send.first == HOST_NONE)
		host->send.first = index;
	else
		host->channels[host->send.last].send_next = index;
	host->send.last = index;
}

bool host_answer_room(const struct vmbus_host *host)
{
	return host->message_used < host->message_count;
}

void host_answer(struct vmbus_host *host, const void *payload, u32 size_bytes)
{
	struct vmbus_host_message *message;

	message = &host->messages[(host->message_first + host->message_used++) %
				  host->message_count];
	message->size_bytes = size_bytes;
	port_copy(message->payload, payload, size_bytes);
}

/* Nothing that was meant for the last guest may reach the next. */
void host_send_drop(struct vmbus_host *host)
{
	while (host->send.first != HOST_NONE) {
		struct vmbus_host_channel *channel =
			&host->channels[host->send.first];

		host->send.first = channel->send_next;
		channel->send_queued = false;
	}
	host->send.last = HOST_NONE;
	host->message_used = 0;
	host->outgoing_bytes = 0;
	host->outgoing_given = false;
	host->version_owed = false;
	host->unload_owed = false;
	host->offers_delivered_owed = false;
}

/* ---- building the next message ---- */

static void outgoing_set(struct vmbus_host *host, const void *payload,
			 u32 size_bytes)
{
	port_copy(host->outgoing, payload, size_bytes);
	host->outgoing_bytes = size_bytes;
}

static void build_header(struct vmbus_host *host, u32 type)
{
	struct vmbus_message_header message = { .type = type };

	outgoing_set(host, &message, sizeof(message));
}

static void build_version(struct vmbus_host *host)
{
	struct vmbus_message_version_response message = {
		.header.type = VMBUS_MESSAGE_VERSION_RESPONSE,
		.supported = host->version != 0,
		.connection_state = VMBUS_CONNECTION_SUCCESSFUL,
	};

	/* A refusal is all zero; iPXE compares the version below 5.0. */
	if (host->version >= VMBUS_VERSION_5_0)
		message.version_or_connection_id =
			VMBUS_CONNECTION_ID_CONTACT_5;
	else
		message.version_or_connection_id = host->version;
	outgoing_set(host, &message, sizeof(message));
}

static void build_torndown(struct vmbus_host *host)
{
	u32 at = host->gpadl_first;
	struct vmbus_message_gpadl_torndown message = {
		.header.type = VMBUS_MESSAGE_GPADL_TORNDOWN,
	};

	while (host->gpadls[at].state != HOST_GPADL_TORNDOWN)
		at = host->gpadls[at].next;
	message.gpadl = host->gpadls[at].id;
	host_gpadl_free(host, &host->gpadls[at]);
	outgoing_set(host, &message, sizeof(message));
}

static void build_offer(struct vmbus_host *host,
			struct vmbus_host_channel *channel)
{
	const struct vmbus_offer *offer = &channel->offer;
	u32 relid = host_relid(host, channel);
	struct vmbus_message_offer message = {
		.header.type = VMBUS_MESSAGE_OFFER,
		.type = offer->type,
		.instance = offer->instance,
		.flags = offer->flags,
		.mmio_mib = offer->mmio_mib,
		.subchannel_index = offer->subchannel_index,
		.mmio_optional_mib = offer->mmio_optional_mib,
		.relid = relid,
		.monitor_id = channel->monitor_id,
		.monitor_allocated = offer->monitored,
		/* Before 2.4 all share the interrupt page. */
		.dedicated_interrupt = host->version >= VMBUS_VERSION_2_4,
		.connection_id = vmbus_host_connection_id(relid),
	};

	port_copy(message.user_data, offer->user_data,
		  sizeof(message.user_data));
	channel->state = HOST_CHANNEL_OFFERED;
	host->initial_offers -= channel->initial;
	channel->initial = false;
	outgoing_set(host, &message, sizeof(message));
}

static void build_open_result(struct vmbus_host *host,
			      const struct vmbus_host_channel *channel)
{
	struct vmbus_message_open_result message = {
		.header.type = VMBUS_MESSAGE_OPEN_RESULT,
		.relid = host_relid(host, channel),
		.open_id = channel->open_id,
		.status = channel->open_status,
	};

	outgoing_set(host, &message, sizeof(message));
}

static void build_modify_response(struct vmbus_host *host,
				  const struct vmbus_host_channel *channel)
{
	struct vmbus_message_modify_response message = {
		.header.type = VMBUS_MESSAGE_MODIFY_RESPONSE,
		.relid = host_relid(host, channel),
		.status = VMBUS_RESULT_SUCCESS,
	};

	outgoing_set(host, &message, sizeof(message));
}

static void build_rescind(struct vmbus_host *host,
			  const struct vmbus_host_channel *channel)
{
	struct vmbus_message_relid message = {
		.header.type = VMBUS_MESSAGE_RESCIND,
		.relid = host_relid(host, channel),
	};

	outgoing_set(host, &message, sizeof(message));
}

/* The first message that a channel owes, in the order of its life. */
static void build_channel(struct vmbus_host *host,
			  struct vmbus_host_channel *channel)
{
	u32 owed = channel->owed & -channel->owed;

	channel->owed &= (u8)~owed;
	switch (owed) {
	case HOST_OWES_OFFER:
		build_offer(host, channel);
		break;
	case HOST_OWES_OPEN_RESULT:
		build_open_result(host, channel);
		break;
	case HOST_OWES_MODIFY_RESPONSE:
		build_modify_response(host, channel);
		break;
	case HOST_OWES_RESCIND:
		build_rescind(host, channel);
		break;
	}
}

static bool build_from_channels(struct vmbus_host *host)
{
	while (host->send.first != HOST_NONE) {
		struct vmbus_host_channel *channel =
			&host->channels[host->send.first];
		bool owed = channel->owed;

		if (owed)
			build_channel(host, channel);
		if (!channel->owed) {
			host->send.first = channel->send_next;
			channel->send_queued = false;
		}
		if (owed)
			return true;
	}
	return false;
}

static bool build_from_answers(struct vmbus_host *host)
{
	const struct vmbus_host_message *message;

	if (!host->message_used)
		return false;
	message = &host->messages[host->message_first];
	outgoing_set(host, message->payload, message->size_bytes);
	host->message_first = (host->message_first + 1) % host->message_count;
	host->message_used--;
	return true;
}

static bool build_from_gpadls(struct vmbus_host *host)
{
	if (!host->gpadl_torndowns)
		return false;
	build_torndown(host);
	return true;
}

/* By turns, so that a guest busy with one kind does not hold up the others. */
static bool build_by_turns(struct vmbus_host *host)
{
	static bool (*const sources[])(struct vmbus_host *) = {
		build_from_answers,
		build_from_gpadls,
		build_from_channels,
	};
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(sources); i++) {
		host->send_turn =
			(host->send_turn + 1) % PORT_ARRAY_SIZE(sources);
		if (sources[host->send_turn](host))
			return true;
	}
	return false;
}

static void build_outgoing(struct vmbus_host *host)
{
	if (host->version_owed) {
		host->version_owed = false;
		build_version(host);
	} else if (host->unload_owed) {
		host->unload_owed = false;
		build_header(host, VMBUS_MESSAGE_UNLOAD_RESPONSE);
	} else if (host->offers_delivered_owed && !host->initial_offers) {
		host->offers_delivered_owed = false;
		build_header(host, VMBUS_MESSAGE_OFFERS_DELIVERED);
	} else {
		build_by_turns(host);
	}
}

/* ---- what the caller must do ---- */

static bool next_connection(struct vmbus_host *host,
			    struct vmbus_host_action *action)
{
	if (host->disconnected_notice) {
		host->disconnected_notice = false;
		action->type = VMBUS_HOST_DISCONNECTED;
		return true;
	}
	if (!host->connected_notice)
		return false;
	host->connected_notice = false;
	action->type = VMBUS_HOST_CONNECTED;
	action->connected.version = host->version;
	action->connected.target_vp = host->target_vp;
	action->connected.target_sint = host->target_sint;
	action->connected.interrupt_page_gpa =
		host->version < VMBUS_VERSION_5_0
			? host->contact.interrupt_page_gpa
			: 0;
	action->connected.monitor_to_guest_gpa =
		host->contact.monitor_to_guest_gpa;
	action->connected.monitor_to_host_gpa =
		host->contact.monitor_to_host_gpa;
	return true;
}

static void fill_open(const struct vmbus_host *host,
		      const struct vmbus_host_channel *channel,
		      struct vmbus_host_action *action)
{
	struct vmbus_host_gpadl_view view;

	host_gpadl_view(host, &host->gpadls[channel->ring], &view);
	action->open.pfns = view.pfns;
	action->open.pfn_count = view.pfn_count;
	action->open.downstream_page_offset = channel->downstream_page_offset;
	action->open.target_vp = channel->target_vp;
	action->open.user_data = channel->user_data;
}

/* What there is to do about one channel, if anything. */
static bool channel_work(struct vmbus_host *host,
			 struct vmbus_host_channel *channel,
			 struct vmbus_host_action *action)
{
	action->relid = host_relid(host, channel);
	action->context = channel->offer.context;
	switch (channel->state) {
	case HOST_CHANNEL_RELEASING:
		action->type = VMBUS_HOST_RELEASED;
		host_channel_free(host, channel);
		return true;
	case HOST_CHANNEL_OPEN_WANTED:
		action->type = VMBUS_HOST_OPEN;
		channel->state = HOST_CHANNEL_OPENING;
		fill_open(host, channel, action);
		return true;
	case HOST_CHANNEL_CLOSE_WANTED:
		action->type = VMBUS_HOST_CLOSE;
		channel->state = HOST_CHANNEL_CLOSING;
		return true;
	case HOST_CHANNEL_OPEN:
		if (!channel->move)
			return false;
		channel->move = false;
		action->type = VMBUS_HOST_TARGET_VP;
		action->target_vp = channel->target_vp;
		if (host->version >= VMBUS_VERSION_5_3)
			host_channel_owes(host, channel,
					  HOST_OWES_MODIFY_RESPONSE);
		return true;
	default:
		return false;
	}
}

static bool next_channel(struct vmbus_host *host,
			 struct vmbus_host_action *action)
{
	while (host->work.first != HOST_NONE) {
		struct vmbus_host_channel *channel =
			&host->channels[host->work.first];

		host->work.first = channel->work_next;
		channel->work_queued = false;
		if (channel_work(host, channel, action))
			return true;
	}
	return false;
}

static bool next_gpadl(struct vmbus_host *host,
		       struct vmbus_host_action *action)
{
	u32 at = host->gpadl_first;
	struct vmbus_host_gpadl *gpadl;

	if (!host->gpadl_notices)
		return false;
	while (!host->gpadls[at].notice)
		at = host->gpadls[at].next;
	gpadl = &host->gpadls[at];
	gpadl->notice = false;
	host->gpadl_notices--;
	action->type = VMBUS_HOST_GPADL_TEARDOWN;
	action->relid = gpadl->relid;
	action->context = host->channels[gpadl->relid - 1].offer.context;
	action->gpadl = gpadl->id;
	return true;
}

static bool next_socket(struct vmbus_host *host,
			struct vmbus_host_action *action)
{
	const struct vmbus_message_socket_connect_silo *request;

	if (!host->socket_used)
		return false;
	request = &host->sockets[host->socket_first];
	host->socket_first = (host->socket_first + 1) % VMBUS_HOST_SOCKETS;
	host->socket_used--;
	action->type = VMBUS_HOST_SOCKET_CONNECT;
	action->socket.endpoint = request->base.endpoint;
	action->socket.service = request->base.service;
	action->socket.silo = request->silo;
	return true;
}

static bool next_report(struct vmbus_host *host,
			struct vmbus_host_action *action)
{
	const struct vmbus_host_report *report;
	const struct vmbus_host_channel *channel;

	if (!host->report_used)
		return false;
	report = &host->reports[host->report_first];
	host->report_first = (host->report_first + 1) % VMBUS_HOST_REPORTS;
	host->report_used--;
	channel = host_channel_told(host, report->relid);
	action->type = VMBUS_HOST_VIOLATION;
	action->relid = channel ? report->relid : 0;
	action->context = channel ? channel->offer.context : NULL;
	action->violation.reason = report->reason;
	action->violation.message_type = report->message_type;
	action->violation.total = host->violations;
	action->violation.unreported = host->violations_unreported;
	host->violations_unreported = 0;
	return true;
}

static bool next_send(struct vmbus_host *host, struct vmbus_host_action *action)
{
	if (host->outgoing_given)
		return false;
	if (!host->outgoing_bytes)
		build_outgoing(host);
	if (!host->outgoing_bytes)
		return false;
	host->outgoing_given = true;
	action->type = VMBUS_HOST_SEND;
	action->send.vp = host->target_vp;
	action->send.sint = host->target_sint;
	action->send.payload = host->outgoing;
	action->send.size_bytes = host->outgoing_bytes;
	return true;
}

bool vmbus_host_next(struct vmbus_host *host, struct vmbus_host_action *action)
{
	port_fill(action, 0, sizeof(*action));
	/* Mappings go before any message that lets the guest reuse memory. */
	return next_connection(host, action) || next_channel(host, action) ||
	       next_gpadl(host, action) || next_socket(host, action) ||
	       next_report(host, action) || next_send(host, action);
}

void vmbus_host_sent(struct vmbus_host *host)
{
	if (!host->outgoing_given)
		return;
	host->outgoing_given = false;
	host->outgoing_bytes = 0;
}

void vmbus_host_resend(struct vmbus_host *host)
{
	host->outgoing_given = false;
}

enum vmbus_status vmbus_host_socket_result(struct vmbus_host *host,
					   const struct guid *endpoint,
					   const struct guid *service,
					   u32 status)
{
	struct vmbus_message_socket_result message = {
		.header.type = VMBUS_MESSAGE_SOCKET_RESULT,
		.endpoint = *endpoint,
		.service = *service,
		.status = status,
	};

	if (host->state != HOST_UP || host->version < VMBUS_VERSION_4_1)
		return VMBUS_OK;
	if (!host_answer_room(host))
		return VMBUS_AGAIN;
	host_answer(host, &message, sizeof(message));
	return VMBUS_OK;
}
