// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Frames from a guest. */
#include "services/network/packet.h"
#include "services/network/vsp_internal.h"

#define TCP_FLAGS 13u /* in the header */
#define TCP_CWR	  0x80u

#define TAG_ID 0x0fffu

enum vmbus_status network_vsp_tx_begin(struct network_tx_cursor *cursor,
				       const struct ring_vec *pieces,
				       u32 piece_count)
{
	cursor->pieces = pieces;
	cursor->piece_count = piece_count;
	cursor->offset_bytes = 0;
	cursor->bytes = network_pieces_bytes(pieces, piece_count);
	return cursor->bytes <= NETWORK_TRANSFER_MAX_BYTES
		       ? VMBUS_OK
		       : VMBUS_E_NETWORK_TRANSFER;
}

static u32 frame_bytes(const struct network_tx *tx)
{
	return tx->head_bytes + tx->rest_bytes;
}

/* ---- tags ---- */

static u32 tag_of_info(u32 vlan)
{
	return (vlan & RNDIS_VLAN_PRIORITY_MASK) << 13 |
	       (vlan & RNDIS_VLAN_CFI ? 1u << 12 : 0) |
	       (vlan >> RNDIS_VLAN_ID_SHIFT & 0xfff);
}

/*
 * The frame's tag is the one beside it, but for a priority without a VLAN: then
 * one within counts. @moved: by how much what follows the addresses came to the
 * front. False: behind a tag of no VLAN there is another one, which would leave
 * unseen.
 */
static bool take_tag(struct network_tx *tx, const struct network_info *info,
		     u32 *moved)
{
	u32 within = network_frame_tag(tx->head, tx->head_bytes);

	*moved = 0;
	tx->tag = info->present & NETWORK_HAS_VLAN ? tag_of_info(info->vlan)
						   : NETWORK_UNTAGGED;
	if (within == NETWORK_UNTAGGED ||
	    (tx->tag != NETWORK_UNTAGGED && (tx->tag & TAG_ID)))
		return true;
	port_move(tx->head + 12, tx->head + 12 + NETWORK_TAG_BYTES,
		  tx->head_bytes - 12 - NETWORK_TAG_BYTES);
	tx->head_bytes -= NETWORK_TAG_BYTES;
	tx->tag = within;
	*moved = NETWORK_TAG_BYTES;
	return (within & TAG_ID) ||
	       network_frame_tag(tx->head, tx->head_bytes) == NETWORK_UNTAGGED;
}

void network_tx_put_tag(struct network_tx *tx)
{
	if (tx->tag == NETWORK_UNTAGGED)
		return;
	port_move(tx->head + 12 + NETWORK_TAG_BYTES, tx->head + 12,
		  tx->head_bytes - 12);
	network_put_be16(tx->head + 12, 0x8100);
	network_put_be16(tx->head + 14, tx->tag);
	tx->head_bytes += NETWORK_TAG_BYTES;
	if (tx->vnet.flags & NETWORK_VNET_NEEDS_CSUM)
		tx->vnet.csum_start += NETWORK_TAG_BYTES;
	if (tx->vnet.hdr_len)
		tx->vnet.hdr_len += NETWORK_TAG_BYTES;
}

/* ---- what a guest leaves to the host ---- */

static void finish_ipv4(struct network_tx *tx,
			const struct network_headers *headers)
{
	u8 *ip = tx->head + headers->ip_offset;

	network_put_be16(ip + 10, 0);
	network_put_be16(ip + 10,
			 (u16)~network_checksum(ip, (ip[0] & 15) * 4u, 0));
}

/* The sum of the pseudo header goes where a guest left it without length. */
static void put_pseudo_sum(struct network_tx *tx,
			   const struct network_headers *headers)
{
	const u8 *ip = tx->head + headers->ip_offset;
	u32 sum = NETWORK_PROTOCOL_TCP +
		  (frame_bytes(tx) - headers->transport_offset);

	sum = headers->ip_version == 4 ? network_checksum(ip + 12, 8, sum)
				       : network_checksum(ip + 8, 32, sum);
	network_put_be16(
		tx->head + headers->transport_offset + NETWORK_TCP_CSUM, sum);
}

static bool segment(struct network_tx *tx, u32 lso,
		    const struct network_headers *headers)
{
	u32 mss = lso & RNDIS_LSO_MSS_MASK, length;
	u8 *ip = tx->head + headers->ip_offset;

	if (!(lso & RNDIS_LSO_V2) || !mss || mss > 0xffff ||
	    headers->ip_version != (lso & RNDIS_LSO_IPV6 ? 6 : 4) ||
	    headers->protocol != NETWORK_PROTOCOL_TCP || headers->fragment ||
	    !headers->payload_offset ||
	    headers->payload_offset > tx->head_bytes)
		return false;
	length = frame_bytes(tx) - headers->ip_offset;
	if (headers->ip_version == 6)
		length -= 40;
	if (length > 0xffff)
		return false;
	if (headers->ip_version == 4) {
		network_put_be16(ip + 2, length);
		finish_ipv4(tx, headers);
	} else {
		network_put_be16(ip + 4, length);
	}
	put_pseudo_sum(tx, headers);
	tx->vnet.flags = NETWORK_VNET_NEEDS_CSUM;
	tx->vnet.csum_start = headers->transport_offset;
	tx->vnet.csum_offset = NETWORK_TCP_CSUM;
	/* What fits one segment is none that has to be cut. */
	if (frame_bytes(tx) - headers->payload_offset <= mss)
		return true;
	tx->vnet.gso_type =
		headers->ip_version == 4 ? NETWORK_GSO_TCP4 : NETWORK_GSO_TCP6;
	if (tx->head[headers->transport_offset + TCP_FLAGS] & TCP_CWR)
		tx->vnet.gso_type |= NETWORK_GSO_ECN;
	tx->vnet.gso_size = (u16)mss;
	tx->vnet.hdr_len = headers->payload_offset;
	return true;
}

