// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * power.c - hibernation: the bus let go of, and taken up again on a host that
 * knows nothing of before.
 *
 * Here: what the kernel's power management asks of devices, of the bus and of
 * the CPU that is left. Not here: how a device's driver closes and opens its
 * channels (its suspend and resume, lisbus.h).
 *
 * All is done in the last step before interrupts end ("noirq"), when the disks
 * have nothing to do any more, and in the first one after: devices, then the
 * bus (UNLOAD), then the CPUs' SynIC. The queue of devices stands still with
 * the processes, from before the first of them to behind the last, so that none
 * is added or removed meanwhile. With suspend to idle nothing is done: host and
 * memory stay, and a message of the host's can wake the guest.
 *
 * A device is found again by its type and instance. Channel numbers are new,
 * and all of the old ones end with the connection.
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/suspend.h>
#include <linux/syscore_ops.h>

/* A restored guest without its disks is none: hosts may take long. */
#define RESUME_PATIENCE (60 * HZ)

/* ---- devices ---- */

static int device_freeze(struct device *dev)
{
	struct lisbus_device *device = to_lisbus_device(dev);
	struct lisbus_driver *driver;
	int error;

	if (!dev->driver)
		return 0;
	driver = to_lisbus_driver(dev->driver);
	if (!driver->suspend) {
		/* Bound since devices were parked. */
		dev_err(dev, "its driver %s cannot hibernate: unbind it\n",
			dev->driver->name);
		return -EBUSY;
	}
	error = driver->suspend(device);
	device->suspended = !error;
	return error;
}

/* The folder's name is the channel's number. */
static void folder_rename(struct lisbus_channel *channel)
{
	char name[12];

	snprintf(name, sizeof(name), "%u", channel->relid);
	if (!channel->relid || !channel->kobj.state_in_sysfs ||
	    !strcmp(kobject_name(&channel->kobj), name))
		return;
	if (kobject_rename(&channel->kobj, name))
		dev_warn(&channel->device->dev,
			 "its channel is still %s in /sys, not %s\n",
			 kobject_name(&channel->kobj), name);
}

/* Also of a device that is not offered any more: its driver finds out. */
static int device_unfreeze(struct device *dev)
{
	struct lisbus_device *device = to_lisbus_device(dev);
	int error;

	folder_rename(device->channel);
	if (!dev->driver || !device->suspended)
		return 0;
	device->suspended = false;
	error = to_lisbus_driver(dev->driver)->resume(device);
	return lisbus_channel_rescinded(device->channel) ? 0 : error;
}

const struct dev_pm_ops bus_device_pm = {
	.freeze_noirq = device_freeze,
	.thaw_noirq = device_unfreeze,
	.poweroff_noirq = device_freeze,
	.restore_noirq = device_unfreeze,
};

/* ---- the bus ---- */

/*
 * A channel that is not a device's, which has to go: a sub-channel, or one
 * whose device is still to be made. NULL: there is none any more.
 */
static struct lisbus_channel *passing_channel(void)
{
	struct lisbus_channel *channel;

	list_for_each_entry(channel, &bus.channels, entry)
		if (!channel->device)
			return channel;
	return NULL;
}

/* Of what is left, only devices are, and their numbers mean nothing now. */
static void channels_forget(void)
{
	struct lisbus_channel *channel;

	for (;;) {
		mutex_lock(&bus.lock);
		channel = passing_channel();
		mutex_unlock(&bus.lock);
		if (!channel)
			break;
		/* The queues stand still: what waits there is taken out. */
		if (cancel_work_sync(&channel->offer_work))
			bus_channel_put(channel);
		cancel_work_sync(&channel->rescind_work);
		channel->relid = 0;
		if (channel->offer.subchannel_index)
			bus_subchannel_end(channel);
		else
			bus_channel_release(channel);
	}
	mutex_lock(&bus.lock);
	list_for_each_entry(channel, &bus.channels, entry)
		channel->relid = 0;
	mutex_unlock(&bus.lock);
}

/* What the host did not offer again is removed with the queue's next turn. */
static void lost_leave(void)
{
	struct lisbus_channel *channel;

	mutex_lock(&bus.lock);
	list_for_each_entry(channel, &bus.channels, entry) {
		if (channel->relid || channel->rescinded)
			continue;
		dev_warn(&channel->device->dev,
			 "the host does not offer this device any more\n");
		WRITE_ONCE(channel->rescinded, true);
		bus_channel_leave(channel);
	}
	mutex_unlock(&bus.lock);
}

static int bus_freeze(struct device *dev)
{
	bus_disconnect();
	flush_workqueue(bus.message_queue);
	channels_forget();
	return 0;
}

static int bus_unfreeze(struct device *dev)
{
	int error = bus_connect(RESUME_PATIENCE);

	lost_leave();
	return error;
}

const struct dev_pm_ops bus_pm = {
	.freeze_noirq = bus_freeze,
	.thaw_noirq = bus_unfreeze,
	.poweroff_noirq = bus_freeze,
	.restore_noirq = bus_unfreeze,
};

/* ---- the last CPU; the others go offline before, and come back after ---- */

static int cpu_freeze(void)
{
	bus_synic_disable();
	return 0;
}

static void cpu_unfreeze(void)
{
	bus_synic_enable();
}

static struct syscore_ops cpu_ops = {
	.suspend = cpu_freeze,
	.resume = cpu_unfreeze,
};

/* ---- drivers that cannot: their devices are parked meanwhile ---- */

static int park(struct device *dev, void *unused)
{
	struct lisbus_device *device = to_lisbus_device(dev);

	device_lock(dev);
	if (dev->driver && !to_lisbus_driver(dev->driver)->suspend)
		device->parked = dev->driver;
	device_unlock(dev);
	if (device->parked)
		device_release_driver(dev);
	return 0;
}

static int unpark(struct device *dev, void *unused)
{
	struct lisbus_device *device = to_lisbus_device(dev);
	bool parked = device->parked;

	if (!parked)
		return 0;
	/* That driver may be gone, or may not want it any more. */
	if (device_attach(dev) == 1)
		parked = false;
	device->parked = NULL;
	if (parked && device_attach(dev) != 1)
		dev_warn(dev, "has no driver since the guest hibernated\n");
	return 0;
}

/* While processes run: before they are stopped, after they go on. */
static int notified(struct notifier_block *block, unsigned long what,
		    void *unused)
{
	switch (what) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		bus_for_each_dev(&lisbus_type, NULL, NULL, park);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		bus_for_each_dev(&lisbus_type, NULL, NULL, unpark);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = notified };

void bus_power_start(void)
{
	register_syscore_ops(&cpu_ops);
	if (register_pm_notifier(&notifier))
		pr_warn(BUS_LOG "user space's drivers keep hibernation away\n");
}

void bus_power_stop(void)
{
	unregister_pm_notifier(&notifier);
	unregister_syscore_ops(&cpu_ops);
}
