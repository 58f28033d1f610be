/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Dumps of the kernel's, real ones and cut ones. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <stdlib.h>

#include "guest/lisd/kvp/netlink.h"

static struct net_state net;

static void test_this_machine(void **state)
{
	const struct net_link *link;
	u32 i;

	(void)state;
	memset(&net, 0xa5, sizeof(net));
	assert_int_equal(netlink_read(&net), 0);
	link = net_link_named(&net, "lo");
	assert_non_null(link);
	assert_true(link->loopback);
	for (i = 0; i < net.address_count; i++)
		if (net.addresses[i].index == link->index &&
		    net.addresses[i].family == NET_IPV4)
			assert_memory_equal(net.addresses[i].bytes,
					    "\x7f\x00\x00\x01", 4);
}

static u8 dump[1024];
static u32 dump_bytes;

static void put(const void *data, u32 bytes)
{
	memcpy(dump + dump_bytes, data, bytes);
	dump_bytes += (bytes + 3) & ~3u;
}

static void put_attribute(u16 type, const void *data, u16 bytes)
{
	struct rtattr head = { .rta_type = type,
			       .rta_len = (u16)(sizeof(head) + bytes) };

	put(&head, sizeof(head));
	put(data, bytes);
}

/* One default route over two ways. */
static void route_make(void)
{
	struct nlmsghdr head = { .nlmsg_type = RTM_NEWROUTE };
	struct rtmsg route = { .rtm_family = AF_INET,
			       .rtm_table = RT_TABLE_MAIN,
			       .rtm_type = RTN_UNICAST };
	struct rtnexthop hop = { .rtnh_len = sizeof(hop) + 8 };
	struct rtattr ways = { .rta_type = RTA_MULTIPATH,
			       .rta_len =
				       sizeof(ways) + 2 * (sizeof(hop) + 8) };
	u8 i;

	memset(dump, 0, sizeof(dump));
	dump_bytes = sizeof(head);
	put(&route, sizeof(route));
	put(&ways, sizeof(ways));
	for (i = 1; i <= 2; i++) {
		u8 gateway[4] = { 192, 0, 2, i };

		hop.rtnh_ifindex = i;
		put(&hop, sizeof(hop));
		put_attribute(RTA_GATEWAY, gateway, sizeof(gateway));
	}
	head.nlmsg_len = dump_bytes;
	memcpy(dump, &head, sizeof(head));
}

/* "Every interface reports all gateways." */
static void test_gateways_of_their_own(void **state)
{
	(void)state;
	memset(&net, 0, sizeof(net));
	route_make();
	assert_int_equal(netlink_parse(&net, dump, dump_bytes), NETLINK_MORE);
	assert_int_equal(net.gateway_count, 2);
	assert_int_equal(net.gateways[0].index, 1);
	assert_int_equal(net.gateways[0].bytes[3], 1);
	assert_int_equal(net.gateways[1].index, 2);
	assert_int_equal(net.gateways[1].bytes[3], 2);
}

static void test_lengths_that_lie(void **state)
{
	u8 *copy;
	u32 at, cut;

	(void)state;
	route_make();
	for (cut = 0; cut <= dump_bytes; cut++) {
		copy = malloc(cut + 1);
		assert_non_null(copy);
		memcpy(copy, dump, cut);
		memset(&net, 0, sizeof(net));
		netlink_parse(&net, copy, cut);
		free(copy);
	}
	for (at = 0; at < dump_bytes; at++) {
		copy = malloc(dump_bytes);
		assert_non_null(copy);
		memcpy(copy, dump, dump_bytes);
		copy[at] = 0xff;
		memset(&net, 0, sizeof(net));
		netlink_parse(&net, copy, dump_bytes);
		free(copy);
	}
}

static void test_lists_are_bounded(void **state)
{
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg body;
		struct rtattr attribute;
		u8 address[4];
	} message = { .head = { .nlmsg_len = sizeof(message),
				.nlmsg_type = RTM_NEWADDR },
		      .body = { .ifa_family = AF_INET,
				.ifa_prefixlen = 24,
				.ifa_index = 1 },
		      .attribute = { .rta_type = IFA_ADDRESS, .rta_len = 8 } };
	int i;

	(void)state;
	memset(&net, 0, sizeof(net));
	for (i = 0; i < 2 * NET_ADDRESSES_MAX; i++)
		assert_int_equal(netlink_parse(&net, &message, sizeof(message)),
				 NETLINK_MORE);
	assert_int_equal(net.address_count, NET_ADDRESSES_MAX);
	message.body.ifa_prefixlen = 33;
	net.address_count = 0;
	netlink_parse(&net, &message, sizeof(message));
	assert_int_equal(net.address_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_this_machine),
		cmocka_unit_test(test_gateways_of_their_own),
		cmocka_unit_test(test_lengths_that_lie),
		cmocka_unit_test(test_lists_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
