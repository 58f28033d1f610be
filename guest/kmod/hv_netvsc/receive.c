// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What the host sends: frames, completions, answers, news. */
#include "guest/kmod/hv_netvsc/netvsc.h"

/* Packets and frames of one turn. */
#define STEPS_PER_POLL 512u
/* A frame up to this length lies in one piece. */
#define LINEAR_MAX_BYTES 3072u
/* Of a longer one, what the headers are in. */
#define HEADERS_BYTES NETWORK_HEAD_BYTES

#define GIVE_BACK_BYTES packet_ring_bytes(0, 8)
#define QUESTION_BYTES                                                         \
	packet_ring_bytes(8 + sizeof(struct netvsc_range),                     \
			  NETWORK_MESSAGE_BYTES)

/* A network is another one when the link was down for a while. */
#define CHANGE_DELAY (2 * HZ)

/* ---- frames ---- */

/* Memory for a frame. */
static struct sk_buff *frame_alloc(struct netvsc_channel *channel, u32 bytes)
{
	struct sk_buff *skb;
	int error;

	if (bytes <= LINEAR_MAX_BYTES) {
		skb = napi_alloc_skb(&channel->napi, bytes);
		if (skb)
			skb_put(skb, bytes);
		return skb;
	}
	/* Few pieces: each is allocated, described and freed by itself. */
	skb = alloc_skb_with_frags(NET_SKB_PAD + NET_IP_ALIGN + HEADERS_BYTES,
				   bytes - HEADERS_BYTES,
				   PAGE_ALLOC_COSTLY_ORDER, &error, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb->dev = channel->netvsc->netdev;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb_put(skb, HEADERS_BYTES);
	skb->data_len = bytes - HEADERS_BYTES;
	skb->len = bytes;
	return skb;
}

void netvsc_frame_copy(const struct network_vsc_frame *frame, u8 *to)
{
	u32 i;

	for (i = 0; i < frame->piece_count; i++) {
		memcpy(to, frame->pieces[i].base, frame->pieces[i].size_bytes);
		to += frame->pieces[i].size_bytes;
	}
}

static bool frame_copy(struct sk_buff *skb,
		       const struct network_vsc_frame *frame)
{
	u32 offset = 0, i;

	if (!skb_is_nonlinear(skb)) {
		netvsc_frame_copy(frame, skb->data);
		return true;
	}
	for (i = 0; i < frame->piece_count; i++) {
		const struct ring_vec *piece = &frame->pieces[i];

		if (skb_store_bits(skb, (int)offset, piece->base,
				   (int)piece->size_bytes))
			return false;
		offset += piece->size_bytes;
	}
	return true;
}

/* False: there is no memory, and no frame any more. */
static bool frame_describe(struct netvsc_channel *channel, struct sk_buff *skb)
{
	const struct network_vsc_frame *frame = &channel->frame;
	const struct network_info *info = &frame->info;
	struct net_device *netdev = channel->netvsc->netdev;

	/* A tag stays in the frame of whoever wants to see it there. */
	if (frame->tag != NETWORK_UNTAGGED &&
	    !(netdev->features & NETIF_F_HW_VLAN_CTAG_RX)) {
		skb = vlan_insert_tag(skb, htons(ETH_P_8021Q), (u16)frame->tag);
		if (!skb)
			return false;
	} else if (frame->tag != NETWORK_UNTAGGED) {
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q),
				       (u16)frame->tag);
	}
	skb->protocol = eth_type_trans(skb, netdev);
	if ((info->present & NETWORK_HAS_CHECKSUM) &&
	    (info->checksum & (RNDIS_RX_TCP_GOOD | RNDIS_RX_UDP_GOOD)) &&
	    (netdev->features & NETIF_F_RXCSUM))
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if ((info->present & NETWORK_HAS_HASH) &&
	    (netdev->features & NETIF_F_RXHASH))
		skb_set_hash(skb, info->hash, PKT_HASH_TYPE_L4);
	skb_record_rx_queue(skb, channel->index);
	return true;
}

