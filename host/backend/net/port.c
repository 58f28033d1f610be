/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What all kinds of ports have: news, limits, capture, counters.
 */
#define _GNU_SOURCE
#include "host/backend/net/backend.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct net_class *const classes[] = {
	[NET_USER] = &net_user_class,
	[NET_TAP] = &net_tap_class,
	[NET_SWITCH] = &net_switch_class,
	[NET_SOCKET] = &net_socket_class,
};

static const char *const names[] = {
	[NET_USER] = "user",
	[NET_TAP] = "tap",
	[NET_SWITCH] = "switch",
	[NET_SOCKET] = "socket",
};

/* What the news epoll says of its descriptors. */
#define NEWS_TOLD  0
#define NEWS_CLASS 1

const char *net_kind_name(enum net_kind kind)
{
	return names[kind];
}

int net_thread_start(pthread_t *thread, void *(*run)(void *context),
		     void *context)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(thread, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

static int news_watch(struct net_port *port, int fd, u64 what,
		      struct lis_error *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = what };

	if (epoll_ctl(port->news, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	return lis_error_set(err, errno, "cannot watch a network port: %s",
			     strerror(errno));
}

int net_port_news_add(struct net_port *port, int fd, struct lis_error *err)
{
	return news_watch(port, fd, NEWS_CLASS, err);
}

int net_port_init(struct net_port *port, const struct net_class *class,
		  const struct net_options *options, struct lis_error *err)
{
	const char *name = options->name ? options->name : names[class->kind];
	int ret;

	port->class = class;
	port->info.kind = class->kind;
	port->info.link_up = true;
	port->info.queues = 1;
	port->info.receive_queues = 1;
	memcpy(port->info.name, name, strnlen(name, NET_NAME_BYTES - 1));
	pthread_mutex_init(&port->lock, NULL);
	pthread_mutex_init(&port->capture_lock, NULL);
	port->news = epoll_create1(EPOLL_CLOEXEC);
	port->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (port->news >= 0 && port->told >= 0)
		ret = news_watch(port, port->told, NEWS_TOLD, err);
	else
		ret = lis_error_set(err, errno,
				    "cannot make a network port: %s",
				    strerror(errno));
	if (ret < 0)
		net_port_done(port);
	return ret;
}

void net_port_done(struct net_port *port)
{
	if (port->news >= 0)
		close(port->news);
	if (port->told >= 0)
		close(port->told);
	pthread_mutex_destroy(&port->capture_lock);
	pthread_mutex_destroy(&port->lock);
}

/* It becomes part of a path, or the kernel's, to which '%' means something. */
static bool name_valid(const char *name)
{
	size_t bytes = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.-");

	return bytes && bytes < NET_NAME_BYTES && !name[bytes] &&
	       name[0] != '.';
}

int net_port_open(struct net_port **port, const struct net_options *options,
		  struct lis_error *err)
{
	int ret;

	if (options->kind >= PORT_ARRAY_SIZE(classes) ||
	    !classes[options->kind])
		return lis_error_set(err, EINVAL,
				     "there is no such kind of network port");
	if (options->queues > NET_QUEUES_MAX ||
	    options->forward_count > NET_FORWARDS_MAX)
		return lis_error_set(err, EINVAL,
				     "a network port has up to %u queues and "
				     "%u forwards",
				     NET_QUEUES_MAX, NET_FORWARDS_MAX);
	if (options->name && !name_valid(options->name))
		return lis_error_set(err, EINVAL,
				     "\"%.64s\" is no name of a tap or a "
				     "switch: those have 1 to %u letters, "
				     "digits, '_', '.' or '-'",
				     options->name, NET_NAME_BYTES - 1);
	ret = classes[options->kind]->open(port, options, err);
	if (ret == 0)
		net_port_limit_set(*port, options->bits_per_second);
	return ret;
}

void net_port_close(struct net_port *port)
{
	if (port)
		port->class->close(port);
}

void net_port_info(struct net_port *port, struct net_info *info)
{
	pthread_mutex_lock(&port->lock);
	*info = port->info;
	pthread_mutex_unlock(&port->lock);
}

/* The port is locked. */
static void tell(struct net_port *port)
{
	const u64 one = 1;

	port_store(&port->changed, true);
	/* It is readable already when there are too many. */
	if (write(port->told, &one, sizeof(one)) < 0)
		return;
}

void net_port_link_set(struct net_port *port, bool up)
{
	pthread_mutex_lock(&port->lock);
	if (port->info.link_up != up && !port->info.gone) {
		port->info.link_up = up;
		tell(port);
	}
	pthread_mutex_unlock(&port->lock);
}

void net_port_mtu_changed(struct net_port *port, u32 mtu_bytes)
{
	pthread_mutex_lock(&port->lock);
	if (port->info.mtu_bytes != mtu_bytes) {
		port->info.mtu_bytes = mtu_bytes;
		tell(port);
	}
	pthread_mutex_unlock(&port->lock);
}

void net_port_dropped(struct net_port *port)
{
	pthread_mutex_lock(&port->lock);
	port->closed.received_dropped++;
	pthread_mutex_unlock(&port->lock);
}

int net_port_gone(struct net_port *port)
{
	pthread_mutex_lock(&port->lock);
	if (!port->info.gone) {
		port->info.gone = true;
		port->info.link_up = false;
		tell(port);
	}
	pthread_mutex_unlock(&port->lock);
	return -ENODEV;
}

int net_port_news_fd(const struct net_port *port)
{
	return port->news;
}

bool net_port_news(struct net_port *port)
{
	struct epoll_event events[2];
	int count = epoll_wait(port->news, events, 2, 0);
	u64 times;

	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == NEWS_CLASS)
			port->class->news(port);
	}
	if (read(port->told, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return false;
	return __atomic_exchange_n(&port->changed, false, __ATOMIC_ACQ_REL);
}

void net_counters_add(struct net_counters *sum, const struct net_counters *more)
{
	sum->sent_frames += port_load(&more->sent_frames);
	sum->sent_bytes += port_load(&more->sent_bytes);
	sum->received_frames += port_load(&more->received_frames);
	sum->received_bytes += port_load(&more->received_bytes);
	sum->sent_dropped += port_load(&more->sent_dropped);
	sum->received_dropped += port_load(&more->received_dropped);
	sum->sent_delayed += port_load(&more->sent_delayed);
	sum->received_delayed += port_load(&more->received_delayed);
}

void net_port_counters(struct net_port *port, struct net_counters *counters)
{
	pthread_mutex_lock(&port->lock);
	*counters = port->closed;
	for (u32 i = 0; i < NET_QUEUES_MAX; i++) {
		if (port->queues[i])
			net_counters_add(counters, &port->queues[i]->counters);
	}
	pthread_mutex_unlock(&port->lock);
}

void net_port_takes_set(struct net_port *port, u32 takes)
{
	port_store(&port->takes, takes & NET_TAKES_ALL);
	if (port->class->takes_set)
		port->class->takes_set(port, takes & NET_TAKES_ALL);
}

void net_port_limit_set(struct net_port *port, u64 bits_per_second)
{
	net_limit_set(&port->sent, bits_per_second);
	net_limit_set(&port->received, bits_per_second);
}

int net_port_mtu_set(struct net_port *port, u32 mtu_bytes)
{
	return port->class->mtu_set ? port->class->mtu_set(port, mtu_bytes)
				    : -ENOTSUP;
}

void net_port_address_set(struct net_port *port, const u8 address[6])
{
	if (port->class->address_set)
		port->class->address_set(port, address);
}

void net_port_vlan_set(struct net_port *port, const struct network_vlan *vlan)
{
	if (port->class->vlan_set)
		port->class->vlan_set(port, vlan);
}

void net_port_capture_set(struct net_port *port, struct net_capture *capture)
{
	pthread_mutex_lock(&port->capture_lock);
	port_store(&port->capture, capture);
	pthread_mutex_unlock(&port->capture_lock);
}
