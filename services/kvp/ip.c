// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* A network adapter's addresses, to and from the wire: text and binary. */
#include "services/kvp/address.h"
#include "services/kvp/item.h"

/* One element of a list; a list is at its end when bytes is 0. */
struct element {
	const char *text;
	u32 bytes;
};

/* The element after @at, which is the list itself (bytes 0) at the start. */
static struct element element_next(const char *at)
{
	struct element element = { at, 0 };

	while (at[element.bytes] && at[element.bytes] != ';')
		element.bytes++;
	return element;
}

/* What follows an element, behind its separator. */
static const char *element_end(struct element element)
{
	const char *end = element.text + element.bytes;

	return *end == ';' ? end + 1 : end;
}

static u8 family_of(struct element element, u8 address[16])
{
	if (address_ipv4_parse(address, element.text, element.bytes))
		return KVP_FAMILY_IPV4;
	if (address_ipv6_parse(address, element.text, element.bytes))
		return KVP_FAMILY_IPV6;
	return KVP_FAMILY_NONE;
}

/* A prefix length "24" or "/24". */
static bool prefix_parse(u32 *prefix, struct element element, u32 most)
{
	if (element.bytes && element.text[0] == '/') {
		element.text++;
		element.bytes--;
	}
	return address_number_parse(prefix, element.text, element.bytes, most);
}

static bool ipv4_mask_parse(u8 mask[4], struct element element)
{
	u32 prefix, i;

	if (address_ipv4_parse(mask, element.text, element.bytes))
		return true;
	if (!prefix_parse(&prefix, element, 32))
		return false;
	for (i = 0; i < 4; i++) {
		u32 bits = prefix > i * 8 ? prefix - i * 8 : 0;

		mask[i] = bits >= 8 ? 0xff : (u8)(0xff00u >> bits);
	}
	return true;
}

/* Every element an address; the families seen are or-ed into @family. */
static bool list_valid(const char *list, u8 *family)
{
	struct element element;
	u8 address[16], seen;

	while (*list) {
		element = element_next(list);
		seen = family_of(element, address);
		if (!seen)
			return false;
		*family |= seen;
		list = element_end(element);
	}
	return true;
}

static bool subnet_valid(struct element address, struct element subnet)
{
	u8 bytes[16];
	u32 prefix;

	if (family_of(address, bytes) == KVP_FAMILY_IPV4)
		return ipv4_mask_parse(bytes, subnet);
	return prefix_parse(&prefix, subnet, 128);
}

/* None at all, or one for each address. */
static bool subnets_valid(const char *addresses, const char *subnets)
{
	if (!*subnets)
		return true;
	while (*addresses && *subnets) {
		struct element address = element_next(addresses);
		struct element subnet = element_next(subnets);

		if (!subnet_valid(address, subnet))
			return false;
		addresses = element_end(address);
		subnets = element_end(subnet);
	}
	return !*addresses && !*subnets;
}

static bool ascii(const char *text)
{
	while (*text) {
		if ((u8)*text++ > 0x7e)
			return false;
	}
	return true;
}

static bool terminated(const char *text, u32 capacity_bytes)
{
	return utf16_text_bytes(text, capacity_bytes) < capacity_bytes;
}

/* What holds for a set at any version; the families are put into @family. */
static enum kvp_status info_check(const struct kvp_ip_info *info, u8 *family)
{
	u8 other = 0;

	if (!terminated(info->addresses, sizeof(info->addresses)) ||
	    !terminated(info->subnets, sizeof(info->subnets)) ||
	    !terminated(info->gateways, sizeof(info->gateways)) ||
	    !terminated(info->dns_servers, sizeof(info->dns_servers)))
		return KVP_IP_TOO_LONG;
	*family = info->family;
	if (!list_valid(info->addresses, family))
		return KVP_ADDRESS_INVALID;
	if (!subnets_valid(info->addresses, info->subnets))
		return KVP_SUBNET_INVALID;
	if (!list_valid(info->gateways, &other))
		return KVP_GATEWAY_INVALID;
	if (!list_valid(info->dns_servers, &other))
		return KVP_DNS_INVALID;
	return KVP_OK;
}

static enum kvp_status text_write(u8 *body, const struct kvp_ip_info *info,
				  u8 family)
{
	struct kvp_ip_text *wire = (struct kvp_ip_text *)body;

	wire->family = family;
	wire->dhcp_enabled = info->dhcp_enabled;
	utf16_from_utf8(wire->adapter_id, KVP_ADAPTER_UNITS, NULL,
			info->adapter_id);
	if (utf16_from_utf8(wire->addresses, KVP_LIST_UNITS, NULL,
			    info->addresses) ||
	    utf16_from_utf8(wire->subnets, KVP_LIST_UNITS, NULL,
			    info->subnets) ||
	    utf16_from_utf8(wire->gateways, KVP_GATEWAY_UNITS, NULL,
			    info->gateways) ||
	    utf16_from_utf8(wire->dns_servers, KVP_LIST_UNITS, NULL,
			    info->dns_servers))
		return KVP_IP_TOO_LONG;
	return KVP_OK;
}

