/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/netconf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lisd/file.h"

#define ELEMENT_BYTES 64
#define IPV4_BITS     32
#define IPV6_BITS     128

/* A mask's length, or -1 when it has holes. */
static int mask_prefix(const u8 mask[4])
{
	u32 bits = (u32)mask[0] << 24 | (u32)mask[1] << 16 | (u32)mask[2] << 8 |
		   mask[3];
	int prefix = 0;

	while (bits & 0x80000000u) {
		prefix++;
		bits <<= 1;
	}
	return bits ? -1 : prefix;
}

static bool prefix_parse(u8 *prefix, const char *text, enum net_family family)
{
	unsigned long most = family == NET_IPV4 ? IPV4_BITS : IPV6_BITS, value;
	u8 mask[4];
	char *end;
	int length;

	if (family == NET_IPV4 && inet_pton(AF_INET, text, mask) == 1) {
		length = mask_prefix(mask);
		*prefix = (u8)length;
		return length >= 0;
	}
	if (*text == '/')
		text++;
	if (*text < '0' || *text > '9')
		return false;
	value = strtoul(text, &end, 10);
	*prefix = (u8)value;
	return !*end && value <= most;
}

bool netconf_address_parse(struct netconf_address *address, const char *text)
{
	char copy[ELEMENT_BYTES], *slash;

	if (!text_copy(copy, sizeof(copy), text))
		return false;
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, copy, address->bytes) == 1) {
		address->family = NET_IPV4;
		address->prefix = IPV4_BITS;
	} else if (inet_pton(AF_INET6, copy, address->bytes) == 1) {
		address->family = NET_IPV6;
		address->prefix = IPV6_BITS;
	} else {
		return false;
	}
	inet_ntop(address->family == NET_IPV4 ? AF_INET : AF_INET6,
		  address->bytes, address->text, sizeof(address->text));
	return !slash ||
	       prefix_parse(&address->prefix, slash + 1, address->family);
}

/*
 * The element of a list after @at, which is moved behind it. Returns 1, 0 at
 * the end, -1 when it is too long. Hosts separate by semicolons.
 */
static int element_next(const char **at, char element[ELEMENT_BYTES])
{
	size_t length;

	*at += strspn(*at, "; \t");
	length = strcspn(*at, "; \t");
	if (!length)
		return 0;
	if (length >= ELEMENT_BYTES)
		return -1;
	memcpy(element, *at, length);
	element[length] = '\0';
	*at += length;
	return 1;
}

static bool list_parse(struct netconf_address *list, u32 *count, u32 most,
		       const char *text)
{
	char element[ELEMENT_BYTES];
	int found;

	*count = 0;
	while ((found = element_next(&text, element)) > 0) {
		if (*count == most ||
		    !netconf_address_parse(&list[*count], element))
			return false;
		(*count)++;
	}
	return !found;
}

static bool subnets_parse(struct netconf *conf, const char *text)
{
	char element[ELEMENT_BYTES];
	u32 i;

	for (i = 0; i < conf->address_count; i++)
		if (element_next(&text, element) <= 0 ||
		    !prefix_parse(&conf->addresses[i].prefix, element,
				  conf->addresses[i].family))
			return false;
	return !element_next(&text, element);
}

static bool blank(const char *text)
{
	return !text[strspn(text, "; \t")];
}

static bool terminated(const void *text, size_t bytes)
{
	return memchr(text, 0, bytes);
}

const char *netconf_parse(struct netconf *conf,
			  const struct hv_kvp_ipaddr_value *wire)
{
	/* The kernel turned the host's UTF-16 into bytes, in its place. */
	const char *addresses = (const char *)wire->ip_addr;
	const char *subnets = (const char *)wire->sub_net;
	const char *gateways = (const char *)wire->gate_way;
	const char *dns = (const char *)wire->dns_addr;

	if (!terminated(wire->ip_addr, sizeof(wire->ip_addr)) ||
	    !terminated(wire->sub_net, sizeof(wire->sub_net)) ||
	    !terminated(wire->gate_way, sizeof(wire->gate_way)) ||
	    !terminated(wire->dns_addr, sizeof(wire->dns_addr)))
		return "a text has no end";
	conf->dhcp = wire->dhcp_enabled;
	if (!list_parse(conf->addresses, &conf->address_count,
			NETCONF_ADDRESSES_MAX, addresses))
		return "an address is not valid";
	if (!blank(subnets) && !subnets_parse(conf, subnets))
		return "the subnets do not fit the addresses";
	if (!list_parse(conf->gateways, &conf->gateway_count,
			NETCONF_GATEWAYS_MAX, gateways))
		return "a gateway is not valid";
	if (!list_parse(conf->dns, &conf->dns_count, NETCONF_DNS_MAX, dns))
		return "a DNS server is not valid";
	if (!conf->dhcp && !conf->address_count)
		return "there is neither an address nor DHCP";
	return NULL;
}

bool netconf_has(const struct netconf_address *list, u32 count,
		 enum net_family family)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (list[i].family == family)
			return true;
	return false;
}
