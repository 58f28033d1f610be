/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vmbus_sysfs.h - the devices of the VMBus, as the kernel shows them in sysfs.
 *
 * Here: reading and bounding. Not here: what a device is for, nor any output.
 *
 * Source: Documentation/ABI/stable/sysfs-bus-vmbus and
 * Documentation/ABI/testing/sysfs-driver-uio_hv_generic (kernel source).
 *
 * Attributes are text that the kernel made, partly of what a host told it:
 * whatever a file holds, nothing here reads beyond a bound, and no text that is
 * given to the caller has bytes that a terminal would act on.
 */
#ifndef GUEST_COMMON_VMBUS_SYSFS_H
#define GUEST_COMMON_VMBUS_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMBUS_SYSFS_FOLDER "bus/vmbus/devices"

#define VMBUS_SYSFS_NAME_BYTES	  64
#define VMBUS_SYSFS_CHANNELS_MAX  1024
#define VMBUS_SYSFS_DEVICES_MAX	  4096
#define VMBUS_SYSFS_STATE_UNKNOWN 0xffffffffu

/* "state": the channel is open. (enum vmbus_channel_state, linux/hyperv.h) */
#define VMBUS_SYSFS_STATE_OPENED 3

/* One line of channel_vp_mapping. */
struct vmbus_sysfs_channel {
	uint32_t relid;
	uint32_t cpu;
};

struct vmbus_sysfs_device {
	char name[VMBUS_SYSFS_NAME_BYTES];     /* of its folder */
	char class_id[VMBUS_SYSFS_NAME_BYTES]; /* "{GUID}" */
	char device_id[VMBUS_SYSFS_NAME_BYTES];
	char driver[VMBUS_SYSFS_NAME_BYTES]; /* bound to it; "" for none */
	uint32_t id;			     /* of its primary channel */
	uint32_t state; /* VMBUS_SYSFS_STATE_*, or another of the kernel's */
	struct vmbus_sysfs_channel *channels; /* by relid */
	uint32_t channel_count;
	/*
	 * The first attribute that was missing or made no sense; NULL when all
	 * is well. What the device has of id, class_id and device_id is then
	 * not complete.
	 */
	const char *broken;
};

struct vmbus_sysfs {
	struct vmbus_sysfs_device *devices; /* by id; broken ones last */
	uint32_t count;
};

/*
 * vmbus_sysfs_read - all devices.
 * @root: where sysfs is mounted, "/sys"
 * @sysfs: filled; vmbus_sysfs_free() it when the result is 0
 * Returns 0, or an errno: ENOENT when there is no VMBus (or its driver is not
 * loaded), ENOMEM, or why the folder cannot be read. A device that disappears
 * meanwhile is left out; a device with a bad attribute is in, and says so.
 */
int vmbus_sysfs_read(struct vmbus_sysfs *sysfs, const char *root);

/* vmbus_sysfs_free - give the memory back. */
void vmbus_sysfs_free(struct vmbus_sysfs *sysfs);

/*
 * vmbus_sysfs_attribute - one attribute's first line, without spaces around it.
 * @folder: open folder of the device
 * @text: @capacity_bytes bytes; "" on failure
 * Returns its length, or -errno; -EINVAL when it is not printable ASCII or does
 * not fit.
 */
int vmbus_sysfs_attribute(int folder, const char *name, char *text,
			  size_t capacity_bytes);

/*
 * vmbus_sysfs_number - a decimal number that is all of @text.
 * Returns whether it is one, and no more than 32 bits.
 */
bool vmbus_sysfs_number(const char *text, uint32_t *number);

/*
 * vmbus_sysfs_channels - parse the text of channel_vp_mapping, lines of
 * "RELID:CPU", into @channels (room for @capacity), sorted by relid.
 * @bad: set to true when a line was something else, and was left out
 * Returns how many there are; no more than @capacity.
 */
uint32_t vmbus_sysfs_channels(const char *text, size_t size_bytes,
			      struct vmbus_sysfs_channel *channels,
			      uint32_t capacity, bool *bad);

#endif
