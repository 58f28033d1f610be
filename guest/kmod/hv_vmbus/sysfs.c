// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * sysfs.c - what /sys shows of devices and channels.
 *
 * Here: attributes, by the names and in the forms that lsvmbus, udev rules and
 * DPDK know. Not here: new_id and remove_id (device.c).
 *
 * Source: Documentation/ABI/stable/sysfs-bus-vmbus.
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/cpu.h>
#include <linux/slab.h>
#include <linux/stringify.h>
#include <linux/sysfs.h>

#define VENDOR_MICROSOFT 0x1414

static struct lisbus_channel *channel_of(struct device *dev)
{
	return to_lisbus_device(dev)->channel;
}

#define DEVICE_ATTRIBUTE(name, format, ...)                                    \
	static ssize_t name##_show(struct device *dev,                         \
				   struct device_attribute *attribute,         \
				   char *text)                                 \
	{                                                                      \
		struct lisbus_channel *channel = channel_of(dev);              \
                                                                               \
		return sysfs_emit(text, format "\n", __VA_ARGS__);             \
	}                                                                      \
	static DEVICE_ATTR_RO(name)

DEVICE_ATTRIBUTE(id, "%u", channel->relid);
DEVICE_ATTRIBUTE(class_id, "{%pUl}", &channel->offer.type);
DEVICE_ATTRIBUTE(device_id, "{%pUl}", &channel->offer.instance);
DEVICE_ATTRIBUTE(modalias, "vmbus:%*phN", (int)sizeof(struct guid),
		 &channel->offer.type);
DEVICE_ATTRIBUTE(monitor_id, "%u", channel->monitor_id);
DEVICE_ATTRIBUTE(device, "0x%x", bus_device_id(&channel->offer));

static ssize_t channel_vp_mapping_show(struct device *dev,
				       struct device_attribute *attribute,
				       char *text)
{
	struct lisbus_channel *channel = channel_of(dev);
	int size = sysfs_emit(text, "%u:%u\n", channel->relid, channel->cpu);

	return bus_subchannels_list(channel, text, size);
}
static DEVICE_ATTR_RO(channel_vp_mapping);

static ssize_t vendor_show(struct device *dev,
			   struct device_attribute *attribute, char *text)
{
	return sysfs_emit(text, "0x%x\n", VENDOR_MICROSOFT);
}
static DEVICE_ATTR_RO(vendor);

/* 0: offered; 3: open (the numbers between are passed through only). */
DEVICE_ATTRIBUTE(state, "%d", READ_ONCE(channel->opened) ? 3 : 0);

static ssize_t numa_node_show(struct device *dev,
			      struct device_attribute *attribute, char *text)
{
	return sysfs_emit(text, "%d\n", dev_to_node(dev));
}
static DEVICE_ATTR_RO(numa_node);

static ssize_t driver_override_show(struct device *dev,
				    struct device_attribute *attribute,
				    char *text)
{
	ssize_t size;

	device_lock(dev);
	size = sysfs_emit(text, "%s\n", to_lisbus_device(dev)->driver_override);
	device_unlock(dev);
	return size;
}

static ssize_t driver_override_store(struct device *dev,
				     struct device_attribute *attribute,
				     const char *text, size_t size)
{
	int error = driver_set_override(
		dev, &to_lisbus_device(dev)->driver_override, text, size);

	return error ? error : size;
}
static DEVICE_ATTR_RW(driver_override);

/* ---- rings ---- */

enum ring_field {
	RING_INTERRUPT_MASK,
	RING_READ_INDEX,
	RING_WRITE_INDEX,
	RING_READABLE,
	RING_WRITABLE,
};

/* What the header of a ring shows; the host may write anything there. */
static s64 header_field(const struct ring *ring, enum ring_field field)
{
	u32 write = READ_ONCE(ring->header->write_index);
	u32 read = READ_ONCE(ring->header->read_index);
	u32 used = write >= read ? write - read
				 : ring->size_bytes - (read - write);

	switch (field) {
	case RING_INTERRUPT_MASK:
		return READ_ONCE(ring->header->interrupt_mask);
	case RING_READ_INDEX:
		return read;
	case RING_WRITE_INDEX:
		return write;
	case RING_READABLE:
		return used;
	default:
		return ring->size_bytes - used;
	}
}

/* Rings come and go: only this lock keeps them. */
static s64 ring_field(struct lisbus_channel *channel, bool outgoing,
		      enum ring_field field)
{
	s64 value = -EINVAL;

	mutex_lock(&channel->lock);
	if (channel->opened)
		value = header_field(outgoing ? &channel->tx : &channel->rx,
				     field);
	mutex_unlock(&channel->lock);
	return value;
}

static ssize_t ring_show(struct lisbus_channel *channel, bool outgoing,
			 enum ring_field field, char *text)
{
	s64 value = ring_field(channel, outgoing, field);

	return value < 0 ? value : sysfs_emit(text, "%u\n", (u32)value);
}