static void frame_give(struct netvsc_channel *channel)
{
	const struct network_vsc_frame *frame = &channel->frame;
	struct sk_buff *skb = NULL;

	if (!netif_running(channel->netvsc->netdev) ||
	    !netvsc_xdp_run(channel, &skb))
		return;
	if (!skb) {
		skb = frame_alloc(channel, frame->bytes);
		if (skb && !frame_copy(skb, frame)) {
			kfree_skb(skb);
			skb = NULL;
		}
	}
	if (!skb || !frame_describe(channel, skb)) {
		netvsc_count_dropped(&channel->rx);
		return;
	}
	u64_stats_update_begin(&channel->rx.sync);
	channel->rx.packets++;
	channel->rx.bytes += frame->bytes;
	if (skb->pkt_type == PACKET_MULTICAST)
		channel->rx.multicast++;
	u64_stats_update_end(&channel->rx.sync);
	napi_gro_receive(&channel->napi, skb);
}

/* ---- events, by the channel's lock ---- */

static void link_changed(struct netvsc *netvsc)
{
	if (!READ_ONCE(netvsc->registered))
		return;
	if (netvsc->shared.link_up)
		netif_carrier_on(netvsc->netdev);
	else
		netif_carrier_off(netvsc->netdev);
}

static enum vmbus_status buffers_give(struct netvsc_channel *channel)
{
	struct netvsc *netvsc = channel->netvsc;
	const struct network_vsc_buffers buffers = {
		.receive = netvsc->receive.memory,
		.receive_bytes = netvsc->receive.page_count * (u32)PAGE_SIZE,
		.receive_gpadl = netvsc->receive.gpadl,
		.send = netvsc->send.memory,
		.send_bytes = netvsc->send.page_count * (u32)PAGE_SIZE,
		.send_gpadl = netvsc->send.gpadl,
	};

	return network_vsc_buffers(&channel->vsc, &buffers);
}

static void ready(struct netvsc *netvsc, const struct network_vsc_event *event,
		  int error)
{
	netvsc->ready_error = error;
	netvsc->ready_status = event->status;
	netvsc->sub_channels = event->sub_channels;
	complete_all(&netvsc->ready);
}

static struct sk_buff *sent(struct netvsc_channel *channel,
			    const struct network_vsc_event *event)
{
	if (event->status != NETWORK_STATUS_SUCCESS) {
		u64_stats_update_begin(&channel->tx.sync);
		channel->tx.errors++;
		u64_stats_update_end(&channel->tx.sync);
	}
	channel->done_count += channel->frame_counts[event->cookie];
	channel->done_bytes += channel->frame_bytes[event->cookie];
	return netvsc_cookie_free(channel, event->cookie);
}

/* *@skb: a frame that the host is done with, or NULL. */
static enum vmbus_status event_take(struct netvsc_channel *channel,
				    const struct network_vsc_event *event,
				    struct sk_buff **skb)
{
	struct netvsc *netvsc = channel->netvsc;

	switch (event->kind) {
	case NETWORK_VSC_VERSION:
		return buffers_give(channel);
	case NETWORK_VSC_READY:
		ready(netvsc, event, 0);
		break;
	case NETWORK_VSC_REFUSED:
		ready(netvsc, event, -EIO);
		break;
	case NETWORK_VSC_SENT:
		*skb = sent(channel, event);
		break;
	case NETWORK_VSC_COMPLETED:
		if (event->request != netvsc->asked)
			break;
		netvsc->asked = NETWORK_VSC_REQUEST_NONE;
		netvsc->answer = event->status;
		complete(&netvsc->answered);
		break;
	case NETWORK_VSC_LINK:
		link_changed(netvsc);
		break;
	case NETWORK_VSC_CHANGE:
		if (!READ_ONCE(netvsc->registered))
			break;
		netif_carrier_off(netvsc->netdev);
		mod_delayed_work(system_wq, &netvsc->change_work, CHANGE_DELAY);
		break;
	case NETWORK_VSC_VF:
		if (READ_ONCE(netvsc->registered))
			mod_delayed_work(system_wq, &netvsc->function_work, 0);
		break;
	case NETWORK_VSC_PATH:
		complete(&netvsc->switched);
		break;
	case NETWORK_VSC_TABLE:
		netvsc->table_given = true;
		break;
	case NETWORK_VSC_CLOSED:
		complete_all(&netvsc->closed);
		break;
	default:
		break;
	}
	return VMBUS_OK;
}

