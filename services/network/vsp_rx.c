// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Frames to a guest. */
#include "services/network/packet.h"
#include "services/network/vsp_internal.h"

/* iPXE takes no packet above 512 bytes. */
#define BATCH_RANGES_OLD 32u

#define RSC (NETWORK_RX_RSC4 | NETWORK_RX_RSC6)

static struct network_counters *counters_of(struct network_vsp *vsp)
{
	return &vsp->shared->counters[vsp->channel];
}

static void count(u64 *counter, u64 add)
{
	port_store(counter, *counter + add);
}

/* ---- places ---- */

u32 network_vsp_rx_room(const struct network_vsp *vsp)
{
	const struct network_receive_buffer *buffer = &vsp->shared->receive;

	return buffer->base ? buffer->slot_bytes - NETWORK_SLOT_DATA_BYTES : 0;
}

/* The longest frame that is no segment. A slot may have room for more. */
static u32 longest(const struct network_vsp *vsp)
{
	u32 bytes = vsp->settings.frame_bytes;

	return (bytes < NETWORK_FRAME_BYTES ? NETWORK_FRAME_BYTES : bytes) +
	       NETWORK_TAG_BYTES;
}

u32 network_vsp_rx_max(const struct network_vsp *vsp)
{
	u32 room = network_vsp_rx_room(vsp), most;

	if (!room || !vsp->settings.running)
		return 0;
	if (!(vsp->settings.offloads & RSC))
		return longest(vsp) < room ? longest(vsp) : room;
	most = room * NETWORK_PLACE_SLOTS;
	return most < NETWORK_FRAME_MAX_BYTES ? most : NETWORK_FRAME_MAX_BYTES;
}

enum vmbus_status network_vsp_rx_reserve(struct network_vsp *vsp,
					 struct network_rx_place *place,
					 u32 frame_bytes)
{
	u32 room = network_vsp_rx_room(vsp), need;
	u16 slot;

	if (!room)
		return VMBUS_NOT_READY;
	need = (frame_bytes + room - 1) / room;
	if (!need || need > NETWORK_PLACE_SLOTS)
		return VMBUS_BAD_ARGUMENT;
	while (place->count < need) {
		slot = network_slot_take(vsp, false);
		if (slot == NETWORK_SLOT_NONE) {
			count(&counters_of(vsp)->rx_no_slot, 1);
			return VMBUS_AGAIN;
		}
		place->slots[place->count++] = slot;
	}
	return VMBUS_OK;
}

static u8 *slot_base(const struct network_vsp *vsp, u16 slot)
{
	const struct network_receive_buffer *buffer = &vsp->shared->receive;

	return buffer->base + (size_t)slot * buffer->slot_bytes;
}

u32 network_vsp_rx_pieces(const struct network_vsp *vsp,
			  const struct network_rx_place *place, u32 skip_bytes,
			  struct network_piece *pieces)
{
	u32 room = network_vsp_rx_room(vsp), i;

	for (i = 0; i < place->count; i++) {
		pieces[i].base = slot_base(vsp, place->slots[i]) +
				 NETWORK_SLOT_DATA_BYTES;
		pieces[i].bytes = room;
	}
	if (place->count) {
		pieces[0].base += skip_bytes;
		pieces[0].bytes -= skip_bytes;
	}
	return place->count;
}

void network_vsp_rx_release(struct network_vsp *vsp,
			    struct network_rx_place *place,
			    struct network_rx_batch *batch)
{
	const struct network_receive_buffer *buffer = &vsp->shared->receive;
	u32 i;

	/* Without a buffer there is nothing to give back. */
	for (i = 0; buffer->base && i < place->count; i++)
		network_slot_give(vsp, place->slots[i]);
	place->count = 0;
	for (i = 0; buffer->base && i < batch->range_count; i++)
		network_slot_give(vsp, (u16)(batch->ranges[i].offset_bytes /
					     buffer->slot_bytes));
	batch->range_count = 0;
}

/* ---- what is told beside a frame ---- */

