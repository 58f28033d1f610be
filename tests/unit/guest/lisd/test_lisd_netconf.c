/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Addresses from the host, and the files that are made of them. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "guest/lisd/kvp/hook.h"
#include "guest/lisd/kvp/netconf.h"

static struct hv_kvp_ipaddr_value wire;
static struct netconf conf;
static struct netconf_text text;

static void ask(const char *addresses, const char *subnets,
		const char *gateways, const char *dns)
{
	memset(&wire, 0, sizeof(wire));
	memset(&conf, 0, sizeof(conf));
	memset(&text, 0, sizeof(text));
	strcpy((char *)wire.ip_addr, addresses);
	strcpy((char *)wire.sub_net, subnets);
	strcpy((char *)wire.gate_way, gateways);
	strcpy((char *)wire.dns_addr, dns);
	strcpy(conf.name, "eth1");
	strcpy(conf.mac, "00:15:5d:00:00:01");
}

static void ask_both(void)
{
	ask("192.0.2.9;2001:db8::9", "255.255.255.0;64",
	    "192.0.2.1;2001:db8::1", "192.0.2.53;2001:db8::53");
	assert_null(netconf_parse(&conf, &wire));
}

static void test_lists(void **state)
{
	(void)state;
	ask_both();
	assert_int_equal(conf.address_count, 2);
	assert_int_equal(conf.addresses[0].prefix, 24);
	assert_int_equal(conf.addresses[1].prefix, 64);
	assert_string_equal(conf.addresses[1].text, "2001:db8::9");
	assert_int_equal(conf.gateway_count, 2);
	assert_int_equal(conf.dns_count, 2);
	ask(";192.0.2.9/25;", "", "", "");
	assert_null(netconf_parse(&conf, &wire));
	assert_int_equal(conf.addresses[0].prefix, 25);
	ask("192.0.2.9", "/24", "", "");
	assert_null(netconf_parse(&conf, &wire));
	assert_int_equal(conf.addresses[0].prefix, 24);
}

/* "A host string overflows a 46-byte address buffer." */
static void test_host_string_over_46_bytes(void **state)
{
	static const char *const bad[] = {
		"1234567890123456789012345678901234567890123456789012345",
		"2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:00001",
		"192.0.2.9\n[Service]\nExecStart=/bin/sh",
		"192.0.2.9 $(reboot)",
		"192.0.2.256",
		"fe80::1%eth0",
		"192.0.2.9/33",
		"192.0.2.9/",
		"192.0.2.9/-1",
		"2001:db8::1/129",
		"name.example",
	};
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++) {
		ask(bad[i], "", "", "");
		assert_non_null(netconf_parse(&conf, &wire));
		ask("192.0.2.9", "24", bad[i], "");
		assert_non_null(netconf_parse(&conf, &wire));
		ask("192.0.2.9", "24", "", bad[i]);
		assert_non_null(netconf_parse(&conf, &wire));
	}
	/* Without a terminator. */
	ask("192.0.2.9", "24", "", "");
	memset(wire.dns_addr, '1', sizeof(wire.dns_addr));
	assert_non_null(netconf_parse(&conf, &wire));
	memset(wire.ip_addr, ';', sizeof(wire.ip_addr));
	assert_non_null(netconf_parse(&conf, &wire));
}

/* "IPv6 text bounded by IPv4 sizes." */
static void test_longest_ipv6(void **state)
{
	const char *longest = "2001:db8:1111:2222:3333:4444:5555:6666";
	char mapped[64];

	(void)state;
	ask(longest, "128", "", "");
	assert_null(netconf_parse(&conf, &wire));
	assert_string_equal(conf.addresses[0].text, longest);
	strcpy(mapped, "0000:0000:0000:0000:0000:ffff:192.168.100.200");
	ask(mapped, "128", "", "");
	assert_null(netconf_parse(&conf, &wire));
	assert_string_equal(conf.addresses[0].text, "::ffff:192.168.100.200");
}

