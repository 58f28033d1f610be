// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "services/heartbeat/service.h"

/* Oldest first. */
static const u32 versions[] = {
	HEARTBEAT_VERSION_1_0,
	HEARTBEAT_VERSION_3_0,
};

const struct ic_service heartbeat_service = {
	.name = "Heartbeat",
	.type = HEARTBEAT_TYPE_GUID,
	.instance = HEARTBEAT_INSTANCE_GUID,
	.message_type = IC_MESSAGE_HEARTBEAT,
	.versions = versions,
	.version_count = PORT_ARRAY_SIZE(versions),
	.full_version = HEARTBEAT_VERSION_3_0,
	.packet_max_bytes = HEARTBEAT_PACKET_MAX,
};
