/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * storage.h - the synthetic disks of a VM: SCSI controllers and IDE disks.
 *
 * In host/device lives what joins a synthetic device's engine to its channels,
 * its worker threads and its backend. Not here: the wire (services/), the bus
 * (host/bus), images (host/backend), JSON (host/control).
 *
 * All functions are called on the loop's thread. Each channel that the guest
 * opens has a worker thread of its own (worker.c), which serves the channel's
 * rings and has a queue of each disk.
 */
#ifndef HOST_DEVICE_STORAGE_H
#define HOST_DEVICE_STORAGE_H

#include <uv.h>

#include "host/backend/disk/disk.h"
#include "host/bus/bus.h"
#include "host/control/disk_config.h"
#include "host/vm/error.h"

struct storage;

/* What the VM gives its disks, and is told by them. */
struct storage_host {
	uv_loop_t *loop;
	struct bus *bus;
	u32 vcpus;
	/* Something worth telling; @kind is a word of the event log. */
	void (*event)(void *context, const char *kind, const char *service,
		      u32 relid, const char *text);
	/*
	 * The host has no room for what the guest wrote: from now on its
	 * requests wait, and so should the guest; or there is room again.
	 */
	void (*full)(void *context, bool full);
	void *context;
};

/* One disk, for people. */
struct storage_disk {
	const struct run_disk *config;
	u32 controller; /* RUN_DISK_IDE for those */
	u32 lun;
	struct disk_info info;
	bool medium; /* false: an empty drive */
	bool locked; /* a drive that the guest keeps shut */
	bool full;   /* requests wait for room on the host */
	u64 reads;
	u64 writes;
	u64 read_bytes;
	u64 written_bytes;
};

/* Make it, without disks. Returns 0 or -errno with @error set. */
int storage_create(struct storage **storage, const struct storage_host *host,
		   struct lis_error *error);

/* The machine whose guest memory is used from now on; NULL: none, and every
 * channel is closed. */
void storage_machine(struct storage *storage, struct machine *machine);

/* Close its handles and images, before the loop ends; the bus is detached. */
void storage_close(struct storage *storage);

/* Free it, after the loop has ended and before the bus is destroyed; NULL does
 * nothing. */
void storage_free(struct storage *storage);

/*
 * Give the guest a disk.
 * @config: copied
 * @controller, @lun: receive its place
 * Returns 0; -EEXIST: the place is taken; -ENOSPC: no place is left; or what
 * disk_open says. @error is set.
 */
int storage_attach(struct storage *storage, const struct run_disk *config,
		   u32 *controller, u32 *lun, struct lis_error *error);

/* How storage_attach_later() ended: as storage_attach(). */
typedef void storage_attached(void *context, int code, u32 controller, u32 lun,
			      const struct lis_error *error);

/*
 * storage_attach() that opens the image on another thread, since a server may
 * take its time. @done is called once, on the loop, now or later.
 */
void storage_attach_later(struct storage *storage,
			  const struct run_disk *config, storage_attached *done,
			  void *context);

/*
 * Take a disk from the guest. Requests under way are ended first: @done is
 * called when the image is closed, at once or later.
 * Returns 0; -ENOENT: no disk there.
 */
int storage_detach(struct storage *storage, u32 controller, u32 lun,
		   void (*done)(void *context), void *context,
		   struct lis_error *error);

/*
 * Take the medium out of a DVD drive. Requests under way are ended first: @done
 * is called when the image is closed, at once or later.
 * @force: although the guest keeps the drive shut
 * Returns 0; -ENOENT: no disk there; -EINVAL: not a DVD drive; -ENOMEDIUM: the
 * drive is empty; -EBUSY: somebody else waits for it to be empty; -EPERM: the
 * guest keeps it shut, and was told of the wish. @error is set.
 */
int storage_eject(struct storage *storage, u32 controller, u32 lun, bool force,
		  void (*done)(void *context), void *context,
		  struct lis_error *error);

/* How storage_insert_later() ended: as storage_eject() (but that an empty drive
 * is none), or what disk_open says. */
typedef void storage_inserted(void *context, int code,
			      const struct lis_error *error);

/*
 * Put a medium into a DVD drive, in place of the one there may be. The image is
 * opened on another thread and before the other one is taken out.
 * @config: path and format, copied
 * @done: called once, on the loop, now or later
 */
void storage_insert_later(struct storage *storage, u32 controller, u32 lun,
			  const struct run_disk *config, bool force,
			  storage_inserted *done, void *context);

/* Make a disk larger or smaller, and tell the guest. 0, -ENOENT or what
 * disk_resize says. */
int storage_resize(struct storage *storage, u32 controller, u32 lun,
		   u64 size_bytes, struct lis_error *error);

/* Set a disk's limits; 0: none. Returns 0 or -ENOENT. */
int storage_limit(struct storage *storage, u32 controller, u32 lun, u64 iops,
		  u64 bytes_per_second, struct lis_error *error);

/* The next disk: *@place starts at 0 and is advanced. False at the end. */
bool storage_next(struct storage *storage, u32 *place,
		  struct storage_disk *disk);

/* The disk itself, for a backup, during which nobody may detach it; NULL: none
 * there. */
struct disk *storage_disk_at(struct storage *storage, u32 controller, u32 lun);

/* Try what waits for room on the host again, now. */
void storage_retry(struct storage *storage);

/* The channel of a controller (or of an IDE disk), as the next of all; false at
 * the end. *@index starts at 0. */
bool storage_next_channel(struct storage *storage, u32 *index,
			  const char **name, struct bus_channel **channel);

#endif
