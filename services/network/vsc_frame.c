// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Frames of the guest end. */
#include "services/network/vsc_internal.h"

#define WORD_BITS	32u
#define NO_SLOT		0xffffu
#define SLOT_MASK	0xffffull
#define FRAME_MAX_BYTES 0x40000u

/* ---- slots and sections ---- */

void network_vsc_slots_init(struct network_vsc *vsc)
{
	u32 i;

	port_fill(vsc->slots, 0, sizeof(*vsc->slots) * vsc->slot_count);
	for (i = 0; i < vsc->slot_count; i++)
		vsc->slots[i].next_free =
			i + 1u < vsc->slot_count ? (u16)(i + 1) : NO_SLOT;
}

void network_vsc_sections_init(struct network_vsc_shared *shared)
{
	u32 i;

	port_fill(shared->free, 0, sizeof(shared->free));
	for (i = 0; i < shared->section_count; i++)
		shared->free[i / WORD_BITS] |= 1u << (i % WORD_BITS);
}

static u32 section_take(struct network_vsc *vsc)
{
	struct network_vsc_shared *shared = vsc->shared;
	u32 words = (shared->section_count + WORD_BITS - 1) / WORD_BITS;
	u32 i, index, word, bit;

	for (i = 0; i < words; i++) {
		index = (vsc->channel + i) % words;
		while ((word = port_load(&shared->free[index])) != 0) {
			bit = word & (0u - word);
			if (port_replace_u32(&shared->free[index], word,
					     word & ~bit))
				return index * WORD_BITS +
				       (u32)__builtin_ctz(bit);
		}
	}
	return NETWORK_SECTION_NONE;
}

static void section_give(struct network_vsc *vsc, u32 section)
{
	u32 *word = &vsc->shared->free[section / WORD_BITS], old;

	do {
		old = port_load(word);
	} while (!port_replace_u32(word, old,
				   old | 1u << (section % WORD_BITS)));
}

static u64 slot_transaction(const struct network_vsc *vsc, u32 index)
{
	return (u64)vsc->slots[index].generation << 16 | (index + 1);
}

/* The slot that @id names, if it is under way. */
static struct network_vsc_slot *slot_of(struct network_vsc *vsc, u64 id)
{
	u64 number = id & SLOT_MASK;

	if (!number || number > vsc->slot_count ||
	    !vsc->slots[number - 1].used ||
	    id != slot_transaction(vsc, (u32)number - 1))
		return NULL;
	return &vsc->slots[number - 1];
}

static void slot_free(struct network_vsc *vsc, struct network_vsc_slot *slot)
{
	if (slot->section != NETWORK_SECTION_NONE)
		section_give(vsc, slot->section);
	slot->used = false;
	slot->generation++;
	slot->next_free = vsc->first_free;
	vsc->first_free = (u16)(slot - vsc->slots);
	vsc->used_count--;
}

/* ---- sending ---- */

enum vmbus_status network_vsc_prepare(const struct network_vnet *vnet, u8 *head,
				      u32 head_bytes)
{
	struct network_headers headers;
	u32 sum = NETWORK_PROTOCOL_TCP;
	u8 *ip;

	network_frame_headers(head, head_bytes, &headers);
	if (!(vnet->gso_type & ~NETWORK_GSO_ECN) || !headers.transport_offset ||
	    headers.protocol != NETWORK_PROTOCOL_TCP || headers.fragment)
		return VMBUS_BAD_ARGUMENT;
	ip = head + headers.ip_offset;
	if (headers.ip_version == 4) {
		network_put_be16(ip + 2, 0);
		network_put_be16(ip + 10, 0);
		sum = network_checksum(ip + 12, 8, sum);
	} else {
		network_put_be16(ip + 4, 0);
		sum = network_checksum(ip + 8, 32, sum);
	}
	network_put_be16(head + headers.transport_offset + NETWORK_TCP_CSUM,
			 sum);
	return VMBUS_OK;
}

static void fill_offload(const struct network_vsc_send *send,
			 struct network_info *info)
{
	struct network_headers headers;
	bool four;

