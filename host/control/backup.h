/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * backup.h - copying a VM's disks, as they are at one moment, into a folder.
 *
 * Here: the copying, on a thread for each disk. Not here: freezing the guest
 * (methods_backup.c), the folder's list (backup_set.h).
 */
#ifndef HOST_CONTROL_BACKUP_H
#define HOST_CONTROL_BACKUP_H

#include <pthread.h>
#include <uv.h>

#include "host/backend/disk/disk.h"
#include "host/backend/disk/track.h"
#include "host/control/backup_set.h"
#include "host/control/disk_config.h"

/* One disk of a backup. */
struct backup_disk {
	struct backup *backup; /* from backup_start() on */
	u32 controller;	       /* RUN_DISK_IDE for those */
	u32 lun;
	struct disk *disk; /* must stay open until backup_finish() */
	struct disk_info info;
	char *parent;		    /* file name of the image before, or NULL */
	char *file;		    /* file name of the new one */
	struct disk *image;	    /* that file; NULL: not open */
	struct disk_backup *moment; /* NULL: no write waits for the copying */
	u64 bytes;		    /* to be read */
	bool made;		    /* the file is there */
	bool running;
	pthread_t thread;
};

struct backup {
	struct backup_set set;
	char id[BACKUP_ID_BYTES];
	json_t *time; /* of the moment */
	bool crash_consistent;
	struct backup_disk *disks;
	u32 disk_count;
	u64 total_bytes;  /* to be read, in all */
	u64 copied_bytes; /* atomic */
	bool cancelled;	  /* atomic */
	bool running;	  /* the threads are to be joined */
	u32 copying;	  /* atomic: threads that have not ended */
	/* Whose thread sets it first tells why. */
	bool failed; /* atomic */
	int code;
	struct lis_error error;
	void (*ended)(void *context); /* on a thread */
	void *context;
};

/*
 * backup_create - prepare a backup into a folder.
 * @folder: absolute; made when it is not there
 * @vm: name of the VM
 * Returns 0 or a negative errno with @err set.
 */
int backup_create(struct backup **backup, const char *folder, const char *vm,
		  bool crash_consistent, struct lis_error *err);

/*
 * backup_add - add a disk.
 * @last_id: the last backup made by this process: when it is the folder's
 *	newest, only what changed since is copied; NULL: all
 */
int backup_add(struct backup *backup, u32 controller, u32 lun,
	       struct disk *disk, const char *last_id, struct lis_error *err);

/*
 * backup_images - make the files that are copied into. Any thread: it uses none
 * of the disks.
 */
int backup_images(struct backup *backup, struct lis_error *err);

/*
 * backup_moment - what the disks hold now is what is copied. From here on
 * writes wait for the copying; when this fails or was cancelled before, none
 * does.
 */
int backup_moment(struct backup *backup, struct lis_error *err);

/*
 * backup_start - copy; @ended is called on another thread at the end. As soon
 * as one disk's copying fails, the others' end too, and no write waits any
 * more.
 */
int backup_start(struct backup *backup, void (*ended)(void *context),
		 void *context, struct lis_error *err);

/* backup_cancel - end it soon, as failed. Any thread. */
void backup_cancel(struct backup *backup);
bool backup_cancelled(const struct backup *backup);

/*
 * backup_finish - wait for the threads, and enter the backup into the folder's
 * list if all went well, or remove its files. To be called once.
 * Returns 0, with an @err that is not empty when there is something to add; or
 * a negative errno with @err set.
 */
int backup_finish(struct backup *backup, struct lis_error *err);

void backup_free(struct backup *backup);

#endif
