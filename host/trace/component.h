/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * component.h - integration components, as text.
 *
 * Here: pipe header, IC header, negotiation and the bodies of all components.
 * Not here: descriptors (packet.c), channel messages (message.c).
 */
#ifndef HOST_TRACE_COMPONENT_H
#define HOST_TRACE_COMPONENT_H

#include "host/trace/line.h"

/* Adds a packet's payload to the line. */
void trace_component_add(struct trace_line *line, const u8 *payload,
			 size_t payload_bytes);

#endif
