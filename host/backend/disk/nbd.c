/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * nbd.c - an NBD export as a disk.
 *
 * One thread per disk owns the connections: one, or several where the server
 * says that a flush counts for all of them. Queues hand it their requests and
 * get them back. When a server is lost, requests wait for it to come back, up
 * to a limit; those under way are sent again.
 */
#define _GNU_SOURCE
#include "host/backend/disk/layer.h"

#include <errno.h>
#include <libnbd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS_MAX	     4u
#define RECONNECT_MS_DEFAULT 10000u
/* Between two attempts to reach a lost server. */
#define RETRY_MS 200u
/* Of one request on the wire; what every server takes. */
#define STEP_BYTES	(8u << 20)
#define ZERO_STEP_BYTES (1u << 30)
/* Under way on one connection. */
#define DEPTH 64u

struct nbd;

/* A request on its way; on one list at a time. */
struct job {
	struct io_task task; /* to the thread, and back to the queue */
	struct job *next;
	struct nbd *nbd;
	struct nbd_connection *connection; /* that has it */
	struct disk_queue *queue;
	struct disk_request *request;
	u64 number;	/* of its own */
	u64 moved;	/* bytes that are done */
	u64 step_bytes; /* under way */
	u8 *bounce;	/* of all its bytes; NULL: iov is one piece */
	bool flushing;	/* all is written, and now made durable */
	int error;
};

struct jobs {
	struct job *first, **end;
};

/* A wish that a request end early. */
struct cancel {
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
	struct nbd_connection connections[CONNECTIONS_MAX];
	u32 connection_count;
	struct jobs waiting; /* for a connection that takes them */
	struct jobs ended;   /* steps that libnbd called back for */
	u64 lost_ms;	     /* when the last connection was lost; 0: not */
	struct io_op timer;
	bool timer_armed;
	struct __kernel_timespec timer_time;
	struct io_task stop_task;
};

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

static void jobs_init(struct jobs *jobs)
{
	jobs->first = NULL;
	jobs->end = &jobs->first;
}

static void jobs_add(struct jobs *jobs, struct job *job)
{
	job->next = NULL;
	*jobs->end = job;
	jobs->end = &job->next;
}

static struct job *jobs_take(struct jobs *jobs)
{
	struct job *job = jobs->first;

	if (job) {
		jobs->first = job->next;
		if (!jobs->first)
			jobs->end = &jobs->first;
	}
	return job;
}

/* --- the end of a request, back on its queue's thread --- */

static void job_return(struct io_task *task)
{
	struct job *job = (struct job *)task;
	struct disk_request *request = job->request;
	int error = job->error;

	if (job->bounce && request->op == DISK_READ && error == 0)
		iov_scatter(request->iov, request->iov_count, 0, job->bounce,
			    request->size_bytes);
	free(job->bounce);
	free(job);
	request->done(request, error);
}

static void job_end(struct job *job, int error)
{
	job->error = error;
	job->task.run = job_return;
	io_post(job->queue->io, &job->task);
}

/* --- one step on the wire --- */

static int step_done(void *context, int *error)
{
	struct job *job = context;

	/* The handle is locked here: what follows comes after. */
	job->error = *error;
	job->connection->under_way--;
	jobs_add(&job->nbd->ended, job);
	return 1;
}

static u8 *job_memory(const struct job *job)
{
	u8 *memory = job->bounce ? job->bounce : job->request->iov->iov_base;

	return memory + (job->request->op <= DISK_WRITE ? job->moved : 0);
}

static u32 fua_flag(const struct job *job)
{
	return job->nbd->can_fua && (job->request->flags & DISK_FUA)
		       ? LIBNBD_CMD_FLAG_FUA
		       : 0;
}

/* Result: what libnbd says, -1: it could not. */
static s64 step_send(struct job *job, struct nbd_handle *handle)
{
	const struct disk_request *request = job->request;
	nbd_completion_callback done = { .callback = step_done,
					 .user_data = job };
	u64 at = request->offset_bytes + job->moved;
	u64 limit = STEP_BYTES;
	bool hole =
		request->op == DISK_UNMAP || (request->flags & DISK_MAY_UNMAP);

	if (request->op == DISK_FLUSH || job->flushing)
		return nbd_aio_flush(handle, done, 0);
	if (request->op >= DISK_UNMAP && job->nbd->can_zero)
		limit = ZERO_STEP_BYTES;
	job->step_bytes = request->size_bytes - job->moved;
	if (job->step_bytes > limit)
		job->step_bytes = limit;
	if (request->op == DISK_READ)
		return nbd_aio_pread(handle, job_memory(job), job->step_bytes,
				     at, done, 0);
	if (request->op == DISK_WRITE || !job->nbd->can_zero)
		return nbd_aio_pwrite(handle, job_memory(job), job->step_bytes,
				      at, done, fua_flag(job));
	return nbd_aio_zero(handle, job->step_bytes, at, done,
			    fua_flag(job) |
				    (hole ? 0 : LIBNBD_CMD_FLAG_NO_HOLE));
}

