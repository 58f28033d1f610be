// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "services/kvp/service.h"

/* Oldest first. */
static const u32 versions[] = {
	KVP_VERSION_1_0,
	KVP_VERSION_3_0,
	KVP_VERSION_4_0,
	KVP_VERSION_5_0,
};

const struct ic_service kvp_service = {
	.name = "Key-Value Pair Exchange",
	.type = KVP_TYPE_GUID,
	.instance = KVP_INSTANCE_GUID,
	.message_type = IC_MESSAGE_KVP,
	.versions = versions,
	.version_count = PORT_ARRAY_SIZE(versions),
	.full_version = KVP_VERSION_4_0,
	.packet_max_bytes = KVP_PACKET_MAX_BYTES,
};
