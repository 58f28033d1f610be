/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Taps, in a network namespace of this process, with the host's own stack on
 * the other side.
 */
#define _GNU_SOURCE
#include "net_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME  "lis-test"
#define HOST  RIG_IP(192, 0, 2, 1)
#define GUEST RIG_IP(192, 0, 2, 2)

static const u8 guest_address[6] = { 0, 0x15, 0x5d, 9, 9, 9 };

/* One shell command that must succeed. */
static void command(const char *text)
{
	if (system(text) != 0)
		fail_msg("%s", text);
}

static struct net_options tap_options(u32 queues)
{
	struct net_options options = { .kind = NET_TAP,
				       .name = NAME,
				       .queues = queues };

	return options;
}

/* A tap with addresses, on which the host knows the guest. */
static struct rig tap_ready(u32 queues)
{
	struct net_options options = tap_options(queues);
	struct rig rig = rig_open(&options);

	command("ip address add 192.0.2.1/24 dev " NAME);
	command("ip neighbour replace 192.0.2.2 lladdr 00:15:5d:09:09:09 "
		"dev " NAME " nud permanent");
	return rig;
}

static void host_address(u8 address[6])
{
	struct ifreq request = { .ifr_name = NAME };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(address, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

static struct rig_frame datagram(void)
{
	struct rig_frame from = { .tag = NETWORK_UNTAGGED,
				  .version = 4,
				  .protocol = NETWORK_PROTOCOL_UDP,
				  .source = GUEST,
				  .destination = HOST,
				  .source_port = 1000,
				  .destination_port = 2000 };

	host_address(from.to);
	memcpy(from.from, guest_address, 6);
	return from;
}

/* A socket of the host with the port that datagram() goes to. */
static int host_socket(int type)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(2000) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(HOST);
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	return fd;
}

/* The next frame of IPv4 to the guest, past what the host says on its own. */
static u32 next_ipv4(struct rig *rig, struct network_vnet *vnet, u8 *frame,
		     struct rig_frame *to)
{
	struct network_headers headers;

	while (true) {
		ssize_t ret = rig_receive(rig, vnet, frame,
					  NETWORK_FRAME_MAX_BYTES, RIG_WAIT_MS);

		assert_true(ret > 0);
		network_frame_headers(frame, (u32)ret, &headers);
		if (headers.ip_version == 4 && headers.transport_offset) {
			rig_frame_read(frame, (u32)ret, to, &headers);
			return (u32)ret;
		}
	}
}

static void test_frames_pass(void **state)
{
	struct rig rig = tap_ready(1);
	struct sockaddr_in guest = { .sin_family = AF_INET,
				     .sin_port = htons(1000) };
	int fd = host_socket(SOCK_DGRAM);
	struct rig_frame from = datagram(), to;
	static u8 frame[NETWORK_FRAME_MAX_BYTES];
	struct network_vnet vnet;
	struct net_counters counters;
	u8 got[64];
	u32 bytes;

	(void)state;
	/* With a checksum that the host is to finish, or believe. */
	bytes = rig_frame_make(frame, &from, "up", 2, &vnet);
	assert_int_equal(rig_send(&rig, &vnet, frame, bytes), 0);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 2);
	assert_memory_equal(got, "up", 2);
	guest.sin_addr.s_addr = htonl(GUEST);
	assert_int_equal(
		sendto(fd, "down", 4, 0, (void *)&guest, sizeof(guest)), 4);
	bytes = next_ipv4(&rig, &vnet, frame, &to);
	/* Whole: nothing was said about what the guest takes. */
	assert_int_equal(to.destination_port, 1000);
	assert_int_equal(vnet.flags & NETWORK_VNET_NEEDS_CSUM, 0);
	assert_memory_equal(frame + bytes - 4, "down", 4);
	net_port_counters(rig.port, &counters);
	assert_int_equal(counters.sent_frames, 1);
	assert_true(counters.received_frames >= 1);
	close(fd);
	rig_close(&rig);
	assert_int_equal(if_nametoindex(NAME), 0);
}

