/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * dns.h - name servers and DHCP state of an interface, from whoever knows.
 *
 * Here: systemd-resolved and NetworkManager over D-Bus, else files. Not here:
 * addresses and gateways (netlink.h).
 *
 * Source: org.freedesktop.resolve1(5), NetworkManager's D-Bus API reference,
 * resolv.conf(5), interfaces(5).
 */
#ifndef GUEST_LISD_KVP_DNS_H
#define GUEST_LISD_KVP_DNS_H

#include "guest/lisd/kvp/dbus.h"
#include "guest/lisd/kvp/netlink.h"
#include "guest/lisd/lisd.h"

#define DNS_LIST_BYTES 1024

/*
 * dns_servers - "a;b" of an interface, "" when none is known.
 * @bus: to be used; @connected: whether it is
 */
void dns_servers(const struct lisd_env *env, struct dbus *bus, bool connected,
		 const struct net_link *link, char *list, size_t bytes);

/* dns_resolv - the name servers of resolv.conf's text. */
void dns_resolv(const char *text, char *list, size_t bytes);

/*
 * dns_resolved, dns_manager4, dns_manager6 - those in an answer to "DNS" of
 * resolve1.Manager, a(iiay); to "Nameservers" of NetworkManager's IP4Config,
 * au, and IP6Config, aay. They append, and return false when it is malformed.
 */
bool dns_resolved(struct dbus_reader *reader, u32 link_index, char *list,
		  size_t bytes);
bool dns_manager4(struct dbus_reader *reader, char *list, size_t bytes);
bool dns_manager6(struct dbus_reader *reader, char *list, size_t bytes);

/*
 * dhcp_enabled - whether an interface has its IPv4 address by DHCP: an address
 * with a life time, or its manager says so.
 */
bool dhcp_enabled(const struct lisd_env *env, struct dbus *bus, bool connected,
		  const struct net_state *net, const struct net_link *link);

/* dhcp_interfaces - whether /etc/network/interfaces' text has it so. */
bool dhcp_interfaces(const char *text, const char *name);

#endif
