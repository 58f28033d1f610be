/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Making a VHDX file's map durable; see vhdx.h for the order and its reason.
 *
 * One commit runs at a time, on the ring of the queue whose flush began it.
 * Flushes that come meanwhile share the next one, which the first of them
 * begins: a queue that has no flush under way has no commit for long.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void round_begin(struct vhdx *vhdx);

static struct vhdx *vhdx_of_op(struct file_op *op)
{
	return (struct vhdx *)((char *)op - offsetof(struct vhdx, commit.op));
}

/*
 * The host's disk is full: that can pass. Of anything else we cannot tell what
 * became of the data that the kernel had; nor of that, when the page cache had
 * it and could not write it.
 */
static bool error_passes(const struct vhdx *vhdx, int error, bool sync)
{
	return (error == -ENOSPC || error == -EDQUOT || error == -ENOMEM) &&
	       (vhdx->file.direct || !sync);
}

/* --- flushes --- */

struct flush_task {
	struct io_task task;
	s64 error;
};
_Static_assert(sizeof(struct flush_task) <=
		       sizeof(((struct disk_request_internal *)0)->layer),
	       "a flush that waits has no room for its task");

static void flush_run(struct io_task *task)
{
	struct flush_task *flush = (struct flush_task *)task;
	char *internal =
		(char *)task - offsetof(struct disk_request_internal, layer);
	struct disk_request *request =
		(void *)(internal - offsetof(struct disk_request, internal));

	request->done(request, (int)flush->error);
}

/* Ends the flushes that this commit was for, each on its own thread. */
static void flushes_end(struct vhdx *vhdx, int error)
{
	struct vhdx_commit *commit = &vhdx->commit;
	struct disk_request *request = commit->flushes;

	commit->flushes = NULL;
	while (request) {
		struct disk_request_internal *internal =
			request_internal(request);
		struct flush_task *flush = (void *)internal->layer;
		struct disk_request *next = internal->next;

		flush->task.run = flush_run;
		flush->error = error;
		if (internal->queue->io == commit->io)
			flush_run(&flush->task);
		else
			io_post(internal->queue->io, &flush->task);
		request = next;
	}
}

static void plain_flush_done(struct file_op *op, int error)
{
	struct disk_request *request = request_of_file_op(op);
	struct vhdx *vhdx = vhdx_of(request_internal(request)->queue->disk);

	if (error < 0 && !error_passes(vhdx, error, true)) {
		pthread_mutex_lock(&vhdx->lock);
		vhdx->failed = true;
		pthread_mutex_unlock(&vhdx->lock);
	}
	request->done(request, error);
}

/* Under the lock: the flushes that wait become those of this commit. */
static void commit_start(struct vhdx *vhdx, struct io *io)
{
	vhdx->commit.running = true;
	vhdx->commit.io = io;
	vhdx->commit.flushes = vhdx->flushes;
	vhdx->flushes = NULL;
	vhdx->flushes_end = &vhdx->flushes;
}

void vhdx_flush(struct disk_queue *queue, struct disk_request *request)
{
	struct vhdx *vhdx = vhdx_of(queue->disk);
	struct disk_request_internal *internal = request_internal(request);
	bool plain, start = false, failed;

	internal->queue = queue;
	internal->next = NULL;
	pthread_mutex_lock(&vhdx->lock);
	failed = vhdx->failed;
	plain = !vhdx->dirty && !vhdx->commit.running;
	if (!plain && !failed) {
		*vhdx->flushes_end = request;
		vhdx->flushes_end = &internal->next;
		start = !vhdx->commit.running;
		if (start)
			commit_start(vhdx, queue->io);
	}
	pthread_mutex_unlock(&vhdx->lock);
	if (failed) {
		request_later(queue, request, -EIO);
	} else if (plain) {
		internal->file_op.done = plain_flush_done;
		file_sync(queue->io, &vhdx->file, &internal->file_op);
	} else if (start) {
		round_begin(vhdx);
	}
}

/* --- what a round writes --- */

