/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "host/control/net_config.h"

static struct run_net net;
static struct lis_error error;

static int parse(const char *text)
{
	run_net_init(&net);
	return run_net_parse(&net, "--net", text, &error);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("user"), 0);
	assert_int_equal(net.backend, RUN_NET_USER);
	assert_int_equal(net.given, 0);
	assert_int_equal(net.vlan.mode, NETWORK_VLAN_OPEN);
	assert_false(net.link_down);
	assert_int_equal(net.bits_per_second, 0);
	assert_int_equal(net.queues, 0);
	assert_int_equal(net.forward_count, 0);
}

static void test_everything(void **state)
{
	static const uint8_t mac[] = { 0x02, 0xab, 0, 1, 2, 0xff };

	(void)state;
	assert_int_equal(parse("tap=br0.tap-1,mac=02:AB:00:01:02:ff,queues=4,"
			       "mtu=9000,vlan=100,link=down,bandwidth=100m"),
			 0);
	assert_int_equal(net.backend, RUN_NET_TAP);
	assert_string_equal(net.name, "br0.tap-1");
	assert_memory_equal(net.mac, mac, sizeof(mac));
	assert_int_equal(net.queues, 4);
	assert_int_equal(net.mtu_bytes, 9000);
	assert_int_equal(net.vlan.mode, NETWORK_VLAN_ACCESS);
	assert_int_equal(net.vlan.id, 100);
	assert_true(net.link_down);
	assert_int_equal(net.bits_per_second, 100000000);
	assert_int_equal(net.given, RUN_NET_GIVEN_MAC | RUN_NET_GIVEN_VLAN |
					    RUN_NET_GIVEN_LINK |
					    RUN_NET_GIVEN_BANDWIDTH |
					    RUN_NET_GIVEN_OTHER);
	assert_int_equal(parse("switch=lan,bandwidth=2500"), 0);
	assert_int_equal(net.backend, RUN_NET_SWITCH);
	assert_int_equal(net.bits_per_second, 2500);
	assert_int_equal(parse("user,function=4294967295"), 0);
	assert_int_equal(net.function, 4294967295u);
	assert_int_equal(net.given, RUN_NET_GIVEN_FUNCTION);
	assert_int_equal(parse("user,function=7,function=none"), 0);
	assert_int_equal(net.function, 0);
}

static void test_trunk(void **state)
{
	static char text[RUN_NET_TRUNK_TEXT_BYTES];

	(void)state;
	assert_int_equal(parse("switch=lan,trunk=31-33+5+4094+7+6,native=5"),
			 0);
	assert_int_equal(net.vlan.mode, NETWORK_VLAN_TRUNK);
	assert_int_equal(net.vlan.id, 5);
	assert_int_equal(net.vlan.allowed[0], 0x800000e0);
	assert_int_equal(net.vlan.allowed[1], 3);
	assert_int_equal(net.vlan.allowed[127], 1u << 30);
	run_net_trunk_text(&net.vlan, text);
	assert_string_equal(text, "5-7+31-33+4094");
	/* The last one counts. */
	assert_int_equal(parse("user,vlan=9,trunk=1-4094"), 0);
	assert_int_equal(net.vlan.id, 0);
	run_net_trunk_text(&net.vlan, text);
	assert_string_equal(text, "1-4094");
	assert_int_equal(parse("user,trunk=1-4094,vlan=none"), 0);
	assert_int_equal(net.vlan.mode, NETWORK_VLAN_OPEN);
}

