/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * decode.h - what goes over the bus, as text.
 *
 * Here: a channel message or a ring packet to one line. Not here: where they
 * come from (host/cli/trace.c), files of them (pcapng.h).
 *
 * Pure functions over bytes of which nothing is believed: any input makes a
 * line, at most as long as the caller has room.
 */
#ifndef HOST_TRACE_DECODE_H
#define HOST_TRACE_DECODE_H

#include <stddef.h>

#include "vmbus/port.h"

/* What the payload of a channel's packets is. */
enum trace_payload {
	TRACE_BYTES,	 /* nothing that is known here */
	TRACE_COMPONENT, /* pipe header and IC header (services/ic/wire.h) */
	TRACE_STORAGE,	 /* vstor packet (services/storage/wire.h) */
	TRACE_NETWORK,	 /* NVSP message (services/network/wire.h) */
};

/* Room that no useful line exceeds. */
#define TRACE_LINE_BYTES 4096

/*
 * A channel message: data is the SynIC message's payload, which begins with
 * struct vmbus_message_header. Names are those of linux/hyperv.h.
 * text: receives the line without a newline, always terminated.
 * text_bytes: room in text, at least 1. Returns the line's length.
 */
size_t trace_message_text(const void *data, size_t size_bytes, char *text,
			  size_t text_bytes);

/*
 * A ring packet: data begins with the descriptor (vmbus/packet.h). The trailer
 * is not part of it, and the padding up to a multiple of 8 need not be.
 * payload: what kind of channel it is from.
 * Else as trace_message_text().
 */
size_t trace_packet_text(enum trace_payload payload, const void *data,
			 size_t size_bytes, char *text, size_t text_bytes);

#endif