static u8 *page_next(struct vhdx_commit *commit, u64 offset)
{
	commit->offsets[commit->page_count] = offset;
	return commit->pages + (u64)commit->page_count++ * VHDX_PAGE_BYTES;
}

static bool bits_take(u64 *bits, u64 index)
{
	bool had = bits[index / 64] >> index % 64 & 1;

	bits[index / 64] &= ~(1ull << index % 64);
	return had;
}

static void bat_collect(struct vhdx *vhdx, struct vhdx_commit *commit)
{
	u64 pages = vhdx->bat_bytes / VHDX_PAGE_BYTES;

	for (u64 page = 0; page < pages; page++) {
		if (vhdx->bat_dirty[page / 64] == 0) {
			page |= 63;
			continue;
		}
		if (commit->page_count == VHDX_COMMIT_PAGES) {
			commit->more = true;
			return;
		}
		if (bits_take(vhdx->bat_dirty, page))
			vhdx_bat_page(vhdx, page,
				      (u64 *)page_next(
					      commit,
					      vhdx->bat_offset +
						      page * VHDX_PAGE_BYTES));
	}
}

static void bitmap_collect(struct vhdx_bitmap *bitmap,
			   struct vhdx_commit *commit)
{
	for (u64 page = 0; page < VHDX_BITMAP_BYTES / VHDX_PAGE_BYTES; page++) {
		if (bitmap->dirty[page / 64] == 0) {
			page |= 63;
			continue;
		}
		if (commit->page_count == VHDX_COMMIT_PAGES) {
			commit->more = true;
			return;
		}
		if (bits_take(bitmap->dirty, page))
			memcpy(page_next(commit,
					 bitmap->offset +
						 page * VHDX_PAGE_BYTES),
			       (u8 *)bitmap->words + page * VHDX_PAGE_BYTES,
			       VHDX_PAGE_BYTES);
	}
}

/*
 * Under the lock: what is to be durable, as it is now. What changes later may
 * need data that is not.
 */
static void collect(struct vhdx *vhdx)
{
	struct vhdx_commit *commit = &vhdx->commit;

	commit->page_count = 0;
	commit->more = false;
	commit->file_bytes = vhdx->end_mib * VHDX_MIB;
	if (vhdx->size_dirty) {
		vhdx->size_dirty = false;
		memcpy(page_next(commit, vhdx->metadata.size_offset &
						 ~(u64)(VHDX_PAGE_BYTES - 1)),
		       vhdx->size_page, VHDX_PAGE_BYTES);
	}
	bat_collect(vhdx, commit);
	for (u64 i = 0; i < vhdx->bitmap_count && !commit->more; i++)
		bitmap_collect(&vhdx->bitmaps[i], commit);
	if (!commit->more) {
		struct vhdx_runs empty = commit->freed;

		/* All that freed something is in this round or before it. */
		vhdx->dirty = false;
		commit->freed = vhdx->freed;
		commit->freed_next = 0;
		vhdx->freed = empty;
		vhdx->freed.count = 0;
	}
}

/* The pages have to be written again. */
static void pages_return(struct vhdx *vhdx)
{
	struct vhdx_commit *commit = &vhdx->commit;

	for (u32 i = 0; i < commit->page_count; i++) {
		u64 offset = commit->offsets[i], page;

		if (offset >= vhdx->bat_offset &&
		    offset < vhdx->bat_offset + vhdx->bat_bytes) {
			page = (offset - vhdx->bat_offset) / VHDX_PAGE_BYTES;
			vhdx->bat_dirty[page / 64] |= 1ull << page % 64;
			continue;
		}
		if (offset >= vhdx->metadata_offset &&
		    offset < vhdx->metadata_offset + vhdx->metadata_bytes) {
			vhdx->size_dirty = true;
			continue;
		}
		for (u64 k = 0; k < vhdx->bitmap_count; k++) {
			struct vhdx_bitmap *bitmap = &vhdx->bitmaps[k];

			page = (offset - bitmap->offset) / VHDX_PAGE_BYTES;
			if (bitmap->offset && offset >= bitmap->offset &&
			    page < VHDX_BITMAP_BYTES / VHDX_PAGE_BYTES)
				bitmap->dirty[page / 64] |= 1ull << page % 64;
		}
	}
	vhdx->dirty = true;
}

