/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * osinfo.h - what the guest tells about itself, item by item.
 *
 * Here: the intrinsic items, gathered at each request. Not here: pools.
 *
 * Source of keys and their numbers: uapi/linux/hyperv.h; os-release(5).
 */
#ifndef GUEST_LISD_KVP_OSINFO_H
#define GUEST_LISD_KVP_OSINFO_H

#include "guest/lisd/kvp/netlink.h"
#include "guest/lisd/lisd.h"

#define OSINFO_VALUE_BYTES 2048

/*
 * osinfo_item - the item of number @index.
 * @ic_version: of the kernel's driver, as it told
 * @value: OSINFO_VALUE_BYTES of memory; "" where nothing is known
 * Returns its key, or NULL when there is no such item.
 */
const char *osinfo_item(const struct lisd_env *env, u32 index,
			const char *ic_version, char *value);

/* osinfo_index - the number of a key, or -1. */
int osinfo_index(const char *key);

/*
 * osinfo_release - a field of os-release text, unquoted.
 * @value: @bytes of memory; "" when it is not there or does not fit
 */
void osinfo_release(const char *text, const char *field, char *value,
		    size_t bytes);

/*
 * osinfo_hosts_name - the full name that the text of a hosts file has for
 * @name, the first with a full stop in it: true when there is one.
 */
bool osinfo_hosts_name(const char *text, const char *name, char *full,
		       size_t bytes);

/*
 * osinfo_addresses - "a;b": of links that are up, are no loopback and are
 * nobody's slave.
 * @bytes: of @value; what does not fit whole is left out
 */
void osinfo_addresses(const struct net_state *net, enum net_family family,
		      char *value, size_t bytes);

#endif
