/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Requests on a VHD image, one block after the other.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A request on its way through the blocks. */
struct walk {
	struct file_op op;
	struct disk_queue *queue;
	struct disk_request *request;
	u64 moved;	 /* bytes that are done */
	u64 piece_bytes; /* under way */
	struct disk_request parent_request;
	struct iovec iov[];
};

/* A flush, with the table's sectors as they were when it began. */
struct flush {
	struct file_op op;
	struct disk_queue *queue;
	struct disk_request *request;
	u64 change; /* the last one that it makes durable */
	u64 count;
	struct flush_page {
		u64 page;
		u64 change;
		u32 entries[VHD_ENTRIES_PER_SECTOR];
	} pages[];
};

u64 vhd_place(const struct vhd *vhd, u64 block)
{
	u32 sector = port_load_acquire(&vhd->table[block]);

	return sector == VHD_UNUSED
		       ? 0
		       : (u64)sector * VHD_SECTOR_BYTES + vhd->bitmap_bytes;
}

/* --- giving a block its place --- */

static int bitmap_write(const struct vhd *vhd, u64 at)
{
	u8 *bitmap = malloc(vhd->bitmap_bytes);
	int ret;

	if (!bitmap)
		return -ENOMEM;
	/* All its sectors count; those not written to read as zeros. */
	memset(bitmap, 0xff, vhd->bitmap_bytes);
	ret = file_pwrite(&vhd->file, bitmap, vhd->bitmap_bytes, at);
	free(bitmap);
	return ret;
}

/* Under the lock. */
static int block_append(struct vhd *vhd, u64 block)
{
	u64 at = vhd->end_bytes;
	u64 end = at + vhd->bitmap_bytes + (1ull << vhd->block_shift);
	int ret;

	if (vhd->failed)
		return -EIO;
	if (at / VHD_SECTOR_BYTES >= VHD_UNUSED)
		return -EFBIG;
	/* Off with the footer, and with what a crash left there. */
	ret = file_truncate(&vhd->file, at);
	if (ret == 0)
		ret = file_truncate(&vhd->file, end + sizeof(vhd->footer));
	if (ret == 0)
		ret = bitmap_write(vhd, at);
	if (ret == 0)
		ret = file_pwrite(&vhd->file, &vhd->footer, sizeof(vhd->footer),
				  end);
	if (ret < 0)
		return ret;
	vhd->end_bytes = end;
	vhd->pages[block / VHD_ENTRIES_PER_SECTOR].changed = ++vhd->changes;
	port_store_release(&vhd->table[block], (u32)(at / VHD_SECTOR_BYTES));
	return 0;
}

static int block_allocate(struct vhd *vhd, u64 block, u64 *place)
{
	int ret = 0;

	pthread_mutex_lock(&vhd->lock);
	if (vhd_place(vhd, block) == 0)
		ret = block_append(vhd, block);
	*place = vhd_place(vhd, block);
	pthread_mutex_unlock(&vhd->lock);
	return ret;
}

/* --- flushing --- */

/* Under the lock: the table has changes that are not durable. */
static u64 pages_unsettled(const struct vhd *vhd)
{
	u64 sectors = (vhd->entries + VHD_ENTRIES_PER_SECTOR - 1) /
		      VHD_ENTRIES_PER_SECTOR;
	u64 count = 0;

	for (u64 i = 0; vhd->changes && i < sectors; i++)
		count += vhd->pages[i].changed > vhd->pages[i].durable;
	return count;
}

static void flush_end(struct flush *flush, int error)
{
	struct vhd *vhd = vhd_of(flush->queue->disk);
	struct disk_request *request = flush->request;

	pthread_mutex_lock(&vhd->lock);
	for (u64 i = 0; i < flush->count && error == 0; i++) {
		struct vhd_page *page = &vhd->pages[flush->pages[i].page];

		if (page->durable < flush->pages[i].change)
			page->durable = flush->pages[i].change;
	}
	/* What the page cache could not write, it need not have any more. */
	if (error < 0)
		vhd->failed = true;
	pthread_mutex_unlock(&vhd->lock);
	free(flush);
	request->done(request, error);
}

static void flush_table_synced(struct file_op *op, int error)
{
	flush_end((struct flush *)op, error);
}

