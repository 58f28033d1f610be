/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A thread's way through the layers of a disk.
 */
#define _GNU_SOURCE
#include "host/backend/disk/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int layer_queue_open(struct disk_queue **queue, struct disk *disk,
		     struct io *io, struct lis_error *err)
{
	struct disk_queue *made = calloc(1, sizeof(*made));
	int ret = 0;

	if (!made)
		return lis_error_set(err, ENOMEM, "out of memory");
	made->disk = disk;
	made->io = io;
	if (disk->lower)
		ret = layer_queue_open(&made->lower, disk->lower, io, err);
	if (ret == 0 && disk->class->queue_open) {
		ret = disk->class->queue_open(made, err);
		if (ret < 0 && made->lower)
			layer_queue_close(made->lower);
	}
	if (ret < 0) {
		free(made);
		return ret;
	}
	*queue = made;
	return 0;
}

void layer_queue_close(struct disk_queue *queue)
{
	if (queue->disk->class->queue_close)
		queue->disk->class->queue_close(queue);
	if (queue->lower)
		layer_queue_close(queue->lower);
	free(queue);
}

int disk_queue_open(struct disk_queue **queue, struct disk *disk,
		    struct lis_error *err)
{
	struct io *io = calloc(1, sizeof(*io));
	int ret;

	if (!io)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = io_init(io, err);
	if (ret == 0) {
		ret = layer_queue_open(queue, disk, io, err);
		if (ret == 0)
			return 0;
		io_release(io);
	}
	free(io);
	return ret;
}

void disk_queue_close(struct disk_queue *queue)
{
	struct io *io = queue->io;

	layer_queue_close(queue);
	io_release(io);
	free(io);
}

int disk_queue_fd(const struct disk_queue *queue)
{
	return queue->io->ring.ring_fd;
}

static void later_done(struct io_op *op, int result)
{
	struct disk_request *request = request_of_file_op((struct file_op *)op);

	request->done(request, result);
}

void request_later(struct disk_queue *queue, struct disk_request *request,
		   int error)
{
	struct io_op *op = &request_internal(request)->file_op.io;

	op->done = later_done;
	io_later(queue->io, op, error);
}

static int iov_check(const struct disk_request *request)
{
	u64 bytes = 0;

	if (request->size_bytes == 0 ||
	    request->size_bytes > DISK_TRANSFER_BYTES_MAX)
		return -EINVAL;
	for (u32 i = 0; i < request->iov_count; i++) {
		/* Checked piece by piece, so that the sum cannot wrap. */
		if (request->iov[i].iov_len > request->size_bytes - bytes)
			return -EINVAL;
		bytes += request->iov[i].iov_len;
	}
	return bytes == request->size_bytes ? 0 : -EINVAL;
}

static int request_check(const struct disk *disk,
			 const struct disk_request *request)
{
	u64 size = disk_size(disk);
	u64 mask = disk->info.sector_bytes - 1;

	if (request->op == DISK_FLUSH)
		return 0;
	if (request->op > DISK_ZERO ||
	    ((request->offset_bytes | request->size_bytes) & mask))
		return -EINVAL;
	if (request->offset_bytes > size ||
	    request->size_bytes > size - request->offset_bytes)
		return -ERANGE;
	if (request->op == DISK_READ)
		return iov_check(request);
	if (disk->info.read_only)
		return -EROFS;
	return request->op == DISK_WRITE ? iov_check(request) : 0;
}

void disk_submit(struct disk_queue *queue, struct disk_request *request)
{
	int ret = request_check(queue->disk, request);

	/* Nothing was written: nothing has to be made durable. */
	if (ret == 0 && request->op == DISK_FLUSH &&
	    queue->disk->info.read_only)
		request_later(queue, request, 0);
	else if (ret < 0)
		request_later(queue, request, ret);
	else
		layer_submit(queue, request);
}

void disk_kick(struct disk_queue *queue)
{
	io_kick(queue->io);
}

void disk_reap(struct disk_queue *queue)
{
	io_reap(queue->io);
}

void disk_wait(struct disk_queue *queue)
{
	io_wait(queue->io);
	io_reap(queue->io);
}

void disk_cancel(struct disk_queue *queue, struct disk_request *request)
{
	const struct disk_class *class = queue->disk->class;

	if (class->cancel)
		class->cancel(queue, request);
}

struct transfer {
	struct disk_request request;
	bool ended;
	int error;
};

static void transfer_done(struct disk_request *request, int error)
{
	struct transfer *transfer = (struct transfer *)request;

	transfer->error = error;
	transfer->ended = true;
}

int disk_transfer(struct disk_queue *queue, enum disk_op op, u32 flags,
		  u64 offset_bytes, void *buffer, u64 size_bytes)
{
	struct iovec iov = { buffer, size_bytes };
	struct transfer transfer = {
		.request = { .op = op,
			     .flags = flags,
			     .offset_bytes = offset_bytes,
			     .size_bytes = size_bytes,
			     .iov = &iov,
			     .iov_count = 1,
			     .done = transfer_done },
	};

	disk_submit(queue, &transfer.request);
	while (!transfer.ended)
		disk_wait(queue);
	return transfer.error;
}