#define RING_ATTRIBUTE(name, outgoing, field)                                  \
	static ssize_t name##_show(struct device *dev,                         \
				   struct device_attribute *attribute,         \
				   char *text)                                 \
	{                                                                      \
		return ring_show(channel_of(dev), outgoing, field, text);      \
	}                                                                      \
	static DEVICE_ATTR_RO(name)

RING_ATTRIBUTE(out_intr_mask, true, RING_INTERRUPT_MASK);
RING_ATTRIBUTE(out_read_index, true, RING_READ_INDEX);
RING_ATTRIBUTE(out_write_index, true, RING_WRITE_INDEX);
RING_ATTRIBUTE(out_read_bytes_avail, true, RING_READABLE);
RING_ATTRIBUTE(out_write_bytes_avail, true, RING_WRITABLE);
RING_ATTRIBUTE(in_intr_mask, false, RING_INTERRUPT_MASK);
RING_ATTRIBUTE(in_read_index, false, RING_READ_INDEX);
RING_ATTRIBUTE(in_write_index, false, RING_WRITE_INDEX);
RING_ATTRIBUTE(in_read_bytes_avail, false, RING_READABLE);
RING_ATTRIBUTE(in_write_bytes_avail, false, RING_WRITABLE);

/* ---- monitor pages ---- */

enum monitor_field {
	MONITOR_PENDING,
	MONITOR_LATENCY,
	MONITOR_CONNECTION,
};

static u32 monitor_field(const struct vmbus_monitor_page *page, u32 id,
			 enum monitor_field field)
{
	u32 group = id / VMBUS_MONITOR_GROUP_BITS;
	u32 bit = id % VMBUS_MONITOR_GROUP_BITS;

	if (id >= VMBUS_MONITOR_COUNT)
		return 0;
	if (field == MONITOR_PENDING)
		return READ_ONCE(page->group[group].pending);
	if (field == MONITOR_LATENCY)
		return READ_ONCE(page->latency_100ns[group][bit]);
	return READ_ONCE(page->parameter[group][bit].connection_id);
}

#define MONITOR_ATTRIBUTE(name, page, field)                                   \
	DEVICE_ATTRIBUTE(name, "%u",                                           \
			 monitor_field(page, channel->monitor_id, field))

MONITOR_ATTRIBUTE(server_monitor_pending, bus.monitor_to_guest,
		  MONITOR_PENDING);
MONITOR_ATTRIBUTE(server_monitor_latency, bus.monitor_to_guest,
		  MONITOR_LATENCY);
MONITOR_ATTRIBUTE(server_monitor_conn_id, bus.monitor_to_guest,
		  MONITOR_CONNECTION);
MONITOR_ATTRIBUTE(client_monitor_pending, bus.monitor_to_host, MONITOR_PENDING);
MONITOR_ATTRIBUTE(client_monitor_latency, bus.monitor_to_host, MONITOR_LATENCY);
MONITOR_ATTRIBUTE(client_monitor_conn_id, bus.monitor_to_host,
		  MONITOR_CONNECTION);

static struct attribute *device_attributes[] = {
	&dev_attr_id.attr,
	&dev_attr_state.attr,
	&dev_attr_monitor_id.attr,
	&dev_attr_class_id.attr,
	&dev_attr_device_id.attr,
	&dev_attr_modalias.attr,
	&dev_attr_numa_node.attr,
	&dev_attr_server_monitor_pending.attr,
	&dev_attr_client_monitor_pending.attr,
	&dev_attr_server_monitor_latency.attr,
	&dev_attr_client_monitor_latency.attr,
	&dev_attr_server_monitor_conn_id.attr,
	&dev_attr_client_monitor_conn_id.attr,
	&dev_attr_out_intr_mask.attr,
	&dev_attr_out_read_index.attr,
	&dev_attr_out_write_index.attr,
	&dev_attr_out_read_bytes_avail.attr,
	&dev_attr_out_write_bytes_avail.attr,
	&dev_attr_in_intr_mask.attr,
	&dev_attr_in_read_index.attr,
	&dev_attr_in_write_index.attr,
	&dev_attr_in_read_bytes_avail.attr,
	&dev_attr_in_write_bytes_avail.attr,
	&dev_attr_channel_vp_mapping.attr,
	&dev_attr_vendor.attr,
	&dev_attr_device.attr,
	&dev_attr_driver_override.attr,
	NULL,
};

/* Those of the monitor pages are of monitored channels only. */
static umode_t device_visible(struct kobject *kobj, struct attribute *attribute,
			      int index)
{
	const struct lisbus_channel *channel =
		channel_of(container_of(kobj, struct device, kobj));
	bool of_monitor = strstr(attribute->name, "monitor") != NULL;

	if (of_monitor && channel->monitor_id == VMBUS_MONITOR_ID_NONE)
		return 0;
	return attribute->mode;
}

static const struct attribute_group device_group = {
	.attrs = device_attributes,
	.is_visible = device_visible,
};
const struct attribute_group *bus_device_groups[] = { &device_group, NULL };

/* ---- the bus ---- */