static u32 checksum_info(const struct network_vsp *vsp,
			 const struct network_rx *rx)
{
	u32 offloads = vsp->settings.offloads, good = 0;
	bool unwritten = rx->vnet.flags & NETWORK_VNET_NEEDS_CSUM;
	struct network_headers headers;
	bool four, tcp;

	if (!(rx->vnet.flags &
	      (NETWORK_VNET_NEEDS_CSUM | NETWORK_VNET_DATA_VALID)))
		return 0;
	network_frame_headers(rx->head, rx->head_bytes, &headers);
	four = headers.ip_version == 4;
	tcp = headers.protocol == NETWORK_PROTOCOL_TCP;
	if (four && (offloads & NETWORK_RX_CSUM_IP4))
		good |= RNDIS_RX_IP_GOOD;
	if (!headers.transport_offset || headers.fragment)
		return good;
	if (tcp &&
	    (offloads & (four ? NETWORK_RX_CSUM_TCP4 : NETWORK_RX_CSUM_TCP6)))
		good |= RNDIS_RX_TCP_GOOD |
			(unwritten ? RNDIS_RX_TCP_UNWRITTEN : 0);
	if (headers.protocol == NETWORK_PROTOCOL_UDP &&
	    (offloads & (four ? NETWORK_RX_CSUM_UDP4 : NETWORK_RX_CSUM_UDP6)))
		good |= RNDIS_RX_UDP_GOOD;
	return good;
}

/* Whether the tag in the frame stays there. */
static bool tag_stays(const struct network_vsp *vsp,
		      const struct network_rx *rx)
{
	return rx->tag != NETWORK_UNTAGGED && !vsp->settings.tags_beside;
}

static void fill_info(const struct network_vsp *vsp,
		      const struct network_rx *rx, struct network_info *info)
{
	port_fill(info, 0, sizeof(*info));
	info->checksum = checksum_info(vsp, rx);
	if (info->checksum)
		info->present |= NETWORK_HAS_CHECKSUM;
	if (rx->tag != NETWORK_UNTAGGED && !tag_stays(vsp, rx)) {
		info->present |= NETWORK_HAS_VLAN;
		info->vlan = (rx->tag >> 13 & RNDIS_VLAN_PRIORITY_MASK) |
			     (rx->tag & 1u << 12 ? RNDIS_VLAN_CFI : 0) |
			     (rx->tag & 0xfff) << RNDIS_VLAN_ID_SHIFT;
	}
	if (rx->hash_type) {
		info->present |= NETWORK_HAS_HASH | NETWORK_HAS_HASHING;
		info->hash = rx->hash;
		info->hashing = rx->hash_type | NETWORK_HASH_TOEPLITZ;
	}
}

/* ---- the frame ---- */

static bool takes_pieces(const struct network_vsp *vsp,
			 const struct network_rx *rx)
{
	u32 offloads = vsp->settings.offloads;

	switch (rx->vnet.gso_type & ~NETWORK_GSO_ECN) {
	case NETWORK_GSO_TCP4:
		return offloads & NETWORK_RX_RSC4;
	case NETWORK_GSO_TCP6:
		return offloads & NETWORK_RX_RSC6;
	default:
		return false;
	}
}

/*
 * The head into the first slot. Returns how far the frame begins behind where
 * the backend put it: its tag may have to go.
 */
static u32 put_head(const struct network_vsp *vsp, u16 slot,
		    const struct network_rx *rx)
{
	u8 *data = slot_base(vsp, slot) + NETWORK_SLOT_DATA_BYTES;
	bool tagged =
		network_frame_tag(rx->head, rx->head_bytes) != NETWORK_UNTAGGED;

	if (!tagged || tag_stays(vsp, rx)) {
		port_copy(data, rx->head, rx->head_bytes);
		if (tagged)
			network_put_be16(data + 14, rx->tag);
		return 0;
	}
	port_copy(data + NETWORK_TAG_BYTES, rx->head, 12);
	port_copy(data + 16, rx->head + 16, rx->head_bytes - 16);
	return NETWORK_TAG_BYTES;
}

static void add_range(struct network_vsp *vsp, struct network_rx_batch *batch,
		      u16 slot, u32 bytes)
{
	struct packet_transfer_range *range =
		&batch->ranges[batch->range_count];

	range->offset_bytes = slot * vsp->shared->receive.slot_bytes;
	range->size_bytes = bytes;
	if (batch->range_count)
		network_slots_link(vsp, batch->last, slot);
	else
		batch->first = slot;
	batch->last = slot;
	batch->range_count++;
}

