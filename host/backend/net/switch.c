/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Frames between the ports of a private switch. */
#define _GNU_SOURCE
#include "host/backend/net/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/backend/net/message.h"

#define MTU_BYTES 65521u
#define TAG_ID	  0xfffu
#define GROUP	  1u /* of an address' first byte */
#define EVENTS	  16u
/* Frames from one peer before another's turn. */
#define TURN 32u
/* What each frame that a peer takes earns it of its senders' patience. */
#define EARNED_NS 200000ull
/* Destination, source, tag. */
#define HEAD_BYTES (NETWORK_ETHERNET_BYTES + NETWORK_TAG_BYTES)

struct switch_queue {
	int writable; /* epoll: peers that this queue's frame waits for */
	bool waiting;
	/* Of the first queue: peers that have something. */
	struct epoll_event events[EVENTS];
	u32 event_count, event_at, turn;
};

static u64 now_ms(void)
{
	return net_clock_ns(CLOCK_MONOTONIC_COARSE) / 1000000;
}

static struct switch_port *port_of(const struct net_queue *queue)
{
	return (struct switch_port *)queue->port;
}

/* A priority tag is of no VLAN. */
static u32 vlan_of(const u8 *head, u32 bytes)
{
	u32 tag = network_frame_tag(head, bytes);

	return tag == NETWORK_UNTAGGED ? 0 : tag & TAG_ID;
}

static bool vlan_passes(const struct network_vlan *vlan, u32 id)
{
	switch (vlan->mode) {
	case NETWORK_VLAN_ACCESS:
		return id == vlan->id;
	case NETWORK_VLAN_TRUNK:
		return id == vlan->id ||
		       (id && vlan->allowed[id / 32] & 1u << id % 32);
	default:
		return true;
	}
}

/* ---- receiving ---- */

/*
 * Whether the frame that is next is of a VLAN of ours, and wanted; nothing is
 * taken. The port is locked for reading.
 */
static bool next_is_wanted(const struct net_queue *queue, int fd)
{
	const struct switch_port *port = port_of(queue);
	u8 next[sizeof(struct network_vnet) + NETWORK_HEAD_BYTES];
	const u8 *head = next + sizeof(struct network_vnet);
	ssize_t bytes;

	if (port->vlan.mode == NETWORK_VLAN_OPEN && !queue->wanted)
		return true;
	bytes = recv(fd, next, sizeof(next), MSG_DONTWAIT | MSG_PEEK);
	bytes -= (ssize_t)sizeof(struct network_vnet);
	/* What is wrong with it is found when it is taken. */
	if (bytes < (ssize_t)NETWORK_ETHERNET_BYTES)
		return true;
	return vlan_passes(&port->vlan, vlan_of(head, (u32)bytes)) &&
	       net_queue_wants(queue, head, (u32)bytes);
}

static void source_learn(struct switch_port *port, u64 peer,
			 const struct iovec *pieces, int piece_count,
			 size_t bytes)
{
	u8 head[HEAD_BYTES];

	if (bytes > sizeof(head))
		bytes = sizeof(head);
	net_pieces_get(head, bytes, pieces, piece_count);
	pthread_mutex_lock(&port->table_lock);
	net_table_learn(&port->table, head + 6, vlan_of(head, (u32)bytes), peer,
			now_ms());
	pthread_mutex_unlock(&port->table_lock);
}

/* The next frame of one peer; the port is locked for reading. */
static ssize_t frame_receive(struct net_queue *queue, u64 number,
			     struct network_vnet *vnet,
			     const struct iovec *pieces, int piece_count)
{
	const struct switch_peer *peer =
		&port_of(queue)->peers[number % SWITCH_PEERS_MAX];
	struct iovec nothing = { vnet, 0 };

	if (peer->number != number)
		return -EAGAIN;
	if (!next_is_wanted(queue, peer->fd))
		return net_message_receive(peer->fd, vnet, &nothing, 1);
	return net_message_receive(peer->fd, vnet, pieces, piece_count);
}

static ssize_t peer_receive(struct net_queue *queue, u64 number,
			    struct network_vnet *vnet,
			    const struct iovec *pieces, int piece_count)
{
	struct switch_port *port = port_of(queue);
	ssize_t ret;

	pthread_rwlock_rdlock(&port->lock);
	ret = frame_receive(queue, number, vnet, pieces, piece_count);
	pthread_rwlock_unlock(&port->lock);
	if (ret == -EPIPE)
		switch_peer_remove(port, number);
	if (ret > 0)
		source_learn(port, number, pieces, piece_count, (size_t)ret);
	return ret;
}

/* The peer whose turn it is; 0: none has anything. */
static u64 turn_next(struct switch_port *port, struct switch_queue *state)
{
	int count;

	if (state->turn == TURN) {
		state->event_at++;
		state->turn = 0;
	}
	if (state->event_at < state->event_count) {
		state->turn++;
		return state->events[state->event_at].data.u64;
	}
	count = epoll_wait(port->readable, state->events, EVENTS, 0);
	state->event_count = count > 0 ? (u32)count : 0;
	state->event_at = 0;
	state->turn = 1;
	return count > 0 ? state->events[0].data.u64 : 0;
}

