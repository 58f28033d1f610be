/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * disk_config.h - what an administrator asks of one disk.
 *
 * Here: the settings of a disk, and their one way in from an option's text or
 * from a JSON object. Not here: the disk (host/backend), its controller
 * (host/device).
 */
#ifndef HOST_CONTROL_DISK_CONFIG_H
#define HOST_CONTROL_DISK_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/vm/error.h"

/* As many as Hyper-V has: learn.microsoft.com, "Maximums for virtual
 * machines". */
#define RUN_DISK_CONTROLLERS_MAX 4
#define RUN_DISK_LUNS_MAX	 64
#define RUN_DISK_IDE_MAX	 4
#define RUN_DISKS_MAX                                                          \
	(RUN_DISK_CONTROLLERS_MAX * RUN_DISK_LUNS_MAX + RUN_DISK_IDE_MAX)
/* Of disk.controller: the IDE disks, and none chosen yet. */
#define RUN_DISK_IDE RUN_DISK_CONTROLLERS_MAX
#define RUN_DISK_ANY (-1)
/* ASCII characters in VPD page 80h that Linux shows whole. */
#define RUN_DISK_SERIAL_BYTES_MAX 64

struct run_disk {
	char *path;	/* or an NBD URI */
	char *format;	/* NULL: by the look of it */
	int controller; /* 0 to 3, RUN_DISK_IDE, RUN_DISK_ANY: 0 */
	int lun;	/* RUN_DISK_ANY: the first that is free */
	bool dvd;
	bool read_only;
	bool cached; /* through the host's page cache */
	/* 0: what the image says, else 512. */
	uint32_t logical_sector_bytes;
	uint32_t physical_sector_bytes;
	uint64_t iops; /* 0: no limit */
	uint64_t bytes_per_second;
	char serial[RUN_DISK_SERIAL_BYTES_MAX + 1]; /* "": from the image */
};

/* Sets the defaults. To be ended by run_disk_release(). */
void run_disk_init(struct run_disk *disk);
void run_disk_release(struct run_disk *disk);

/* Copies all of @from. Returns 0; -ENOMEM with nothing to release. */
int run_disk_copy(struct run_disk *disk, const struct run_disk *from,
		  struct lis_error *err);

/* A controller's number, or "ide", as the control protocol has it. */
json_t *run_disk_controller_json(uint32_t controller);

/*
 * Takes a disk from an option's text: PATH[,KEY[=VALUE]...]; two commas in the
 * path are one comma. Keys are those of run_disk_set().
 * what: how the user called it, for the message.
 * Returns 0; -EINVAL when the text is wrong; -ENOMEM.
 */
int run_disk_parse(struct run_disk *disk, const char *what, const char *text,
		   struct lis_error *err);

/*
 * Takes a disk from a JSON object: path, and the keys of run_disk_set(), whose
 * values may be numbers, true or text. As run_disk_parse().
 */
int run_disk_load(struct run_disk *disk, const char *what, json_t *object,
		  struct lis_error *err);

/* The object that run_disk_load() takes. */
json_t *run_disk_json(const struct run_disk *disk);

/*
 * Sets one setting. Keys: path, format, controller (0 to 3, or ide), lun,
 * read-only, dvd, cached (flags: value NULL or "true"; "false"), sector (512,
 * 512e, 4096), iops, bytes-per-second (a size), serial.
 */
int run_disk_set(struct run_disk *disk, const char *what, const char *key,
		 const char *value, struct lis_error *err);

#endif