/* A TCP connection of the host's, answered by hand. */
static void connect_host(struct rig *rig, int fd, struct rig_frame *reply)
{
	struct sockaddr_in guest = { .sin_family = AF_INET,
				     .sin_port = htons(80) };
	static u8 frame[NETWORK_FRAME_MAX_BYTES];
	struct network_vnet vnet;
	struct rig_frame syn;
	u32 bytes;

	guest.sin_addr.s_addr = htonl(GUEST);
	assert_int_equal(connect(fd, (void *)&guest, sizeof(guest)), -1);
	assert_int_equal(errno, EINPROGRESS);
	next_ipv4(rig, &vnet, frame, &syn);
	*reply = syn;
	memcpy(reply->to, syn.from, 6);
	memcpy(reply->from, guest_address, 6);
	reply->source = GUEST;
	reply->destination = HOST;
	reply->source_port = 80;
	reply->destination_port = syn.source_port;
	reply->sequence = 1;
	reply->acknowledge = syn.sequence + 1;
	reply->flags = RIG_SYN | RIG_ACK;
	reply->options_bytes = 0;
	bytes = rig_frame_make(frame, reply, "", 0, NULL);
	assert_int_equal(rig_send(rig, NULL, frame, bytes), 0);
	reply->sequence = 2;
	/* On a busy machine it may have said SYN once more. */
	do {
		next_ipv4(rig, &vnet, frame, &syn);
	} while (syn.flags == RIG_SYN);
	assert_int_equal(syn.flags, RIG_ACK);
}

/* The longest frame that the host makes of 8000 bytes. */
static u32 longest_of(u32 takes, struct network_vnet *longest_vnet)
{
	struct rig rig = tap_ready(2);
	/* Nothing of a connection outlives its test. */
	const struct linger none = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	static u8 frame[NETWORK_FRAME_MAX_BYTES], data[8000];
	struct rig_frame reply, to;
	struct network_vnet vnet;
	struct net_queue *second;
	u32 longest = 0, seen = 0, bytes;

	/* The guest has one channel: the other queue is not to get any. */
	assert_int_equal(net_queue_open(&second, rig.port, 1, NULL), 0);
	net_queue_close(second);
	net_port_takes_set(rig.port, takes);
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
	connect_host(&rig, fd, &reply);
	assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
	while (seen < sizeof(data)) {
		bytes = next_ipv4(&rig, &vnet, frame, &to);
		seen += bytes - 54 - to.options_bytes;
		if (bytes > longest) {
			longest = bytes;
			*longest_vnet = vnet;
		}
		/* An acknowledgement lets it send on. */
		reply.acknowledge += bytes - 54 - to.options_bytes;
		reply.flags = RIG_ACK;
		bytes = rig_frame_make(frame, &reply, "", 0, NULL);
		assert_int_equal(rig_send(&rig, NULL, frame, bytes), 0);
	}
	close(fd);
	rig_close(&rig);
	return longest;
}

static void test_segments_come_cut_or_whole(void **state)
{
	struct network_vnet vnet;

	(void)state;
	assert_true(longest_of(0, &vnet) <= 1514);
	assert_int_equal(vnet.gso_type, NETWORK_GSO_NONE);
	assert_int_equal(vnet.flags & NETWORK_VNET_NEEDS_CSUM, 0);
	assert_true(longest_of(NET_TAKES_CSUM, &vnet) <= 1514);
	assert_true(vnet.flags & NETWORK_VNET_NEEDS_CSUM);
	assert_true(longest_of(NET_TAKES_ALL, &vnet) > 1514);
	assert_int_equal(vnet.gso_type & ~NETWORK_GSO_ECN, NETWORK_GSO_TCP4);
	/* Not without its own consent to unfinished checksums. */
	assert_true(longest_of(NET_TAKES_TSO4 | NET_TAKES_TSO6, &vnet) > 1514);
}

