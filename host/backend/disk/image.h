/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * image.h - disk images while no VM uses them.
 *
 * Here: making and checking images. Not here: reading and writing what is on
 * them (disk.h), printing (host/cli).
 */
#ifndef HOST_BACKEND_DISK_IMAGE_H
#define HOST_BACKEND_DISK_IMAGE_H

#include "host/backend/disk/disk.h"

/* VHDX files that depend on each other, at most: a longer chain does not open.
 */
#define VHDX_CHAIN_MAX 32u

struct image_options {
	const char *path;	   /* must not exist */
	enum disk_format format;   /* RAW, VHDX, VHD; AUTO: by the name */
	u64 size_bytes;		   /* ignored with a parent */
	bool fixed;		   /* takes all its room at once */
	u32 block_bytes;	   /* 0: 32 MiB; 2 MiB with a parent, VHD */
	u32 sector_bytes;	   /* VHDX; 0: 512, or the parent's */
	u32 physical_sector_bytes; /* VHDX; 0: 4096, or the parent's */
	const char *parent;	   /* VHDX: what the new image differs from */
};

/**
 * image_create - make a new image, durably.
 *
 * Result: 0; -EEXIST, -EINVAL, -ENOTSUP, -ENOSPC, or another errno, negative.
 * Nothing is left of an image that could not be made.
 */
int image_create(const struct image_options *options, struct lis_error *err);

/* What a check found. */
struct image_check {
	u64 size_bytes;	    /* of the disk */
	u64 file_bytes;	    /* of the file */
	u64 blocks;	    /* that the disk has; 0 for raw */
	u64 present_blocks; /* with a place in the file */
	u64 partial_blocks; /* of these, with sectors of the parent */
	u64 unused_bytes;   /* room in the file that nothing uses */
	bool log_replayed;  /* the image had not been closed cleanly */
};

/**
 * image_check - look whether an image is whole.
 * @repair: bring it in order; otherwise only look
 * @check: what it is like, when it is whole
 *
 * Result: 0; -EINVAL with a sentence for a damaged image; else as disk_open().
 */
int image_check(const char *path, enum disk_format format, bool repair,
		struct image_check *check, struct lis_error *err);

/* Formats; fd is of a new, empty file at options->path. */
int vhdx_create(int fd, const struct image_options *options,
		struct lis_error *err);

int vhd_create(int fd, const struct image_options *options,
	       struct lis_error *err);

/* Counts of an open image. */
void vhdx_count(struct disk *disk, struct image_check *check);
void vhd_count(struct disk *disk, struct image_check *check);

#endif
