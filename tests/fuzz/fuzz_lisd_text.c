/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Texts of files that the guest daemon reads; the first byte says which. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lisd/kvp/dns.h"
#include "guest/lisd/kvp/hook.h"
#include "guest/lisd/kvp/netconf.h"
#include "guest/lisd/kvp/osinfo.h"
#include "guest/lisd/lisd.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct netconf_text out;
static struct netconf conf;

static void text_read(const char *text, u8 what)
{
	static struct hv_kvp_ipaddr_value wire;
	static struct lisd_env env;
	char value[40];

	out.used = 0;
	out.full = false;
	*value = '\0';
	switch (what % 9) {
	case 0:
		osinfo_release(text, "NAME", value, sizeof(value));
		break;
	case 1:
		(void)osinfo_hosts_name(text, "guest", value, sizeof(value));
		break;
	case 2:
		dns_resolv(text, value, sizeof(value));
		break;
	case 3:
		(void)dhcp_interfaces(text, "eth0");
		break;
	case 4:
		netconf_interfaces(&out, text, "eth0");
		break;
	case 5:
		netconf_resolv(&out, text, &conf);
		break;
	case 6:
		env.setting_count = 0;
		(void)lisd_setting_add(&env, text);
		break;
	case 8:
		(void)hook_ifcfg(&conf, text);
		break;
	default:
		memset(&wire, 0, sizeof(wire));
		strncpy((char *)wire.ip_addr, text, sizeof(wire.ip_addr) - 1);
		strncpy((char *)wire.dns_addr, text, sizeof(wire.dns_addr) - 1);
		strcpy(conf.name, "eth0");
		if (!netconf_parse(&conf, &wire)) {
			netconf_netplan(&out, &conf);
			netconf_ifcfg(&out, &conf);
			netconf_keyfile(&out, &conf, "u");
			netconf_networkd(&out, &conf);
			netconf_ifupdown(&out, &conf);
		}
		break;
	}
	assert(strlen(value) < sizeof(value));
	assert(out.used < sizeof(out.text));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	text_read(text, *data);
	free(text);
	return 0;
}
