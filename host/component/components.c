/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/components.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct component *(*const makers[SERVICE_COUNT])(
	struct component_host *host) = {
	[SERVICE_FCOPY] = fcopy_component_make,
	[SERVICE_HEARTBEAT] = heartbeat_component_make,
	[SERVICE_KVP] = kvp_component_make,
	[SERVICE_SHUTDOWN] = shutdown_component_make,
	[SERVICE_TIMESYNC] = timesync_component_make,
	[SERVICE_VSS] = vss_component_make,
};

void component_answer_fail(struct component_answer *answer, const char *reason,
			   const char *format, ...)
{
	va_list list;

	answer->ok = false;
	answer->reason = reason;
	va_start(list, format);
	vsnprintf(answer->text, sizeof(answer->text), format, list);
	va_end(list);
}

bool component_ready(const struct component *component,
		     struct component_answer *answer)
{
	const char *name = component_name(component);

	switch (component_status(component)) {
	case IC_STATUS_OK:
	case IC_STATUS_LOST_COMMUNICATION:
		return true;
	case IC_STATUS_DISABLED:
		component_answer_fail(answer, "disabled",
				      "the service '%s' is disabled: enable "
				      "it with 'lis enable'",
				      name);
		return false;
	case IC_STATUS_PROTOCOL_MISMATCH:
		component_answer_fail(answer, "version",
				      "the guest speaks no version of the "
				      "service '%s' that the host knows",
				      name);
		return false;
	case IC_STATUS_ERROR:
		component_answer_fail(answer, "guest-error",
				      "the service '%s' was closed: %s; "
				      "disable and enable it to begin anew",
				      name,
				      vmbus_status_text(component->failure));
		return false;
	case IC_STATUS_NO_CONTACT:
		break;
	}
	component_answer_fail(
		answer, "no-contact",
		component->open ? "the guest has not answered on the "
				  "service '%s': its daemon is not "
				  "running, or the guest is still starting"
				: "the guest has no driver or daemon for "
				  "the service '%s', or is still starting",
		name);
	return false;
}

int components_create(struct component *components[SERVICE_COUNT],
		      struct component_host *host,
		      const bool enabled[SERVICE_COUNT],
		      struct lis_error *error)
{
	for (int i = 0; i < SERVICE_COUNT; i++) {
		components[i] = makers[i](host);
		if (!components[i])
			return lis_error_set(error, ENOMEM,
					     "no memory for the service '%s'",
					     service_names[i].full_name);
		if (enabled[i])
			component_enable(components[i]);
	}
	return 0;
}

void components_paused(struct component *components[SERVICE_COUNT], bool paused)
{
	timesync_component_paused(components[SERVICE_TIMESYNC], paused);
}

void components_probe(struct component *components[SERVICE_COUNT])
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		component_probe(components[i]);
}

bool components_probing(struct component *components[SERVICE_COUNT])
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (component_probing(components[i]))
			return true;
	return false;
}

void components_release(struct component *components[SERVICE_COUNT])
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (components[i])
			component_release(components[i]);
}

void components_free(struct component *components[SERVICE_COUNT])
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		free(components[i]);
}
