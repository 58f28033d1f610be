/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A configuration as each network manager's files have it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "guest/lisd/kvp/netconf.h"

#define HEAD                                                                   \
	"# Written by lisd for the Hyper-V host, which may write it anew.\n"
#define COMMENT	    "# lisd: "
#define FOLDER_LINE "source /etc/network/interfaces.d/*\n"

void netconf_add(struct netconf_text *out, const char *format, ...)
{
	size_t room = sizeof(out->text) - out->used;
	va_list arguments;
	int used;

	va_start(arguments, format);
	used = vsnprintf(out->text + out->used, room, format, arguments);
	va_end(arguments);
	if (used < 0 || (size_t)used >= room)
		out->full = true;
	else
		out->used += (u32)used;
}

const char *netconf_mask(u32 prefix)
{
	static char text[INET_ADDRSTRLEN];
	u32 bits = prefix ? 0xffffffffu << (32 - prefix) : 0;

	bits = htonl(bits);
	inet_ntop(AF_INET, &bits, text, sizeof(text));
	return text;
}

static bool has_address(const struct netconf *conf, enum net_family family)
{
	return netconf_has(conf->addresses, conf->address_count, family);
}

/* "a;b;" of a family's DNS servers. */
static void add_dns(struct netconf_text *out, const struct netconf *conf,
		    enum net_family family)
{
	u32 i;

	if (!netconf_has(conf->dns, conf->dns_count, family))
		return;
	netconf_add(out, "dns=");
	for (i = 0; i < conf->dns_count; i++)
		if (conf->dns[i].family == family)
			netconf_add(out, "%s;", conf->dns[i].text);
	netconf_add(out, "\n");
}

static void keyfile_family(struct netconf_text *out, const struct netconf *conf,
			   enum net_family family)
{
	u32 i, number = 0;

	netconf_add(out, "\n[ipv%d]\n", family);
	if (conf->dhcp)
		netconf_add(out, "method=auto\n");
	else if (has_address(conf, family))
		netconf_add(out, "method=manual\n");
	else
		netconf_add(out, "method=%s\n",
			    family == NET_IPV4 ? "disabled" : "link-local");
	for (i = 0; i < conf->address_count; i++)
		if (conf->addresses[i].family == family)
			netconf_add(out, "address%u=%s/%u\n", ++number,
				    conf->addresses[i].text,
				    conf->addresses[i].prefix);
	for (i = 0; i < conf->gateway_count; i++)
		if (conf->gateways[i].family == family) {
			netconf_add(out, "gateway=%s\n",
				    conf->gateways[i].text);
			break;
		}
	add_dns(out, conf, family);
}

void netconf_keyfile(struct netconf_text *out, const struct netconf *conf,
		     const char *uuid)
{
	netconf_add(out,
		    HEAD "[connection]\nid=lis-%s\nuuid=%s\ntype=ethernet\n"
			 "interface-name=%s\nautoconnect-priority=100\n",
		    conf->name, uuid, conf->name);
	keyfile_family(out, conf, NET_IPV4);
	keyfile_family(out, conf, NET_IPV6);
}

void netconf_networkd(struct netconf_text *out, const struct netconf *conf)
{
	u32 i;

	netconf_add(out, HEAD "[Match]\nName=%s\n\n[Network]\nDHCP=%s\n",
		    conf->name, conf->dhcp ? "yes" : "no");
	if (!conf->dhcp)
		netconf_add(out, "IPv6AcceptRA=no\n");
	for (i = 0; i < conf->address_count; i++)
		netconf_add(out, "Address=%s/%u\n", conf->addresses[i].text,
			    conf->addresses[i].prefix);
	for (i = 0; i < conf->gateway_count; i++)
		netconf_add(out, "Gateway=%s\n", conf->gateways[i].text);
	for (i = 0; i < conf->dns_count; i++)
		netconf_add(out, "DNS=%s\n", conf->dns[i].text);
}

