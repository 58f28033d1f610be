// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "services/vss/service.h"

/* Oldest first. */
static const u32 versions[] = {
	VSS_VERSION_5_0,
};

const struct ic_service vss_service = {
	.name = "VSS",
	.type = VSS_TYPE_GUID,
	.instance = VSS_INSTANCE_GUID,
	.message_type = IC_MESSAGE_VSS,
	.versions = versions,
	.version_count = PORT_ARRAY_SIZE(versions),
	.full_version = VSS_VERSION_5_0,
	.packet_max_bytes = VSS_PACKET_MAX_BYTES,
};
