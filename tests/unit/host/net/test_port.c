/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What all ports have: queues, edges, filters, limits, counters, captures. */
#define _GNU_SOURCE
#include "net_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/backend/net/ring.h"

static u8 frame[NETWORK_FRAME_MAX_BYTES];
static const struct network_vnet plain;

/* A port, and the other ends of its sockets. */
struct pair {
	struct rig rig;
	int ends[4];
	u32 count;
};

static struct pair pair_open(u32 queues)
{
	struct net_options options = { .kind = NET_SOCKET, .queues = queues };
	struct pair pair = { .count = queues };

	for (u32 i = 0; i < queues; i++) {
		int both[2];

		assert_int_equal(socketpair(AF_UNIX,
					    SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
					    both),
				 0);
		options.sockets[i] = both[0];
		pair.ends[i] = both[1];
	}
	pair.rig = rig_open(&options);
	return pair;
}

static void pair_close(struct pair *pair)
{
	rig_close(&pair->rig);
	for (u32 i = 0; i < pair->count; i++)
		close(pair->ends[i]);
}

static void end_send(struct pair *pair, u32 index,
		     const struct network_vnet *vnet, u32 bytes)
{
	struct iovec pieces[2] = { { (void *)vnet, sizeof(*vnet) },
				   { frame, bytes } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };

	assert_int_equal(sendmsg(pair->ends[index], &message, 0),
			 sizeof(*vnet) + bytes);
}

static u32 datagram(u16 port, struct network_vnet *vnet)
{
	struct rig_frame from = { .tag = NETWORK_UNTAGGED,
				  .version = 4,
				  .protocol = NETWORK_PROTOCOL_UDP,
				  .destination_port = port };

	return rig_frame_make(frame, &from, "hello", 5, vnet);
}

static void test_frames_pass_in_pieces(void **state)
{
	struct pair pair = pair_open(1);
	struct network_vnet vnet, got;
	u32 bytes = datagram(7, &vnet);
	u8 copy[128], wire[128], *at = copy;
	struct iovec pieces[NET_PIECES_MAX];

	(void)state;
	pieces[0].iov_base = frame;
	pieces[0].iov_len = 20;
	for (int i = 1; i < NET_PIECES_MAX; i++) {
		pieces[i].iov_base = frame + 20 + i - 1;
		pieces[i].iov_len = (u32)i < bytes - 19;
	}
	assert_int_equal(
		net_queue_send(pair.rig.queue, &vnet, pieces, NET_PIECES_MAX),
		0);
	assert_int_equal(recv(pair.ends[0], wire, sizeof(wire), 0),
			 sizeof(vnet) + bytes);
	assert_memory_equal(wire, &vnet, sizeof(vnet));
	assert_memory_equal(wire + sizeof(vnet), frame, bytes);
	net_port_takes_set(pair.rig.port, NET_TAKES_ALL);
	end_send(&pair, 0, &vnet, bytes);
	for (int i = 0; i < NET_PIECES_MAX; i++, at += 2) {
		pieces[i].iov_base = at;
		pieces[i].iov_len = 2;
	}
	assert_int_equal(
		net_queue_receive(pair.rig.queue, &got, pieces, NET_PIECES_MAX),
		bytes);
	assert_memory_equal(copy, frame, bytes);
	assert_int_equal(got.flags, NETWORK_VNET_NEEDS_CSUM);
	assert_int_equal(net_queue_receive(pair.rig.queue, &got, pieces, 1),
			 -EAGAIN);
	pair_close(&pair);
}

