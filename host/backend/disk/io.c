/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/backend/disk/io.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SUBMISSIONS 256u
#define COMPLETIONS 2048u

/* Of one io_reap(), so that a thread's other queues have their turn. */
#define ROUNDS 8u
/* What has no op of its own: results that nobody waits for. */
#define NOBODY NULL

/*
 * liburing maps and unmaps its rings by system calls of its own, which the
 * thread sanitizer does not see: a ring of one thread in the place of one that
 * another thread has given up would look like memory that they share. The
 * kernel does the one call after the other; that is all that is said here.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
static char ring_maps;
#define RING_MAPPED()	 __tsan_acquire(&ring_maps)
#define RING_UNMAPPING() __tsan_release(&ring_maps)
#endif
#endif
#ifndef RING_MAPPED
#define RING_MAPPED()
#define RING_UNMAPPING()
#endif

static void wake_arm(struct io *io);

static void inbox_run(struct io *io)
{
	struct io_task *task;

	pthread_mutex_lock(&io->inbox_lock);
	task = io->inbox;
	io->inbox = NULL;
	io->inbox_end = &io->inbox;
	pthread_mutex_unlock(&io->inbox_lock);
	while (task) {
		struct io_task *next = task->next;

		task->run(task);
		task = next;
	}
}

static void woken(struct io_op *op, int result)
{
	struct io *io = (struct io *)((char *)op - offsetof(struct io, wake));

	/* The kernel cancels what a thread began that ends, as one may that
	 * only opened the disk: whatever the result is, it is begun again. */
	(void)result;
	wake_arm(io);
	inbox_run(io);
}

static struct io_uring_sqe *sqe_get(struct io *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);

	/* The ring is full of what was begun: the kernel takes all of it. */
	while (!sqe) {
		io_uring_submit(&io->ring);
		sqe = io_uring_get_sqe(&io->ring);
	}
	return sqe;
}

static void wake_arm(struct io *io)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	io->wake.done = woken;
	io_uring_prep_read(sqe, io->wake_fd, &io->wake_count,
			   sizeof(io->wake_count), 0);
	io_uring_sqe_set_data(sqe, &io->wake);
}

static int ring_init(struct io_uring *ring)
{
	struct io_uring_params params = { .cq_entries = COMPLETIONS };
	int ret;

	/* Completions are collected by this thread when it next enters the
	 * kernel, without interrupting it (Linux 5.19). */
	params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN;
	ret = io_uring_queue_init_params(SUBMISSIONS, ring, &params);
	if (ret != -EINVAL)
		return ret;
	memset(&params, 0, sizeof(params));
	params.cq_entries = COMPLETIONS;
	params.flags = IORING_SETUP_CQSIZE;
	return io_uring_queue_init_params(SUBMISSIONS, ring, &params);
}

int io_init(struct io *io, struct lis_error *err)
{
	int ret;

	memset(io, 0, sizeof(*io));
	io->later_end = &io->later;
	io->inbox_end = &io->inbox;
	io->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (io->wake_fd < 0)
		return lis_error_set(err, errno,
				     "cannot make an eventfd for a disk's "
				     "queue: %s",
				     strerror(errno));
	ret = ring_init(&io->ring);
	if (ret < 0) {
		close(io->wake_fd);
		return lis_error_set(
			err, -ret,
			"cannot make an io_uring for a disk's queue: %s; see "
			"the sysctl kernel.io_uring_disabled and the limit on "
			"locked memory",
			strerror(-ret));
	}
	RING_MAPPED();
	pthread_mutex_init(&io->inbox_lock, NULL);
	wake_arm(io);
	io_uring_submit(&io->ring);
	return 0;
}

void io_release(struct io *io)
{
	RING_UNMAPPING();
	io_uring_queue_exit(&io->ring);
	close(io->wake_fd);
	pthread_mutex_destroy(&io->inbox_lock);
}

void io_readv(struct io *io, struct io_op *op, int fd, const struct iovec *iov,
	      u32 iov_count, u64 offset_bytes)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	if (iov_count == 1)
		io_uring_prep_read(sqe, fd, iov->iov_base, (u32)iov->iov_len,
				   offset_bytes);
	else
		io_uring_prep_readv(sqe, fd, iov, iov_count, offset_bytes);
	io_uring_sqe_set_data(sqe, op);
}

void io_writev(struct io *io, struct io_op *op, int fd, const struct iovec *iov,
	       u32 iov_count, u64 offset_bytes, int rw_flags)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	if (iov_count == 1)
		io_uring_prep_write(sqe, fd, iov->iov_base, (u32)iov->iov_len,
				    offset_bytes);
	else
		io_uring_prep_writev(sqe, fd, iov, iov_count, offset_bytes);
	sqe->rw_flags = rw_flags;
	io_uring_sqe_set_data(sqe, op);
}

void io_fdatasync(struct io *io, struct io_op *op, int fd)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, op);
}

void io_fallocate(struct io *io, struct io_op *op, int fd, int mode,
		  u64 offset_bytes, u64 size_bytes)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	io_uring_prep_fallocate(sqe, fd, mode, (off_t)offset_bytes,
				(off_t)size_bytes);
	io_uring_sqe_set_data(sqe, op);
}

void io_poll(struct io *io, struct io_op *op, int fd, u32 events)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data(sqe, op);
}

void io_timeout(struct io *io, struct io_op *op, struct __kernel_timespec *time)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	io_uring_prep_timeout(sqe, time, 0, 0);
	io_uring_sqe_set_data(sqe, op);
}

void io_cancel(struct io *io, struct io_op *op)
{
	struct io_uring_sqe *sqe = sqe_get(io);

	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NOBODY);
}

void io_later(struct io *io, struct io_op *op, int result)
{
	op->result = result;
	op->next = NULL;
	*io->later_end = op;
	io->later_end = &op->next;
	if (!io->later_told) {
		struct io_uring_sqe *sqe = sqe_get(io);

		io->later_told = true;
		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data(sqe, NOBODY);
	}
}

void io_post(struct io *io, struct io_task *task)
{
	bool first;

	task->next = NULL;
	pthread_mutex_lock(&io->inbox_lock);
	first = io->inbox == NULL;
	*io->inbox_end = task;
	io->inbox_end = &task->next;
	/* Under the lock: the queue cannot be gone before it has the task. */
	if (first)
		eventfd_write(io->wake_fd, 1);
	pthread_mutex_unlock(&io->inbox_lock);
}

void io_kick(struct io *io)
{
	io_uring_submit(&io->ring);
}

static bool later_run(struct io *io)
{
	struct io_op *op = io->later;

	io->later = NULL;
	io->later_end = &io->later;
	io->later_told = false;
	if (!op)
		return false;
	while (op) {
		struct io_op *next = op->next;

		op->done(op, op->result);
		op = next;
	}
	return true;
}

void io_reap(struct io *io)
{
	struct io_uring_cqe *cqe;
	bool more;
	u32 rounds = 0;

	do {
		more = later_run(io);
		while (io_uring_peek_cqe(&io->ring, &cqe) == 0) {
			struct io_op *op = io_uring_cqe_get_data(cqe);
			int result = cqe->res;

			io_uring_cqe_seen(&io->ring, cqe);
			if (op)
				op->done(op, result);
			more = true;
		}
		if (io_uring_sq_ready(&io->ring))
			io_uring_submit(&io->ring);
	} while (more && ++rounds < ROUNDS);
}

void io_wait(struct io *io)
{
	struct io_uring_cqe *cqe;

	io_uring_submit(&io->ring);
	if (!io->later)
		io_uring_wait_cqe(&io->ring, &cqe);
}