/* ---- to the host ---- */

static enum vmbus_status owed_write(struct netvsc_channel *channel)
{
	struct network_vsc_out *out = &channel->out;
	struct packet_view view = { 0 };
	enum vmbus_status status;

	while (channel->owed_count) {
		view.transaction_id = channel->owed[channel->owed_first];
		network_vsc_release(&channel->vsc, &view, out);
		status = netvsc_write(channel, out, 0);
		if (status)
			return status;
		channel->owed_first = (channel->owed_first + 1) % NETVSC_OWED;
		channel->owed_count--;
	}
	return VMBUS_OK;
}

/* The engine's questions, whose message the host looks up in a page of ours. */
static enum vmbus_status questions_write(struct netvsc_channel *channel)
{
	struct netvsc *netvsc = channel->netvsc;
	struct ring *tx = &channel->bus->tx;
	struct network_vsc_out *out = &channel->out;
	enum vmbus_status status;

	for (;;) {
		/* What the engine gave has to go out. */
		status = ring_reserve(tx, QUESTION_BYTES + GIVE_BACK_BYTES);
		channel->asking = status == VMBUS_AGAIN;
		if (status)
			return status;
		if (!network_vsc_transmit(&channel->vsc, out))
			return VMBUS_OK;
		if (out->message_bytes) {
			memcpy(netvsc->message, out->message,
			       out->message_bytes);
			channel->ranges[0].head.size_bytes = out->message_bytes;
			channel->ranges[0].head.offset_bytes = 0;
			channel->ranges[0].pfn =
				virt_to_phys(netvsc->message) >> PAGE_SHIFT;
		}
		status = netvsc_write(channel, out, out->message_bytes ? 1 : 0);
		if (status)
			return status;
	}
}

/*
 * One step after the other, each only when the ring had space for those before:
 * the host is told of one number of bytes that is waited for.
 */
static enum vmbus_status waiting_write(struct netvsc_channel *channel)
{
	struct netdev_queue *queue =
		netdev_get_tx_queue(channel->netvsc->netdev, channel->index);
	enum vmbus_status status = netvsc_held_write(channel);

	if (!status)
		status = owed_write(channel);
	if (!status && !channel->index)
		status = questions_write(channel);
	if (status || !channel->stopped)
		return status;
	status = ring_reserve(&channel->bus->tx, NETVSC_SEND_BYTES_MAX);
	/* While it is being closed the queues stay as they are. */
	if (!status && channel->free_count &&
	    netif_device_present(channel->netvsc->netdev)) {
		channel->stopped = false;
		netif_tx_wake_queue(queue);
	}
	return status;
}

void netvsc_publish(struct netvsc_channel *channel)
{
	enum vmbus_status status;

	lockdep_assert_held(&channel->lock);
	if (!channel->running)
		return;
	status = netvsc_held_write(channel);
	if (status)
		netvsc_fail(channel->netvsc, status);
	if (ring_publish(&channel->bus->tx))
		lisbus_channel_signal(channel->bus);
}

void netvsc_settle(struct netvsc_channel *channel)
{
	enum vmbus_status status;

	lockdep_assert_held(&channel->lock);
	if (!channel->running)
		return;
	status = waiting_write(channel);
	if (status && status != VMBUS_AGAIN)
		netvsc_fail(channel->netvsc, status);
	netvsc_publish(channel);
}

/* ---- packets ---- */

/* The next packet of the ring; VMBUS_AGAIN: there is none. */
static enum vmbus_status packet_take(struct netvsc_channel *channel, int budget)
{
	struct ring *rx = &channel->bus->rx;
	struct network_vsc_event event;
	struct sk_buff *skb = NULL;
	enum vmbus_status status;
	unsigned long flags;

	status = packet_peek_copy(rx, &channel->view, channel->bounce,
				  sizeof(channel->bounce));
	if (status)
		return status;
	spin_lock_irqsave(&channel->lock, flags);
	status = network_vsc_receive(&channel->vsc, &channel->view, &event);
	if (!status)
		status = event_take(channel, &event, &skb);
	spin_unlock_irqrestore(&channel->lock, flags);
	if (skb)
		napi_consume_skb(skb, budget);
	if (!status && event.kind == NETWORK_VSC_RANGES) {
		channel->in_packet = true;
		channel->range = 0;
		return VMBUS_OK;
	}
	packet_consume(rx, &channel->view);
	return status;
}

