/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * kvp_link.h - both ends of key-value exchange back to back, with a guest that
 * keeps its pools in memory.
 */
#ifndef TESTS_UNIT_SERVICES_KVP_LINK_H
#define TESTS_UNIT_SERVICES_KVP_LINK_H

#include "tests/unit/services/ic_link.h"

#include "services/kvp/vsc.h"
#include "services/kvp/vsp.h"

#define KVP_LINK_ITEMS 300

struct kvp_link {
	struct kvp_vsp vsp;
	struct kvp_vsc vsc;
	u64 now_100ns;
	/* The guest. */
	u32 counts[KVP_POOL_COUNT];
	struct kvp_ip_info adapter; /* what was set, and is given */
	u32 forced_status;	    /* every answer's, unless 0 */
	u32 request_count;
	struct kvp_request request; /* the newest */
	/* What the host end told, oldest first. */
	u32 item_count;
	u32 bad_count; /* items whose text was not valid */
	u32 done_count;
	struct kvp_event done; /* the newest KVP_EVENT_DONE */
};

extern struct kvp_link kvp_link;
/* What the guest has, and which items the host end told. */
extern struct kvp_item kvp_link_pools[KVP_POOL_COUNT][KVP_LINK_ITEMS];
extern struct kvp_item kvp_link_items[KVP_LINK_ITEMS];

/* Start anew, with an empty guest; either version may be 0 for the newest. */
void kvp_link_start(const struct kvp_vsp_options *options, u32 guest_version);

/* The same, and run until negotiation and the probe are over. */
void kvp_link_open(const struct kvp_vsp_options *options, u32 guest_version);

/* Take the events there are. */
void kvp_link_events(void);

/* The host's next packet; false when it has none. */
bool kvp_link_host_sends(struct ic_link_packet *packet);

/* The guest answers it by its pools; false when it does not. */
bool kvp_link_guest_answers(const struct ic_link_packet *request,
			    struct ic_link_packet *answer);

/* The host takes a packet of the guest's, and its events are taken. */
enum vmbus_status kvp_link_host_takes(const struct ic_link_packet *packet);

/* Run until neither end has anything to send. */
void kvp_link_run(void);

/* Put an item into the guest. */
void kvp_link_put(u32 pool, const char *key, const char *text);

/* An item with a string, for a request. */
struct kvp_item kvp_link_item(const char *key, const char *text);

#endif
