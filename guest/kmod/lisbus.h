/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * lisbus.h - what hv_vmbus gives to the drivers of this tree.
 *
 * Here: devices, drivers and channels as a Linux module sees them. Not here:
 * the bus's own state (hv_vmbus/bus.h), packets (vmbus/packet.h).
 *
 * Kernel headers come before any of vmbus/ or services/, which lend the name of
 * one kernel function to their own (vmbus/port.h).
 *
 * Contexts: "may sleep" is a task without spinlocks; "any" includes interrupts.
 * Nothing here may be called before probe() or after remove() of the device.
 */
#ifndef LISBUS_H
#define LISBUS_H

#include <linux/completion.h>
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/mod_devicetable.h>
#include <linux/mutex.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "vmbus/monitor.h"
#include "vmbus/offer.h"
#include "vmbus/packet.h"
#include "vmbus/ring.h"

struct lisbus_channel;
struct page;
struct vm_area_struct;

/* One instance on the bus: a primary channel, and the driver's own matters. */
struct lisbus_device {
	struct device dev;
	struct lisbus_channel *channel;

	/* ---- of hv_vmbus alone ---- */
	struct kobject *channels; /* folder of them in /sys */
	const char *driver_override;
	struct work_struct subchannel_work; /* its driver is to hear of one */
	bool suspended;			    /* by its driver */
	/* Taken from it, as it cannot suspend; compared, and no more. */
	const struct device_driver *parked;
};

#define to_lisbus_device(d) container_of(d, struct lisbus_device, dev)

/*
 * A driver. probe: returns 0 or a negative errno, and has closed what it opened
 * when it fails. remove: comes once after a probe that succeeded, also when the
 * host took the device back (lisbus_channel_rescinded()); must close the
 * channel. shutdown: the machine stops. subchannel: the host offered one, which
 * is in /sys and is there for lisbus_subchannel_take(); for drivers that do not
 * wait for what they asked for. shutdown and subchannel may be NULL. All may
 * sleep, one at a time for a device.
 *
 * suspend: the guest hibernates, or goes on with what hibernated before it.
 * Nobody is to use the device; the driver closes the channel, gives back
 * sub-channels, and keeps what it needs to begin anew. 0; or a negative errno,
 * and then it goes on as before. resume: comes once after each suspend that
 * returned 0; the host knows nothing of before, numbers of channels are others,
 * and a device that it does not offer any more answers -ENODEV when its channel
 * is opened. remove may follow whatever resume returned. While they run no
 * device comes or goes, processes stand still and interrupts of other devices
 * are off. Both may be NULL: then the driver is removed from its devices before
 * the guest hibernates, and probed anew afterwards.
 */
struct lisbus_driver {
	const struct hv_vmbus_device_id *ids; /* ends with a zero GUID */
	int (*probe)(struct lisbus_device *device,
		     const struct hv_vmbus_device_id *id);
	void (*remove)(struct lisbus_device *device);
	void (*shutdown)(struct lisbus_device *device);
	void (*subchannel)(struct lisbus_device *device);
	int (*suspend)(struct lisbus_device *device);
	int (*resume)(struct lisbus_device *device);
	struct device_driver driver; /* .name is the caller's to set */

	spinlock_t added_lock;	/* of the list */
	struct list_head added; /* ids by way of new_id */
};

/*
 * Makes a driver known; devices that it fits are probed before or after it
 * returns. May sleep. Returns 0 or the error of driver_register().
 */
int lisbus_driver_register(struct lisbus_driver *driver, struct module *owner,
			   const char *module_name);

/* Removes the driver from its devices. May sleep. */
void lisbus_driver_unregister(struct lisbus_driver *driver);

