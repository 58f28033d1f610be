/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A thread's way into a port: what every frame goes through, whatever the kind.
 */
#define _GNU_SOURCE
#include "host/backend/net/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "host/backend/net/capture.h"

#define SECOND_NS 1000000000ull

static int queue_add(struct net_queue *queue, struct lis_error *err)
{
	struct net_port *port = queue->port;
	int ret = 0;

	pthread_mutex_lock(&port->lock);
	if (queue->index >= port->info.queues)
		ret = lis_error_set(err, EINVAL,
				    "network port %s has %u queues, no queue "
				    "%u",
				    port->info.name, port->info.queues,
				    queue->index);
	else if (port->info.gone)
		ret = lis_error_set(err, ENODEV, "network port %s is gone",
				    port->info.name);
	else if (port->queues[queue->index])
		ret = lis_error_set(err, EBUSY,
				    "queue %u of network port %s is open",
				    queue->index, port->info.name);
	else
		port->queues[queue->index] = queue;
	pthread_mutex_unlock(&port->lock);
	return ret;
}

static void queue_remove(struct net_queue *queue)
{
	struct net_port *port = queue->port;

	pthread_mutex_lock(&port->lock);
	port->queues[queue->index] = NULL;
	net_counters_add(&port->closed, &queue->counters);
	pthread_mutex_unlock(&port->lock);
}

static void queue_free(struct net_queue *queue)
{
	if (queue->timer >= 0)
		close(queue->timer);
	free(queue->bounce);
	free(queue);
}

int net_queue_open(struct net_queue **queue, struct net_port *port, u32 index,
		   struct lis_error *err)
{
	struct net_queue *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return lis_error_set(err, ENOMEM, "out of memory");
	made->port = port;
	made->index = index;
	made->timer =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	made->bounce = malloc(2 * (size_t)NETWORK_FRAME_MAX_BYTES);
	if (made->timer < 0 || !made->bounce) {
		ret = lis_error_set(err, made->bounce ? errno : ENOMEM,
				    "cannot make a queue of network port %s",
				    port->info.name);
		queue_free(made);
		return ret;
	}
	ret = queue_add(made, err);
	if (ret == 0 && port->class->queue_open) {
		ret = port->class->queue_open(made, err);
		if (ret < 0)
			queue_remove(made);
	}
	if (ret < 0) {
		queue_free(made);
		return ret;
	}
	*queue = made;
	return 0;
}

void net_queue_close(struct net_queue *queue)
{
	if (!queue)
		return;
	if (queue->port->class->queue_close)
		queue->port->class->queue_close(queue);
	queue_remove(queue);
	queue_free(queue);
}

