/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * storage.h - packets of synthetic storage, as text.
 *
 * Here: the vstor packet and what it carries. Not here: descriptors (packet.c).
 */
#ifndef HOST_TRACE_STORAGE_H
#define HOST_TRACE_STORAGE_H

#include "host/trace/line.h"

/* Adds a packet's payload to the line. */
void trace_storage_add(struct trace_line *line, const u8 *payload,
		       size_t payload_bytes);

#endif