static ssize_t switch_receive(struct net_queue *queue,
			      struct network_vnet *vnet,
			      const struct iovec *pieces, int piece_count)
{
	struct switch_port *port = port_of(queue);
	struct switch_queue *state = queue->state;
	ssize_t ret;
	u64 number;

	if (queue->index != 0)
		return -EAGAIN;
	while ((number = turn_next(port, state)) != 0) {
		ret = peer_receive(queue, number, vnet, pieces, piece_count);
		if (ret == -EAGAIN || ret == -EPIPE) {
			state->event_at++;
			state->turn = 0;
		} else {
			return ret;
		}
	}
	return -EAGAIN;
}

/* ---- sending ---- */

/* An event is wanted when the peer takes frames again. */
static void peer_wait(struct net_queue *queue, const struct switch_peer *peer,
		      u64 until_ns)
{
	struct switch_queue *state = queue->state;
	struct epoll_event event = { .events = EPOLLOUT | EPOLLONESHOT };

	state->waiting = true;
	if (epoll_ctl(state->writable, EPOLL_CTL_ADD, peer->fd, &event) < 0)
		epoll_ctl(state->writable, EPOLL_CTL_MOD, peer->fd, &event);
	net_queue_wake_at(queue, until_ns);
}

/* The events that a frame waited for have done their work. */
static void waiting_end(struct switch_queue *state)
{
	struct epoll_event events[EVENTS];

	while (epoll_wait(state->writable, events, EVENTS, 0) == EVENTS)
		;
	state->waiting = false;
}

/*
 * The peer has taken a frame. Several queues may be here at once and count one
 * of two frames, or a wait twice.
 */
static void peer_took(struct switch_peer *peer)
{
	u64 since_ns = port_load(&peer->stalled_ns);
	u64 patience_ns = port_load(&peer->patience_ns), waited_ns;

	if (!since_ns && patience_ns == SWITCH_PATIENCE_NS)
		return;
	patience_ns += EARNED_NS;
	if (since_ns) {
		waited_ns = net_clock_ns(CLOCK_MONOTONIC) - since_ns;
		patience_ns -=
			waited_ns < patience_ns ? waited_ns : patience_ns;
		port_store(&peer->stalled_ns, 0);
	}
	port_store(&peer->patience_ns, patience_ns < SWITCH_PATIENCE_NS
					       ? patience_ns
					       : SWITCH_PATIENCE_NS);
}

/* The peer takes no frames: until when to wait for it; 0: no longer. */
static u64 stall_until(struct switch_peer *peer)
{
	u64 now = net_clock_ns(CLOCK_MONOTONIC), until_ns;
	u64 since_ns = port_load(&peer->stalled_ns);

	if (!since_ns) {
		port_store(&peer->stalled_ns, now);
		since_ns = now;
	}
	until_ns = since_ns + port_load(&peer->patience_ns);
	return until_ns > now ? until_ns : 0;
}

/* To one peer; @patient: its sender waits for it a little. */
static int peer_send(struct net_queue *queue, struct switch_peer *peer,
		     bool patient, const struct network_vnet *vnet,
		     const struct iovec *pieces, int piece_count)
{
	int ret = net_message_send(peer->fd, vnet, pieces, piece_count);
	u64 until_ns;

	if (ret == 0) {
		peer_took(peer);
		return 0;
	}
	/* One that is gone is noticed by who reads from it. */
	if (ret != -EAGAIN || !patient)
		return NET_DROPPED;
	until_ns = stall_until(peer);
	if (!until_ns)
		return NET_DROPPED;
	peer_wait(queue, peer, until_ns);
	return -EAGAIN;
}

static int flood(struct net_queue *queue, const struct network_vnet *vnet,
		 const struct iovec *pieces, int piece_count)
{
	struct switch_port *port = port_of(queue);
	int ret = NET_DROPPED;

	for (u32 i = 0; i < SWITCH_PEERS_MAX; i++) {
		if (port->peers[i].number &&
		    peer_send(queue, &port->peers[i], false, vnet, pieces,
			      piece_count) == 0)
			ret = 0;
	}
	return ret;
}

/* The port is locked for reading. */
static int frame_send(struct net_queue *queue, const struct network_vnet *vnet,
		      const struct iovec *pieces, int piece_count)
{
	struct switch_port *port = port_of(queue);
	const u8 *head = pieces[0].iov_base;
	struct switch_peer *peer;
	u32 vlan = vlan_of(head, pieces[0].iov_len < HEAD_BYTES
					 ? (u32)pieces[0].iov_len
					 : HEAD_BYTES);
	bool known;
	u64 number;

	if (!vlan_passes(&port->vlan, vlan) ||
	    (!port->any_source && memcmp(head + 6, port->own, 6) != 0))
		return NET_DROPPED;
	if (head[0] & GROUP)
		return flood(queue, vnet, pieces, piece_count);
	pthread_mutex_lock(&port->table_lock);
	known = net_table_find(&port->table, head, vlan, now_ms(), &number);
	pthread_mutex_unlock(&port->table_lock);
	peer = known ? &port->peers[number % SWITCH_PEERS_MAX] : NULL;
	if (!peer || peer->number != number)
		return flood(queue, vnet, pieces, piece_count);
	return peer_send(queue, peer, true, vnet, pieces, piece_count);
}