static int watch(int epoll, int fd, u32 events, u64 data)
{
	struct epoll_event event = { .events = events | EPOLLET,
				     .data.u64 = data };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int net_queue_watch(struct net_queue *queue, int epoll, u64 data)
{
	int ret = watch(epoll, queue->timer, EPOLLIN, data);

	for (u32 i = 0; i < queue->fd_count && ret == 0; i++)
		ret = watch(epoll, queue->fds[i].fd, queue->fds[i].events,
			    data);
	return ret;
}

void net_queue_filter_set(struct net_queue *queue,
			  bool (*wanted)(void *context, const u8 *head,
					 u32 bytes),
			  void *context)
{
	queue->wanted = wanted;
	queue->wanted_context = context;
}

/* One timer for both directions: it goes off for the first of them. */
static void timer_arm(struct net_queue *queue)
{
	struct itimerspec time = { 0 };
	u64 when = 0, now_ns = net_clock_ns(CLOCK_MONOTONIC);

	for (u32 i = 0; i < 2; i++) {
		u64 one = queue->wait_ns[i];

		/* One that is past has gone off. */
		if (one > now_ns && (!when || one < when))
			when = one;
	}
	if (!when)
		when = now_ns + 1;
	time.it_value.tv_sec = (time_t)(when / SECOND_NS);
	time.it_value.tv_nsec = (long)(when % SECOND_NS);
	timerfd_settime(queue->timer, TFD_TIMER_ABSTIME, &time, NULL);
}

void net_queue_wake_at(struct net_queue *queue, u64 when_ns)
{
	queue->wait_ns[0] = when_ns;
	timer_arm(queue);
}

static bool limit_passes(struct net_queue *queue, struct net_limit *limit)
{
	u32 direction = limit == &queue->port->received;

	if (net_limit_passes(limit, &queue->wait_ns[direction]))
		return true;
	net_count(direction ? &queue->counters.received_delayed
			    : &queue->counters.sent_delayed,
		  1);
	timer_arm(queue);
	return false;
}

static void captured(struct net_queue *queue, bool to_guest,
		     const struct iovec *pieces, int piece_count, size_t bytes)
{
	struct net_port *port = queue->port;

	if (!port_load(&port->capture))
		return;
	pthread_mutex_lock(&port->capture_lock);
	if (port->capture)
		net_capture_frame(port->capture, to_guest, pieces, piece_count,
				  bytes);
	pthread_mutex_unlock(&port->capture_lock);
}

/* ---- receiving ---- */

static ssize_t received_dropped(struct net_queue *queue)
{
	net_count(&queue->counters.received_dropped, 1);
	return 0;
}

static ssize_t received(struct net_queue *queue, const struct iovec *pieces,
			int piece_count, size_t bytes)
{
	net_count(&queue->counters.received_frames, 1);
	net_count(&queue->counters.received_bytes, bytes);
	net_limit_charge(&queue->port->received, bytes);
	captured(queue, true, pieces, piece_count, bytes);
	return (ssize_t)bytes;
}

/* The frame in the bounce buffer, which the reader can take. */
static ssize_t bounce_give(struct net_queue *queue, const struct iovec *pieces,
			   int piece_count, u32 bytes)
{
	if (net_pieces_put(pieces, piece_count, queue->bounce, bytes) < bytes)
		return received_dropped(queue);
	return received(queue, pieces, piece_count, bytes);
}

/* The next frame of the segment in the bounce buffer. */
static ssize_t cut_give(struct net_queue *queue, struct network_vnet *vnet,
			const struct iovec *pieces, int piece_count)
{
	u32 bytes = offload_cut_bytes(&queue->cut);
	u8 *frame = queue->bounce + NETWORK_FRAME_MAX_BYTES;

	memset(vnet, 0, sizeof(*vnet));
	vnet->flags = NETWORK_VNET_DATA_VALID;
	offload_cut_next(&queue->cut, frame);
	if (net_pieces_put(pieces, piece_count, frame, bytes) < bytes)
		return received_dropped(queue);
	return received(queue, pieces, piece_count, bytes);
}

/* Whether the reader has to be given it in parts. */
static bool cut_wanted(const struct network_vnet *vnet, u32 takes)
{
	switch (vnet->gso_type & ~NETWORK_GSO_ECN) {
	case NETWORK_GSO_TCP4:
		return !(takes & NET_TAKES_TSO4);
	case NETWORK_GSO_TCP6:
		return !(takes & NET_TAKES_TSO6);
	default:
		return false;
	}
}

static bool completion_wanted(const struct network_vnet *vnet, u32 takes)
{
	return vnet->gso_type == NETWORK_GSO_NONE &&
	       vnet->flags & NETWORK_VNET_NEEDS_CSUM &&
	       !(takes & NET_TAKES_CSUM);
}

static bool bounce_check(struct net_queue *queue, struct network_vnet *vnet,
			 u32 bytes)
{
	u32 head_bytes =
		bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES;

	return offload_check(vnet, queue->bounce, head_bytes, bytes);
}

/*
 * Makes of a frame in the bounce buffer what the reader takes. The kernel cuts
 * and completes for a tap, but not what was on its way when the reader's wishes
 * changed.
 */
static ssize_t bounce_finish(struct net_queue *queue, struct network_vnet *vnet,
			     const struct iovec *pieces, int piece_count,
			     u32 bytes)
{
	struct iovec bounce = { queue->bounce, bytes };
	u32 takes = port_load(&queue->port->takes);

	if (cut_wanted(vnet, takes)) {
		/* The kernel does not lie, but may know more than we do. */
		if (!bounce_check(queue, vnet, bytes))
			return received_dropped(queue);
		offload_cut_begin(&queue->cut, vnet, queue->bounce, bytes);
		return cut_give(queue, vnet, pieces, piece_count);
	}
	if (completion_wanted(vnet, takes))
		offload_complete(vnet, &bounce, 1, bytes);
	return bounce_give(queue, pieces, piece_count, bytes);
}

static ssize_t receive_bounced(struct net_queue *queue,
			       struct network_vnet *vnet,
			       const struct iovec *pieces, int piece_count)
{
	const struct net_class *class = queue->port->class;
	struct iovec bounce = { queue->bounce, NETWORK_FRAME_MAX_BYTES };
	ssize_t ret = class->receive(queue, vnet, &bounce, 1);
	u32 bytes = (u32)ret;

	if (ret <= 0)
		return ret;
	if ((class->foreign && !bounce_check(queue, vnet, bytes)) ||
	    (!class->filters && !net_queue_wants(queue, queue->bounce, bytes)))
		return received_dropped(queue);
	return bounce_finish(queue, vnet, pieces, piece_count, bytes);
}

static ssize_t receive_direct(struct net_queue *queue,
			      struct network_vnet *vnet,
			      const struct iovec *pieces, int piece_count)
{
	const struct net_class *class = queue->port->class;
	u32 takes = port_load(&queue->port->takes), bytes, head_bytes;
	ssize_t ret = class->receive(queue, vnet, pieces, piece_count);
	u8 head[NETWORK_HEAD_BYTES];

	if (ret <= 0)
		return ret;
	bytes = (u32)ret;
	if (class->foreign) {
		head_bytes = (u32)net_pieces_get(
			head, bytes < sizeof(head) ? bytes : sizeof(head),
			pieces, piece_count);
		if (!offload_check(vnet, head, head_bytes, bytes))
			return received_dropped(queue);
	}
	if (cut_wanted(vnet, takes)) {
		net_pieces_get(queue->bounce, bytes, pieces, piece_count);
		return bounce_finish(queue, vnet, pieces, piece_count, bytes);
	}
	if (completion_wanted(vnet, takes))
		offload_complete(vnet, pieces, piece_count, bytes);
	return received(queue, pieces, piece_count, bytes);
}

ssize_t net_queue_receive(struct net_queue *queue, struct network_vnet *vnet,
			  const struct iovec *pieces, int piece_count)
{
	struct net_port *port = queue->port;
	u32 segments = NET_TAKES_TSO4 | NET_TAKES_TSO6;
	bool cuts = port->class->foreign &&
		    (port_load(&port->takes) & segments) != segments;
	ssize_t ret;

	if (piece_count < 1 || piece_count > NET_PIECES_MAX)
		return -EINVAL;
	if (!limit_passes(queue, &port->received))
		return -EAGAIN;
	if (offload_cut_bytes(&queue->cut))
		return cut_give(queue, vnet, pieces, piece_count);
	if ((queue->wanted && !port->class->filters) || cuts)
		ret = receive_bounced(queue, vnet, pieces, piece_count);
	else
		ret = receive_direct(queue, vnet, pieces, piece_count);
	return ret == -EMSGSIZE ? received_dropped(queue) : ret;
}

/* ---- sending ---- */

int net_queue_send(struct net_queue *queue, const struct network_vnet *vnet,
		   const struct iovec *pieces, int piece_count)
{
	struct net_port *port = queue->port;
	size_t bytes;
	int ret;

	if (piece_count < 1 || piece_count > NET_PIECES_MAX ||
	    pieces[0].iov_len < NETWORK_ETHERNET_BYTES)
		return -EINVAL;
	bytes = net_pieces_bytes(pieces, piece_count);
	if (bytes > NETWORK_FRAME_MAX_BYTES)
		return -EMSGSIZE;
	if (!limit_passes(queue, &port->sent))
		return -EAGAIN;
	ret = port->class->send(queue, vnet, pieces, piece_count);
	if (ret == NET_DROPPED) {
		net_count(&queue->counters.sent_dropped, 1);
		return 0;
	}
	if (ret < 0)
		return ret;
	net_count(&queue->counters.sent_frames, 1);
	net_count(&queue->counters.sent_bytes, bytes);
	net_limit_charge(&port->sent, bytes);
	captured(queue, false, pieces, piece_count, bytes);
	return 0;
}

void net_queue_kick(struct net_queue *queue)
{
	if (queue->port->class->kick)
		queue->port->class->kick(queue);
}
