/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What an interface has, for the host. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "guest/lisd/file.h"
#include "guest/lisd/kvp/apply.h"
#include "guest/lisd/kvp/dns.h"

#define HOOK_LIMIT_MS 10000
#define GUID_BYTES    40

int network_begin(struct network *network)
{
	char path[LISD_PATH_BYTES];
	int error = netlink_read(&network->net);

	if (error)
		return error;
	network->connected = !dbus_open(
		&network->bus, lisd_path(network->env, path, MANAGER_BUS));
	if (!network->connected)
		dbus_close(&network->bus);
	return 0;
}

void network_end(struct network *network)
{
	if (network->connected)
		dbus_close(&network->bus);
	network->connected = false;
}

/* The device id of an interface's VMBus channel, with its braces. */
static bool device_is(const struct lisd_env *env, const char *name,
		      const char *id)
{
	char path[LISD_PATH_BYTES], full[LISD_PATH_BYTES], text[GUID_BYTES * 2];
	ssize_t got;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/device_id",
		 name);
	got = file_read(lisd_path(env, full, path), text, sizeof(text));
	if (got <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return !strcasecmp(text, id);
}

const struct net_link *network_find(struct network *network, const char *id)
{
	u32 i;

	if (*id != '{')
		return net_link_mac(&network->net, id);
	/* A VF has its own PCI device: only the synthetic adapter fits. */
	for (i = 0; i < network->net.link_count; i++)
		if (device_is(network->env, network->net.links[i].name, id))
			return &network->net.links[i];
	return NULL;
}

/* Appends to a list of the message. */
static void list_add(void *list, size_t bytes, const char *text)
{
	char *at = list;
	size_t used = strlen(at), length = strlen(text);

	if (used + length + 2 > bytes)
		return;
	memcpy(at + used, text, length);
	at[used + length] = ';';
	at[used + length + 1] = '\0';
}

static void list_end(void *list)
{
	char *at = list;
	size_t used = strlen(at);

	if (used)
		at[used - 1] = '\0';
}

static void address_text(char text[INET6_ADDRSTRLEN], enum net_family family,
			 const u8 *bytes)
{
	inet_ntop(family == NET_IPV4 ? AF_INET : AF_INET6, bytes, text,
		  INET6_ADDRSTRLEN);
}

static void addresses_get(const struct network *network, u32 link_index,
			  enum net_family family,
			  struct hv_kvp_ipaddr_value *wire)
{
	char text[INET6_ADDRSTRLEN], length[8];
	u32 i;

	for (i = 0; i < network->net.address_count; i++) {
		const struct net_address *address = &network->net.addresses[i];

		if (address->index != link_index || address->family != family)
			continue;
		address_text(text, family, address->bytes);
		list_add(wire->ip_addr, sizeof(wire->ip_addr), text);
		snprintf(length, sizeof(length), "/%u", address->prefix);
		list_add(wire->sub_net, sizeof(wire->sub_net),
			 family == NET_IPV4 ? netconf_mask(address->prefix)
					    : length);
		wire->addr_family |= family == NET_IPV4 ? ADDR_FAMILY_IPV4
							: ADDR_FAMILY_IPV6;
	}
}

/* This interface's gateways, the preferred first; nobody else's. */
static void gateways_get(const struct network *network, u32 link_index,
			 struct hv_kvp_ipaddr_value *wire)
{
	char text[INET6_ADDRSTRLEN];
	u64 least = 0, next;
	u32 i;

	/* Routes of one metric in the kernel's order, metric by metric. */
	for (;;) {
		next = UINT64_MAX;
		for (i = 0; i < network->net.gateway_count; i++) {
			const struct net_gateway *gateway =
				&network->net.gateways[i];

			if (gateway->index != link_index)
				continue;
			if (gateway->metric == least) {
				address_text(text, gateway->family,
					     gateway->bytes);
				list_add(wire->gate_way, sizeof(wire->gate_way),
					 text);
			} else if (gateway->metric > least &&
				   gateway->metric < next) {
				next = gateway->metric;
			}
		}
		if (next == UINT64_MAX)
			return;
		least = next;
	}
}

/* A hook's lines of addresses as a list. */
static void hook_servers(char *output, struct hv_kvp_ipaddr_value *wire)
{
	struct netconf_address address;
	char *line, *rest = output;

	while ((line = strsep(&rest, " \t\n")))
		if (netconf_address_parse(&address, line))
			list_add(wire->dns_addr, sizeof(wire->dns_addr),
				 address.text);
}

static void manager_get(struct network *network, const struct net_link *link,
			struct hv_kvp_ipaddr_value *wire)
{
	static struct runner_result result;
	char servers[DNS_LIST_BYTES];

	if (*lisd_setting(network->env, "kvp.hooks", "")) {
		runner_run(&network->runner, RUNNER_HOOK_DNS, link->name,
			   HOOK_LIMIT_MS, &result);
		hook_servers(result.output, wire);
		list_end(wire->dns_addr);
		runner_run(&network->runner, RUNNER_HOOK_DHCP, link->name,
			   HOOK_LIMIT_MS, &result);
		wire->dhcp_enabled = !strncmp(result.output, "Enabled", 7);
		return;
	}
	dns_servers(network->env, &network->bus, network->connected, link,
		    servers, sizeof(servers));
	snprintf((char *)wire->dns_addr, sizeof(wire->dns_addr), "%s", servers);
	wire->dhcp_enabled =
		dhcp_enabled(network->env, &network->bus, network->connected,
			     &network->net, link);
}

u32 network_get(struct network *network, struct hv_kvp_ipaddr_value *wire)
{
	const struct net_link *link;
	char id[sizeof(wire->adapter_id)];

	memcpy(id, wire->adapter_id, sizeof(id));
	memset(wire, 0, sizeof(*wire));
	if (!memchr(id, 0, sizeof(id)))
		return HV_INVALIDARG;
	if (network_begin(network))
		return HV_E_FAIL;
	link = network_find(network, id);
	if (!link) {
		network_end(network);
		return HV_GUID_NOTFOUND;
	}
	memcpy(wire->adapter_id, id, sizeof(id));
	addresses_get(network, link->index, NET_IPV4, wire);
	addresses_get(network, link->index, NET_IPV6, wire);
	gateways_get(network, link->index, wire);
	list_end(wire->ip_addr);
	list_end(wire->sub_net);
	list_end(wire->gate_way);
	manager_get(network, link, wire);
	network_end(network);
	return HV_S_OK;
}