	if (!(send->vnet.flags & NETWORK_VNET_NEEDS_CSUM))
		return;
	network_frame_headers(send->head, send->head_bytes, &headers);
	four = headers.ip_version == 4;
	if (send->vnet.gso_type & ~NETWORK_GSO_ECN) {
		info->present |= NETWORK_HAS_LSO;
		info->lso = RNDIS_LSO_V2 | send->vnet.gso_size |
			    (send->vnet.csum_start & RNDIS_LSO_OFFSET_MASK)
				    << RNDIS_LSO_OFFSET_SHIFT |
			    (four ? 0 : RNDIS_LSO_IPV6);
		return;
	}
	info->present |= NETWORK_HAS_CHECKSUM;
	info->checksum =
		(four ? RNDIS_TX_IPV4 : RNDIS_TX_IPV6) |
		(send->vnet.csum_offset == NETWORK_UDP_CSUM ? RNDIS_TX_UDP
							    : RNDIS_TX_TCP) |
		(send->vnet.csum_start & RNDIS_TX_OFFSET_MASK)
			<< RNDIS_TX_OFFSET_SHIFT;
}

static void fill_info(const struct network_vsc_send *send,
		      struct network_info *info)
{
	port_fill(info, 0, sizeof(*info));
	fill_offload(send, info);
	if (send->hash_type) {
		info->present |= NETWORK_HAS_HASH;
		info->hash = send->hash;
	}
	if (send->tag != NETWORK_UNTAGGED) {
		info->present |= NETWORK_HAS_VLAN;
		info->vlan = (send->tag >> 13 & RNDIS_VLAN_PRIORITY_MASK) |
			     (send->tag & 1u << 12 ? RNDIS_VLAN_CFI : 0) |
			     (send->tag & 0xfff) << RNDIS_VLAN_ID_SHIFT;
	}
}

static void put_packet(const struct network_vsc *vsc,
		       struct network_vsc_sent *sent)
{
	const struct network_message message = {
		.type = NETWORK_RNDIS,
		.rndis.channel = NETWORK_RNDIS_DATA,
		.rndis.section = sent->section_index,
		.rndis.section_bytes = sent->section_bytes,
	};

	sent->packet_bytes = network_vsc_message_bytes(vsc->shared);
	port_copy(sent->packet, &message, sizeof(message));
}

static bool frame_is_good(const struct network_vsc_send *send)
{
	return send->frame_bytes >= NETWORK_ETHERNET_BYTES &&
	       send->frame_bytes <= NETWORK_FRAME_MAX_BYTES;
}

/* The bytes of an RNDIS message with what makes the next one begin aligned. */
static u32 padded_bytes(const struct network_vsc_shared *shared, u32 bytes)
{
	u32 mask =
		shared->packet_align_bytes ? shared->packet_align_bytes - 1 : 0;

	return (bytes + mask) & ~mask;
}

/*
 * The RNDIS header of a frame. Returns what both take, with padding if another
 * one is to follow in @room_bytes.
 */
static u32 put_head(const struct network_vsc_shared *shared,
		    const struct network_vsc_send *send,
		    const struct network_info *info,
		    struct network_vsc_sent *sent, u32 room_bytes)
{
	u32 bytes = sent->head_bytes + send->frame_bytes, padded;

	network_packet_write(sent->head, sent->head_bytes, send->frame_bytes,
			     info);
	padded = padded_bytes(shared, bytes);
	if (!send->more || padded == bytes || padded > room_bytes)
		return bytes;
	port_copy(sent->head + offsetof(struct rndis_header, bytes), &padded,
		  sizeof(padded));
	return padded;
}

static u8 *section_of(const struct network_vsc_shared *shared, u32 index)
{
	return shared->buffers.send + (size_t)index * shared->section_bytes;
}

