/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * disk.h - a disk that a VM's storage device is backed by: opened, read and
 * written asynchronously, one queue per thread.
 *
 * Here: image formats, block devices, NBD, and the filters between (limits,
 * tracking for backup). Not here: SCSI, channels, JSON, anything of a guest.
 *
 * A struct disk may be used by any thread; each struct disk_queue by one thread
 * at a time. A thread may own queues of several disks.
 */
#ifndef HOST_BACKEND_DISK_DISK_H
#define HOST_BACKEND_DISK_DISK_H

#include <sys/uio.h>

#include "host/vm/error.h"
#include "vmbus/port.h"

struct disk;
struct disk_queue;

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH, /* every write that was done before is durable after */
	/* Not needed any more: reads as zeros after, the room is given back. */
	DISK_UNMAP,
	DISK_ZERO, /* reads as zeros after */
};

/* The write (WRITE, ZERO, UNMAP) is durable when it is done. */
#define DISK_FUA (1u << 0)
/* ZERO may give room back. */
#define DISK_MAY_UNMAP (1u << 1)

enum disk_format {
	DISK_FORMAT_AUTO, /* by the file's name: .vhdx, .avhdx, .vhd, nbd URI */
	DISK_FORMAT_RAW,
	DISK_FORMAT_VHDX,
	DISK_FORMAT_VHD,
	DISK_FORMAT_NBD,
};

enum disk_cache {
	DISK_CACHE_AUTO,     /* past the host's page cache where that works */
	DISK_CACHE_DIRECT,   /* past it, or disk_open fails */
	DISK_CACHE_BUFFERED, /* through it */
};

struct disk_options {
	/* File, block device, or NBD URI (nbd://HOST/EXPORT, nbd+unix:...). */
	const char *path;
	enum disk_format format;
	bool read_only;
	enum disk_cache cache;
	/*
	 * 512 or 4096; 0: what the format or device says. An image that states
	 * its own (VHDX) refuses another one.
	 */
	u32 sector_bytes;
	u32 physical_sector_bytes; /* the same, for 512e: 4096 */
	u64 iops;		   /* requests per second, 0: no limit */
	u64 bytes_per_second;	   /* 0: no limit */
	bool track;		   /* keep what disk_backup_begin() needs */
	u32 nbd_reconnect_ms;	   /* wait for a lost server; 0: 10 s */
};

#define DISK_SECTOR_BYTES_MIN 512u
/* Largest disk that is opened or made (MS-VHDX 1.1: 64 TB). */
#define DISK_SIZE_BYTES_MAX (64ull << 40)
/* Largest size of one READ or WRITE; UNMAP, ZERO have no limit. */
#define DISK_TRANSFER_BYTES_MAX (64ull << 20)

struct disk_info {
	u64 size_bytes; /* a multiple of sector_bytes */
	u32 sector_bytes;
	u32 physical_sector_bytes;
	enum disk_format format;
	bool read_only;
	/* UNMAP works; otherwise it fails with -EOPNOTSUPP. */
	bool can_unmap;
	u32 unmap_granularity_bytes; /* gives room back from this size on */
	bool direct;		     /* past the host's page cache */
	/* Identity that the image carries (VHDX page 83 data, VHD unique id);
	 * else made from device and file, the same at every opening. */
	u8 identity[16];
};

struct disk_request {
	enum disk_op op;
	u32 flags;
	u64 offset_bytes; /* multiples of the sector size; FLUSH: ignored */
	u64 size_bytes;
	const struct iovec
		*iov; /* READ, WRITE: size_bytes in all; any pieces */
	u32 iov_count;
	/*
	 * The request is done: error is 0 or a negative errno. Called by
	 * disk_reap(), never by disk_submit(). -ENOSPC: the host's disk is
	 * full, the same request may be tried again; -EIO: the medium;
	 * -ENOTCONN: the NBD server is gone; -EROFS; -ERANGE: past the end;
	 * -EINVAL: not of whole sectors; -ECANCELED: disk_cancel().
	 * After a failed WRITE its range holds old or new data.
	 */
	void (*done)(struct disk_request *request, int error);
	void *context;	  /* the caller's */
	u64 internal[28]; /* the backend's, while the request is under way */
};

