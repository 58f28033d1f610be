/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * tap.c - a tap interface of the host, with a descriptor for each queue.
 *
 * Sources: Linux Documentation/networking/tuntap.rst, linux/if_tun.h; what
 * reads and writes answer: drivers/net/tun.c.
 */
#define _GNU_SOURCE
#include "host/backend/net/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

struct tap_port {
	struct net_port port;
	u32 index;     /* of the interface; its name may change */
	bool multi;    /* IFF_MULTI_QUEUE */
	int asking;    /* a socket to ask the kernel by */
	int listening; /* netlink: interfaces change */
	u32 queues;
	int fds[NET_QUEUES_MAX];
};

/* ---- opening ---- */

static int attach(int fd, const char *name, bool multi)
{
	struct ifreq request = { .ifr_flags = TAP_FLAGS };
	int header_bytes = sizeof(struct network_vnet), little = 1;

	memcpy(request.ifr_name, name, strlen(name));
	if (multi)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, &request) < 0 ||
	    ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0 ||
	    ioctl(fd, TUNSETVNETLE, &little) < 0)
		return -errno;
	return 0;
}

static int attach_error(int code, const char *name, struct lis_error *err)
{
	switch (code) {
	case -EPERM:
		return lis_error_set(err, EPERM,
				     "tap %s is not yours to use; make one "
				     "with \"ip tuntap add dev %s mode tap "
				     "multi_queue vnet_hdr user NAME\"",
				     name, name);
	case -EBUSY:
		return lis_error_set(err, EBUSY,
				     "tap %s is in use by another process",
				     name);
	case -EINVAL:
		return lis_error_set(err, EINVAL,
				     "interface %s exists and is no tap", name);
	default:
		return lis_error_set(err, -code, "cannot use tap %s: %s", name,
				     strerror(-code));
	}
}

static int device_open(struct lis_error *err)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return lis_error_set(err, errno,
			     "cannot open /dev/net/tun: %s; is the module tun "
			     "loaded, and may you read and write it?",
			     strerror(errno));
}

/* A queue that nobody serves gets no frames. */
static int queue_attach(const struct tap_port *tap, int fd, bool yes)
{
	struct ifreq request = { .ifr_flags = yes ? IFF_ATTACH_QUEUE
						  : IFF_DETACH_QUEUE };

	if (!tap->multi)
		return 0;
	return ioctl(fd, TUNSETQUEUE, &request) < 0 ? -errno : 0;
}

/* The first descriptor says what kind of tap it is. */
static int first_open(struct tap_port *tap, const char *name, u32 queues,
		      struct lis_error *err)
{
	int fd = device_open(err), ret;

	if (fd < 0)
		return fd;
	tap->fds[0] = fd;
	tap->queues = 1;
	tap->multi = queues > 1;
	ret = attach(fd, name, tap->multi);
	if (ret == -EINVAL) {
		/* One that exists with or without several queues. */
		tap->multi = !tap->multi;
		ret = attach(fd, name, tap->multi);
	}
	return ret < 0 ? attach_error(ret, name, err)
		       : queue_attach(tap, fd, false);
}

static int queues_open(struct tap_port *tap, const char *name, u32 queues,
		       struct lis_error *err)
{
	int ret = first_open(tap, name, queues, err);

	while (ret == 0 && tap->multi && tap->queues < queues) {
		int fd = device_open(err);

		if (fd < 0)
			return fd;
		tap->fds[tap->queues++] = fd;
		ret = attach(fd, name, true);
		if (ret < 0)
			return attach_error(ret, name, err);
		ret = queue_attach(tap, fd, false);
	}
	return ret;
}

/* ---- the interface ---- */

/* Finds the interface under the name that it has now. */
static int ask(struct tap_port *tap, unsigned long what, struct ifreq *request)
{
	struct ifreq named = { .ifr_ifindex = (int)tap->index };

	if (ioctl(tap->asking, SIOCGIFNAME, &named) < 0)
		return -errno;
	memcpy(request->ifr_name, named.ifr_name, IFNAMSIZ);
	return ioctl(tap->asking, what, request) < 0 ? -errno : 0;
}

