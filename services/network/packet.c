// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* RNDIS messages as they lie in shared memory. */
#include "services/network/packet.h"

u32 network_pieces_bytes(const struct ring_vec *pieces, u32 piece_count)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < piece_count; i++)
		bytes += pieces[i].size_bytes;
	return bytes > 0xffffffffu ? 0xffffffffu : (u32)bytes;
}

bool network_pieces_copy(const struct ring_vec *pieces, u32 piece_count,
			 u32 offset, void *to, u32 bytes)
{
	u8 *at = to;
	u32 i, part;

	for (i = 0; i < piece_count && bytes; i++) {
		if (offset >= pieces[i].size_bytes) {
			offset -= pieces[i].size_bytes;
			continue;
		}
		part = pieces[i].size_bytes - offset;
		if (part > bytes)
			part = bytes;
		port_copy(at, (const u8 *)pieces[i].base + offset, part);
		at += part;
		bytes -= part;
		offset = 0;
	}
	return !bytes;
}

static void take_info(struct network_info *info, u32 type, u32 value)
{
	switch (type) {
	case RNDIS_INFO_CHECKSUM:
		info->present |= NETWORK_HAS_CHECKSUM;
		info->checksum = value;
		break;
	case RNDIS_INFO_LSO:
		info->present |= NETWORK_HAS_LSO;
		info->lso = value;
		break;
	case RNDIS_INFO_VLAN:
		info->present |= NETWORK_HAS_VLAN;
		info->vlan = value;
		break;
	case RNDIS_INFO_HASH:
		info->present |= NETWORK_HAS_HASH;
		info->hash = value;
		break;
	case RNDIS_INFO_HASHING:
		info->present |= NETWORK_HAS_HASHING;
		info->hashing = value;
		break;
	case RNDIS_INFO_ID:
		info->present |= NETWORK_HAS_ID;
		port_copy(&info->id, &value, sizeof(info->id));
		break;
	}
}

static enum vmbus_status read_info(const u8 *at, u32 bytes,
				   struct network_info *info)
{
	struct rndis_info head;
	u32 value;

	while (bytes) {
		if (bytes < sizeof(head))
			return VMBUS_E_NETWORK_RNDIS_INFO;
		port_copy(&head, at, sizeof(head));
		if (head.bytes < sizeof(head) || head.bytes > bytes ||
		    head.offset_bytes < sizeof(head) ||
		    head.offset_bytes > head.bytes)
			return VMBUS_E_NETWORK_RNDIS_INFO;
		if (head.bytes - head.offset_bytes >= sizeof(value)) {
			port_copy(&value, at + head.offset_bytes,
				  sizeof(value));
			take_info(info, head.type, value);
		}
		at += head.bytes;
		bytes -= head.bytes;
	}
	return VMBUS_OK;
}

enum vmbus_status network_packet_read(const struct ring_vec *pieces,
				      u32 piece_count, u32 offset, u32 limit,
				      struct network_packet *packet)
{
	struct {
		struct rndis_header header;
		struct rndis_packet body;
	} message;
	u8 info[NETWORK_INFO_MAX_BYTES];
	u32 body_bytes;

	if (limit < RNDIS_HEADER_BYTES ||
	    !network_pieces_copy(pieces, piece_count, offset, &message.header,
				 RNDIS_HEADER_BYTES))
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	if (message.header.type != RNDIS_PACKET)
		return VMBUS_E_NETWORK_RNDIS_TYPE;
	if (message.header.bytes < sizeof(message) ||
	    message.header.bytes > limit ||
	    !network_pieces_copy(pieces, piece_count,
				 offset + RNDIS_HEADER_BYTES, &message.body,
				 sizeof(message.body)))
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	body_bytes = message.header.bytes - RNDIS_HEADER_BYTES;
	if (message.body.data_offset_bytes < RNDIS_PACKET_MIN_BYTES ||
	    message.body.data_offset_bytes > body_bytes ||
	    message.body.data_bytes >
		    body_bytes - message.body.data_offset_bytes)
		return VMBUS_E_NETWORK_RNDIS_DATA;
	packet->bytes = message.header.bytes;
	packet->frame_offset =
		RNDIS_HEADER_BYTES + message.body.data_offset_bytes;
	packet->frame_bytes = message.body.data_bytes;
	port_fill(&packet->info, 0, sizeof(packet->info));
	if (!message.body.info_offset_bytes || !message.body.info_bytes)
		return VMBUS_OK;
	if (message.body.info_offset_bytes < RNDIS_PACKET_MIN_BYTES ||
	    message.body.info_offset_bytes > body_bytes ||
	    message.body.info_bytes >
		    body_bytes - message.body.info_offset_bytes ||
	    message.body.info_bytes > sizeof(info) ||
	    !network_pieces_copy(pieces, piece_count,
				 offset + RNDIS_HEADER_BYTES +
					 message.body.info_offset_bytes,
				 info, message.body.info_bytes))
		return VMBUS_E_NETWORK_RNDIS_INFO;
	return read_info(info, message.body.info_bytes, &packet->info);
}

/* In the order of NETWORK_HAS_. */
static const u32 info_types[] = {
	RNDIS_INFO_CHECKSUM, RNDIS_INFO_LSO,	 RNDIS_INFO_VLAN,
	RNDIS_INFO_HASH,     RNDIS_INFO_HASHING, RNDIS_INFO_ID,
};

u32 network_packet_head_bytes(const struct network_info *info)
{
	u32 bytes = RNDIS_HEADER_BYTES + (u32)sizeof(struct rndis_packet), i;

	for (i = 0; i < PORT_ARRAY_SIZE(info_types); i++) {
		if (info->present >> i & 1)
			bytes += RNDIS_INFO_BYTES;
	}
	return bytes;
}

void network_packet_write(u8 *at, u32 head_bytes, u32 frame_bytes,
			  const struct network_info *info)
{
	struct {
		struct rndis_header header;
		struct rndis_packet body;
	} message = {
		.header.type = RNDIS_PACKET,
		.header.bytes = head_bytes + frame_bytes,
		.body.data_offset_bytes = head_bytes - RNDIS_HEADER_BYTES,
		.body.data_bytes = frame_bytes,
	};
	struct {
		struct rndis_info head;
		u32 value;
	} entry = { .head.bytes = RNDIS_INFO_BYTES,
		    .head.offset_bytes = sizeof(entry.head) };
	u32 values[PORT_ARRAY_SIZE(info_types)], i;
	u8 *next = at + sizeof(message);

	values[0] = info->checksum;
	values[1] = info->lso;
	values[2] = info->vlan;
	values[3] = info->hash;
	values[4] = info->hashing;
	port_copy(&values[5], &info->id, sizeof(info->id));
	for (i = 0; i < PORT_ARRAY_SIZE(info_types); i++) {
		if (!(info->present >> i & 1))
			continue;
		entry.head.type = info_types[i];
		entry.value = values[i];
		port_copy(next, &entry, sizeof(entry));
		next += sizeof(entry);
		message.body.info_bytes += RNDIS_INFO_BYTES;
	}
	if (message.body.info_bytes)
		message.body.info_offset_bytes = sizeof(message.body);
	port_copy(at, &message, sizeof(message));
}
