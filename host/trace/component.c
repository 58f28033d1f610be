/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/component.h"

#include <inttypes.h>

#include "services/fcopy/wire.h"
#include "services/heartbeat/wire.h"
#include "services/ic/ic.h"
#include "services/ic/wire.h"
#include "services/kvp/wire.h"
#include "services/shutdown/wire.h"
#include "services/timesync/wire.h"
#include "services/vss/wire.h"

#define FIELDS_END                                                             \
	{                                                                      \
		NULL, 0, 0, 0, 0                                               \
	}
#define HEADER(member)                                                         \
	(sizeof(struct ic_pipe_header) + offsetof(struct ic_header, member))

/* A body with the header in front of it that says its version. */
struct body {
	const u8 *data;
	size_t bytes;
	u32 version;
	bool response;
};

static const char *const application_states[] = { "unknown", "healthy",
						  "critical", "stopped" };
static const char *const shutdown_flags[] = { "forced", "restart",
					      "hibernate" };
static const char *const timesync_flags[] = { "sync", "sample" };
static const char *const vss_operations[] = {
	"CREATE",      "DELETE", "HOT_BACKUP", "GET_DM_INFO",
	"BU_COMPLETE", "FREEZE", "THAW",       "AUTO_RECOVER",
};
static const char *const kvp_operations[] = {
	"GET", "SET", "DELETE", "ENUMERATE", "GET_IP_INFO", "SET_IP_INFO",
};
static const char *const kvp_pools[] = { "external", "guest", "auto",
					 "auto-external", "auto-internal" };
static const char *const kvp_types[] = {
	[KVP_WIRE_STRING] = "string",
	[KVP_WIRE_EXPAND_STRING] = "expand-string",
	[KVP_WIRE_U32] = "u32",
	[KVP_WIRE_U64_LINUX] = "u64",
	[KVP_WIRE_U64] = "u64",
};
static const char *const kvp_families[] = { "none", "ipv4", "ipv6", "both" };
static const char *const fcopy_operations[] = {
	"START_FILE_COPY", "WRITE_TO_FILE", "COMPLETE_FCOPY", "CANCEL_FCOPY"
};
static const char *const fcopy_flags[] = { "overwrite", "create-path" };

#define AT(member) offsetof(struct heartbeat_message, member)
static const struct trace_field heartbeat_fields[] = {
	{ "sequence", AT(sequence), TRACE_U64, 0, NULL },
	{ "application", AT(application_state), TRACE_ENUM32, 4,
	  application_states },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct shutdown_message, member)
static const struct trace_field shutdown_fields[] = {
	{ "reason", AT(reason_code), TRACE_HEX32, 0, NULL },
	{ "timeout_seconds", AT(timeout_seconds), TRACE_U32, 0, NULL },
	{ "flags", AT(flags), TRACE_FLAGS32, 3, shutdown_flags },
	{ "text", AT(text), TRACE_UTF16, SHUTDOWN_TEXT_UNITS, NULL },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct timesync_message, member)
static const struct trace_field timesync_fields[] = {
	{ "host_time", AT(host_time_100ns), TRACE_TIME, 0, NULL },
	{ "flags", AT(flags), TRACE_FLAGS8, 2, timesync_flags },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct timesync_reference_message, member)
static const struct trace_field timesync_reference_fields[] = {
	{ "host_time", AT(host_time_100ns), TRACE_TIME, 0, NULL },
	{ "reference_time_100ns", AT(reference_time_100ns), TRACE_U64, 0,
	  NULL },
	{ "flags", AT(flags), TRACE_FLAGS8, 2, timesync_flags },
	{ "leap", AT(leap_indicator), TRACE_U8, 0, NULL },
	{ "stratum", AT(stratum), TRACE_U8, 0, NULL },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct vss_message, member)
static const struct trace_field vss_fields[] = {
	{ "operation", AT(operation), TRACE_ENUM8, VSS_OPERATION_COUNT,
	  vss_operations },
	{ "flags", AT(flags), TRACE_HEX32, 0, NULL },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct kvp_header, member)
