/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/packet.h"

#define DESCRIPTOR_BYTES   ((u32)sizeof(struct packet_descriptor))
#define RANGE_HEADER_BYTES 8u
#define PAGE_BYTES	   4096u

static void copy_in(struct ring *tx, u32 index, const void *from, u32 bytes)
{
	u32 first = tx->size_bytes - index;

	if (packet_in_one_piece(tx, index, bytes)) {
		port_copy_bulk(tx->data + index, from, bytes);
		return;
	}
	port_copy_bulk(tx->data + index, from, first);
	port_copy_bulk(tx->data, (const u8 *)from + first, bytes - first);
}

static void copy_out(const struct ring *rx, u32 index, void *to, u32 bytes)
{
	u32 first = rx->size_bytes - index;

	if (packet_in_one_piece(rx, index, bytes)) {
		port_copy_bulk(to, rx->data + index, bytes);
		return;
	}
	port_copy_bulk(to, rx->data + index, first);
	port_copy_bulk((u8 *)to + first, rx->data, bytes - first);
}

/* Bytes of one GPA range with its page numbers; 0 when it is malformed. */
static u32 gpa_range_bytes(const u8 *at, u32 room_bytes)
{
	struct packet_gpa_range_head head;
	u64 bytes;

	if (room_bytes < sizeof(head))
		return 0;
	port_copy(&head, at, sizeof(head));
	if (head.size_bytes == 0 || head.offset_bytes >= PAGE_BYTES)
		return 0;
	bytes = ((u64)head.offset_bytes + head.size_bytes + PAGE_BYTES - 1) /
			PAGE_BYTES * sizeof(u64) +
		sizeof(head);
	return bytes <= room_bytes ? (u32)bytes : 0;
}

/*
 * Bytes that @count ranges take of @room_bytes; above that when they do not fit
 * or are malformed.
 */
static u32 ranges_bytes(u16 type, const u8 *ranges, u32 count, u32 room_bytes)
{
	u32 used_bytes = 0;
	u32 bytes;

	if (type == PACKET_DATA_TRANSFER_PAGES) {
		if (count > room_bytes / sizeof(struct packet_transfer_range))
			return room_bytes + 1;
		return count * (u32)sizeof(struct packet_transfer_range);
	}
	/* Every turn uses up bytes, so the count need not be bounded. */
	for (; count && used_bytes < room_bytes; count--) {
		bytes = gpa_range_bytes(ranges + used_bytes,
					room_bytes - used_bytes);
		if (!bytes)
			return room_bytes + 1;
		used_bytes += bytes;
	}
	return count ? room_bytes + 1 : used_bytes;
}

u32 packet_ring_bytes(u32 header_bytes, u32 payload_bytes)
{
	u64 bytes = (u64)DESCRIPTOR_BYTES + header_bytes + payload_bytes;

	bytes = ((bytes + 7) & ~7ull) + PACKET_TRAILER_BYTES;
	return bytes > ~0u ? ~0u : (u32)bytes;
}

/* From descriptor to payload; 0 when the ranges of @out are not well-formed. */
static u32 out_offset_bytes(const struct packet_out *out)
{
	if (!packet_has_ranges(out->type))
		return out->range_bytes || out->range_count ? 0
							    : DESCRIPTOR_BYTES;
	if (out->range_bytes > PACKET_MAX_BYTES ||
	    ranges_bytes(out->type, out->ranges, out->range_count,
			 out->range_bytes) != out->range_bytes)
		return 0;
	return DESCRIPTOR_BYTES + RANGE_HEADER_BYTES + out->range_bytes;
}

static u64 out_payload_bytes(const struct packet_out *out)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < out->vec_count; i++)
		bytes += out->vec[i].size_bytes;
	return bytes;
}

static void write_ranges(struct ring *tx, u32 index,
			 const struct packet_out *out)
{
	u64 head = (u64)out->range_count << 32;

	if (out->type == PACKET_DATA_TRANSFER_PAGES)
		head |= out->transfer_pageset | (u64)out->sender_owns_set << 16;
	port_store(packet_word(tx, index), head);
	copy_in(tx, packet_advance(tx, index, RANGE_HEADER_BYTES), out->ranges,
		out->range_bytes);
}

