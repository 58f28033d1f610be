/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vhd.c - a VHD image as a disk: opening, closing, making, changing its size.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "host/backend/disk/image.h"

#define BLOCK_BYTES_DEFAULT (2u << 20)
/* Of a new dynamic disk: the footer's copy, the header, the table. */
#define HEADER_OFFSET 512u
#define TABLE_OFFSET  1536u

static void vhd_release(struct vhd *vhd)
{
	if (vhd->parent)
		disk_close(vhd->parent);
	file_close(&vhd->file);
	pthread_mutex_destroy(&vhd->lock);
	free(vhd->table);
	free(vhd->pages);
	free(vhd);
}

static int flush_all(struct disk *disk)
{
	struct disk_queue *queue;
	struct io io;
	int ret = io_init(&io, NULL);

	if (ret < 0)
		return ret;
	ret = layer_queue_open(&queue, disk, &io, NULL);
	if (ret == 0) {
		ret = disk_transfer(queue, DISK_FLUSH, 0, 0, NULL, 0);
		layer_queue_close(queue);
	}
	io_release(&io);
	return ret;
}

static void vhd_close(struct disk *disk)
{
	struct vhd *vhd = vhd_of(disk);

	/* What was not flushed may be lost. */
	if (vhd->dynamic && vhd->changes)
		flush_all(disk);
	vhd_release(vhd);
}

/* Within one block, or all of a fixed disk. */
static int piece_extents(struct vhd *vhd, u64 offset, u64 size,
			 int (*extent)(void *context, u64 offset_bytes,
				       u64 size_bytes, bool data),
			 void *context)
{
	if (!vhd->dynamic)
		return file_extents(&vhd->file, offset, size, extent, context);
	/* What a parent has counts as data without a look. */
	return extent(context, offset, size,
		      vhd->parent ||
			      vhd_place(vhd, offset >> vhd->block_shift) != 0);
}

static int vhd_extents(struct disk *disk, u64 offset_bytes, u64 size_bytes,
		       int (*extent)(void *context, u64 offset_bytes,
				     u64 size_bytes, bool data),
		       void *context)
{
	struct vhd *vhd = vhd_of(disk);
	u64 end = offset_bytes + size_bytes;
	int ret = 0;

	while (offset_bytes < end && ret == 0) {
		u64 size = end - offset_bytes, mask;

		if (vhd->dynamic) {
			mask = (1ull << vhd->block_shift) - 1;
			if (size > mask + 1 - (offset_bytes & mask))
				size = mask + 1 - (offset_bytes & mask);
		}
		ret = piece_extents(vhd, offset_bytes, size, extent, context);
		offset_bytes += size;
	}
	return ret;
}

/* The room behind the old end, within its block, reads as zeros. */
static int last_block_clear(struct vhd *vhd, u64 old_bytes)
{
	u64 mask = (1ull << vhd->block_shift) - 1, place = 0;

	if (old_bytes & mask)
		place = vhd_place(vhd, old_bytes >> vhd->block_shift);
	if (!place)
		return 0;
	return file_pzero(&vhd->file, mask + 1 - (old_bytes & mask),
			  place + (old_bytes & mask));
}

static int footers_write(struct vhd *vhd, const struct vhd_footer *footer)
{
	int ret = 0;

	if (vhd->dynamic)
		ret = file_pwrite(&vhd->file, footer, sizeof(*footer), 0);
	if (ret == 0)
		ret = file_pwrite(&vhd->file, footer, sizeof(*footer),
				  vhd->end_bytes);
	return ret == 0 ? file_fdatasync(&vhd->file) : ret;
}

/* Under the lock; only growing, a VHD's table cannot give blocks back. */
static int grow(struct vhd *vhd, u64 size_bytes)
{
	u64 old_bytes = vhd_be64(vhd->footer.size_bytes);
	struct vhd_footer footer = vhd->footer;
	int ret = 0;

	if (vhd->dynamic) {
		ret = last_block_clear(vhd, old_bytes);
	} else {
		/* The footer was there. */
		ret = file_truncate(&vhd->file, size_bytes + sizeof(footer));
		if (ret == 0)
			ret = file_pzero(&vhd->file, sizeof(footer),
					 vhd->end_bytes);
		vhd->end_bytes = size_bytes;
	}
	vhd_footer_resize(&footer, size_bytes);
	if (ret == 0)
		ret = footers_write(vhd, &footer);
	if (ret == 0)
		vhd->footer = footer;
	return ret;
}