static const struct trace_field kvp_header_fields[] = {
	{ "operation", AT(operation), TRACE_ENUM8, KVP_OPERATION_COUNT,
	  kvp_operations },
	{ "pool", AT(pool), TRACE_ENUM8, KVP_POOL_COUNT, kvp_pools },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct kvp_enumerate, member)
static const struct trace_field kvp_index_fields[] = {
	{ "index", AT(index), TRACE_U32, 0, NULL },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct kvp_ip_text, member)
static const struct trace_field kvp_ip_fields[] = {
	{ "adapter", AT(adapter_id), TRACE_UTF16, KVP_ADAPTER_UNITS, NULL },
	{ "family", AT(family), TRACE_ENUM8, 4, kvp_families },
	{ "dhcp", AT(dhcp_enabled), TRACE_U8, 0, NULL },
	{ "addresses", AT(addresses), TRACE_UTF16, KVP_LIST_UNITS, NULL },
	{ "subnets", AT(subnets), TRACE_UTF16, KVP_LIST_UNITS, NULL },
	{ "gateways", AT(gateways), TRACE_UTF16, KVP_GATEWAY_UNITS, NULL },
	{ "dns", AT(dns_servers), TRACE_UTF16, KVP_LIST_UNITS, NULL },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct kvp_ip_binary, member)
static const struct trace_field kvp_ip_binary_fields[] = {
	{ "adapter", AT(adapter_id), TRACE_UTF16, KVP_ADAPTER_UNITS, NULL },
	{ "family", AT(family), TRACE_ENUM8, 4, kvp_families },
	{ "dhcp", AT(dhcp_enabled), TRACE_U8, 0, NULL },
	{ "ipv4_addresses", AT(ipv4_address_count), TRACE_U32, 0, NULL },
	{ "ipv6_addresses", AT(ipv6_address_count), TRACE_U32, 0, NULL },
	{ "ipv4_gateways", AT(ipv4_gateway_count), TRACE_U32, 0, NULL },
	{ "ipv6_gateways", AT(ipv6_gateway_count), TRACE_U32, 0, NULL },
	{ "ipv4_dns", AT(ipv4_dns_count), TRACE_U32, 0, NULL },
	{ "ipv6_dns", AT(ipv6_dns_count), TRACE_U32, 0, NULL },
	FIELDS_END,
};
#undef AT

static const struct trace_field fcopy_header_fields[] = {
	{ "operation", offsetof(struct fcopy_header, operation), TRACE_ENUM32,
	  FCOPY_OPERATION_COUNT, fcopy_operations },
	FIELDS_END,
};

#define AT(member) offsetof(struct fcopy_start, member)
static const struct trace_field fcopy_start_fields[] = {
	{ "name", AT(name), TRACE_UTF16, FCOPY_NAME_UNITS, NULL },
	{ "folder", AT(folder), TRACE_UTF16, FCOPY_NAME_UNITS, NULL },
	{ "flags", AT(flags), TRACE_FLAGS32, 2, fcopy_flags },
	{ "size_bytes", AT(size_bytes), TRACE_U64, 0, NULL },
	FIELDS_END,
};
#undef AT

#define AT(member) offsetof(struct fcopy_data, member)
static const struct trace_field fcopy_data_fields[] = {
	{ "offset", AT(offset), TRACE_U64, 0, NULL },
	{ "size_bytes", AT(size_bytes), TRACE_U32, 0, NULL },
	FIELDS_END,
};
#undef AT

static void heartbeat_add(struct trace_line *line, const struct body *body)
{
	trace_line_fields(line, heartbeat_fields, body->data, body->bytes);
}

static void shutdown_add(struct trace_line *line, const struct body *body)
{
	trace_line_fields(line, shutdown_fields, body->data, body->bytes);
}

static void timesync_add(struct trace_line *line, const struct body *body)
{
	bool reference = IC_VERSION_MAJOR(body->version) >= 4;

	trace_line_fields(
		line, reference ? timesync_reference_fields : timesync_fields,
		body->data, body->bytes);
}

