// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Programs that see a frame before the network stack does (XDP).
 *
 * The host's frame is copied into a page of its own, which the program may
 * change; what it passes on or sends back becomes a packet around that page.
 */
#include "guest/kmod/hv_netvsc/netvsc.h"
#include <linux/bpf_trace.h>
#include <linux/filter.h>

/* Of a page, what a frame may take; the kernel's own data lie behind it. */
#define FRAME_MAX_BYTES                                                        \
	((u32)(SKB_WITH_OVERHEAD(PAGE_SIZE) - XDP_PACKET_HEADROOM))

const char *netvsc_xdp_obstacle(u32 mtu_bytes, netdev_features_t features)
{
	if (features & NETIF_F_LRO)
		return "programs need LRO to be off";
	if (mtu_bytes + VLAN_ETH_HLEN > FRAME_MAX_BYTES)
		return "the MTU is too large for programs";
	return NULL;
}

static void count_dropped(struct netvsc_channel *channel, struct page *page)
{
	if (page)
		put_page(page);
	netvsc_count_dropped(&channel->rx);
}

/* The packet of what the program left, or NULL: dropped. */
static struct sk_buff *packet_make(struct netvsc_channel *channel,
				   const struct xdp_buff *buff,
				   struct page *page)
{
	struct sk_buff *skb = build_skb(buff->data_hard_start, PAGE_SIZE);
	u32 meta_bytes = (u32)((u8 *)buff->data - (u8 *)buff->data_meta);

	if (!skb) {
		count_dropped(channel, page);
		return NULL;
	}
	skb_reserve(skb, (int)((u8 *)buff->data - (u8 *)buff->data_hard_start));
	skb_put(skb, (u32)((u8 *)buff->data_end - (u8 *)buff->data));
	if (meta_bytes)
		skb_metadata_set(skb, (u8)meta_bytes);
	skb->dev = channel->netvsc->netdev;
	return skb;
}

/* Out by the queue of the channel that it came in by. */
static void send_back(struct netvsc_channel *channel, struct sk_buff *skb)
{
	struct net_device *netdev = channel->netvsc->netdev;
	struct netdev_queue *queue =
		netdev_get_tx_queue(netdev, channel->index);
	netdev_tx_t sent = NETDEV_TX_BUSY;

	skb_reset_mac_header(skb);
	skb_set_queue_mapping(skb, channel->index);
	if (channel->frame.tag != NETWORK_UNTAGGED)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q),
				       (u16)channel->frame.tag);
	__netif_tx_lock(queue, (int)smp_processor_id());
	/* Limits in bytes are for what can wait before it; this cannot. */
	if (!netif_xmit_frozen_or_drv_stopped(queue))
		sent = netvsc_xmit(skb, netdev);
	__netif_tx_unlock(queue);
	if (sent == NETDEV_TX_OK)
		return;
	kfree_skb(skb);
	netvsc_count_dropped(&channel->rx);
}

/* What the program says of the frame in the page; the page is taken over. */
static bool verdict_follow(struct netvsc_channel *channel,
			   struct bpf_prog *program, struct page *page,
			   struct sk_buff **skb)
{
	struct net_device *netdev = channel->netvsc->netdev;
	struct xdp_buff buff;
	u32 verdict;

	compat_xdp_prepare(&buff, &channel->queue, PAGE_SIZE,
			   page_address(page), XDP_PACKET_HEADROOM,
			   channel->frame.bytes);
	verdict = bpf_prog_run_xdp(program, &buff);
	switch (verdict) {
	case XDP_PASS:
		*skb = packet_make(channel, &buff, page);
		return *skb;
	case XDP_TX:
		*skb = packet_make(channel, &buff, page);
		if (*skb)
			send_back(channel, *skb);
		return false;
	case XDP_DROP:
		break;
	default:
		compat_bpf_warn_invalid_xdp_action(netdev, program, verdict);
		fallthrough;
	case XDP_ABORTED:
		trace_xdp_exception(netdev, program, verdict);
		break;
	}
	count_dropped(channel, page);
	return false;
}

bool netvsc_xdp_run(struct netvsc_channel *channel, struct sk_buff **skb)
{
	struct netvsc *netvsc = channel->netvsc;
	struct bpf_prog *program;
	struct page *page;
	bool wanted = true;

	if (likely(!rcu_access_pointer(netvsc->program)))
		return true;
	rcu_read_lock();
	program = rcu_dereference(netvsc->program);
	if (program) {
		wanted = false;
		page = channel->frame.bytes <= FRAME_MAX_BYTES
			       ? dev_alloc_page()
			       : NULL;
		if (page) {
			netvsc_frame_copy(&channel->frame,
					  (u8 *)page_address(page) +
						  XDP_PACKET_HEADROOM);
			wanted = verdict_follow(channel, program, page, skb);
		} else {
			count_dropped(channel, NULL);
		}
	}
	rcu_read_unlock();
	return wanted;
}

int netvsc_bpf(struct net_device *netdev, struct netdev_bpf *command)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	const char *obstacle =
		netvsc_xdp_obstacle(netdev->mtu, netdev->features);
	struct bpf_prog *before;
	int error;

	if (command->command != XDP_SETUP_PROG)
		return -EINVAL;
	if (command->prog && obstacle) {
		netdev_warn(netdev, "%s\n", obstacle);
		NL_SET_ERR_MSG_MOD(command->extack,
				   "LRO is on, or the MTU too large");
		return -EOPNOTSUPP;
	}
	error = netvsc_function_program(netvsc, command);
	if (error) {
		NL_SET_ERR_MSG_MOD(command->extack,
				   "the virtual function takes no program");
		return error;
	}
	before = rtnl_dereference(netvsc->program);
	rcu_assign_pointer(netvsc->program, command->prog);
	if (before)
		bpf_prog_put(before);
	return 0;
}
