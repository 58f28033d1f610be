/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/decode.h"

#include <inttypes.h>

#include "host/trace/line.h"
#include "services/fcopy/wire.h"
#include "services/heartbeat/wire.h"
#include "services/kvp/wire.h"
#include "services/shutdown/wire.h"
#include "services/timesync/wire.h"
#include "services/vss/wire.h"
#include "vmbus/wire.h"

#define AT(layout, member) offsetof(struct vmbus_message_##layout, member)
#define FIELDS_END                                                             \
	{                                                                      \
		NULL, 0, 0, 0, 0                                               \
	}

/* What a guest would call the device (GUIDs: linux/hyperv.h). */
static const struct {
	struct guid type;
	const char *name;
} device_types[] = {
	{ FCOPY_TYPE_GUID, "Guest Service Interface" },
	{ HEARTBEAT_TYPE_GUID, "Heartbeat" },
	{ KVP_TYPE_GUID, "Key-Value Pair Exchange" },
	{ SHUTDOWN_TYPE_GUID, "Shutdown" },
	{ TIMESYNC_TYPE_GUID, "Time Synchronization" },
	{ VSS_TYPE_GUID, "VSS" },
	{ GUID_FIELDS(0xf8615163, 0xdf3e, 0x46c5, 0x91, 0x3f, 0xf2, 0xd2, 0xf9,
		      0x65, 0xed, 0x0e),
	  "network" },
	{ GUID_FIELDS(0xba6163d9, 0x04a1, 0x4d29, 0xb6, 0x05, 0x72, 0xe2, 0xff,
		      0xb1, 0xdc, 0x7f),
	  "SCSI" },
	{ GUID_FIELDS(0x32412632, 0x86cb, 0x44a2, 0x9b, 0x5c, 0x50, 0xd1, 0x41,
		      0x73, 0x54, 0xf5),
	  "IDE" },
	{ GUID_FIELDS(0x2f9bcc4a, 0x0069, 0x4af3, 0xb7, 0x6b, 0x6f, 0xd0, 0xbe,
		      0x52, 0x8c, 0xda),
	  "fibre channel" },
	{ GUID_FIELDS(0x525074dc, 0x8985, 0x46e2, 0x80, 0x57, 0xa3, 0x07, 0xdc,
		      0x18, 0xa5, 0x02),
	  "dynamic memory" },
	{ GUID_FIELDS(0xf912ad6d, 0x2b17, 0x48ea, 0xbd, 0x65, 0xf9, 0x27, 0xa6,
		      0x1c, 0x76, 0x84),
	  "keyboard" },
	{ GUID_FIELDS(0xcfa8b69e, 0x5b4a, 0x4cc0, 0xb9, 0x8b, 0x8b, 0xa1, 0xa1,
		      0xf3, 0xf9, 0x5a),
	  "mouse" },
	{ GUID_FIELDS(0xda0a7802, 0xe377, 0x4aac, 0x8e, 0x77, 0x05, 0x58, 0xeb,
		      0x10, 0x73, 0xf8),
	  "video" },
	{ GUID_FIELDS(0x44c4f61d, 0x4444, 0x4400, 0x9d, 0x52, 0x80, 0x2e, 0x27,
		      0xed, 0xe1, 0x9f),
	  "PCI" },
};

static const char *const offer_flags[] = {
	[0] = "enumerate",  [1] = "transfer-pages", [2] = "gpadls",
	[4] = "named-pipe", [8] = "loopback",	    [9] = "parent",
	[10] = "monitored", [13] = "hv_sock",
};

static const char *const connection_states[] = { "successful", "low-resources",
						 "failed" };

