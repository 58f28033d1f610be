// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What an adapter is made of, from one session to the next. */
#include "guest/kmod/hv_netvsc/netvsc.h"
#include <linux/slab.h>
#include <linux/vmalloc.h>

void netvsc_buffer_free(struct netvsc_buffer *buffer)
{
	vfree(buffer->memory);
	kvfree(buffer->pfns);
	buffer->memory = NULL;
	buffer->pfns = NULL;
}

int netvsc_buffer_alloc(struct netvsc_buffer *buffer, u32 bytes)
{
	u32 i;

	buffer->page_count = bytes / PAGE_SIZE;
	buffer->memory = vzalloc(bytes);
	buffer->pfns = kvmalloc_array(buffer->page_count, sizeof(*buffer->pfns),
				      GFP_KERNEL);
	if (!buffer->memory || !buffer->pfns)
		return -ENOMEM;
	for (i = 0; i < buffer->page_count; i++)
		buffer->pfns[i] =
			vmalloc_to_pfn(buffer->memory + i * PAGE_SIZE);
	return 0;
}

static void channel_free(struct netvsc_channel *channel)
{
	u32 i;

	for (i = 0; i < NETVSC_HEAD_PAGES; i++)
		free_page((unsigned long)channel->heads[i]);
	kvfree(channel);
}

struct netvsc_channel *netvsc_channel_get(struct netvsc *netvsc, u16 index)
{
	struct netvsc_channel *channel = netvsc->channels[index];
	u32 i;

	if (channel)
		return channel;
	channel = kvzalloc(sizeof(*channel), GFP_KERNEL);
	if (!channel)
		return NULL;
	channel->netvsc = netvsc;
	channel->index = index;
	spin_lock_init(&channel->lock);
	u64_stats_init(&channel->tx.sync);
	u64_stats_init(&channel->rx.sync);
	for (i = 0; i < NETVSC_HEAD_PAGES; i++) {
		channel->heads[i] = (u8 *)get_zeroed_page(GFP_KERNEL);
		if (!channel->heads[i]) {
			channel_free(channel);
			return NULL;
		}
	}
	compat_netif_napi_add(netvsc->netdev, &channel->napi, netvsc_poll);
	if (compat_xdp_rxq_info_reg(&channel->queue, netvsc->netdev, index,
				    &channel->napi)) {
		netif_napi_del(&channel->napi);
		channel_free(channel);
		return NULL;
	}
	netvsc->channels[index] = channel;
	return channel;
}

int netvsc_memory_alloc(struct netvsc *netvsc)
{
	netvsc->message = (u8 *)get_zeroed_page(GFP_KERNEL);
	if (!netvsc->message ||
	    netvsc_buffer_alloc(&netvsc->receive, NETVSC_RECEIVE_BYTES) ||
	    netvsc_buffer_alloc(&netvsc->send, NETVSC_SEND_BYTES) ||
	    !netvsc_channel_get(netvsc, 0)) {
		netvsc_memory_free(netvsc);
		return -ENOMEM;
	}
	return 0;
}

void netvsc_memory_free(struct netvsc *netvsc)
{
	u32 i;

	for (i = 0; i < NETWORK_CHANNELS_MAX; i++) {
		if (!netvsc->channels[i])
			continue;
		xdp_rxq_info_unreg(&netvsc->channels[i]->queue);
		netif_napi_del(&netvsc->channels[i]->napi);
		channel_free(netvsc->channels[i]);
		netvsc->channels[i] = NULL;
	}
	netvsc_buffer_free(&netvsc->receive);
	netvsc_buffer_free(&netvsc->send);
	free_page((unsigned long)netvsc->message);
	netvsc->message = NULL;
}