enum vmbus_status network_vsc_send(struct network_vsc *vsc,
				   const struct network_vsc_send *send,
				   u64 cookie, struct network_vsc_sent *sent)
{
	const struct network_vsc_shared *shared = vsc->shared;
	struct network_vsc_slot *slot;
	struct network_info info;
	u32 bytes;

	if (!port_load_acquire(&shared->ready))
		return VMBUS_NOT_READY;
	if (!frame_is_good(send))
		return VMBUS_BAD_ARGUMENT;
	if (vsc->first_free == NO_SLOT)
		return VMBUS_AGAIN;
	slot = &vsc->slots[vsc->first_free];
	fill_info(send, &info);
	sent->head_bytes = network_packet_head_bytes(&info);
	slot->section = NETWORK_SECTION_NONE;
	if (sent->head_bytes + send->frame_bytes <= shared->section_bytes)
		slot->section = section_take(vsc);
	bytes = put_head(shared, send, &info, sent,
			 slot->section == NETWORK_SECTION_NONE
				 ? 0
				 : shared->section_bytes);
	slot->cookie = cookie;
	slot->used = true;
	vsc->first_free = slot->next_free;
	vsc->used_count++;
	sent->transaction_id = slot_transaction(vsc, (u32)(slot - vsc->slots));
	sent->frame_count = 1;
	sent->section_index = slot->section;
	sent->section_bytes = 0;
	sent->section = NULL;
	if (slot->section != NETWORK_SECTION_NONE) {
		sent->section_bytes = bytes;
		sent->section = section_of(shared, slot->section);
	}
	put_packet(vsc, sent);
	return VMBUS_OK;
}

enum vmbus_status network_vsc_join(struct network_vsc *vsc,
				   const struct network_vsc_send *send,
				   struct network_vsc_sent *sent)
{
	const struct network_vsc_shared *shared = vsc->shared;
	u32 offset = sent->section_bytes, room, head_bytes;
	struct network_info info;

	if (!frame_is_good(send))
		return VMBUS_BAD_ARGUMENT;
	if (sent->section_index == NETWORK_SECTION_NONE ||
	    sent->frame_count >= shared->packets_max ||
	    padded_bytes(shared, offset) != offset)
		return VMBUS_AGAIN;
	fill_info(send, &info);
	head_bytes = network_packet_head_bytes(&info);
	room = shared->section_bytes - offset;
	if (head_bytes > room || send->frame_bytes > room - head_bytes)
		return VMBUS_AGAIN;
	sent->head_bytes = head_bytes;
	sent->section_bytes += put_head(shared, send, &info, sent, room);
	sent->section = section_of(shared, sent->section_index) + offset;
	sent->frame_count++;
	put_packet(vsc, sent);
	return VMBUS_OK;
}

void network_vsc_unsent(struct network_vsc *vsc, u64 transaction_id)
{
	struct network_vsc_slot *slot = slot_of(vsc, transaction_id);

	if (slot)
		slot_free(vsc, slot);
}

enum vmbus_status network_vsc_take_sent(struct network_vsc *vsc, u64 id,
					u32 status,
					struct network_vsc_event *event)
{
	struct network_vsc_slot *slot = slot_of(vsc, id);

	if (!slot)
		return VMBUS_E_NETWORK_TRANSACTION;
	event->kind = NETWORK_VSC_SENT;
	event->cookie = slot->cookie;
	event->status = status;
	slot_free(vsc, slot);
	return VMBUS_OK;
}

bool network_vsc_abandon(struct network_vsc *vsc, u64 *cookie)
{
	u32 i;

	for (i = 0; vsc->used_count && i < vsc->slot_count; i++) {
		if (!vsc->slots[i].used)
			continue;
		*cookie = vsc->slots[i].cookie;
		slot_free(vsc, &vsc->slots[i]);
		return true;
	}
	return false;
}

/* ---- receiving ---- */

static u32 tag_of(const struct network_info *info)
{
	u32 vlan = info->vlan;

	if (!(info->present & NETWORK_HAS_VLAN))
		return NETWORK_UNTAGGED;
	return (vlan & RNDIS_VLAN_PRIORITY_MASK) << 13 |
	       (vlan & RNDIS_VLAN_CFI ? 1u << 12 : 0) |
	       (vlan >> RNDIS_VLAN_ID_SHIFT & 0xfff);
}

