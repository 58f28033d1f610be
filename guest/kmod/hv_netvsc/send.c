// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Frames to the host: by the send buffer, or by their pages. */
#include "guest/kmod/hv_netvsc/netvsc.h"

static enum vmbus_status ring_write(struct netvsc_channel *channel, u16 type,
				    u16 flags, u64 transaction_id,
				    const struct ring_vec *vec, u32 range_count)
{
	const struct packet_out packet = {
		.type = type,
		.flags = flags,
		.transaction_id = transaction_id,
		.vec = vec,
		.vec_count = 1,
		.ranges = range_count ? channel->ranges : NULL,
		.range_bytes = range_count * (u32)sizeof(channel->ranges[0]),
		.range_count = range_count,
	};

	lockdep_assert_held(&channel->lock);
	return packet_write(&channel->bus->tx, &packet);
}

enum vmbus_status netvsc_write(struct netvsc_channel *channel,
			       const struct network_vsc_out *out,
			       u32 range_count)
{
	const struct ring_vec vec = {
		.base = out->packet,
		.size_bytes = out->packet_bytes,
	};

	return ring_write(channel, out->type, out->flags, out->transaction_id,
			  &vec, range_count);
}

/* ---- cookies ---- */

struct sk_buff *netvsc_cookie_free(struct netvsc_channel *channel, u64 cookie)
{
	struct sk_buff *skb = channel->frames[cookie];

	lockdep_assert_held(&channel->lock);
	channel->frames[cookie] = NULL;
	channel->free[channel->free_count++] = (u16)cookie;
	return skb;
}

static u8 *head_of(const struct netvsc_channel *channel, u32 cookie)
{
	return channel->heads[cookie / NETVSC_HEADS_PER_PAGE] +
	       cookie % NETVSC_HEADS_PER_PAGE * NETWORK_VSC_HEAD_BYTES;
}

/* ---- pages ---- */

static u32 pages_of(u32 offset, u32 bytes)
{
	return PFN_UP(offset_in_page(offset) + bytes);
}

static u32 ranges_needed(const struct sk_buff *skb)
{
	u32 count = pages_of(offset_in_page(skb->data), skb_headlen(skb)), i;

	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *piece = &skb_shinfo(skb)->frags[i];

		count += pages_of(skb_frag_off(piece), skb_frag_size(piece));
	}
	return count + 1;
}

/* A piece of memory, page by page: the next free range. */
static struct netvsc_range *ranges_add(struct netvsc_range *range,
				       unsigned long pfn, u32 offset, u32 bytes)
{
	pfn += PFN_DOWN(offset);
	offset = offset_in_page(offset);
	while (bytes) {
		u32 here = min_t(u32, bytes, PAGE_SIZE - offset);

		range->head.size_bytes = here;
		range->head.offset_bytes = offset;
		range->pfn = pfn++;
		range++;
		bytes -= here;
		offset = 0;
	}
	return range;
}

/* The RNDIS header, then the frame; by the lock. */
static u32 ranges_make(struct netvsc_channel *channel, const u8 *head,
		       u32 head_bytes, const struct sk_buff *skb)
{
	struct netvsc_range *range = channel->ranges;
	u32 i;

	range = ranges_add(range, virt_to_phys((void *)head) >> PAGE_SHIFT,
			   offset_in_page(head), head_bytes);
	range = ranges_add(range, virt_to_phys(skb->data) >> PAGE_SHIFT,
			   offset_in_page(skb->data), skb_headlen(skb));
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *piece = &skb_shinfo(skb)->frags[i];

		range = ranges_add(range, page_to_pfn(skb_frag_page(piece)),
				   skb_frag_off(piece), skb_frag_size(piece));
	}
	return (u32)(range - channel->ranges);
}

/* ---- what the host is to do ---- */

