/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * socket.c - a port whose other side is a datagram socket in another's hands:
 * each datagram is a struct network_vnet and the frame.
 */
#define _GNU_SOURCE
#include "host/backend/net/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct socket_port {
	struct net_port port;
	u32 queues;
	int sockets[NET_QUEUES_MAX];
};

static int socket_open(struct net_port **port,
		       const struct net_options *options, struct lis_error *err)
{
	struct socket_port *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = net_port_init(&made->port, &net_socket_class, options, err);
	if (ret < 0) {
		free(made);
		return ret;
	}
	made->queues = options->queues ? options->queues : 1;
	memcpy(made->sockets, options->sockets,
	       made->queues * sizeof(made->sockets[0]));
	made->port.info.queues = made->queues;
	made->port.info.receive_queues = made->queues;
	made->port.info.mtu_bytes =
		options->mtu_bytes ? options->mtu_bytes : 1500;
	*port = &made->port;
	return 0;
}

static void socket_close(struct net_port *port)
{
	struct socket_port *own = (struct socket_port *)port;

	for (u32 i = 0; i < own->queues; i++)
		close(own->sockets[i]);
	net_port_done(port);
	free(own);
}

static int socket_queue_open(struct net_queue *queue, struct lis_error *err)
{
	struct socket_port *own = (struct socket_port *)queue->port;

	(void)err;
	queue->fds[0].fd = own->sockets[queue->index];
	queue->fds[0].events = EPOLLIN | EPOLLOUT;
	queue->fd_count = 1;
	return 0;
}

static ssize_t socket_receive(struct net_queue *queue,
			      struct network_vnet *vnet,
			      const struct iovec *pieces, int piece_count)
{
	ssize_t ret = net_message_receive(queue->fds[0].fd, vnet, pieces,
					  piece_count);

	return ret == -EPIPE ? net_port_gone(queue->port) : ret;
}

static int socket_send(struct net_queue *queue, const struct network_vnet *vnet,
		       const struct iovec *pieces, int piece_count)
{
	int ret = net_message_send(queue->fds[0].fd, vnet, pieces, piece_count);

	return ret == -EPIPE ? net_port_gone(queue->port) : ret;
}

const struct net_class net_socket_class = {
	.kind = NET_SOCKET,
	.foreign = true,
	.open = socket_open,
	.close = socket_close,
	.queue_open = socket_queue_open,
	.receive = socket_receive,
	.send = socket_send,
};