static void write_payload(struct ring *tx, u32 index,
			  const struct packet_out *out)
{
	u32 i;

	for (i = 0; i < out->vec_count; i++) {
		copy_in(tx, index, out->vec[i].base, out->vec[i].size_bytes);
		index = packet_advance(tx, index, out->vec[i].size_bytes);
	}
}

enum vmbus_status packet_write_any(struct ring *tx,
				   const struct packet_out *out)
{
	u32 offset_bytes = out_offset_bytes(out);
	u64 bytes = offset_bytes + out_payload_bytes(out);
	u32 length_bytes, ring_bytes, start = tx->local;
	enum vmbus_status status;

	if (!offset_bytes || bytes > PACKET_MAX_BYTES)
		return VMBUS_BAD_ARGUMENT;
	length_bytes = ((u32)bytes + 7) & ~7u;
	ring_bytes = length_bytes + PACKET_TRAILER_BYTES;
	if (ring_bytes > tx->available_bytes) {
		status = ring_reserve(tx, ring_bytes);
		if (status)
			return status;
	}

	port_store(packet_word(tx, start),
		   packet_head(out, offset_bytes, length_bytes));
	port_store(packet_word(tx, packet_advance(tx, start, 8)),
		   out->transaction_id);
	if (offset_bytes > DESCRIPTOR_BYTES)
		write_ranges(tx, packet_advance(tx, start, DESCRIPTOR_BYTES),
			     out);
	/* Padding is written before the payload that shares its word. */
	if (length_bytes != bytes)
		port_store(packet_word(tx, packet_advance(tx, start,
							  length_bytes - 8)),
			   0);
	write_payload(tx, packet_advance(tx, start, offset_bytes), out);
	port_store(packet_word(tx, packet_advance(tx, start, length_bytes)),
		   (u64)start << 32);

	tx->local = packet_advance(tx, start, ring_bytes);
	tx->available_bytes -= ring_bytes;
	return VMBUS_OK;
}

/*
 * The header part is copied whole before it is looked at: what the peer does to
 * the ring afterwards changes nothing in what was validated.
 */
static enum vmbus_status take_ranges(const struct ring *rx, u32 index,
				     u32 header_bytes, struct packet_view *view,
				     u8 *bounce, u32 bounce_bytes)
{
	u32 room_bytes, used_bytes;
	u64 head;

	if (header_bytes < RANGE_HEADER_BYTES)
		return VMBUS_E_PACKET_RANGES;
	room_bytes = header_bytes - RANGE_HEADER_BYTES;
	if (room_bytes > bounce_bytes)
		return VMBUS_E_PACKET_TOO_BIG;
	head = port_load(packet_word(rx, index));
	copy_out(rx, packet_advance(rx, index, RANGE_HEADER_BYTES), bounce,
		 room_bytes);
	view->range_count = (u32)(head >> 32);
	if (view->type == PACKET_DATA_TRANSFER_PAGES)
		view->transfer_pageset = (u16)head;
	used_bytes =
		ranges_bytes(view->type, bounce, view->range_count, room_bytes);
	if (used_bytes > room_bytes)
		return VMBUS_E_PACKET_RANGES;
	view->ranges = bounce;
	view->range_bytes = used_bytes;
	return VMBUS_OK;
}

static enum vmbus_status take_payload(const struct ring *rx, u32 index,
				      struct packet_view *view, u8 *bounce,
				      u32 bounce_bytes, bool copy)
{
	if (!copy && packet_in_one_piece(rx, index, view->payload_bytes)) {
		view->payload = rx->data + index;
		return VMBUS_OK;
	}
	if (view->payload_bytes > bounce_bytes)
		return VMBUS_E_PACKET_TOO_BIG;
	copy_out(rx, index, bounce, view->payload_bytes);
	view->payload = bounce;
	return VMBUS_OK;
}

