// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "services/fcopy/service.h"

/* Oldest first. */
static const u32 versions[] = {
	FCOPY_VERSION_1_1,
};

const struct ic_service fcopy_service = {
	.name = "Guest Service Interface",
	.type = FCOPY_TYPE_GUID,
	.instance = FCOPY_INSTANCE_GUID,
	.message_type = IC_MESSAGE_FCOPY,
	.versions = versions,
	.version_count = PORT_ARRAY_SIZE(versions),
	.full_version = FCOPY_VERSION_1_1,
	.packet_max_bytes = FCOPY_PACKET_MAX_BYTES,
};
