/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ring.h - one direction of a channel, seen by one of its ends.
 *
 * Here: indices, space, the decision to signal, flow control. Not here: what
 * the bytes mean (packet.h), how memory is mapped or a signal delivered (the
 * caller's).
 *
 * Layout and protocol: linux/hyperv.h, struct hv_ring_buffer and the comments
 * around it; drivers/hv/ring_buffer.c for what Linux expects of its peer.
 *
 * Each end keeps its own index in private memory and believes only that copy.
 * The index of the peer is loaded once at a time, bounded, and can only ever
 * add to what is already known to be free or waiting.
 *
 * One thread uses a struct ring at a time. The writer's loop:
 *
 *	while (have packets && packet_write(tx, &out) == VMBUS_OK)
 *		next packet;
 *	if (ring_publish(tx))
 *		signal the peer;
 *	a VMBUS_AGAIN means: go on when the peer signals
 *
 * The reader's loop, when the peer has signalled:
 *
 *	do {
 *		ring_mask(rx);
 *		while (packet_peek(rx, &view, ...) == VMBUS_OK)
 *			use it, packet_consume(rx, &view);
 *		if (ring_release(rx))
 *			signal the peer;
 *	} while (ring_unmask(rx));
 *
 * A reader that does not mask must still ask ring_empty() after ring_release()
 * and before it waits: a packet published before the release brings no signal.
 */
#ifndef VMBUS_RING_H
#define VMBUS_RING_H

#include "vmbus/port.h"
#include "vmbus/status.h"

/* The data begins a page after the header. */
#define RING_HEADER_BYTES 4096u

/* Below this no packet fits; above it an index would not fit a signed int. */
#define RING_MIN_BYTES 32u
#define RING_MAX_BYTES 0x40000000u

/* ring_header.feature_bits: pending_send_bytes is used and honoured. */
#define RING_FEATURE_PENDING_SEND_SIZE 0x1u

/*
 * The shared page. The writer stores write_index and pending_send_bytes, the
 * reader stores read_index and interrupt_mask. (linux/hyperv.h, struct
 * hv_ring_buffer.)
 */
struct ring_header {
	u32 write_index;	/* bytes into the data, multiple of 8 */
	u32 read_index;		/* bytes into the data, multiple of 8 */
	u32 interrupt_mask;	/* not 0: do not signal new packets */
	u32 pending_send_bytes; /* not 0: signal when more than this is free */
	u32 reserved[12];
	u32 feature_bits;
};

_Static_assert(offsetof(struct ring_header, feature_bits) == 64,
	       "the feature bits are at offset 64");

/* A piece of caller's memory to write. */
struct ring_vec {
	const void *base;
	u32 size_bytes;
};

/* Caller-owned; the fields are the ring's and the packet layer's own. */
struct ring {
	struct ring_header *header;
	u8 *data;
	u32 size_bytes; /* of data */
	u32 local;	/* our index, ahead of what the peer was told */
	u32 shown;	/* our index as it stands in the header */
	/*
	 * Bytes from local on that are known to be ours: to write without
	 * filling the ring (writer) or to read (reader).
	 */
	u32 available_bytes;
	u32 linear_bytes; /* mapped in one piece: size_bytes or twice that */
	bool peer_signals_space;
	bool waiting;	  /* pending_send_bytes is set */
	bool signal_owed; /* published on the way, decision not yet taken out */
};

/*
 * Prepare a ring's header page as the guest end does before it opens a channel:
 * indices, mask and pending size 0, flow control offered. Both rings of a
 * channel. @header: RING_HEADER_BYTES, 4-byte aligned.
 */
void ring_format(void *header);

/*
 * Attach the writing or the reading end to a ring.
 *
 * @header: the first page of the ring, shared with the peer
 * @data: @size_bytes bytes after it, 8-byte aligned, shared with the peer
 * @size_bytes: multiple of 8, RING_MIN_BYTES to RING_MAX_BYTES
 * @mirrored: @data is mapped twice in succession, so that no packet wraps
 *
 * The indices are taken from the header, so that an end can attach to a ring in
 * use. Both ends set the feature bit, as do Linux (both rings, guest end) and
 * OpenVMM (vmbus_ring, sending end); the writer also clears the pending size.
 *
 * VMBUS_BAD_ARGUMENT: @size_bytes or an alignment is not as above.
 * VMBUS_E_RING_WRITE_INDEX, VMBUS_E_RING_READ_INDEX: an index in the header is
 * not a multiple of 8 below @size_bytes.
 */
enum vmbus_status ring_init_writer(struct ring *ring, void *header, void *data,
				   u32 size_bytes, bool mirrored);
enum vmbus_status ring_init_reader(struct ring *ring, void *header, void *data,
				   u32 size_bytes, bool mirrored);

/*
 * Writer: make sure that @bytes can be staged, counting descriptor, padding and
 * trailer of each packet (packet_ring_bytes() in packet.h).
 *
 * VMBUS_OK: they can, whatever the peer does.
 * VMBUS_AGAIN: not now. All that was staged has been published (ring_publish()
 * must still be called for its signal decision), and the pending send size is
 * set: the peer signals when there is space, unless ring_peer_signals_space()
 * is false.
 * VMBUS_E_RING_TOO_SMALL: @bytes never fit this ring.
 * VMBUS_E_RING_READ_INDEX, VMBUS_E_RING_READ_BACKWARDS: the peer lies.
 */
enum vmbus_status ring_reserve(struct ring *tx, u32 bytes);

/*
 * Writer: show the peer everything staged, with one store of the write index
 * and one full barrier. True when the peer must be signalled: it did not mask
 * signals and the ring was empty before. Nothing staged: no store, and false
 * unless a decision is owed from ring_reserve().
 */
bool ring_publish(struct ring *tx);

/*
 * Writer: whether the feature bit was set when this end attached, so that the
 * peer signals space. Where it was not, space is found only by looking.
 */
bool ring_peer_signals_space(const struct ring *tx);

/*
 * Reader: give back the space of all packets consumed, with one store of the
 * read index and one full barrier. True when the peer must be signalled: it
 * waits for space, and by this release the free space has come to what it waits
 * for. Nothing consumed: no store, and false.
 */
bool ring_release(struct ring *rx);

/* Reader: ask the peer for no signals about new packets. */
void ring_mask(struct ring *rx);

/*
 * Reader: ask for signals again. True when packets wait that no signal will
 * announce: go on reading. Also true when the peer's write index is a lie, so
 * that the next packet_peek() finds it.
 */
bool ring_unmask(struct ring *rx);

/*
 * Writer: bytes that can be staged now (as counted by ring_reserve()), after a
 * look at the peer's index. 0 when that index is a lie.
 */
u32 ring_free_bytes(struct ring *tx);

/*
 * Reader: bytes of packets (with trailers) published and not yet consumed,
 * after a look at the peer's index. What was known before when that index is a
 * lie.
 */
u32 ring_used_bytes(struct ring *rx);

/*
 * Reader: whether no packet waits, after a look at the peer's index. False when
 * that index is a lie, so that the next packet_peek() finds it.
 */
bool ring_empty(struct ring *rx);

/*
 * For packet.h: look at the peer's index again and add what it grants to
 * available_bytes.
 *
 * ring_refresh_reader(): VMBUS_E_RING_WRITE_INDEX,
 * VMBUS_E_RING_WRITE_BACKWARDS. ring_refresh_writer(): VMBUS_E_RING_READ_INDEX,
 * VMBUS_E_RING_READ_BACKWARDS.
 */
enum vmbus_status ring_refresh_reader(struct ring *rx);
enum vmbus_status ring_refresh_writer(struct ring *tx);

#endif
