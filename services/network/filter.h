/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * filter.h - which frames a guest may hear and send.
 *
 * Here: the packet filter that a guest sets, the VLAN mode that its owner sets.
 * Not here: where frames come from.
 *
 * Sources: [MS-NDIS] OID_GEN_CURRENT_PACKET_FILTER; Set-VMNetworkAdapterVlan.
 */
#ifndef SERVICES_NETWORK_FILTER_H
#define SERVICES_NETWORK_FILTER_H

#include "vmbus/port.h"

#define NETWORK_MULTICAST_MAX 32u

/* NDIS_PACKET_TYPE_*. */
#define NETWORK_FILTER_DIRECTED	     0x01u
#define NETWORK_FILTER_MULTICAST     0x02u /* of the list */
#define NETWORK_FILTER_ALL_MULTICAST 0x04u
#define NETWORK_FILTER_BROADCAST     0x08u
#define NETWORK_FILTER_PROMISCUOUS   0x20u

struct network_filter {
	u32 packet_filter; /* NETWORK_FILTER_; 0: it hears nothing */
	u16 multicast_count;
	u8 address[6];
	u8 multicast[NETWORK_MULTICAST_MAX][6];
};

/*
 * network_filter_passes - whether the guest wants frames for @destination (6
 * bytes).
 */
bool network_filter_passes(const struct network_filter *filter,
			   const u8 *destination);

enum network_vlan_mode {
	/* Tags are the guest's own affair. */
	NETWORK_VLAN_OPEN,
	/* The guest is in VLAN id and sees no tags. */
	NETWORK_VLAN_ACCESS,
	/* The guest tags: VLANs of the list; id (0: none) is without a tag. */
	NETWORK_VLAN_TRUNK,
};

struct network_vlan {
	u8 mode;	  /* enum network_vlan_mode */
	u16 id;		  /* 1 to 4094, trunk also 0: untagged stays so */
	u32 allowed[128]; /* trunk: bit id % 32 of word id / 32 */
};

/* A tag: priority << 13 | drop eligible << 12 | id, or this. */
#define NETWORK_UNTAGGED 0x10000u

/*
 * network_vlan_out - a frame from the guest.
 * @tag: as the guest sent it; receives what goes out with it
 * Returns false when the frame must not go out. A tag of id 0 (a priority only)
 * counts as none, its priority is kept where another tag is added.
 */
bool network_vlan_out(const struct network_vlan *vlan, u32 *tag);

/* network_vlan_in - a frame to the guest, the same way. */
bool network_vlan_in(const struct network_vlan *vlan, u32 *tag);

#endif
