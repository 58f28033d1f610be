/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vhdx.c - a VHDX image as a disk: opening, closing, changing its size.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int header_clean(struct vhdx *vhdx)
{
	int ret = file_fdatasync(&vhdx->file);

	if (ret == 0) {
		memset(&vhdx->header.log, 0, sizeof(vhdx->header.log));
		ret = vhdx_header_write(vhdx);
	}
	return ret;
}

/* What is left of an image; it may be half opened. */
static void vhdx_release(struct vhdx *vhdx)
{
	if (vhdx->parent)
		disk_close(vhdx->parent);
	vhdx_map_release(vhdx);
	free(vhdx->commit.entry);
	free(vhdx->commit.pages);
	file_close(&vhdx->file);
	pthread_mutex_destroy(&vhdx->lock);
	free(vhdx);
}

static void vhdx_close(struct disk *disk)
{
	struct vhdx *vhdx = vhdx_of(disk);

	/* Should that fail, the log is there for the next opening. */
	if (vhdx->touched && vhdx_commit_all(vhdx) == 0 && !vhdx->dirty &&
	    vhdx->log_used)
		header_clean(vhdx);
	vhdx_release(vhdx);
}

static int vhdx_queue_open(struct disk_queue *queue, struct lis_error *err)
{
	struct vhdx *vhdx = vhdx_of(queue->disk);
	struct disk_queue *parent = NULL;
	int ret = 0;

	if (vhdx->parent)
		ret = layer_queue_open(&parent, vhdx->parent, queue->io, err);
	queue->state = parent;
	return ret;
}

static void vhdx_queue_close(struct disk_queue *queue)
{
	/* Its flushes are done, but not what comes after them. */
	while (vhdx_commit_wait(vhdx_of(queue->disk), queue->io))
		;
	if (queue->state)
		layer_queue_close(queue->state);
}

static bool vhdx_cancel(struct disk_queue *queue, struct disk_request *request)
{
	(void)queue;
	(void)request;
	return false;
}

struct extent_shift {
	int (*extent)(void *context, u64 offset_bytes, u64 size_bytes,
		      bool data);
	void *context;
	u64 file_offset, offset;
};

static int extent_shifted(void *context, u64 offset_bytes, u64 size_bytes,
			  bool data)
{
	const struct extent_shift *shift = context;

	return shift->extent(shift->context,
			     offset_bytes - shift->file_offset + shift->offset,
			     size_bytes, data);
}

static int parent_extents(struct vhdx *vhdx, u64 offset, u64 size,
			  int (*extent)(void *context, u64 offset_bytes,
					u64 size_bytes, bool data),
			  void *context)
{
	u64 parent_bytes = disk_size(vhdx->parent), has = 0;
	int ret = 0;

	if (offset < parent_bytes)
		has = parent_bytes - offset < size ? parent_bytes - offset
						   : size;
	if (has)
		ret = disk_extents(vhdx->parent, offset, has, extent, context);
	if (ret == 0 && has < size)
		ret = extent(context, offset + has, size - has, false);
	return ret;
}

/* Within one block; *size may get less. */
static int block_extents(struct vhdx *vhdx, u64 offset, u64 *size,
			 int (*extent)(void *context, u64 offset_bytes,
				       u64 size_bytes, bool data),
			 void *context)
{
	u64 word = port_load(&vhdx->map[offset >> vhdx->block_shift]);
	u64 sector_bytes = vhdx->metadata.sector_bytes;
	u64 sectors = *size / sector_bytes;
	struct extent_shift shift = { extent, context, 0, offset };
	bool here = true;
	int ret = 0;

	if ((word & VHDX_STATE_MASK) == VHDX_BLOCK_PARTIALLY_PRESENT) {
		ret = vhdx_bitmap_run(vhdx, offset / sector_bytes, &sectors,
				      &here);
		*size = sectors * sector_bytes;
	} else if (!vhdx_mapped(word)) {
		here = false;
		if (!vhdx->parent ||
		    (word & VHDX_STATE_MASK) != VHDX_BLOCK_NOT_PRESENT)
			return extent(context, offset, *size, false);
	}
	if (ret < 0)
		return ret;
	if (!here)
		return parent_extents(vhdx, offset, *size, extent, context);
	shift.file_offset =
		vhdx_place(word) + (offset & (vhdx->metadata.block_bytes - 1));
	return file_extents(&vhdx->file, shift.file_offset, *size,
			    extent_shifted, &shift);
}

