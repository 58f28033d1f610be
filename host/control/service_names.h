/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * service_names.h - what administrators call the integration services.
 *
 * Here: the names, full and short, in the order in which they are listed, and
 * whether a new VM has the service enabled. Not here: anything that a service
 * does (services/), or its state in a running VM (the VM process).
 */
#ifndef HOST_CONTROL_SERVICE_NAMES_H
#define HOST_CONTROL_SERVICE_NAMES_H

#include <stdbool.h>

/* In alphabetic order of the full names, as administrators see them listed. */
enum service_index {
	SERVICE_FCOPY,
	SERVICE_HEARTBEAT,
	SERVICE_KVP,
	SERVICE_SHUTDOWN,
	SERVICE_TIMESYNC,
	SERVICE_VSS,
	SERVICE_COUNT
};

struct service_names {
	const char *full_name;	 /* as Get-VMIntegrationService lists it */
	const char *short_name;	 /* the folder of services/ */
	bool enabled_by_default; /* as in a VM that Hyper-V has just made */
};

/* Indexed by enum service_index. */
extern const struct service_names service_names[SERVICE_COUNT];

/*
 * Finds a service by its full or its short name, in any case.
 * name: a string; NULL finds nothing.
 * Returns an enum service_index, or -1 when there is no such service.
 */
int service_find(const char *name);

#endif