static int switch_send(struct net_queue *queue, const struct network_vnet *vnet,
		       const struct iovec *pieces, int piece_count)
{
	struct switch_port *port = port_of(queue);
	struct switch_queue *state = queue->state;
	int ret;

	if (state->waiting)
		waiting_end(state);
	pthread_rwlock_rdlock(&port->lock);
	ret = frame_send(queue, vnet, pieces, piece_count);
	pthread_rwlock_unlock(&port->lock);
	return ret;
}

/* ---- port and queues ---- */

static int switch_queue_open(struct net_queue *queue, struct lis_error *err)
{
	struct switch_queue *state = calloc(1, sizeof(*state));

	if (!state)
		return lis_error_set(err, ENOMEM, "out of memory");
	state->writable = epoll_create1(EPOLL_CLOEXEC);
	if (state->writable < 0) {
		free(state);
		return lis_error_set(err, errno, "cannot make an epoll: %s",
				     strerror(errno));
	}
	queue->state = state;
	queue->fds[0].fd = state->writable;
	queue->fds[0].events = EPOLLIN;
	queue->fds[1].fd = port_of(queue)->readable;
	queue->fds[1].events = EPOLLIN;
	queue->fd_count = queue->index == 0 ? 2 : 1;
	return 0;
}

static void switch_queue_close(struct net_queue *queue)
{
	struct switch_queue *state = queue->state;

	close(state->writable);
	free(state);
}

static void switch_close(struct net_port *port)
{
	struct switch_port *own = (struct switch_port *)port;

	switch_leave(own);
	if (own->readable >= 0)
		close(own->readable);
	pthread_rwlock_destroy(&own->lock);
	pthread_mutex_destroy(&own->table_lock);
	net_port_done(port);
	free(own);
}

static int switch_begin(struct switch_port *port,
			const struct net_options *options,
			struct lis_error *err)
{
	memcpy(port->own, options->address, 6);
	port->any_source = options->any_source;
	port->vlan = options->vlan;
	port->port.info.queues = NET_QUEUES_MAX;
	port->port.info.mtu_bytes =
		options->mtu_bytes ? options->mtu_bytes : MTU_BYTES;
	port->readable = epoll_create1(EPOLL_CLOEXEC);
	if (port->readable < 0)
		return lis_error_set(err, errno, "cannot make an epoll: %s",
				     strerror(errno));
	if (getrandom(&port->table.seed, sizeof(port->table.seed), 0) < 0)
		return lis_error_set(err, errno, "no random numbers: %s",
				     strerror(errno));
	return switch_join(port, options->folder, err);
}

static int switch_open(struct net_port **port,
		       const struct net_options *options, struct lis_error *err)
{
	struct switch_port *made;
	int ret;

	if (!options->name || !options->folder)
		return lis_error_set(err, EINVAL,
				     "a switch must be named, as in "
				     "switch=NAME");
	made = calloc(1, sizeof(*made));
	if (!made)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = net_port_init(&made->port, &net_switch_class, options, err);
	if (ret < 0) {
		free(made);
		return ret;
	}
	pthread_rwlock_init(&made->lock, NULL);
	pthread_mutex_init(&made->table_lock, NULL);
	made->listener = -1;
	made->readable = -1;
	ret = switch_begin(made, options, err);
	if (ret < 0) {
		switch_close(&made->port);
		return ret;
	}
	*port = &made->port;
	return 0;
}

static void switch_address_set(struct net_port *port, const u8 address[6])
{
	struct switch_port *own = (struct switch_port *)port;

	pthread_rwlock_wrlock(&own->lock);
	memcpy(own->own, address, 6);
	pthread_rwlock_unlock(&own->lock);
}

static void switch_vlan_set(struct net_port *port,
			    const struct network_vlan *vlan)
{
	struct switch_port *own = (struct switch_port *)port;

	pthread_rwlock_wrlock(&own->lock);
	own->vlan = *vlan;
	pthread_rwlock_unlock(&own->lock);
}

static void switch_news(struct net_port *port)
{
	switch_accept((struct switch_port *)port);
}

const struct net_class net_switch_class = {
	.kind = NET_SWITCH,
	.foreign = true,
	.filters = true,
	.open = switch_open,
	.close = switch_close,
	.queue_open = switch_queue_open,
	.queue_close = switch_queue_close,
	.receive = switch_receive,
	.send = switch_send,
	.address_set = switch_address_set,
	.vlan_set = switch_vlan_set,
	.news = switch_news,
};