static int vhd_resize(struct disk *disk, u64 size_bytes, struct lis_error *err)
{
	struct vhd *vhd = vhd_of(disk);
	u64 blocks = vhd->dynamic ? (size_bytes + (1ull << vhd->block_shift) -
				     1) >> vhd->block_shift
				  : 0;
	int ret;

	if (size_bytes < vhd_be64(vhd->footer.size_bytes) ||
	    size_bytes > VHD_SIZE_BYTES_MAX || blocks > vhd->entries)
		return lis_error_set(err, ENOTSUP,
				     "cannot resize %s to %llu bytes: a VHD "
				     "only grows, and as far as its table "
				     "reaches; convert it into a VHDX",
				     vhd->file.path,
				     (unsigned long long)size_bytes);
	pthread_mutex_lock(&vhd->lock);
	ret = grow(vhd, size_bytes);
	pthread_mutex_unlock(&vhd->lock);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot resize %s: %s",
				     vhd->file.path, strerror(-ret));
	return 0;
}

static int vhd_queue_open(struct disk_queue *queue, struct lis_error *err)
{
	struct vhd *vhd = vhd_of(queue->disk);
	struct disk_queue *parent = NULL;
	int ret = 0;

	if (vhd->parent)
		ret = layer_queue_open(&parent, vhd->parent, queue->io, err);
	queue->state = parent;
	return ret;
}

static void vhd_queue_close(struct disk_queue *queue)
{
	if (queue->state)
		layer_queue_close(queue->state);
}

static const struct disk_class vhd_class = {
	.name = "vhd",
	.close = vhd_close,
	.queue_open = vhd_queue_open,
	.queue_close = vhd_queue_close,
	.submit = vhd_submit,
	.resize = vhd_resize,
	.extents = vhd_extents,
};

static int options_check(const struct vhd *vhd,
			 const struct disk_options *options,
			 struct lis_error *err)
{
	if (options->sector_bytes && options->sector_bytes != VHD_SECTOR_BYTES)
		return lis_error_set(err, EINVAL,
				     "cannot use %s with sectors of %u bytes: "
				     "a VHD's have 512",
				     options->path, options->sector_bytes);
	if (options->cache == DISK_CACHE_DIRECT && vhd->dynamic)
		return lis_error_set(err, EINVAL,
				     "cannot open %s past the page cache: the "
				     "blocks of a VHD are not aligned",
				     options->path);
	return 0;
}

int vhd_open_depth(struct disk **disk, const struct disk_options *options,
		   u32 depth, struct lis_error *err)
{
	struct vhd *vhd = calloc(1, sizeof(*vhd));
	struct disk_info *info;
	int ret;

	if (!vhd)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = file_open(&vhd->file, options->path, options->read_only, err);
	if (ret < 0) {
		free(vhd);
		return ret;
	}
	pthread_mutex_init(&vhd->lock, NULL);
	vhd->disk.class = &vhd_class;
	info = &vhd->disk.info;
	ret = vhd_read(vhd, depth, err);
	if (ret == 0)
		ret = options_check(vhd, options, err);
	if (ret < 0) {
		vhd_release(vhd);
		return ret;
	}
	info->sector_bytes = VHD_SECTOR_BYTES;
	info->physical_sector_bytes = options->physical_sector_bytes
					      ? options->physical_sector_bytes
					      : VHD_SECTOR_BYTES;
	info->format = DISK_FORMAT_VHD;
	info->read_only = options->read_only;
	info->can_unmap = true;
	info->unmap_granularity_bytes = 4096;
	*disk = &vhd->disk;
	return 0;
}

int vhd_open(struct disk **disk, const struct disk_options *options,
	     struct lis_error *err)
{
	return vhd_open_depth(disk, options, 0, err);
}

/* --- making one --- */