static const struct trace_field offer[] = {
	{ "relid", AT(offer, relid), TRACE_U32, 0, NULL },
	{ "subchannel", AT(offer, subchannel_index), TRACE_U16, 0, NULL },
	{ "type", AT(offer, type), TRACE_GUID, 0, NULL },
	{ "instance", AT(offer, instance), TRACE_GUID, 0, NULL },
	{ "flags", AT(offer, flags), TRACE_FLAGS16, 14, offer_flags },
	{ "mmio_mib", AT(offer, mmio_mib), TRACE_U16, 0, NULL },
	{ "monitor_id", AT(offer, monitor_id), TRACE_U8, 0, NULL },
	{ "monitor_allocated", AT(offer, monitor_allocated), TRACE_U8, 0,
	  NULL },
	{ "dedicated_interrupt", AT(offer, dedicated_interrupt), TRACE_U16, 0,
	  NULL },
	{ "connection_id", AT(offer, connection_id), TRACE_HEX32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field relid[] = {
	{ "relid", AT(relid, relid), TRACE_U32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field open_channel[] = {
	{ "relid", AT(open, relid), TRACE_U32, 0, NULL },
	{ "open_id", AT(open, open_id), TRACE_U32, 0, NULL },
	{ "ring_gpadl", AT(open, ring_gpadl), TRACE_HEX32, 0, NULL },
	{ "target_vp", AT(open, target_vp), TRACE_U32, 0, NULL },
	{ "downstream_page_offset", AT(open, downstream_page_offset), TRACE_U32,
	  0, NULL },
	FIELDS_END,
};

static const struct trace_field open_result[] = {
	{ "relid", AT(open_result, relid), TRACE_U32, 0, NULL },
	{ "open_id", AT(open_result, open_id), TRACE_U32, 0, NULL },
	{ "status", AT(open_result, status), TRACE_RESULT32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field gpadl_header[] = {
	{ "relid", AT(gpadl_header, relid), TRACE_U32, 0, NULL },
	{ "gpadl", AT(gpadl_header, gpadl), TRACE_HEX32, 0, NULL },
	{ "range_bytes", AT(gpadl_header, range_bytes), TRACE_U16, 0, NULL },
	{ "range_count", AT(gpadl_header, range_count), TRACE_U16, 0, NULL },
	FIELDS_END,
};

static const struct trace_field gpadl_body[] = {
	{ "number", AT(gpadl_body, number), TRACE_U32, 0, NULL },
	{ "gpadl", AT(gpadl_body, gpadl), TRACE_HEX32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field gpadl_created[] = {
	{ "relid", AT(gpadl_created, relid), TRACE_U32, 0, NULL },
	{ "gpadl", AT(gpadl_created, gpadl), TRACE_HEX32, 0, NULL },
	{ "status", AT(gpadl_created, status), TRACE_RESULT32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field gpadl_teardown[] = {
	{ "relid", AT(gpadl_teardown, relid), TRACE_U32, 0, NULL },
	{ "gpadl", AT(gpadl_teardown, gpadl), TRACE_HEX32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field gpadl_torndown[] = {
	{ "gpadl", AT(gpadl_torndown, gpadl), TRACE_HEX32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field contact[] = {
	{ "version", AT(contact, version), TRACE_VMBUS_VERSION, 0, NULL },
	{ "target_vp", AT(contact, target_vp), TRACE_U32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field contact_interrupt_page[] = {
	{ "interrupt_page", AT(contact, interrupt_page_gpa), TRACE_HEX64, 0,
	  NULL },
	FIELDS_END,
};

static const struct trace_field contact_target[] = {
	{ "sint", AT(contact, target.sint), TRACE_U8, 0, NULL },
	{ "vtl", AT(contact, target.vtl), TRACE_U8, 0, NULL },
	{ "features", AT(contact, target.features), TRACE_HEX32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field contact_monitors[] = {
	{ "monitor_page_to_guest", AT(contact, monitor_to_guest_gpa),
	  TRACE_HEX64, 0, NULL },
	{ "monitor_page_to_host", AT(contact, monitor_to_host_gpa), TRACE_HEX64,
	  0, NULL },
	FIELDS_END,
};

static const struct trace_field version_response[] = {
	{ "supported", AT(version_response, supported), TRACE_U8, 0, NULL },
	{ "connection_state", AT(version_response, connection_state),
	  TRACE_ENUM8, 3, connection_states },
	{ "version_or_connection_id",
	  AT(version_response, version_or_connection_id), TRACE_HEX32, 0,
	  NULL },
	FIELDS_END,
};

static const struct trace_field socket_connect[] = {
	{ "endpoint", AT(socket_connect, endpoint), TRACE_GUID, 0, NULL },
	{ "service", AT(socket_connect, service), TRACE_GUID, 0, NULL },
	FIELDS_END,
};

static const struct trace_field socket_result[] = {
	{ "endpoint", AT(socket_result, endpoint), TRACE_GUID, 0, NULL },
	{ "service", AT(socket_result, service), TRACE_GUID, 0, NULL },
	{ "status", AT(socket_result, status), TRACE_RESULT32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field modify[] = {
	{ "relid", AT(modify, relid), TRACE_U32, 0, NULL },
	{ "target_vp", AT(modify, target_vp), TRACE_U32, 0, NULL },
	FIELDS_END,
};

static const struct trace_field modify_response[] = {
	{ "relid", AT(modify_response, relid), TRACE_U32, 0, NULL },
	{ "status", AT(modify_response, status), TRACE_RESULT32, 0, NULL },
	FIELDS_END,
};

/* The name of the device that is offered. */
static void offer_name(struct trace_line *line, const u8 *data, size_t bytes)
{
	if (bytes < AT(offer, type) + sizeof(struct guid))
		return;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(device_types); i++) {
		if (port_compare(data + AT(offer, type), &device_types[i].type,
				 sizeof(struct guid)) == 0)
			trace_line_add(line, " (%s)", device_types[i].name);
	}
}

/* From 5.0 on, what was the interrupt page says where messages go. */
static void contact_rest(struct trace_line *line, const u8 *data, size_t bytes)
{
	if (bytes < sizeof(struct vmbus_message_contact))
		return;
	if (trace_u32(data + AT(contact, version)) < VMBUS_VERSION_5_0)
		trace_line_fields(line, contact_interrupt_page, data, bytes);
	else
		trace_line_fields(line, contact_target, data, bytes);
	trace_line_fields(line, contact_monitors, data, bytes);
}

static void page_numbers(struct trace_line *line, const u8 *data, size_t bytes)
{
	trace_line_add(line, " pfns=");
	for (size_t i = 0; i + 8 <= bytes; i += 8)
		trace_line_add(line, i ? ",%" PRIx64 : "%" PRIx64,
			       trace_u64(data + i));
}

/* The first range of a GPADL; more than one are rare. */
static void gpadl_range(struct trace_line *line, const u8 *data, size_t bytes)
{
	size_t start = sizeof(struct vmbus_message_gpadl_header);

	if (bytes < start + sizeof(struct vmbus_gpa_range))
		return;
	trace_line_add(line, " byte_count=%" PRIu32 " byte_offset=%" PRIu32,
		       trace_u32(data + start), trace_u32(data + start + 4));
	start += sizeof(struct vmbus_gpa_range);
	page_numbers(line, data + start, bytes - start);
}

static void gpadl_more(struct trace_line *line, const u8 *data, size_t bytes)
{
	size_t start = sizeof(struct vmbus_message_gpadl_body);

	if (bytes >= start)
		page_numbers(line, data + start, bytes - start);
}

static const struct {
	const char *name;
	const struct trace_field *fields;
	/* What the fields do not say; may be NULL. */
	void (*rest)(struct trace_line *line, const u8 *data, size_t bytes);
} messages[VMBUS_MESSAGE_TYPE_COUNT] = {
	[VMBUS_MESSAGE_OFFER] = { "OFFERCHANNEL", offer, offer_name },
	[VMBUS_MESSAGE_RESCIND] = { "RESCIND_CHANNELOFFER", relid, NULL },
	[VMBUS_MESSAGE_REQUEST_OFFERS] = { "REQUESTOFFERS", NULL, NULL },
	[VMBUS_MESSAGE_OFFERS_DELIVERED] = { "ALLOFFERS_DELIVERED", NULL,
					     NULL },
	[VMBUS_MESSAGE_OPEN] = { "OPENCHANNEL", open_channel, NULL },
	[VMBUS_MESSAGE_OPEN_RESULT] = { "OPENCHANNEL_RESULT", open_result,
					NULL },
	[VMBUS_MESSAGE_CLOSE] = { "CLOSECHANNEL", relid, NULL },
	[VMBUS_MESSAGE_GPADL_HEADER] = { "GPADL_HEADER", gpadl_header,
					 gpadl_range },
	[VMBUS_MESSAGE_GPADL_BODY] = { "GPADL_BODY", gpadl_body, gpadl_more },
	[VMBUS_MESSAGE_GPADL_CREATED] = { "GPADL_CREATED", gpadl_created,
					  NULL },
	[VMBUS_MESSAGE_GPADL_TEARDOWN] = { "GPADL_TEARDOWN", gpadl_teardown,
					   NULL },
	[VMBUS_MESSAGE_GPADL_TORNDOWN] = { "GPADL_TORNDOWN", gpadl_torndown,
					   NULL },
	[VMBUS_MESSAGE_RELID_RELEASED] = { "RELID_RELEASED", relid, NULL },
	[VMBUS_MESSAGE_CONTACT] = { "INITIATE_CONTACT", contact, contact_rest },
	[VMBUS_MESSAGE_VERSION_RESPONSE] = { "VERSION_RESPONSE",
					     version_response, NULL },
	[VMBUS_MESSAGE_UNLOAD] = { "UNLOAD", NULL, NULL },
	[VMBUS_MESSAGE_UNLOAD_RESPONSE] = { "UNLOAD_RESPONSE", NULL, NULL },
	[VMBUS_MESSAGE_SOCKET_CONNECT] = { "TL_CONNECT_REQUEST", socket_connect,
					   NULL },
	[VMBUS_MESSAGE_MODIFY] = { "MODIFYCHANNEL", modify, NULL },
	[VMBUS_MESSAGE_SOCKET_RESULT] = { "TL_CONNECT_RESULT", socket_result,
					  NULL },
	[VMBUS_MESSAGE_MODIFY_RESPONSE] = { "MODIFYCHANNEL_RESPONSE",
					    modify_response, NULL },
};

size_t trace_message_text(const void *data, size_t size_bytes, char *text,
			  size_t text_bytes)
{
	struct trace_line line;
	u32 type;

	trace_line_init(&line, text, text_bytes);
	if (size_bytes < sizeof(struct vmbus_message_header)) {
		trace_line_add(&line, "message of %zu bytes: ", size_bytes);
		trace_line_bytes(&line, data, size_bytes);
		return line.used_bytes;
	}
	type = trace_u32(data);
	if (type >= VMBUS_MESSAGE_TYPE_COUNT || !messages[type].name) {
		trace_line_add(&line, "message type %" PRIu32 ": ", type);
		trace_line_bytes(&line, data, size_bytes);
		return line.used_bytes;
	}
	trace_line_add(&line, "%s", messages[type].name);
	trace_line_fields(&line, messages[type].fields, data, size_bytes);
	if (messages[type].rest)
		messages[type].rest(&line, data, size_bytes);
	return line.used_bytes;
}
