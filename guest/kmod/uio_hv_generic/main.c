// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * main.c - the module uio_hv_generic: any channel, for a process.
 *
 * Here: the device file /dev/uioN, what it maps, and sub-channels. Not here:
 * what travels on the channel, which the process alone knows.
 *
 * The first who opens the file opens the channel, the last who closes it, and
 * has nothing mapped any more, closes it. Sub-channels are opened as the host
 * offers them, and are mapped by way of /sys (channels/RELID/ring).
 *
 * Interrupts: the host's signal masks the ring from it and counts an event, so
 * that read() returns. write() of 1 takes the mask away and, where no monitor
 * page does it, signals the host; write() of 0 masks. A channel begins without
 * a mask: a packet that the host sends while it is opened is told of.
 *
 * Locks, in the order in which they are taken: device_lock(), or the UIO core's
 * for one device, by which open(), release(), mmap() and irqcontrol() come;
 * door->lock; those of hv_vmbus. mmap() takes no door->lock, since a file in
 * /sys is taken away by it.
 *
 * Source: Documentation/driver-api/uio-howto.rst (Generic Hyper-V UIO driver);
 * maps as DPDK's drivers/bus/vmbus and tools/hv/hv_fcopy_uio_daemon.c open
 * them.
 */
#include "guest/kmod/uio_hv_generic/uio.h"
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio_driver.h>
#include "services/fcopy/wire.h"
#include "services/network/wire.h"

/* Of one ring, its header counted. */
#define RING_BYTES	 (2u << 20)
#define RING_BYTES_FCOPY (4 * PAGE_SIZE)
#define RECV_BYTES	 (31u << 20)
#define SEND_BYTES	 (16u << 20)

/* In the order that users know. */
enum map {
	MAP_RINGS,
	MAP_INTERRUPT_PAGE,
	MAP_MONITOR_PAGE,
	MAP_RECV,
	MAP_SEND,
};

struct door;

struct door_channel {
	struct door *door;
	struct lisbus_channel *bus;
	struct list_head entry; /* of a sub-channel, in door->subchannels */
};

/* One device. */
struct door {
	struct lisbus_device *device;
	struct uio_info info;
	u32 ring_bytes;
	struct lent recv, send;
	struct door_channel primary;

	struct mutex lock; /* of what follows */
	bool gone;	   /* nobody opens it any more */
	u32 users;	   /* open files */
	struct list_head subchannels;
};

/* ---- signals ---- */

/* The reader of this ring is a process: its mask is all that we know of it. */
static void mask_set(struct lisbus_channel *channel, bool masked)
{
	WRITE_ONCE(channel->rx.header->interrupt_mask, masked);
	/* Before the ring is looked at: the host writes first, then reads it.
	 */
	virt_mb();
}

static void signalled(void *context)
{
	struct door_channel *channel = context;

	mask_set(channel->bus, true);
	uio_event_notify(&channel->door->info);
}

static int door_irqcontrol(struct uio_info *info, s32 on)
{
	struct door *door = info->priv;
	struct lisbus_channel *channel = door->primary.bus;

	mask_set(channel, !on);
	if (on && !lisbus_channel_monitored(channel))
		lisbus_channel_signal(channel);
	return 0;
}

/* ---- channels ---- */

static int channel_open(struct door_channel *channel)
{
	u32 bytes = channel->door->ring_bytes - PAGE_SIZE;
	const struct lisbus_open open = {
		.tx_bytes = bytes,
		.rx_bytes = bytes,
		.signal = signalled,
		.context = channel,
	};

	return lisbus_channel_open(channel->bus, &open);
}

static int subchannel_open(struct door *door, struct lisbus_channel *bus)
{
	struct door_channel *channel;
	int error;

	if (door->gone || !door->users)
		return -ENODEV;
	channel = kzalloc(sizeof(*channel), GFP_KERNEL);
	if (!channel)
		return -ENOMEM;
	channel->door = door;
	channel->bus = bus;
	error = channel_open(channel);
	if (!error)
		error = lisbus_channel_show_ring(bus, 2 * door->ring_bytes);
	if (error) {
		lisbus_channel_close(bus);
		kfree(channel);
		return error;
	}
	list_add_tail(&channel->entry, &door->subchannels);
	return 0;
}

/* Each is told of by itself, in the order in which they are taken. */
static void subchannel(struct lisbus_device *device)
{
	struct door *door = lisbus_get_drvdata(device);
	struct lisbus_channel *bus = lisbus_subchannel_take(device, 0);
	int error;

	if (!bus)
		return;
	mutex_lock(&door->lock);
	error = subchannel_open(door, bus);
	mutex_unlock(&door->lock);
	if (!error)
		return;
	dev_warn(&device->dev, "sub-channel %u is not used: %d\n", bus->relid,
		 error);
	lisbus_subchannel_give_back(bus);
}

static void channels_close(struct door *door)
{
	struct door_channel *channel, *next;

	list_for_each_entry_safe(channel, next, &door->subchannels, entry) {
		lisbus_channel_hide_ring(channel->bus);
		lisbus_subchannel_give_back(channel->bus);
		list_del(&channel->entry);
		kfree(channel);
	}
	lisbus_channel_close(door->primary.bus);
}

/* ---- the file ---- */

static int door_open(struct uio_info *info, struct inode *inode)
{
	struct door *door = info->priv;
	int error = 0;

	mutex_lock(&door->lock);
	if (door->gone)
		error = -ENODEV;
	else if (!door->users)
		error = channel_open(&door->primary);
	if (!error)
		door->users++;
	mutex_unlock(&door->lock);
	return error;
}

