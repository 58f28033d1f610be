// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Which frames a guest may hear and send. */
#include "services/network/filter.h"

#define TAG_ID	     0x0fffu
#define TAG_PRIORITY 0xf000u

static bool is_broadcast(const u8 *address)
{
	u32 i;

	for (i = 0; i < 6; i++) {
		if (address[i] != 0xff)
			return false;
	}
	return true;
}

static bool is_listed(const struct network_filter *filter, const u8 *address)
{
	u32 i;

	for (i = 0; i < filter->multicast_count; i++) {
		if (!port_compare(filter->multicast[i], address, 6))
			return true;
	}
	return false;
}

bool network_filter_passes(const struct network_filter *filter,
			   const u8 *destination)
{
	u32 bits = filter->packet_filter;

	if (bits & NETWORK_FILTER_PROMISCUOUS)
		return true;
	if (!(destination[0] & 1))
		return (bits & NETWORK_FILTER_DIRECTED) &&
		       !port_compare(filter->address, destination, 6);
	if (is_broadcast(destination))
		return bits & NETWORK_FILTER_BROADCAST;
	return (bits & NETWORK_FILTER_ALL_MULTICAST) ||
	       ((bits & NETWORK_FILTER_MULTICAST) &&
		is_listed(filter, destination));
}

static bool is_allowed(const struct network_vlan *vlan, u32 id)
{
	return vlan->allowed[id / 32] >> (id % 32) & 1;
}

/* The tag's VLAN, 0: none. */
static u32 vlan_of(u32 tag)
{
	return tag == NETWORK_UNTAGGED ? 0 : tag & TAG_ID;
}

static u32 priority_of(u32 tag)
{
	return tag == NETWORK_UNTAGGED ? 0 : tag & TAG_PRIORITY;
}

bool network_vlan_out(const struct network_vlan *vlan, u32 *tag)
{
	u32 id = vlan_of(*tag);

	if (vlan->mode == NETWORK_VLAN_OPEN)
		return true;
	if (id)
		return vlan->mode == NETWORK_VLAN_TRUNK && is_allowed(vlan, id);
	if (vlan->id)
		*tag = priority_of(*tag) | vlan->id;
	return true;
}

bool network_vlan_in(const struct network_vlan *vlan, u32 *tag)
{
	u32 id = vlan_of(*tag);

	if (vlan->mode == NETWORK_VLAN_OPEN)
		return true;
	if (id == vlan->id) {
		*tag = NETWORK_UNTAGGED;
		return true;
	}
	return vlan->mode == NETWORK_VLAN_TRUNK && id && is_allowed(vlan, id);
}
