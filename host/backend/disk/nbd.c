/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * nbd.c - an NBD export as a disk.
 */
#define _GNU_SOURCE
#include "host/backend/disk/nbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MS_DEFAULT 10000u

static u8 *bounce_make(const struct disk_request *request, bool zeros)
{
	u8 *bounce;

	if (zeros)
		return calloc(1, NBD_STEP_BYTES);
	bounce = malloc(request->size_bytes);
	if (bounce && request->op == DISK_WRITE)
		iov_gather(request->iov, request->iov_count, 0, bounce,
			   request->size_bytes);
	return bounce;
}

static void nbd_submit(struct disk_queue *queue, struct disk_request *request)
{
	struct nbd *nbd = (struct nbd *)queue->disk;
	bool data = request->op <= DISK_WRITE;
	bool zeros = request->op >= DISK_UNMAP && !nbd->can_zero;
	struct nbd_job *job;

	request_internal(request)->layer[0] = 0;
	if (request->op == DISK_UNMAP && zeros) {
		request_later(queue, request, -EOPNOTSUPP);
		return;
	}
	if ((request->op == DISK_FLUSH && !nbd->can_flush) ||
	    (request->op >= DISK_UNMAP && request->size_bytes == 0)) {
		request_later(queue, request, 0);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job && ((data && request->iov_count != 1) || zeros)) {
		job->bounce = bounce_make(request, zeros);
		if (!job->bounce) {
			free(job);
			job = NULL;
		}
	}
	if (!job) {
		request_later(queue, request, -ENOMEM);
		return;
	}
	job->nbd = nbd;
	job->number = __atomic_add_fetch(&nbd->job_count, 1, __ATOMIC_RELAXED);
	request_internal(request)->layer[0] = job->number;
	job->queue = queue;
	job->request = request;
	job->task.run = nbd_job_arrive;
	io_post(&nbd->io, &job->task);
}

static bool nbd_cancel(struct disk_queue *queue, struct disk_request *request)
{
	struct nbd *nbd = (struct nbd *)queue->disk;
	struct nbd_cancel *cancel = malloc(sizeof(*cancel));

	if (cancel) {
		cancel->task.run = nbd_cancel_arrive;
		cancel->nbd = nbd;
		cancel->number = request_internal(request)->layer[0];
		io_post(&nbd->io, &cancel->task);
	}
	return false;
}

static void nbd_release(struct nbd *nbd)
{
	for (u32 i = 0; i < nbd->connection_count; i++) {
		if (nbd->connections[i].handle)
			nbd_close(nbd->connections[i].handle);
	}
	free(nbd->uri);
	free(nbd);
}

static void nbd_disk_close(struct disk *disk)
{
	struct nbd *nbd = (struct nbd *)disk;

	nbd->stop_task.run = nbd_stop_arrive;
	io_post(&nbd->io, &nbd->stop_task);
	pthread_join(nbd->thread, NULL);
	for (u32 i = 0; i < nbd->connection_count; i++) {
		if (nbd->connections[i].ready)
			nbd_aio_disconnect(nbd->connections[i].handle, 0);
	}
	io_release(&nbd->io);
	nbd_release(nbd);
}

static const struct disk_class nbd_class = {
	.name = "nbd",
	.close = nbd_disk_close,
	.submit = nbd_submit,
	.cancel = nbd_cancel,
};

static int info_fill(struct nbd *nbd, const struct disk_options *options,
		     struct lis_error *err)
{
	struct nbd_handle *handle = nbd->connections[0].handle;
	struct disk_info *info = &nbd->disk.info;
	s64 size_bytes = nbd_get_size(handle);
	s64 least = nbd_get_block_size(handle, LIBNBD_SIZE_MINIMUM);

	info->sector_bytes = least > 512 ? 4096 : 512;
	if (options->sector_bytes)
		info->sector_bytes = options->sector_bytes;
	if (size_bytes < info->sector_bytes || least > info->sector_bytes ||
	    size_bytes > (s64)DISK_SIZE_BYTES_MAX)
		return lis_error_set(
			err, EINVAL,
			"cannot use %s as a disk: its size is %lld "
			"bytes, in pieces of at least %lld",
			options->path, (long long)size_bytes, (long long)least);
	if (!options->read_only && nbd_is_read_only(handle) != 0)
		return lis_error_set(err, EROFS,
				     "cannot open %s for writing: its server "
				     "gives it for reading only",
				     options->path);
	nbd->can_zero = nbd_can_zero(handle) == 1;
	nbd->can_flush = nbd_can_flush(handle) == 1;
	nbd->can_fua = nbd_can_fua(handle) == 1;
	if (nbd_can_multi_conn(handle) == 1)
		nbd->connection_count = NBD_CONNECTIONS_MAX;
	info->size_bytes = (u64)size_bytes;
	info->size_bytes -= info->size_bytes % info->sector_bytes;
	info->physical_sector_bytes = options->physical_sector_bytes
					      ? options->physical_sector_bytes
					      : 4096;
	info->format = DISK_FORMAT_NBD;
	info->read_only = options->read_only;
	info->can_unmap = nbd->can_zero;
	info->unmap_granularity_bytes = 4096;
	identity_make(info->identity, options->path);
	return 0;
}

static int nbd_begin(struct nbd *nbd, const struct disk_options *options,
		     struct lis_error *err)
{
	struct nbd_connection *first = &nbd->connections[0];
	int ret;

	first->handle = nbd_handle_new();
	if (!first->handle)
		return lis_error_set(err, ENOMEM, "out of memory");
	if (nbd_connect_uri(first->handle, nbd->uri) < 0)
		return lis_error_set(
			err, nbd_get_errno() ? nbd_get_errno() : ENOTCONN,
			"cannot open %s: %s", options->path, nbd_get_error());
	first->ready = true;
	ret = info_fill(nbd, options, err);
	if (ret < 0)
		return ret;
	ret = io_init(&nbd->io, err);
	if (ret < 0)
		return ret;
	ret = pthread_create(&nbd->thread, NULL, nbd_thread_run, nbd);
	if (ret == 0)
		return 0;
	io_release(&nbd->io);
	return lis_error_set(err, ret, "cannot start a thread for %s: %s",
			     options->path, strerror(ret));
}

int nbd_disk_open(struct disk **disk, const struct disk_options *options,
		  struct lis_error *err)
{
	struct nbd *nbd = calloc(1, sizeof(*nbd));
	int ret;

	if (!nbd)
		return lis_error_set(err, ENOMEM, "out of memory");
	nbd->disk.class = &nbd_class;
	nbd->connection_count = 1;
	nbd->reconnect_ms = options->nbd_reconnect_ms
				    ? options->nbd_reconnect_ms
				    : RECONNECT_MS_DEFAULT;
	nbd_jobs_init(&nbd->waiting);
	nbd_jobs_init(&nbd->ended);
	for (u32 i = 0; i < NBD_CONNECTIONS_MAX; i++)
		nbd->connections[i].nbd = nbd;
	nbd->uri = strdup(options->path);
	ret = nbd->uri ? nbd_begin(nbd, options, err)
		       : lis_error_set(err, ENOMEM, "out of memory");
	if (ret < 0) {
		nbd_release(nbd);
		return ret;
	}
	*disk = &nbd->disk;
	return 0;
}
