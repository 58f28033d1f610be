// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of the framework: takes requests, and answers. */
#include "services/ic/packet.h"

enum vmbus_status ic_vsc_init(struct ic_vsc *ic,
			      const struct ic_service *service,
			      u32 newest_version)
{
	u32 count = ic_service_version_count(service, newest_version);

	if (!count)
		return VMBUS_BAD_ARGUMENT;
	port_fill(ic, 0, sizeof(*ic));
	ic->service = service;
	ic->known_count = count;
	return VMBUS_OK;
}

bool ic_vsc_ready(const struct ic_vsc *ic)
{
	return ic->negotiation == IC_NEGOTIATION_SETTLED;
}

/* The newest of ours (oldest first) that is among theirs; 0 for none. */
static u32 newest_common(const u32 *ours, u32 our_count, const u8 *theirs,
			 u32 their_count)
{
	u32 i;

	while (our_count--) {
		for (i = 0; i < their_count; i++) {
			if (ic_versions_load(theirs, i) == ours[our_count])
				return ours[our_count];
		}
	}
	return 0;
}

/* Choose versions; the answer goes over the copy of the request at @body. */
static enum vmbus_status negotiate(struct ic_vsc *ic,
				   const struct ic_packet *packet, u8 *body)
{
	struct ic_negotiate counts;
	const u8 *versions = packet->body + sizeof(counts);
	u32 chosen[2];

	if (packet->space_bytes < sizeof(counts))
		return VMBUS_E_IC_SHORT;
	port_copy(&counts, packet->body, sizeof(counts));
	if (counts.framework_count > IC_NEGOTIATE_VERSIONS_MAX ||
	    counts.message_count > IC_NEGOTIATE_VERSIONS_MAX ||
	    ((u32)counts.framework_count + counts.message_count) * sizeof(u32) >
		    packet->space_bytes - sizeof(counts))
		return VMBUS_E_IC_SIZE;
	chosen[0] = newest_common(ic_framework_versions,
				  PORT_ARRAY_SIZE(ic_framework_versions),
				  versions, counts.framework_count);
	chosen[1] = newest_common(ic->service->versions, ic->known_count,
				  versions + (size_t)counts.framework_count *
						     sizeof(u32),
				  counts.message_count);
	ic->negotiation = chosen[0] && chosen[1] ? IC_NEGOTIATION_SETTLED
						 : IC_NEGOTIATION_REFUSED;
	ic->framework_version = ic_vsc_ready(ic) ? chosen[0] : 0;
	ic->message_version = ic_vsc_ready(ic) ? chosen[1] : 0;
	counts.framework_count = ic_vsc_ready(ic);
	counts.message_count = ic_vsc_ready(ic);
	port_copy(body, &counts, sizeof(counts));
	if (ic_vsc_ready(ic))
		port_copy(body + sizeof(counts), chosen, sizeof(chosen));
	return VMBUS_OK;
}

static enum vmbus_status answer_negotiation(struct ic_vsc *ic,
					    const struct ic_packet *packet,
					    u8 *response, u32 *response_bytes,
					    struct ic_message *message)
{
	struct ic_header header = packet->header;
	u32 size_bytes = IC_BODY_OFFSET + packet->space_bytes;
	enum vmbus_status status;

	port_copy(response, &packet->pipe, sizeof(packet->pipe));
	port_copy(response + IC_BODY_OFFSET, packet->body, packet->space_bytes);
	status = negotiate(ic, packet, response + IC_BODY_OFFSET);
	if (status)
		return status;
	header.body_bytes = ic_vsc_ready(ic) ? IC_NEGOTIATE_ANSWER_BYTES
					     : sizeof(struct ic_negotiate);
	header.status = IC_S_OK;
	header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	port_copy(response + sizeof(packet->pipe), &header, sizeof(header));
	*response_bytes = size_bytes;
	message->kind = ic_vsc_ready(ic) ? IC_KIND_NEGOTIATED : IC_KIND_REFUSED;
	return VMBUS_OK;
}

enum vmbus_status ic_vsc_receive(struct ic_vsc *ic, const void *data,
				 u32 size_bytes, void *response,
				 u32 capacity_bytes, u32 *response_bytes,
				 struct ic_message *message)
{
	struct ic_packet packet;
	enum vmbus_status status;

	port_fill(message, 0, sizeof(*message));
	*response_bytes = 0;
	if (capacity_bytes < size_bytes)
		return VMBUS_BAD_ARGUMENT;
	status = ic_packet_parse(&packet, data, size_bytes);
	if (status)
		return status;
	if (packet.header.flags & IC_FLAG_RESPONSE)
		return VMBUS_E_IC_FLAGS;
	ic_packet_message(&packet, message);
	if (message->type == IC_MESSAGE_NEGOTIATE) {
		message->kind = IC_KIND_IGNORED;
		return answer_negotiation(ic, &packet, response, response_bytes,
					  message);
	}
	if (message->type != ic->service->message_type || !ic_vsc_ready(ic)) {
		message->kind = IC_KIND_IGNORED;
		*response_bytes = ic_vsc_echo(ic, message, response,
					      capacity_bytes, IC_E_FAIL);
	}
	return VMBUS_OK;
}

u32 ic_vsc_respond(const struct ic_vsc *ic, const struct ic_message *request,
		   void *buffer, u32 capacity_bytes, u32 body_bytes, u32 status)
{
	struct ic_header header = {
		.framework_version = ic->framework_version,
		.message_type = request->type,
		.message_version = ic->message_version,
		.body_bytes = (u16)body_bytes,
		.status = status,
		.transaction_id = request->short_id,
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE,
	};

	if (body_bytes > 0xffff)
		return 0;
	return ic_packet_build(buffer, capacity_bytes, request->pipe_type,
			       &header);
}

u32 ic_vsc_echo(const struct ic_vsc *ic, const struct ic_message *request,
		void *buffer, u32 capacity_bytes, u32 status)
{
	u32 size_bytes = ic_vsc_respond(ic, request, buffer, capacity_bytes,
					request->body_bytes, status);

	if (size_bytes)
		port_copy((u8 *)buffer + IC_BODY_OFFSET, request->body,
			  request->body_bytes);
	return size_bytes;
}
