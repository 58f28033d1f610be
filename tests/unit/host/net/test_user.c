/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The user-mode network, with a guest that is a few functions. */
#define _GNU_SOURCE
#include "guest_stack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTER	   RIG_IP(10, 0, 2, 2)
#define GUEST	   RIG_IP(10, 0, 2, 15)
#define TOLD_BYTES (4u << 20)
#define SEGMENT	   1400u

static struct sockaddr_in local(u16 port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static u16 port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t bytes = sizeof(address);

	assert_int_equal(getsockname(fd, (void *)&address, &bytes), 0);
	return ntohs(address.sin_port);
}

/* A socket with a port that the kernel picked. */
static int bound(int type)
{
	struct sockaddr_in address = local(0);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	return fd;
}

/* A port that was free a moment ago. */
static u16 free_port(int type)
{
	int fd = bound(type);
	u16 port = port_of(fd);

	close(fd);
	return port;
}

static void forward_add(struct net_options *options, bool udp, u16 host,
			u16 guest)
{
	struct net_forward *forward =
		&options->forwards[options->forward_count++];

	forward->udp = udp;
	forward->host.s_addr = htonl(INADDR_LOOPBACK);
	forward->host_port = host;
	forward->guest_port = guest;
}

static void test_dhcp_gives_the_usual_addresses(void **state)
{
	struct net_options options = { .kind = NET_USER };
	struct rig rig = rig_open(&options);
	struct guest guest;

	(void)state;
	guest_start(&guest, &rig);
	guest_dhcp(&guest);
	assert_int_equal(guest.ip, GUEST);
	guest_arp(&guest, ROUTER);
	guest_arp(&guest, RIG_IP(10, 0, 2, 3));
	rig_close(&rig);
}

static bool has_8_bytes(struct guest *guest)
{
	return guest->data_bytes == 8;
}

static bool has_ended(struct guest *guest)
{
	return guest->tcp_ended;
}

static bool tcp_is_open(struct guest *guest)
{
	return guest->tcp_open;
}

static void test_a_forward_reaches_the_guest(void **state)
{
	u16 port = free_port(SOCK_STREAM);
	struct sockaddr_in address = local(port);
	struct net_options options = { .kind = NET_USER };
	u8 data[64], answer[8];
	struct guest guest;
	struct rig rig;
	int fd;

	(void)state;
	forward_add(&options, false, port, 22);
	rig = rig_open(&options);
	guest_start(&guest, &rig);
	guest.data = data;
	guest.room_bytes = sizeof(data);
	guest_dhcp(&guest);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (void *)&address, sizeof(address)), 0);
	guest_run(&guest, tcp_is_open);
	assert_int_equal(guest.tcp.source_port, 22);
	assert_int_equal(write(fd, "to guest", 8), 8);
	guest_run(&guest, has_8_bytes);
	assert_memory_equal(data, "to guest", 8);
	guest_send(&guest, (const u8 *)"to host!", 8, 0);
	assert_int_equal(recv(fd, answer, 8, MSG_WAITALL), 8);
	assert_memory_equal(answer, "to host!", 8);
	close(fd);
	guest_run(&guest, has_ended);
	rig_close(&rig);
}

static bool has_datagram(struct guest *guest)
{
	return guest->udp_bytes != 0;
}

static void test_datagrams_go_both_ways(void **state)
{
	u16 port = free_port(SOCK_DGRAM);
	struct sockaddr_in address = local(port);
	struct net_options options = { .kind = NET_USER };
	int fd = bound(SOCK_DGRAM);
	struct guest guest;
	struct rig rig;
	char answer[8];

	(void)state;
	forward_add(&options, true, port, 53);
	rig = rig_open(&options);
	guest_start(&guest, &rig);
	guest_dhcp(&guest);
	guest_arp(&guest, ROUTER);
	assert_int_equal(
		sendto(fd, "asked", 5, 0, (void *)&address, sizeof(address)),
		5);
	guest_run(&guest, has_datagram);
	assert_int_equal(guest.udp_bytes, 5);
	assert_memory_equal(guest.udp, "asked", 5);
	assert_int_equal(guest.udp_from.destination_port, 53);
	guest_send_udp(&guest, guest.udp_from.source, 53,
		       guest.udp_from.source_port, "told", 4);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 4);
	assert_memory_equal(answer, "told", 4);
	close(fd);
	rig_close(&rig);
}