/* --- the steps of a round --- */

static void commit_run(struct io_task *task)
{
	struct vhdx *vhdx =
		(void *)((char *)task - offsetof(struct vhdx, commit.begin));

	round_begin(vhdx);
}

static void commit_end(struct vhdx *vhdx)
{
	struct vhdx_commit *commit = &vhdx->commit;
	struct io *io = commit->io;
	bool again;

	pthread_mutex_lock(&vhdx->lock);
	commit->running = false;
	again = vhdx->flushes != NULL;
	if (again)
		commit_start(vhdx, request_internal(vhdx->flushes)->queue->io);
	pthread_mutex_unlock(&vhdx->lock);
	if (!again)
		return;
	commit->begin.run = commit_run;
	if (commit->io == io)
		commit_run(&commit->begin);
	else
		io_post(commit->io, &commit->begin);
}

/* A step failed before the pages were durable. */
static void commit_fail(struct vhdx *vhdx, int error, bool sync)
{
	struct vhdx_commit *commit = &vhdx->commit;

	pthread_mutex_lock(&vhdx->lock);
	if (!error_passes(vhdx, error, sync))
		vhdx->failed = true;
	pages_return(vhdx);
	for (u64 i = commit->freed_next; i < commit->freed.count; i++)
		vhdx_runs_add(&vhdx->freed, commit->freed.runs[i].start,
			      commit->freed.runs[i].count);
	commit->freed.count = 0;
	pthread_mutex_unlock(&vhdx->lock);
	flushes_end(vhdx, error);
	commit_end(vhdx);
}

static void release_next(struct vhdx *vhdx);

static void release_done(struct file_op *op, int error)
{
	struct vhdx *vhdx = vhdx_of_op(op);
	struct vhdx_run *run =
		&vhdx->commit.freed.runs[vhdx->commit.freed_next++];

	pthread_mutex_lock(&vhdx->lock);
	/* What could not be made zero is tried again after the next commit. */
	vhdx_runs_add(error == 0 ? &vhdx->free : &vhdx->freed, run->start,
		      run->count);
	pthread_mutex_unlock(&vhdx->lock);
	release_next(vhdx);
}

/* The durable map names the freed room no more: it can be given to others. */
static void release_next(struct vhdx *vhdx)
{
	struct vhdx_commit *commit = &vhdx->commit;
	const struct vhdx_run *run;

	if (commit->freed_next == commit->freed.count) {
		commit->freed.count = 0;
		commit->freed_next = 0;
		commit_end(vhdx);
		return;
	}
	run = &commit->freed.runs[commit->freed_next];
	commit->op.done = release_done;
	file_zero(commit->io, &vhdx->file, &commit->op, run->start * VHDX_MIB,
		  run->count * VHDX_MIB, true, false);
}

static void round_end(struct vhdx *vhdx)
{
	if (vhdx->commit.more)
		round_begin(vhdx);
	else
		release_next(vhdx);
}

static void place_next(struct vhdx *vhdx);

static void place_done(struct file_op *op, int error)
{
	struct vhdx *vhdx = vhdx_of_op(op);

	/* The log has the pages; the next entry will, too. */
	if (error < 0) {
		pthread_mutex_lock(&vhdx->lock);
		pages_return(vhdx);
		pthread_mutex_unlock(&vhdx->lock);
	}
	place_next(vhdx);
}

static void place_next(struct vhdx *vhdx)
{
	struct vhdx_commit *commit = &vhdx->commit;
	u32 page = commit->written++;

	if (page == commit->page_count) {
		round_end(vhdx);
		return;
	}
	commit->iov.iov_base = commit->pages + (u64)page * VHDX_PAGE_BYTES;
	commit->iov.iov_len = VHDX_PAGE_BYTES;
	commit->op.done = place_done;
	file_write(commit->io, &vhdx->file, &commit->op, &commit->iov, 1,
		   commit->offsets[page], VHDX_PAGE_BYTES, false);
}

