/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The thread that libslirp belongs to, and what libslirp calls. */
#define _GNU_SOURCE
#include "host/backend/net/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS_NS		 1000000
#define POLL_FOREVER	 UINT32_MAX
#define FRAMES_PER_TURN	 256
#define TCP_FLAGS_OFFSET 13
#define TCP_SYN		 0x02u
#define TCP_ACK		 0x10u

void user_signal(int fd)
{
	const u64 one = 1;

	/* It is readable already when there are too many. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static s64 now_ns(void)
{
	return (s64)net_clock_ns(CLOCK_MONOTONIC);
}

/* ---- what libslirp calls ---- */

static ssize_t slirp_send_packet(const void *data, size_t bytes, void *opaque)
{
	struct user_port *user = opaque;
	struct user_frame *frame = NULL;
	bool was_empty;

	pthread_mutex_lock(&user->lock);
	was_empty = net_ring_empty(&user->to_guest);
	/* Without a reader they would be old when one comes. */
	if (bytes <= NETWORK_FRAME_MAX_BYTES && user->queue_wake[0] >= 0)
		frame = net_ring_add(&user->to_guest,
				     (u32)(sizeof(*frame) + bytes));
	if (frame) {
		memset(&frame->vnet, 0, sizeof(frame->vnet));
		/* It has just made the checksums. */
		frame->vnet.flags = NETWORK_VNET_DATA_VALID;
		frame->bytes = (u32)bytes;
		memcpy(frame + 1, data, bytes);
		if (was_empty)
			user_signal(user->queue_wake[0]);
	} else {
		net_port_dropped(&user->port);
	}
	pthread_mutex_unlock(&user->lock);
	return (ssize_t)bytes;
}

static void slirp_guest_error(const char *text, void *opaque)
{
	/* A guest may err as it likes. */
	(void)text;
	(void)opaque;
}

static int64_t slirp_clock(void *opaque)
{
	(void)opaque;
	return now_ns();
}

static void *slirp_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct user_port *user = opaque;

	for (u32 i = 0; i < SLIRP_TIMER_NUM; i++) {
		struct user_timer *timer = &user->timers[i];

		if (timer->used)
			continue;
		timer->used = true;
		timer->id = id;
		timer->opaque = cb_opaque;
		timer->expire_ms = -1;
		return timer;
	}
	return NULL;
}

static void slirp_timer_free(void *timer, void *opaque)
{
	(void)opaque;
	if (timer)
		((struct user_timer *)timer)->used = false;
}

static void slirp_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	(void)opaque;
	if (timer)
		((struct user_timer *)timer)->expire_ms = expire_ms;
}

static void slirp_register(int fd, void *opaque)
{
	struct user_port *user = opaque;

	(void)fd;
	user->sockets++;
}

static void slirp_unregister(int fd, void *opaque)
{
	struct user_port *user = opaque;

	(void)fd;
	if (user->sockets)
		user->sockets--;
}

static void slirp_notify(void *opaque)
{
	/* It is called within the thread, which looks again anyway. */
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = slirp_send_packet,
	.guest_error = slirp_guest_error,
	.clock_get_ns = slirp_clock,
	.timer_free = slirp_timer_free,
	.timer_mod = slirp_timer_mod,
	.register_poll_fd = slirp_register,
	.unregister_poll_fd = slirp_unregister,
	.notify = slirp_notify,
	.timer_new_opaque = slirp_timer_new,
};

/* ---- the thread ---- */

/*
 * Whether a frame would make libslirp open a socket when the guest has as many
 * as it may: they are the descriptors of the whole process.
 */
