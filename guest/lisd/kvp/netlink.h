/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * netlink.h - links, addresses and default routes, as the kernel has them now.
 *
 * Here: three dumps of rtnetlink. Not here: DNS, and who configured them.
 *
 * Source: rtnetlink(7), RFC 3549.
 */
#ifndef GUEST_LISD_KVP_NETLINK_H
#define GUEST_LISD_KVP_NETLINK_H

#include "vmbus/port.h"

#define NET_LINKS_MAX	  512
#define NET_ADDRESSES_MAX 1024
#define NET_GATEWAYS_MAX  128
#define NET_NAME_BYTES	  16
#define NET_MAC_BYTES	  6

enum net_family { NET_IPV4 = 4, NET_IPV6 = 6 };

struct net_link {
	u32 index;
	char name[NET_NAME_BYTES];
	u8 mac[NET_MAC_BYTES];
	bool has_mac;
	bool up;
	bool loopback;
	bool slave; /* of a bond, a bridge, or of the adapter whose VF it is */
};

struct net_address {
	u32 index; /* of its link */
	enum net_family family;
	u8 prefix;
	bool dynamic; /* it has a life time: DHCP or router advertisement */
	bool link_local;
	u8 bytes[16];
};

struct net_gateway {
	u32 index;
	enum net_family family;
	u32 metric;
	u8 bytes[16];
};

struct net_state {
	u32 link_count, address_count, gateway_count;
	struct net_link links[NET_LINKS_MAX];
	struct net_address addresses[NET_ADDRESSES_MAX];
	struct net_gateway gateways[NET_GATEWAYS_MAX];
};

enum netlink_status {
	NETLINK_MORE, /* another datagram belongs to the dump */
	NETLINK_DONE,
	NETLINK_ERROR, /* the kernel refused, or the datagram makes no sense */
};

/*
 * netlink_parse - add what one datagram of a dump tells. What does not fit any
 * more is left out.
 */
enum netlink_status netlink_parse(struct net_state *state, const void *data,
				  u32 bytes);

/* netlink_read - all three dumps. Returns 0 or -errno. */
int netlink_read(struct net_state *state);

/* net_link_named, net_link_at - a link, or NULL. */
const struct net_link *net_link_named(const struct net_state *state,
				      const char *name);
const struct net_link *net_link_at(const struct net_state *state, u32 index);

/*
 * net_link_mac - the link with this MAC address "00:15:5d:01:02:03", of any
 * case; of several, the one that is nobody's slave. NULL when there is none.
 */
const struct net_link *net_link_mac(const struct net_state *state,
				    const char *text);

#endif