static void vss_add(struct trace_line *line, const struct body *body)
{
	trace_line_fields(line, vss_fields, body->data, body->bytes);
}

/* A size from the wire, in units, no larger than the field it speaks of. */
static size_t units_of(const u8 *size, u32 field_bytes)
{
	u32 bytes = trace_u32(size);

	return (bytes < field_bytes ? bytes : field_bytes) / 2;
}

static void kvp_value_add(struct trace_line *line, const u8 *value, u32 type,
			  const u8 *size)
{
	trace_line_add(line, " value=");
	if (type == KVP_WIRE_U32)
		trace_line_add(line, "%" PRIu32, trace_u32(value));
	else if (type == KVP_WIRE_U64 || type == KVP_WIRE_U64_LINUX)
		trace_line_add(line, "%" PRIu64, trace_u64(value));
	else
		trace_line_utf16(line, value,
				 units_of(size, KVP_VALUE_WIRE_BYTES));
}

/* Key, type and value of an item at data. */
static void kvp_item_add(struct trace_line *line, const struct body *body,
			 size_t offset)
{
	static const struct trace_field type_field = {
		"type", 0, TRACE_ENUM32, PORT_ARRAY_SIZE(kvp_types), kvp_types
	};
	const u8 *item = body->data + offset;
	u32 type;

	if (body->bytes < offset + sizeof(struct kvp_value)) {
		trace_line_add(line, " (cut short)");
		return;
	}
	type = trace_u32(item);
	trace_line_add(line, " key=");
	trace_line_utf16(line, item + offsetof(struct kvp_value, key),
			 units_of(item + offsetof(struct kvp_value, key_bytes),
				  KVP_KEY_WIRE_BYTES));
	trace_line_add(line, " type=");
	trace_line_value(line, &type_field, item);
	kvp_value_add(line, item + offsetof(struct kvp_value, value), type,
		      item + offsetof(struct kvp_value, value_bytes));
}

static void kvp_delete_add(struct trace_line *line, const struct body *body)
{
	const u8 *data = body->data;

	if (body->bytes < sizeof(struct kvp_delete)) {
		trace_line_add(line, " (cut short)");
		return;
	}
	trace_line_add(line, " key=");
	trace_line_utf16(line, data + offsetof(struct kvp_delete, key),
			 units_of(data + offsetof(struct kvp_delete, key_bytes),
				  KVP_KEY_WIRE_BYTES));
}

static void kvp_ip_add(struct trace_line *line, const struct body *body)
{
	bool binary = IC_VERSION_MAJOR(body->version) >= 5;

	trace_line_fields(line, binary ? kvp_ip_binary_fields : kvp_ip_fields,
			  body->data, body->bytes);
}

static void kvp_add(struct trace_line *line, const struct body *body)
{
	trace_line_fields(line, kvp_header_fields, body->data, body->bytes);
	if (body->bytes < sizeof(struct kvp_header))
		return;
	switch (body->data[0]) {
	case KVP_OPERATION_GET:
	case KVP_OPERATION_SET:
		kvp_item_add(line, body, offsetof(struct kvp_get_set, value));
		break;
	case KVP_OPERATION_DELETE:
		kvp_delete_add(line, body);
		break;
	case KVP_OPERATION_ENUMERATE:
		trace_line_fields(line, kvp_index_fields, body->data,
				  body->bytes);
		/* A question for an item names only its index. */
		if (body->response)
			kvp_item_add(line, body,
				     offsetof(struct kvp_enumerate, value));
		break;
	case KVP_OPERATION_GET_IP:
	case KVP_OPERATION_SET_IP:
		kvp_ip_add(line, body);
		break;
	}
}

static void fcopy_add(struct trace_line *line, const struct body *body)
{
	u32 operation;

	trace_line_fields(line, fcopy_header_fields, body->data, body->bytes);
	if (body->bytes < sizeof(struct fcopy_header))
		return;
	operation = trace_u32(body->data);
	if (operation == FCOPY_OPERATION_START)
		trace_line_fields(line, fcopy_start_fields, body->data,
				  body->bytes);
	else if (operation == FCOPY_OPERATION_DATA)
		trace_line_fields(line, fcopy_data_fields, body->data,
				  body->bytes);
}