/* Segments leave the guest uncut, as long as 64 KiB. */
static void test_segments_go_out_whole(void **state)
{
	static const u32 sizes[] = { 1, SEGMENT, SEGMENT + 1, 30000, 60001 };
	struct net_options options = { .kind = NET_USER };
	struct rig rig = rig_open(&options);
	int listener = bound(SOCK_STREAM), fd;
	static u8 sent[60001], got[60001];
	struct guest guest;

	(void)state;
	assert_int_equal(listen(listener, 1), 0);
	guest_start(&guest, &rig);
	guest_dhcp(&guest);
	guest_arp(&guest, ROUTER);
	guest_connect(&guest, ROUTER, port_of(listener));
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	for (u32 i = 0; i < PORT_ARRAY_SIZE(sizes); i++) {
		rig_pattern(sent, sizes[i], i);
		guest_send(&guest, sent, sizes[i], SEGMENT);
		assert_int_equal(recv(fd, got, sizes[i], MSG_WAITALL),
				 sizes[i]);
		assert_memory_equal(got, sent, sizes[i]);
	}
	close(fd);
	close(listener);
	rig_close(&rig);
}

/* Writes all of it without waiting for who reads. */
static u32 write_some(int fd, const u8 *data, u32 bytes)
{
	ssize_t ret = send(fd, data, bytes, MSG_DONTWAIT);

	if (ret < 0)
		assert_int_equal(errno, EAGAIN);
	return ret > 0 ? (u32)ret : 0;
}

/* A guest that does not read stops the sender, and nothing is lost. */
static void test_a_guest_that_sleeps_loses_nothing(void **state)
{
	struct net_options options = { .kind = NET_USER, .mtu_bytes = 9000 };
	struct rig rig = rig_open(&options);
	u8 *sent = malloc(TOLD_BYTES), *got = malloc(TOLD_BYTES);
	int listener = bound(SOCK_STREAM), fd;
	struct net_counters counters;
	struct guest guest;
	u32 done = 0;

	(void)state;
	rig_pattern(sent, TOLD_BYTES, 1);
	assert_int_equal(listen(listener, 1), 0);
	guest_start(&guest, &rig);
	guest.data = got;
	guest.room_bytes = TOLD_BYTES;
	guest_dhcp(&guest);
	guest_arp(&guest, ROUTER);
	guest_connect(&guest, ROUTER, port_of(listener));
	fd = accept(listener, NULL, NULL);
	for (u32 i = 0; i < 20; i++) {
		done += write_some(fd, sent + done, TOLD_BYTES - done);
		usleep(5000);
	}
	while (guest.data_bytes < TOLD_BYTES) {
		done += write_some(fd, sent + done, TOLD_BYTES - done);
		guest_run_ms(&guest, 1);
	}
	assert_memory_equal(got, sent, TOLD_BYTES);
	net_port_counters(rig.port, &counters);
	assert_int_equal(counters.received_dropped, 0);
	close(fd);
	close(listener);
	free(sent);
	free(got);
	rig_close(&rig);
}

/* Wants nothing but what a DHCP server says. */
static bool is_dhcp(void *context, const u8 *head, u32 bytes)
{
	u32 *asked = context;

	++*asked;
	return bytes >= 38 && head[23] == NETWORK_PROTOCOL_UDP &&
	       head[37] == 68;
}

