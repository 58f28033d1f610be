/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * hook.h - the three scripts that distributions have for hv_kvp_daemon, as
 * programs: for whoever calls them by their names.
 *
 * Here: their arguments and output. Not here: what they do it with.
 *
 * Source: the calls in tools/hv/hv_kvp_daemon.c, and tools/hv/hv_*.sh.
 */
#ifndef GUEST_LISD_KVP_HOOK_H
#define GUEST_LISD_KVP_HOOK_H

#include "guest/lisd/kvp/netconf.h"

/* "hv_get_dns_info INTERFACE": a name server a line. */
int hook_get_dns(int argc, char **argv);

/* "hv_get_dhcp_info INTERFACE": Enabled or Disabled. */
int hook_get_dhcp(int argc, char **argv);

/*
 * "hv_set_ifconfig IFCFG [KEYFILE]": configures the interface as the first of
 * the files says; exit status 0 once the kernel has it.
 */
int hook_set(int argc, char **argv);

/*
 * hook_ifcfg - read the text of such a file.
 * Returns NULL, or what is wrong with it as a clause.
 */
const char *hook_ifcfg(struct netconf *conf, const char *text);

#endif