/* The data is durable: now the table may point to it. */
static void flush_data_synced(struct file_op *op, int error)
{
	struct flush *flush = (struct flush *)op;
	struct vhd *vhd = vhd_of(flush->queue->disk);

	pthread_mutex_lock(&vhd->lock);
	for (u64 i = 0; i < flush->count && error == 0; i++) {
		struct flush_page *from = &flush->pages[i];
		struct vhd_page *page = &vhd->pages[from->page];

		/* A later flush may have been faster. */
		if (page->written >= from->change)
			continue;
		error = file_pwrite(&vhd->file, from->entries, VHD_SECTOR_BYTES,
				    vhd->table_offset +
					    from->page * VHD_SECTOR_BYTES);
		if (error == 0)
			page->written = from->change;
	}
	pthread_mutex_unlock(&vhd->lock);
	if (error < 0 || flush->count == 0) {
		flush_end(flush, error);
		return;
	}
	op->done = flush_table_synced;
	file_sync(flush->queue->io, &vhd->file, op);
}

/* Under the lock. */
static struct flush *flush_collect(struct vhd *vhd)
{
	u64 count = pages_unsettled(vhd), page = 0;
	struct flush *flush =
		calloc(1, sizeof(*flush) + count * sizeof(flush->pages[0]));

	if (!flush)
		return NULL;
	for (; flush->count < count; page++) {
		struct flush_page *to = &flush->pages[flush->count];

		if (vhd->pages[page].changed <= vhd->pages[page].durable)
			continue;
		to->page = page;
		to->change = vhd->pages[page].changed;
		for (u64 i = 0; i < VHD_ENTRIES_PER_SECTOR; i++)
			to->entries[i] = vhd_be32(
				vhd->table[page * VHD_ENTRIES_PER_SECTOR + i]);
		flush->count++;
	}
	return flush;
}

static void vhd_flush(struct disk_queue *queue, struct disk_request *request)
{
	struct vhd *vhd = vhd_of(queue->disk);
	struct flush *flush = NULL;
	bool failed;

	pthread_mutex_lock(&vhd->lock);
	failed = vhd->failed;
	if (!failed)
		flush = flush_collect(vhd);
	pthread_mutex_unlock(&vhd->lock);
	if (!flush) {
		request_later(queue, request, failed ? -EIO : -ENOMEM);
		return;
	}
	flush->queue = queue;
	flush->request = request;
	flush->op.done = flush_data_synced;
	file_sync(queue->io, &vhd->file, &flush->op);
}

/* --- data --- */

static void walk_end(struct walk *walk, int error)
{
	struct disk_queue *queue = walk->queue;
	struct disk_request *request = walk->request;

	free(walk);
	if (error == 0 && (request->flags & DISK_FUA) &&
	    request->op != DISK_READ)
		vhd_flush(queue, request);
	else
		request_later(queue, request, error);
}

static void walk_on(struct walk *walk);

static void walk_piece_done(struct file_op *op, int error)
{
	struct walk *walk = (struct walk *)op;

	walk->moved += walk->piece_bytes;
	if (error < 0)
		walk_end(walk, error);
	else
		walk_on(walk);
}

/* Begins a transfer at this place of the file. */
static void walk_piece(struct walk *walk, u64 place)
{
	const struct disk_request *request = walk->request;
	struct file *file = &vhd_of(walk->queue->disk)->file;
	bool punch = file->can_punch && (request->op == DISK_UNMAP ||
					 (request->flags & DISK_MAY_UNMAP));
	u32 count = 0;

	walk->op.done = walk_piece_done;
	if (request->op <= DISK_WRITE)
		count = iov_part(request->iov, request->iov_count, walk->moved,
				 walk->piece_bytes, walk->iov);
	if (request->op == DISK_READ)
		file_read(walk->queue->io, file, &walk->op, walk->iov, count,
			  place, walk->piece_bytes);
	else if (request->op == DISK_WRITE)
		file_write(walk->queue->io, file, &walk->op, walk->iov, count,
			   place, walk->piece_bytes, false);
	else
		file_zero(walk->queue->io, file, &walk->op, place,
			  walk->piece_bytes, punch, false);
}

/* Where the next piece lies; 0 with no error: it reads as zeros. */
static int walk_place(struct walk *walk, u64 *place)
{
	struct vhd *vhd = vhd_of(walk->queue->disk);
	u64 at = walk->request->offset_bytes + walk->moved;
	u64 block = at >> vhd->block_shift;
	u64 within = at & ((1ull << vhd->block_shift) - 1);
	u64 left = walk->request->size_bytes - walk->moved;
	int ret = 0;

	walk->piece_bytes = (1ull << vhd->block_shift) - within;
	if (walk->piece_bytes > left)
		walk->piece_bytes = left;
	*place = vhd_place(vhd, block);
	if (*place == 0 && walk->request->op == DISK_WRITE)
		ret = block_allocate(vhd, block, place);
	if (*place)
		*place += within;
	return ret;
}