static void test_a_segment_reaches_the_host_whole(void **state)
{
	struct rig rig = tap_ready(1);
	int listener = host_socket(SOCK_STREAM);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
			htons(0x0003 /* ETH_P_ALL */));
	struct rig_frame from = datagram();
	static u8 frame[NETWORK_FRAME_MAX_BYTES], data[20000];
	struct network_vnet vnet;
	u32 bytes;
	ssize_t got;

	(void)state;
	from.protocol = NETWORK_PROTOCOL_TCP;
	from.flags = RIG_ACK;
	bytes = rig_frame_make(frame, &from, data, sizeof(data), &vnet);
	rig_frame_segment(&vnet, &from, bytes - (u32)sizeof(data), 1400);
	assert_int_equal(rig_send(&rig, &vnet, frame, bytes), 0);
	do {
		got = recv(fd, frame, sizeof(frame), 0);
		assert_true(got > 0);
	} while (got < 1515);
	assert_int_equal(got, bytes);
	close(fd);
	close(listener);
	rig_close(&rig);
}

static bool news_within(struct net_port *port, int timeout_ms)
{
	struct pollfd wait = { .fd = net_port_news_fd(port), .events = POLLIN };

	while (poll(&wait, 1, timeout_ms) > 0) {
		if (net_port_news(port))
			return true;
	}
	return false;
}

static void test_changes_are_told(void **state)
{
	struct rig rig = tap_ready(1);
	struct net_info info;

	(void)state;
	net_port_info(rig.port, &info);
	assert_true(info.link_up);
	assert_int_equal(info.mtu_bytes, 1500);
	assert_string_equal(info.name, NAME);
	command("ip link set " NAME " mtu 9000");
	assert_true(news_within(rig.port, RIG_WAIT_MS));
	net_port_info(rig.port, &info);
	assert_int_equal(info.mtu_bytes, 9000);
	command("ip link set " NAME " down");
	assert_true(news_within(rig.port, RIG_WAIT_MS));
	net_port_info(rig.port, &info);
	assert_false(info.link_up);
	command("ip link set " NAME " up");
	assert_true(news_within(rig.port, RIG_WAIT_MS));
	net_port_info(rig.port, &info);
	assert_true(info.link_up);
	assert_int_equal(net_port_mtu_set(rig.port, 1400), 0);
	assert_true(news_within(rig.port, RIG_WAIT_MS));
	net_port_info(rig.port, &info);
	assert_int_equal(info.mtu_bytes, 1400);
	/* Another interface is none of its business. */
	command("ip link add lis-other type dummy 2>/dev/null || "
		"ip tuntap add lis-other mode tap");
	assert_false(news_within(rig.port, 100));
	command("ip link del lis-other");
	rig_close(&rig);
}

static void test_a_deleted_tap_is_gone(void **state)
{
	struct rig rig = tap_ready(1);
	struct rig_frame from = datagram();
	struct network_vnet vnet;
	struct net_queue *second;
	struct net_info info;
	u8 frame[2048];
	u32 bytes;
	ssize_t ret;

	(void)state;
	bytes = rig_frame_make(frame, &from, "up", 2, NULL);
	command("ip link del " NAME);
	do {
		ret = rig_receive(&rig, &vnet, frame, sizeof(frame),
				  RIG_WAIT_MS);
	} while (ret > 0);
	assert_int_equal(ret, -ENODEV);
	assert_int_equal(rig_send(&rig, NULL, frame, bytes), -ENODEV);
	assert_true(news_within(rig.port, RIG_WAIT_MS));
	net_port_info(rig.port, &info);
	assert_true(info.gone);
	assert_false(info.link_up);
	net_port_takes_set(rig.port, NET_TAKES_ALL);
	assert_true(net_port_mtu_set(rig.port, 1400) < 0);
	assert_int_equal(net_queue_open(&second, rig.port, 0, NULL), -ENODEV);
	rig_close(&rig);
}