static void test_wrong_arguments(void **state)
{
	struct pair pair = pair_open(1);
	struct net_queue *queue = pair.rig.queue, *other;
	struct iovec pieces[NET_PIECES_MAX + 1] = { { frame, 14 } };
	struct network_vnet vnet;
	struct lis_error error;
	struct net_options options = { .kind = 99 };
	struct net_port *port;

	(void)state;
	assert_int_equal(net_queue_send(queue, &plain, pieces, 0), -EINVAL);
	assert_int_equal(
		net_queue_send(queue, &plain, pieces, NET_PIECES_MAX + 1),
		-EINVAL);
	assert_int_equal(net_queue_receive(queue, &vnet, pieces, 0), -EINVAL);
	assert_int_equal(
		net_queue_receive(queue, &vnet, pieces, NET_PIECES_MAX + 1),
		-EINVAL);
	pieces[0].iov_len = 13;
	assert_int_equal(net_queue_send(queue, &plain, pieces, 1), -EINVAL);
	pieces[0].iov_len = NETWORK_FRAME_MAX_BYTES;
	pieces[1].iov_base = frame;
	pieces[1].iov_len = 1;
	assert_int_equal(net_queue_send(queue, &plain, pieces, 2), -EMSGSIZE);
	assert_int_equal(net_queue_open(&other, pair.rig.port, 0, &error),
			 -EBUSY);
	assert_int_equal(net_queue_open(&other, pair.rig.port, 1, &error),
			 -EINVAL);
	assert_int_equal(net_port_open(&port, &options, &error), -EINVAL);
	options.kind = NET_USER;
	options.queues = NET_QUEUES_MAX + 1;
	assert_int_equal(net_port_open(&port, &options, &error), -EINVAL);
	assert_int_equal(net_port_mtu_set(pair.rig.port, 1500), -ENOTSUP);
	pair_close(&pair);
}

/* Too short, too long for the room, or lying. */
static void test_what_cannot_be_given_is_dropped(void **state)
{
	struct pair pair = pair_open(1);
	struct network_vnet vnet, got;
	struct net_counters counters;
	u32 bytes = datagram(7, &vnet), dropped = 0;
	u8 copy[2048];
	struct iovec piece = { copy, sizeof(copy) };

	(void)state;
	for (u32 takes = 0; takes <= NET_TAKES_ALL; takes += NET_TAKES_ALL) {
		net_port_takes_set(pair.rig.port, takes);
		end_send(&pair, 0, &plain, 13);
		piece.iov_len = bytes - 1;
		end_send(&pair, 0, &plain, bytes);
		got = vnet;
		got.csum_start = (u16)bytes;
		end_send(&pair, 0, &got, bytes);
		for (u32 i = 0; i < 3; i++) {
			assert_int_equal(net_queue_receive(pair.rig.queue, &got,
							   &piece, 1),
					 0);
			dropped++;
		}
		assert_int_equal(
			net_queue_receive(pair.rig.queue, &got, &piece, 1),
			-EAGAIN);
		piece.iov_len = bytes;
		end_send(&pair, 0, &vnet, bytes);
		assert_int_equal(
			net_queue_receive(pair.rig.queue, &got, &piece, 1),
			bytes);
	}
	net_port_counters(pair.rig.port, &counters);
	assert_int_equal(counters.received_dropped, dropped);
	assert_int_equal(counters.received_frames, 2);
	assert_int_equal(counters.received_bytes, 2 * bytes);
	pair_close(&pair);
}

static bool port_is_even(void *context, const u8 *head, u32 bytes)
{
	u32 *asked = context;

	++*asked;
	return bytes >= 38 && !(head[37] & 1);
}

static void test_a_filter_sees_frames_first(void **state)
{
	struct pair pair = pair_open(1);
	u8 copy[128];
	struct iovec piece = { copy, sizeof(copy) };
	struct network_vnet vnet;
	u32 asked = 0, bytes = 0;

	(void)state;
	net_port_takes_set(pair.rig.port, NET_TAKES_ALL);
	net_queue_filter_set(pair.rig.queue, port_is_even, &asked);
	for (u16 i = 0; i < 10; i++) {
		bytes = datagram(i, NULL);
		end_send(&pair, 0, &plain, bytes);
		memset(copy, 0xee, sizeof(copy));
		assert_int_equal(
			net_queue_receive(pair.rig.queue, &vnet, &piece, 1),
			i % 2 ? 0 : bytes);
		/* What it may not hear never was in its memory. */
		assert_true((copy[0] == 0xee) == (i % 2));
	}
	assert_int_equal(asked, 10);
	net_queue_filter_set(pair.rig.queue, NULL, NULL);
	bytes = datagram(1, NULL);
	end_send(&pair, 0, &plain, bytes);
	assert_int_equal(net_queue_receive(pair.rig.queue, &vnet, &piece, 1),
			 bytes);
	pair_close(&pair);
}