/* False: the host does not finish checksums of such a frame. */
static bool checksum_is_hosts(const struct netvsc *netvsc, struct sk_buff *skb)
{
	const struct ndis_offload *hardware = &netvsc->shared.hardware;
	bool four = vlan_get_protocol(skb) == htons(ETH_P_IP);
	u32 can = four ? hardware->tx4 : hardware->tx6;

	if (skb_checksum_start_offset(skb) > (int)RNDIS_TX_OFFSET_MASK)
		return false;
	if (skb->csum_offset == offsetof(struct tcphdr, check))
		return can & NDIS_CHECKSUM_TCP;
	return skb->csum_offset == offsetof(struct udphdr, check) &&
	       (can & NDIS_CHECKSUM_UDP);
}

/* A segment to be cut: its headers, made as hosts want them. */
static bool segment_prepare(struct sk_buff *skb, struct network_vsc_send *send)
{
	struct network_vnet *vnet = &send->vnet;
	u32 headers;

	if (!(skb_shinfo(skb)->gso_type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)) ||
	    skb_checksum_start_offset(skb) > (int)RNDIS_LSO_OFFSET_MASK)
		return false;
	headers = skb_transport_offset(skb) + sizeof(struct tcphdr);
	if (!pskb_may_pull(skb, headers) ||
	    !pskb_may_pull(skb, skb_transport_offset(skb) + tcp_hdrlen(skb)) ||
	    skb_cow_head(skb, 0))
		return false;
	vnet->flags = NETWORK_VNET_NEEDS_CSUM;
	vnet->gso_type = skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4
				 ? NETWORK_GSO_TCP4
				 : NETWORK_GSO_TCP6;
	vnet->gso_size = skb_shinfo(skb)->gso_size;
	vnet->csum_start = (u16)skb_checksum_start_offset(skb);
	vnet->csum_offset = NETWORK_TCP_CSUM;
	return network_vsc_prepare(vnet, skb->data, skb_headlen(skb)) ==
	       VMBUS_OK;
}

static bool wishes_make(const struct netvsc *netvsc, struct sk_buff *skb,
			struct network_vsc_send *send)
{
	memset(send, 0, sizeof(*send));
	if (skb_is_gso(skb)) {
		if (!segment_prepare(skb, send))
			return false;
	} else if (skb->ip_summed == CHECKSUM_PARTIAL) {
		if (checksum_is_hosts(netvsc, skb)) {
			send->vnet.flags = NETWORK_VNET_NEEDS_CSUM;
			send->vnet.csum_start =
				(u16)skb_checksum_start_offset(skb);
			send->vnet.csum_offset = skb->csum_offset;
		} else if (skb_checksum_help(skb)) {
			return false;
		}
	}
	send->frame_bytes = skb->len;
	send->tag = skb_vlan_tag_present(skb) ? skb_vlan_tag_get(skb)
					      : NETWORK_UNTAGGED;
	/* Its headers are in the first piece now, and stay there. */
	if (ranges_needed(skb) > NETVSC_RANGES && skb_linearize(skb))
		return false;
	send->head = skb->data;
	send->head_bytes = skb_headlen(skb);
	return true;
}

/* ---- sending, by the channel's lock ---- */

/* The packet in channel->sent into the ring. */
static enum vmbus_status sent_write(struct netvsc_channel *channel, u16 type,
				    u32 range_count)
{
	const struct network_vsc_sent *sent = &channel->sent;
	const struct ring_vec vec = {
		.base = sent->packet,
		.size_bytes = sent->packet_bytes,
	};

	return ring_write(channel, type, PACKET_FLAG_COMPLETION_REQUESTED,
			  sent->transaction_id, &vec, range_count);
}

/* Nothing of the packet in channel->sent is the host's, nor will be. */
static void sent_undo(struct netvsc_channel *channel, u32 cookie)
{
	network_vsc_unsent(&channel->vsc, channel->sent.transaction_id);
	netvsc_cookie_free(channel, cookie);
}

