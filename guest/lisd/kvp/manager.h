/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * manager.h - which network manager owns an interface, and the words to it.
 *
 * Here: telling managers apart, and the D-Bus calls of NetworkManager and
 * systemd-networkd. Not here: files (netconf.h) and when to do what (apply.h).
 *
 * Source: NetworkManager's D-Bus API reference, org.freedesktop.network1(5).
 */
#ifndef GUEST_LISD_KVP_MANAGER_H
#define GUEST_LISD_KVP_MANAGER_H

#include "guest/lisd/kvp/dbus.h"
#include "guest/lisd/kvp/netlink.h"
#include "guest/lisd/lisd.h"

#define MANAGER_SERVICE	 "org.freedesktop.NetworkManager"
#define NETWORKD_SERVICE "org.freedesktop.network1"
#define MANAGER_BUS	 "/run/dbus/system_bus_socket"

enum manager {
	MANAGER_NONE,
	MANAGER_NETPLAN,
	MANAGER_NETWORKMANAGER,
	MANAGER_NETWORKD,
	MANAGER_IFCFG,
	MANAGER_IFUPDOWN,
	MANAGER_COUNT
};

/* manager_name - as the setting kvp.manager has it. */
const char *manager_name(enum manager manager);

/* manager_named - the opposite; MANAGER_COUNT when there is none. */
enum manager manager_named(const char *name);

/*
 * manager_find - who owns an interface now.
 * @connected: whether @bus is
 */
enum manager manager_find(const struct lisd_env *env, struct dbus *bus,
			  bool connected, const struct net_link *link);

/*
 * NetworkManager. Each returns 0, or -errno with words in bus->error where the
 * manager gave them. Paths are DBUS_NAME_BYTES of memory.
 */
/* manager_device - the path of an interface's device object. */
int manager_device(struct dbus *bus, const char *name, char *path);
/* manager_object - a property that is a path; -ENOENT when it is "/". */
int manager_object(struct dbus *bus, const char *device, const char *property,
		   char *path);
/* manager_profile - the connection that is active on an interface. */
int manager_profile(struct dbus *bus, const char *name, char *path);
/* manager_load - read a keyfile anew. */
int manager_load(struct dbus *bus, const char *file);
/* manager_profile_at - the connection of this UUID. */
int manager_profile_at(struct dbus *bus, const char *uuid, char *path);
/* manager_activate - activate it, and wait until it is or has failed. */
int manager_activate(struct dbus *bus, const char *name, const char *profile,
		     int limit_ms);

/* networkd_apply - read the files anew, and set the link up by them. */
int networkd_apply(struct dbus *bus, u32 link_index);

#endif
