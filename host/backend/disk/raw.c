/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * raw.c - a file or block device whose bytes are the disk's.
 */
#define _GNU_SOURCE
#include "host/backend/disk/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct raw {
	struct disk disk;
	struct file file;
};

static struct raw *raw_of(struct disk *disk)
{
	return (struct raw *)disk;
}

static void raw_close(struct disk *disk)
{
	file_close(&raw_of(disk)->file);
	free(disk);
}

static void raw_done(struct file_op *op, int error)
{
	struct disk_request *request = request_of_file_op(op);

	request->done(request, error);
}

static void raw_zero(struct disk_queue *queue, struct disk_request *request,
		     struct file_op *op)
{
	struct file *file = &raw_of(queue->disk)->file;
	bool punch = file->can_punch && (request->op == DISK_UNMAP ||
					 (request->flags & DISK_MAY_UNMAP));

	if (request->op == DISK_UNMAP && !file->can_punch)
		request_later(queue, request, -EOPNOTSUPP);
	else if (request->size_bytes == 0)
		request_later(queue, request, 0);
	else
		file_zero(queue->io, file, op, request->offset_bytes,
			  request->size_bytes, punch,
			  request->flags & DISK_FUA);
}

static void raw_submit(struct disk_queue *queue, struct disk_request *request)
{
	struct file *file = &raw_of(queue->disk)->file;
	struct file_op *op = &request_internal(request)->file_op;

	op->done = raw_done;
	switch (request->op) {
	case DISK_READ:
		file_read(queue->io, file, op, request->iov, request->iov_count,
			  request->offset_bytes, request->size_bytes);
		break;
	case DISK_WRITE:
		file_write(queue->io, file, op, request->iov,
			   request->iov_count, request->offset_bytes,
			   request->size_bytes, request->flags & DISK_FUA);
		break;
	case DISK_FLUSH:
		file_sync(queue->io, file, op);
		break;
	case DISK_UNMAP:
	case DISK_ZERO:
		raw_zero(queue, request, op);
		break;
	}
}

static bool raw_cancel(struct disk_queue *queue, struct disk_request *request)
{
	io_cancel(queue->io, &request_internal(request)->file_op.io);
	return false;
}

static int raw_resize(struct disk *disk, u64 size_bytes, struct lis_error *err)
{
	struct file *file = &raw_of(disk)->file;
	int ret;

	if (file->is_device)
		return lis_error_set(err, ENOTSUP,
				     "cannot resize block device %s; resize it "
				     "where it was made",
				     file->path);
	ret = file_truncate(file, size_bytes);
	if (ret == 0)
		ret = file_fdatasync(file);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot resize %s: %s",
				     file->path, strerror(-ret));
	return 0;
}

static int raw_extents(struct disk *disk, u64 offset_bytes, u64 size_bytes,
		       int (*extent)(void *context, u64 offset_bytes,
				     u64 size_bytes, bool data),
		       void *context)
{
	return file_extents(&raw_of(disk)->file, offset_bytes, size_bytes,
			    extent, context);
}

static const struct disk_class raw_class = {
	.name = "raw",
	.close = raw_close,
	.submit = raw_submit,
	.cancel = raw_cancel,
	.resize = raw_resize,
	.extents = raw_extents,
};

static int raw_geometry(struct raw *raw, const struct disk_options *options,
			struct lis_error *err)
{
	struct disk_info *info = &raw->disk.info;
	const struct file *file = &raw->file;
	int ret = file_size(file, &info->size_bytes);

	if (ret < 0)
		return lis_error_set(err, -ret, "cannot look at %s: %s",
				     file->path, strerror(-ret));
	info->sector_bytes = options->sector_bytes;
	if (!info->sector_bytes)
		info->sector_bytes = file->is_device ? file->sector_bytes : 512;
	if (file->is_device && info->sector_bytes < file->sector_bytes)
		return lis_error_set(err, EINVAL,
				     "cannot use %s with sectors of %u bytes: "
				     "the device's own have %u",
				     file->path, info->sector_bytes,
				     file->sector_bytes);
	info->physical_sector_bytes = options->physical_sector_bytes
					      ? options->physical_sector_bytes
					      : 4096;
	info->size_bytes -= info->size_bytes % info->sector_bytes;
	if (info->size_bytes == 0)
		return lis_error_set(err, EINVAL,
				     "cannot use %s as a disk: it has no whole "
				     "sector; make one with \"lis disk "
				     "create\"",
				     file->path);
	return 0;
}

int raw_open(struct disk **disk, const struct disk_options *options,
	     struct lis_error *err)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	struct disk_info *info;
	int ret;

	if (!raw)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = file_open(&raw->file, options->path, options->read_only, err);
	if (ret < 0) {
		free(raw);
		return ret;
	}
	raw->disk.class = &raw_class;
	info = &raw->disk.info;
	ret = raw_geometry(raw, options, err);
	if (ret == 0 && options->cache != DISK_CACHE_BUFFERED)
		file_use_direct(&raw->file, info->sector_bytes);
	if (ret == 0 && options->cache == DISK_CACHE_DIRECT &&
	    !raw->file.direct)
		ret = lis_error_set(err, EINVAL,
				    "cannot open %s past the page cache: its "
				    "file system does not do that with sectors "
				    "of %u bytes",
				    options->path, info->sector_bytes);
	if (ret < 0) {
		raw_close(&raw->disk);
		return ret;
	}
	info->format = DISK_FORMAT_RAW;
	info->read_only = options->read_only;
	info->can_unmap = raw->file.can_punch;
	info->unmap_granularity_bytes = 4096;
	info->direct = raw->file.direct;
	identity_make(info->identity, options->path);
	*disk = &raw->disk;
	return 0;
}
