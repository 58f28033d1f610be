/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The connections of an NBD export, and the thread that owns them.
 */
#define _GNU_SOURCE
#include "host/backend/disk/nbd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two attempts to reach a lost server. */
#define RETRY_MS	200u
#define ZERO_STEP_BYTES (1u << 30)
/* Under way on one connection. */
#define DEPTH 64u

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

void nbd_jobs_init(struct nbd_jobs *jobs)
{
	jobs->first = NULL;
	jobs->end = &jobs->first;
}

static void jobs_add(struct nbd_jobs *jobs, struct nbd_job *job)
{
	job->next = NULL;
	*jobs->end = job;
	jobs->end = &job->next;
}

static struct nbd_job *jobs_take(struct nbd_jobs *jobs)
{
	struct nbd_job *job = jobs->first;

	if (job) {
		jobs->first = job->next;
		if (!jobs->first)
			jobs->end = &jobs->first;
	}
	return job;
}

static void sent_add(struct nbd *nbd, struct nbd_job *job)
{
	job->next = nbd->sent;
	job->back = &nbd->sent;
	if (job->next)
		job->next->back = &job->next;
	nbd->sent = job;
}

static void sent_remove(struct nbd_job *job)
{
	*job->back = job->next;
	if (job->next)
		job->next->back = job->back;
}

/* --- the end of a request, back on its queue's thread --- */

static void job_return(struct io_task *task)
{
	struct nbd_job *job = (struct nbd_job *)task;
	struct disk_request *request = job->request;
	int error = job->error;

	if (job->bounce && request->op == DISK_READ && error == 0)
		iov_scatter(request->iov, request->iov_count, 0, job->bounce,
			    request->size_bytes);
	free(job->bounce);
	free(job);
	request->done(request, error);
}

static void job_end(struct nbd_job *job, int error)
{
	job->error = error;
	job->task.run = job_return;
	io_post(job->queue->io, &job->task);
}

/* --- one step on the wire --- */

static void step_came_back(struct nbd_job *job, int error)
{
	sent_remove(job);
	job->error = error;
	job->connection->under_way--;
	jobs_add(&job->nbd->ended, job);
}

static int step_done(void *context, int *error)
{
	/* The handle is locked here: what follows comes after. */
	step_came_back(context, *error);
	return 1;
}

static u8 *job_memory(const struct nbd_job *job)
{
	u8 *memory = job->bounce ? job->bounce : job->request->iov->iov_base;

	return memory + (job->request->op <= DISK_WRITE ? job->moved : 0);
}

static u32 fua_flag(const struct nbd_job *job)
{
	return job->nbd->can_fua && (job->request->flags & DISK_FUA)
		       ? LIBNBD_CMD_FLAG_FUA
		       : 0;
}

