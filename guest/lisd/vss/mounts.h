/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * mounts.h - which file systems to freeze, and in which order.
 *
 * Here: the mount table, and the choice by it. Not here: freezing.
 *
 * Source: proc(5), /proc/[pid]/mountinfo: "(1) mount ID (2) parent ID (3)
 * major:minor (4) root (5) mount point (6) options (7) optional fields (8) -
 * (9) type (10) source (11) super options".
 */
#ifndef GUEST_LISD_VSS_MOUNTS_H
#define GUEST_LISD_VSS_MOUNTS_H

#include "vmbus/port.h"

/* A line that can be a file system of a local disk. */
struct mount {
	u32 id;		   /* of the mount */
	u32 major, minor;  /* of the file system, however often it is mounted */
	const char *point; /* in the text that was parsed, unescaped */
	const char *type;
	const char *source;
	bool super_read_only;
	const char *skip; /* why it is not frozen, a clause; NULL: it is */
};

struct mounts {
	struct mount *list; /* in the order of mounting */
	u32 count;
	u32 bad; /* lines that could not be understood */
};

/*
 * mounts_parse - take a mount table apart.
 * @text: @size_bytes of it, which are changed, and pointed into afterwards
 * @list: room for @capacity mounts
 * Returns false when there was no room for all of them. Lines of the kernel's
 * own file systems (proc, sysfs, tmpfs, ...) are left out. Sets skip for those
 * of a type that must not or cannot be frozen: on a network, in user space,
 * read-only.
 */
bool mounts_parse(struct mounts *mounts, char *text, size_t size_bytes,
		  struct mount *list, u32 capacity);

/* What a device is, as far as freezing goes. */
enum mounts_backing {
	MOUNTS_BACKING_DISK,   /* or nothing known: a disk of this machine */
	MOUNTS_BACKING_REMOTE, /* iSCSI, NBD, RBD: not in the host's backup */
	MOUNTS_BACKING_LOOP,   /* a file of a file system of this machine */
};

/*
 * mounts_backing - called for each device below: what is behind it.
 * @file_mount_id: set for MOUNTS_BACKING_LOOP to the mount that holds the file;
 *                 0 when that cannot be told
 */
typedef enum mounts_backing mounts_backing(void *context, u32 major, u32 minor,
					   u32 *file_mount_id);

/*
 * mounts_choose - decide on what mounts_parse() left: one mount of each file
 * system, none of a remote device, none of a loop device whose file is on a
 * file system that will be frozen (or on one that cannot be told). A mount of
 * a file system that was chosen already gets skip, with the text
 * mounts_duplicate.
 */
void mounts_choose(struct mounts *mounts, mounts_backing *backing,
		   void *context);

/* Why a second mount is not frozen: not worth a line in the log. */
extern const char mounts_duplicate[];

#endif
