/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Name servers and DHCP, from files and from a bus. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_bus.h"
#include "folder.h"
#include "guest/lisd/kvp/dns.h"
#include "guest/lisd/kvp/manager.h"

static struct lisd_env env;
static struct dbus bus;
static const struct net_link eth0 = { .index = 2, .name = "eth0" };
static struct net_state net;

static int set_up(void **state)
{
	(void)state;
	folder_make(&env);
	memset(&net, 0, sizeof(net));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	folder_drop(&env);
	return 0;
}

static void assert_servers(const char *text, const char *wanted)
{
	char list[40];

	dns_resolv(text, list, sizeof(list));
	assert_string_equal(list, wanted);
}

static void test_resolv(void **state)
{
	(void)state;
	assert_servers("nameserver 192.0.2.53\n", "192.0.2.53");
	assert_servers("nameserver\t192.0.2.53 # x\nnameserver ::1\r\n",
		       "192.0.2.53;::1");
	assert_servers("nameserver fe80::1%eth0\n", "fe80::1");
	assert_servers("#nameserver 192.0.2.53\n nameserver 192.0.2.54\n", "");
	assert_servers("nameserver\n192.0.2.53\nnameservers 192.0.2.1", "");
	assert_servers("nameserver 1.2.3.4.5\nnameserver $(reboot)", "");
	/* What does not fit whole is left out. */
	assert_servers("nameserver 2001:db8:1111:2222:3333:4444:5555:6666\n"
		       "nameserver 192.0.2.53",
		       "2001:db8:1111:2222:3333:4444:5555:6666");
}

/* "systemd-resolved shows its stub." */
static void test_stub_is_not_shown(void **state)
{
	char list[DNS_LIST_BYTES];

	(void)state;
	folder_write(&env, "/etc/resolv.conf", "nameserver 127.0.0.53\n");
	folder_write(&env, "/run/systemd/resolve/resolv.conf",
		     "nameserver 192.0.2.53\n");
	dns_servers(&env, &bus, false, &eth0, list, sizeof(list));
	assert_string_equal(list, "192.0.2.53");
}

static void test_dhcp_in_interfaces(void **state)
{
	(void)state;
	assert_true(dhcp_interfaces("auto x\niface eth0 inet dhcp\n", "eth0"));
	assert_false(dhcp_interfaces("iface eth10 inet dhcp\n", "eth1"));
	assert_false(dhcp_interfaces("iface eth1 inet dhcp\n", "eth10"));
	assert_false(dhcp_interfaces("# iface eth0 inet dhcp\n", "eth0"));
	assert_false(dhcp_interfaces("iface eth0 inet static\niface\n"
				     "eth0 inet dhcp\niface eth0 inet6 dhcp",
				     "eth0"));
}

static void test_dhcp_by_life_time(void **state)
{
	(void)state;
	assert_false(dhcp_enabled(&env, &bus, false, &net, &eth0));
	net.address_count = 1;
	net.addresses[0].index = 2;
	net.addresses[0].family = NET_IPV4;
	assert_false(dhcp_enabled(&env, &bus, false, &net, &eth0));
	net.addresses[0].dynamic = true;
	assert_true(dhcp_enabled(&env, &bus, false, &net, &eth0));
	net.addresses[0].index = 3;
	assert_false(dhcp_enabled(&env, &bus, false, &net, &eth0));
	folder_write(&env, "/run/systemd/netif/leases/2", "");
	assert_true(dhcp_enabled(&env, &bus, false, &net, &eth0));
}

static void bus_start(const struct fake_answer *answers, pid_t *pid)
{
	char path[LISD_PATH_BYTES];

	folder_write(&env, "/run/dbus/there", "");
	lisd_path(&env, path, MANAGER_BUS);
	*pid = fake_bus_start(path, answers);
	assert_int_equal(dbus_open(&bus, path), 0);
}

static void bus_stop(pid_t pid)
{
	dbus_close(&bus);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Of this link and of all links, but not of another. */
static void test_resolved(void **state)
{
	struct dbus_reader reader;
	char list[64] = "";
	u8 bytes[64] = { 0 };
	u32 size;

	(void)state;
	/* a(iiay): the array's size, then structures at multiples of 8. */
	memcpy(bytes + 8, "\2\0\0\0\2\0\0\0\4\0\0\0\300\0\2\65", 16);
	memcpy(bytes + 24, "\3\0\0\0\2\0\0\0\4\0\0\0\300\0\2\66", 16);
	memcpy(bytes + 40, "\0\0\0\0\2\0\0\0\4\0\0\0\300\0\2\67", 16);
	bytes[0] = 48;
	memset(&reader, 0, sizeof(reader));
	reader.data = bytes;
	reader.bytes = 56;
	assert_true(dns_resolved(&reader, 2, list, sizeof(list)));
	assert_string_equal(list, "192.0.2.53;192.0.2.55");
	for (size = 0; size < 56; size++) {
		memset(&reader, 0, sizeof(reader));
		reader.data = bytes;
		reader.bytes = size;
		assert_false(dns_resolved(&reader, 2, list, sizeof(list)));
	}
}

/* Through the whole of the bus: device, its configuration, its servers. */
static void test_network_manager(void **state)
{
	static const char device[] = "\11\0\0\0/device/2";
	static const char config[] = "\1o\0\0\11\0\0\0/config/7";
	static const char none[] = "\1o\0\0\1\0\0\0/";
	static const u8 servers[] = {
		2, 'a', 'u', 0, 4, 0, 0, 0, 192, 0, 2, 53
	};
	static const struct fake_answer answers[] = {
		{ "GetDeviceByIpIface", "eth0", "o", device, sizeof(device) },
		{ "Ip4Config", "/device/2", "v", config, sizeof(config) },
		{ "Nameservers", "/config/7", "v", servers, sizeof(servers) },
		{ "Ip6Config", "/device/2", "v", none, sizeof(none) },
		{ "Dhcp4Config", "/device/2", "v", config, sizeof(config) },
		{ NULL },
	};
	char list[DNS_LIST_BYTES];
	pid_t pid;

	(void)state;
	bus_start(answers, &pid);
	dns_servers(&env, &bus, true, &eth0, list, sizeof(list));
	assert_string_equal(list, "192.0.2.53");
	assert_true(dhcp_enabled(&env, &bus, true, &net, &eth0));
	bus_stop(pid);
}

/* A bus where nobody answers as asked: the file is what is left. */
static void test_bus_of_no_use(void **state)
{
	static const struct fake_answer answers[] = {
		{ "DNS", "/org/freedesktop/resolve1", "v", "\1s\0\0\0\0\0\0",
		  9 },
		{ NULL },
	};
	char list[DNS_LIST_BYTES];
	pid_t pid;

	(void)state;
	folder_write(&env, "/etc/resolv.conf", "nameserver 192.0.2.1\n");
	bus_start(answers, &pid);
	dns_servers(&env, &bus, true, &eth0, list, sizeof(list));
	assert_string_equal(list, "192.0.2.1");
	assert_string_equal(bus.error, "org.test.Failed");
	bus_stop(pid);
}

static void test_no_bus(void **state)
{
	(void)state;
	assert_int_not_equal(dbus_open(&bus, "/nonexistent"), 0);
	dbus_close(&bus);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resolv),
		TEST(test_stub_is_not_shown),
		TEST(test_dhcp_in_interfaces),
		TEST(test_dhcp_by_life_time),
		TEST(test_resolved),
		TEST(test_network_manager),
		TEST(test_bus_of_no_use),
		TEST(test_no_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
