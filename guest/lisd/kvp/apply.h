/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * apply.h - give an interface the addresses that the host wants.
 *
 * Here: written for the manager that owns the interface, applied, looked at,
 * and put back when it did not work. Not here: what the files look like
 * (netconf.h), nor the managers' own words (manager.h).
 *
 * The kernel's driver gives a daemon 30 seconds before it answers the host in
 * its place: what has not worked after 18 is put back.
 */
#ifndef GUEST_LISD_KVP_APPLY_H
#define GUEST_LISD_KVP_APPLY_H

#include "guest/lisd/kvp/dbus.h"
#include "guest/lisd/kvp/manager.h"
#include "guest/lisd/kvp/netconf.h"
#include "guest/lisd/kvp/runner.h"
#include "guest/lisd/lisd.h"

#define APPLY_REASON_BYTES 512

struct network {
	const struct lisd_env *env;
	struct runner runner;
	struct dbus bus;
	struct net_state net;
	bool connected; /* of the bus; see network_begin() */
};

/*
 * network_begin - read addresses anew and connect to the system bus where there
 * is one. Returns 0 or -errno of netlink.
 */
int network_begin(struct network *network);
/* network_end - leave the bus. */
void network_end(struct network *network);

/*
 * network_apply - after network_begin().
 * @conf: with the name of an interface that exists
 * @reason: set to a sentence for the log when it fails
 * Returns HV_S_OK, HV_ERROR_NOT_SUPPORTED (nobody manages the interface),
 * access denied, write protected, disk full, timeout, or HV_E_FAIL; then
 * everything is as it was.
 */
u32 network_apply(struct network *network, const struct netconf *conf,
		  char reason[APPLY_REASON_BYTES]);

/* network_status - the HRESULT of an error number. */
u32 network_status(int error);

/*
 * network_get - addresses, gateways, name servers and DHCP state of the
 * interface with a MAC address, as the host's message has them.
 * Returns HV_S_OK, HV_GUID_NOTFOUND or HV_E_FAIL.
 */
u32 network_get(struct network *network, struct hv_kvp_ipaddr_value *wire);

/*
 * network_find - the interface of an adapter, by the device id of its VMBus
 * channel "{f8615163-...}" or by MAC address. NULL when there is none.
 */
const struct net_link *network_find(struct network *network, const char *id);

#endif
