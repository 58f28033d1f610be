/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the guest tells about itself. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/utsname.h>

#include "guest/lisd/kvp/osinfo.h"

static void assert_release(const char *text, const char *wanted)
{
	char value[16];

	osinfo_release(text, "NAME", value, sizeof(value));
	assert_string_equal(value, wanted);
}

static void test_release(void **state)
{
	(void)state;
	assert_release("PRETTY_NAME=x\nNAME=\"A B\"\nVERSION=1\n", "A B");
	assert_release("NAME='A \\B'", "A \\B");
	assert_release("NAME=\"A \\\"B\\\"\"", "A \"B\"");
	assert_release("NAME=plain  \r\n", "plain");
	assert_release("NAME=\"open\n", "open");
	assert_release("NAMES=no\n#NAME=no\n", "");
	assert_release("NAME=\n", "");
	assert_release("NAME=longer than there is room\n", "");
	assert_release("", "");
}

/* "The fully qualified name is cached at start." */
static void test_hosts(void **state)
{
	char name[32];

	(void)state;
	assert_true(osinfo_hosts_name("127.0.0.1 localhost\n"
				      "192.0.2.1\tguest.lis.test guest\n",
				      "guest", name, sizeof(name)));
	assert_string_equal(name, "guest.lis.test");
	assert_true(osinfo_hosts_name("127.0.1.1 guest guest.x.y # z", "guest",
				      name, sizeof(name)));
	assert_string_equal(name, "guest.x.y");
	assert_false(
		osinfo_hosts_name("#192.0.2.1 guest.lis.test guest\n"
				  "192.0.2.1 guest2.lis.test guest2\n"
				  "guest guest.lis.test\n192.0.2.3 # guest",
				  "guest", name, sizeof(name)));
	assert_false(osinfo_hosts_name(
		"192.0.2.1 guest a.name.that.is.longer.than.there.is.room",
		"guest", name, sizeof(name)));
}

/* "'getaddrinfo failed' is published when it fails": never an error's words. */
static void test_name_without_any_file(void **state)
{
	static struct lisd_env env = { .root = "/nonexistent" };
	static char value[OSINFO_VALUE_BYTES];
	struct utsname self;

	(void)state;
	assert_int_equal(uname(&self), 0);
	assert_string_equal(osinfo_item(&env, 0, "3.1", value),
			    "FullyQualifiedDomainName");
	assert_string_equal(value, self.nodename);
	assert_string_equal(osinfo_item(&env, 5, "3.1", value), "OSName");
	assert_string_equal(value, self.sysname);
	assert_null(osinfo_item(&env, 10, "3.1", value));
	assert_null(osinfo_item(&env, UINT32_MAX, "3.1", value));
}

static struct net_state net;

static void link_add(u32 index, const char *name, bool up, bool slave)
{
	struct net_link *link = &net.links[net.link_count++];

	memset(link, 0, sizeof(*link));
	link->index = index;
	strcpy(link->name, name);
	link->up = up;
	link->slave = slave;
	link->has_mac = true;
	memcpy(link->mac, "\x00\x15\x5d\x00\x00\x01", 6);
}

static void address_add(u32 index, u8 last)
{
	struct net_address *address = &net.addresses[net.address_count++];

	memset(address, 0, sizeof(*address));
	address->index = index;
	address->family = NET_IPV4;
	memcpy(address->bytes, "\xc0\x00\x02", 3);
	address->bytes[3] = last;
}

/* "Wrong address chosen with an SR-IOV VF." */
static void test_vf_is_not_shown(void **state)
{
	char value[64];

	(void)state;
	memset(&net, 0, sizeof(net));
	link_add(3, "enP1s0", true, true);
	link_add(2, "eth0", true, false);
	link_add(4, "down0", false, false);
	address_add(3, 3);
	address_add(2, 2);
	address_add(4, 4);
	address_add(9, 9);
	osinfo_addresses(&net, NET_IPV4, value, sizeof(value));
	assert_string_equal(value, "192.0.2.2");
	/* Both have the adapter's MAC address. */
	assert_string_equal(net_link_mac(&net, "00:15:5D:00:00:01")->name,
			    "eth0");
	assert_null(net_link_mac(&net, "00:15:5D:00:00:0"));
	assert_null(net_link_mac(&net, ""));
}

static void test_only_whole_addresses(void **state)
{
	char value[25];

	(void)state;
	memset(&net, 0, sizeof(net));
	link_add(2, "eth0", true, false);
	address_add(2, 1);
	address_add(2, 2);
	address_add(2, 3);
	osinfo_addresses(&net, NET_IPV4, value, sizeof(value));
	assert_string_equal(value, "192.0.2.1;192.0.2.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_name_without_any_file),
		cmocka_unit_test(test_vf_is_not_shown),
		cmocka_unit_test(test_only_whole_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