/* Tells what the interface is like now. */
static void interface_look(struct tap_port *tap)
{
	struct ifreq flags = { 0 }, mtu = { 0 };
	int ret = ask(tap, SIOCGIFFLAGS, &flags);

	if (ret == 0)
		ret = ask(tap, SIOCGIFMTU, &mtu);
	if (ret == -ENODEV || ret == -ENXIO) {
		net_port_gone(&tap->port);
	} else if (ret == 0) {
		net_port_mtu_changed(&tap->port, (u32)mtu.ifr_mtu);
		net_port_link_set(&tap->port, flags.ifr_flags & IFF_UP);
	}
}

/* An interface that was made for us is of no use while it is down. */
static int interface_up(struct tap_port *tap)
{
	struct ifreq request = { 0 };
	int ret = ask(tap, SIOCGIFFLAGS, &request);

	request.ifr_flags |= IFF_UP;
	return ret < 0 ? ret : ask(tap, SIOCSIFFLAGS, &request);
}

static int tap_mtu_set(struct net_port *port, u32 mtu_bytes)
{
	struct ifreq request = { .ifr_mtu = (int)mtu_bytes };

	return ask((struct tap_port *)port, SIOCSIFMTU, &request);
}

static int listen_open(struct tap_port *tap, struct lis_error *err)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
				       .nl_groups = RTMGRP_LINK };

	tap->asking = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	tap->listening =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       NETLINK_ROUTE);
	if (tap->asking < 0 || tap->listening < 0 ||
	    bind(tap->listening, (void *)&address, sizeof(address)) < 0)
		return lis_error_set(err, errno,
				     "cannot listen for changes of network "
				     "interfaces: %s",
				     strerror(errno));
	return net_port_news_add(&tap->port, tap->listening, err);
}

/* What changed is not read: what the interface is like now counts. */
static void tap_news(struct net_port *port)
{
	struct tap_port *tap = (struct tap_port *)port;
	char ignored[64];

	while (recv(tap->listening, ignored, sizeof(ignored), MSG_TRUNC) >= 0 ||
	       errno == ENOBUFS)
		;
	interface_look(tap);
}

/* ---- the port ---- */

static void tap_close(struct net_port *port)
{
	struct tap_port *tap = (struct tap_port *)port;

	for (u32 i = 0; i < tap->queues; i++)
		close(tap->fds[i]);
	if (tap->asking >= 0)
		close(tap->asking);
	if (tap->listening >= 0)
		close(tap->listening);
	net_port_done(port);
	free(tap);
}

static int tap_begin(struct tap_port *tap, const struct net_options *options,
		     struct lis_error *err)
{
	u32 queues = options->queues ? options->queues : 1;
	bool made = !if_nametoindex(options->name);
	int ret = listen_open(tap, err);

	if (ret == 0)
		ret = queues_open(tap, options->name, queues, err);
	if (ret < 0)
		return ret;
	tap->index = if_nametoindex(options->name);
	tap->port.info.queues = tap->queues;
	tap->port.info.receive_queues = tap->queues;
	tap->port.class->takes_set(&tap->port, 0);
	if (made)
		ret = interface_up(tap);
	if (ret == 0 && options->mtu_bytes)
		ret = tap_mtu_set(&tap->port, options->mtu_bytes);
	/* A tap of somebody else's making stays as it is. */
	if (ret < 0 && (made || ret != -EPERM))
		return lis_error_set(err, -ret, "cannot set up tap %s: %s",
				     options->name, strerror(-ret));
	interface_look(tap);
	port_store(&tap->port.changed, false);
	return 0;
}

static int tap_open(struct net_port **port, const struct net_options *options,
		    struct lis_error *err)
{
	struct tap_port *tap;
	int ret;

	if (!options->name)
		return lis_error_set(err, EINVAL,
				     "a tap must be named, as in tap=NAME");
	tap = calloc(1, sizeof(*tap));
	if (!tap)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = net_port_init(&tap->port, &net_tap_class, options, err);
	if (ret < 0) {
		free(tap);
		return ret;
	}
	tap->asking = -1;
	tap->listening = -1;
	ret = tap_begin(tap, options, err);
	if (ret < 0) {
		tap_close(&tap->port);
		return ret;
	}
	*port = &tap->port;
	return 0;
}

