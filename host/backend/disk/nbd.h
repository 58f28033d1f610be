/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * nbd.h - an open NBD export, for the files that make it up.
 *
 * Here: what nbd*.c share. Not here: the protocol, which is libnbd's.
 *
 * One thread per disk owns the connections: one, or several where the server
 * says that a flush counts for all of them. Queues hand it their requests and
 * get them back. When a server is lost, requests wait for it to come back, up
 * to a limit; those under way are sent again. A server that has one that was
 * cancelled, and is silent for as long, counts as lost.
 */
#ifndef HOST_BACKEND_DISK_NBD_H
#define HOST_BACKEND_DISK_NBD_H

#include <libnbd.h>

#include "host/backend/disk/layer.h"

#define NBD_CONNECTIONS_MAX 4u
/* Of one request on the wire; what every server takes. */
#define NBD_STEP_BYTES (8u << 20)

struct nbd;

/* A request on its way; on one list at a time. */
struct nbd_job {
	struct io_task task;	      /* to the thread, and back to the queue */
	struct nbd_job *next, **back; /* back: in nbd.sent */
	struct nbd *nbd;
	struct nbd_connection *connection; /* that has it */
	struct disk_queue *queue;
	struct disk_request *request;
	u64 number;	/* of its own */
	u64 moved;	/* bytes that are done */
	u64 step_bytes; /* under way */
	u8 *bounce;	/* of all its bytes; NULL: iov is one piece */
	bool flushing;	/* all is written, and now made durable */
	u64 give_up_ms; /* cancelled when sent: waits until then; 0: not */
	int error;
};

struct nbd_jobs {
	struct nbd_job *first, **end;
};

/* A wish that a request end early. */
struct nbd_cancel {
	struct io_task task;
	struct nbd *nbd;
	u64 number; /* the job's; its memory may be another's by then */
};

struct nbd_connection {
	struct nbd *nbd;
	struct nbd_handle *handle; /* NULL: none */
	bool ready;
	u32 under_way;
	struct io_op poll;
	bool polling;
	u32 polled; /* events */
};

struct nbd {
	struct disk disk;
	char *uri;
	u64 reconnect_ms;
	bool can_zero, can_flush, can_fua;
	u64 job_count; /* atomic */
	pthread_t thread;
	struct io io;
	bool stop;
	struct nbd_connection connections[NBD_CONNECTIONS_MAX];
	u32 connection_count;
	struct nbd_jobs waiting; /* for a connection that takes them */
	struct nbd_job *sent;	 /* that a connection has */
	struct nbd_jobs ended;	 /* steps that libnbd called back for */
	u64 lost_ms;		 /* when the last connection was lost; 0: not */
	struct io_op timer;
	bool timer_armed;
	struct __kernel_timespec timer_time;
	struct io_task stop_task;
};

/* --- nbd_link.c: the thread --- */

void nbd_jobs_init(struct nbd_jobs *jobs);
struct nbd_handle *nbd_handle_new(void);

/* The thread, until nbd_stop_arrive(). */
void *nbd_thread_run(void *context);

/* What queues post to it. */
void nbd_job_arrive(struct io_task *task);
void nbd_cancel_arrive(struct io_task *task);
void nbd_stop_arrive(struct io_task *task);

#endif