/* One range's part of a frame. *@more: another range has the next part. */
static enum vmbus_status take_piece(const struct ring_vec *range,
				    struct network_vsc_frame *frame, bool *more)
{
	struct network_packet packet;
	enum vmbus_status status =
		network_packet_read(range, 1, 0, range->size_bytes, &packet);
	u8 flags;

	if (status)
		return status;
	flags = packet.info.present & NETWORK_HAS_ID ? packet.info.id.flags : 0;
	if (!(flags & RNDIS_ID_PIECE))
		flags = RNDIS_ID_FIRST | RNDIS_ID_LAST;
	if (!(flags & RNDIS_ID_FIRST) == !frame->piece_count)
		return VMBUS_E_NETWORK_RNDIS_INFO;
	if (packet.frame_bytes > FRAME_MAX_BYTES - frame->bytes)
		return VMBUS_E_NETWORK_RNDIS_DATA;
	if (!frame->piece_count) {
		frame->info = packet.info;
		frame->tag = tag_of(&packet.info);
	}
	frame->pieces[frame->piece_count].base =
		(const u8 *)range->base + packet.frame_offset;
	frame->pieces[frame->piece_count++].size_bytes = packet.frame_bytes;
	frame->bytes += packet.frame_bytes;
	*more = !(flags & RNDIS_ID_LAST);
	return VMBUS_OK;
}

static enum vmbus_status take_control(struct network_vsc *vsc,
				      const struct ring_vec *range,
				      struct network_vsc_event *event)
{
	u8 *message = vsc->shared->control;

	if (vsc->channel)
		return VMBUS_E_NETWORK_RNDIS_TYPE;
	if (range->size_bytes > NETWORK_VSC_CONTROL_MAX_BYTES)
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	port_copy(message, range->base, range->size_bytes);
	return network_vsc_take_control(vsc, message, range->size_bytes, event);
}

enum vmbus_status network_vsc_next(struct network_vsc *vsc,
				   const struct packet_view *view, u32 *range,
				   struct network_vsc_frame *frame,
				   struct network_vsc_event *event)
{
	const struct network_vsc_buffers *buffers = &vsc->shared->buffers;
	struct packet_transfer_range extent;
	enum vmbus_status status;
	struct ring_vec piece;
	bool more = false;
	u32 type;

	port_fill(event, 0, sizeof(*event));
	frame->bytes = 0;
	frame->piece_count = 0;
	while (packet_transfer_range(view, *range, &extent)) {
		++*range;
		if (extent.size_bytes < RNDIS_HEADER_BYTES)
			return VMBUS_E_NETWORK_RNDIS_LENGTH;
		piece.base = buffers->receive + extent.offset_bytes;
		piece.size_bytes = extent.size_bytes;
		port_copy(&type, piece.base, sizeof(type));
		if (type != RNDIS_PACKET && more)
			return VMBUS_E_NETWORK_RNDIS_INFO;
		if (type != RNDIS_PACKET) {
			status = take_control(vsc, &piece, event);
			if (status || event->kind)
				return status;
			continue;
		}
		status = take_piece(&piece, frame, &more);
		if (status)
			return status;
		if (more)
			continue;
		if (frame->bytes < NETWORK_ETHERNET_BYTES)
			return VMBUS_E_NETWORK_RNDIS_DATA;
		event->kind = NETWORK_VSC_FRAME;
		return VMBUS_OK;
	}
	return more ? VMBUS_E_NETWORK_RNDIS_INFO : VMBUS_OK;
}

void network_vsc_release(const struct network_vsc *vsc,
			 const struct packet_view *view,
			 struct network_vsc_out *out)
{
	const struct network_message message = {
		.type = NETWORK_RNDIS_COMPLETE,
		.complete.status = NETWORK_STATUS_SUCCESS,
	};

	(void)vsc;
	out->type = PACKET_COMPLETION;
	out->flags = 0;
	out->transaction_id = view->transaction_id;
	out->message_bytes = 0;
	out->packet_bytes = 8;
	port_copy(out->packet, &message, sizeof(message));
}