static void walk_parent_done(struct disk_request *request, int error)
{
	struct walk *walk = (void *)((char *)request -
				     offsetof(struct walk, parent_request));

	walk_piece_done(&walk->op, error);
}

/* Begins reading the piece from the parent; past its end there are zeros. */
static void walk_parent(struct walk *walk)
{
	const struct disk_request *request = walk->request;
	struct disk_queue *queue = walk->queue->state;
	u64 at = request->offset_bytes + walk->moved;
	u64 parent_bytes = disk_size(queue->disk), has_bytes = 0;

	if (at < parent_bytes)
		has_bytes = parent_bytes - at < walk->piece_bytes
				    ? parent_bytes - at
				    : walk->piece_bytes;
	iov_fill_zero(request->iov, request->iov_count, walk->moved + has_bytes,
		      walk->piece_bytes - has_bytes);
	walk->parent_request = (struct disk_request){
		.op = DISK_READ,
		.offset_bytes = at,
		.size_bytes = has_bytes,
		.iov = walk->iov,
		.iov_count = iov_part(request->iov, request->iov_count,
				      walk->moved, has_bytes, walk->iov),
		.done = walk_parent_done,
	};
	if (has_bytes)
		layer_submit(queue, &walk->parent_request);
	else
		request_later(queue, &walk->parent_request, 0);
}

/* Whether the next piece, which may get shorter, is the parent's. */
static int walk_from_parent(struct walk *walk, u64 place, bool *parent)
{
	struct vhd *vhd = vhd_of(walk->queue->disk);
	u64 at = walk->request->offset_bytes + walk->moved;
	u64 within = at & ((1ull << vhd->block_shift) - 1);
	u64 sectors = walk->piece_bytes / VHD_SECTOR_BYTES;
	bool here;
	int ret;

	*parent = vhd->parent && place == 0;
	if (!vhd->parent || place == 0)
		return 0;
	ret = vhd_bitmap_run(vhd, place - within, within / VHD_SECTOR_BYTES,
			     &sectors, &here);
	walk->piece_bytes = sectors * VHD_SECTOR_BYTES;
	*parent = !here;
	return ret;
}

static void walk_on(struct walk *walk)
{
	const struct disk_request *request = walk->request;

	while (walk->moved < request->size_bytes) {
		u64 place;
		bool parent = false;
		int ret = walk_place(walk, &place);

		if (ret == 0)
			ret = walk_from_parent(walk, place, &parent);
		if (ret < 0) {
			walk_end(walk, ret);
			return;
		}
		if (parent) {
			walk_parent(walk);
			return;
		}
		if (place) {
			walk_piece(walk, place);
			return;
		}
		if (request->op == DISK_READ)
			iov_fill_zero(request->iov, request->iov_count,
				      walk->moved, walk->piece_bytes);
		walk->moved += walk->piece_bytes;
	}
	walk_end(walk, 0);
}

static void fixed_done(struct file_op *op, int error)
{
	struct disk_request *request = request_of_file_op(op);

	request->done(request, error);
}

static void fixed_submit(struct disk_queue *queue, struct disk_request *request)
{
	struct file *file = &vhd_of(queue->disk)->file;
	struct file_op *op = &request_internal(request)->file_op;
	bool durable = request->flags & DISK_FUA;

	op->done = fixed_done;
	if (request->op == DISK_READ)
		file_read(queue->io, file, op, request->iov, request->iov_count,
			  request->offset_bytes, request->size_bytes);
	else if (request->op == DISK_WRITE)
		file_write(queue->io, file, op, request->iov,
			   request->iov_count, request->offset_bytes,
			   request->size_bytes, durable);
	else if (request->op == DISK_FLUSH)
		file_sync(queue->io, file, op);
	else if (request->size_bytes == 0)
		request_later(queue, request, 0);
	else
		file_zero(queue->io, file, op, request->offset_bytes,
			  request->size_bytes, false, durable);
}

void vhd_submit(struct disk_queue *queue, struct disk_request *request)
{
	u32 count = request->op <= DISK_WRITE ? request->iov_count : 0;
	struct walk *walk;

	if (!vhd_of(queue->disk)->dynamic) {
		fixed_submit(queue, request);
		return;
	}
	if (request->op == DISK_FLUSH) {
		vhd_flush(queue, request);
		return;
	}
	walk = calloc(1, sizeof(*walk) + count * sizeof(walk->iov[0]));
	if (!walk) {
		request_later(queue, request, -ENOMEM);
		return;
	}
	walk->queue = queue;
	walk->request = request;
	walk_on(walk);
}
