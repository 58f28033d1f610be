/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/components.h"

#include <stdlib.h>

#include "host/component/forward.h"
#include "services/heartbeat/vsp.h"

struct heartbeat_component {
	struct component base; /* first */
	struct heartbeat_vsp vsp;
};

COMPONENT_FORWARD(heartbeat)
COMPONENT_FORWARD_SENDING(heartbeat)

static void start(struct component *component, u64 now_100ns)
{
	(void)now_100ns;
	heartbeat_vsp_init(&self_of(component)->vsp, 0);
}

static void stop(struct component *component)
{
	(void)component;
}

static const char *application_text(enum heartbeat_application application)
{
	switch (application) {
	case HEARTBEAT_APPLICATION_HEALTHY:
		return "the guest reports its applications as healthy";
	case HEARTBEAT_APPLICATION_CRITICAL:
		return "the guest reports its applications as critical";
	case HEARTBEAT_APPLICATION_STOPPED:
		return "the guest reports its applications as stopped";
	case HEARTBEAT_APPLICATION_UNKNOWN:
		break;
	}
	return "the guest reports nothing about its applications any more";
}

static void tell(struct component *component,
		 const struct heartbeat_event *event)
{
	static const struct {
		const char *kind;
		const char *text;
	} rows[] = {
		[HEARTBEAT_EVENT_FIRST] = { "heartbeat-ok",
					    "the guest's heart beats" },
		[HEARTBEAT_EVENT_LOST] = { "heartbeat-lost",
					   "the guest has stopped answering "
					   "heartbeats: it hangs or is "
					   "paused" },
		[HEARTBEAT_EVENT_REGAINED] = { "heartbeat-ok",
					       "the guest answers heartbeats "
					       "again" },
		[HEARTBEAT_EVENT_APPLICATION] = { "heartbeat-application",
						  NULL },
	};
	struct component_host *host = component->host;
	const char *text = rows[event->kind].text;

	if (!text)
		text = application_text(event->application);
	host->event(host->context, rows[event->kind].kind,
		    component_name(component),
		    bus_channel_relid(component->channel), text);
}

static void settle(struct component *component, u64 now_100ns)
{
	struct heartbeat_event event;

	while (heartbeat_vsp_next_event(&self_of(component)->vsp, now_100ns,
					&event))
		tell(component, &event);
}

/* The application's state, where the guest reports one. */
static enum ic_detail application_detail(const struct component *component,
					 u64 now_100ns)
{
	enum ic_detail detail = forward_detail(component, now_100ns);

	if (detail != IC_DETAIL_NONE)
		return detail;
	return heartbeat_vsp_detail(&self_of(component)->vsp, now_100ns);
}

static const struct component_class heartbeat_class = {
	.index = SERVICE_HEARTBEAT,
	.service = &heartbeat_service,
	.start = start,
	.stop = stop,
	.settle = settle,
	.receive = forward_receive,
	.status = forward_status,
	.detail = application_detail,
	.version = forward_version,
	COMPONENT_FORWARD_SENDING_ROWS,
};

struct component *heartbeat_component_make(struct component_host *host)
{
	struct heartbeat_component *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	component_init(&made->base, &heartbeat_class, host);
	return &made->base;
}