static void test_forwards(void **state)
{
	char text[RUN_NET_FORWARD_TEXT_BYTES];

	(void)state;
	assert_int_equal(parse("user,forward=tcp:127.0.0.1:2222-:22,"
			       "forward=udp::53-10.0.2.15:5353"),
			 0);
	assert_int_equal(net.forward_count, 2);
	assert_false(net.forwards[0].udp);
	assert_int_equal(ntohl(net.forwards[0].host.s_addr), 0x7f000001);
	assert_int_equal(net.forwards[0].host_port, 2222);
	assert_int_equal(net.forwards[0].guest.s_addr, 0);
	assert_int_equal(net.forwards[0].guest_port, 22);
	run_net_forward_text(&net.forwards[0], text);
	assert_string_equal(text, "tcp:127.0.0.1:2222-:22");
	run_net_forward_text(&net.forwards[1], text);
	assert_string_equal(text, "udp::53-10.0.2.15:5353");
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *complaint;
	} cases[] = {
		{ "", "has no \"\"" },
		{ "mac=02:00:00:00:00:01", "needs one of user" },
		{ "user,tap=x", "one of user, tap and switch" },
		{ "user=false", "true" },
		{ "tap", "needs a value" },
		{ "tap=", "a name" },
		{ "tap=../x", "a name" },
		{ "tap=sixteen-letters-", "a name" },
		{ "switch=a/b", "a name" },
		{ "user,mac=02:00:00:00:00", "an address" },
		{ "user,mac=02:00:00:00:00:01:02", "an address" },
		{ "user,mac=00:00:00:00:00:00", "an address" },
		{ "user,mac=0g:00:00:00:00:01", "an address" },
		{ "user,mac=01:00:00:00:00:01", "first byte" },
		{ "user,queues=2", "only a tap" },
		{ "tap=x,queues=0", "1 to 64" },
		{ "tap=x,queues=65", "1 to 64" },
		{ "user,mtu=575", "576 to 65521" },
		{ "user,mtu=65522", "576 to 65521" },
		{ "user,vlan=0", "1 to 4094" },
		{ "user,vlan=4095", "1 to 4094" },
		{ "user,trunk=0", "a list" },
		{ "user,trunk=5-4", "a list" },
		{ "user,trunk=5+", "a list" },
		{ "user,trunk=1-4095", "a list" },
		{ "user,native=5", "follows the trunk" },
		{ "user,trunk=5,native=4095", "1 to 4094" },
		{ "user,link=on", "up or down" },
		{ "user,bandwidth=fast", "a rate" },
		{ "user,bandwidth=1MB", "a rate" },
		{ "user,bandwidth=99999999999T", "a rate" },
		{ "user,function=0", "1 to 4294967295" },
		{ "user,function=4294967296", "1 to 4294967295" },
		{ "user,function=on", "or none" },
		{ "user,forward=tcp:22", "like tcp" },
		{ "user,forward=icmp::1-:1", "like tcp" },
		{ "user,forward=tcp::0-:22", "like tcp" },
		{ "user,forward=tcp::22-:65536", "like tcp" },
		{ "user,forward=tcp:1.2.3:22-:22", "like tcp" },
		{ "user,forward=tcp:127.0.0.1:22x-:22", "like tcp" },
		{ "tap=x,forward=tcp::22-:22", "only user-mode" },
		{ "user,colour=red", "has no \"colour\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		assert_non_null(strstr(error.text, cases[i].complaint));
		assert_non_null(strstr(error.text, "--net: "));
	}
}

static void test_too_many_forwards(void **state)
{
	int code = 0;

	(void)state;
	run_net_init(&net);
	for (int i = 0; i < RUN_NET_FORWARDS_MAX; i++)
		code |= run_net_set(&net, "--net", "forward", "tcp::1-:1",
				    &error);
	assert_int_equal(code, 0);
	assert_int_equal(
		run_net_set(&net, "--net", "forward", "tcp::1-:1", &error),
		-EINVAL);
	assert_non_null(strstr(error.text, "at most 32"));
}

static void test_json(void **state)
{
	json_t *object, *again;
	struct run_net first;

	(void)state;
	assert_int_equal(parse("user,mac=02:00:00:00:00:01,mtu=1500,trunk=5+9,"
			       "native=5,link=down,bandwidth=1G,function=7,"
			       "forward=tcp::1-:2,forward=udp::3-:4"),
			 0);
	first = net;
	object = run_net_json(&net);
	run_net_init(&net);
	assert_int_equal(run_net_load(&net, "x", object, true, &error), 0);
	assert_memory_equal(&first, &net, sizeof(net));
	again = run_net_json(&net);
	assert_true(json_equal(object, again));
	json_decref(again);
	json_decref(object);
	/* Changes need no backend; numbers and texts are the same. */
	object = json_pack("{s:i, s:i, s:s}", "native", 7, "bandwidth", 1000,
			   "trunk", "7");
	run_net_init(&net);
	assert_int_equal(run_net_load(&net, "x", object, true, &error),
			 -EINVAL);
	run_net_init(&net);
	assert_int_equal(run_net_load(&net, "x", object, false, &error), 0);
	assert_int_equal(net.given,
			 RUN_NET_GIVEN_VLAN | RUN_NET_GIVEN_BANDWIDTH);
	json_object_set_new(object, "link", json_null());
	assert_int_equal(run_net_load(&net, "x", object, false, &error),
			 -EINVAL);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_trunk),
		cmocka_unit_test(test_forwards),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_too_many_forwards),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
