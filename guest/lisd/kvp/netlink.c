/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/netlink.h"

#include <errno.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DATAGRAM_BYTES	32768
#define ANSWER_LIMIT_S	5
#define IPV4_BYTES	4
#define IPV6_BYTES	16
#define ATTRIBUTES_MAX	64
#define MULTIPATH_TURNS 64

/* Attributes by their types, within a bounded piece of memory. */
struct attributes {
	const u8 *data[ATTRIBUTES_MAX];
	u16 bytes[ATTRIBUTES_MAX];
};

static u32 aligned(u32 bytes)
{
	return (bytes + 3) & ~3u;
}

static bool attributes_read(struct attributes *found, const u8 *at, u32 bytes)
{
	struct rtattr head;

	memset(found, 0, sizeof(*found));
	while (bytes >= sizeof(head)) {
		memcpy(&head, at, sizeof(head));
		if (head.rta_len < sizeof(head) || head.rta_len > bytes)
			return false;
		head.rta_type &= NLA_TYPE_MASK;
		if (head.rta_type < ATTRIBUTES_MAX) {
			found->data[head.rta_type] = at + sizeof(head);
			found->bytes[head.rta_type] =
				(u16)(head.rta_len - sizeof(head));
		}
		if (aligned(head.rta_len) >= bytes)
			break;
		at += aligned(head.rta_len);
		bytes -= aligned(head.rta_len);
	}
	return true;
}

/* A message's head of its own kind, and the attributes behind it. */
static bool message_read(void *head, u32 head_bytes, struct attributes *found,
			 const u8 *body, u32 bytes)
{
	if (bytes < head_bytes)
		return false;
	memcpy(head, body, head_bytes);
	return attributes_read(found, body + head_bytes, bytes - head_bytes);
}

static bool attribute_u32(const struct attributes *from, u32 type, u32 *value)
{
	if (from->bytes[type] != sizeof(*value))
		return false;
	memcpy(value, from->data[type], sizeof(*value));
	return true;
}

static u32 family_bytes(u8 family)
{
	return family == AF_INET    ? IPV4_BYTES
	       : family == AF_INET6 ? IPV6_BYTES
				    : 0;
}

static bool link_parse(struct net_state *state, const u8 *body, u32 bytes)
{
	struct net_link *link = &state->links[state->link_count];
	struct attributes found;
	struct ifinfomsg head;

	if (!message_read(&head, sizeof(head), &found, body, bytes))
		return false;
	if (state->link_count == NET_LINKS_MAX || !found.bytes[IFLA_IFNAME] ||
	    head.ifi_index <= 0)
		return true;
	memset(link, 0, sizeof(*link));
	link->index = (u32)head.ifi_index;
	strncpy(link->name, (const char *)found.data[IFLA_IFNAME],
		found.bytes[IFLA_IFNAME] < sizeof(link->name)
			? found.bytes[IFLA_IFNAME]
			: sizeof(link->name) - 1);
	link->up = head.ifi_flags & IFF_UP;
	link->loopback = head.ifi_flags & IFF_LOOPBACK;
	link->slave = found.bytes[IFLA_MASTER] || (head.ifi_flags & IFF_SLAVE);
	if (found.bytes[IFLA_ADDRESS] == NET_MAC_BYTES) {
		memcpy(link->mac, found.data[IFLA_ADDRESS], NET_MAC_BYTES);
		link->has_mac = true;
	}
	state->link_count++;
	return true;
}

