// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The two headers of every packet. */
#include "services/ic/packet.h"

const u32 ic_framework_versions[2] = { IC_FRAMEWORK_1_0, IC_FRAMEWORK_3_0 };

enum vmbus_status ic_packet_parse(struct ic_packet *packet, const void *data,
				  u32 size_bytes)
{
	const u8 *bytes = data;

	if (size_bytes < IC_BODY_OFFSET)
		return VMBUS_E_IC_SHORT;
	port_copy(&packet->pipe, bytes, sizeof(packet->pipe));
	port_copy(&packet->header, bytes + sizeof(packet->pipe),
		  sizeof(packet->header));
	if (packet->pipe.size_bytes < sizeof(packet->header))
		return VMBUS_E_IC_SHORT;
	if (packet->pipe.size_bytes > size_bytes - sizeof(packet->pipe))
		return VMBUS_E_IC_SIZE;
	packet->body = bytes + IC_BODY_OFFSET;
	packet->space_bytes =
		packet->pipe.size_bytes - (u32)sizeof(packet->header);
	if (packet->header.body_bytes > packet->space_bytes)
		return VMBUS_E_IC_SIZE;
	return VMBUS_OK;
}

void ic_packet_message(const struct ic_packet *packet,
		       struct ic_message *message)
{
	message->kind = IC_KIND_MESSAGE;
	message->status = packet->header.status;
	message->body = packet->body;
	message->body_bytes = packet->header.body_bytes;
	message->pipe_type = packet->pipe.type;
	message->type = packet->header.message_type;
	message->short_id = packet->header.transaction_id;
	message->response_wanted = packet->header.flags & IC_FLAG_TRANSACTION;
}

u32 ic_packet_build(void *buffer, u32 capacity_bytes, u32 pipe_type,
		    const struct ic_header *header)
{
	struct ic_pipe_header pipe = {
		.type = pipe_type,
		.size_bytes = (u32)sizeof(*header) + header->body_bytes,
	};
	u8 *bytes = buffer;

	if (capacity_bytes < IC_BODY_OFFSET + (u32)header->body_bytes)
		return 0;
	port_copy(bytes, &pipe, sizeof(pipe));
	port_copy(bytes + sizeof(pipe), header, sizeof(*header));
	return IC_BODY_OFFSET + (u32)header->body_bytes;
}

u32 ic_versions_load(const u8 *versions, u32 index)
{
	u32 version;

	port_copy(&version, versions + (size_t)index * sizeof(version),
		  sizeof(version));
	return version;
}

u32 ic_service_version_count(const struct ic_service *service, u32 newest)
{
	u32 i;

	if (!newest)
		return service->version_count;
	for (i = 0; i < service->version_count; i++) {
		if (service->versions[i] == newest)
			return i + 1;
	}
	return 0;
}

bool ic_version_older(u32 a, u32 b)
{
	if (IC_VERSION_MAJOR(a) != IC_VERSION_MAJOR(b))
		return IC_VERSION_MAJOR(a) < IC_VERSION_MAJOR(b);
	return IC_VERSION_MINOR(a) < IC_VERSION_MINOR(b);
}