/* Where the two families of one kind of address go. */
struct binary_list {
	u8 (*ipv4)[4];
	u8 (*ipv6)[16];
	u32 ipv4_count;
	u32 ipv6_count;
	u32 most;
};

static bool binary_list_write(struct binary_list *list, const char *text)
{
	struct element element;
	u8 address[16];

	while (*text) {
		element = element_next(text);
		if (family_of(element, address) == KVP_FAMILY_IPV4) {
			if (list->ipv4_count == list->most)
				return false;
			port_copy(list->ipv4[list->ipv4_count++], address, 4);
		} else {
			if (list->ipv6_count == list->most)
				return false;
			port_copy(list->ipv6[list->ipv6_count++], address, 16);
		}
		text = element_end(element);
	}
	return true;
}

static void binary_subnets_write(struct kvp_ip_binary *wire,
				 const char *addresses, const char *subnets)
{
	u32 ipv4 = 0, ipv6 = 0, prefix;
	u8 address[16];

	while (*subnets) {
		struct element element = element_next(addresses);
		struct element subnet = element_next(subnets);

		if (family_of(element, address) == KVP_FAMILY_IPV4) {
			ipv4_mask_parse(wire->ipv4_masks[ipv4++], subnet);
		} else {
			prefix_parse(&prefix, subnet, 128);
			wire->ipv6_prefixes[ipv6++] = prefix;
		}
		addresses = element_end(element);
		subnets = element_end(subnet);
	}
}

static enum kvp_status binary_write(u8 *body, const struct kvp_ip_info *info,
				    u8 family)
{
	struct kvp_ip_binary *wire = (struct kvp_ip_binary *)body;
	struct binary_list addresses = { wire->ipv4_addresses,
					 wire->ipv6_addresses, 0, 0,
					 KVP_BINARY_ADDRESSES };
	struct binary_list gateways = { wire->ipv4_gateways,
					wire->ipv6_gateways, 0, 0,
					KVP_BINARY_GATEWAYS };
	struct binary_list dns = { wire->ipv4_dns, wire->ipv6_dns, 0, 0,
				   KVP_BINARY_ADDRESSES };

	if (!binary_list_write(&addresses, info->addresses) ||
	    !binary_list_write(&gateways, info->gateways) ||
	    !binary_list_write(&dns, info->dns_servers))
		return KVP_IP_TOO_LONG;
	binary_subnets_write(wire, info->addresses, info->subnets);
	utf16_from_utf8(wire->adapter_id, KVP_ADAPTER_UNITS, NULL,
			info->adapter_id);
	wire->family = family;
	wire->dhcp_enabled = info->dhcp_enabled;
	wire->ipv4_address_count = addresses.ipv4_count;
	wire->ipv6_address_count = addresses.ipv6_count;
	wire->ipv4_gateway_count = gateways.ipv4_count;
	wire->ipv6_gateway_count = gateways.ipv6_count;
	wire->ipv4_dns_count = dns.ipv4_count;
	wire->ipv6_dns_count = dns.ipv6_count;
	return KVP_OK;
}

enum kvp_status kvp_ip_write(u8 *body, u8 operation,
			     const struct kvp_ip_info *info, u32 version)
{
	enum kvp_status status;
	u8 family;

	if (ic_version_older(version, KVP_VERSION_4_0))
		return KVP_NO_IP;
	if (!info->adapter_id[0] ||
	    !terminated(info->adapter_id, sizeof(info->adapter_id)) ||
	    !ascii(info->adapter_id))
		return KVP_ADAPTER_INVALID;
	status = info_check(info, &family);
	if (status)
		return status;
	port_fill(body, 0, KVP_IP_BODY_BYTES);
	body[offsetof(struct kvp_header, operation)] = operation;
	body[offsetof(struct kvp_header, pool)] = KVP_POOL_GUEST;
	return ic_version_older(version, KVP_VERSION_5_0)
		       ? text_write(body, info, family)
		       : binary_write(body, info, family);
}

/* A terminated ASCII text of the wire. */
static bool text_read(char *text, u32 capacity_bytes, const u8 *wire, u32 units)
{
	u32 used = utf16_length(wire, units);

	return used < units &&
	       utf16_to_utf8(text, capacity_bytes, wire, used) == UTF16_OK &&
	       ascii(text);
}