static void tap_takes_set(struct net_port *port, u32 takes)
{
	struct tap_port *tap = (struct tap_port *)port;
	unsigned long flags = 0;

	/* The kernel gives segments only to who takes unfinished checksums. */
	flags |= takes ? TUN_F_CSUM : 0;
	flags |= takes & NET_TAKES_TSO4 ? TUN_F_TSO4 | TUN_F_TSO_ECN : 0;
	flags |= takes & NET_TAKES_TSO6 ? TUN_F_TSO6 | TUN_F_TSO_ECN : 0;
	/* It fails when the interface is gone, which the queues find out. */
	ioctl(tap->fds[0], TUNSETOFFLOAD, flags);
}

/* ---- queues ---- */

/* What the interface got while nobody was there is old. */
static void queue_empty(int fd)
{
	u8 ignored[256];

	while (read(fd, ignored, sizeof(ignored)) > 0)
		;
}

static int tap_queue_open(struct net_queue *queue, struct lis_error *err)
{
	struct tap_port *tap = (struct tap_port *)queue->port;
	int fd = tap->fds[queue->index];
	int ret = queue_attach(tap, fd, true);

	if (ret < 0)
		return lis_error_set(err, -ret, "cannot use a queue of tap: %s",
				     strerror(-ret));
	queue_empty(fd);
	queue->fds[0].fd = fd;
	queue->fds[0].events = EPOLLIN | EPOLLOUT;
	queue->fd_count = 1;
	return 0;
}

static void tap_queue_close(struct net_queue *queue)
{
	struct tap_port *tap = (struct tap_port *)queue->port;

	/* Of an interface that is gone there is nothing to detach. */
	(void)queue_attach(tap, tap->fds[queue->index], false);
}

/* EBADFD: the descriptor's interface was deleted. */
static bool is_gone(int code)
{
	return code == EBADFD || code == ENODEV;
}

static ssize_t tap_receive(struct net_queue *queue, struct network_vnet *vnet,
			   const struct iovec *pieces, int piece_count)
{
	struct iovec all[NET_PIECES_MAX + 2] = { { vnet, sizeof(*vnet) } };
	size_t room = net_pieces_bytes(pieces, piece_count);
	ssize_t bytes;
	u8 beyond;

	memcpy(all + 1, pieces, (size_t)piece_count * sizeof(*pieces));
	/* A frame that is too long shows by this byte only. */
	all[1 + piece_count].iov_base = &beyond;
	all[1 + piece_count].iov_len = 1;
	bytes = readv(queue->fds[0].fd, all, piece_count + 2);
	if (bytes < 0 && is_gone(errno))
		return net_port_gone(queue->port);
	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EMSGSIZE;
	bytes -= (ssize_t)sizeof(*vnet);
	if (bytes < (ssize_t)NETWORK_ETHERNET_BYTES || bytes > (ssize_t)room)
		return -EMSGSIZE;
	return bytes;
}

static int tap_send(struct net_queue *queue, const struct network_vnet *vnet,
		    const struct iovec *pieces, int piece_count)
{
	struct iovec all[NET_PIECES_MAX + 1] = { { (void *)vnet,
						   sizeof(*vnet) } };

	memcpy(all + 1, pieces, (size_t)piece_count * sizeof(*pieces));
	if (writev(queue->fds[0].fd, all, piece_count + 1) >= 0)
		return 0;
	if (is_gone(errno))
		return net_port_gone(queue->port);
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	/* EIO: it is down; EINVAL: vnet contradicts the frame; no memory. */
	return NET_DROPPED;
}

const struct net_class net_tap_class = {
	.kind = NET_TAP,
	.open = tap_open,
	.close = tap_close,
	.queue_open = tap_queue_open,
	.queue_close = tap_queue_close,
	.receive = tap_receive,
	.send = tap_send,
	.takes_set = tap_takes_set,
	.mtu_set = tap_mtu_set,
	.news = tap_news,
};
