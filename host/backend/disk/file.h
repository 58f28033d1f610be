/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * file.h - a file or block device of the host, read and written whole.
 *
 * Here: alignment for direct I/O, transfers that the kernel cut short, holes.
 * Not here: what the bytes mean (raw.c, vhdx.c, vhd.c).
 */
#ifndef HOST_BACKEND_DISK_FILE_H
#define HOST_BACKEND_DISK_FILE_H

#include <sys/uio.h>

#include "host/backend/disk/io.h"

#define FILE_ALIGNMENT_BYTES 4096u

struct file {
	int fd;
	char *path;
	bool read_only;
	bool direct;
	bool is_device;
	bool can_punch;		    /* hole punching, or a device's discard */
	u32 memory_alignment_bytes; /* for direct transfers; else 1 */
	u32 sector_bytes;	    /* of the device that it is, or lies on */
	u64 room_bytes;		    /* a device's size at opening */
	/* Atomic. What the page cache had could not be written: the kernel
	 * tells that once and may then have dropped it, so no later sync is
	 * good. */
	bool sync_failed;
};

enum file_kind {
	FILE_READ,
	FILE_WRITE,
	FILE_SYNC,
	FILE_PUNCH,    /* reads as zeros, room is given back */
	FILE_ZERO,     /* reads as zeros */
	FILE_TRUNCATE, /* the offset is the new length */
};

/*
 * For tests: sees every operation on files, and may have it fail. begin()
 * returns 0 or a negative errno; what it puts into *cookie goes to end().
 * iov is NULL unless data is written.
 */
struct file_hook {
	int (*begin)(struct file_hook *hook, enum file_kind kind,
		     u64 offset_bytes, u64 size_bytes, const struct iovec *iov,
		     u32 iov_count, u64 *cookie);
	void (*end)(struct file_hook *hook, enum file_kind kind, bool durable,
		    u64 cookie, int error);
};

/* NULL, but in tests. Changed while no disk is open. */
extern struct file_hook *file_hook;

/* One transfer under way. */
struct file_op {
	struct io_op io;
	struct io *ring;
	struct file *file;
	/* error: 0 or a negative errno; a read past the end gives zeros. */
	void (*done)(struct file_op *op, int error);
	u64 offset_bytes;
	u64 size_bytes;
	u64 moved_bytes;
	const struct iovec *iov;
	struct iovec *rest; /* of iov, after a transfer that was cut short */
	void *bounce;
	u64 cookie; /* file_hook's */
	u32 iov_count;
	u8 kind;      /* enum file_kind */
	bool durable; /* FILE_WRITE, FILE_PUNCH, FILE_ZERO: done when durable */
	bool syncing; /* that is being seen to */
};

/**
 * file_open - open an existing file or block device through the page cache.
 *
 * Locks it against other processes of this project, shared when read-only.
 * Result: 0 or a negative errno with a sentence; -EBUSY: another has it.
 */
int file_open(struct file *file, const char *path, bool read_only,
	      struct lis_error *err);
void file_close(struct file *file);

/**
 * file_use_direct - go past the page cache from now on, where that works.
 * @sector_bytes: what every transfer's offset and size will be a multiple of
 *
 * Result: whether it does; file->direct.
 */
bool file_use_direct(struct file *file, u32 sector_bytes);

/* What file_size() cannot tell is an errno, negative. */
int file_size(const struct file *file, u64 *size_bytes);

/*
 * Transfers. iov and what it points to stay until done(); their sizes sum up to
 * size_bytes, at least 1, and offset and size are multiples of what
 * file_use_direct() was told.
 *
 * Through the page cache, a sync that fails is -EIO, and so is every later one:
 * of what was written before it nobody knows whether it is still there.
 */
void file_read(struct io *io, struct file *file, struct file_op *op,
	       const struct iovec *iov, u32 iov_count, u64 offset_bytes,
	       u64 size_bytes);
void file_write(struct io *io, struct file *file, struct file_op *op,
		const struct iovec *iov, u32 iov_count, u64 offset_bytes,
		u64 size_bytes, bool durable);
void file_sync(struct io *io, struct file *file, struct file_op *op);
/* Falls back to writing zeros where the file system knows no better. */
void file_zero(struct io *io, struct file *file, struct file_op *op,
	       u64 offset_bytes, u64 size_bytes, bool punch, bool durable);

/*
 * The same, blocking, for metadata: any alignment for reading; for writing
 * multiples of 4096 once the file is direct. Bytes past the end read as zeros.
 * Result: 0 or a negative errno.
 */
int file_pread(const struct file *file, void *buffer, u64 size_bytes,
	       u64 offset_bytes);
int file_pwrite(const struct file *file, const void *buffer, u64 size_bytes,
		u64 offset_bytes);
/* Zeros, by a hole where that can be. */
int file_pzero(const struct file *file, u64 size_bytes, u64 offset_bytes);
int file_fdatasync(struct file *file);
/* The result of a sync as it is to be told, once it was kept in mind. */
int file_sync_result(struct file *file, int error);
int file_truncate(const struct file *file, u64 size_bytes);

/* Where data is, as lseek(SEEK_DATA) tells; see disk_extents(). */
int file_extents(const struct file *file, u64 offset_bytes, u64 size_bytes,
		 int (*extent)(void *context, u64 offset_bytes, u64 size_bytes,
			       bool data),
		 void *context);

/*
 * The part of iov from skip_bytes on, size_bytes long, into part (room for
 * iov_count pieces). Returns how many pieces it has.
 */
u32 iov_part(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
	     u64 size_bytes, struct iovec *part);
/* Copies between the pieces and a buffer of size_bytes; size_bytes may be less
 * than the pieces have. */
void iov_gather(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
		void *buffer, u64 size_bytes);
void iov_scatter(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
		 const void *buffer, u64 size_bytes);
void iov_fill_zero(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
		   u64 size_bytes);

#endif
