/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * limit.c - requests and bytes per second, over all queues of a disk.
 *
 * Every request takes its share of time from two clocks that belong to the
 * disk, one for requests and one for bytes. A queue asks for its oldest request
 * alone, so queues get the same share, and a changed limit counts at once.
 */
#define _GNU_SOURCE
#include "host/backend/disk/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SECOND_NS 1000000000ull
/* What a disk that was idle may catch up on. */
#define BURST_NS (SECOND_NS / 20)
/* A waiting request looks this often whether the limits have changed. */
#define LOOK_NS (SECOND_NS / 10)

struct limit {
	struct disk disk;
	bool active; /* atomic: there is a limit */
	pthread_mutex_t lock;
	u64 iops, bytes_per_second;
	u64 changes;			 /* how often they were set */
	u64 iops_free_ns, bytes_free_ns; /* when the clocks are free again */
};

struct limit_queue {
	struct disk_queue *queue;
	struct disk_request *first, **end; /* wait, in order */
	u64 begin_ns; /* when the first may begin; 0: not asked yet */
	u64 changes;
	struct io_op timer;
	bool timer_armed;
	struct __kernel_timespec timer_time;
};

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * SECOND_NS + (u64)now.tv_nsec;
}

/* Takes a share of a clock; the time from which on it is ours. */
static u64 clock_take(u64 *free_ns, u64 now, u64 cost_ns)
{
	u64 begin = *free_ns > now - BURST_NS ? *free_ns : now - BURST_NS;

	*free_ns = begin + cost_ns;
	return begin;
}

static u64 bytes_cost_ns(u64 bytes, u64 bytes_per_second)
{
	return bytes / bytes_per_second * SECOND_NS +
	       bytes % bytes_per_second * SECOND_NS / bytes_per_second;
}

/* When the request may begin; counted from now on. */
static u64 begin_ask(struct limit *limit, const struct disk_request *request,
		     u64 now, u64 *changes)
{
	bool data = request->op <= DISK_WRITE;
	u64 begin = 1, other;

	pthread_mutex_lock(&limit->lock);
	*changes = limit->changes;
	if (limit->iops)
		begin = clock_take(&limit->iops_free_ns, now,
				   SECOND_NS / limit->iops);
	if (limit->bytes_per_second && data) {
		other = clock_take(&limit->bytes_free_ns, now,
				   bytes_cost_ns(request->size_bytes,
						 limit->bytes_per_second));
		begin = other > begin ? other : begin;
	}
	pthread_mutex_unlock(&limit->lock);
	return begin;
}

static void timer_arm(struct limit_queue *state, u64 now)
{
	u64 wait = state->begin_ns - now < LOOK_NS ? state->begin_ns - now
						   : LOOK_NS;

	if (state->timer_armed)
		return;
	state->timer_armed = true;
	state->timer_time.tv_sec = 0;
	state->timer_time.tv_nsec = (long long)wait;
	io_timeout(state->queue->io, &state->timer, &state->timer_time);
}

/* Begins what may begin by now. */
static void pump(struct limit_queue *state)
{
	struct limit *limit = (struct limit *)state->queue->disk;
	u64 now = now_ns();

	while (state->first) {
		struct disk_request *request = state->first;

		if (!state->begin_ns ||
		    state->changes != port_load(&limit->changes))
			state->begin_ns =
				begin_ask(limit, request, now, &state->changes);
		if (state->begin_ns > now) {
			timer_arm(state, now);
			return;
		}
		state->begin_ns = 0;
		state->first = request_internal(request)->next;
		if (!state->first)
			state->end = &state->first;
		layer_submit(state->queue->lower, request);
	}
}

static void timer_done(struct io_op *op, int result)
{
	struct limit_queue *state =
		(void *)((char *)op - offsetof(struct limit_queue, timer));

	(void)result;
	state->timer_armed = false;
	pump(state);
}

static void limit_submit(struct disk_queue *queue, struct disk_request *request)
{
	struct limit *limit = (struct limit *)queue->disk;
	struct limit_queue *state = queue->state;
	struct disk_request_internal *internal = request_internal(request);

	if (!port_load(&limit->active) && !state->first) {
		layer_submit(queue->lower, request);
		return;
	}
	internal->next = NULL;
	*state->end = request;
	state->end = &internal->next;
	if (state->first == request)
		pump(state);
}

static bool limit_cancel(struct disk_queue *queue, struct disk_request *request)
{
	struct limit_queue *state = queue->state;
	const struct disk_class *lower = queue->lower->disk->class;
	struct disk_request **at = &state->first;

	while (*at && *at != request)
		at = &request_internal(*at)->next;
	if (!*at)
		return lower->cancel && lower->cancel(queue->lower, request);
	if (state->first == request)
		state->begin_ns = 0;
	*at = request_internal(request)->next;
	if (!*at)
		state->end = at;
	request_later(queue, request, -ECANCELED);
	return true;
}

static int limit_queue_open(struct disk_queue *queue, struct lis_error *err)
{
	struct limit_queue *state = calloc(1, sizeof(*state));

	if (!state)
		return lis_error_set(err, ENOMEM, "out of memory");
	state->queue = queue;
	state->end = &state->first;
	state->timer.done = timer_done;
	queue->state = state;
	return 0;
}

static void limit_queue_close(struct disk_queue *queue)
{
	struct limit_queue *state = queue->state;

	/* After a cancel the timer may still run. */
	while (state->timer_armed) {
		io_wait(queue->io);
		io_reap(queue->io);
	}
	free(state);
}

static void limit_close(struct disk *disk)
{
	struct limit *limit = (struct limit *)disk;

	pthread_mutex_destroy(&limit->lock);
	free(limit);
}

static const struct disk_class limit_class = {
	.name = "limit",
	.close = limit_close,
	.queue_open = limit_queue_open,
	.queue_close = limit_queue_close,
	.submit = limit_submit,
	.cancel = limit_cancel,
};

void disk_limits_set(struct disk *disk, u64 iops, u64 bytes_per_second)
{
	struct limit *limit;

	while (disk && disk->class != &limit_class)
		disk = disk->lower;
	limit = (struct limit *)disk;
	if (!limit)
		return;
	pthread_mutex_lock(&limit->lock);
	limit->iops = iops;
	limit->bytes_per_second = bytes_per_second;
	limit->iops_free_ns = 0;
	limit->bytes_free_ns = 0;
	port_store(&limit->changes, limit->changes + 1);
	port_store(&limit->active, iops || bytes_per_second);
	pthread_mutex_unlock(&limit->lock);
}

int limit_open(struct disk **disk, u64 iops, u64 bytes_per_second,
	       struct lis_error *err)
{
	struct limit *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return lis_error_set(err, ENOMEM, "out of memory");
	layer_init(&limit->disk, &limit_class, *disk);
	pthread_mutex_init(&limit->lock, NULL);
	*disk = &limit->disk;
	disk_limits_set(*disk, iops, bytes_per_second);
	return 0;
}