/* How a channel is opened. */
struct lisbus_open {
	u32 tx_bytes; /* of data, a multiple of PAGE_SIZE, at least one page */
	u32 rx_bytes;
	const u8 *user_data; /* VMBUS_USER_DATA_BYTES, or NULL */
	/*
	 * The host signalled, or took the channel back. Called with interrupts
	 * disabled, as a rule on the channel's CPU, perhaps on two CPUs at
	 * once; may come before lisbus_channel_open() has returned, when
	 * nothing of the rings is to be touched yet but their headers.
	 */
	void (*signal)(void *context);
	void *context;
};

/*
 * A channel. Fields are read by drivers, written by hv_vmbus, but for the two
 * rings, which are the driver's while the channel is open: one user of each at
 * a time is the driver's to see to.
 */
struct lisbus_channel {
	struct ring tx, rx;
	struct vmbus_offer offer;
	u32 relid; /* 0: not offered since the guest hibernated */
	u32 cpu;   /* that the host interrupts */

	/* ---- of hv_vmbus alone ---- */
	u32 connection_id;
	u32 monitor_id;
	bool dedicated_interrupt;
	struct lisbus_device *device; /* of a primary, once it is registered */
	struct mutex lock;	      /* open and close; before bus.lock */
	struct work_struct offer_work;
	struct work_struct rescind_work;
	struct list_head entry; /* bus.channels, by bus.lock */

	/* Answers of the host, by bus.lock; waited for in @answer. */
	wait_queue_head_t answer;
	bool answered;
	u32 status;
	bool rescinded;
	bool leaving; /* rescind_work was queued, by bus.lock */

	/* By lock. */
	bool opened;
	struct page **pages; /* of both rings, in the order of the GPADL */
	u32 page_count;
	u32 tx_pages; /* of them, header included */
	u64 *pfns;
	u32 gpadl;
	void *tx_map, *rx_map; /* header once, data twice */

	void (*signal)(void *context);
	void *context;
	u64 events;	/* signals of the host */
	u64 interrupts; /* signals to the host */

	struct kobject kobj; /* channels/RELID; counts the references */
	struct bin_attribute ring_file; /* in it, while ring_shown */
	bool ring_shown;		/* hv_vmbus/user.c */

	/* Of sub-channels, by bus.lock (hv_vmbus/subchannel.c). */
	struct list_head subchannels; /* of a primary */
	u32 fresh;		      /* of them, that no driver took yet */
	struct lisbus_channel *primary;
	struct list_head sub_entry;
	bool taken;
	bool given_back;
	bool release_owed;
};

/*
 * Opens a channel: both rings allocated, lent to the host, and open at its
 * side. May sleep, for as long as the host takes.
 * 0; -ENOMEM; -EINVAL: sizes; -EBUSY: open already; -ENODEV: the host took the
 * channel back; -EIO: the host refused.
 */
int lisbus_channel_open(struct lisbus_channel *channel,
			const struct lisbus_open *open);

/*
 * Closes a channel: no signal comes any more when it returns, the host has let
 * go of the rings, and they are freed. Harmless when it is not open. May sleep,
 * for as long as the host takes. A driver that may be in the rings elsewhere
 * stops that first, or lets lisbus_channel_quiet() stop its cause.
 */
void lisbus_channel_close(struct lisbus_channel *channel);

/*
 * Lends memory to the host, in addition to the rings: @page_count whole pages,
 * 1 to LISBUS_LEND_PAGES. @gpadl: receives the id that the host knows it by.
 * Not before probe() of the channel's device. May sleep, for as long as the
 * host takes.
 * 0; -EINVAL: size; -ENODEV: the host took the channel back; -EIO: the host
 * refused.
 */
#define LISBUS_LEND_PAGES 8190u
int lisbus_channel_lend(struct lisbus_channel *channel, const u64 *pfns,
			u32 page_count, u32 *gpadl);

/*
 * Takes lent memory back: the host has let go of it when this returns. Once for
 * each loan, open or closed. May sleep, for as long as the host takes.
 */
void lisbus_channel_take_back(struct lisbus_channel *channel, u32 gpadl);

/*
 * The next sub-channel of a device that the host offers: waits up to @timeout
 * (jiffies) for it. Each offer is given out once. The caller's until
 * lisbus_subchannel_give_back(), also when the host rescinds it. May sleep.
 * NULL: none came, or the host took the device back.
 */
