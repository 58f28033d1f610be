/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/components.h"

#include <stdlib.h>

#include "host/component/forward.h"
#include "services/timesync/vsp.h"

struct timesync_component {
	struct component base; /* first */
	struct timesync_vsp vsp;
	bool paused;
};

COMPONENT_FORWARD(timesync)

static bool is_paused(const struct component *component)
{
	return ((const struct timesync_component *)component)->paused;
}

/* The guest compares our stamps with its reference counter: this service
 * lives by that clock. */
static u64 clock_100ns(const struct component *component)
{
	return machine_reference_time_100ns(component->host->machine);
}

static void start(struct component *component, u64 now_100ns)
{
	static const struct timesync_vsp_config config = {
		.sync_period_seconds = TIMESYNC_SYNC_PERIOD_SECONDS,
	};

	(void)now_100ns;
	timesync_vsp_init(&self_of(component)->vsp, &config);
}

static void stop(struct component *component)
{
	(void)component;
}

static u32 transmit(struct component *component, u64 now_100ns, void *buffer,
		    u32 capacity_bytes, u64 *transaction_id)
{
	if (is_paused(component))
		return 0;
	return timesync_vsp_transmit(&self_of(component)->vsp, now_100ns,
				     component_wall_100ns(), buffer,
				     capacity_bytes, transaction_id);
}

static u64 deadline(const struct component *component)
{
	if (is_paused(component))
		return IC_NEVER;
	return timesync_vsp_deadline_100ns(&self_of(component)->vsp);
}

static void settle(struct component *component, u64 now_100ns)
{
	(void)component;
	(void)now_100ns;
}

static const struct component_class timesync_class = {
	.index = SERVICE_TIMESYNC,
	.service = &timesync_service,
	.clock_100ns = clock_100ns,
	.start = start,
	.stop = stop,
	.transmit = transmit,
	.deadline = deadline,
	.settle = settle,
	COMPONENT_FORWARD_ROWS,
};

struct component *timesync_component_make(struct component_host *host)
{
	struct timesync_component *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	component_init(&made->base, &timesync_class, host);
	return &made->base;
}

void timesync_component_paused(struct component *component, bool paused)
{
	struct timesync_component *timesync =
		(struct timesync_component *)component;

	if (timesync->paused == paused)
		return;
	timesync->paused = paused;
	if (!paused && component->open) {
		timesync_vsp_sync(&timesync->vsp);
		component_run(component);
	}
}
