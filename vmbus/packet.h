/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * packet.h - the packets in a ring: descriptor, page ranges, payload, trailer.
 *
 * Here: framing and its validation. Not here: what a payload means (services),
 * what memory a page range names (the caller's).
 *
 * Layout: linux/hyperv.h, struct vmpacket_descriptor, enum vmbus_packet_type,
 * struct vmtransfer_page_packet_header, struct vmdata_gpa_direct, struct
 * gpa_range. A packet is padded to 8 bytes and followed by a u64 trailer whose
 * upper half is the ring offset at which the packet began.
 */
#ifndef VMBUS_PACKET_H
#define VMBUS_PACKET_H

#include "vmbus/port.h"
#include "vmbus/ring.h"
#include "vmbus/status.h"

/* enum vmbus_packet_type; the types not listed are framed as in-band data. */
enum packet_kind {
	PACKET_DATA_INBAND = 6,
	PACKET_DATA_TRANSFER_PAGES = 7,
	PACKET_DATA_GPADL = 8,
	PACKET_DATA_GPA_DIRECT = 9,
	PACKET_CANCEL_REQUEST = 10,
	PACKET_COMPLETION = 11,
	PACKET_DATA_ADDITIONAL_PACKETS = 12,
	PACKET_ADDITIONAL_DATA = 13,
};

/* The sender wants a PACKET_COMPLETION with the same transaction id. */
#define PACKET_FLAG_COMPLETION_REQUESTED 0x1u

/* Length and offset are 16-bit counts of 8-byte units. */
struct packet_descriptor {
	u16 type;
	u16 offset8; /* from the descriptor to the payload */
	u16 length8; /* descriptor, page ranges and payload */
	u16 flags;
	u64 transaction_id;
};

/* Follows the descriptor of PACKET_DATA_TRANSFER_PAGES, then the ranges. */
struct packet_transfer_header {
	u16 pageset_id;
	u8 sender_owns_set;
	u8 reserved;
	u32 range_count;
};

/* One range of a page set: an extent of a buffer that both ends know. */
struct packet_transfer_range {
	u32 size_bytes;
	u32 offset_bytes;
};

/* Follows the descriptor of PACKET_DATA_GPA_DIRECT, then the ranges. */
struct packet_gpa_header {
	u32 reserved;
	u32 range_count;
};

/* Head of one GPA range; a u64 page number for each page touched follows. */
struct packet_gpa_range_head {
	u32 size_bytes;
	u32 offset_bytes; /* into the first page */
};

_Static_assert(sizeof(struct packet_descriptor) == 16, "wire layout");
_Static_assert(sizeof(struct packet_transfer_header) == 8, "wire layout");
_Static_assert(sizeof(struct packet_transfer_range) == 8, "wire layout");
_Static_assert(sizeof(struct packet_gpa_header) == 8, "wire layout");
_Static_assert(sizeof(struct packet_gpa_range_head) == 8, "wire layout");

#define PACKET_TRAILER_BYTES 8u

/* The longest packet that the 16-bit length can say, without the trailer. */
#define PACKET_MAX_BYTES (0xffffu * 8u)

/* A packet to write. The fields after vec_count are for the two paged types. */
struct packet_out {
	u16 type; /* enum packet_kind */
	u16 flags;
	u64 transaction_id;
	const struct ring_vec *vec; /* the payload, piece by piece */
	u32 vec_count;
	/*
	 * The page ranges in wire form: struct packet_transfer_range each, or
	 * struct packet_gpa_range_head each with its page numbers. range_bytes
	 * is a multiple of 8.
	 */
	const void *ranges;
	u32 range_bytes;
	u32 range_count;
	u16 transfer_pageset;
	bool sender_owns_set;
};

/* A packet as found in the ring. Scalars are our copies and validated. */
struct packet_view {
	u16 type;
	u16 flags;
	u64 transaction_id;
	/*
	 * In the ring where it does not wrap, else in the bounce buffer. In the
	 * ring it is memory that the peer can change at any time: load each
	 * field once, or use packet_peek_copy(). Valid until ring_release().
	 */
	const u8 *payload;
	u32 payload_bytes; /* multiple of 8: padding cannot be told apart */
	/*
	 * The two paged types: the ranges, copied into the bounce buffer and
	 * validated there. Else NULL, 0, 0.
	 */
	const u8 *ranges;
	u32 range_bytes;
	u32 range_count;
	u16 transfer_pageset; /* PACKET_DATA_TRANSFER_PAGES, else 0 */
	u32 total_bytes;      /* of the ring, with padding and trailer */
};

/* One GPA range of a packet_view. */
struct packet_gpa_range {
	u32 size_bytes;	  /* not 0 */
	u32 offset_bytes; /* into the first page, below 4096 */
	u32 pfn_count;	  /* covers offset_bytes + size_bytes */
	const u8 *pfns;	  /* u64 each, any alignment: packet_gpa_pfn() */
};

/*
 * Bytes of ring that a packet takes: descriptor, @header_bytes of page ranges
 * with their header (0 for other types), @payload_bytes, padding and trailer.
 * More than 32 bits can hold: ~0.
 */
u32 packet_ring_bytes(u32 header_bytes, u32 payload_bytes);

/*
 * Writer: stage one packet. The peer sees it after ring_publish().
 *
 * VMBUS_OK: staged; the memory of @out and its pieces is no longer needed.
 * VMBUS_AGAIN: no space now; as for ring_reserve(). Nothing of it was staged.
 * VMBUS_BAD_ARGUMENT: longer than PACKET_MAX_BYTES, or the ranges are not
 * range_count well-formed ranges, or are given for a type that has none.
 * VMBUS_E_RING_TOO_SMALL, VMBUS_E_RING_READ_INDEX, VMBUS_E_RING_READ_BACKWARDS:
 * as for ring_reserve().
 */
static inline enum vmbus_status packet_write(struct ring *tx,
					     const struct packet_out *out);

/*
 * Reader: look at the next packet. The descriptor is copied once and validated
 * as a copy; peeking twice without packet_consume() reads it anew.
 *
 * @bounce: @bounce_bytes of caller's memory for page ranges, and for a payload
 * that wraps. A channel's longest packet is enough; it bounds what the peer can
 * make the caller hold. May be NULL with 0 on a mirrored ring of a service that
 * has no paged packets.
 *
 * VMBUS_OK: @view is filled in. VMBUS_AGAIN: no packet waits.
 * VMBUS_E_RING_WRITE_INDEX, VMBUS_E_RING_WRITE_BACKWARDS: the index lies.
 * VMBUS_E_PACKET_TRUNCATED: fewer bytes are published than a descriptor with a
 * trailer has, or than the descriptor says.
 * VMBUS_E_PACKET_LENGTH: the length is below that of a descriptor.
 * VMBUS_E_PACKET_OFFSET: the payload begins inside the descriptor or beyond the
 * packet's end.
 * VMBUS_E_PACKET_RANGES: the page ranges do not lie between the descriptor and
 * the payload, or a GPA range is empty, begins beyond its first page, or has
 * fewer page numbers than its bytes touch.
 * VMBUS_E_PACKET_TOO_BIG: @bounce_bytes is too small for it.
 */
static inline enum vmbus_status packet_peek(struct ring *rx,
					    struct packet_view *view,
					    void *bounce, u32 bounce_bytes);

/*
 * As packet_peek(), but the payload is always copied into @bounce: for code
 * that reads a field more than once. VMBUS_E_PACKET_TOO_BIG when page ranges
 * and payload together exceed @bounce_bytes.
 */
enum vmbus_status packet_peek_copy(struct ring *rx, struct packet_view *view,
				   void *bounce, u32 bounce_bytes);

/*
 * Reader: step over the packet in @view, the one last peeked. Only a local
 * advance: the space is the peer's again after ring_release().
 */
static inline void packet_consume(struct ring *rx,
				  const struct packet_view *view);

/*
 * Range @index of a PACKET_DATA_TRANSFER_PAGES view into @range. False when
 * there are not so many. The extent itself is not validated: only the caller
 * knows the buffer it points into.
 */
bool packet_transfer_range(const struct packet_view *view, u32 index,
			   struct packet_transfer_range *range);

/*
 * Walk the ranges of a PACKET_DATA_GPA_DIRECT view: @cursor_bytes starts at 0
 * and is advanced. False at the end.
 */
bool packet_next_gpa_range(const struct packet_view *view, u32 *cursor_bytes,
			   struct packet_gpa_range *range);

/* Page number @index of @range, @index below its pfn_count. */
static inline u64 packet_gpa_pfn(const struct packet_gpa_range *range,
				 u32 index)
{
	u64 pfn;

	port_copy(&pfn, range->pfns + (size_t)index * sizeof(pfn), sizeof(pfn));
	return pfn;
}

/*
 * The same as packet_write() and packet_peek(), not inlined and for packets of
 * every kind; these two call them where their short way does not lead.
 */
enum vmbus_status packet_write_any(struct ring *tx,
				   const struct packet_out *out);
enum vmbus_status packet_peek_any(struct ring *rx, struct packet_view *view,
				  void *bounce, u32 bounce_bytes);

#include "vmbus/packet_inline.h"

#endif