/**
 * disk_open - open an image, device or NBD export.
 * @disk: receives the disk; to be ended by disk_close(); left alone on failure
 * @options: copied
 * @err: one sentence when it fails
 *
 * An image that was not closed cleanly is brought in order first; with
 * read_only that happens in memory alone. A file is locked against other
 * processes of this project.
 *
 * Result: 0; -EINVAL for what is no image or contradicts the options,
 * -EBUSY when another process has it open, -ENOTSUP for a feature of the format
 * that is not known, or the errno of the system call that failed, negative.
 */
int disk_open(struct disk **disk, const struct disk_options *options,
	      struct lis_error *err);

/**
 * disk_close - finish what a format does last, and close.
 *
 * All queues are closed by then. Durable is only what was flushed.
 */
void disk_close(struct disk *disk);

/* disk_info_get - what the disk is like at this moment; any thread. */
void disk_info_get(struct disk *disk, struct disk_info *info);

/**
 * disk_resize - change the size of a disk that is in use.
 * @size_bytes: a multiple of the sector size; what is cut off is lost, what is
 *	added reads as zeros
 *
 * Blocks until the change is durable; any thread but one that has requests of
 * this disk under way, for whom it would wait. Requests past a new, smaller end
 * fail with -ERANGE or are done, those under way may be either.
 *
 * Result: 0, -EINVAL, -ENOTSUP (block devices, NBD, differencing), -EROFS,
 * -ENOSPC, -EIO.
 */
int disk_resize(struct disk *disk, u64 size_bytes, struct lis_error *err);

/**
 * disk_limits_set - change the limits; any thread.
 * @iops, @bytes_per_second: 0: no limit
 */
void disk_limits_set(struct disk *disk, u64 iops, u64 bytes_per_second);

/**
 * disk_queue_open - a way into the disk for one thread.
 *
 * Result: 0, -ENOMEM, or what the kernel says to an io_uring, negative.
 */
int disk_queue_open(struct disk_queue **queue, struct disk *disk,
		    struct lis_error *err);

/* disk_queue_close - all its requests are done by then. */
void disk_queue_close(struct disk_queue *queue);

/* disk_queue_fd - readable when disk_reap() has something to do. */
int disk_queue_fd(const struct disk_queue *queue);

/**
 * disk_submit - begin a request.
 * @request: belongs to the backend until its done() is called, as do iov and
 *	the memory it points to
 *
 * Wrong arguments are told through done(), too.
 */
void disk_submit(struct disk_queue *queue, struct disk_request *request);

/* disk_kick - hand everything submitted to the kernel: one system call. */
void disk_kick(struct disk_queue *queue);

/**
 * disk_reap - call done() of all requests that are done; does not block.
 *
 * What done() submits is kicked before disk_reap() returns.
 */
void disk_reap(struct disk_queue *queue);

/**
 * disk_cancel - try to end a request early.
 *
 * done() is called in any case, by disk_reap(): with -ECANCELED where that
 * worked (it waits for a limit or for a server), otherwise as if nothing had
 * been asked.
 */
void disk_cancel(struct disk_queue *queue, struct disk_request *request);

/**
 * disk_wait - kick, block until something is done, reap.
 *
 * For tools and tests, which count their requests; with none under way it may
 * block for ever.
 */
void disk_wait(struct disk_queue *queue);

/**
 * disk_transfer - one request, waited for.
 * @buffer: size_bytes for READ and WRITE, else ignored
 *
 * Result: the request's error.
 */
int disk_transfer(struct disk_queue *queue, enum disk_op op, u32 flags,
		  u64 offset_bytes, void *buffer, u64 size_bytes);

/**
 * disk_extents - where data is.
 * @extent: called in order for each piece of the range, neighbours of a kind
 *	joined; data is false for what reads as zeros for certain. A result
 *	other than 0 ends the walk and is returned.
 *
 * Any thread; blocks on metadata of files only.
 * Result: 0, -ERANGE, -EIO, -ENOMEM, or what extent() returned.
 */
int disk_extents(struct disk *disk, u64 offset_bytes, u64 size_bytes,
		 int (*extent)(void *context, u64 offset_bytes, u64 size_bytes,
			       bool data),
		 void *context);

/* "raw", "vhdx", "vhd", "nbd"; "auto". */
const char *disk_format_name(enum disk_format format);

/* The format of that name. Returns false when there is none. */
bool disk_format_find(const char *name, enum disk_format *format);

#endif