void netconf_netplan(struct netconf_text *out, const struct netconf *conf)
{
	const char *dhcp = conf->dhcp ? "true" : "false";
	u32 i;

	netconf_add(out,
		    HEAD "network:\n  version: 2\n  ethernets:\n    %s:\n"
			 "      dhcp4: %s\n      dhcp6: %s\n",
		    conf->name, dhcp, dhcp);
	if (!conf->dhcp)
		netconf_add(out, "      accept-ra: false\n");
	if (conf->address_count)
		netconf_add(out, "      addresses:\n");
	for (i = 0; i < conf->address_count; i++)
		netconf_add(out, "      - \"%s/%u\"\n", conf->addresses[i].text,
			    conf->addresses[i].prefix);
	if (conf->gateway_count)
		netconf_add(out, "      routes:\n");
	for (i = 0; i < conf->gateway_count; i++)
		netconf_add(out, "      - to: \"%s\"\n        via: \"%s\"\n",
			    conf->gateways[i].family == NET_IPV4 ? "0.0.0.0/0"
								 : "::/0",
			    conf->gateways[i].text);
	if (conf->dns_count)
		netconf_add(out, "      nameservers:\n        addresses:\n");
	for (i = 0; i < conf->dns_count; i++)
		netconf_add(out, "        - \"%s\"\n", conf->dns[i].text);
}

/* The first address has the stanza's gateway and DNS. */
static void ifupdown_family(struct netconf_text *out,
			    const struct netconf *conf, enum net_family family)
{
	const char *inet = family == NET_IPV4 ? "inet" : "inet6";
	bool first = true;
	u32 i, j;

	for (i = 0; i < conf->address_count; i++) {
		if (conf->addresses[i].family != family)
			continue;
		netconf_add(out, "\niface %s %s static\n\taddress %s/%u\n",
			    conf->name, inet, conf->addresses[i].text,
			    conf->addresses[i].prefix);
		for (j = 0; first && j < conf->gateway_count; j++)
			if (conf->gateways[j].family == family) {
				netconf_add(out, "\tgateway %s\n",
					    conf->gateways[j].text);
				break;
			}
		if (first && netconf_has(conf->dns, conf->dns_count, family)) {
			netconf_add(out, "\tdns-nameservers");
			for (j = 0; j < conf->dns_count; j++)
				if (conf->dns[j].family == family)
					netconf_add(out, " %s",
						    conf->dns[j].text);
			netconf_add(out, "\n");
		}
		first = false;
	}
}

void netconf_ifupdown(struct netconf_text *out, const struct netconf *conf)
{
	netconf_add(out, HEAD "auto %s\n", conf->name);
	if (conf->dhcp)
		netconf_add(out, "\niface %s inet dhcp\n", conf->name);
	ifupdown_family(out, conf, NET_IPV4);
	ifupdown_family(out, conf, NET_IPV6);
}

static void ifcfg_ipv6(struct netconf_text *out, const struct netconf *conf)
{
	u32 i, number = 0;

	if (!has_address(conf, NET_IPV6))
		return;
	netconf_add(out, "IPV6INIT=yes\nIPV6_AUTOCONF=no\n");
	for (i = 0; i < conf->address_count; i++)
		if (conf->addresses[i].family == NET_IPV6) {
			netconf_add(out, "%s%s/%u%s",
				    !number	  ? "IPV6ADDR="
				    : number == 1 ? "IPV6ADDR_SECONDARIES=\""
						  : " ",
				    conf->addresses[i].text,
				    conf->addresses[i].prefix,
				    number ? "" : "\n");
			number++;
		}
	if (number > 1)
		netconf_add(out, "\"\n");
	for (i = 0; i < conf->gateway_count; i++)
		if (conf->gateways[i].family == NET_IPV6) {
			netconf_add(out, "IPV6_DEFAULTGW=%s\n",
				    conf->gateways[i].text);
			break;
		}
}

