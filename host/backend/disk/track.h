/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * track.h - what a backup needs of a disk: its content at one point in time
 * while the guest goes on writing, and what changed since the last one.
 *
 * Here: the bookkeeping of chunks, and holding back a write whose old data has
 * not been read yet. Not here: where the copy goes (the caller's).
 *
 * Use, on a thread of the caller's with a disk_queue of the same disk:
 *
 *	the guest's file systems are frozen
 *	disk_backup_begin(disk, changed_only, &backup, err);
 *	thaw
 *	while (disk_backup_next(backup, &offset_bytes, &size_bytes)) {
 *		read offset_bytes, size_bytes from the queue into memory
 *		disk_backup_taken(backup);
 *		write it to the copy
 *	}
 *	disk_backup_end(backup, whether the copy is complete and durable);
 *
 * A chunk that the guest waits to overwrite is the next one. A failing copy
 * costs the guest nothing: disk_backup_end() lets every write go on.
 */
#ifndef HOST_BACKEND_DISK_TRACK_H
#define HOST_BACKEND_DISK_TRACK_H

#include "host/backend/disk/disk.h"

struct disk_backup;

/* Size of a chunk of disks up to 2 TiB; above that it doubles with the size. */
#define TRACK_CHUNK_BYTES (64u << 10)

/*
 * track_open - put the filter on a disk; what disk_options.track asks for.
 * @disk: the disk to be tracked, replaced by the filter
 * Result: 0 or -ENOMEM.
 */
int track_open(struct disk **disk, struct lis_error *err);

/**
 * disk_backup_begin - make this moment the backup's.
 * @disk: opened with disk_options.track
 * @changed_only: only what changed since the last backup that ended well,
 *	disk_backup_again() tells whether there was one; else all that has data
 *
 * Writes that are under way are in the backup or not, as after a loss of power.
 * Result: 0; -EBUSY: another backup is under way; -ENOTSUP: the disk is not
 * tracked; -ENOMEM; -EIO.
 */
int disk_backup_begin(struct disk *disk, bool changed_only,
		      struct disk_backup **backup, struct lis_error *err);

/* Whether changes since an earlier backup of this process are known. */
bool disk_backup_again(const struct disk *disk);

/* Bytes that are to be copied, as known at the beginning. */
u64 disk_backup_bytes(const struct disk_backup *backup);

/* Size of the disk at that moment. */
u64 disk_backup_disk_bytes(const struct disk_backup *backup);

/**
 * disk_backup_next - what to read next; any one thread.
 * Result: false when all has been taken.
 */
bool disk_backup_next(struct disk_backup *backup, u64 *offset_bytes,
		      u64 *size_bytes);

/* What disk_backup_next() gave was read: the guest may overwrite it. */
void disk_backup_taken(struct disk_backup *backup);

/**
 * disk_backup_end - let every write go on, and free the backup.
 * @complete: changes are counted from this backup on; else from the one before
 */
void disk_backup_end(struct disk_backup *backup, bool complete);

#endif
