/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * user.c - a network behind this process, without privileges: libslirp, which
 * is a router, a DHCP server and a DNS forwarder to the guest, and ordinary
 * sockets to the host.
 *
 * libslirp belongs to a thread of its own. Frames go through two rings; who
 * finds his full waits, so that a guest that does not read stops the sockets
 * and nothing piles up. A segment to be cut goes in whole: libslirp takes it as
 * a very long frame.
 */
#define _GNU_SOURCE
#include "host/backend/net/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define MTU_DEFAULT 1500u
#define MTU_MIN	    576u   /* RFC 791 */
#define MTU_MAX	    65521u /* libslirp: IF_MTU_MAX */
#define SOCKETS_MAX 4096u

static void user_close(struct net_port *port)
{
	struct user_port *user = (struct user_port *)port;

	if (user->running) {
		pthread_mutex_lock(&user->lock);
		user->closing = true;
		pthread_mutex_unlock(&user->lock);
		user_signal(user->wake);
		pthread_join(user->thread, NULL);
	}
	if (user->slirp)
		slirp_cleanup(user->slirp);
	if (user->wake >= 0)
		close(user->wake);
	net_ring_free(&user->from_guest);
	net_ring_free(&user->to_guest);
	pthread_mutex_destroy(&user->lock);
	reassembly_free(&user->fragments);
	free(user->polls);
	net_port_done(port);
	free(user);
}

static u32 sockets_allowed(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur / 2 > SOCKETS_MAX)
		return SOCKETS_MAX;
	return (u32)(limit.rlim_cur / 2);
}

static int forwards_make(struct user_port *user,
			 const struct net_options *options,
			 struct lis_error *err)
{
	for (u32 i = 0; i < options->forward_count; i++) {
		const struct net_forward *forward = &options->forwards[i];
		char host[INET_ADDRSTRLEN];
		int code;

		errno = 0;
		if (slirp_add_hostfwd(user->slirp, forward->udp, forward->host,
				      forward->host_port, forward->guest,
				      forward->guest_port) == 0)
			continue;
		code = errno ? errno : EINVAL;
		inet_ntop(AF_INET, &forward->host, host, sizeof(host));
		return lis_error_set(err, code,
				     "cannot forward %s port %u of %s to the "
				     "guest: %s; choose another port or stop "
				     "who has it",
				     forward->udp ? "UDP" : "TCP",
				     forward->host_port, host, strerror(code));
	}
	return 0;
}

static int user_start(struct user_port *user, const struct net_options *options,
		      struct lis_error *err)
{
	int ret;

	user->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (user->wake < 0)
		return lis_error_set(err, errno, "cannot make an eventfd: %s",
				     strerror(errno));
	if (net_ring_make(&user->from_guest, USER_RING_BYTES) < 0 ||
	    net_ring_make(&user->to_guest, USER_RING_BYTES) < 0)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = user_slirp_make(user, options, err);
	if (ret == 0)
		ret = forwards_make(user, options, err);
	if (ret < 0)
		return ret;
	ret = net_thread_start(&user->thread, user_run, user);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot start a thread: %s",
				     strerror(-ret));
	user->running = true;
	return 0;
}

static int user_open(struct net_port **port, const struct net_options *options,
		     struct lis_error *err)
{
	u32 mtu_bytes = options->mtu_bytes ? options->mtu_bytes : MTU_DEFAULT;
	struct user_port *user;
	int ret;

	if (mtu_bytes < MTU_MIN || mtu_bytes > MTU_MAX)
		return lis_error_set(err, EINVAL,
				     "the MTU of a user-mode network is %u to "
				     "%u",
				     MTU_MIN, MTU_MAX);
	user = calloc(1, sizeof(*user));
	if (!user)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = net_port_init(&user->port, &net_user_class, options, err);
	if (ret < 0) {
		free(user);
		return ret;
	}
	pthread_mutex_init(&user->lock, NULL);
	user->wake = -1;
	for (u32 i = 0; i < NET_QUEUES_MAX; i++)
		user->queue_wake[i] = -1;
	user->sockets_max = sockets_allowed();
	user->port.info.queues = NET_QUEUES_MAX;
	user->port.info.mtu_bytes = mtu_bytes;
	ret = user_start(user, options, err);
	if (ret < 0) {
		user_close(&user->port);
		return ret;
	}
	*port = &user->port;
	return 0;
}

static int user_queue_open(struct net_queue *queue, struct lis_error *err)
{
	struct user_port *user = (struct user_port *)queue->port;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return lis_error_set(err, errno, "cannot make an eventfd: %s",
				     strerror(errno));
	queue->fds[0].fd = fd;
	queue->fds[0].events = EPOLLIN;
	queue->fd_count = 1;
	pthread_mutex_lock(&user->lock);
	user->queue_wake[queue->index] = fd;
	pthread_mutex_unlock(&user->lock);
	return 0;
}

static void user_queue_close(struct net_queue *queue)
{
	struct user_port *user = (struct user_port *)queue->port;

	pthread_mutex_lock(&user->lock);
	user->queue_wake[queue->index] = -1;
	user->waiting[queue->index] = false;
	while (queue->index == 0 && !net_ring_empty(&user->to_guest))
		net_ring_consume(&user->to_guest);
	user_signal(user->wake);
	pthread_mutex_unlock(&user->lock);
	close(queue->fds[0].fd);
}

static ssize_t user_receive(struct net_queue *queue, struct network_vnet *vnet,
			    const struct iovec *pieces, int piece_count)
{
	struct user_port *user = (struct user_port *)queue->port;
	struct user_frame *frame;
	ssize_t ret = -EAGAIN;

	if (queue->index != 0)
		return -EAGAIN;
	pthread_mutex_lock(&user->lock);
	frame = net_ring_first(&user->to_guest);
	if (frame) {
		*vnet = frame->vnet;
		ret = frame->bytes;
		if (!net_queue_wants(queue, (const u8 *)(frame + 1),
				     frame->bytes) ||
		    net_pieces_put(pieces, piece_count, frame + 1,
				   frame->bytes) < frame->bytes)
			ret = -EMSGSIZE;
		net_ring_consume(&user->to_guest);
	}
	if (user->choked &&
	    net_ring_used_bytes(&user->to_guest) < USER_RING_LOW_BYTES) {
		user->choked = false;
		user_signal(user->wake);
	}
	pthread_mutex_unlock(&user->lock);
	return ret;
}

static int user_send(struct net_queue *queue, const struct network_vnet *vnet,
		     const struct iovec *pieces, int piece_count)
{
	struct user_port *user = (struct user_port *)queue->port;
	u32 bytes = (u32)net_pieces_bytes(pieces, piece_count);
	struct user_frame *frame;

	pthread_mutex_lock(&user->lock);
	frame = net_ring_add(&user->from_guest, (u32)sizeof(*frame) + bytes);
	if (frame) {
		frame->vnet = *vnet;
		frame->bytes = bytes;
		net_pieces_get(frame + 1, bytes, pieces, piece_count);
	} else {
		user->waiting[queue->index] = true;
	}
	pthread_mutex_unlock(&user->lock);
	if (!frame)
		user_signal(user->wake);
	return frame ? 0 : -EAGAIN;
}

static void user_kick(struct net_queue *queue)
{
	struct user_port *user = (struct user_port *)queue->port;

	user_signal(user->wake);
}

const struct net_class net_user_class = {
	.kind = NET_USER,
	.filters = true,
	.open = user_open,
	.close = user_close,
	.queue_open = user_queue_open,
	.queue_close = user_queue_close,
	.receive = user_receive,
	.send = user_send,
	.kick = user_kick,
};