void netconf_ifcfg(struct netconf_text *out, const struct netconf *conf)
{
	u32 i, number = 0;

	netconf_add(out, HEAD "DEVICE=%s\n", conf->name);
	if (*conf->mac)
		netconf_add(out, "HWADDR=%s\n", conf->mac);
	netconf_add(out, "TYPE=Ethernet\nONBOOT=yes\nBOOTPROTO=%s\n",
		    conf->dhcp ? "dhcp" : "none");
	for (i = 0; i < conf->address_count; i++)
		if (conf->addresses[i].family == NET_IPV4) {
			/* Scripts of old read masks, newer readers lengths. */
			netconf_add(out,
				    "IPADDR%u=%s\nPREFIX%u=%u\nNETMASK%u=%s\n",
				    number, conf->addresses[i].text, number,
				    conf->addresses[i].prefix, number,
				    netconf_mask(conf->addresses[i].prefix));
			number++;
		}
	for (i = 0; i < conf->gateway_count; i++)
		if (conf->gateways[i].family == NET_IPV4) {
			netconf_add(out, "GATEWAY=%s\n",
				    conf->gateways[i].text);
			break;
		}
	ifcfg_ipv6(out, conf);
	for (i = 0; i < conf->dns_count; i++)
		netconf_add(out, "DNS%u=%s\n", i + 1, conf->dns[i].text);
}

/* Whether the word at the start of @text is @word; *text is moved behind it. */
static bool word_is(const char **text, const char *word)
{
	size_t length;

	*text += strspn(*text, " \t");
	length = strcspn(*text, " \t\n");
	if (length != strlen(word) || strncmp(*text, word, length) != 0)
		return false;
	*text += length;
	return true;
}

/* A line that begins a stanza, interfaces(5). */
static bool stanza_begins(const char *line)
{
	static const char *const words[] = { "iface",		"auto",
					     "mapping",		"source",
					     "rename",		"no-auto-down",
					     "no-scripts",	"template",
					     "source-directory" };
	const char *at;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(words); i++) {
		at = line;
		if (word_is(&at, words[i]))
			return true;
	}
	at = line + strspn(line, " \t");
	return !strncmp(at, "allow-", 6);
}

static bool names_only(const char *line, const char *name)
{
	const char *at = line + strcspn(line, " \t\n");

	return word_is(&at, name) &&
	       (at += strspn(at, " \t"), *at == '\n' || !*at);
}

void netconf_interfaces(struct netconf_text *out, const char *old,
			const char *name)
{
	bool ours = false, folder = false;
	const char *line = old, *next, *at;

	for (; *line; line = next) {
		next = line + strcspn(line, "\n");
		next += *next == '\n';
		if (stanza_begins(line)) {
			at = line;
			ours = word_is(&at, "iface") && word_is(&at, name);
			at = line;
			if (word_is(&at, "auto") || !strncmp(line, "allow-", 6))
				ours = names_only(line, name);
		}
		/* A comment or a blank line belongs to no stanza. */
		at = line + strspn(line, " \t");
		netconf_add(out, "%s%.*s",
			    ours && *at != '#' && *at != '\n' ? COMMENT : "",
			    (int)(next - line), line);
		folder = folder || (!strncmp(line, "source", 6) &&
				    strstr(line, "interfaces.d") &&
				    strstr(line, "interfaces.d") < next);
	}
	if (out->used && out->text[out->used - 1] != '\n')
		netconf_add(out, "\n");
	if (!folder)
		netconf_add(out, FOLDER_LINE);
}

void netconf_resolv(struct netconf_text *out, const char *old,
		    const struct netconf *conf)
{
	const char *line = old, *next, *at;
	u32 i;

	for (i = 0; i < conf->dns_count; i++)
		netconf_add(out, "nameserver %s\n", conf->dns[i].text);
	for (; *line; line = next) {
		next = line + strcspn(line, "\n");
		next += *next == '\n';
		at = line;
		if (!word_is(&at, "nameserver"))
			netconf_add(out, "%.*s", (int)(next - line), line);
	}
}
