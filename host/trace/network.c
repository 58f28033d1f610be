/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/network.h"

#include "services/network/wire.h"

#define FIELDS_END                                                             \
	{                                                                      \
		NULL, 0, 0, 0, 0                                               \
	}
#define BODY(member) offsetof(struct network_message, member)

/* NVSP_STAT_* of Linux, without the prefix. */
static const char *const statuses[] = {
	[NETWORK_STATUS_NONE] = "NONE",
	[NETWORK_STATUS_SUCCESS] = "SUCCESS",
	[NETWORK_STATUS_FAIL] = "FAIL",
	[NETWORK_STATUS_TOO_NEW] = "PROTOCOL_TOO_NEW",
	[NETWORK_STATUS_TOO_OLD] = "PROTOCOL_TOO_OLD",
	[NETWORK_STATUS_INVALID_RNDIS] = "INVALID_RNDIS_PKT",
	[NETWORK_STATUS_BUSY] = "BUSY",
	[NETWORK_STATUS_UNSUPPORTED] = "PROTOCOL_UNSUPPORTED",
};
static const char *const channels[] = { "data", "control" };
static const char *const paths[] = { "synthetic", "vf" };

#define STATUS(member)                                                         \
	{                                                                      \
		"status", BODY(member), TRACE_ENUM32,                          \
			PORT_ARRAY_SIZE(statuses), statuses                    \
	}

static const struct trace_field init_fields[] = {
	{ "min", BODY(init.version_min), TRACE_HEX32, 0, NULL },
	{ "max", BODY(init.version_max), TRACE_HEX32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field init_complete_fields[] = {
	{ "version", BODY(init_complete.version), TRACE_HEX32, 0, NULL },
	STATUS(init_complete.status),
	FIELDS_END,
};
static const struct trace_field ndis_version_fields[] = {
	{ "major", BODY(ndis_version.major), TRACE_U32, 0, NULL },
	{ "minor", BODY(ndis_version.minor), TRACE_U32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field buffer_fields[] = {
	{ "gpadl", BODY(buffer.gpadl), TRACE_HEX32, 0, NULL },
	{ "id", BODY(buffer.id), TRACE_U16, 0, NULL },
	FIELDS_END,
};
static const struct trace_field receive_complete_fields[] = {
	STATUS(receive_complete.status),
	{ "slot_bytes", BODY(receive_complete.slot_bytes), TRACE_U32, 0, NULL },
	{ "slots", BODY(receive_complete.slot_count), TRACE_U32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field send_complete_fields[] = {
	STATUS(send_complete.status),
	{ "section_bytes", BODY(send_complete.section_bytes), TRACE_U32, 0,
	  NULL },
	FIELDS_END,
};
static const struct trace_field revoke_fields[] = {
	{ "id", BODY(revoke.id), TRACE_U16, 0, NULL },
	FIELDS_END,
};
static const struct trace_field rndis_fields[] = {
	{ "channel", BODY(rndis.channel), TRACE_ENUM32,
	  PORT_ARRAY_SIZE(channels), channels },
	{ "section", BODY(rndis.section), TRACE_HEX32, 0, NULL },
	{ "bytes", BODY(rndis.section_bytes), TRACE_U32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field complete_fields[] = {
	STATUS(complete.status),
	FIELDS_END,
};
static const struct trace_field config_fields[] = {
	{ "mtu", BODY(ndis_config), TRACE_U32, 0, NULL },
	{ "capabilities",
	  BODY(ndis_config) +
		  offsetof(struct network_ndis_config, capabilities),
	  TRACE_HEX64, 0, NULL },
	FIELDS_END,
};
static const struct trace_field vf_fields[] = {
	{ "allocated", BODY(vf.allocated), TRACE_U32, 0, NULL },
	{ "serial", BODY(vf.serial), TRACE_U32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field path_fields[] = {
	{ "path", BODY(data_path.path), TRACE_ENUM32, PORT_ARRAY_SIZE(paths),
	  paths },
	FIELDS_END,
};
static const struct trace_field sub_channel_fields[] = {
	{ "operation", BODY(sub_channels.operation), TRACE_U32, 0, NULL },
	{ "count", BODY(sub_channels.count), TRACE_U32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field table_fields[] = {
	{ "count", BODY(indirection.count), TRACE_U32, 0, NULL },
	{ "offset", BODY(indirection.offset_bytes), TRACE_U32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field no_fields[] = { FIELDS_END };

/* NVSP_MSG*_TYPE_* of Linux, without the prefix. */
static const struct {
	u32 type;
	const char *name;
	const struct trace_field *fields;
} messages[] = {
	{ NETWORK_INIT, "INIT", init_fields },
	{ NETWORK_INIT_COMPLETE, "INIT_COMPLETE", init_complete_fields },
	{ NETWORK_NDIS_VERSION, "SEND_NDIS_VER", ndis_version_fields },
	{ NETWORK_RECEIVE_BUFFER, "SEND_RECV_BUF", buffer_fields },
	{ NETWORK_RECEIVE_BUFFER_COMPLETE, "SEND_RECV_BUF_COMPLETE",
	  receive_complete_fields },
	{ NETWORK_REVOKE_RECEIVE_BUFFER, "REVOKE_RECV_BUF", revoke_fields },
	{ NETWORK_SEND_BUFFER, "SEND_SEND_BUF", buffer_fields },
	{ NETWORK_SEND_BUFFER_COMPLETE, "SEND_SEND_BUF_COMPLETE",
	  send_complete_fields },
	{ NETWORK_REVOKE_SEND_BUFFER, "REVOKE_SEND_BUF", revoke_fields },
	{ NETWORK_RNDIS, "SEND_RNDIS_PKT", rndis_fields },
	{ NETWORK_RNDIS_COMPLETE, "SEND_RNDIS_PKT_COMPLETE", complete_fields },
	{ NETWORK_NDIS_CONFIG, "SEND_NDIS_CONFIG", config_fields },
	{ NETWORK_VF_ASSOCIATION, "SEND_VF_ASSOCIATION", vf_fields },
	{ NETWORK_SWITCH_DATA_PATH, "SWITCH_DATA_PATH", path_fields },
	{ NETWORK_OID_QUERY_EX, "OID_QUERY_EX", no_fields },
	{ NETWORK_OID_QUERY_EX_COMPLETE, "OID_QUERY_EX_COMP", complete_fields },
	{ NETWORK_SUB_CHANNELS, "SUBCHANNEL", sub_channel_fields },
	{ NETWORK_INDIRECTION_TABLE, "SEND_INDIRECTION_TABLE", table_fields },
	{ NETWORK_PD_API, "PD_API", no_fields },
	{ NETWORK_PD_BATCH, "PD_POST_BATCH", no_fields },
};

void trace_network_add(struct trace_line *line, const u8 *payload,
		       size_t payload_bytes)
{
	u32 type;

	/* An empty completion, of guests that have nothing to say. */
	if (!payload_bytes)
		return;
	if (payload_bytes < sizeof(type)) {
		trace_line_add(line, " (no NVSP message): ");
		trace_line_bytes(line, payload, payload_bytes);
		return;
	}
	type = trace_u32(payload);
	for (size_t i = 0; i < PORT_ARRAY_SIZE(messages); i++) {
		if (messages[i].type != type)
			continue;
		trace_line_add(line, " %s", messages[i].name);
		trace_line_fields(line, messages[i].fields, payload,
				  payload_bytes);
		return;
	}
	trace_line_add(line, " message %u", type);
}