static void test_a_filter_is_asked(void **state)
{
	struct net_options options = { .kind = NET_USER };
	struct rig rig = rig_open(&options);
	struct net_counters counters;
	struct guest guest;
	u32 asked = 0;

	(void)state;
	net_queue_filter_set(rig.queue, is_dhcp, &asked);
	guest_start(&guest, &rig);
	guest_dhcp(&guest);
	assert_int_equal(guest.ip, GUEST);
	net_port_counters(rig.port, &counters);
	assert_int_equal(asked,
			 counters.received_frames + counters.received_dropped);
	rig_close(&rig);
}

/* A guest's driver goes and comes again; what was said between is not told. */
static void test_a_queue_opens_again(void **state)
{
	u16 port = free_port(SOCK_DGRAM);
	struct sockaddr_in address = local(port);
	struct net_options options = { .kind = NET_USER };
	int fd = bound(SOCK_DGRAM);
	struct guest guest;
	struct rig rig;

	(void)state;
	forward_add(&options, true, port, 53);
	rig = rig_open(&options);
	guest_start(&guest, &rig);
	guest_dhcp(&guest);
	for (u32 i = 0; i < 3; i++) {
		guest.udp_bytes = 0;
		assert_int_equal(sendto(fd, "asked", 5, 0, (void *)&address,
					sizeof(address)),
				 5);
		if (i != 1)
			guest_run(&guest, has_datagram);
		net_queue_close(rig.queue);
		assert_int_equal(net_queue_open(&rig.queue, rig.port, 0, NULL),
				 0);
		assert_int_equal(net_queue_watch(rig.queue, rig.epoll, 1), 0);
	}
	close(fd);
	rig_close(&rig);
}

static void test_a_taken_port_is_said_so(void **state)
{
	int fd = bound(SOCK_STREAM);
	u16 port = port_of(fd);
	struct net_options options = { .kind = NET_USER };
	struct lis_error error = { "" };
	struct net_port *opened;
	char text[32];

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	forward_add(&options, false, port, 22);
	assert_int_equal(net_port_open(&opened, &options, &error), -EADDRINUSE);
	snprintf(text, sizeof(text), "TCP port %u", port);
	assert_non_null(strstr(error.text, text));
	close(fd);
}

static void test_an_mtu_has_bounds(void **state)
{
	static const u32 wrong[] = { 1, 575, 65522 };
	struct lis_error error = { "" };
	struct net_port *opened;

	(void)state;
	for (u32 i = 0; i < PORT_ARRAY_SIZE(wrong); i++) {
		struct net_options options = { .kind = NET_USER,
					       .mtu_bytes = wrong[i] };

		assert_int_equal(net_port_open(&opened, &options, &error),
				 -EINVAL);
	}
}