static void test_too_many(void **state)
{
	char list[2000] = "";
	int i;

	(void)state;
	for (i = 0; i < NETCONF_ADDRESSES_MAX + 1; i++)
		strcat(list, "192.0.2.1;");
	ask(list, "", "", "");
	assert_non_null(netconf_parse(&conf, &wire));
	ask("192.0.2.9", "24", list, "");
	assert_non_null(netconf_parse(&conf, &wire));
	ask("192.0.2.9;192.0.2.10", "24", "", "");
	assert_non_null(netconf_parse(&conf, &wire));
	ask("192.0.2.9", "255.0.255.0", "", "");
	assert_non_null(netconf_parse(&conf, &wire));
	ask("", "", "", "");
	assert_non_null(netconf_parse(&conf, &wire));
	wire.dhcp_enabled = 1;
	assert_null(netconf_parse(&conf, &wire));
}

static void test_keyfile(void **state)
{
	(void)state;
	ask_both();
	netconf_keyfile(&text, &conf, "UUID");
	assert_non_null(strstr(text.text, "\ninterface-name=eth1\n"));
	assert_non_null(strstr(text.text,
			       "[ipv4]\nmethod=manual\naddress1=192.0.2.9/24\n"
			       "gateway=192.0.2.1\ndns=192.0.2.53;\n"));
	assert_non_null(strstr(text.text,
			       "[ipv6]\nmethod=manual\n"
			       "address1=2001:db8::9/64\n"
			       "gateway=2001:db8::1\ndns=2001:db8::53;\n"));
}

static void test_networkd(void **state)
{
	(void)state;
	ask_both();
	netconf_networkd(&text, &conf);
	assert_non_null(strstr(text.text,
			       "[Match]\nName=eth1\n\n[Network]\nDHCP=no\n"));
	assert_non_null(strstr(text.text, "\nAddress=192.0.2.9/24\n"
					  "Address=2001:db8::9/64\n"
					  "Gateway=192.0.2.1\n"
					  "Gateway=2001:db8::1\n"
					  "DNS=192.0.2.53\n"));
}

static void test_netplan(void **state)
{
	(void)state;
	ask_both();
	netconf_netplan(&text, &conf);
	assert_non_null(strstr(text.text, "    eth1:\n      dhcp4: false\n"));
	assert_non_null(strstr(text.text, "      addresses:\n"
					  "      - \"192.0.2.9/24\"\n"
					  "      - \"2001:db8::9/64\"\n"));
	assert_non_null(strstr(text.text, "      - to: \"::/0\"\n"
					  "        via: \"2001:db8::1\"\n"));
}

static void test_ifcfg(void **state)
{
	(void)state;
	ask("192.0.2.9;198.51.100.9;2001:db8::9;2001:db8::a;2001:db8::b",
	    "24;25;64;64;64", "192.0.2.1", "192.0.2.53");
	assert_null(netconf_parse(&conf, &wire));
	netconf_ifcfg(&text, &conf);
	assert_non_null(strstr(text.text, "BOOTPROTO=none\n"));
	assert_non_null(strstr(text.text, "IPADDR1=198.51.100.9\nPREFIX1=25\n"
					  "NETMASK1=255.255.255.128\n"));
	assert_non_null(strstr(text.text,
			       "IPV6ADDR=2001:db8::9/64\n"
			       "IPV6ADDR_SECONDARIES=\"2001:db8::a/64 "
			       "2001:db8::b/64\"\n"));
	assert_non_null(strstr(text.text, "\nDNS1=192.0.2.53\n"));
}

static void test_ifupdown(void **state)
{
	(void)state;
	ask_both();
	netconf_ifupdown(&text, &conf);
	assert_non_null(strstr(text.text, "auto eth1\n\n"
					  "iface eth1 inet static\n"
					  "\taddress 192.0.2.9/24\n"
					  "\tgateway 192.0.2.1\n"
					  "\tdns-nameservers 192.0.2.53\n\n"
					  "iface eth1 inet6 static\n"));
}

