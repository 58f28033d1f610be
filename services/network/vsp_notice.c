// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What the host tells a guest without being asked. */
#include "services/network/vsp_internal.h"

void network_put_response(struct network_vsp *vsp, u16 slot,
			  const void *message, u32 bytes,
			  struct network_vsp_out *out)
{
	const struct network_receive_buffer *buffer = &vsp->shared->receive;
	const struct network_message envelope = {
		.type = NETWORK_RNDIS,
		.rndis.channel = NETWORK_RNDIS_CONTROL,
		.rndis.section = NETWORK_SECTION_NONE,
	};

	out->type = PACKET_DATA_TRANSFER_PAGES;
	out->flags = PACKET_FLAG_COMPLETION_REQUESTED;
	out->pageset = buffer->id;
	out->transaction_id = slot;
	out->range.size_bytes = bytes;
	out->range.offset_bytes = slot * buffer->slot_bytes;
	out->packet_bytes = network_message_bytes(vsp->shared);
	port_copy(out->packet, &envelope, sizeof(envelope));
	port_copy(buffer->base + out->range.offset_bytes, message, bytes);
	network_slots_sent(vsp, slot);
}

static void put_in_band(struct network_vsp_out *out, const void *message,
			u32 bytes)
{
	out->type = PACKET_DATA_INBAND;
	out->flags = 0;
	out->pageset = 0;
	out->transaction_id = 0;
	out->packet_bytes = bytes;
	port_copy(out->packet, message, bytes);
}

static void put_vf(const struct network_vsp_shared *shared,
		   struct network_vsp_out *out)
{
	const struct network_message message = {
		.type = NETWORK_VF_ASSOCIATION,
		.vf.allocated = shared->vf_allocated,
		.vf.serial = shared->vf_serial,
	};

	put_in_band(out, &message, network_message_bytes(shared));
}

static void put_table(const struct network_vsp_shared *shared,
		      struct network_vsp_out *out)
{
	u32 bytes = network_message_bytes(shared), i;
	struct {
		struct network_message message;
		u32 room[NETWORK_SEND_TABLE];
	} packet = {
		.message.type = NETWORK_INDIRECTION_TABLE,
		.message.indirection.count = NETWORK_SEND_TABLE,
		.message.indirection.offset_bytes = bytes,
	};

	for (i = 0; i < NETWORK_SEND_TABLE; i++) {
		u32 channel = i % shared->channel_count;

		port_copy((u8 *)&packet + bytes + (size_t)i * sizeof(u32),
			  &channel, sizeof(channel));
	}
	put_in_band(out, &packet,
		    bytes + NETWORK_SEND_TABLE * (u32)sizeof(u32));
}

/* An indication, as bytes; its information behind it. */
static u32 put_indication(const struct network_vsp_shared *shared, u32 notice,
			  u8 *at)
{
	struct {
		struct rndis_header header;
		struct rndis_indicate body;
	} message = { .header.type = RNDIS_INDICATE };
	u8 *info = at + sizeof(message);
	u32 number = 0, bytes = sizeof(number);

	switch (notice) {
	case NETWORK_NOTICE_LINK:
		message.body.status = shared->options.link_down
					      ? RNDIS_STATUS_MEDIA_DISCONNECT
					      : RNDIS_STATUS_MEDIA_CONNECT;
		bytes = 0;
		break;
	case NETWORK_NOTICE_SPEED:
		message.body.status = RNDIS_STATUS_LINK_SPEED_CHANGE;
		number = (u32)(shared->options.speed_bps / 100);
		break;
	case NETWORK_NOTICE_CHANGE:
		message.body.status = RNDIS_STATUS_NETWORK_CHANGE;
		number = 2; /* definite (FreeBSD, NDIS_NETCHANGE_TYPE_*) */
		break;
	default:
		message.body.status = RNDIS_STATUS_OFFLOAD_CONFIG;
		bytes = network_put_offloads(shared, shared->settings.offloads,
					     info);
		break;
	}
	if (notice != NETWORK_NOTICE_OFFLOAD)
		port_copy(info, &number, bytes);
	message.header.bytes = (u32)sizeof(message) + bytes;
	message.body.info_bytes = bytes;
	message.body.info_offset_bytes = bytes ? sizeof(message.body) : 0;
	port_copy(at, &message, sizeof(message));
	return message.header.bytes;
}

bool network_vsp_transmit(struct network_vsp *vsp, struct network_vsp_out *out)
{
	struct network_vsp_shared *shared = vsp->shared;
	u8 message[NETWORK_RESPONSE_BYTES];
	u32 notice;
	u16 slot;

	if (!shared->receive.base)
		return false;
	if (shared->pending & NETWORK_NOTICE_VF) {
		shared->pending &= ~NETWORK_NOTICE_VF;
		put_vf(shared, out);
		return true;
	}
	if (shared->pending & NETWORK_NOTICE_TABLE) {
		shared->pending &= ~NETWORK_NOTICE_TABLE;
		put_table(shared, out);
		return true;
	}
	/* A guest that has not begun asks for all of the others itself. */
	if (!shared->initialized)
		shared->pending = 0;
	notice = shared->pending & (0u - shared->pending);
	if (!notice)
		return false;
	slot = network_slot_take(vsp, true);
	if (slot == NETWORK_SLOT_NONE)
		return false;
	shared->pending &= ~notice;
	network_put_response(vsp, slot, message,
			     put_indication(shared, notice, message), out);
	return true;
}

bool network_vsp_link(struct network_vsp *vsp, bool up, u64 speed_bps)
{
	struct network_vsp_shared *shared = vsp->shared;
	struct network_vsp_options *options = &shared->options;

	if (options->link_down == up) {
		options->link_down = !up;
		shared->pending |= NETWORK_NOTICE_LINK;
	}
	if (speed_bps && speed_bps != options->speed_bps) {
		options->speed_bps = speed_bps;
		if (shared->capabilities & NETWORK_CAPABILITY_TEAMING)
			shared->pending |= NETWORK_NOTICE_SPEED;
	}
	return shared->pending != 0;
}

bool network_vsp_vf(struct network_vsp *vsp, bool allocated, u32 serial)
{
	struct network_vsp_shared *shared = vsp->shared;

	shared->vf_allocated = allocated;
	shared->vf_serial = allocated ? serial : 0;
	if (network_vsp_version(shared) >= NETWORK_VERSION_4 &&
	    (shared->capabilities & NETWORK_CAPABILITY_SRIOV))
		shared->pending |= NETWORK_NOTICE_VF;
	return shared->pending != 0;
}

bool network_vsp_network_change(struct network_vsp *vsp)
{
	vsp->shared->pending |= NETWORK_NOTICE_CHANGE;
	return true;
}