/* The entry is durable: from now on the log counts. */
static int log_begin(struct vhdx *vhdx)
{
	int ret = 0;

	pthread_mutex_lock(&vhdx->lock);
	if (!vhdx->log_used) {
		vhdx->header.log = vhdx->log;
		ret = vhdx_header_write(vhdx);
		vhdx->log_used = ret == 0;
	}
	pthread_mutex_unlock(&vhdx->lock);
	return ret;
}

static void log_synced(struct file_op *op, int error)
{
	struct vhdx *vhdx = vhdx_of_op(op);
	struct vhdx_commit *commit = &vhdx->commit;

	if (error == 0)
		error = log_begin(vhdx);
	if (error < 0) {
		commit_fail(vhdx, error, true);
		return;
	}
	vhdx->log_head += commit->entry_bytes;
	vhdx->log_sequence++;
	commit->written = 0;
	if (!commit->more)
		flushes_end(vhdx, 0);
	place_next(vhdx);
}

static void log_written(struct file_op *op, int error)
{
	struct vhdx *vhdx = vhdx_of_op(op);

	if (error < 0) {
		commit_fail(vhdx, error, false);
		return;
	}
	op->done = log_synced;
	file_sync(vhdx->commit.io, &vhdx->file, op);
}

static void data_synced(struct file_op *op, int error)
{
	struct vhdx *vhdx = vhdx_of_op(op);
	struct vhdx_commit *commit = &vhdx->commit;

	if (error < 0) {
		commit_fail(vhdx, error, true);
		return;
	}
	if (commit->page_count == 0) {
		flushes_end(vhdx, 0);
		round_end(vhdx);
		return;
	}
	vhdx_log_entry_make(vhdx);
	commit->iov.iov_base = commit->entry;
	commit->iov.iov_len = commit->entry_bytes;
	op->done = log_written;
	file_write(commit->io, &vhdx->file, op, &commit->iov, 1,
		   vhdx->header.log_offset + vhdx->log_head,
		   commit->entry_bytes, false);
}

static void round_begin(struct vhdx *vhdx)
{
	pthread_mutex_lock(&vhdx->lock);
	collect(vhdx);
	pthread_mutex_unlock(&vhdx->lock);
	vhdx->commit.op.done = data_synced;
	file_sync(vhdx->commit.io, &vhdx->file, &vhdx->commit.op);
}

/* --- for those who wait --- */

int vhdx_touch(struct vhdx *vhdx)
{
	int ret = 0;

	pthread_mutex_lock(&vhdx->lock);
	if (!vhdx->touched) {
		vhdx_guid_make(&vhdx->header.file_write);
		vhdx_guid_make(&vhdx->header.data_write);
		ret = vhdx_header_write(vhdx);
		if (ret == 0)
			port_store_release(&vhdx->touched, true);
	}
	pthread_mutex_unlock(&vhdx->lock);
	return ret;
}

bool vhdx_commit_wait(struct vhdx *vhdx, struct io *io)
{
	bool ours;

	pthread_mutex_lock(&vhdx->lock);
	ours = vhdx->commit.running && vhdx->commit.io == io;
	pthread_mutex_unlock(&vhdx->lock);
	if (ours) {
		io_wait(io);
		io_reap(io);
	}
	return ours;
}

int vhdx_commit_all(struct vhdx *vhdx)
{
	struct disk_queue *queue;
	struct io io;
	int ret = io_init(&io, NULL);

	if (ret < 0)
		return ret;
	ret = layer_queue_open(&queue, &vhdx->disk, &io, NULL);
	if (ret == 0) {
		ret = disk_transfer(queue, DISK_FLUSH, 0, 0, NULL, 0);
		layer_queue_close(queue);
	}
	io_release(&io);
	return ret;
}
