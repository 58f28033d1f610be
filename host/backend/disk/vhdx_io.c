/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Requests on a VHDX image: one block at a time, or in pieces.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Pieces of one request that are under way at a time. */
#define PIECES_MAX 32u

/* A request in pieces. */
struct split {
	struct disk_queue *queue;
	struct disk_request *request;
	u64 next;	 /* of the request's bytes: not begun yet */
	u32 under_way;	 /* pieces */
	bool submitting; /* vhdx_submit() is on the stack */
	int error;
};

struct piece {
	struct disk_request request; /* to the parent; file_op is in it */
	struct split *split;
	u64 block;
	u64 sector, sectors; /* of the disk, to be noted when written */
	bool noted;
	struct iovec iov[];
};

/*
 * A block's entry, with the block held: it keeps its place until release.
 * Without a place, nothing is held.
 */
static u64 block_hold(struct vhdx *vhdx, u64 block)
{
	u64 word = __atomic_fetch_add(&vhdx->map[block], VHDX_REF,
				      __ATOMIC_SEQ_CST);

	if (!vhdx_mapped(word))
		__atomic_fetch_sub(&vhdx->map[block], VHDX_REF,
				   __ATOMIC_SEQ_CST);
	return word;
}

static void block_release(struct vhdx *vhdx, u64 block)
{
	__atomic_fetch_sub(&vhdx->map[block], VHDX_REF, __ATOMIC_SEQ_CST);
}

/* Whether something of the map is not durable yet. */
static bool unsettled(struct vhdx *vhdx)
{
	bool dirty;

	pthread_mutex_lock(&vhdx->lock);
	dirty = vhdx->dirty || vhdx->commit.running;
	pthread_mutex_unlock(&vhdx->lock);
	return dirty;
}

/* All data is written: done, or durable first. */
static void finish(struct disk_queue *queue, struct disk_request *request,
		   int error, bool submitting)
{
	if (error == 0 && (request->flags & DISK_FUA) &&
	    request->op != DISK_READ && unsettled(vhdx_of(queue->disk)))
		vhdx_flush(queue, request);
	else if (submitting)
		request_later(queue, request, error);
	else
		request->done(request, error);
}

/* --- within one block --- */

static void single_done(struct file_op *op, int error)
{
	struct disk_request *request = request_of_file_op(op);
	struct disk_request_internal *internal = request_internal(request);

	block_release(vhdx_of(internal->queue->disk), internal->layer[0]);
	finish(internal->queue, request, error, false);
}

/* Whether the request could be begun in one transfer. */
static bool single_submit(struct disk_queue *queue,
			  struct disk_request *request)
{
	struct vhdx *vhdx = vhdx_of(queue->disk);
	struct disk_request_internal *internal = request_internal(request);
	u64 block = request->offset_bytes >> vhdx->block_shift;
	u64 last = request->offset_bytes + request->size_bytes - 1;
	u64 word, at;

	if (last >> vhdx->block_shift != block)
		return false;
	word = block_hold(vhdx, block);
	if ((word & VHDX_STATE_MASK) != VHDX_BLOCK_FULLY_PRESENT) {
		if (vhdx_mapped(word))
			block_release(vhdx, block);
		return false;
	}
	at = vhdx_place(word) +
	     (request->offset_bytes & (vhdx->metadata.block_bytes - 1));
	internal->queue = queue;
	internal->layer[0] = block;
	internal->file_op.done = single_done;
	if (request->op == DISK_READ)
		file_read(queue->io, &vhdx->file, &internal->file_op,
			  request->iov, request->iov_count, at,
			  request->size_bytes);
	else
		file_write(queue->io, &vhdx->file, &internal->file_op,
			   request->iov, request->iov_count, at,
			   request->size_bytes, request->flags & DISK_FUA);
	return true;
}

/* --- in pieces --- */

static void split_go_on(struct split *split);

static void split_piece_done(struct split *split, int error)
{
	if (error < 0 && split->error == 0)
		split->error = error;
	split->under_way--;
	split_go_on(split);
}

static struct piece *piece_of(struct disk_request *request)
{
	return (struct piece *)request;
}

static void file_piece_done(struct file_op *op, int error)
{
	struct piece *piece = piece_of(request_of_file_op(op));
	struct split *split = piece->split;
	struct vhdx *vhdx = vhdx_of(split->queue->disk);

	/* Before the block is let go: it cannot be freed in between. */
	if (error == 0 && piece->noted)
		error = vhdx_bitmap_set(vhdx, piece->sector, piece->sectors);
	block_release(vhdx, piece->block);
	free(piece);
	split_piece_done(split, error);
}

static void parent_piece_done(struct disk_request *request, int error)
{
	struct split *split = piece_of(request)->split;

	free(piece_of(request));
	split_piece_done(split, error);
}

