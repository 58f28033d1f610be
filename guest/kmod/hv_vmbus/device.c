// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * device.c - the bus type: devices for offers, drivers for devices.
 *
 * Here: what the driver core asks of a bus. Not here: attributes (sysfs.c).
 *
 * Source of the names in /sys and of MODALIAS: Documentation/ABI/stable/
 * sysfs-bus-vmbus and scripts/mod/file2alias.c of the kernel.
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/mm.h>
#include <linux/slab.h>
#include "services/fcopy/wire.h"
#include "services/heartbeat/wire.h"
#include "services/kvp/wire.h"
#include "services/network/wire.h"
#include "services/shutdown/wire.h"
#include "services/storage/wire.h"
#include "services/timesync/wire.h"
#include "services/vss/wire.h"

/*
 * Kinds of devices, in the order of their numbers in /sys. Those of which speed
 * is expected get CPUs in turn; all others interrupt the one of the messages.
 */
static const struct {
	struct guid type;
	bool fast;
} kinds[] = {
	{ STORAGE_TYPE_IDE, true },
	{ STORAGE_TYPE_SCSI, true },
	{ STORAGE_TYPE_FC, true },
	{ NETWORK_TYPE, true },
	/* Network Direct: 8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501 */
	{ GUID_FIELDS(0x8c2eaf3d, 0x32a7, 0x4b09, 0xab, 0x99, 0xbd, 0x1f, 0x1c,
		      0x86, 0xb5, 0x01),
	  true },
	/* PCI pass-through: 44c4f61d-4444-4400-9d52-802e27ede19f */
	{ GUID_FIELDS(0x44c4f61d, 0x4444, 0x4400, 0x9d, 0x52, 0x80, 0x2e, 0x27,
		      0xed, 0xe1, 0x9f),
	  true },
	/* Video: da0a7802-e377-4aac-8e77-0558eb1073f8 */
	{ GUID_FIELDS(0xda0a7802, 0xe377, 0x4aac, 0x8e, 0x77, 0x05, 0x58, 0xeb,
		      0x10, 0x73, 0xf8),
	  false },
	/* Keyboard: f912ad6d-2b17-48ea-bd65-f927a61c7684 */
	{ GUID_FIELDS(0xf912ad6d, 0x2b17, 0x48ea, 0xbd, 0x65, 0xf9, 0x27, 0xa6,
		      0x1c, 0x76, 0x84),
	  false },
	/* Mouse: cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a */
	{ GUID_FIELDS(0xcfa8b69e, 0x5b4a, 0x4cc0, 0xb9, 0x8b, 0x8b, 0xa1, 0xa1,
		      0xf3, 0xf9, 0x5a),
	  false },
	{ KVP_TYPE_GUID, false },
	{ TIMESYNC_TYPE_GUID, false },
	{ HEARTBEAT_TYPE_GUID, false },
	{ SHUTDOWN_TYPE_GUID, false },
	{ FCOPY_TYPE_GUID, false },
	{ VSS_TYPE_GUID, false },
	/* Dynamic memory: 525074dc-8985-46e2-8057-a307dc18a502 */
	{ GUID_FIELDS(0x525074dc, 0x8985, 0x46e2, 0x80, 0x57, 0xa3, 0x07, 0xdc,
		      0x18, 0xa5, 0x02),
	  false },
};

u32 bus_device_id(const struct vmbus_offer *offer)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (guid_equal(&kinds[i].type, &offer->type))
			break;
	return i;
}

u32 bus_cpu_choose(const struct vmbus_offer *offer)
{
	u32 kind = bus_device_id(offer), cpu;
	static u32 last = -1;

	if (kind == ARRAY_SIZE(kinds) || !kinds[kind].fast)
		return bus.cpu;
	cpu = cpumask_next(last, &bus.cpus);
	if (cpu >= nr_cpu_ids)
		cpu = cpumask_first(&bus.cpus);
	last = cpu;
	return cpu < nr_cpu_ids ? cpu : bus.cpu;
}

/* ---- drivers and their ids ---- */

struct added_id {
	struct list_head entry;
	struct hv_vmbus_device_id id;
};

static const struct hv_vmbus_device_id no_id;

static const struct hv_vmbus_device_id *
id_in(const struct hv_vmbus_device_id *ids, const struct guid *type)
{
	for (; ids && memcmp(&ids->guid, &no_id.guid, sizeof(ids->guid)); ids++)
		if (!memcmp(&ids->guid, type, sizeof(*type)))
			return ids;
	return NULL;
}

