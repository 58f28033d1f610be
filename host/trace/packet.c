/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/decode.h"

#include <inttypes.h>

#include "host/trace/component.h"
#include "host/trace/line.h"
#include "host/trace/network.h"
#include "host/trace/storage.h"
#include "vmbus/packet.h"

#define RANGES_SHOWN 4

/* enum vmbus_packet_type of linux/hyperv.h, without the prefix. */
static const char *const packet_types[] = {
	[PACKET_DATA_INBAND] = "DATA_INBAND",
	[PACKET_DATA_TRANSFER_PAGES] = "DATA_USING_XFER_PAGES",
	[PACKET_DATA_GPADL] = "DATA_USING_GPADL",
	[PACKET_DATA_GPA_DIRECT] = "DATA_USING_GPA_DIRECT",
	[PACKET_CANCEL_REQUEST] = "CANCEL_REQUEST",
	[PACKET_COMPLETION] = "COMP",
	[PACKET_DATA_ADDITIONAL_PACKETS] = "DATA_USING_ADDITIONAL_PKT",
	[PACKET_ADDITIONAL_DATA] = "ADDITIONAL_DATA",
};

static void transfer_ranges(struct trace_line *line, const u8 *data,
			    size_t bytes)
{
	u32 count;

	if (bytes < sizeof(struct packet_transfer_header))
		return;
	count = trace_u32(data + 4);
	trace_line_add(line, " pageset=%u ranges=%" PRIu32, trace_u16(data),
		       count);
	data += sizeof(struct packet_transfer_header);
	bytes -= sizeof(struct packet_transfer_header);
	for (u32 i = 0; i < count && i < RANGES_SHOWN && bytes >= 8; i++) {
		trace_line_add(line, " %" PRIu32 "@%" PRIu32, trace_u32(data),
			       trace_u32(data + 4));
		data += 8;
		bytes -= 8;
	}
}

static void gpa_ranges(struct trace_line *line, const u8 *data, size_t bytes)
{
	u32 count;

	if (bytes < sizeof(struct packet_gpa_header))
		return;
	count = trace_u32(data + 4);
	trace_line_add(line, " ranges=%" PRIu32, count);
	data += sizeof(struct packet_gpa_header);
	bytes -= sizeof(struct packet_gpa_header);
	for (u32 i = 0; i < count && i < RANGES_SHOWN && bytes >= 8; i++) {
		u32 size = trace_u32(data), offset = trace_u32(data + 4);
		u64 pages = ((u64)offset + size + 4095) / 4096;

		trace_line_add(line, " %" PRIu32 "+%" PRIu32, offset, size);
		/* As many page numbers follow as the range touches. */
		if (pages > (bytes - 8) / 8)
			return;
		data += 8 + pages * 8;
		bytes -= 8 + pages * 8;
	}
}

/* The bytes between descriptor and payload, which two types have. */
static void extras_add(struct trace_line *line, u16 type, const u8 *data,
		       size_t bytes)
{
	if (type == PACKET_DATA_TRANSFER_PAGES)
		transfer_ranges(line, data, bytes);
	else if (type == PACKET_DATA_GPA_DIRECT)
		gpa_ranges(line, data, bytes);
}

static void descriptor_add(struct trace_line *line, const u8 *data)
{
	u16 type = trace_u16(data);
	u16 flags = trace_u16(data + offsetof(struct packet_descriptor, flags));

	if (type < PORT_ARRAY_SIZE(packet_types) && packet_types[type])
		trace_line_add(line, "%s", packet_types[type]);
	else
		trace_line_add(line, "packet type %u", type);
	trace_line_add(line, " transaction=%" PRIu64,
		       trace_u64(data + offsetof(struct packet_descriptor,
						 transaction_id)));
	if (flags & PACKET_FLAG_COMPLETION_REQUESTED)
		trace_line_add(line, " completion-requested");
}

size_t trace_packet_text(enum trace_payload payload, const void *data,
			 size_t size_bytes, char *text, size_t text_bytes)
{
	const u8 *bytes = data;
	struct trace_line line;
	size_t start, end;

	trace_line_init(&line, text, text_bytes);
	if (size_bytes < sizeof(struct packet_descriptor)) {
		trace_line_add(&line, "packet of %zu bytes: ", size_bytes);
		trace_line_bytes(&line, data, size_bytes);
		return line.used_bytes;
	}
	descriptor_add(&line, bytes);
	start = 8u *
		trace_u16(bytes + offsetof(struct packet_descriptor, offset8));
	end = 8u *
	      trace_u16(bytes + offsetof(struct packet_descriptor, length8));
	/* What fills up the last 8 bytes need not have been recorded. */
	if (end > size_bytes && end - size_bytes < 8)
		end = size_bytes;
	if (start < sizeof(struct packet_descriptor) || start > end ||
	    end > size_bytes) {
		trace_line_add(&line,
			       " (descriptor says payload %zu to %zu of %zu "
			       "bytes)",
			       start, end, size_bytes);
		return line.used_bytes;
	}
	extras_add(&line, trace_u16(bytes),
		   bytes + sizeof(struct packet_descriptor),
		   start - sizeof(struct packet_descriptor));
	trace_line_add(&line, " payload=%zu", end - start);
	if (payload == TRACE_COMPONENT) {
		trace_component_add(&line, bytes + start, end - start);
	} else if (payload == TRACE_STORAGE) {
		trace_storage_add(&line, bytes + start, end - start);
	} else if (payload == TRACE_NETWORK) {
		trace_network_add(&line, bytes + start, end - start);
	} else if (end > start) {
		trace_line_add(&line, ": ");
		trace_line_bytes(&line, bytes + start, end - start);
	}
	return line.used_bytes;
}