static struct nbd_connection *connection_choose(struct nbd *nbd)
{
	struct nbd_connection *best = NULL;

	for (u32 i = 0; i < nbd->connection_count; i++) {
		struct nbd_connection *connection = &nbd->connections[i];

		if (connection->ready && connection->under_way < DEPTH &&
		    (!best || connection->under_way < best->under_way))
			best = connection;
	}
	return best;
}

static void send_waiting(struct nbd *nbd)
{
	while (nbd->waiting.first) {
		struct nbd_connection *connection = connection_choose(nbd);
		struct job *job;

		if (!connection)
			return;
		job = jobs_take(&nbd->waiting);
		job->connection = connection;
		connection->under_way++;
		if (step_send(job, connection->handle) >= 0)
			continue;
		connection->under_way--;
		if (nbd_aio_is_ready(connection->handle)) {
			job_end(job, -EIO);
			continue;
		}
		/* It has been lost: serve() looks at it next. */
		jobs_add(&nbd->waiting, job);
		connection->ready = false;
	}
}

/* A step came back: on with the request, or again, or the end. */
static void step_end(struct job *job)
{
	const struct disk_request *request = job->request;
	struct nbd *nbd = job->nbd;
	int error = job->error;

	job->error = 0;
	if (error == ENOTCONN || error == ESHUTDOWN) {
		jobs_add(&nbd->waiting, job);
		return;
	}
	if (error == 0 && request->op != DISK_FLUSH && !job->flushing) {
		job->moved += job->step_bytes;
		job->flushing = job->moved == request->size_bytes &&
				(request->flags & DISK_FUA) &&
				request->op != DISK_READ && !nbd->can_fua &&
				nbd->can_flush;
		if (job->moved < request->size_bytes || job->flushing) {
			jobs_add(&nbd->waiting, job);
			return;
		}
	}
	job_end(job, -error);
}

static void steps_end(struct nbd *nbd)
{
	struct job *job;

	while ((job = jobs_take(&nbd->ended)))
		step_end(job);
}

/* --- connections --- */

static void timer_arm(struct nbd *nbd);

static void connection_drop(struct nbd_connection *connection)
{
	struct nbd *nbd = connection->nbd;
	bool any = false;

	if (connection->polling)
		io_cancel(&nbd->io, &connection->poll);
	/* What is under way is called back with ENOTCONN. */
	nbd_close(connection->handle);
	connection->handle = NULL;
	connection->ready = false;
	steps_end(nbd);
	for (u32 i = 0; i < nbd->connection_count; i++)
		any |= nbd->connections[i].ready;
	if (!any && !nbd->lost_ms)
		nbd->lost_ms = now_ms();
	timer_arm(nbd);
}

static void poll_done(struct io_op *op, int result);

/* Waits for what libnbd wants, or for something else than before. */
static void connection_poll(struct nbd_connection *connection)
{
	unsigned int direction = nbd_aio_get_direction(connection->handle);
	u32 events = 0;

	if (direction & LIBNBD_AIO_DIRECTION_READ)
		events |= POLLIN;
	if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		events |= POLLOUT;
	if (connection->polling && connection->polled != events)
		io_cancel(&connection->nbd->io, &connection->poll);
	if (connection->polling || !events)
		return;
	connection->polling = true;
	connection->polled = events;
	connection->poll.done = poll_done;
	io_poll(&connection->nbd->io, &connection->poll,
		nbd_aio_get_fd(connection->handle), events);
}

static bool export_same(struct nbd *nbd, struct nbd_handle *handle)
{
	return nbd_get_size(handle) == (s64)nbd->disk.info.size_bytes &&
	       (nbd->disk.info.read_only || nbd_is_read_only(handle) == 0);
}

/* Looks what became of the connection after libnbd did something. */
static void connection_settle(struct nbd_connection *connection)
{
	struct nbd *nbd = connection->nbd;

	steps_end(nbd);
	if (!connection->handle)
		return;
	if (nbd_aio_is_dead(connection->handle) ||
	    nbd_aio_is_closed(connection->handle)) {
		connection_drop(connection);
		return;
	}
	if (!connection->ready && nbd_aio_is_ready(connection->handle)) {
		if (!export_same(nbd, connection->handle)) {
			connection_drop(connection);
			return;
		}
		connection->ready = true;
		nbd->lost_ms = 0;
	}
}

static void settle_all(struct nbd *nbd)
{
	steps_end(nbd);
	for (u32 i = 0; i < nbd->connection_count; i++) {
		if (nbd->connections[i].handle)
			connection_settle(&nbd->connections[i]);
	}
}

/* Sends what can be, and has all connections polled for what they want. */
static void serve(struct nbd *nbd)
{
	settle_all(nbd);
	send_waiting(nbd);
	/* Sending may have been what showed that one is lost. */
	settle_all(nbd);
	for (u32 i = 0; i < nbd->connection_count; i++) {
		if (nbd->connections[i].handle)
			connection_poll(&nbd->connections[i]);
	}
}