static bool frame_exceeds(const struct user_port *user, const u8 *data,
			  u32 bytes)
{
	struct network_headers headers;
	u8 flags;

	if (user->sockets < user->sockets_max)
		return false;
	network_frame_headers(
		data, bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES,
		&headers);
	if (!headers.ip_version)
		return false;
	if (headers.protocol != NETWORK_PROTOCOL_TCP)
		return true;
	if (!headers.transport_offset)
		return false;
	flags = data[headers.transport_offset + TCP_FLAGS_OFFSET];
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static void datagram_input(struct user_port *user, const u8 *data, u32 bytes)
{
	if (!frame_exceeds(user, data, bytes))
		slirp_input(user->slirp, data, (int)bytes);
}

/*
 * libslirp up to 4.7 ends the process when the first fragment of a datagram
 * that it gets is not the datagram's beginning: it gets whole ones.
 */
static bool fragment_input(struct user_port *user, const u8 *data, u32 bytes)
{
	struct network_headers headers;
	const u8 *whole;

	network_frame_headers(
		data, bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES,
		&headers);
	if (headers.ip_version != 4 || !headers.fragment)
		return false;
	bytes = reassembly_add(&user->fragments, data, bytes, headers.ip_offset,
			       net_clock_ns(CLOCK_MONOTONIC), &whole);
	if (bytes)
		datagram_input(user, whole, bytes);
	return true;
}

static void frame_input(struct user_port *user, struct user_frame *frame)
{
	u8 *data = (u8 *)(frame + 1);
	struct iovec whole = { data, frame->bytes };
	u32 head_bytes = frame->bytes < NETWORK_HEAD_BYTES ? frame->bytes
							   : NETWORK_HEAD_BYTES;

	if (!offload_check(&frame->vnet, data, head_bytes, frame->bytes))
		return;
	if (frame->vnet.flags & NETWORK_VNET_NEEDS_CSUM)
		offload_complete(&frame->vnet, &whole, 1, frame->bytes);
	if (!fragment_input(user, data, frame->bytes))
		datagram_input(user, data, frame->bytes);
}

/* There is room again for queues that wait for it; the port is locked. */
static void queues_wake(struct user_port *user)
{
	for (u32 i = 0; i < NET_QUEUES_MAX; i++) {
		if (!user->waiting[i])
			continue;
		user->waiting[i] = false;
		user_signal(user->queue_wake[i]);
	}
}

/* Gives libslirp what the guest sent, a turn of it. Returns false at the end;
 * @more: something is left. */
static bool frames_input(struct user_port *user, bool *more)
{
	struct user_frame *frame;
	bool closing;

	pthread_mutex_lock(&user->lock);
	for (u32 i = 0; i < FRAMES_PER_TURN && !user->closing; i++) {
		frame = net_ring_first(&user->from_guest);
		if (!frame)
			break;
		pthread_mutex_unlock(&user->lock);
		frame_input(user, frame);
		pthread_mutex_lock(&user->lock);
		net_ring_consume(&user->from_guest);
	}
	queues_wake(user);
	*more = !net_ring_empty(&user->from_guest);
	closing = user->closing;
	pthread_mutex_unlock(&user->lock);
	return !closing;
}

static int polls_add(int fd, int events, void *opaque)
{
	struct user_port *user = opaque;
	struct pollfd *polls = user->polls;
	short wanted = 0;

	if (user->poll_count == user->poll_room) {
		polls = realloc(polls, (user->poll_room + 64) * sizeof(*polls));
		if (!polls)
			return -1;
		user->polls = polls;
		user->poll_room += 64;
	}
	wanted |= events & SLIRP_POLL_IN ? POLLIN : 0;
	wanted |= events & SLIRP_POLL_OUT ? POLLOUT : 0;
	wanted |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
	polls[user->poll_count].fd = fd;
	polls[user->poll_count].events = wanted;
	polls[user->poll_count].revents = 0;
	return (int)user->poll_count++;
}

static int polls_events(int index, void *opaque)
{
	struct user_port *user = opaque;
	short got;
	int events = 0;

	if (index < 0 || (u32)index >= user->poll_count)
		return 0;
	got = user->polls[index].revents;
	events |= got & POLLIN ? SLIRP_POLL_IN : 0;
	events |= got & POLLOUT ? SLIRP_POLL_OUT : 0;
	events |= got & POLLPRI ? SLIRP_POLL_PRI : 0;
	events |= got & POLLERR ? SLIRP_POLL_ERR : 0;
	events |= got & POLLHUP ? SLIRP_POLL_HUP : 0;
	return events;
}

static void timers_run(struct user_port *user)
{
	s64 now_ms = now_ns() / MS_NS;

	for (u32 i = 0; i < SLIRP_TIMER_NUM; i++) {
		struct user_timer *timer = &user->timers[i];

		if (!timer->used || timer->expire_ms < 0 ||
		    timer->expire_ms > now_ms)
			continue;
		timer->expire_ms = -1;
		slirp_handle_timer(user->slirp, timer->id, timer->opaque);
	}
}

/* How long poll() may wait at most. */
static int timers_wait_ms(const struct user_port *user, u32 timeout_ms)
{
	s64 now_ms = now_ns() / MS_NS, left;

	for (u32 i = 0; i < SLIRP_TIMER_NUM; i++) {
		const struct user_timer *timer = &user->timers[i];

		if (!timer->used || timer->expire_ms < 0)
			continue;
		left = timer->expire_ms - now_ms;
		if (left < (s64)timeout_ms)
			timeout_ms = left > 0 ? (u32)left : 0;
	}
	if (timeout_ms == POLL_FOREVER)
		return -1;
	return timeout_ms < INT32_MAX ? (int)timeout_ms : INT32_MAX;
}

/* Whether the guest reads too slowly for more to be read from sockets. */
static bool guest_is_full(struct user_port *user)
{
	bool full;

	pthread_mutex_lock(&user->lock);
	full = net_ring_used_bytes(&user->to_guest) >= USER_RING_FULL_BYTES;
	user->choked = full;
	pthread_mutex_unlock(&user->lock);
	return full;
}

void *user_run(void *context)
{
	struct user_port *user = context;
	bool more, full;
	u32 timeout_ms;
	u64 times;
	int ret;

	while (frames_input(user, &more)) {
		timeout_ms = more ? 0 : POLL_FOREVER;
		full = guest_is_full(user);
		user->poll_count = 0;
		if (polls_add(user->wake, SLIRP_POLL_IN, user) < 0)
			continue;
		if (!full)
			slirp_pollfds_fill(user->slirp, &timeout_ms, polls_add,
					   user);
		ret = poll(user->polls, user->poll_count,
			   timers_wait_ms(user, timeout_ms));
		/* It is the first of them, and nonblocking. */
		if (read(user->wake, &times, sizeof(times)) < 0 &&
		    errno != EAGAIN)
			break;
		timers_run(user);
		if (!full)
			slirp_pollfds_poll(user->slirp, ret < 0, polls_events,
					   user);
	}
	return NULL;
}

int user_slirp_make(struct user_port *user, const struct net_options *options,
		    struct lis_error *err)
{
	SlirpConfig config = {
		.version = 4,
		.restricted = options->restricted,
		.in_enabled = true,
		.in6_enabled = true,
		.vprefix_len = 64,
		.vhostname = options->host_name,
		.if_mtu = user->port.info.mtu_bytes,
		.if_mru = user->port.info.mtu_bytes,
	};

	inet_pton(AF_INET, "10.0.2.0", &config.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &config.vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &config.vhost);
	inet_pton(AF_INET, "10.0.2.3", &config.vnameserver);
	inet_pton(AF_INET, "10.0.2.15", &config.vdhcp_start);
	inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &config.vhost6);
	inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
	user->slirp = slirp_new(&config, &callbacks, user);
	if (!user->slirp)
		return lis_error_set(err, EINVAL,
				     "libslirp refuses to make a network");
	return 0;
}
