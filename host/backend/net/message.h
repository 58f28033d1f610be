/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * message.h - a frame as one datagram between two processes of this host: a
 * struct network_vnet, then the frame.
 */
#ifndef HOST_BACKEND_NET_MESSAGE_H
#define HOST_BACKEND_NET_MESSAGE_H

#include "host/backend/net/backend.h"

/*
 * Takes the next one, without waiting. Returns the frame's size in bytes;
 * -EMSGSIZE: it was shorter than a header or longer than the pieces, and is
 * dropped; -EAGAIN; -EPIPE: the other side is gone.
 */
ssize_t net_message_receive(int fd, struct network_vnet *vnet,
			    const struct iovec *pieces, int piece_count);

/* Sends one, without waiting. Returns 0; NET_DROPPED: the kernel has no memory;
 * -EAGAIN; -EMSGSIZE: longer than the socket can ever take; -EPIPE. */
int net_message_send(int fd, const struct network_vnet *vnet,
		     const struct iovec *pieces, int piece_count);

#endif