static bool address_parse(struct net_state *state, const u8 *body, u32 bytes)
{
	struct net_address *address = &state->addresses[state->address_count];
	struct attributes found;
	struct ifaddrmsg head;
	u32 size, flags, type = IFA_ADDRESS;

	if (!message_read(&head, sizeof(head), &found, body, bytes))
		return false;
	size = family_bytes(head.ifa_family);
	/* Of a point-to-point link, the other is the peer's. */
	if (found.bytes[IFA_LOCAL])
		type = IFA_LOCAL;
	if (!attribute_u32(&found, IFA_FLAGS, &flags))
		flags = head.ifa_flags;
	if (state->address_count == NET_ADDRESSES_MAX || !size ||
	    found.bytes[type] != size || head.ifa_prefixlen > size * 8 ||
	    (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
		return true;
	memset(address, 0, sizeof(*address));
	address->index = head.ifa_index;
	address->family = size == IPV4_BYTES ? NET_IPV4 : NET_IPV6;
	address->prefix = head.ifa_prefixlen;
	address->dynamic = !(flags & IFA_F_PERMANENT);
	address->link_local = head.ifa_scope == RT_SCOPE_LINK;
	memcpy(address->bytes, found.data[type], size);
	state->address_count++;
	return true;
}

static void gateway_add(struct net_state *state, u32 index, u32 metric,
			const u8 *bytes, u32 size)
{
	struct net_gateway *gateway = &state->gateways[state->gateway_count];
	u32 i;

	for (i = 0; i < state->gateway_count; i++)
		if (state->gateways[i].index == index &&
		    (state->gateways[i].family == NET_IPV4) ==
			    (size == IPV4_BYTES) &&
		    !memcmp(state->gateways[i].bytes, bytes, size))
			return;
	if (state->gateway_count == NET_GATEWAYS_MAX)
		return;
	memset(gateway, 0, sizeof(*gateway));
	gateway->index = index;
	gateway->metric = metric;
	gateway->family = size == IPV4_BYTES ? NET_IPV4 : NET_IPV6;
	memcpy(gateway->bytes, bytes, size);
	state->gateway_count++;
}

static bool multipath_parse(struct net_state *state, const u8 *at, u32 bytes,
			    u32 metric, u32 size)
{
	struct attributes found;
	struct rtnexthop hop;
	u32 turn;

	for (turn = 0; turn < MULTIPATH_TURNS && bytes >= sizeof(hop); turn++) {
		memcpy(&hop, at, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > bytes ||
		    !attributes_read(&found, at + sizeof(hop),
				     hop.rtnh_len - (u32)sizeof(hop)))
			return false;
		if (found.data[RTA_GATEWAY] && found.bytes[RTA_GATEWAY] == size)
			gateway_add(state, (u32)hop.rtnh_ifindex, metric,
				    found.data[RTA_GATEWAY], size);
		if (aligned(hop.rtnh_len) >= bytes)
			break;
		at += aligned(hop.rtnh_len);
		bytes -= aligned(hop.rtnh_len);
	}
	return true;
}

static bool route_parse(struct net_state *state, const u8 *body, u32 bytes)
{
	u32 size, table, index = 0, metric = 0;
	struct attributes found;
	struct rtmsg head;

	if (!message_read(&head, sizeof(head), &found, body, bytes))
		return false;
	size = family_bytes(head.rtm_family);
	if (!attribute_u32(&found, RTA_TABLE, &table))
		table = head.rtm_table;
	if (!size || head.rtm_dst_len || head.rtm_type != RTN_UNICAST ||
	    table != RT_TABLE_MAIN)
		return true;
	(void)attribute_u32(&found, RTA_PRIORITY, &metric);
	if (found.bytes[RTA_MULTIPATH])
		return multipath_parse(state, found.data[RTA_MULTIPATH],
				       found.bytes[RTA_MULTIPATH], metric,
				       size);
	if (attribute_u32(&found, RTA_OIF, &index) && found.data[RTA_GATEWAY] &&
	    found.bytes[RTA_GATEWAY] == size)
		gateway_add(state, index, metric, found.data[RTA_GATEWAY],
			    size);
	return true;
}

static bool message_parse(struct net_state *state, u16 type, const u8 *body,
			  u32 bytes)
{
	switch (type) {
	case RTM_NEWLINK:
		return link_parse(state, body, bytes);
	case RTM_NEWADDR:
		return address_parse(state, body, bytes);
	case RTM_NEWROUTE:
		return route_parse(state, body, bytes);
	default:
		return true;
	}
}

enum netlink_status netlink_parse(struct net_state *state, const void *data,
				  u32 bytes)
{
	const u8 *at = data;
	struct nlmsghdr head;

	while (bytes >= sizeof(head)) {
		memcpy(&head, at, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > bytes)
			return NETLINK_ERROR;
		if (head.nlmsg_type == NLMSG_DONE)
			return NETLINK_DONE;
		if (head.nlmsg_type == NLMSG_ERROR ||
		    !message_parse(state, head.nlmsg_type, at + sizeof(head),
				   head.nlmsg_len - (u32)sizeof(head)))
			return NETLINK_ERROR;
		if (aligned(head.nlmsg_len) >= bytes)
			break;
		at += aligned(head.nlmsg_len);
		bytes -= aligned(head.nlmsg_len);
	}
	return NETLINK_MORE;
}

static int dump(int fd, u16 type, struct net_state *state)
{
	u8 datagram[DATAGRAM_BYTES]
		__attribute__((aligned(sizeof(struct nlmsghdr))));
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
	} request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			  .nlmsg_seq = type },
		.body = { .rtgen_family = AF_UNSPEC },
	};
	enum netlink_status status;
	ssize_t got;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	do {
		got = recv(fd, datagram, sizeof(datagram), MSG_TRUNC);
		if (got < 0)
			return -errno;
		if ((size_t)got > sizeof(datagram))
			return -EMSGSIZE;
		status = netlink_parse(state, datagram, (u32)got);
	} while (status == NETLINK_MORE);
	return status == NETLINK_DONE ? 0 : -EPROTO;
}

int netlink_read(struct net_state *state)
{
	static const u16 dumps[] = { RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE };
	struct timeval limit = { .tv_sec = ANSWER_LIMIT_S };
	int fd, error = 0;
	u32 i;

	state->link_count = state->address_count = state->gateway_count = 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		error = -errno;
	for (i = 0; i < PORT_ARRAY_SIZE(dumps) && !error; i++)
		error = dump(fd, dumps[i], state);
	close(fd);
	return error;
}

const struct net_link *net_link_named(const struct net_state *state,
				      const char *name)
{
	u32 i;

	for (i = 0; i < state->link_count; i++)
		if (!strcmp(state->links[i].name, name))
			return &state->links[i];
	return NULL;
}

const struct net_link *net_link_at(const struct net_state *state, u32 index)
{
	u32 i;

	for (i = 0; i < state->link_count; i++)
		if (state->links[i].index == index)
			return &state->links[i];
	return NULL;
}

const struct net_link *net_link_mac(const struct net_state *state,
				    const char *text)
{
	const struct net_link *best = NULL;
	char mac[3 * NET_MAC_BYTES];
	u32 i;

	for (i = 0; i < state->link_count; i++) {
		const struct net_link *link = &state->links[i];

		if (!link->has_mac)
			continue;
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
			 link->mac[0], link->mac[1], link->mac[2], link->mac[3],
			 link->mac[4], link->mac[5]);
		if (!strcasecmp(mac, text) && (!best || best->slave))
			best = link;
	}
	return best;
}
