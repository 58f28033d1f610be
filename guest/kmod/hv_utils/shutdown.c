// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Shutdown: power off, reboot and hibernate, as the host asks.
 *
 * Powering off and rebooting is done by what the distribution has for it.
 * Hibernation is told by a uevent of the device, EVENT=hibernate, for which the
 * distribution has a udev rule.
 */
#include "guest/kmod/hv_utils/utils.h"
#include <linux/reboot.h>
#include "services/shutdown/vsc.h"

struct shutdown {
	struct shutdown_vsc vsc;
	struct shutdown_action action; /* of one packet */
	bool wanted;		       /* not yet done */
	enum shutdown_kind kind;
};

static int start(struct util *util)
{
	struct shutdown *shutdown = util->state;

	shutdown_vsc_init(&shutdown->vsc, 0, hv_is_hibernation_supported());
	return 0;
}

static void stop(struct util *util)
{
}

static enum vmbus_status receive(struct util *util, u32 size_bytes,
				 u64 transaction_id, u32 *response_bytes)
{
	struct shutdown *shutdown = util->state;
	enum vmbus_status status;

	status = shutdown_vsc_receive(&shutdown->vsc, util->packet, size_bytes,
				      util->response, sizeof(util->response),
				      response_bytes, &shutdown->action);
	if (!status && shutdown->action.wanted) {
		shutdown->wanted = true;
		shutdown->kind = shutdown->action.kind;
	}
	return status;
}

static void answered(struct util *util)
{
	static char event[] = "EVENT=hibernate";
	char *environment[] = { event, NULL };
	struct shutdown *shutdown = util->state;

	if (!shutdown->wanted)
		return;
	shutdown->wanted = false;
	switch (shutdown->kind) {
	case SHUTDOWN_POWER_OFF:
		dev_info(&util->device->dev, "the host asks to power off\n");
		/* Without a program to do it, the kernel does. */
		orderly_poweroff(true);
		break;
	case SHUTDOWN_REBOOT:
		dev_info(&util->device->dev, "the host asks to reboot\n");
		orderly_reboot();
		break;
	case SHUTDOWN_HIBERNATE:
		dev_info(&util->device->dev, "the host asks to hibernate\n");
		kobject_uevent_env(&util->device->dev.kobj, KOBJ_CHANGE,
				   environment);
		break;
	}
}

const struct util_service util_shutdown = {
	.name = "shutdown",
	.state_bytes = sizeof(struct shutdown),
	.start = start,
	.stop = stop,
	.receive = receive,
	.answered = answered,
};