static void put_pieces(struct network_vsp *vsp,
		       const struct network_rx_place *place,
		       const struct network_rx *rx, u32 pieces,
		       struct network_rx_batch *batch)
{
	u32 room = network_vsp_rx_room(vsp), left = rx->frame_bytes, i;
	u32 moved = put_head(vsp, place->slots[0], rx), bytes;
	struct network_info info;

	fill_info(vsp, rx, &info);
	for (i = 0; i < pieces; i++) {
		u8 *at = slot_base(vsp, place->slots[i]);

		bytes = left < room ? left : room;
		left -= bytes;
		bytes -= moved;
		if (pieces > 1) {
			info.present |= NETWORK_HAS_ID;
			info.id.version = 1;
			info.id.flags = RNDIS_ID_PIECE |
					(i ? 0 : RNDIS_ID_FIRST) |
					(left ? 0 : RNDIS_ID_LAST);
		}
		network_packet_write(at, NETWORK_SLOT_DATA_BYTES + moved, bytes,
				     &info);
		add_range(vsp, batch, place->slots[i],
			  NETWORK_SLOT_DATA_BYTES + moved + bytes);
		/* The others are the frame's bytes and nothing else. */
		info.present = 0;
		moved = 0;
	}
}

static void drop_slots(struct network_rx_place *place, u32 used)
{
	u32 i;

	place->count -= used;
	for (i = 0; i < place->count; i++)
		place->slots[i] = place->slots[i + used];
}

enum vmbus_status network_vsp_rx_add(struct network_vsp *vsp,
				     struct network_rx_place *place,
				     const struct network_rx *rx,
				     struct network_rx_batch *batch)
{
	struct network_counters *counters = counters_of(vsp);
	u32 room = network_vsp_rx_room(vsp), pieces;
	u32 most = network_vsp_version(vsp->shared) == NETWORK_VERSION_1
			   ? BATCH_RANGES_OLD
			   : NETWORK_BATCH_RANGES;

	if (!room || rx->frame_bytes < NETWORK_ETHERNET_BYTES ||
	    rx->head_bytes > room || rx->head_bytes > rx->frame_bytes ||
	    (rx->head_bytes < NETWORK_HEAD_BYTES &&
	     rx->head_bytes != rx->frame_bytes))
		return VMBUS_BAD_ARGUMENT;
	pieces = (rx->frame_bytes + room - 1) / room;
	if (pieces > NETWORK_PLACE_SLOTS ||
	    ((pieces > 1 || rx->frame_bytes > longest(vsp)) &&
	     !takes_pieces(vsp, rx))) {
		count(&counters->rx_dropped, 1);
		return VMBUS_UNSUPPORTED;
	}
	if (pieces > place->count)
		return VMBUS_BAD_ARGUMENT;
	if (batch->range_count + pieces > most)
		return VMBUS_AGAIN;
	put_pieces(vsp, place, rx, pieces, batch);
	drop_slots(place, pieces);
	count(&counters->rx_frames, 1);
	count(&counters->rx_bytes, rx->frame_bytes);
	if (rx->head[0] & 1)
		count(rx->head[0] == 0xff ? &counters->rx_broadcast
					  : &counters->rx_multicast,
		      1);
	return VMBUS_OK;
}

/* ---- the packet ---- */

void network_vsp_rx_out(struct network_vsp *vsp,
			const struct network_rx_batch *batch, void *payload,
			struct ring_vec *vec, struct packet_out *out)
{
	const struct network_message message = {
		.type = NETWORK_RNDIS,
		.rndis.channel = NETWORK_RNDIS_DATA,
		.rndis.section = NETWORK_SECTION_NONE,
	};

	port_copy(payload, &message, sizeof(message));
	vec->base = payload;
	vec->size_bytes = network_message_bytes(vsp->shared);
	port_fill(out, 0, sizeof(*out));
	out->type = PACKET_DATA_TRANSFER_PAGES;
	out->flags = PACKET_FLAG_COMPLETION_REQUESTED;
	out->transaction_id = batch->first;
	out->vec = vec;
	out->vec_count = 1;
	out->ranges = batch->ranges;
	out->range_count = batch->range_count;
	out->range_bytes =
		batch->range_count * (u32)sizeof(struct packet_transfer_range);
	out->transfer_pageset = vsp->shared->receive.id;
}

void network_vsp_rx_sent(struct network_vsp *vsp,
			 struct network_rx_batch *batch)
{
	if (batch->range_count)
		network_slots_sent(vsp, batch->first);
	batch->range_count = 0;
}