static bool finish_checksums(struct network_tx *tx, u32 wishes, u32 moved,
			     const struct network_headers *headers)
{
	u32 start = wishes >> RNDIS_TX_OFFSET_SHIFT & RNDIS_TX_OFFSET_MASK;
	u32 offset =
		wishes & RNDIS_TX_TCP ? NETWORK_TCP_CSUM : NETWORK_UDP_CSUM;

	if ((wishes & RNDIS_TX_IP_HEADER) && headers->ip_version == 4)
		finish_ipv4(tx, headers);
	if (!(wishes & (RNDIS_TX_TCP | RNDIS_TX_UDP)))
		return true;
	/* FreeBSD may leave the offset out; ours is as good where we see it. */
	if (headers->transport_offset)
		start = headers->transport_offset;
	else if (start > NETWORK_ETHERNET_BYTES + moved)
		start -= moved;
	else
		return false;
	if (start + offset + 2 > frame_bytes(tx))
		return false;
	tx->vnet.flags = NETWORK_VNET_NEEDS_CSUM;
	tx->vnet.csum_start = (u16)start;
	tx->vnet.csum_offset = (u16)offset;
	return true;
}

static bool carry_out(struct network_tx *tx, const struct network_info *info,
		      u32 moved)
{
	struct network_headers headers;

	port_fill(&tx->vnet, 0, sizeof(tx->vnet));
	if (!(info->present & (NETWORK_HAS_LSO | NETWORK_HAS_CHECKSUM)))
		return true;
	network_frame_headers(tx->head, tx->head_bytes, &headers);
	/* Behind another tag nothing is finished. */
	if (info->present & NETWORK_HAS_LSO)
		return segment(tx, info->lso, &headers);
	return finish_checksums(tx, info->checksum, moved, &headers);
}

/* ---- the next frame ---- */

static bool take_frame(struct network_tx_cursor *cursor,
		       const struct network_packet *packet,
		       struct network_tx *tx)
{
	u32 offset = cursor->offset_bytes + packet->frame_offset;
	u32 head_bytes = packet->frame_bytes < NETWORK_HEAD_BYTES
				 ? packet->frame_bytes
				 : NETWORK_HEAD_BYTES;

	if (packet->frame_bytes < NETWORK_ETHERNET_BYTES ||
	    packet->frame_bytes > NETWORK_FRAME_MAX_BYTES ||
	    !network_pieces_copy(cursor->pieces, cursor->piece_count, offset,
				 tx->head, head_bytes))
		return false;
	tx->head_bytes = head_bytes;
	tx->rest_offset_bytes = offset + head_bytes;
	tx->rest_bytes = packet->frame_bytes - head_bytes;
	return true;
}

static void count(u64 *counter, u64 add)
{
	port_store(counter, *counter + add);
}

static void count_dropped(struct network_vsp *vsp)
{
	count(&vsp->shared->counters[vsp->channel].tx_dropped, 1);
}

enum vmbus_status network_vsp_tx_next(struct network_vsp *vsp,
				      struct network_tx_cursor *cursor,
				      struct network_tx *tx)
{
	struct network_packet packet;
	enum vmbus_status status;
	u32 moved;
	bool good;

	while (cursor->bytes - cursor->offset_bytes >= RNDIS_HEADER_BYTES) {
		status = network_packet_read(
			cursor->pieces, cursor->piece_count,
			cursor->offset_bytes,
			cursor->bytes - cursor->offset_bytes, &packet);
		if (status)
			return status;
		good = take_frame(cursor, &packet, tx) &&
		       take_tag(tx, &packet.info, &moved) &&
		       carry_out(tx, &packet.info, moved);
		cursor->offset_bytes += packet.bytes;
		if (good)
			return VMBUS_OK;
		count_dropped(vsp);
	}
	return VMBUS_AGAIN;
}

void network_vsp_tx_count(struct network_vsp *vsp, const struct network_tx *tx,
			  bool sent)
{
	struct network_counters *counters =
		&vsp->shared->counters[vsp->channel];

	if (!sent) {
		count_dropped(vsp);
		return;
	}
	count(&counters->tx_frames, 1);
	count(&counters->tx_bytes, frame_bytes(tx));
	if (!(tx->head[0] & 1))
		return;
	if (tx->head[0] == 0xff)
		count(&counters->tx_broadcast, 1);
	else
		count(&counters->tx_multicast, 1);
}