static void test_queues_are_apart(void **state)
{
	struct pair pair = pair_open(4);
	struct net_queue *queues[4] = { pair.rig.queue };
	struct network_vnet vnet;
	struct net_counters counters;
	struct net_info info;
	u8 copy[128];
	struct iovec piece = { copy, sizeof(copy) };
	u32 bytes = datagram(1, NULL);

	(void)state;
	net_port_info(pair.rig.port, &info);
	assert_int_equal(info.queues, 4);
	for (u32 i = 1; i < 4; i++)
		assert_int_equal(
			net_queue_open(&queues[i], pair.rig.port, i, NULL), 0);
	for (u32 i = 0; i < 4; i++)
		end_send(&pair, i, &plain, bytes);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(net_queue_receive(queues[i], &vnet, &piece, 1),
				 bytes);
		assert_int_equal(net_queue_receive(queues[i], &vnet, &piece, 1),
				 -EAGAIN);
	}
	for (u32 i = 1; i < 4; i++)
		net_queue_close(queues[i]);
	/* What closed queues counted stays. */
	net_port_counters(pair.rig.port, &counters);
	assert_int_equal(counters.received_frames, 4);
	pair_close(&pair);
}

static void test_the_other_end_goes(void **state)
{
	struct pair pair = pair_open(2);
	struct pollfd news = { .fd = net_port_news_fd(pair.rig.port),
			       .events = POLLIN };
	struct net_queue *other;
	struct network_vnet vnet;
	struct net_info info;
	u32 bytes = datagram(1, NULL);

	(void)state;
	assert_int_equal(poll(&news, 1, 0), 0);
	assert_false(net_port_news(pair.rig.port));
	close(pair.ends[0]);
	assert_int_equal(rig_receive(&pair.rig, &vnet, frame, sizeof(frame),
				     RIG_WAIT_MS),
			 -ENODEV);
	assert_int_equal(rig_send(&pair.rig, NULL, frame, bytes), -ENODEV);
	assert_int_equal(poll(&news, 1, 0), 1);
	assert_true(net_port_news(pair.rig.port));
	assert_false(net_port_news(pair.rig.port));
	net_port_info(pair.rig.port, &info);
	assert_true(info.gone);
	assert_false(info.link_up);
	assert_int_equal(net_queue_open(&other, pair.rig.port, 1, NULL),
			 -ENODEV);
	pair.ends[0] = dup(pair.ends[1]);
	pair_close(&pair);
}

static s64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (s64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Never faster than the limit; how much slower is the machine's affair. */
static void test_a_limit_holds_both_ways(void **state)
{
	struct pair pair = pair_open(1);
	const u32 frames = 40, bytes = 1000;
	struct net_counters counters;
	struct network_vnet vnet;
	static u8 sink[2048];
	s64 began;

	(void)state;
	net_port_limit_set(pair.rig.port, 2000000);
	began = now_ms();
	for (u32 i = 0; i < frames; i++) {
		assert_int_equal(rig_send(&pair.rig, NULL, frame, bytes), 0);
		assert_int_equal(recv(pair.ends[0], sink, sizeof(sink), 0),
				 sizeof(vnet) + bytes);
	}
	/* 40 * 1024 bytes on the wire less what is free at first: 150 ms. */
	assert_true(now_ms() - began >= 140);
	for (u32 i = 0; i < frames; i++)
		end_send(&pair, 0, &plain, bytes);
	began = now_ms();
	for (u32 i = 0; i < frames; i++)
		assert_int_equal(rig_receive(&pair.rig, &vnet, sink,
					     sizeof(sink), RIG_WAIT_MS),
				 bytes);
	assert_true(now_ms() - began >= 140);
	net_port_counters(pair.rig.port, &counters);
	assert_true(counters.sent_delayed && counters.received_delayed);
	/* Lifted, what waits goes on. */
	net_port_limit_set(pair.rig.port, 8000);
	assert_int_equal(rig_send(&pair.rig, NULL, frame, bytes), 0);
	net_port_limit_set(pair.rig.port, 0);
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(rig_send(&pair.rig, NULL, frame, bytes), 0);
		recv(pair.ends[0], sink, sizeof(sink), 0);
	}
	pair_close(&pair);
}