enum vmbus_status netvsc_held_write(struct netvsc_channel *channel)
{
	enum vmbus_status status;

	lockdep_assert_held(&channel->lock);
	if (!channel->held || !channel->running)
		return VMBUS_OK;
	channel->held = false;
	status = sent_write(channel, PACKET_DATA_INBAND, 0);
	if (status)
		sent_undo(channel, channel->held_cookie);
	return status;
}

/* Into the section that channel->sent names. */
static void section_fill(struct netvsc_channel *channel,
			 const struct sk_buff *skb)
{
	const struct network_vsc_sent *sent = &channel->sent;

	memcpy(sent->section, sent->head, sent->head_bytes);
	/* A frame has as many bytes as it says. */
	WARN_ON_ONCE(skb_copy_bits(skb, 0, sent->section + sent->head_bytes,
				   (int)skb->len));
}

/* Behind the frames of the packet that is held. */
static bool frame_join(struct netvsc_channel *channel,
		       const struct sk_buff *skb,
		       const struct network_vsc_send *send)
{
	u32 cookie = channel->held_cookie;

	if (!channel->held ||
	    network_vsc_join(&channel->vsc, send, &channel->sent))
		return false;
	section_fill(channel, skb);
	channel->frame_bytes[cookie] += send->frame_bytes;
	channel->frame_counts[cookie]++;
	return true;
}

/*
 * By the send buffer, held when more come, or by its pages: then it is in
 * channel->frames.
 */
static enum vmbus_status frame_write(struct netvsc_channel *channel,
				     struct sk_buff *skb,
				     const struct network_vsc_send *send,
				     u32 cookie)
{
	const struct network_vsc_sent *sent = &channel->sent;
	u8 *head;

	if (sent->section) {
		section_fill(channel, skb);
		channel->held_cookie = cookie;
		channel->held = send->more;
		return send->more ? VMBUS_OK
				  : sent_write(channel, PACKET_DATA_INBAND, 0);
	}
	head = head_of(channel, cookie);
	memcpy(head, sent->head, sent->head_bytes);
	channel->frames[cookie] = skb;
	return sent_write(channel, PACKET_DATA_GPA_DIRECT,
			  ranges_make(channel, head, sent->head_bytes, skb));
}

/* VMBUS_OK: sent; VMBUS_AGAIN: when there is space; else it cannot be. */
static enum vmbus_status frame_send(struct netvsc_channel *channel,
				    struct sk_buff *skb,
				    const struct network_vsc_send *send,
				    bool *copied)
{
	enum vmbus_status status;
	u32 cookie;

	if (!channel->running)
		return VMBUS_NOT_READY;
	*copied = frame_join(channel, skb, send);
	if (*copied)
		return VMBUS_OK;
	status = netvsc_held_write(channel);
	if (!status)
		status = ring_reserve(&channel->bus->tx, NETVSC_SEND_BYTES_MAX);
	if (status)
		return status;
	if (!channel->free_count)
		return VMBUS_AGAIN;
	cookie = channel->free[channel->free_count - 1];
	status = network_vsc_send(&channel->vsc, send, cookie, &channel->sent);
	if (status)
		return status;
	channel->free_count--;
	channel->frame_bytes[cookie] = send->frame_bytes;
	channel->frame_counts[cookie] = 1;
	*copied = channel->sent.section != NULL;
	status = frame_write(channel, skb, send, cookie);
	if (status)
		sent_undo(channel, cookie);
	return status;
}

/* True: the host is to be told now, for no more may come. */
static bool count_sent(struct netvsc_channel *channel, u32 bytes, u32 segments)
{
	struct net_device *netdev = channel->netvsc->netdev;

	u64_stats_update_begin(&channel->tx.sync);
	channel->tx.packets += segments;
	channel->tx.bytes += bytes;
	u64_stats_update_end(&channel->tx.sync);
	return __netdev_tx_sent_queue(
		netdev_get_tx_queue(netdev, channel->index), bytes,
		netdev_xmit_more());
}

