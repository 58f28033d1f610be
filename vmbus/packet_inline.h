/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * packet_inline.h - the way that nearly every packet goes, inlined.
 *
 * Here: packets without page ranges whose payload is one piece of memory and
 * which lie in one piece in the ring. Not here: all the others, and the reason
 * of any refusal: what is not taken here goes to packet_write_any() or
 * packet_peek_any(), which begin anew.
 */
#ifndef VMBUS_PACKET_INLINE_H
#define VMBUS_PACKET_INLINE_H

#include "vmbus/packet.h"

static inline bool packet_has_ranges(u16 type)
{
	return type == PACKET_DATA_TRANSFER_PAGES ||
	       type == PACKET_DATA_GPA_DIRECT;
}

/* An aligned word of the ring never wraps, and is loaded or stored whole. */
static inline u64 *packet_word(const struct ring *ring, u32 index)
{
	return (u64 *)(void *)(ring->data + index);
}

/* An index advanced by less than a ring. */
static inline u32 packet_advance(const struct ring *ring, u32 index, u32 bytes)
{
	index += bytes;
	return index >= ring->size_bytes ? index - ring->size_bytes : index;
}

/* Whether @bytes at @index lie in one piece as this end sees the ring. */
static inline bool packet_in_one_piece(const struct ring *ring, u32 index,
				       u32 bytes)
{
	return bytes <= ring->linear_bytes - index;
}

/* The first word of a packet. */
static inline u64 packet_head(const struct packet_out *out, u32 offset_bytes,
			      u32 length_bytes)
{
	return out->type | (u64)(offset_bytes / 8) << 16 |
	       (u64)(length_bytes / 8) << 32 | (u64)out->flags << 48;
}

static inline enum vmbus_status packet_write(struct ring *tx,
					     const struct packet_out *out)
{
	u32 payload_bytes, length_bytes, start = tx->local;
	u8 *at = tx->data + start;

	if (out->vec_count != 1 || packet_has_ranges(out->type) ||
	    out->range_bytes || out->range_count)
		return packet_write_any(tx, out);
	payload_bytes = out->vec->size_bytes;
	if (payload_bytes > PACKET_MAX_BYTES - sizeof(struct packet_descriptor))
		return packet_write_any(tx, out);
	length_bytes = (payload_bytes + 23) & ~7u;
	if (length_bytes + PACKET_TRAILER_BYTES > tx->available_bytes ||
	    !packet_in_one_piece(tx, start,
				 length_bytes + PACKET_TRAILER_BYTES))
		return packet_write_any(tx, out);

	port_store((u64 *)(void *)at,
		   packet_head(out, sizeof(struct packet_descriptor),
			       length_bytes));
	/* Padding first, then what stands before it or covers it. */
	port_store((u64 *)(void *)(at + length_bytes - 8), 0);
	port_store((u64 *)(void *)(at + 8), out->transaction_id);
	port_store((u64 *)(void *)(at + length_bytes), (u64)start << 32);
	port_copy_bulk(at + sizeof(struct packet_descriptor), out->vec->base,
		       payload_bytes);

	length_bytes += PACKET_TRAILER_BYTES;
	tx->local = packet_advance(tx, start, length_bytes);
	tx->available_bytes -= length_bytes;
	return VMBUS_OK;
}

static inline enum vmbus_status packet_peek(struct ring *rx,
					    struct packet_view *view,
					    void *bounce, u32 bounce_bytes)
{
	u32 start = rx->local, length_bytes;
	enum vmbus_status status;
	u64 head;

	if (!rx->available_bytes) {
		status = ring_refresh_reader(rx);
		if (status)
			return status;
		if (!rx->available_bytes)
			return VMBUS_AGAIN;
	}
	/* Whatever is available is a word at least. */
	head = port_load(packet_word(rx, start));
	length_bytes = ((u32)(head >> 32) & 0xffff) * 8;
	if (((u32)head >> 16) * 8 != sizeof(struct packet_descriptor) ||
	    length_bytes < sizeof(struct packet_descriptor) ||
	    length_bytes + PACKET_TRAILER_BYTES > rx->available_bytes ||
	    packet_has_ranges((u16)head) ||
	    !packet_in_one_piece(rx, start, length_bytes))
		return packet_peek_any(rx, view, bounce, bounce_bytes);

	view->type = (u16)head;
	view->flags = (u16)(head >> 48);
	view->transaction_id = port_load(packet_word(rx, start + 8));
	view->payload = rx->data + start + sizeof(struct packet_descriptor);
	view->payload_bytes =
		length_bytes - (u32)sizeof(struct packet_descriptor);
	view->ranges = NULL;
	view->range_bytes = 0;
	view->range_count = 0;
	view->transfer_pageset = 0;
	view->total_bytes = length_bytes + PACKET_TRAILER_BYTES;
	return VMBUS_OK;
}

static inline void packet_consume(struct ring *rx,
				  const struct packet_view *view)
{
	rx->local = packet_advance(rx, rx->local, view->total_bytes);
	rx->available_bytes -= view->total_bytes;
}

#endif