/* A part of the split's request. NULL: no memory. */
static struct piece *piece_new(struct split *split, u64 skip_bytes,
			       u64 size_bytes)
{
	const struct disk_request *request = split->request;
	bool data = request->op == DISK_READ || request->op == DISK_WRITE;
	u32 count = data ? request->iov_count : 0;
	struct piece *piece =
		calloc(1, sizeof(*piece) + count * sizeof(piece->iov[0]));

	if (!piece)
		return NULL;
	piece->split = split;
	piece->request.op = request->op;
	piece->request.offset_bytes = request->offset_bytes + skip_bytes;
	piece->request.size_bytes = size_bytes;
	piece->request.iov = piece->iov;
	if (data)
		piece->request.iov_count =
			iov_part(request->iov, count, skip_bytes, size_bytes,
				 piece->iov);
	return piece;
}

/* Bytes of the block that is held, which word is the entry of. */
static int file_piece(struct split *split, u64 word, u64 skip_bytes,
		      u64 size_bytes)
{
	struct vhdx *vhdx = vhdx_of(split->queue->disk);
	struct piece *piece = piece_new(split, skip_bytes, size_bytes);
	u64 offset = split->request->offset_bytes + skip_bytes;
	u64 at = vhdx_place(word) + (offset & (vhdx->metadata.block_bytes - 1));
	bool durable = split->request->flags & DISK_FUA;
	struct file_op *op;

	if (!piece) {
		block_release(vhdx, offset >> vhdx->block_shift);
		return -ENOMEM;
	}
	op = &request_internal(&piece->request)->file_op;
	op->done = file_piece_done;
	piece->block = offset >> vhdx->block_shift;
	piece->sector = offset / vhdx->metadata.sector_bytes;
	piece->sectors = size_bytes / vhdx->metadata.sector_bytes;
	split->under_way++;
	if (split->request->op == DISK_READ) {
		file_read(split->queue->io, &vhdx->file, op, piece->iov,
			  piece->request.iov_count, at, size_bytes);
		return 0;
	}
	piece->noted = (word & VHDX_STATE_MASK) == VHDX_BLOCK_PARTIALLY_PRESENT;
	if (split->request->op == DISK_WRITE)
		file_write(split->queue->io, &vhdx->file, op, piece->iov,
			   piece->request.iov_count, at, size_bytes, durable);
	else
		file_zero(split->queue->io, &vhdx->file, op, at, size_bytes,
			  !vhdx->metadata.leave_allocated &&
				  vhdx->file.can_punch &&
				  (split->request->op == DISK_UNMAP ||
				   (split->request->flags & DISK_MAY_UNMAP)),
			  durable);
	return 0;
}

/* Bytes that only the parent has; past its end there are zeros. */
static int parent_piece(struct split *split, u64 skip_bytes, u64 size_bytes)
{
	const struct disk_request *request = split->request;
	u64 offset = request->offset_bytes + skip_bytes;
	struct vhdx *vhdx = vhdx_of(split->queue->disk);
	u64 parent_bytes = disk_size(vhdx->parent), has_bytes = 0;
	struct piece *piece;

	if (offset < parent_bytes)
		has_bytes = parent_bytes - offset < size_bytes
				    ? parent_bytes - offset
				    : size_bytes;
	iov_fill_zero(request->iov, request->iov_count, skip_bytes + has_bytes,
		      size_bytes - has_bytes);
	if (!has_bytes)
		return 0;
	piece = piece_new(split, skip_bytes, has_bytes);
	if (!piece)
		return -ENOMEM;
	piece->request.done = parent_piece_done;
	split->under_way++;
	layer_submit(split->queue->state, &piece->request);
	return 0;
}

/* Begins what can be read in one piece; *size_bytes may get less. */
static int read_begin(struct split *split, u64 skip_bytes, u64 *size_bytes)
{
	struct vhdx *vhdx = vhdx_of(split->queue->disk);
	u64 offset = split->request->offset_bytes + skip_bytes;
	u64 block = offset >> vhdx->block_shift;
	u64 word = block_hold(vhdx, block);
	u64 sectors = *size_bytes / vhdx->metadata.sector_bytes;
	bool here;
	int ret;

	switch (word & VHDX_STATE_MASK) {
	case VHDX_BLOCK_FULLY_PRESENT:
		return file_piece(split, word, skip_bytes, *size_bytes);
	case VHDX_BLOCK_PARTIALLY_PRESENT:
		ret = vhdx_bitmap_run(vhdx,
				      offset / vhdx->metadata.sector_bytes,
				      &sectors, &here);
		*size_bytes = sectors * vhdx->metadata.sector_bytes;
		if (ret == 0 && here)
			return file_piece(split, word, skip_bytes, *size_bytes);
		block_release(vhdx, block);
		return ret < 0 ? ret
			       : parent_piece(split, skip_bytes, *size_bytes);
	case VHDX_BLOCK_NOT_PRESENT:
		if (vhdx->parent)
			return parent_piece(split, skip_bytes, *size_bytes);
		break;
	default:
		break;
	}
	iov_fill_zero(split->request->iov, split->request->iov_count,
		      skip_bytes, *size_bytes);
	return 0;
}

