/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * raw.c - a file or block device whose bytes are the disk's.
 */
#define _GNU_SOURCE
#include "host/backend/disk/layer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct raw {
	struct disk disk;
	struct file file;
	pthread_mutex_t lock; /* for what makes the file shorter */
	u64 end_bytes;	      /* of a regular file; under the lock */
};

static struct raw *raw_of(struct disk *disk)
{
	return (struct raw *)disk;
}

static void raw_close(struct disk *disk)
{
	file_close(&raw_of(disk)->file);
	pthread_mutex_destroy(&raw_of(disk)->lock);
	free(disk);
}

static bool reaches_past_end(const struct raw *raw,
			     const struct disk_request *request)
{
	u64 size = disk_size(&raw->disk);

	return request->op != DISK_FLUSH &&
	       (request->offset_bytes > size ||
		request->size_bytes > size - request->offset_bytes);
}

/* A write that was under way when the file got shorter made it long again. */
static void end_restore(struct raw *raw, const struct disk_request *request)
{
	pthread_mutex_lock(&raw->lock);
	if (request->offset_bytes + request->size_bytes > raw->end_bytes)
		file_truncate(&raw->file, raw->end_bytes);
	pthread_mutex_unlock(&raw->lock);
}

static void raw_done(struct file_op *op, int error)
{
	struct disk_request *request = request_of_file_op(op);
	struct raw *raw = raw_of(request_internal(request)->queue->disk);

	if (request->op != DISK_READ && !raw->file.is_device &&
	    reaches_past_end(raw, request))
		end_restore(raw, request);
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

	/* It may have waited above while the disk got smaller. */
	if (reaches_past_end(raw_of(queue->disk), request)) {
		request_later(queue, request, -ERANGE);
		return;
	}
	request_internal(request)->queue = queue;
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
	struct raw *raw = raw_of(disk);
	struct file *file = &raw->file;
	int ret;

	if (file->is_device)
		return lis_error_set(err, ENOTSUP,
				     "cannot resize block device %s; resize it "
				     "where it was made",
				     file->path);
	pthread_mutex_lock(&raw->lock);
	ret = file_truncate(file, size_bytes);
	if (ret == 0)
		raw->end_bytes = size_bytes;
	pthread_mutex_unlock(&raw->lock);
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
	raw->end_bytes = info->size_bytes;
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
	pthread_mutex_init(&raw->lock, NULL);
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