static enum kvp_status text_form_read(struct kvp_ip_info *info, const u8 *body)
{
	const struct kvp_ip_text *wire = (const struct kvp_ip_text *)body;

	info->family = wire->family & (KVP_FAMILY_IPV4 | KVP_FAMILY_IPV6);
	info->dhcp_enabled = wire->dhcp_enabled;
	if (!text_read(info->adapter_id, sizeof(info->adapter_id),
		       wire->adapter_id, KVP_ADAPTER_UNITS) ||
	    !text_read(info->addresses, sizeof(info->addresses),
		       wire->addresses, KVP_LIST_UNITS) ||
	    !text_read(info->subnets, sizeof(info->subnets), wire->subnets,
		       KVP_LIST_UNITS) ||
	    !text_read(info->gateways, sizeof(info->gateways), wire->gateways,
		       KVP_GATEWAY_UNITS) ||
	    !text_read(info->dns_servers, sizeof(info->dns_servers),
		       wire->dns_servers, KVP_LIST_UNITS))
		return KVP_GUEST_TEXT;
	return KVP_OK;
}

/* Both families of one kind: room in @text is for the most there can be. */
static void binary_list_read(char *text, const u8 (*ipv4)[4], u32 ipv4_count,
			     const u8 (*ipv6)[16], u32 ipv6_count)
{
	u32 i, used = 0;

	for (i = 0; i < ipv4_count + ipv6_count; i++) {
		if (i)
			text[used++] = ';';
		if (i < ipv4_count)
			used += address_ipv4_format(text + used, ipv4[i]);
		else
			used += address_ipv6_format(text + used,
						    ipv6[i - ipv4_count]);
	}
	text[used] = 0;
}

static bool binary_subnets_read(char *text, const struct kvp_ip_binary *wire)
{
	u32 i, prefix, used = 0;

	for (i = 0; i < wire->ipv4_address_count; i++) {
		if (i)
			text[used++] = ';';
		used += address_ipv4_format(text + used, wire->ipv4_masks[i]);
	}
	for (i = 0; i < wire->ipv6_address_count; i++) {
		prefix = wire->ipv6_prefixes[i];
		if (prefix > 128)
			return false;
		if (used)
			text[used++] = ';';
		text[used++] = '/';
		used += address_number_format(text + used, prefix);
	}
	text[used] = 0;
	return true;
}

static enum kvp_status binary_form_read(struct kvp_ip_info *info,
					const u8 *body)
{
	const struct kvp_ip_binary *wire = (const struct kvp_ip_binary *)body;

	if (wire->ipv4_address_count > KVP_BINARY_ADDRESSES ||
	    wire->ipv6_address_count > KVP_BINARY_ADDRESSES ||
	    wire->ipv4_gateway_count > KVP_BINARY_GATEWAYS ||
	    wire->ipv6_gateway_count > KVP_BINARY_GATEWAYS ||
	    wire->ipv4_dns_count > KVP_BINARY_ADDRESSES ||
	    wire->ipv6_dns_count > KVP_BINARY_ADDRESSES ||
	    !text_read(info->adapter_id, sizeof(info->adapter_id),
		       wire->adapter_id, KVP_ADAPTER_UNITS) ||
	    !binary_subnets_read(info->subnets, wire))
		return KVP_GUEST_TEXT;
	info->family = wire->family & (KVP_FAMILY_IPV4 | KVP_FAMILY_IPV6);
	info->dhcp_enabled = wire->dhcp_enabled;
	binary_list_read(info->addresses, wire->ipv4_addresses,
			 wire->ipv4_address_count, wire->ipv6_addresses,
			 wire->ipv6_address_count);
	binary_list_read(info->gateways, wire->ipv4_gateways,
			 wire->ipv4_gateway_count, wire->ipv6_gateways,
			 wire->ipv6_gateway_count);
	binary_list_read(info->dns_servers, wire->ipv4_dns,
			 wire->ipv4_dns_count, wire->ipv6_dns,
			 wire->ipv6_dns_count);
	return KVP_OK;
}

enum kvp_status kvp_ip_read(struct kvp_ip_info *info, const u8 *body,
			    u32 body_bytes, u32 version)
{
	port_fill(info, 0, sizeof(*info));
	if (ic_version_older(version, KVP_VERSION_4_0))
		return KVP_NO_IP;
	if (ic_version_older(version, KVP_VERSION_5_0)) {
		if (body_bytes < sizeof(struct kvp_ip_text))
			return KVP_GUEST_TEXT;
		return text_form_read(info, body);
	}
	if (body_bytes < sizeof(struct kvp_ip_binary))
		return KVP_GUEST_TEXT;
	return binary_form_read(info, body);
}