static ssize_t hibernation_show(COMPAT_BUS_TYPE *type, char *text)
{
	return sysfs_emit(text, "%d\n", hv_is_hibernation_supported());
}
static BUS_ATTR_RO(hibernation);

static struct attribute *bus_attributes[] = {
	&bus_attr_hibernation.attr,
	NULL,
};
static const struct attribute_group bus_group = { .attrs = bus_attributes };
const struct attribute_group *bus_groups[] = { &bus_group, NULL };

/* ---- channels/RELID ---- */

struct channel_attribute {
	struct attribute attribute;
	ssize_t (*show)(struct lisbus_channel *channel, char *text);
	ssize_t (*store)(struct lisbus_channel *channel, const char *text,
			 size_t size);
};

#define CHANNEL_ATTRIBUTE(name, mode, ...)                                     \
	static const struct channel_attribute channel_##name = {               \
		.attribute = { __stringify(name), mode }, __VA_ARGS__          \
	}

#define CHANNEL_RING(name, outgoing, field)                                    \
	static ssize_t channel_##name##_show(struct lisbus_channel *channel,   \
					     char *text)                       \
	{                                                                      \
		return ring_show(channel, outgoing, field, text);              \
	}                                                                      \
	CHANNEL_ATTRIBUTE(name, 0444, .show = channel_##name##_show)

#define CHANNEL_VALUE(name, value)                                             \
	static ssize_t channel_##name##_show(struct lisbus_channel *channel,   \
					     char *text)                       \
	{                                                                      \
		return sysfs_emit(text, "%llu\n", (u64)(value));               \
	}                                                                      \
	CHANNEL_ATTRIBUTE(name, 0444, .show = channel_##name##_show)

CHANNEL_RING(out_mask, true, RING_INTERRUPT_MASK);
CHANNEL_RING(in_mask, false, RING_INTERRUPT_MASK);
CHANNEL_RING(read_avail, false, RING_READABLE);
CHANNEL_RING(write_avail, true, RING_WRITABLE);
CHANNEL_VALUE(interrupts, READ_ONCE(channel->interrupts));
CHANNEL_VALUE(events, READ_ONCE(channel->events));
CHANNEL_VALUE(subchannel_id, channel->offer.subchannel_index);
CHANNEL_VALUE(monitor_id, channel->monitor_id);
CHANNEL_VALUE(pending, monitor_field(bus.monitor_to_host, channel->monitor_id,
				     MONITOR_PENDING));
CHANNEL_VALUE(latency, monitor_field(bus.monitor_to_host, channel->monitor_id,
				     MONITOR_LATENCY));

static ssize_t channel_cpu_show(struct lisbus_channel *channel, char *text)
{
	return sysfs_emit(text, "%u\n", channel->cpu);
}

static ssize_t channel_cpu_store(struct lisbus_channel *channel,
				 const char *text, size_t size)
{
	u32 cpu;
	int error = kstrtou32(text, 0, &cpu);

	/* By this number, as by the kernel's own driver. */
	if (error)
		return -EIO;
	/* None goes offline between the look and the move. */
	cpus_read_lock();
	if (cpu >= nr_cpu_ids || !cpumask_test_cpu(cpu, &bus.cpus))
		error = -EINVAL;
	else if (cpu != channel->cpu)
		error = bus_channel_move(channel, cpu);
	cpus_read_unlock();
	return error ? error : size;
}
CHANNEL_ATTRIBUTE(cpu, 0644, .show = channel_cpu_show,
		  .store = channel_cpu_store);

static const struct attribute *channel_attributes[] = {
	&channel_out_mask.attribute,	  &channel_in_mask.attribute,
	&channel_read_avail.attribute,	  &channel_write_avail.attribute,
	&channel_interrupts.attribute,	  &channel_events.attribute,
	&channel_subchannel_id.attribute, &channel_monitor_id.attribute,
	&channel_pending.attribute,	  &channel_latency.attribute,
	&channel_cpu.attribute,		  NULL,
};

/* kobjects do not know that their attributes may be constant. */
static struct attribute_group channel_group = {
	.attrs = (struct attribute **)channel_attributes,
};
static const struct attribute_group *channel_groups[] = { &channel_group,
							  NULL };

static ssize_t channel_show(struct kobject *kobj, struct attribute *attribute,
			    char *text)
{
	return container_of(attribute, struct channel_attribute, attribute)
		->show(container_of(kobj, struct lisbus_channel, kobj), text);
}

static ssize_t channel_store(struct kobject *kobj, struct attribute *attribute,
			     const char *text, size_t size)
{
	struct channel_attribute *own =
		container_of(attribute, struct channel_attribute, attribute);

	if (!own->store)
		return -EIO;
	return own->store(container_of(kobj, struct lisbus_channel, kobj), text,
			  size);
}

static const struct sysfs_ops channel_ops = {
	.show = channel_show,
	.store = channel_store,
};

static void channel_free(struct kobject *kobj)
{
	kfree(container_of(kobj, struct lisbus_channel, kobj));
}

struct kobj_type bus_channel_type = {
	.release = channel_free,
	.sysfs_ops = &channel_ops,
	.default_groups = channel_groups,
};
