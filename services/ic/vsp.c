// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of the framework: asks, and takes answers. */
#include "services/ic/packet.h"

enum vmbus_status ic_vsp_init(struct ic_vsp *ic,
			      const struct ic_service *service,
			      u32 newest_version)
{
	u32 count = ic_service_version_count(service, newest_version);

	if (!count)
		return VMBUS_BAD_ARGUMENT;
	port_fill(ic, 0, sizeof(*ic));
	ic->service = service;
	ic->offered_count = count;
	return VMBUS_OK;
}

void ic_vsp_renegotiate(struct ic_vsp *ic)
{
	ic->negotiation = IC_NEGOTIATION_START;
	ic->framework_version = 0;
	ic->message_version = 0;
}

bool ic_vsp_ready(const struct ic_vsp *ic)
{
	return ic->negotiation == IC_NEGOTIATION_SETTLED && !ic->violation;
}

bool ic_vsp_negotiate_due(const struct ic_vsp *ic)
{
	return ic->negotiation == IC_NEGOTIATION_START && !ic->violation;
}

u32 ic_vsp_negotiate(struct ic_vsp *ic, void *buffer, u32 capacity_bytes,
		     u64 *transaction_id)
{
	struct ic_negotiate negotiate = {
		.framework_count = PORT_ARRAY_SIZE(ic_framework_versions),
		.message_count = (u16)ic->offered_count,
	};
	u32 offered_bytes = ic->offered_count * (u32)sizeof(u32);
	struct ic_header header = {
		.message_type = IC_MESSAGE_NEGOTIATE,
		.body_bytes =
			(u16)(sizeof(negotiate) +
			      sizeof(ic_framework_versions) + offered_bytes),
		.transaction_id = (u8)(ic->last_id + 1),
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST,
	};
	u8 *body = (u8 *)buffer + IC_BODY_OFFSET;
	u32 size_bytes;

	if (!ic_vsp_negotiate_due(ic))
		return 0;
	size_bytes =
		ic_packet_build(buffer, capacity_bytes, IC_PIPE_DATA, &header);
	if (!size_bytes)
		return 0;
	port_copy(body, &negotiate, sizeof(negotiate));
	body += sizeof(negotiate);
	port_copy(body, ic_framework_versions, sizeof(ic_framework_versions));
	body += sizeof(ic_framework_versions);
	port_copy(body, ic->service->versions, offered_bytes);
	ic->last_id++;
	ic->negotiation_id = ic->last_id;
	ic->negotiation = IC_NEGOTIATION_ASKED;
	*transaction_id = ic->last_id;
	return size_bytes;
}

u32 ic_vsp_request(struct ic_vsp *ic, void *buffer, u32 capacity_bytes,
		   u32 body_bytes, bool response_wanted, u64 *transaction_id)
{
	struct ic_header header = {
		.framework_version = ic->framework_version,
		.message_type = ic->service->message_type,
		.message_version = ic->message_version,
		.body_bytes = (u16)body_bytes,
		.transaction_id = (u8)(ic->last_id + 1),
	};
	u32 size_bytes;

	if (!ic_vsp_ready(ic) || body_bytes > 0xffff)
		return 0;
	if (response_wanted)
		header.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST;
	size_bytes =
		ic_packet_build(buffer, capacity_bytes, IC_PIPE_DATA, &header);
	if (!size_bytes)
		return 0;
	*transaction_id = ++ic->last_id;
	return size_bytes;
}

/*
 * Which request an answer belongs to; 0 for none that was ever sent. Guests
 * that write through a pipe (0) and Linux's UIO file copy daemon (~0,
 * tools/hv/vmbus_bufring.c) lose the descriptor's id and keep only 8 bits of it
 * in the IC header: then it is the newest request with these bits.
 */
static u64 answered_id(const struct ic_vsp *ic, u64 transaction_id, u8 short_id)
{
	if (!transaction_id || transaction_id == ~0ull) {
		transaction_id = (ic->last_id & ~0xffull) | short_id;
		if (transaction_id > ic->last_id)
			return transaction_id > 0xff ? transaction_id - 0x100
						     : 0;
		return transaction_id;
	}
	if (transaction_id > ic->last_id || (u8)transaction_id != short_id)
		return 0;
	return transaction_id;
}

