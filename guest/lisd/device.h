/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * device.h - the nodes that the kernel's hv_utils makes for a daemon.
 *
 * Here: whether this machine can have them, waiting for one, opening it. Not
 * here: what is spoken on them.
 */
#ifndef GUEST_LISD_DEVICE_H
#define GUEST_LISD_DEVICE_H

#include "guest/lisd/lisd.h"

/*
 * device_is_hyperv - the machine runs on Hyper-V (or on a host that says so):
 * CPUID's signature on x86, the FADT's hypervisor vendor elsewhere, a VMBus in
 * sysfs anywhere. Source: TLFS, "Feature and Interface Discovery"; ACPI 6.5
 * table 5.9.
 */
bool device_is_hyperv(void);

/*
 * device_each - call @look with the folder, in sysfs, of each device of a class
 * on the bus, until it returns true.
 * @class_id: "{GUID}"
 */
void device_each(const struct lisd_env *env, const char *class_id,
		 bool (*look)(const struct lisd_env *env, int device,
			      void *context),
		 void *context);

/*
 * device_wait_settled - if env->device is there, wait until the kernel's driver
 * has opened the channel of its service, for ten seconds at most.
 *
 * Linux makes the node before it has taken down where its driver finds it: what
 * is written to a node that was opened in that moment has the driver use a NULL
 * pointer (seen with 6.1: hvutil_transport_send()). The channel is opened
 * behind that. Where sysfs tells of no such device there is no waiting.
 * Returns false when told to stop.
 * Source: sysfs-bus-vmbus, "state"; enum vmbus_channel_state, linux/hyperv.h.
 */
bool device_wait_settled(struct lisd_env *env);

/*
 * device_open - wait until env->device is there, then open it for reading and
 * writing. A node that is gone, or held by another daemon, is waited for
 * without limit; the second is logged once. With env->device_given it is not
 * waited for.
 * Returns the descriptor, -1 (told to stop) or -2 (an error, logged).
 */
int device_open(struct lisd_env *env);

/*
 * device_may_come - whether opening @node is worth another try after @error: it
 * is not there (yet), or another daemon holds it, which is logged once. Any
 * other error is logged.
 */
bool device_may_come(const char *node, int error, bool *told_busy);

/*
 * device_wait_change - wait until something below @folder (or, while it is not
 * there, its nearest parent that is) was made or removed, or a second passed.
 * Returns false when told to stop.
 */
bool device_wait_change(struct lisd_env *env, const char *folder);

#endif
