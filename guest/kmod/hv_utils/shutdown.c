// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Shutdown: power off, reboot and hibernate, as the host asks.
 *
 * Powering off and rebooting is done by what the distribution has for it.
 * Hibernation is told by a uevent of the device, EVENT=hibernate, for which
 * there is a udev rule (packaging/modules).
 *
 * A request wakes a guest that is suspended to idle, and is done when its
 * programs run again.
 */
#include "guest/kmod/hv_utils/utils.h"
#include <linux/kmod.h>
#include <linux/reboot.h>
#include <linux/suspend.h>
#include "services/shutdown/vsc.h"

#define PROGRAMS_LIMIT (60 * HZ)

struct shutdown {
	struct shutdown_vsc vsc;
	struct shutdown_action action; /* of one packet */
	bool wanted;		       /* not yet done */
	enum shutdown_kind kind;
	struct util *util;
	struct work_struct work;
};

static void act(struct work_struct *work);

static void begin(struct util *util)
{
	struct shutdown *shutdown = util->state;

	shutdown_vsc_init(&shutdown->vsc, 0, hv_is_hibernation_supported());
	shutdown->wanted = false;
}

static int start(struct util *util)
{
	struct shutdown *shutdown = util->state;

	shutdown->util = util;
	INIT_WORK(&shutdown->work, act);
	return 0;
}

static void stop(struct util *util)
{
	struct shutdown *shutdown = util->state;

	cancel_work_sync(&shutdown->work);
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
		WRITE_ONCE(shutdown->kind, shutdown->action.kind);
	}
	return status;
}

static void act(struct work_struct *work)
{
	static char event[] = "EVENT=hibernate";
	char *environment[] = { event, NULL };
	struct shutdown *shutdown = container_of(work, struct shutdown, work);
	struct util *util = shutdown->util;

	/* Works run a little before programs do. */
	if (usermodehelper_read_lock_wait(PROGRAMS_LIMIT))
		usermodehelper_read_unlock();
	switch (READ_ONCE(shutdown->kind)) {
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

static void answered(struct util *util)
{
	struct shutdown *shutdown = util->state;

	if (!shutdown->wanted)
		return;
	shutdown->wanted = false;
	pm_system_wakeup();
	queue_work(system_freezable_wq, &shutdown->work);
}

const struct util_service util_shutdown = {
	.name = "shutdown",
	.logged = "Shutdown",
	.state_bytes = sizeof(struct shutdown),
	.ic_offset = offsetof(struct shutdown, vsc.ic),
	.begin = begin,
	.start = start,
	.stop = stop,
	.receive = receive,
	.answered = answered,
};
