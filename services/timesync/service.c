// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "services/timesync/service.h"

/* Oldest first. */
static const u32 versions[] = {
	TIMESYNC_VERSION_1_0,
	TIMESYNC_VERSION_3_0,
	TIMESYNC_VERSION_4_0,
};

const struct ic_service timesync_service = {
	.name = "Time Synchronization",
	.type = TIMESYNC_TYPE_GUID,
	.instance = TIMESYNC_INSTANCE_GUID,
	.message_type = IC_MESSAGE_TIMESYNC,
	.versions = versions,
	.version_count = PORT_ARRAY_SIZE(versions),
	.full_version = TIMESYNC_VERSION_4_0,
	.packet_max_bytes = TIMESYNC_PACKET_MAX,
};