static int vhdx_extents(struct disk *disk, u64 offset_bytes, u64 size_bytes,
			int (*extent)(void *context, u64 offset_bytes,
				      u64 size_bytes, bool data),
			void *context)
{
	struct vhdx *vhdx = vhdx_of(disk);
	u64 end = offset_bytes + size_bytes;
	int ret = 0;

	while (offset_bytes < end && ret == 0) {
		u64 size = vhdx->metadata.block_bytes -
			   (offset_bytes & (vhdx->metadata.block_bytes - 1));

		if (size > end - offset_bytes)
			size = end - offset_bytes;
		ret = block_extents(vhdx, offset_bytes, &size, extent, context);
		offset_bytes += size;
	}
	return ret;
}

/* Zeros wherever the new part of the disk has a place already. */
static int grown_clear(struct vhdx *vhdx, u64 old_bytes, u64 new_bytes)
{
	u64 block_bytes = vhdx->metadata.block_bytes;
	int ret = 0;

	for (u64 at = old_bytes; at < new_bytes && ret == 0;
	     at = (at / block_bytes + 1) * block_bytes) {
		u64 word = port_load(&vhdx->map[at >> vhdx->block_shift]);

		if (vhdx_mapped(word))
			ret = file_pzero(&vhdx->file,
					 block_bytes - at % block_bytes,
					 vhdx_place(word) + at % block_bytes);
	}
	return ret;
}

/* A fixed image has a place for every block. */
static int grown_fill(struct vhdx *vhdx, u64 first, u64 count)
{
	u64 word;
	int ret = 0;

	if (!vhdx->metadata.leave_allocated)
		return 0;
	for (u64 block = first; block < count && ret == 0; block++)
		ret = vhdx_block_allocate(vhdx, block, &word);
	return ret;
}

/* Under the lock. Blocks past the end that are in use stay until the image is
 * opened again; growing makes them zero. */
static void shrunk_free(struct vhdx *vhdx, u64 first, u64 count)
{
	for (u64 block = first; block < count; block++) {
		if (vhdx_block_free(vhdx, block, true))
			vhdx_block_set(vhdx, block, VHDX_BLOCK_NOT_PRESENT);
	}
}

/* Under the lock. */
static int size_change(struct vhdx *vhdx, u64 size_bytes)
{
	u64 old_count = vhdx->block_count;
	u64 count = (size_bytes + vhdx->metadata.block_bytes - 1) >>
		    vhdx->block_shift;
	u64 at = vhdx->metadata.size_offset % VHDX_PAGE_BYTES;
	int ret = vhdx_pread(vhdx, vhdx->size_page, VHDX_PAGE_BYTES,
			     vhdx->metadata.size_offset - at);

	if (ret == 0)
		ret = grown_clear(vhdx, vhdx->metadata.size_bytes, size_bytes);
	if (ret < 0)
		return ret;
	vhdx->block_count = count;
	ret = grown_fill(vhdx, old_count, count);
	if (ret < 0) {
		vhdx->block_count = old_count;
		return ret;
	}
	memcpy(vhdx->size_page + at, &size_bytes, sizeof(size_bytes));
	vhdx->metadata.size_bytes = size_bytes;
	vhdx->size_dirty = true;
	vhdx->dirty = true;
	shrunk_free(vhdx, count, old_count);
	return 0;
}

static int vhdx_resize(struct disk *disk, u64 size_bytes, struct lis_error *err)
{
	struct vhdx *vhdx = vhdx_of(disk);
	u64 blocks = (size_bytes + vhdx->metadata.block_bytes - 1) >>
		     vhdx->block_shift;
	int ret;

	if (vhdx->parent)
		return lis_error_set(err, ENOTSUP,
				     "cannot resize %s: it is a differencing "
				     "image",
				     vhdx->file.path);
	if (vhdx_bat_entries(blocks, vhdx->chunk_ratio, false) >
		    vhdx->bat_bytes / VHDX_BAT_ENTRY_BYTES ||
	    vhdx->metadata.size_offset % VHDX_PAGE_BYTES >
		    VHDX_PAGE_BYTES - sizeof(u64))
		return lis_error_set(
			err, ENOTSUP,
			"cannot resize %s to %llu bytes: its block "
			"table has no room for that; convert it "
			"into a new image",
			vhdx->file.path, (unsigned long long)size_bytes);
	ret = vhdx_touch(vhdx);
	if (ret == 0) {
		pthread_mutex_lock(&vhdx->lock);
		ret = size_change(vhdx, size_bytes);
		pthread_mutex_unlock(&vhdx->lock);
	}
	if (ret == 0)
		ret = vhdx_commit_all(vhdx);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot resize %s: %s",
				     vhdx->file.path, strerror(-ret));
	return 0;
}

