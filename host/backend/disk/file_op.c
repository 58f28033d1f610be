/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Transfers: begun, gone on with when the kernel cut them short, ended.
 */
#define _GNU_SOURCE
#include "host/backend/disk/file.h"

#include <errno.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

/* Zeros are written in transfers of up to this size... */
#define ZERO_TRANSFER_BYTES (1u << 20)
/* ...from a buffer of this size. */
#define ZERO_BUFFER_BYTES (64u << 10)

static const u8 zeros[ZERO_BUFFER_BYTES]
	__attribute__((aligned(FILE_ALIGNMENT_BYTES)));

struct file_hook *file_hook;

static void end(struct file_op *op, int error)
{
	if (op->syncing || (op->durable && port_load(&op->file->sync_failed)))
		error = file_sync_result(op->file, error);
	if (op->bounce) {
		if (op->kind == FILE_READ && error == 0)
			iov_scatter(op->iov, op->iov_count, 0, op->bounce,
				    op->size_bytes);
		free(op->bounce);
	}
	free(op->rest);
	if (file_hook)
		file_hook->end(file_hook, op->kind, op->durable, op->cookie,
			       error);
	op->done(op, error);
}

static void simple_done(struct io_op *io, int result)
{
	end((struct file_op *)io, result < 0 ? result : 0);
}

static void sync_begin(struct file_op *op)
{
	op->syncing = true;
	op->io.done = simple_done;
	io_fdatasync(op->ring, &op->io, op->file->fd);
}

/*
 * Past the page cache, a write that is to be durable is so by itself. Through
 * it, writing and syncing are two steps: there may be room for the one later,
 * but the other cannot be done again.
 */
static int write_flags(const struct file_op *op)
{
	return op->durable && op->file->direct ? RWF_DSYNC : 0;
}

static void write_end(struct file_op *op)
{
	if (op->durable && !op->file->direct)
		sync_begin(op);
	else
		end(op, 0);
}

static void transfer(struct file_op *op, const struct iovec *iov, u32 iov_count)
{
	u64 at = op->offset_bytes + op->moved_bytes;

	if (op->kind == FILE_READ)
		io_readv(op->ring, &op->io, op->file->fd, iov, iov_count, at);
	else
		io_writev(op->ring, &op->io, op->file->fd, iov, iov_count, at,
			  write_flags(op));
}

/* Goes on after what was moved. */
static void transfer_rest(struct file_op *op)
{
	u32 count = 1;

	if (!op->rest) {
		op->rest = malloc(sizeof(*op->rest) *
				  (op->bounce ? 1 : op->iov_count));
		if (!op->rest) {
			end(op, -ENOMEM);
			return;
		}
	}
	if (op->bounce) {
		op->rest->iov_base = (char *)op->bounce + op->moved_bytes;
		op->rest->iov_len = op->size_bytes - op->moved_bytes;
	} else {
		count = iov_part(op->iov, op->iov_count, op->moved_bytes,
				 op->size_bytes - op->moved_bytes, op->rest);
	}
	transfer(op, op->rest, count);
}

/* The file ended before the read did: the rest is zeros. */
static void read_past_end(struct file_op *op)
{
	u64 missing = op->size_bytes - op->moved_bytes;

	if (op->bounce)
		memset((char *)op->bounce + op->moved_bytes, 0, missing);
	else
		iov_fill_zero(op->iov, op->iov_count, op->moved_bytes, missing);
	end(op, 0);
}

static void transfer_done(struct io_op *io, int result)
{
	struct file_op *op = (struct file_op *)io;

	if (result > 0)
		op->moved_bytes += (u64)result;
	if (result == 0 && op->kind == FILE_WRITE)
		result = -EIO;
	if (op->moved_bytes >= op->size_bytes)
		write_end(op);
	else if (result < 0 && result != -EAGAIN && result != -EINTR)
		end(op, result);
	else if (result == 0 ||
		 (result > 0 && op->file->direct && result % 512 != 0))
		read_past_end(op);
	else
		transfer_rest(op);
}

static bool needs_bounce(const struct file *file, const struct iovec *iov,
			 u32 iov_count)
{
	uintptr_t misaligned = 0;

	if (iov_count > IOV_MAX)
		return true;
	if (!file->direct)
		return false;
	for (u32 i = 0; i < iov_count; i++)
		misaligned |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
	return misaligned % file->memory_alignment_bytes != 0;
}

static bool bounce_make(struct file_op *op)
{
	u64 bytes = (op->size_bytes + FILE_ALIGNMENT_BYTES - 1) &
		    ~(u64)(FILE_ALIGNMENT_BYTES - 1);

	op->bounce = aligned_alloc(FILE_ALIGNMENT_BYTES, bytes);
	if (!op->bounce)
		return false;
	if (op->kind == FILE_WRITE)
		iov_gather(op->iov, op->iov_count, 0, op->bounce,
			   op->size_bytes);
	return true;
}