static void poll_done(struct io_op *op, int result)
{
	struct nbd_connection *connection =
		(void *)((char *)op - offsetof(struct nbd_connection, poll));
	unsigned int direction;

	connection->polling = false;
	if (connection->handle && result >= 0) {
		direction = nbd_aio_get_direction(connection->handle);
		if ((result & (POLLIN | POLLHUP | POLLERR)) &&
		    (direction & LIBNBD_AIO_DIRECTION_READ))
			nbd_aio_notify_read(connection->handle);
		else if ((result & (POLLOUT | POLLHUP | POLLERR)) &&
			 (direction & LIBNBD_AIO_DIRECTION_WRITE))
			nbd_aio_notify_write(connection->handle);
	}
	serve(connection->nbd);
}

static struct nbd_handle *handle_new(void)
{
	struct nbd_handle *handle = nbd_create();

	/* The size and alignment of requests is checked before. */
	if (handle)
		nbd_set_strict_mode(handle, 0);
	return handle;
}

static void connection_begin(struct nbd_connection *connection)
{
	/* A poll of the old socket still has to come back. */
	if (connection->handle || connection->polling)
		return;
	connection->handle = handle_new();
	if (!connection->handle)
		return;
	connection->under_way = 0;
	if (nbd_aio_connect_uri(connection->handle, connection->nbd->uri) < 0) {
		nbd_close(connection->handle);
		connection->handle = NULL;
	}
}

/* The server has been away for too long: no request waits any more. */
static void waiting_fail(struct nbd *nbd)
{
	struct job *job;

	while ((job = jobs_take(&nbd->waiting)))
		job_end(job, -ENOTCONN);
}

static bool lost_for_good(const struct nbd *nbd)
{
	return nbd->lost_ms && now_ms() - nbd->lost_ms >= nbd->reconnect_ms;
}

static void timer_done(struct io_op *op, int result)
{
	struct nbd *nbd = (void *)((char *)op - offsetof(struct nbd, timer));
	bool all = true;

	(void)result;
	nbd->timer_armed = false;
	if (lost_for_good(nbd))
		waiting_fail(nbd);
	for (u32 i = 0; i < nbd->connection_count; i++) {
		connection_begin(&nbd->connections[i]);
		all &= nbd->connections[i].ready;
	}
	serve(nbd);
	if (!all)
		timer_arm(nbd);
}

static void timer_arm(struct nbd *nbd)
{
	if (nbd->timer_armed)
		return;
	nbd->timer_armed = true;
	nbd->timer.done = timer_done;
	nbd->timer_time.tv_sec = 0;
	nbd->timer_time.tv_nsec = RETRY_MS * 1000000ll;
	io_timeout(&nbd->io, &nbd->timer, &nbd->timer_time);
}

/* --- the thread --- */

static void job_arrive(struct io_task *task)
{
	struct job *job = (struct job *)task;
	struct nbd *nbd = job->nbd;

	if (lost_for_good(nbd)) {
		job_end(job, -ENOTCONN);
		return;
	}
	jobs_add(&nbd->waiting, job);
	serve(nbd);
}

/* What waits for a server can end; what was sent cannot. */
static void cancel_arrive(struct io_task *task)
{
	struct cancel *cancel = (struct cancel *)task;
	struct jobs waiting = cancel->nbd->waiting;
	struct job *job;

	if (!waiting.first)
		waiting.end = &waiting.first;
	jobs_init(&cancel->nbd->waiting);
	while ((job = jobs_take(&waiting))) {
		if (job->number == cancel->number)
			job_end(job, -ECANCELED);
		else
			jobs_add(&cancel->nbd->waiting, job);
	}
	free(cancel);
}

static void stop_run(struct io_task *task)
{
	struct nbd *nbd =
		(void *)((char *)task - offsetof(struct nbd, stop_task));

	nbd->stop = true;
}

static void *thread_run(void *context)
{
	struct nbd *nbd = context;

	/* Those beyond the first come by the timer. */
	if (nbd->connection_count > 1)
		timer_arm(nbd);
	serve(nbd);
	while (!nbd->stop) {
		io_wait(&nbd->io);
		io_reap(&nbd->io);
	}
	return NULL;
}

/* --- the disk --- */

static u8 *bounce_make(const struct disk_request *request, bool zeros)
{
	u8 *bounce;

	if (zeros)
		return calloc(1, STEP_BYTES);
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
	struct job *job;

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
	job->task.run = job_arrive;
	io_post(&nbd->io, &job->task);
}

static bool nbd_cancel(struct disk_queue *queue, struct disk_request *request)
{
	struct nbd *nbd = (struct nbd *)queue->disk;
	struct cancel *cancel = malloc(sizeof(*cancel));

	if (cancel) {
		cancel->task.run = cancel_arrive;
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

	nbd->stop_task.run = stop_run;
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
		nbd->connection_count = CONNECTIONS_MAX;
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

	first->handle = handle_new();
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
	ret = pthread_create(&nbd->thread, NULL, thread_run, nbd);
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
	jobs_init(&nbd->waiting);
	jobs_init(&nbd->ended);
	for (u32 i = 0; i < CONNECTIONS_MAX; i++)
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