static const struct disk_class vhdx_class = {
	.name = "vhdx",
	.close = vhdx_close,
	.queue_open = vhdx_queue_open,
	.queue_close = vhdx_queue_close,
	.submit = vhdx_submit,
	.cancel = vhdx_cancel,
	.resize = vhdx_resize,
	.extents = vhdx_extents,
};

static int image_read(struct vhdx *vhdx, const struct disk_options *options,
		      u32 depth, struct lis_error *err)
{
	int ret = vhdx_header_read(vhdx, err);

	if (ret == 0)
		ret = vhdx_log_replay(vhdx, err);
	if (ret == 0)
		ret = vhdx_regions_read(vhdx, err);
	if (ret == 0)
		ret = vhdx_metadata_read(vhdx, err);
	if (ret == 0)
		ret = vhdx_map_read(vhdx, err);
	if (ret == 0 && vhdx->metadata.has_parent)
		ret = vhdx_parent_open(vhdx, options, depth, err);
	return ret;
}

static int writing_prepare(struct vhdx *vhdx, struct lis_error *err)
{
	struct vhdx_commit *commit = &vhdx->commit;

	commit->pages = aligned_alloc(FILE_ALIGNMENT_BYTES,
				      VHDX_COMMIT_PAGES * VHDX_PAGE_BYTES);
	commit->entry =
		aligned_alloc(FILE_ALIGNMENT_BYTES,
			      (VHDX_COMMIT_PAGES + 1) * VHDX_PAGE_BYTES);
	if (!commit->pages || !commit->entry)
		return lis_error_set(err, ENOMEM, "out of memory");
	/* Entries of an earlier log have another GUID and do not count. */
	vhdx_guid_make(&vhdx->log);
	vhdx->log_sequence = 1;
	return 0;
}

static int direct_use(struct vhdx *vhdx, const struct disk_options *options,
		      struct lis_error *err)
{
	if (options->cache != DISK_CACHE_BUFFERED)
		file_use_direct(&vhdx->file, vhdx->metadata.sector_bytes);
	if (options->cache == DISK_CACHE_DIRECT && !vhdx->file.direct)
		return lis_error_set(err, EINVAL,
				     "cannot open %s past the page cache: its "
				     "file system does not do that with "
				     "sectors of %u bytes",
				     options->path,
				     vhdx->metadata.sector_bytes);
	return 0;
}

static int info_fill(struct vhdx *vhdx, const struct disk_options *options,
		     struct lis_error *err)
{
	const struct vhdx_metadata *metadata = &vhdx->metadata;
	struct disk_info *info = &vhdx->disk.info;

	if (options->sector_bytes &&
	    options->sector_bytes != metadata->sector_bytes)
		return lis_error_set(err, EINVAL,
				     "cannot use %s with sectors of %u bytes: "
				     "the image's have %u",
				     options->path, options->sector_bytes,
				     metadata->sector_bytes);
	info->size_bytes = metadata->size_bytes;
	info->sector_bytes = metadata->sector_bytes;
	info->physical_sector_bytes = metadata->physical_sector_bytes;
	if (options->physical_sector_bytes)
		info->physical_sector_bytes = options->physical_sector_bytes;
	info->format = DISK_FORMAT_VHDX;
	info->read_only = options->read_only;
	info->can_unmap = true;
	info->unmap_granularity_bytes =
		vhdx->file.can_punch ? 4096 : metadata->block_bytes;
	info->direct = vhdx->file.direct;
	memcpy(info->identity, &metadata->identity, sizeof(info->identity));
	return 0;
}

int vhdx_open_depth(struct disk **disk, const struct disk_options *options,
		    u32 depth, struct lis_error *err)
{
	struct vhdx *vhdx = calloc(1, sizeof(*vhdx));
	int ret;

	if (!vhdx)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = file_open(&vhdx->file, options->path, options->read_only, err);
	if (ret < 0) {
		free(vhdx);
		return ret;
	}
	pthread_mutex_init(&vhdx->lock, NULL);
	vhdx->disk.class = &vhdx_class;
	vhdx->flushes_end = &vhdx->flushes;
	ret = image_read(vhdx, options, depth, err);
	if (ret == 0)
		ret = direct_use(vhdx, options, err);
	if (ret == 0)
		ret = info_fill(vhdx, options, err);
	if (ret == 0 && !options->read_only)
		ret = writing_prepare(vhdx, err);
	if (ret < 0) {
		vhdx_release(vhdx);
		return ret;
	}
	*disk = &vhdx->disk;
	return 0;
}

int vhdx_open(struct disk **disk, const struct disk_options *options,
	      struct lis_error *err)
{
	return vhdx_open_depth(disk, options, 0, err);
}
