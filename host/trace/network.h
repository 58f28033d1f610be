/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * network.h - packets of the synthetic network, as text.
 *
 * Here: the NVSP message. Not here: descriptors (packet.c), RNDIS, which is in
 * no packet but in the buffers that packets name.
 */
#ifndef HOST_TRACE_NETWORK_H
#define HOST_TRACE_NETWORK_H

#include "host/trace/line.h"

/* Adds a packet's payload to the line. */
void trace_network_add(struct trace_line *line, const u8 *payload,
		       size_t payload_bytes);

#endif
