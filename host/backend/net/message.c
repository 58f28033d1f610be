/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/backend/net/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static int error_of(int code)
{
	switch (code) {
	case EAGAIN:
	case EINTR:
		return -EAGAIN;
	case EMSGSIZE:
		return -EMSGSIZE;
	default:
		return -EPIPE;
	}
}

ssize_t net_message_receive(int fd, struct network_vnet *vnet,
			    const struct iovec *pieces, int piece_count)
{
	struct iovec all[1 + NET_PIECES_MAX] = { { vnet, sizeof(*vnet) } };
	struct msghdr message = { .msg_iov = all,
				  .msg_iovlen = 1 + (size_t)piece_count };
	ssize_t bytes;

	memcpy(all + 1, pieces, (size_t)piece_count * sizeof(*pieces));
	bytes = recvmsg(fd, &message, MSG_DONTWAIT);
	if (bytes < 0)
		return error_of(errno);
	/* A stream of datagrams that has ended gives an empty one. */
	if (bytes == 0)
		return -EPIPE;
	if (message.msg_flags & MSG_TRUNC ||
	    bytes < (ssize_t)(sizeof(*vnet) + NETWORK_ETHERNET_BYTES))
		return -EMSGSIZE;
	return bytes - (ssize_t)sizeof(*vnet);
}

int net_message_send(int fd, const struct network_vnet *vnet,
		     const struct iovec *pieces, int piece_count)
{
	struct iovec all[1 + NET_PIECES_MAX] = { { (void *)vnet,
						   sizeof(*vnet) } };
	struct msghdr message = { .msg_iov = all,
				  .msg_iovlen = 1 + (size_t)piece_count };

	memcpy(all + 1, pieces, (size_t)piece_count * sizeof(*pieces));
	if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == ENOBUFS || errno == ENOMEM)
		return NET_DROPPED;
	return error_of(errno);
}