/* A full socket: the frame is taken after the edge. */
static void test_who_cannot_send_is_told_when(void **state)
{
	struct pair pair = pair_open(1);
	struct iovec piece = { frame, 1000 };
	struct epoll_event event;
	static u8 sink[2048];
	u32 sent = 0;
	int ret;

	(void)state;
	while ((ret = net_queue_send(pair.rig.queue, &plain, &piece, 1)) == 0)
		sent++;
	assert_int_equal(ret, -EAGAIN);
	assert_true(sent > 10);
	while (epoll_wait(pair.rig.epoll, &event, 1, 0) > 0)
		;
	for (u32 i = 0; i < sent; i++)
		assert_true(recv(pair.ends[0], sink, sizeof(sink), 0) > 0);
	assert_int_equal(epoll_wait(pair.rig.epoll, &event, 1, RIG_WAIT_MS), 1);
	assert_int_equal(event.data.u64, 1);
	assert_int_equal(net_queue_send(pair.rig.queue, &plain, &piece, 1), 0);
	pair_close(&pair);
}

/* How many descriptors this process has. */
static u32 descriptors(void)
{
	u32 count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Opens all of a port that the process has descriptors for; false: not all. */
static bool open_some(const struct net_options *options)
{
	struct lis_error error = { "" };
	struct net_queue *queue;
	struct net_port *port;
	int ret = net_port_open(&port, options, &error);

	if (ret == 0) {
		ret = net_queue_open(&queue, port, 0, &error);
		if (ret == 0)
			net_queue_close(queue);
		net_port_close(port);
	}
	if (ret < 0) {
		assert_int_equal(ret, -EMFILE);
		assert_true(error.text[0]);
	}
	return ret == 0;
}

/* With none, one, two ... descriptors left, until there are enough. */
static void test_descriptors_run_out(void **state)
{
	char folder[] = "/tmp/lis-port-XXXXXX";
	struct net_options kinds[] = {
		{ .kind = NET_USER, .forward_count = 1 },
		{ .kind = NET_SWITCH, .name = "lan", .folder = folder },
		{ .kind = NET_SOCKET, .sockets = { -1 } },
	};
	struct rlimit limit, few;
	u32 before = descriptors(), left;
	int free_fd = dup(0);

	(void)state;
	close(free_fd);
	assert_non_null(mkdtemp(folder));
	kinds[0].forwards[0].host.s_addr = htonl(INADDR_LOOPBACK);
	kinds[0].forwards[0].guest_port = 22;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (u32 i = 0; i < PORT_ARRAY_SIZE(kinds); i++) {
		bool done = false;

		for (left = 0; !done; left++) {
			few = limit;
			few.rlim_cur = (rlim_t)free_fd + left;
			assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
			done = open_some(&kinds[i]);
			setrlimit(RLIMIT_NOFILE, &limit);
			assert_int_equal(descriptors(), before);
			assert_true(left < 250);
		}
		assert_true(left > 2);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void test_a_ring_keeps_order(void **state)
{
	struct net_ring ring;
	u64 written = 0, read = 0;
	u32 random = 1;

	(void)state;
	assert_int_equal(net_ring_make(&ring, 4096), 0);
	while (read < 20000) {
		random = random * 1664525u + 1013904223u;
		if (random >> 31) {
			u32 bytes = 16 + (random >> 8) % 600;
			u32 *record = net_ring_add(&ring, bytes);

			if (record) {
				memset(record, (int)(written & 0xff), bytes);
				record[0] = bytes;
				record[1] = (u32)written++;
			}
		} else {
			u32 *record = net_ring_first(&ring);

			assert_true(record == NULL || !net_ring_empty(&ring));
			if (!record) {
				assert_int_equal(read, written);
				continue;
			}
			assert_int_equal(record[1], (u32)read);
			for (u32 i = 8; i < record[0]; i++)
				assert_int_equal(((u8 *)record)[i],
						 read & 0xff);
			net_ring_consume(&ring);
			read++;
		}
		assert_true(net_ring_used_bytes(&ring) <= 4096);
	}
	assert_null(net_ring_add(&ring, 4096));
	net_ring_free(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_pass_in_pieces),
		cmocka_unit_test(test_wrong_arguments),
		cmocka_unit_test(test_what_cannot_be_given_is_dropped),
		cmocka_unit_test(test_a_filter_sees_frames_first),
		cmocka_unit_test(test_queues_are_apart),
		cmocka_unit_test(test_the_other_end_goes),
		cmocka_unit_test(test_a_limit_holds_both_ways),
		cmocka_unit_test(test_who_cannot_send_is_told_when),
		cmocka_unit_test(test_descriptors_run_out),
		cmocka_unit_test(test_a_ring_keeps_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
