/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * bus.h - what the files of hv_vmbus know of each other.
 *
 * main.c: the module and its platform device. synic.c: interrupts, messages
 * and event flags of each CPU, hypercalls. connection.c: what drives the engine
 * of vmbus/guest.h. channel.c: opening and closing. subchannel.c: those that
 * belong to a primary. memory.c: pages of rings. device.c: the bus type,
 * devices, drivers. sysfs.c: their attributes. user.c: what processes map.
 * panic.c: the kernel's last words. power.c: hibernation.
 *
 * Locks, in the order in which they are taken:
 *
 *	device_lock() of a device	the kernel's: probe and remove
 *	channel->lock	mutex		opening and closing a channel
 *	bus.lock	mutex		the engine, bus.channels, answers
 *
 * Interrupts take none of them: they find a channel in bus.listeners, which is
 * read under RCU and changed under channel->lock, and whoever takes one out
 * waits for the readers. A channel lives as long as its kobject is held: by the
 * bus until it is released to the host, by works that wait, and by its device.
 *
 * Nobody waits for the host while holding bus.lock. The thread of
 * bus.message_queue does not wait for channel->lock or for a driver: what may
 * take long goes to bus.device_queue, one thing at a time, in the order of the
 * host's messages. The end of a sub-channel has a queue of its own. A driver
 * may wait for the next one, which the host offers when the last is released,
 * and have a lock meanwhile that another's probe, in that queue, waits for.
 */
#ifndef HV_VMBUS_BUS_H
#define HV_VMBUS_BUS_H

#include "guest/kmod/compat/compat.h"
#include "guest/kmod/lisbus.h"
#include <linux/completion.h>
#include <linux/platform_device.h>
#include "vmbus/guest.h"

#define BUS_LOG "hv_vmbus: "

/* The host is said to be slow after this, and waited for. */
#define BUS_PATIENCE (10 * HZ)

enum bus_state {
	BUS_DOWN,
	BUS_CONNECTING,
	BUS_UP,
	BUS_UNLOADING, /* the host was told to let go */
};

struct bus {
	struct device *parent;
	u32 cpu; /* that gets the host's messages; not to go offline */
	bool synic_ready;
	int hotplug_state;

	struct mutex lock; /* of the engine, and of what follows */
	struct vmbus_guest guest;
	struct vmbus_guest_channel *guest_channels;
	struct vmbus_guest_gpadl *guest_gpadls;
	struct vmbus_guest_job *guest_jobs;
	enum bus_state state;
	bool leaving;		/* no new device any more */
	bool crashed;		/* messages are the crashed CPU's to take */
	struct cpumask cpus;	/* that channels may interrupt */
	u32 post_connection_id; /* of the newest message sent */
	struct completion connected;
	struct completion delivered;
	struct completion unloaded;
	enum vmbus_status refused;
	struct list_head channels;

	struct workqueue_struct *message_queue;
	struct workqueue_struct *device_queue;
	struct workqueue_struct *subchannel_queue;
	struct work_struct message_work;
	struct delayed_work resend_work;

	struct lisbus_channel __rcu *listeners[VMBUS_RELID_MAX + 1];
	u32 flag_words; /* of flags that anybody listens to; by lock */

	/* Pages that the host knows. */
	void *interrupt_page; /* upper half: bits of old signals to the host */
	struct vmbus_monitor_page *monitor_to_guest;
	struct vmbus_monitor_page *monitor_to_host;
};

extern struct bus bus;

/* synic.c */

/* What the host put into a message slot. */
struct bus_message {
	u32 size_bytes;
	u64 payload[VMBUS_SYNIC_PAYLOAD_MAX / sizeof(u64)];
};

/* Allocates pages and turns each CPU's SynIC on. 0 or a negative errno. */
int bus_synic_start(void);
/* The opposite. No interrupt comes any more. */
void bus_synic_stop(void);
/* This CPU's, at a crash or without interrupts: no sleep, no lock. */
void bus_synic_disable(void);
/* The opposite, of a CPU that was disabled so; nothing of before is there. */
void bus_synic_enable(void);

/*
 * Copies the message that waits at bus.cpu: false when there is none. It stays
 * in its slot until bus_message_done(), which must run on bus.cpu.
 */
bool bus_message_peek(struct bus_message *message);
void bus_message_done(void);

/* Looks for a message of one type at every CPU, and frees the slots. Any. */
bool bus_message_find(u32 type);

/* HvPostMessage and HvSignalEvent: HV_STATUS_*. Any context. */
u64 bus_post(u32 connection_id, const void *payload, u32 size_bytes);
void bus_signal(u32 connection_id);

/* connection.c */

int bus_connection_init(void);
void bus_connection_free(void);
/*
 * Connects, and waits until the first offers are there, each step for @patience
 * (jiffies). The queue of devices is not waited for. 0, -ETIMEDOUT: the host
 * does not answer; -EPROTO: it refused.
 */