/* "Interface matching by prefix (eth1 matches eth10)." */
static void test_eth1_is_not_eth10(void **state)
{
	(void)state;
	memset(&text, 0, sizeof(text));
	netconf_interfaces(&text,
			   "auto lo eth1\niface lo inet loopback\n\n"
			   "auto eth10\nallow-hotplug eth1\n"
			   "iface eth10 inet static\n\taddress 192.0.2.3/24\n"
			   "# mine\niface eth1 inet dhcp\n\tmetric 5\n"
			   "iface eth1:0 inet dhcp\n",
			   "eth1");
	assert_string_equal(
		text.text,
		"auto lo eth1\niface lo inet loopback\n\n"
		"auto eth10\n# lisd: allow-hotplug eth1\n"
		"iface eth10 inet static\n\taddress 192.0.2.3/24\n"
		"# mine\n# lisd: iface eth1 inet dhcp\n# lisd: \tmetric 5\n"
		"iface eth1:0 inet dhcp\n"
		"source /etc/network/interfaces.d/*\n");
}

static void test_folder_line_once(void **state)
{
	(void)state;
	memset(&text, 0, sizeof(text));
	netconf_interfaces(&text, "source /etc/network/interfaces.d/*\nauto lo",
			   "eth0");
	assert_string_equal(text.text, "source /etc/network/interfaces.d/*\n"
				       "auto lo\n");
}

static void test_resolv(void **state)
{
	(void)state;
	ask_both();
	netconf_resolv(&text,
		       "# head\nnameserver 10.0.0.1\nsearch x\n"
		       "nameserverless\n",
		       &conf);
	assert_string_equal(text.text, "nameserver 192.0.2.53\n"
				       "nameserver 2001:db8::53\n"
				       "# head\nsearch x\nnameserverless\n");
}

static void test_what_does_not_fit_is_told(void **state)
{
	static char old[NETCONF_FILE_BYTES + 1];

	(void)state;
	memset(old, 'x', sizeof(old) - 1);
	memset(&text, 0, sizeof(text));
	netconf_interfaces(&text, old, "eth0");
	assert_true(text.full);
}

/* What we write for a hook, our own hook reads. */
static void test_ifcfg_read_back(void **state)
{
	static struct netconf back;

	(void)state;
	ask("192.0.2.9;2001:db8::9", "25;64", "192.0.2.1;2001:db8::1",
	    "192.0.2.53");
	assert_null(netconf_parse(&conf, &wire));
	netconf_ifcfg(&text, &conf);
	assert_null(hook_ifcfg(&back, text.text));
	assert_string_equal(back.name, "eth1");
	assert_int_equal(back.address_count, 2);
	assert_int_equal(back.addresses[0].prefix, 25);
	assert_int_equal(back.addresses[1].prefix, 64);
	assert_int_equal(back.gateway_count, 2);
	assert_int_equal(back.dns_count, 1);
	assert_non_null(hook_ifcfg(&back, "IPADDR=192.0.2.1\n"));
	assert_non_null(hook_ifcfg(&back, "DEVICE=eth0\n"));
	assert_non_null(hook_ifcfg(&back, "DEVICE=eth0\nIPADDR=nonsense\n"));
	assert_non_null(hook_ifcfg(&back, "DEVICE=eth0\nNETMASK=255.0.0.0\n"));
	assert_non_null(hook_ifcfg(&back, "DEVICE=a-name-that-is-too-long\n"));
	assert_null(hook_ifcfg(&back, "DEVICE=eth0\nBOOTPROTO=dhcp\n"));
	assert_true(back.dhcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_host_string_over_46_bytes),
		cmocka_unit_test(test_longest_ipv6),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_keyfile),
		cmocka_unit_test(test_networkd),
		cmocka_unit_test(test_netplan),
		cmocka_unit_test(test_ifcfg),
		cmocka_unit_test(test_ifcfg_read_back),
		cmocka_unit_test(test_ifupdown),
		cmocka_unit_test(test_eth1_is_not_eth10),
		cmocka_unit_test(test_folder_line_once),
		cmocka_unit_test(test_resolv),
		cmocka_unit_test(test_what_does_not_fit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