static bool version_in(const u32 *versions, u32 count, u32 version)
{
	while (count--) {
		if (versions[count] == version)
			return true;
	}
	return false;
}

static enum vmbus_status take_negotiation(struct ic_vsp *ic,
					  const struct ic_packet *packet,
					  struct ic_message *message)
{
	struct ic_negotiate negotiate;
	u32 framework_version, message_version;

	if (ic->negotiation != IC_NEGOTIATION_ASKED ||
	    message->transaction_id != ic->negotiation_id) {
		ic->stray_count++;
		return VMBUS_OK;
	}
	if (message->body_bytes < sizeof(negotiate))
		return VMBUS_E_IC_SHORT;
	port_copy(&negotiate, packet->body, sizeof(negotiate));
	message->kind = IC_KIND_REFUSED;
	ic->negotiation = IC_NEGOTIATION_REFUSED;
	if (negotiate.framework_count != 1 || negotiate.message_count != 1)
		return VMBUS_OK;
	if (message->body_bytes < IC_NEGOTIATE_ANSWER_BYTES)
		return VMBUS_E_IC_SHORT;
	framework_version =
		ic_versions_load(packet->body + sizeof(negotiate), 0);
	message_version = ic_versions_load(packet->body + sizeof(negotiate), 1);
	if (!version_in(ic_framework_versions,
			PORT_ARRAY_SIZE(ic_framework_versions),
			framework_version) ||
	    !version_in(ic->service->versions, ic->offered_count,
			message_version))
		return VMBUS_OK;
	message->kind = IC_KIND_NEGOTIATED;
	ic->negotiation = IC_NEGOTIATION_SETTLED;
	ic->framework_version = framework_version;
	ic->message_version = message_version;
	return VMBUS_OK;
}

static enum vmbus_status take_answer(struct ic_vsp *ic, const void *data,
				     u32 size_bytes, u64 transaction_id,
				     struct ic_message *message)
{
	struct ic_packet packet;
	enum vmbus_status status = ic_packet_parse(&packet, data, size_bytes);

	if (status)
		return status;
	if (!(packet.header.flags & IC_FLAG_RESPONSE))
		return VMBUS_E_IC_FLAGS;
	ic_packet_message(&packet, message);
	message->kind = IC_KIND_IGNORED;
	message->transaction_id =
		answered_id(ic, transaction_id, packet.header.transaction_id);
	if (!message->transaction_id)
		return VMBUS_E_IC_TRANSACTION;
	if (message->type == IC_MESSAGE_NEGOTIATE)
		return take_negotiation(ic, &packet, message);
	if (message->type != ic->service->message_type)
		return VMBUS_E_IC_TYPE;
	if (ic->negotiation != IC_NEGOTIATION_SETTLED ||
	    message->transaction_id <= ic->negotiation_id) {
		ic->stray_count++;
		return VMBUS_OK;
	}
	message->kind = IC_KIND_MESSAGE;
	return VMBUS_OK;
}

enum vmbus_status ic_vsp_receive(struct ic_vsp *ic, const void *data,
				 u32 size_bytes, u64 transaction_id,
				 struct ic_message *message)
{
	enum vmbus_status status;

	port_fill(message, 0, sizeof(*message));
	if (ic->violation)
		return ic->violation;
	status = take_answer(ic, data, size_bytes, transaction_id, message);
	if (!status)
		return VMBUS_OK;
	message->kind = IC_KIND_IGNORED;
	return ic_vsp_violate(ic, status);
}

enum vmbus_status ic_vsp_violate(struct ic_vsp *ic, enum vmbus_status violation)
{
	if (!ic->violation)
		ic->violation = violation;
	return violation;
}

enum ic_status ic_vsp_status(const struct ic_vsp *ic)
{
	if (ic->violation)
		return IC_STATUS_ERROR;
	if (ic->negotiation == IC_NEGOTIATION_SETTLED)
		return IC_STATUS_OK;
	if (ic->negotiation == IC_NEGOTIATION_REFUSED)
		return IC_STATUS_PROTOCOL_MISMATCH;
	return IC_STATUS_NO_CONTACT;
}

enum ic_detail ic_vsp_detail(const struct ic_vsp *ic)
{
	if (ic_vsp_ready(ic) &&
	    ic_version_older(ic->message_version, ic->service->full_version))
		return IC_DETAIL_PROTOCOL_MISMATCH;
	return IC_DETAIL_NONE;
}
