/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * net.h - the synthetic network adapters of a VM.
 *
 * Here: what joins the engine of services/network to its channels, its worker
 * threads and a port of host/backend/net. Not here: the wire, where frames go,
 * JSON.
 *
 * All functions are called on the loop's thread. Each channel that the guest
 * opens has a worker thread of its own (net_worker.c), which has a queue of the
 * adapter's port.
 */
#ifndef HOST_DEVICE_NET_H
#define HOST_DEVICE_NET_H

#include <uv.h>

#include "host/backend/net/capture.h"
#include "host/backend/net/port.h"
#include "host/bus/bus.h"
#include "host/control/net_config.h"
#include "host/vm/error.h"
#include "services/network/vsp.h"

struct adapters;

/* What the VM gives its adapters, and is told by them. */
struct adapters_host {
	uv_loop_t *loop;
	struct bus *bus;
	u32 vcpus;
	const char *vm_name;
	const char *folder; /* where the switches are; outlives the adapters */
	/* Something worth telling; @kind is a word of the event log. */
	void (*event)(void *context, const char *kind, const char *service,
		      u32 relid, const char *text);
	void *context;
};

/* One adapter, for people. */
struct adapter_info {
	u32 number;
	const char *name;
	const struct run_net *config; /* its mac is the one that was given */
	struct net_info port;
	struct net_counters port_counters;
	struct network_counters counters; /* as the guest counts */
	u8 mac[RUN_NET_MAC_BYTES];	  /* in use: the guest may set one */
	bool link_up;			  /* as the guest is told */
	bool by_function; /* the guest says that frames go that way */
	u32 channels;	  /* that the guest has open */
	bool capturing;
};

/* Make it, without adapters. Returns 0 or -errno with @error set. */
int adapters_create(struct adapters **adapters,
		    const struct adapters_host *host, struct lis_error *error);

/* The machine whose guest memory is used from now on; NULL: none, and every
 * channel is closed. */
void adapters_machine(struct adapters *adapters, struct machine *machine);

/* Close its handles and ports, before the loop ends; the bus is detached. */
void adapters_close(struct adapters *adapters);

/* Free it, after the loop has ended and before the bus is destroyed; NULL does
 * nothing. */
void adapters_free(struct adapters *adapters);

/*
 * Give the guest an adapter.
 * @config: copied
 * @number: receives its number, below RUN_NETS_MAX
 * Returns 0; -ENOSPC: there are as many as there can be; -EBUSY: for as long as
 * the guest has not let go of one that was taken back; or what net_port_open
 * says. @error is set.
 */
int adapters_attach(struct adapters *adapters, const struct run_net *config,
		    u32 *number, struct lis_error *error);

/* Take an adapter from the guest. Returns 0 or -ENOENT. */
int adapters_detach(struct adapters *adapters, u32 number,
		    struct lis_error *error);

/*
 * Change what @changes->given says: VLAN, link, bandwidth, virtual function
 * (its serial number is told to the guest; the function itself is for somebody
 * else to give it, and with a guest that says that it uses it, the port's
 * frames are not for the synthetic adapter any more); the address, while the
 * guest has the adapter not open. Returns 0; -ENOENT; -EBUSY: the guest uses
 * the address; -EINVAL: that cannot be changed.
 */
int adapters_set(struct adapters *adapters, u32 number,
		 const struct run_net *changes, struct lis_error *error);

/*
 * Write the adapter's frames to a file that must not be there yet.
 * Returns 0; -ENOENT: no such adapter; -EBUSY: it is captured already; or the
 * errno of making the file.
 */
int adapters_capture(struct adapters *adapters, u32 number, const char *path,
		     u32 snap_bytes, struct lis_error *error);

/* End a capture; @counters: what came of it. 0 or -ENOENT: there is none. */
int adapters_capture_stop(struct adapters *adapters, u32 number,
			  struct net_capture_counters *counters,
			  struct lis_error *error);

/* The next adapter: *@place starts at 0 and is advanced. False at the end. */
bool adapters_next(struct adapters *adapters, u32 *place,
		   struct adapter_info *info);

/* The channel of an adapter, as the next of all; false at the end. *@index
 * starts at 0. */
bool adapters_next_channel(struct adapters *adapters, u32 *index,
			   const char **name, struct bus_channel **channel);

#endif