static int door_release(struct uio_info *info, struct inode *inode)
{
	struct door *door = info->priv;

	mutex_lock(&door->lock);
	if (!--door->users)
		channels_close(door);
	mutex_unlock(&door->lock);
	return 0;
}

static int pages_map(struct vm_area_struct *vma, struct page **pages, u32 count)
{
	compat_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return vm_map_pages_zero(vma, pages, count);
}

/* The UIO core has seen to it that there is such a map, and its size. */
static int door_mmap(struct uio_info *info, struct vm_area_struct *vma)
{
	struct door *door = info->priv;
	struct page *page;

	switch (vma->vm_pgoff) {
	case MAP_RINGS:
		return lisbus_channel_map(door->primary.bus, vma, 0);
	case MAP_INTERRUPT_PAGE:
		page = lisbus_interrupt_page();
		return pages_map(vma, &page, 1);
	case MAP_MONITOR_PAGE:
		page = lisbus_monitor_page();
		return pages_map(vma, &page, 1);
	case MAP_RECV:
		return pages_map(vma, door->recv.pages, door->recv.page_count);
	case MAP_SEND:
		return pages_map(vma, door->send.pages, door->send.page_count);
	default:
		return -EINVAL;
	}
}

static void map_name(struct door *door, enum map map, const char *name,
		     u32 size_bytes)
{
	door->info.mem[map].name = name;
	door->info.mem[map].size = size_bytes;
}

static void info_fill(struct door *door)
{
	struct uio_info *info = &door->info;

	info->name = KBUILD_MODNAME;
	info->version = LIS_VERSION;
	info->irq = UIO_IRQ_CUSTOM;
	info->priv = door;
	info->open = door_open;
	info->release = door_release;
	info->mmap = door_mmap;
	info->irqcontrol = door_irqcontrol;
	map_name(door, MAP_RINGS, "txrx_rings", 2 * door->ring_bytes);
	map_name(door, MAP_INTERRUPT_PAGE, "int_page", PAGE_SIZE);
	map_name(door, MAP_MONITOR_PAGE, "monitor_page", PAGE_SIZE);
	if (!door->recv.channel)
		return;
	map_name(door, MAP_RECV, door->recv.name, RECV_BYTES);
	map_name(door, MAP_SEND, door->send.name, SEND_BYTES);
}

/* ---- the driver ---- */

static struct door *door_new(struct lisbus_device *device)
{
	static const struct guid fcopy = FCOPY_TYPE_GUID;
	struct door *door = kzalloc(sizeof(*door), GFP_KERNEL);

	if (!door)
		return NULL;
	door->device = device;
	door->primary.door = door;
	door->primary.bus = device->channel;
	door->ring_bytes = RING_BYTES;
	if (guid_equal(&device->channel->offer.type, &fcopy))
		door->ring_bytes = RING_BYTES_FCOPY;
	mutex_init(&door->lock);
	INIT_LIST_HEAD(&door->subchannels);
	return door;
}

static void door_free(struct door *door)
{
	lent_end(&door->send);
	lent_end(&door->recv);
	kfree(door);
}

static int buffers_lend(struct door *door)
{
	struct lisbus_channel *channel = door->primary.bus;
	int error;

	error = lent_begin(&door->recv, channel, "recv",
			   RECV_BYTES / PAGE_SIZE);
	if (!error)
		error = lent_begin(&door->send, channel, "send",
				   SEND_BYTES / PAGE_SIZE);
	return error;
}

static int probe(struct lisbus_device *device,
		 const struct hv_vmbus_device_id *id)
{
	struct door *door = door_new(device);
	int error;

	if (!door)
		return -ENOMEM;
	error = buffers_lend(door);
	if (error)
		goto free;
	info_fill(door);
	lisbus_set_drvdata(device, door);
	error = lisbus_channel_show_ring(device->channel, 2 * door->ring_bytes);
	if (error)
		dev_warn(&device->dev, "its rings are not in /sys: %d\n",
			 error);
	error = uio_register_device(&device->dev, &door->info);
	if (!error)
		return 0;
	lisbus_channel_hide_ring(device->channel);
free:
	dev_err(&device->dev, "no device file for it: %d\n", error);
	door_free(door);
	return error;
}

/*
 * Signals end before the device file does, as they count its events. Whoever
 * has it open keeps what is mapped, which is nobody else's by then, and gets
 * EIO from read() and write().
 */
static void remove(struct lisbus_device *device)
{
	struct door *door = lisbus_get_drvdata(device);
	struct door_channel *channel;

	mutex_lock(&door->lock);
	door->gone = true;
	list_for_each_entry(channel, &door->subchannels, entry)
		lisbus_channel_quiet(channel->bus);
	lisbus_channel_quiet(door->primary.bus);
	mutex_unlock(&door->lock);
	uio_event_notify(&door->info);
	lisbus_channel_hide_ring(device->channel);
	uio_unregister_device(&door->info);
	channels_close(door);
	door_free(door);
}

/* Devices come by way of new_id or driver_override only. */
static struct lisbus_driver driver = {
	.probe = probe,
	.remove = remove,
	.subchannel = subchannel,
	.driver.name = KBUILD_MODNAME,
};

static int __init door_init(void)
{
	return lisbus_driver_register(&driver, THIS_MODULE, KBUILD_MODNAME);
}

static void __exit door_exit(void)
{
	lisbus_driver_unregister(&driver);
}

module_init(door_init);
module_exit(door_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(LIS_VERSION);
MODULE_AUTHOR("The LIS project");
MODULE_DESCRIPTION("Channels of Hyper-V guests for user space");