static const struct hv_vmbus_device_id *id_added(struct lisbus_driver *driver,
						 const struct guid *type)
{
	const struct hv_vmbus_device_id *found = NULL;
	struct added_id *added;

	spin_lock(&driver->added_lock);
	list_for_each_entry(added, &driver->added, entry) {
		if (!memcmp(&added->id.guid, type, sizeof(*type))) {
			found = &added->id;
			break;
		}
	}
	spin_unlock(&driver->added_lock);
	return found;
}

/*
 * What makes a driver fit: its name, where one is asked for, or an id. A device
 * that is parked waits for the driver that it had.
 */
static const struct hv_vmbus_device_id *id_find(struct lisbus_driver *driver,
						struct lisbus_device *device)
{
	const struct guid *type = &device->channel->offer.type;
	const struct hv_vmbus_device_id *id;

	if (device->parked && device->parked != &driver->driver)
		return NULL;
	if (device->driver_override &&
	    strcmp(device->driver_override, driver->driver.name))
		return NULL;
	id = id_added(driver, type);
	if (!id)
		id = id_in(driver->ids, type);
	return !id && device->driver_override ? &no_id : id;
}

static void ids_drop(struct lisbus_driver *driver)
{
	struct added_id *added, *next;

	list_for_each_entry_safe(added, next, &driver->added, entry)
		kfree(added);
	INIT_LIST_HEAD(&driver->added);
}

static ssize_t new_id_store(struct device_driver *core, const char *text,
			    size_t size)
{
	struct lisbus_driver *driver = to_lisbus_driver(core);
	struct added_id *added = kzalloc(sizeof(*added), GFP_KERNEL);
	int error;

	if (!added)
		return -ENOMEM;
	error = guid_parse(text, &added->id.guid);
	if (!error && (id_in(driver->ids, (struct guid *)&added->id.guid) ||
		       id_added(driver, (struct guid *)&added->id.guid)))
		error = -EEXIST;
	if (error) {
		kfree(added);
		return error;
	}
	spin_lock(&driver->added_lock);
	list_add_tail(&added->entry, &driver->added);
	spin_unlock(&driver->added_lock);
	error = driver_attach(core);
	return error ? error : size;
}
static DRIVER_ATTR_WO(new_id);

static ssize_t remove_id_store(struct device_driver *core, const char *text,
			       size_t size)
{
	struct lisbus_driver *driver = to_lisbus_driver(core);
	struct added_id *added, *next;
	ssize_t result = -ENODEV;
	guid_t guid;

	if (guid_parse(text, &guid))
		return -EINVAL;
	spin_lock(&driver->added_lock);
	list_for_each_entry_safe(added, next, &driver->added, entry) {
		if (memcmp(&added->id.guid, &guid, sizeof(guid)))
			continue;
		list_del(&added->entry);
		kfree(added);
		result = size;
		break;
	}
	spin_unlock(&driver->added_lock);
	return result;
}
static DRIVER_ATTR_WO(remove_id);

static struct attribute *driver_ids_attrs[] = {
	&driver_attr_new_id.attr,
	&driver_attr_remove_id.attr,
	NULL,
};
ATTRIBUTE_GROUPS(driver_ids);

int lisbus_driver_register(struct lisbus_driver *driver, struct module *owner,
			   const char *module_name)
{
	spin_lock_init(&driver->added_lock);
	INIT_LIST_HEAD(&driver->added);
	driver->driver.bus = &lisbus_type;
	driver->driver.owner = owner;
	driver->driver.mod_name = module_name;
	return driver_register(&driver->driver);
}
EXPORT_SYMBOL_GPL(lisbus_driver_register);

void lisbus_driver_unregister(struct lisbus_driver *driver)
{
	driver_unregister(&driver->driver);
	ids_drop(driver);
}
EXPORT_SYMBOL_GPL(lisbus_driver_unregister);

/* ---- what the driver core calls ---- */

static int match(struct device *dev, COMPAT_MATCH_DRIVER *core)
{
	/* Matching writes nothing but takes the lock of the ids. */
	struct lisbus_driver *driver =
		to_lisbus_driver((struct device_driver *)core);

	return id_find(driver, to_lisbus_device(dev)) != NULL;
}

static int uevent(COMPAT_UEVENT_DEVICE *dev, struct kobj_uevent_env *env)
{
	const struct lisbus_device *device =
		container_of(dev, struct lisbus_device, dev);

	return add_uevent_var(env, "MODALIAS=vmbus:%*phN",
			      (int)sizeof(struct guid),
			      &device->channel->offer.type);
}

/*
 * The folder of its channels, by the device's lock: a driver that is told of
 * the device puts files there.
 */
static void folder_show(struct lisbus_device *device)
{
	struct lisbus_channel *channel = device->channel;

	if (device->channels)
		return;
	device->channels =
		kobject_create_and_add("channels", &device->dev.kobj);
	if (!device->channels ||
	    kobject_add(&channel->kobj, device->channels, "%u", channel->relid))
		dev_warn(&device->dev, "no folder for channel %u in /sys\n",
			 channel->relid);
}