/* What the next ranges of the packet hold; *@frames counts. */
static enum vmbus_status ranges_take(struct netvsc_channel *channel,
				     int *frames)
{
	struct network_vsc_event event;
	struct sk_buff *none = NULL;
	enum vmbus_status status;
	unsigned long flags;
	u32 last;

	spin_lock_irqsave(&channel->lock, flags);
	status = network_vsc_next(&channel->vsc, &channel->view,
				  &channel->range, &channel->frame, &event);
	if (!status && event.kind == NETWORK_VSC_NOTHING) {
		last = (channel->owed_first + channel->owed_count++) %
		       NETVSC_OWED;
		channel->owed[last] = channel->view.transaction_id;
		channel->in_packet = false;
	} else if (!status && event.kind != NETWORK_VSC_FRAME) {
		status = event_take(channel, &event, &none);
	}
	spin_unlock_irqrestore(&channel->lock, flags);
	if (status)
		return status;
	if (event.kind == NETWORK_VSC_FRAME) {
		frame_give(channel);
		++*frames;
	}
	if (!channel->in_packet)
		packet_consume(&channel->bus->rx, &channel->view);
	return VMBUS_OK;
}

/* VMBUS_OK: there is more; VMBUS_AGAIN: there is not. */
static enum vmbus_status packets_take(struct netvsc_channel *channel,
				      int budget, int *frames)
{
	enum vmbus_status status = VMBUS_OK;
	u32 left = STEPS_PER_POLL;

	/* What is not given back bounds what is taken. */
	while (!status && *frames < budget && left-- &&
	       READ_ONCE(channel->owed_count) < NETVSC_OWED) {
		if (channel->in_packet)
			status = ranges_take(channel, frames);
		else
			status = packet_take(channel, budget);
	}
	return status;
}

/* What the queue's limit goes by. */
static void done_tell(struct netvsc_channel *channel)
{
	if (!channel->done_count)
		return;
	netdev_tx_completed_queue(
		netdev_get_tx_queue(channel->netvsc->netdev, channel->index),
		channel->done_count, channel->done_bytes);
	channel->done_count = 0;
	channel->done_bytes = 0;
}

/* Whether this turn was the last until the host signals. */
static bool turn_end(struct netvsc_channel *channel, enum vmbus_status taken)
{
	struct ring *rx = &channel->bus->rx;
	unsigned long flags;
	bool full;

	spin_lock_irqsave(&channel->lock, flags);
	netvsc_settle(channel);
	/* The host signals when there is space again, if it can. */
	full = channel->owed_count == NETVSC_OWED &&
	       ring_peer_signals_space(&channel->bus->tx);
	spin_unlock_irqrestore(&channel->lock, flags);
	if (ring_release(rx))
		lisbus_channel_signal(channel->bus);
	if (full)
		return true;
	if (!taken)
		return false;
	if (!ring_unmask(rx))
		return true;
	ring_mask(rx);
	return false;
}

int netvsc_poll(struct napi_struct *napi, int budget)
{
	struct netvsc_channel *channel =
		container_of(napi, struct netvsc_channel, napi);
	enum vmbus_status status;
	int frames = 0;

	/* A message of the kernel's that looks for space: it has to wait. */
	if (!budget)
		return 0;
	if (!READ_ONCE(channel->running)) {
		napi_complete_done(napi, 0);
		return 0;
	}
	ring_mask(&channel->bus->rx);
	status = packets_take(channel, budget, &frames);
	done_tell(channel);
	if (status && status != VMBUS_AGAIN) {
		netvsc_fail(channel->netvsc, status);
		napi_complete_done(napi, 0);
		return 0;
	}
	if (!turn_end(channel, status))
		return budget;
	/* A signal that came since is not lost: it has NAPI begin anew. */
	napi_complete_done(napi, min(frames, budget - 1));
	return min(frames, budget - 1);
}