/* Nobody tells but the watcher of interfaces when no queue is open. */
static void test_a_deleted_tap_is_told_without_queues(void **state)
{
	struct net_options options = tap_options(4);
	struct net_port *port;
	struct net_info info;

	(void)state;
	assert_int_equal(net_port_open(&port, &options, NULL), 0);
	net_port_info(port, &info);
	assert_int_equal(info.queues, 4);
	assert_int_equal(info.receive_queues, 4);
	command("ip link del " NAME);
	assert_true(news_within(port, RIG_WAIT_MS));
	net_port_info(port, &info);
	assert_true(info.gone);
	net_port_close(port);
}

static void test_a_persistent_tap_stays(void **state)
{
	static const char *const made[] = {
		"ip tuntap add " NAME " mode tap",
		"ip tuntap add " NAME " mode tap multi_queue",
	};
	struct net_options options;
	struct net_port *port, *other;
	struct lis_error error = { "" };
	struct net_info info;

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		command(made[i / 2]);
		options = tap_options(i % 2 ? 4 : 1);
		assert_int_equal(net_port_open(&port, &options, &error), 0);
		net_port_info(port, &info);
		assert_int_equal(info.queues, i == 3 ? 4 : 1);
		assert_false(info.link_up);
		if (i < 2) {
			assert_int_equal(
				net_port_open(&other, &options, &error),
				-EBUSY);
			assert_non_null(strstr(error.text, "another process"));
		}
		net_port_close(port);
		assert_int_not_equal(if_nametoindex(NAME), 0);
		command("ip link del " NAME);
	}
}

static void test_no_tap_is_refused(void **state)
{
	static const char *const wrong[] = { "",      "sixteen-letters-",
					     "tap%d", "../tap",
					     "..",    "a b" };
	struct net_options options = tap_options(1);
	struct lis_error error = { "" };
	struct net_port *port;

	(void)state;
	options.name = "lo";
	assert_int_equal(net_port_open(&port, &options, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no tap"));
	options.name = NULL;
	assert_int_equal(net_port_open(&port, &options, &error), -EINVAL);
	for (u32 i = 0; i < PORT_ARRAY_SIZE(wrong); i++) {
		options.name = wrong[i];
		assert_int_equal(net_port_open(&port, &options, &error),
				 -EINVAL);
		assert_non_null(strstr(error.text, "no name"));
	}
}

/* Frames that the kernel refuses harm nothing. */
static void test_garbage_is_dropped(void **state)
{
	struct rig rig = tap_ready(1);
	struct network_vnet vnet;
	static u8 frame[65536];
	int ret;

	(void)state;
	for (u32 i = 0; i < 400; i++) {
		rig_pattern(frame, sizeof(frame), i);
		rig_pattern((u8 *)&vnet, sizeof(vnet), i + 1000);
		ret = rig_send(&rig, &vnet, frame, 14 + (i * 163) % 65000);
		assert_int_equal(ret, 0);
	}
	rig_close(&rig);
}

/* What a test that failed left behind. */
static int tap_remove(void **state)
{
	(void)state;
	if (if_nametoindex(NAME))
		command("ip link del " NAME);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_frames_pass, tap_remove),
		cmocka_unit_test_setup(test_segments_come_cut_or_whole,
				       tap_remove),
		cmocka_unit_test_setup(test_a_segment_reaches_the_host_whole,
				       tap_remove),
		cmocka_unit_test_setup(test_changes_are_told, tap_remove),
		cmocka_unit_test_setup(test_a_deleted_tap_is_gone, tap_remove),
		cmocka_unit_test_setup(
			test_a_deleted_tap_is_told_without_queues, tap_remove),
		cmocka_unit_test_setup(test_a_persistent_tap_stays, tap_remove),
		cmocka_unit_test_setup(test_no_tap_is_refused, tap_remove),
		cmocka_unit_test_setup(test_garbage_is_dropped, tap_remove),
	};
	int fd;

	/* A namespace takes root, or a kernel that gives users their own. */
	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		printf("skipped: no network namespace: %s\n", strerror(errno));
		return 77;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		printf("skipped: /dev/net/tun: %s\n", strerror(errno));
		return 77;
	}
	close(fd);
	if (system("ip link set lo up") != 0) {
		printf("skipped: no ip command\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