/* Result: what libnbd says, -1: it could not. */
static s64 step_send(struct nbd_job *job, struct nbd_handle *handle)
{
	const struct disk_request *request = job->request;
	nbd_completion_callback done = { .callback = step_done,
					 .user_data = job };
	u64 at = request->offset_bytes + job->moved;
	u64 limit = NBD_STEP_BYTES;
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
		struct nbd_job *job;

		if (!connection)
			return;
		job = jobs_take(&nbd->waiting);
		job->connection = connection;
		connection->under_way++;
		sent_add(nbd, job);
		if (step_send(job, connection->handle) >= 0)
			continue;
		sent_remove(job);
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

/* There is more to do, unless nobody wants it any more. */
static void job_go_on(struct nbd_job *job)
{
	if (job->give_up_ms)
		job_end(job, -ECANCELED);
	else
		jobs_add(&job->nbd->waiting, job);
}

/* A step came back: on with the request, or again, or the end. */
static void step_end(struct nbd_job *job)
{
	const struct disk_request *request = job->request;
	struct nbd *nbd = job->nbd;
	int error = job->error;

	job->error = 0;
	if (error == ENOTCONN || error == ESHUTDOWN) {
		job_go_on(job);
		return;
	}
	if (error == 0 && request->op != DISK_FLUSH && !job->flushing) {
		job->moved += job->step_bytes;
		job->flushing = job->moved == request->size_bytes &&
				(request->flags & DISK_FUA) &&
				request->op != DISK_READ && !nbd->can_fua &&
				nbd->can_flush;
		if (job->moved < request->size_bytes || job->flushing) {
			job_go_on(job);
			return;
		}
	}
	job_end(job, -error);
}

static void steps_end(struct nbd *nbd)
{
	struct nbd_job *job;

	while ((job = jobs_take(&nbd->ended)))
		step_end(job);
}

/* --- connections --- */

static void timer_arm(struct nbd *nbd);

static void connection_drop(struct nbd_connection *connection)
{
	struct nbd *nbd = connection->nbd;
	struct nbd_job *job, *next;
	bool any = false;

	if (connection->polling)
		io_cancel(&nbd->io, &connection->poll);
	nbd_close(connection->handle);
	connection->handle = NULL;
	connection->ready = false;
	/* A handle that was not dead calls nothing back. */
	for (job = nbd->sent; job; job = next) {
		next = job->next;
		if (job->connection == connection)
			step_came_back(job, ENOTCONN);
	}
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
	do {
		settle_all(nbd);
		send_waiting(nbd);
		/* Sending may have been what showed that one is lost, or have
		 * brought steps back that others follow. */
		settle_all(nbd);
	} while (nbd->waiting.first && connection_choose(nbd));
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

struct nbd_handle *nbd_handle_new(void)
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
	connection->handle = nbd_handle_new();
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
	struct nbd_job *job;

	while ((job = jobs_take(&nbd->waiting)))
		job_end(job, -ENOTCONN);
}

static bool lost_for_good(const struct nbd *nbd)
{
	return nbd->lost_ms && now_ms() - nbd->lost_ms >= nbd->reconnect_ms;
}

/* Whether a server still has something that was cancelled; one that had it for
 * too long is dropped. */
static bool cancelled_wait(struct nbd *nbd)
{
	struct nbd_job *job = nbd->sent;
	bool any = false;

	while (job) {
		if (job->give_up_ms && now_ms() >= job->give_up_ms) {
			connection_drop(job->connection);
			/* The list is another. */
			job = nbd->sent;
			any = false;
			continue;
		}
		any |= job->give_up_ms != 0;
		job = job->next;
	}
	return any;
}

static void timer_done(struct io_op *op, int result)
{
	struct nbd *nbd = (void *)((char *)op - offsetof(struct nbd, timer));
	bool all = true, wait;

	(void)result;
	nbd->timer_armed = false;
	wait = cancelled_wait(nbd);
	if (lost_for_good(nbd))
		waiting_fail(nbd);
	for (u32 i = 0; i < nbd->connection_count; i++) {
		connection_begin(&nbd->connections[i]);
		all &= nbd->connections[i].ready;
	}
	serve(nbd);
	if (!all || wait)
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

void nbd_job_arrive(struct io_task *task)
{
	struct nbd_job *job = (struct nbd_job *)task;
	struct nbd *nbd = job->nbd;

	if (lost_for_good(nbd)) {
		job_end(job, -ENOTCONN);
		return;
	}
	jobs_add(&nbd->waiting, job);
	serve(nbd);
}

/* What waits for a server can end; what was sent has to come back, or its
 * connection to be given up. */
void nbd_cancel_arrive(struct io_task *task)
{
	struct nbd_cancel *cancel = (struct nbd_cancel *)task;
	struct nbd_jobs waiting = cancel->nbd->waiting;
	struct nbd_job *job;

	if (!waiting.first)
		waiting.end = &waiting.first;
	nbd_jobs_init(&cancel->nbd->waiting);
	while ((job = jobs_take(&waiting))) {
		if (job->number == cancel->number)
			job_end(job, -ECANCELED);
		else
			jobs_add(&cancel->nbd->waiting, job);
	}
	for (job = cancel->nbd->sent; job; job = job->next) {
		if (job->number != cancel->number || job->give_up_ms)
			continue;
		job->give_up_ms = now_ms() + cancel->nbd->reconnect_ms;
		timer_arm(cancel->nbd);
	}
	free(cancel);
}

void nbd_stop_arrive(struct io_task *task)
{
	struct nbd *nbd =
		(void *)((char *)task - offsetof(struct nbd, stop_task));

	nbd->stop = true;
}

void *nbd_thread_run(void *context)
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