/* Begins a write of data or zeros within one block. */
static int write_begin(struct split *split, u64 skip_bytes, u64 size_bytes)
{
	struct vhdx *vhdx = vhdx_of(split->queue->disk);
	u64 block = (split->request->offset_bytes + skip_bytes) >>
		    vhdx->block_shift;
	u64 word = block_hold(vhdx, block);
	int ret = 0;

	/* Between the two, somebody may free it again. */
	while (!vhdx_mapped(word)) {
		pthread_mutex_lock(&vhdx->lock);
		ret = vhdx_block_allocate(vhdx, block, &word);
		pthread_mutex_unlock(&vhdx->lock);
		if (ret < 0)
			return ret;
		word = block_hold(vhdx, block);
	}
	return file_piece(split, word, skip_bytes, size_bytes);
}

/* Begins making zeros within one block. */
static int zero_begin(struct split *split, u64 skip_bytes, u64 size_bytes)
{
	struct vhdx *vhdx = vhdx_of(split->queue->disk);
	const struct disk_request *request = split->request;
	u64 offset = request->offset_bytes + skip_bytes;
	u64 block = offset >> vhdx->block_shift, word;
	bool whole = (offset & (vhdx->metadata.block_bytes - 1)) == 0 &&
		     (size_bytes == vhdx->metadata.block_bytes ||
		      offset + size_bytes == disk_size(&vhdx->disk));
	bool free =
		request->op == DISK_UNMAP || (request->flags & DISK_MAY_UNMAP);

	word = port_load(&vhdx->map[block]);
	if (whole && (free || !vhdx_mapped(word))) {
		bool freed;

		pthread_mutex_lock(&vhdx->lock);
		freed = vhdx_block_free(vhdx, block, false);
		pthread_mutex_unlock(&vhdx->lock);
		if (freed)
			return 0;
	}
	/* What has no place and no parent reads as zeros already. */
	if (!vhdx_mapped(word) &&
	    (!vhdx->parent ||
	     (word & VHDX_STATE_MASK) != VHDX_BLOCK_NOT_PRESENT))
		return 0;
	return write_begin(split, skip_bytes, size_bytes);
}

/* Begins pieces until enough are under way. */
static void split_plan(struct split *split)
{
	struct vhdx *vhdx = vhdx_of(split->queue->disk);
	struct disk_request *request = split->request;

	while (split->next < request->size_bytes && split->error == 0 &&
	       split->under_way < PIECES_MAX) {
		u64 offset = request->offset_bytes + split->next;
		u64 size = vhdx->metadata.block_bytes -
			   (offset & (vhdx->metadata.block_bytes - 1));

		if (size > request->size_bytes - split->next)
			size = request->size_bytes - split->next;
		if (request->op == DISK_READ)
			split->error = read_begin(split, split->next, &size);
		else if (request->op == DISK_WRITE)
			split->error = write_begin(split, split->next, size);
		else
			split->error = zero_begin(split, split->next, size);
		split->next += size;
	}
}

static void split_end(struct split *split)
{
	struct split ended = *split;

	free(split);
	finish(ended.queue, ended.request, ended.error, ended.submitting);
}

static void split_go_on(struct split *split)
{
	split_plan(split);
	if (split->under_way == 0)
		split_end(split);
}

static int split_begin(struct disk_queue *queue, struct disk_request *request)
{
	struct split *split = calloc(1, sizeof(*split));

	if (!split)
		return -ENOMEM;
	split->queue = queue;
	split->request = request;
	split_plan(split);
	if (split->under_way == 0) {
		split->submitting = true;
		split_end(split);
	}
	return 0;
}

void vhdx_submit(struct disk_queue *queue, struct disk_request *request)
{
	struct vhdx *vhdx = vhdx_of(queue->disk);
	int ret = 0;

	if (request->op == DISK_FLUSH) {
		vhdx_flush(queue, request);
		return;
	}
	if (request->op != DISK_READ && !port_load_acquire(&vhdx->touched))
		ret = vhdx_touch(vhdx);
	if (ret == 0 && request->op != DISK_READ && port_load(&vhdx->failed))
		ret = -EIO;
	if (ret < 0 || request->size_bytes == 0) {
		request_later(queue, request, ret);
		return;
	}
	if (request->op <= DISK_WRITE && single_submit(queue, request))
		return;
	ret = split_begin(queue, request);
	if (ret < 0)
		request_later(queue, request, ret);
}
