/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Datagrams of a dump, after a byte with the number of 16-byte units. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lisd/kvp/netlink.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct net_state net;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t bytes;
	u8 *copy;
	u32 i;

	net.link_count = net.address_count = net.gateway_count = 0;
	while (size) {
		bytes = (size_t)*data * 16;
		data++;
		size--;
		if (!bytes || bytes > size)
			bytes = size;
		copy = malloc(bytes + 1);
		if (!copy)
			return 0;
		memcpy(copy, data, bytes);
		(void)netlink_parse(&net, copy, (u32)bytes);
		free(copy);
		data += bytes;
		size -= bytes;
	}
	assert(net.link_count <= NET_LINKS_MAX);
	assert(net.address_count <= NET_ADDRESSES_MAX);
	assert(net.gateway_count <= NET_GATEWAYS_MAX);
	for (i = 0; i < net.link_count; i++)
		assert(strlen(net.links[i].name) < NET_NAME_BYTES);
	return 0;
}