/* ---- what the network stack calls ---- */

/* The queue's channel, or the first when the host took that one back. */
static struct netvsc_channel *channel_of(struct netvsc *netvsc,
					 const struct sk_buff *skb)
{
	struct netvsc_channel *channel =
		netvsc->channels[skb_get_queue_mapping(skb)];

	if (!channel || !READ_ONCE(channel->running) ||
	    lisbus_channel_rescinded(channel->bus))
		channel = netvsc->channels[0];
	return channel;
}

static netdev_tx_t drop(struct netvsc_channel *channel, struct sk_buff *skb)
{
	unsigned long flags;

	spin_lock_irqsave(&channel->lock, flags);
	netvsc_count_dropped(&channel->tx);
	/* What went before it is not to wait for what comes after. */
	netvsc_publish(channel);
	spin_unlock_irqrestore(&channel->lock, flags);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

/* The frame that it waits for went another way. */
static void held_flush(struct netvsc_channel *channel)
{
	unsigned long flags;

	if (likely(!READ_ONCE(channel->held)))
		return;
	spin_lock_irqsave(&channel->lock, flags);
	netvsc_publish(channel);
	spin_unlock_irqrestore(&channel->lock, flags);
}

netdev_tx_t netvsc_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	struct netvsc_channel *channel = channel_of(netvsc, skb);
	u32 bytes = skb->len,
	    segments = max_t(u32, 1, skb_shinfo(skb)->gso_segs);
	struct network_vsc_send send;
	enum vmbus_status status;
	unsigned long flags;
	bool copied = false, tell = !netdev_xmit_more(), signal = false;

	if (unlikely(READ_ONCE(netvsc->by_function)) &&
	    netvsc_function_xmit(netvsc, skb)) {
		held_flush(channel);
		return NETDEV_TX_OK;
	}
	if (!wishes_make(netvsc, skb, &send))
		return drop(channel, skb);
	send.more = !tell;
	skb_tx_timestamp(skb);
	spin_lock_irqsave(&channel->lock, flags);
	status = frame_send(channel, skb, &send, &copied);
	if (status == VMBUS_AGAIN) {
		channel->stopped = true;
		netif_tx_stop_queue(
			netdev_get_tx_queue(netdev, channel->index));
	}
	if (!status)
		tell = count_sent(channel, bytes, segments);
	if (tell && channel->held)
		status = netvsc_held_write(channel);
	if (channel->stopped || channel->owed_count || channel->asking)
		netvsc_settle(channel);
	else if (tell && channel->running)
		signal = ring_publish(&channel->bus->tx);
	spin_unlock_irqrestore(&channel->lock, flags);
	/* With interrupts on, as the host may answer at once. */
	if (signal)
		lisbus_channel_signal(channel->bus);
	/* Where it is not its own queue that stopped, nobody would wait. */
	if (status == VMBUS_AGAIN &&
	    channel->index == skb_get_queue_mapping(skb))
		return NETDEV_TX_BUSY;
	if (vmbus_status_is_violation(status))
		netvsc_fail(netvsc, status);
	if (status)
		return drop(channel, skb);
	if (copied)
		dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

u16 netvsc_select_queue(struct net_device *netdev, struct sk_buff *skb,
			struct net_device *fallback)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	struct sock *sk = skb->sk;
	int queue = sk_tx_queue_get(sk);

	if (queue >= 0 && !skb->ooo_okay &&
	    queue < (int)netdev->real_num_tx_queues)
		return (u16)queue;
	queue = network_vsc_channel_of(&netvsc->shared, skb_get_hash(skb));
	if (queue >= (int)netdev->real_num_tx_queues)
		queue = 0;
	if (sk && sk_fullsock(sk) && rcu_access_pointer(sk->sk_dst_cache))
		sk_tx_queue_set(sk, queue);
	return (u16)queue;
}
