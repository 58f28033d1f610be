// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "services/shutdown/service.h"

/* Oldest first. */
static const u32 versions[] = {
	SHUTDOWN_VERSION_1_0,
	SHUTDOWN_VERSION_3_0,
	SHUTDOWN_VERSION_3_1,
	SHUTDOWN_VERSION_3_2,
};

const struct ic_service shutdown_service = {
	.name = "Shutdown",
	.type = SHUTDOWN_TYPE_GUID,
	.instance = SHUTDOWN_INSTANCE_GUID,
	.message_type = IC_MESSAGE_SHUTDOWN,
	.versions = versions,
	.version_count = PORT_ARRAY_SIZE(versions),
	.full_version = SHUTDOWN_VERSION_3_2,
	.packet_max_bytes = SHUTDOWN_PACKET_MAX,
};
