// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * subchannel.c - channels that belong to a primary channel's device.
 *
 * Here: whose they are, and when they end. Not here: opening and closing, which
 * is as with any channel (channel.c).
 *
 * A sub-channel is on the list of its primary as soon as it is offered, and
 * holds a reference to it. A driver takes it from there. When the host rescinds
 * it, it is released at once, or when its driver gives it back.
 *
 * Source: linux/hyperv.h, struct vmbus_channel_offer (sub_channel_index):
 * sub-channels have the type and the instance of their primary.
 */
#include "guest/kmod/hv_vmbus/bus.h"

static struct lisbus_channel *primary_of(const struct lisbus_channel *channel)
{
	struct lisbus_channel *other;

	list_for_each_entry(other, &bus.channels, entry) {
		if (!other->offer.subchannel_index && !other->rescinded &&
		    guid_equal(&other->offer.type, &channel->offer.type) &&
		    guid_equal(&other->offer.instance,
			       &channel->offer.instance))
			return other;
	}
	return NULL;
}

void bus_subchannel_offered(struct lisbus_channel *channel)
{
	struct lisbus_channel *primary;

	lockdep_assert_held(&bus.lock);
	primary = primary_of(channel);
	/* Without one a rescind of both crossed this offer. */
	if (!primary)
		return;
	kobject_get(&primary->kobj);
	channel->primary = primary;
	list_add_tail(&channel->sub_entry, &primary->subchannels);
	WRITE_ONCE(primary->fresh, primary->fresh + 1);
	wake_up_all(&primary->answer);
}

void bus_subchannel_rescinded(struct lisbus_channel *channel)
{
	lockdep_assert_held(&bus.lock);
	if (!channel->primary || channel->taken)
		return;
	/* Nobody gets it any more. */
	channel->taken = true;
	channel->given_back = true;
	WRITE_ONCE(channel->primary->fresh, channel->primary->fresh - 1);
}

/* ---- what drivers ask ---- */

static struct lisbus_channel *take(struct lisbus_channel *primary)
{
	struct lisbus_channel *channel, *found = NULL;

	mutex_lock(&bus.lock);
	list_for_each_entry(channel, &primary->subchannels, sub_entry) {
		if (channel->taken)
			continue;
		channel->taken = true;
		WRITE_ONCE(primary->fresh, primary->fresh - 1);
		found = channel;
		break;
	}
	mutex_unlock(&bus.lock);
	return found;
}

struct lisbus_channel *lisbus_subchannel_take(struct lisbus_device *device,
					      unsigned long timeout)
{
	struct lisbus_channel *primary = device->channel;

	if (!wait_event_timeout(primary->answer,
				READ_ONCE(primary->fresh) ||
					lisbus_channel_rescinded(primary),
				timeout) &&
	    timeout)
		dev_warn(&device->dev,
			 "the host does not offer one more sub-channel\n");
	return lisbus_channel_rescinded(primary) ? NULL : take(primary);
}
EXPORT_SYMBOL_GPL(lisbus_subchannel_take);

/* ---- /sys ---- */

/*
 * Tells the driver of a device, if it wants to know. Not in the queue of
 * devices: the driver may be in its probe for as long as the host takes.
 */
void bus_subchannel_tell(struct work_struct *work)
{
	struct lisbus_device *device =
		container_of(work, struct lisbus_device, subchannel_work);
	struct lisbus_driver *driver;

	device_lock(&device->dev);
	if (device->dev.driver) {
		driver = to_lisbus_driver(device->dev.driver);
		if (driver->subchannel)
			driver->subchannel(device);
	}
	device_unlock(&device->dev);
}

void bus_subchannel_show(struct lisbus_channel *channel)
{
	struct lisbus_device *device = NULL;

	/* It is there as long as its own removal, which waits behind this. */
	if (channel->primary)
		device = channel->primary->device;
	if (!device || !device->channels)
		return;
	if (bus_channel_show(channel, device->channels))
		dev_warn(&device->dev, "no folder for channel %u in /sys\n",
			 channel->relid);
	else
		queue_work(system_freezable_wq, &device->subchannel_work);
}

/* One that is to be taken out of /sys, with a reference. */
static struct lisbus_channel *shown_of(struct lisbus_channel *primary)
{
	struct lisbus_channel *channel, *found = NULL;

	mutex_lock(&bus.lock);
	list_for_each_entry(channel, &primary->subchannels, sub_entry) {
		if (channel->kobj.state_in_sysfs) {
			found = channel;
			kobject_get(&found->kobj);
			break;
		}
	}
	mutex_unlock(&bus.lock);
	return found;
}

void bus_subchannels_hide(struct lisbus_channel *primary)
{
	struct lisbus_channel *channel;

	while ((channel = shown_of(primary))) {
		bus_channel_hide(channel);
		bus_channel_put(channel);
	}
}

int bus_subchannels_list(struct lisbus_channel *primary, char *text, int size)
{
	struct lisbus_channel *channel;

	mutex_lock(&bus.lock);
	list_for_each_entry(channel, &primary->subchannels, sub_entry)
		if (!channel->rescinded)
			size += sysfs_emit_at(text, size, "%u:%u\n",
					      channel->relid, channel->cpu);
	mutex_unlock(&bus.lock);
	return size;
}

/* ---- the end ---- */

void bus_subchannel_end(struct lisbus_channel *channel)
{
	struct lisbus_channel *primary = channel->primary;

	/* As long as it is in the list, the end of the device hides it, too. */
	bus_channel_hide(channel);
	mutex_lock(&bus.lock);
	list_del_init(&channel->sub_entry);
	if (primary && !channel->taken)
		WRITE_ONCE(primary->fresh, primary->fresh - 1);
	mutex_unlock(&bus.lock);
	bus_channel_release(channel);
	if (primary)
		bus_channel_put(primary);
}

void bus_subchannel_remove(struct lisbus_channel *channel)
{
	bool in_use;

	mutex_lock(&bus.lock);
	in_use = channel->taken && !channel->given_back;
	channel->release_owed = in_use;
	mutex_unlock(&bus.lock);
	if (!in_use)
		bus_subchannel_end(channel);
}

void lisbus_subchannel_give_back(struct lisbus_channel *channel)
{
	bool owed;

	lisbus_channel_close(channel);
	mutex_lock(&bus.lock);
	channel->given_back = true;
	owed = channel->release_owed;
	mutex_unlock(&bus.lock);
	if (owed)
		bus_subchannel_end(channel);
}
EXPORT_SYMBOL_GPL(lisbus_subchannel_give_back);