static inline enum vmbus_status look(struct ring *rx, struct packet_view *view,
				     u8 *bounce, u32 bounce_bytes, bool copy)
{
	u32 start = rx->local, offset_bytes, length_bytes, used_bytes;
	enum vmbus_status status;
	u64 head;

	if (!rx->available_bytes) {
		status = ring_refresh_reader(rx);
		if (status)
			return status;
		if (!rx->available_bytes)
			return VMBUS_AGAIN;
	}
	/* Whole packets are published: what is short now is short for good. */
	if (rx->available_bytes < DESCRIPTOR_BYTES + PACKET_TRAILER_BYTES)
		return VMBUS_E_PACKET_TRUNCATED;
	head = port_load(packet_word(rx, start));
	offset_bytes = ((u32)(head >> 16) & 0xffff) * 8;
	length_bytes = ((u32)(head >> 32) & 0xffff) * 8;
	if (length_bytes < DESCRIPTOR_BYTES)
		return VMBUS_E_PACKET_LENGTH;
	if (offset_bytes < DESCRIPTOR_BYTES || offset_bytes > length_bytes)
		return VMBUS_E_PACKET_OFFSET;
	if (length_bytes > rx->available_bytes - PACKET_TRAILER_BYTES)
		return VMBUS_E_PACKET_TRUNCATED;

	*view = (struct packet_view){
		.type = (u16)head,
		.flags = (u16)(head >> 48),
		.transaction_id = port_load(
			packet_word(rx, packet_advance(rx, start, 8))),
		.payload_bytes = length_bytes - offset_bytes,
		.total_bytes = length_bytes + PACKET_TRAILER_BYTES,
	};
	if (packet_has_ranges(view->type)) {
		status = take_ranges(
			rx, packet_advance(rx, start, DESCRIPTOR_BYTES),
			offset_bytes - DESCRIPTOR_BYTES, view, bounce,
			bounce_bytes);
		if (status)
			return status;
		used_bytes = view->range_bytes;
		if (used_bytes) {
			bounce += used_bytes;
			bounce_bytes -= used_bytes;
		}
	}
	return take_payload(rx, packet_advance(rx, start, offset_bytes), view,
			    bounce, bounce_bytes, copy);
}

enum vmbus_status packet_peek_any(struct ring *rx, struct packet_view *view,
				  void *bounce, u32 bounce_bytes)
{
	return look(rx, view, bounce, bounce_bytes, false);
}

enum vmbus_status packet_peek_copy(struct ring *rx, struct packet_view *view,
				   void *bounce, u32 bounce_bytes)
{
	return look(rx, view, bounce, bounce_bytes, true);
}

bool packet_transfer_range(const struct packet_view *view, u32 index,
			   struct packet_transfer_range *range)
{
	if (view->type != PACKET_DATA_TRANSFER_PAGES ||
	    index >= view->range_count)
		return false;
	port_copy(range, view->ranges + (size_t)index * sizeof(*range),
		  sizeof(*range));
	return true;
}

bool packet_next_gpa_range(const struct packet_view *view, u32 *cursor_bytes,
			   struct packet_gpa_range *range)
{
	struct packet_gpa_range_head head;
	u32 bytes;

	if (view->type != PACKET_DATA_GPA_DIRECT ||
	    *cursor_bytes >= view->range_bytes)
		return false;
	/* Validated when the view was made; 0 only for a foreign cursor. */
	bytes = gpa_range_bytes(view->ranges + *cursor_bytes,
				view->range_bytes - *cursor_bytes);
	if (!bytes)
		return false;
	port_copy(&head, view->ranges + *cursor_bytes, sizeof(head));
	*range = (struct packet_gpa_range){
		.size_bytes = head.size_bytes,
		.offset_bytes = head.offset_bytes,
		.pfn_count = (bytes - (u32)sizeof(head)) / (u32)sizeof(u64),
		.pfns = view->ranges + *cursor_bytes + sizeof(head),
	};
	*cursor_bytes += bytes;
	return true;
}
