// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * memory.c - the pages of a channel's rings.
 *
 * Here: allocation, one page at a time, and the mapping that lets no packet
 * wrap. Not here: lending them to the host (channel.c).
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static_assert(PAGE_SIZE == VMBUS_PAGE_BYTES);

#define RING_BYTES_MAX (16u << 20)

static int pages_alloc(struct lisbus_channel *channel)
{
	u32 i;

	channel->pages = kvcalloc(channel->page_count, sizeof(*channel->pages),
				  GFP_KERNEL);
	channel->pfns = kvcalloc(channel->page_count, sizeof(*channel->pfns),
				 GFP_KERNEL);
	if (!channel->pages || !channel->pfns)
		return -ENOMEM;
	for (i = 0; i < channel->page_count; i++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

		if (!page)
			return -ENOMEM;
		channel->pages[i] = page;
		channel->pfns[i] = page_to_pfn(page);
	}
	return 0;
}

/* The header once, and the data that follows it twice. */
static void *map_twice(struct page **pages, u32 count)
{
	u32 total = 2 * count - 1, i;
	struct page **order;
	void *map;

	order = kvmalloc_array(total, sizeof(*order), GFP_KERNEL);
	if (!order)
		return NULL;
	for (i = 0; i < count; i++)
		order[i] = pages[i];
	for (; i < total; i++)
		order[i] = pages[i - count + 1];
	map = vmap(order, total, VM_MAP, PAGE_KERNEL);
	kvfree(order);
	return map;
}

static int rings_attach(struct lisbus_channel *channel, u32 tx_bytes,
			u32 rx_bytes)
{
	enum vmbus_status status;

	ring_format(channel->tx_map);
	ring_format(channel->rx_map);
	status = ring_init_writer(&channel->tx, channel->tx_map,
				  channel->tx_map + PAGE_SIZE, tx_bytes, true);
	if (!status)
		status = ring_init_reader(&channel->rx, channel->rx_map,
					  channel->rx_map + PAGE_SIZE, rx_bytes,
					  true);
	return status ? -EINVAL : 0;
}

int bus_rings_alloc(struct lisbus_channel *channel, u32 tx_bytes, u32 rx_bytes)
{
	int error = -ENOMEM;

	if (!tx_bytes || !rx_bytes || tx_bytes % PAGE_SIZE ||
	    rx_bytes % PAGE_SIZE || tx_bytes > RING_BYTES_MAX ||
	    rx_bytes > RING_BYTES_MAX)
		return -EINVAL;
	channel->tx_pages = tx_bytes / PAGE_SIZE + 1;
	channel->page_count = channel->tx_pages + rx_bytes / PAGE_SIZE + 1;
	if (pages_alloc(channel))
		goto fail;
	channel->tx_map = map_twice(channel->pages, channel->tx_pages);
	channel->rx_map = map_twice(channel->pages + channel->tx_pages,
				    channel->page_count - channel->tx_pages);
	if (!channel->tx_map || !channel->rx_map)
		goto fail;
	error = rings_attach(channel, tx_bytes, rx_bytes);
	if (!error)
		return 0;
fail:
	bus_rings_free(channel);
	return error;
}

void bus_rings_free(struct lisbus_channel *channel)
{
	u32 i;

	vunmap(channel->tx_map);
	vunmap(channel->rx_map);
	for (i = 0; channel->pages && i < channel->page_count; i++)
		if (channel->pages[i])
			__free_page(channel->pages[i]);
	kvfree(channel->pages);
	kvfree(channel->pfns);
	channel->tx_map = NULL;
	channel->rx_map = NULL;
	channel->pages = NULL;
	channel->pfns = NULL;
}
