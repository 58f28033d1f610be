/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/service_names.h"

#include <stddef.h>
#include <strings.h>

const struct service_names service_names[SERVICE_COUNT] = {
	[SERVICE_FCOPY] = { "Guest Service Interface", "fcopy", false },
	[SERVICE_HEARTBEAT] = { "Heartbeat", "heartbeat", true },
	[SERVICE_KVP] = { "Key-Value Pair Exchange", "kvp", true },
	[SERVICE_SHUTDOWN] = { "Shutdown", "shutdown", true },
	[SERVICE_TIMESYNC] = { "Time Synchronization", "timesync", true },
	[SERVICE_VSS] = { "VSS", "vss", true },
};

int service_find(const char *name)
{
	if (!name)
		return -1;
	for (int i = 0; i < SERVICE_COUNT; i++) {
		if (strcasecmp(name, service_names[i].full_name) == 0 ||
		    strcasecmp(name, service_names[i].short_name) == 0)
			return i;
	}
	return -1;
}