static void versions_add(struct trace_line *line, const char *name,
			 const u8 *versions, size_t count)
{
	trace_line_add(line, " %s=", name);
	for (size_t i = 0; i < count; i++)
		trace_line_add(line, "%s%u.%u", i ? "," : "",
			       trace_u16(versions + 4 * i),
			       trace_u16(versions + 4 * i + 2));
}

static void negotiate_add(struct trace_line *line, const struct body *body)
{
	const u8 *versions = body->data + sizeof(struct ic_negotiate);
	size_t frameworks, messages, room;

	if (body->bytes < sizeof(struct ic_negotiate)) {
		trace_line_add(line, " (cut short)");
		return;
	}
	frameworks = trace_u16(body->data);
	messages = trace_u16(body->data + 2);
	room = (body->bytes - sizeof(struct ic_negotiate)) / 4;
	if (frameworks + messages > room) {
		trace_line_add(line,
			       " framework_count=%zu message_count=%zu (cut "
			       "short)",
			       frameworks, messages);
		return;
	}
	versions_add(line, "framework", versions, frameworks);
	versions_add(line, "message", versions + 4 * frameworks, messages);
}

/* By enum ic_message_type. */
static const struct {
	const char *name;
	void (*add)(struct trace_line *line, const struct body *body);
} components[] = {
	[IC_MESSAGE_NEGOTIATE] = { "NEGOTIATE", negotiate_add },
	[IC_MESSAGE_HEARTBEAT] = { "HEARTBEAT", heartbeat_add },
	[IC_MESSAGE_KVP] = { "KVPEXCHANGE", kvp_add },
	[IC_MESSAGE_SHUTDOWN] = { "SHUTDOWN", shutdown_add },
	[IC_MESSAGE_TIMESYNC] = { "TIMESYNC", timesync_add },
	[IC_MESSAGE_VSS] = { "VSS", vss_add },
	[IC_MESSAGE_FCOPY] = { "FCOPY", fcopy_add },
};

static void status_add(struct trace_line *line, u32 status)
{
	const char *text = ic_result_text(status);

	trace_line_add(line, " status=0x%" PRIx32, status);
	if (status != 0 && text)
		trace_line_add(line, " (%s)", text);
}

void trace_component_add(struct trace_line *line, const u8 *payload,
			 size_t payload_bytes)
{
	struct body body;
	u16 type, body_bytes;
	u8 flags;

	if (payload_bytes < IC_BODY_OFFSET) {
		trace_line_add(line, " (no IC header): ");
		trace_line_bytes(line, payload, payload_bytes);
		return;
	}
	type = trace_u16(payload + HEADER(message_type));
	flags = payload[HEADER(flags)];
	body.version = trace_u32(payload + HEADER(message_version));
	body.response = flags & IC_FLAG_RESPONSE;
	body.data = payload + IC_BODY_OFFSET;
	body.bytes = payload_bytes - IC_BODY_OFFSET;
	/* The size that the header states holds, where the packet has it. */
	body_bytes = trace_u16(payload + HEADER(body_bytes));
	if (body_bytes < body.bytes)
		body.bytes = body_bytes;
	if (type < PORT_ARRAY_SIZE(components) && components[type].name)
		trace_line_add(line, "; %s", components[type].name);
	else
		trace_line_add(line, "; IC type %u", type);
	if (type != IC_MESSAGE_NEGOTIATE)
		trace_line_add(line, " %u.%u", IC_VERSION_MAJOR(body.version),
			       IC_VERSION_MINOR(body.version));
	trace_line_add(line, "%s%s id=%u",
		       flags & IC_FLAG_REQUEST ? " request" : "",
		       body.response ? " response" : "",
		       payload[HEADER(transaction_id)]);
	if (body.response)
		status_add(line, trace_u32(payload + HEADER(status)));
	if (type < PORT_ARRAY_SIZE(components) && components[type].add)
		components[type].add(line, &body);
}
