/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * channel.h - file copy over a channel's rings.
 *
 * Here: packets in, answers out. Not here: where the rings come from (uio.h).
 */
#ifndef GUEST_LISD_FCOPY_CHANNEL_H
#define GUEST_LISD_FCOPY_CHANNEL_H

#include "guest/lisd/fcopy/copy.h"
#include "vmbus/packet.h"

struct channel {
	struct ring tx, rx;
	struct fcopy_vsc vsc;
	struct fcopy_request request;
	bool answer_waits; /* for space in the ring */
	u32 answer_bytes;
	u64 answer_id;
	u8 packet[IC_PACKET_MAX_BYTES];
	u8 answer[IC_PACKET_MAX_BYTES];
};

/*
 * channel_init - attach to both rings, which lie one behind the other: first
 * the one to the host, header page and data, then the one from it.
 * @rings: @size_bytes of memory, page-aligned, shared with the host
 * Returns VMBUS_OK, VMBUS_BAD_ARGUMENT (no size for two rings) or those of
 * ring_init_writer().
 */
enum vmbus_status channel_init(struct channel *channel, void *rings,
			       size_t size_bytes);

/*
 * channel_serve - take requests and answer them, until none waits or an answer
 * has no space. Interrupts are masked meanwhile.
 * @signal: set to true when the host must be signalled
 * Returns VMBUS_OK, or what the host did wrong: the channel must be closed.
 */
enum vmbus_status channel_serve(struct channel *channel, struct copy *copy,
				bool *signal);

#endif