struct lisbus_channel *lisbus_subchannel_take(struct lisbus_device *device,
					      unsigned long timeout);

/*
 * Closes a sub-channel and lets go of it: not to be touched any more. The host
 * rescinds it when the primary channel is closed. May sleep.
 */
void lisbus_subchannel_give_back(struct lisbus_channel *channel);

/* No signal() comes any more when it returns; the rings stay. May sleep. */
void lisbus_channel_quiet(struct lisbus_channel *channel);

/* Signals the host; what ring_publish() and ring_release() ask for. Any. */
void lisbus_channel_signal(struct lisbus_channel *channel);

/* Whether the host took the channel back, so that no answer comes. Any. */
static inline bool
lisbus_channel_rescinded(const struct lisbus_channel *channel)
{
	return READ_ONCE(channel->rescinded);
}

/*
 * Maps the rings of an open channel for a process, without copying: first the
 * one to the host, header page and data, then the one from it. The pages stay
 * the process's when the channel is closed, but are then nobody else's.
 * @first: the page of both rings that @vma begins at. For mmap() of a file.
 * 0; -ENODEV: the channel is not open; -ENXIO: @vma is larger than the rings;
 * -ENOMEM.
 */
int lisbus_channel_map(struct lisbus_channel *channel,
		       struct vm_area_struct *vma, u32 first);

/*
 * Shows the rings of a channel in /sys, as "ring" of its folder, a file of both
 * rings' size that root can map while the channel is open. May sleep.
 * @size_bytes: of both rings, their header pages counted.
 * 0; -ENODEV: the folder is gone; the errors of sysfs_create_bin_file().
 */
int lisbus_channel_show_ring(struct lisbus_channel *channel, size_t size_bytes);

/*
 * The opposite: nobody has the rings mapped by way of that file any more when
 * it returns. Harmless when they are not shown. May sleep; not while holding
 * what a reader of the channel's attributes may wait for.
 */
void lisbus_channel_hide_ring(struct lisbus_channel *channel);

/*
 * The pages that all channels share with the host, for who signals it from
 * user space: the interrupt page, and the monitor page whose bits are ours to
 * set. Theirs who ask as long as hv_vmbus is loaded. Any.
 */
struct page *lisbus_interrupt_page(void);
struct page *lisbus_monitor_page(void);

/* Whether the host looks for signals of a channel in the monitor page. Any. */
static inline bool
lisbus_channel_monitored(const struct lisbus_channel *channel)
{
	return channel->monitor_id != VMBUS_MONITOR_ID_NONE;
}

/* What a driver asks of the addresses that the host keeps free for devices. */
struct lisbus_mmio {
	const char *name; /* in /proc/iomem, as long as the range is taken */
	resource_size_t size;  /* bytes, whole pages */
	resource_size_t align; /* bytes, a power of 2 of at least a page */
	resource_size_t min;   /* the first address that will do */
	resource_size_t max;   /* the last */
};

/*
 * Takes a range of them, for the host to put something there: a video
 * adapter's memory, a PCI device's BARs. May sleep.
 * A part of /proc/iomem that is nobody else's; or ERR_PTR: -EBUSY, there is no
 * such range left, or the machine has none at all; -EINVAL: @wish makes no
 * sense; -ENOMEM.
 */
struct resource *lisbus_mmio_take(const struct lisbus_mmio *wish);

/* Gives back what lisbus_mmio_take() gave. May sleep. */
void lisbus_mmio_give(struct resource *range);

/* The VM's reference time in 100 ns. Any. */
u64 lisbus_reference_time(void);

static inline void *lisbus_get_drvdata(struct lisbus_device *device)
{
	return dev_get_drvdata(&device->dev);
}

static inline void lisbus_set_drvdata(struct lisbus_device *device, void *data)
{
	dev_set_drvdata(&device->dev, data);
}

#endif
