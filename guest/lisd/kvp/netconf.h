/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * netconf.h - the addresses that a host wants an interface to have, and how
 * each network manager's files say so.
 *
 * Here: reading the host's lists, and text for files. Not here: writing or
 * applying them (apply.h).
 *
 * Nothing of the host's text reaches a file: addresses are read as numbers and
 * written anew.
 */
#ifndef GUEST_LISD_KVP_NETCONF_H
#define GUEST_LISD_KVP_NETCONF_H

#include <linux/hyperv.h>

#include "guest/lisd/kvp/netlink.h"

#define NETCONF_ADDRESSES_MAX 64
#define NETCONF_GATEWAYS_MAX  10
#define NETCONF_DNS_MAX	      64
#define NETCONF_TEXT_BYTES    46 /* of an IPv6 address, terminator included */
#define NETCONF_FILE_BYTES    16384
#define NETCONF_UUID_BYTES    37

struct netconf_address {
	enum net_family family;
	u8 prefix;
	u8 bytes[16];
	char text[NETCONF_TEXT_BYTES];
};

struct netconf {
	char name[NET_NAME_BYTES]; /* of the interface */
	char mac[18];		   /* "" when it has none */
	bool dhcp;
	u32 address_count, gateway_count, dns_count;
	struct netconf_address addresses[NETCONF_ADDRESSES_MAX];
	struct netconf_address gateways[NETCONF_GATEWAYS_MAX];
	struct netconf_address dns[NETCONF_DNS_MAX];
};

/*
 * netconf_parse - read what the host sent. The name and MAC are left alone.
 * Returns NULL, or what is wrong with it as a clause.
 */
const char *netconf_parse(struct netconf *conf,
			  const struct hv_kvp_ipaddr_value *wire);

/*
 * netconf_address_parse - "192.0.2.1", "2001:db8::1", either with "/prefix".
 * Returns false when it is neither.
 */
bool netconf_address_parse(struct netconf_address *address, const char *text);

/* netconf_has - whether an address, gateway or DNS server is of a family. */
bool netconf_has(const struct netconf_address *list, u32 count,
		 enum net_family family);

/* netconf_mask - "255.255.255.0" of 24, at most 32; until the next call. */
const char *netconf_mask(u32 prefix);

/* A file's text as it is written; `full` once it did not fit. */
struct netconf_text {
	char text[NETCONF_FILE_BYTES];
	u32 used;
	bool full;
};

/* netconf_add - append, formatted. */
void netconf_add(struct netconf_text *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * One for each manager: the whole file for one interface.
 * @uuid: of the connection, as NetworkManager names it
 */
void netconf_keyfile(struct netconf_text *out, const struct netconf *conf,
		     const char *uuid);
void netconf_networkd(struct netconf_text *out, const struct netconf *conf);
void netconf_netplan(struct netconf_text *out, const struct netconf *conf);
void netconf_ifupdown(struct netconf_text *out, const struct netconf *conf);
void netconf_ifcfg(struct netconf_text *out, const struct netconf *conf);

/*
 * netconf_interfaces - /etc/network/interfaces without the stanzas of an
 * interface, which are turned into comments, and with a line that reads the
 * folder interfaces.d, added when there is none.
 */
void netconf_interfaces(struct netconf_text *out, const char *old,
			const char *name);

/* netconf_resolv - resolv.conf with these name servers, the rest as it was. */
void netconf_resolv(struct netconf_text *out, const char *old,
		    const struct netconf *conf);

#endif