int bus_connect(unsigned long patience);
/* Tells the host to let go of everything, and waits. */
void bus_disconnect(void);
/* The same at a crash: no sleep, no lock, no interrupts. */
void bus_disconnect_crashed(void);
/* Does what the engine says, by bus.lock. */
void bus_run(void);

/* channel.c */

/* A channel for an offer, with one reference; NULL: no memory. */
struct lisbus_channel *
bus_channel_new(const struct vmbus_guest_action *offered);
void bus_channel_put(struct lisbus_channel *channel);
/*
 * The channel of a device that was there before the guest hibernated and is
 * offered again, with the offer's numbers, by bus.lock. NULL: it is a new one.
 */
struct lisbus_channel *
bus_channel_again(const struct vmbus_guest_action *offered);
/* Calls the driver of an open channel as though the host signalled. A task. */
void bus_channel_wake(struct lisbus_channel *channel);
/* Has the device removed and the channel released, by bus.lock. */
void bus_channel_leave(struct lisbus_channel *channel);
/* Lets the host have its relid back, by no lock. */
void bus_channel_release(struct lisbus_channel *channel);

/*
 * A CPU is to go offline. 0, or -EBUSY: it gets the host's messages, or open
 * channels interrupt it. As in the kernel's own driver, moving them is the
 * administrator's to do (channels/RELID/cpu): where a device's work is done is
 * not to change unasked.
 */
int bus_cpu_leaves(u32 cpu);
/* A CPU is there for channels to interrupt. */
void bus_cpu_joins(u32 cpu);

/*
 * Moves an open channel's interrupts to another CPU. 0; -EIO: it is not open,
 * the version is below 4.1, or the host refused; -ENODEV: rescinded.
 */
int bus_channel_move(struct lisbus_channel *channel, u32 cpu);

/* subchannel.c */

/* One was offered: its primary gets it, by bus.lock. */
void bus_subchannel_offered(struct lisbus_channel *channel);
/* One was rescinded: nobody gets it any more, by bus.lock. */
void bus_subchannel_rescinded(struct lisbus_channel *channel);
/* Shows one in /sys, in the queue of devices. */
void bus_subchannel_show(struct lisbus_channel *channel);
/* The work of a device whose driver is to hear of that. */
void bus_subchannel_tell(struct work_struct *work);
/* Releases one that was rescinded, once its driver has given it back. */
void bus_subchannel_remove(struct lisbus_channel *channel);
/* One that nobody uses any more, and that is in no queue: it is gone. */
void bus_subchannel_end(struct lisbus_channel *channel);
/* Takes those of a primary out of /sys, before its folder goes. */
void bus_subchannels_hide(struct lisbus_channel *primary);
/* Writes "RELID:CPU", a line each, behind @size of @text: the new size. */
int bus_subchannels_list(struct lisbus_channel *primary, char *text, int size);

/* user.c */
/*
 * Shows a channel in @folder, under its number; one that was rescinded is not
 * shown, and that is no error. 0 or a negative errno.
 */
int bus_channel_show(struct lisbus_channel *channel, struct kobject *folder);
/* Takes a channel's folder out of /sys, by no lock. */
void bus_channel_hide(struct lisbus_channel *channel);

/*
 * mmio.c: learns which addresses are free for devices, from the bus's ACPI
 * device and those around it. 0, also when there are none; or -ENOMEM.
 */
int bus_mmio_start(struct device *parent);
void bus_mmio_stop(void);

/* panic.c */
void bus_panic_start(void);
void bus_panic_stop(void);

/* power.c */
extern const struct dev_pm_ops bus_device_pm; /* of each device */
extern const struct dev_pm_ops bus_pm;	      /* of the bus's own */
void bus_power_start(void);
void bus_power_stop(void);

/* memory.c */

/*
 * Allocates and formats both rings and attaches channel->tx and ->rx; by
 * channel->lock. 0, -ENOMEM or -EINVAL.
 */
int bus_rings_alloc(struct lisbus_channel *channel, u32 tx_bytes, u32 rx_bytes);
void bus_rings_free(struct lisbus_channel *channel);

/* device.c */
extern struct bus_type lisbus_type;
#define to_lisbus_driver(d) container_of(d, struct lisbus_driver, driver)
void bus_device_add(struct work_struct *work);
void bus_device_remove(struct work_struct *work);
/* Removes every device; the host is not asked for any new. */
void bus_devices_clear(void);
/* The number that /sys shows for a kind of device; the last is "unknown". */
u32 bus_device_id(const struct vmbus_offer *offer);
/* Which CPU a new channel interrupts, by bus.lock. */
u32 bus_cpu_choose(const struct vmbus_offer *offer);

/* sysfs.c */
extern const struct attribute_group *bus_device_groups[];
extern const struct attribute_group *bus_groups[];
extern struct kobj_type bus_channel_type;

#endif