static int probe(struct device *dev)
{
	struct lisbus_driver *driver = to_lisbus_driver(dev->driver);
	struct lisbus_device *device = to_lisbus_device(dev);
	const struct hv_vmbus_device_id *id = id_find(driver, device);
	int error;

	if (lisbus_channel_rescinded(device->channel))
		return -ENODEV;
	folder_show(device);
	error = driver->probe(device, id ? id : &no_id);
	if (!error)
		return 0;
	lisbus_channel_close(device->channel);
	/* Which of its steps met the end of the device is no news to anyone. */
	return lisbus_channel_rescinded(device->channel) ? -ENODEV : error;
}

static COMPAT_REMOVE_TYPE remove(struct device *dev)
{
	struct lisbus_driver *driver = to_lisbus_driver(dev->driver);
	struct lisbus_device *device = to_lisbus_device(dev);

	if (driver->remove)
		driver->remove(device);
	lisbus_channel_close(device->channel);
	COMPAT_REMOVE_DONE;
}

static void shut_down(struct device *dev)
{
	struct lisbus_driver *driver;

	if (!dev->driver)
		return;
	driver = to_lisbus_driver(dev->driver);
	if (driver->shutdown)
		driver->shutdown(to_lisbus_device(dev));
}

struct bus_type lisbus_type = {
	.name = "vmbus",
	.match = match,
	.uevent = uevent,
	.probe = probe,
	.remove = remove,
	.shutdown = shut_down,
	.pm = &bus_device_pm,
	.bus_groups = bus_groups,
	.dev_groups = bus_device_groups,
	.drv_groups = driver_ids_groups,
};

/* ---- devices ---- */

static void device_release(struct device *dev)
{
	struct lisbus_device *device = to_lisbus_device(dev);

	bus_channel_put(device->channel);
	kfree(device->driver_override);
	kfree(device);
}

/* A host that offers one instance twice, under two types, gets one device. */
static bool name_taken(const char *name)
{
	struct device *other =
		bus_find_device_by_name(&lisbus_type, NULL, name);

	put_device(other);
	return other != NULL;
}

static int device_new(struct lisbus_channel *channel)
{
	struct lisbus_device *device = kzalloc(sizeof(*device), GFP_KERNEL);
	int error;

	if (!device)
		return -ENOMEM;
	device_initialize(&device->dev);
	kobject_get(&channel->kobj);
	device->channel = channel;
	INIT_WORK(&device->subchannel_work, bus_subchannel_tell);
	device->dev.bus = &lisbus_type;
	device->dev.parent = bus.parent;
	device->dev.release = device_release;
	error = dev_set_name(&device->dev, "%pUl", &channel->offer.instance);
	if (!error && name_taken(dev_name(&device->dev)))
		error = -EEXIST;
	if (!error)
		error = device_add(&device->dev);
	if (error) {
		put_device(&device->dev);
		return error;
	}
	channel->device = device;
	device_lock(&device->dev);
	folder_show(device);
	device_unlock(&device->dev);
	return 0;
}

void bus_device_add(struct work_struct *work)
{
	struct lisbus_channel *channel =
		container_of(work, struct lisbus_channel, offer_work);
	int error = 0;

	if (channel->offer.subchannel_index)
		bus_subchannel_show(channel);
	else if (!lisbus_channel_rescinded(channel))
		error = device_new(channel);
	if (error)
		pr_err_ratelimited(
			BUS_LOG "no device for channel %u, instance %pUl: %d\n",
			channel->relid, &channel->offer.instance, error);
	bus_channel_put(channel);
}

void bus_device_remove(struct work_struct *work)
{
	struct lisbus_channel *channel =
		container_of(work, struct lisbus_channel, rescind_work);
	struct lisbus_device *device = channel->device;

	if (channel->offer.subchannel_index) {
		bus_subchannel_remove(channel);
		return;
	}
	if (device) {
		channel->device = NULL;
		cancel_work_sync(&device->subchannel_work);
		bus_subchannels_hide(channel);
		bus_channel_hide(channel);
		kobject_put(device->channels);
		device_unregister(&device->dev);
	}
	bus_channel_release(channel);
}

void bus_devices_clear(void)
{
	struct lisbus_channel *channel;

	mutex_lock(&bus.lock);
	bus.leaving = true;
	list_for_each_entry(channel, &bus.channels, entry)
		bus_channel_leave(channel);
	mutex_unlock(&bus.lock);
	flush_workqueue(bus.device_queue);
	flush_workqueue(bus.subchannel_queue);
}