/* What no stack would send: it is dropped, and the port goes on. */
static void test_garbage_is_dropped(void **state)
{
	struct net_options options = { .kind = NET_USER };
	struct rig rig = rig_open(&options);
	struct network_vnet vnet;
	static u8 frame[65536];
	struct guest guest;

	(void)state;
	guest_start(&guest, &rig);
	for (u32 i = 0; i < 400; i++) {
		rig_pattern(frame, sizeof(frame), i);
		rig_pattern((u8 *)&vnet, sizeof(vnet), i + 1000);
		memcpy(frame + 12, i % 2 ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
		assert_int_equal(rig_send(&rig, i % 3 ? &vnet : NULL, frame,
					  14 + (i * 163) % 65000),
				 0);
	}
	guest_dhcp(&guest);
	assert_int_equal(guest.ip, GUEST);
	rig_close(&rig);
}

/* Fragments of datagrams that have no beginning harm nobody. */
static void test_fragments_without_a_beginning(void **state)
{
	struct net_options options = { .kind = NET_USER };
	struct rig rig = rig_open(&options);
	u8 frame[64] = { 0 };
	struct guest guest;
	u8 *ip = frame + NETWORK_ETHERNET_BYTES;

	(void)state;
	guest_start(&guest, &rig);
	guest_dhcp(&guest);
	guest_arp(&guest, ROUTER);
	memcpy(frame, guest.router, 6);
	memcpy(frame + 6, guest.address, 6);
	frame[12] = 0x08;
	memcpy(ip, "\x45\x00\x00\x30", 4);
	memcpy(ip + 8, "\x40\x01\x00\x00\x0a\x00\x02\x0f\x0a\x00\x02\x02", 12);
	for (u8 offset = 0; offset < 100; offset++) {
		ip[5] = offset;
		ip[6] = offset % 2 ? 0 : 0x20; /* the last one, or not */
		ip[7] = offset / 2;
		ip[10] = ip[11] = 0;
		network_put_be16(ip + 10, (u16)~network_checksum(ip, 20, 0));
		assert_int_equal(rig_send(&rig, NULL, frame, 62), 0);
	}
	guest_run_ms(&guest, 50);
	guest_arp(&guest, RIG_IP(10, 0, 2, 3));
	rig_close(&rig);
}

/* Sends a datagram of the guest in fragments, the last one first. */
static void send_fragments(struct guest *guest, u16 port, const u8 *data,
			   u32 bytes)
{
	const struct rig_frame from = { .tag = NETWORK_UNTAGGED,
					.version = 4,
					.protocol = NETWORK_PROTOCOL_UDP,
					.source = guest->ip,
					.destination = ROUTER,
					.source_port = 4000,
					.destination_port = port };
	const u32 header = NETWORK_ETHERNET_BYTES + 20, part = 1480;
	u8 whole[8192], frame[1600], *ip = frame + NETWORK_ETHERNET_BYTES;
	struct network_vnet vnet;
	u32 rest = rig_frame_make(whole, &from, data, bytes, &vnet) - header;

	memcpy(whole, guest->router, 6);
	memcpy(whole + 6, guest->address, 6);
	/* Without a checksum. */
	memset(whole + header + NETWORK_UDP_CSUM, 0, 2);
	for (u32 at = (rest - 1) / part * part;; at -= part) {
		u32 size = rest - at < part ? rest - at : part;

		memcpy(frame, whole, header);
		memcpy(frame + header, whole + header + at, size);
		network_put_be16(ip + 2, 20 + size);
		network_put_be16(ip + 6,
				 (at + size < rest ? 0x2000u : 0) | at / 8);
		network_put_be16(ip + 10, 0);
		network_put_be16(ip + 10, (u16)~network_checksum(ip, 20, 0));
		assert_int_equal(
			rig_send(guest->rig, NULL, frame, header + size), 0);
		if (!at)
			return;
	}
}

/* A datagram over the MTU reaches a socket of the host, whole. */
static void test_fragments_arrive_whole(void **state)
{
	static u8 data[5000], got[sizeof(data) + 1];
	u16 port;
	struct net_options options = { .kind = NET_USER };
	struct rig rig = rig_open(&options);
	struct guest guest;
	int fd = bound(SOCK_DGRAM);

	(void)state;
	port = port_of(fd);
	rig_pattern(data, sizeof(data), 5);
	guest_start(&guest, &rig);
	guest_dhcp(&guest);
	guest_arp(&guest, ROUTER);
	send_fragments(&guest, port, data, sizeof(data));
	assert_int_equal(recv(fd, got, sizeof(got), 0), sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
	close(fd);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dhcp_gives_the_usual_addresses),
		cmocka_unit_test(test_a_forward_reaches_the_guest),
		cmocka_unit_test(test_datagrams_go_both_ways),
		cmocka_unit_test(test_segments_go_out_whole),
		cmocka_unit_test(test_a_guest_that_sleeps_loses_nothing),
		cmocka_unit_test(test_a_filter_is_asked),
		cmocka_unit_test(test_a_queue_opens_again),
		cmocka_unit_test(test_a_taken_port_is_said_so),
		cmocka_unit_test(test_an_mtu_has_bounds),
		cmocka_unit_test(test_garbage_is_dropped),
		cmocka_unit_test(test_fragments_without_a_beginning),
		cmocka_unit_test(test_fragments_arrive_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