static void footer_make(struct vhd_footer *footer,
			const struct image_options *options)
{
	memset(footer, 0, sizeof(*footer));
	footer->cookie = vhd_be64(VHD_COOKIE_FOOTER);
	footer->features = vhd_be32(VHD_FEATURES);
	footer->version = vhd_be32(VHD_VERSION);
	footer->header_offset =
		options->fixed ? VHD_NOWHERE : vhd_be64(HEADER_OFFSET);
	footer->timestamp = vhd_be32((u32)(time(NULL) - VHD_EPOCH_SECONDS));
	footer->creator = vhd_be32(VHD_CREATOR);
	footer->creator_version = vhd_be32(VHD_VERSION);
	footer->creator_os = vhd_be32(VHD_CREATOR_OS);
	footer->original_bytes = vhd_be64(options->size_bytes);
	footer->type = vhd_be32(options->fixed ? VHD_FIXED : VHD_DYNAMIC);
	while (getrandom(footer->identity, sizeof(footer->identity), 0) !=
	       sizeof(footer->identity))
		;
	vhd_footer_resize(footer, options->size_bytes);
}

static int dynamic_create(const struct file *file,
			  const struct vhd_footer *footer, u64 size_bytes,
			  u32 block_bytes)
{
	u64 entries = (size_bytes + block_bytes - 1) / block_bytes;
	u64 table_bytes = (entries * sizeof(u32) + VHD_SECTOR_BYTES - 1) &
			  ~(u64)(VHD_SECTOR_BYTES - 1);
	struct vhd_header header = {
		.cookie = vhd_be64(VHD_COOKIE_HEADER),
		.next_offset = VHD_NOWHERE,
		.table_offset = vhd_be64(TABLE_OFFSET),
		.version = vhd_be32(VHD_VERSION),
		.entries = vhd_be32((u32)entries),
		.block_bytes = vhd_be32(block_bytes),
	};
	u8 *table = malloc(table_bytes);
	int ret;

	if (!table)
		return -ENOMEM;
	memset(table, 0xff, table_bytes);
	header.checksum = vhd_checksum(&header, sizeof(header),
				       offsetof(struct vhd_header, checksum));
	ret = file_pwrite(file, footer, sizeof(*footer), 0);
	if (ret == 0)
		ret = file_pwrite(file, &header, sizeof(header), HEADER_OFFSET);
	if (ret == 0)
		ret = file_pwrite(file, table, table_bytes, TABLE_OFFSET);
	free(table);
	return ret == 0 ? file_pwrite(file, footer, sizeof(*footer),
				      TABLE_OFFSET + table_bytes)
			: ret;
}

static int fixed_create(const struct file *file,
			const struct vhd_footer *footer, u64 size_bytes)
{
	int ret = -posix_fallocate(file->fd, 0,
				   (off_t)(size_bytes + sizeof(*footer)));

	return ret == 0 ? file_pwrite(file, footer, sizeof(*footer), size_bytes)
			: ret;
}

int vhd_create(int fd, const struct image_options *options,
	       struct lis_error *err)
{
	u32 block_bytes = options->block_bytes ? options->block_bytes
					       : BLOCK_BYTES_DEFAULT;
	struct file file = { .fd = fd };
	struct vhd_footer footer;
	int ret;

	if ((options->sector_bytes &&
	     options->sector_bytes != VHD_SECTOR_BYTES) ||
	    options->size_bytes > VHD_SIZE_BYTES_MAX ||
	    block_bytes < VHD_BLOCK_BYTES_MIN ||
	    block_bytes > VHD_BLOCK_BYTES_MAX ||
	    (block_bytes & (block_bytes - 1)))
		return lis_error_set(
			err, EINVAL,
			"cannot make %s: a VHD has up to 2040 GiB, "
			"sectors of 512 bytes, and blocks of 1, "
			"2, 4 … 256 MiB",
			options->path);
	footer_make(&footer, options);
	ret = options->fixed ? fixed_create(&file, &footer, options->size_bytes)
			     : dynamic_create(&file, &footer,
					      options->size_bytes, block_bytes);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot make %s: %s",
				     options->path, strerror(-ret));
	return 0;
}

void vhd_count(struct disk *disk, struct image_check *check)
{
	struct vhd *vhd = vhd_of(disk);
	u64 mask = (1ull << vhd->block_shift) - 1;

	if (!vhd->dynamic)
		return;
	check->blocks = (check->size_bytes + mask) >> vhd->block_shift;
	for (u64 block = 0; block < check->blocks; block++)
		check->present_blocks += vhd_place(vhd, block) != 0;
}
