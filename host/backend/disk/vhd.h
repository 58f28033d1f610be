/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vhd.h - an open VHD image, for the files that make it up.
 *
 * Here: what vhd*.c share. Not here: the layout (vhd_wire.h).
 *
 * A new block of a dynamic disk takes the place of the footer at the end, and
 * the footer moves behind it; its copy at the start stands in until that is
 * durable. The table's sectors are written by flushes only, after the data.
 */
#ifndef HOST_BACKEND_DISK_VHD_H
#define HOST_BACKEND_DISK_VHD_H

#include <pthread.h>

#include "host/backend/disk/layer.h"
#include "host/backend/disk/vhd_wire.h"

/* A sector of the table: which state of it is where. */
struct vhd_page {
	u64 changed; /* the number of its last change */
	u64 written; /* of the last that was written to the file */
	u64 durable; /* of the last that was flushed */
};

struct vhd {
	struct disk disk;
	struct file file;
	struct vhd_footer footer; /* as in the file, big-endian */
	bool dynamic;
	u32 block_shift;
	u64 bitmap_bytes; /* before each block's data */
	u64 table_offset, entries;
	struct disk *parent; /* a differencing disk's, which is only read */

	pthread_mutex_t lock; /* all that follows */
	u32 *table;	      /* sectors; read without the lock, too */
	struct vhd_page *pages;
	u64 changes;
	u64 end_bytes; /* where the footer is */
	bool failed;   /* what was written cannot be made durable */
};

static inline struct vhd *vhd_of(struct disk *disk)
{
	return (struct vhd *)disk;
}

/* Either way. */
static inline u16 vhd_be16(u16 value)
{
	return __builtin_bswap16(value);
}

static inline u32 vhd_be32(u32 value)
{
	return __builtin_bswap32(value);
}

static inline u64 vhd_be64(u64 value)
{
	return __builtin_bswap64(value);
}

/* --- vhd_footer.c --- */

/* The checksum of a footer or header, as it is stored. */
u32 vhd_checksum(const void *data, u64 size_bytes, u64 checksum_offset);
/* Sets the size, the geometry that goes with it, and the checksum. */
void vhd_footer_resize(struct vhd_footer *footer, u64 size_bytes);
/* Finds and checks footer and header; the table is read. */
int vhd_read(struct vhd *vhd, u32 depth, struct lis_error *err);

/* --- vhd_parent.c --- */

/* Disks in a chain, at most. */
#define VHD_CHAIN_MAX 32u

/* Opens the parent that the header names. depth: of vhd. */
int vhd_parent_open(struct vhd *vhd, const struct vhd_header *header, u32 depth,
		    struct lis_error *err);
/*
 * How many sectors of a block that has a place are alike from this one on, up
 * to count; *here tells how. Result: 0 or -errno.
 */
int vhd_bitmap_run(const struct vhd *vhd, u64 place, u64 sector, u64 *count,
		   bool *here);

/* --- vhd.c --- */

int vhd_open_depth(struct disk **disk, const struct disk_options *options,
		   u32 depth, struct lis_error *err);

/* --- vhd_io.c --- */

void vhd_submit(struct disk_queue *queue, struct disk_request *request);
/* Where a block's data lies in the file; 0: nowhere. */
u64 vhd_place(const struct vhd *vhd, u64 block);

#endif
