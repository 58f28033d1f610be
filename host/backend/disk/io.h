/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * io.h - the io_uring of one thread's queue, and what other threads hand it.
 *
 * Here: operations on file descriptors, timers, work that is put off. Not here:
 * files (file.h), requests (disk.h).
 *
 * All functions but io_post() belong to the thread that owns the queue.
 */
#ifndef HOST_BACKEND_DISK_IO_H
#define HOST_BACKEND_DISK_IO_H

#include <liburing.h>
#include <pthread.h>

#include "host/vm/error.h"
#include "vmbus/port.h"

/* One operation; done() is called by io_reap() with its result or -errno. */
struct io_op {
	void (*done)(struct io_op *op, int result);
	struct io_op *next; /* while it is put off */
	int result;
};

/* Work from another thread. */
struct io_task {
	void (*run)(struct io_task *task);
	struct io_task *next;
};

struct io {
	struct io_uring ring;
	int wake_fd;
	u64 wake_count;
	struct io_op wake;
	struct io_op *later, **later_end; /* put off: done at the next reap */
	bool later_told;		  /* a NOP makes the fd readable */
	pthread_mutex_t inbox_lock;
	struct io_task *inbox, **inbox_end;
};

/* Result: 0, or -errno of io_uring_setup or eventfd. */
int io_init(struct io *io, struct lis_error *err);
void io_release(struct io *io);

void io_readv(struct io *io, struct io_op *op, int fd, const struct iovec *iov,
	      u32 iov_count, u64 offset_bytes);
/* rw_flags: RWF_DSYNC or 0. */
void io_writev(struct io *io, struct io_op *op, int fd, const struct iovec *iov,
	       u32 iov_count, u64 offset_bytes, int rw_flags);
void io_fdatasync(struct io *io, struct io_op *op, int fd);
void io_fallocate(struct io *io, struct io_op *op, int fd, int mode,
		  u64 offset_bytes, u64 size_bytes);
void io_poll(struct io *io, struct io_op *op, int fd, u32 events);
/* Ends with -ETIME. time: kept by the caller until then. */
void io_timeout(struct io *io, struct io_op *op,
		struct __kernel_timespec *time);
/* Tries to end op early. */
void io_cancel(struct io *io, struct io_op *op);
/* op is done with this result at the next io_reap(). */
void io_later(struct io *io, struct io_op *op, int result);

/* Any thread: task runs on the queue's thread, in an io_reap(). */
void io_post(struct io *io, struct io_task *task);

/* Hands what was begun to the kernel. */
void io_kick(struct io *io);
/* Calls done() of what is done, until nothing is; kicks what that began. */
void io_reap(struct io *io);
/* Blocks until io_reap() has something to do. */
void io_wait(struct io *io);

#endif