static void begin(struct io *io, struct file *file, struct file_op *op,
		  enum file_kind kind, u64 offset_bytes, u64 size_bytes)
{
	op->ring = io;
	op->file = file;
	op->kind = (u8)kind;
	op->offset_bytes = offset_bytes;
	op->size_bytes = size_bytes;
	op->moved_bytes = 0;
	op->iov = NULL;
	op->iov_count = 0;
	op->rest = NULL;
	op->bounce = NULL;
	op->durable = false;
	op->syncing = false;
	op->cookie = 0;
}

/* Whether a test has it fail. */
static bool hook_fails(struct file_op *op)
{
	int ret = 0;

	if (file_hook)
		ret = file_hook->begin(file_hook, op->kind, op->offset_bytes,
				       op->size_bytes,
				       op->kind == FILE_WRITE ? op->iov : NULL,
				       op->iov_count, &op->cookie);
	if (ret == 0)
		return false;
	op->io.done = simple_done;
	io_later(op->ring, &op->io, ret);
	return true;
}

static void transfer_begin(struct file_op *op, const struct iovec *iov,
			   u32 iov_count)
{
	op->io.done = transfer_done;
	op->iov = iov;
	op->iov_count = iov_count;
	if (hook_fails(op))
		return;
	if (!needs_bounce(op->file, iov, iov_count))
		transfer(op, iov, iov_count);
	else if (bounce_make(op))
		transfer_rest(op);
	else
		io_later(op->ring, &op->io, -ENOMEM);
}

void file_read(struct io *io, struct file *file, struct file_op *op,
	       const struct iovec *iov, u32 iov_count, u64 offset_bytes,
	       u64 size_bytes)
{
	begin(io, file, op, FILE_READ, offset_bytes, size_bytes);
	transfer_begin(op, iov, iov_count);
}

void file_write(struct io *io, struct file *file, struct file_op *op,
		const struct iovec *iov, u32 iov_count, u64 offset_bytes,
		u64 size_bytes, bool durable)
{
	begin(io, file, op, FILE_WRITE, offset_bytes, size_bytes);
	op->durable = durable;
	transfer_begin(op, iov, iov_count);
}

void file_sync(struct io *io, struct file *file, struct file_op *op)
{
	begin(io, file, op, FILE_SYNC, 0, 0);
	op->syncing = true;
	if (!hook_fails(op))
		sync_begin(op);
}

/* Zeros by writing them, one transfer after the other. */
static void zero_write(struct file_op *op)
{
	u64 left = op->size_bytes - op->moved_bytes;
	u32 count = 0;

	for (; left && count < ZERO_TRANSFER_BYTES / ZERO_BUFFER_BYTES;
	     count++) {
		u64 bytes = left < ZERO_BUFFER_BYTES ? left : ZERO_BUFFER_BYTES;

		op->rest[count].iov_base = (void *)zeros;
		op->rest[count].iov_len = bytes;
		left -= bytes;
	}
	io_writev(op->ring, &op->io, op->file->fd, op->rest, count,
		  op->offset_bytes + op->moved_bytes, write_flags(op));
}

static void zero_write_done(struct io_op *io, int result)
{
	struct file_op *op = (struct file_op *)io;

	if (result > 0)
		op->moved_bytes += (u64)result;
	if (op->moved_bytes >= op->size_bytes)
		write_end(op);
	else if (result > 0 || result == -EAGAIN || result == -EINTR)
		zero_write(op);
	else
		end(op, result < 0 ? result : -EIO);
}

static void zero_fall_back(struct file_op *op)
{
	op->rest = malloc(sizeof(*op->rest) * ZERO_TRANSFER_BYTES /
			  ZERO_BUFFER_BYTES);
	if (!op->rest) {
		end(op, -ENOMEM);
		return;
	}
	op->io.done = zero_write_done;
	zero_write(op);
}

static void fallocate_done(struct io_op *io, int result)
{
	struct file_op *op = (struct file_op *)io;

	if (result == -EAGAIN || result == -EINTR) {
		io_fallocate(
			op->ring, io, op->file->fd,
			op->kind == FILE_PUNCH
				? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
				: FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			op->offset_bytes, op->size_bytes);
	} else if (result == -EOPNOTSUPP || result == -ENOSYS ||
		   result == -ENODEV) {
		zero_fall_back(op);
	} else if (result == 0 && op->durable) {
		sync_begin(op);
	} else {
		end(op, result);
	}
}

void file_zero(struct io *io, struct file *file, struct file_op *op,
	       u64 offset_bytes, u64 size_bytes, bool punch, bool durable)
{
	begin(io, file, op, punch ? FILE_PUNCH : FILE_ZERO, offset_bytes,
	      size_bytes);
	op->durable = durable;
	if (hook_fails(op))
		return;
	op->io.done = fallocate_done;
	fallocate_done(&op->io, -EAGAIN);
}
