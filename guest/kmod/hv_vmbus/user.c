// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * user.c - what processes map: rings, and the pages of signals.
 *
 * Here: the mapping itself, and a channel's file "ring" in /sys. Not here: who
 * may have it, and when (uio_hv_generic).
 *
 * Pages are mapped one by one, each with a reference of the mapping's: when the
 * channel is closed while a process still has them, they are freed with the
 * mapping, and not lent to anybody before.
 *
 * Source: Documentation/ABI/stable/sysfs-bus-vmbus (channels/N/ring).
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/mm.h>

/*
 * A channel's folder goes while its file does: whoever is second finds nothing
 * to take out. Never taken by those that read or map what is in the folder.
 */
static DEFINE_MUTEX(folders);

static int map_locked(struct lisbus_channel *channel,
		      struct vm_area_struct *vma, u32 first)
{
	if (!channel->opened)
		return -ENODEV;
	if (first >= channel->page_count)
		return -ENXIO;
	compat_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return vm_map_pages_zero(vma, channel->pages + first,
				 channel->page_count - first);
}

int lisbus_channel_map(struct lisbus_channel *channel,
		       struct vm_area_struct *vma, u32 first)
{
	int error;

	mutex_lock(&channel->lock);
	error = map_locked(channel, vma, first);
	mutex_unlock(&channel->lock);
	return error;
}
EXPORT_SYMBOL_GPL(lisbus_channel_map);

static int ring_mmap(struct file *file, struct kobject *kobj,
		     struct bin_attribute *attribute,
		     struct vm_area_struct *vma)
{
	struct lisbus_channel *channel =
		container_of(kobj, struct lisbus_channel, kobj);

	if (vma->vm_pgoff >= attribute->size / PAGE_SIZE)
		return -ENXIO;
	return lisbus_channel_map(channel, vma, vma->vm_pgoff);
}

int lisbus_channel_show_ring(struct lisbus_channel *channel, size_t size_bytes)
{
	struct bin_attribute *file = &channel->ring_file;
	int error = -ENODEV;

	mutex_lock(&folders);
	if (channel->kobj.state_in_sysfs && !channel->ring_shown) {
		sysfs_bin_attr_init(file);
		file->attr.name = "ring";
		file->attr.mode = 0600;
		file->size = size_bytes;
		file->mmap = ring_mmap;
		error = sysfs_create_bin_file(&channel->kobj, file);
		channel->ring_shown = !error;
	}
	mutex_unlock(&folders);
	return error;
}
EXPORT_SYMBOL_GPL(lisbus_channel_show_ring);

void lisbus_channel_hide_ring(struct lisbus_channel *channel)
{
	mutex_lock(&folders);
	if (channel->ring_shown)
		sysfs_remove_bin_file(&channel->kobj, &channel->ring_file);
	channel->ring_shown = false;
	mutex_unlock(&folders);
}
EXPORT_SYMBOL_GPL(lisbus_channel_hide_ring);

int bus_channel_show(struct lisbus_channel *channel, struct kobject *folder)
{
	int error = 0;

	mutex_lock(&folders);
	if (!lisbus_channel_rescinded(channel))
		error = kobject_add(&channel->kobj, folder, "%u",
				    channel->relid);
	mutex_unlock(&folders);
	return error;
}

void bus_channel_hide(struct lisbus_channel *channel)
{
	mutex_lock(&folders);
	if (channel->kobj.state_in_sysfs)
		kobject_del(&channel->kobj);
	/* With all that was in it. */
	channel->ring_shown = false;
	mutex_unlock(&folders);
}

struct page *lisbus_interrupt_page(void)
{
	return virt_to_page(bus.interrupt_page);
}
EXPORT_SYMBOL_GPL(lisbus_interrupt_page);

struct page *lisbus_monitor_page(void)
{
	return virt_to_page(bus.monitor_to_host);
}
EXPORT_SYMBOL_GPL(lisbus_monitor_page);
