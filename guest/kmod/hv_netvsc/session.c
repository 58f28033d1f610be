// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* An adapter from the opening of its channels to their closing. */
#include "guest/kmod/hv_netvsc/netvsc.h"

/* The host's patience is not ours: after this there is no adapter. */
#define READY_LIMIT_S  60
#define CLOSED_LIMIT_S 10
#define ANSWER_LIMIT_S 10
#define OFFER_LIMIT    (10 * HZ)

/* ---- what the host has of ours ---- */

static int buffer_lend(struct netvsc *netvsc, struct netvsc_buffer *buffer)
{
	int error = lisbus_channel_lend(netvsc->device->channel, buffer->pfns,
					buffer->page_count, &buffer->gpadl);

	buffer->lent = !error;
	return error;
}

static void buffer_take_back(struct netvsc *netvsc,
			     struct netvsc_buffer *buffer)
{
	if (buffer->lent)
		lisbus_channel_take_back(netvsc->device->channel,
					 buffer->gpadl);
	buffer->lent = false;
}

/* ---- channels ---- */

static void signalled(void *context)
{
	struct netvsc_channel *channel = context;

	napi_schedule(&channel->napi);
}

static int channel_prepare(struct netvsc_channel *channel)
{
	u32 i;

	for (i = 0; i < NETVSC_SLOTS; i++) {
		channel->frames[i] = NULL;
		channel->free[i] = (u16)i;
	}
	channel->free_count = NETVSC_SLOTS;
	channel->held = false;
	channel->owed_count = 0;
	channel->done_count = 0;
	channel->done_bytes = 0;
	channel->in_packet = false;
	channel->asking = false;
	channel->stopped = false;
	return network_vsc_init(&channel->vsc, &channel->netvsc->shared,
				channel->index, channel->slots, NETVSC_SLOTS)
		       ? -EINVAL
		       : 0;
}

static int channel_open(struct netvsc_channel *channel,
			struct lisbus_channel *bus)
{
	const struct lisbus_open open = {
		.tx_bytes = NETVSC_TX_BYTES,
		.rx_bytes = NETVSC_RX_BYTES,
		.signal = signalled,
		.context = channel,
	};
	int error = channel_prepare(channel);

	if (!error)
		error = lisbus_channel_open(bus, &open);
	channel->bus = bus;
	return error;
}

/* Packets are taken from now on; the host may have sent some before. */
static void channel_start(struct netvsc_channel *channel)
{
	spin_lock_irq(&channel->lock);
	channel->running = true;
	netvsc_settle(channel);
	spin_unlock_irq(&channel->lock);
	napi_enable(&channel->napi);
	local_bh_disable();
	napi_schedule(&channel->napi);
	local_bh_enable();
}

/* Nobody is in the rings any more. */
static void channel_stop(struct netvsc_channel *channel)
{
	bool running;

	spin_lock_irq(&channel->lock);
	running = channel->running;
	channel->running = false;
	spin_unlock_irq(&channel->lock);
	lisbus_channel_quiet(channel->bus);
	if (running)
		napi_disable(&channel->napi);
}

/* After the host let go of them. */
static void frames_abandon(struct netvsc_channel *channel)
{
	struct sk_buff *skb;
	bool any = true;
	u64 cookie;

	while (any) {
		skb = NULL;
		spin_lock_irq(&channel->lock);
		any = network_vsc_abandon(&channel->vsc, &cookie);
		if (any)
			skb = netvsc_cookie_free(channel, cookie);
		spin_unlock_irq(&channel->lock);
		dev_kfree_skb_any(skb);
	}
	netdev_tx_reset_queue(
		netdev_get_tx_queue(channel->netvsc->netdev, channel->index));
}

static void channel_close(struct netvsc_channel *channel)
{
	channel_stop(channel);
	if (channel->index)
		lisbus_subchannel_give_back(channel->bus);
	else
		lisbus_channel_close(channel->bus);
	frames_abandon(channel);
}

/* ---- the beginning ---- */

struct ndis_offload_parameters netvsc_offloads(netdev_features_t features)
{
	u8 checksum = features & NETIF_F_RXCSUM ? NDIS_PARAMETER_BOTH
						: NDIS_PARAMETER_TX;
	u8 joined = features & NETIF_F_LRO ? NDIS_PARAMETER_ENABLED
					   : NDIS_PARAMETER_DISABLED;

	return (struct ndis_offload_parameters){
		.ip4_checksum = checksum,
		.tcp4_checksum = checksum,
		.udp4_checksum = checksum,
		.tcp6_checksum = checksum,
		.udp6_checksum = checksum,
		.lso4 = NDIS_PARAMETER_ENABLED,
		.lso6 = NDIS_PARAMETER_ENABLED,
		.rsc4 = joined,
		.rsc6 = joined,
	};
}

static int shared_init(struct netvsc *netvsc)
{
	const struct network_vsc_options options = {
		.mtu_bytes = netvsc->mtu_bytes,
		.channels = netvsc->channels_wanted,
		.virtual_function = true,
		/* Before there is an interface, what it will have. */
		.offloads = netvsc_offloads(netvsc->registered
						    ? netvsc->netdev->features
						    : NETIF_F_RXCSUM),
		.rss = netvsc->rss,
	};

	reinit_completion(&netvsc->ready);
	reinit_completion(&netvsc->closed);
	netvsc->failed = false;
	netvsc->table_given = false;
	netvsc->asked = NETWORK_VSC_REQUEST_NONE;
	netvsc->ready_error = -EIO;
	netvsc->sub_channels = 0;
	return network_vsc_shared_init(&netvsc->shared, &options) ? -EINVAL : 0;
}

/* Waits for the host: 0, -ENODEV (it took the adapter back) or -ETIMEDOUT. */
static int wait_long(struct netvsc *netvsc, struct completion *done,
		     u32 limit_s)
{
	while (!wait_for_completion_timeout(done, HZ)) {
		if (lisbus_channel_rescinded(netvsc->device->channel))
			return -ENODEV;
		if (READ_ONCE(netvsc->failed))
			return -EIO;
		if (!--limit_s)
			return -ETIMEDOUT;
	}
	return READ_ONCE(netvsc->failed) ? -EIO : 0;
}

static int agree(struct netvsc *netvsc)
{
	struct device *device = &netvsc->device->dev;
	int error = wait_long(netvsc, &netvsc->ready, READY_LIMIT_S);

	if (error == -ETIMEDOUT)
		dev_err(device, "the host does not answer within %d s\n",
			READY_LIMIT_S);
	if (error)
		return error;
	if (netvsc->ready_error)
		dev_err(device, "the host refuses its adapter: status 0x%08x\n",
			netvsc->ready_status);
	if (!netvsc->ready_error &&
	    !is_valid_ether_addr(netvsc->shared.address)) {
		dev_err(device, "the host gives an address that is none: %pM\n",
			netvsc->shared.address);
		netvsc->ready_error = -EINVAL;
	}
	return netvsc->ready_error;
}

/* Opens a sub-channel; false: there is no other that could be used. */
static bool subchannel_open(struct netvsc *netvsc)
{
	struct netvsc_channel *channel =
		netvsc_channel_get(netvsc, netvsc->channel_count);
	struct lisbus_channel *bus;

	if (!channel)
		return false;
	bus = lisbus_subchannel_take(netvsc->device, OFFER_LIMIT);
	if (!bus)
		return false;
	/* The host's tables number channels as it offers them. */
	if (bus->offer.subchannel_index != channel->index ||
	    channel_open(channel, bus)) {
		dev_warn(&netvsc->device->dev,
			 "channel %u, relid %u, is not used\n", channel->index,
			 bus->relid);
		lisbus_subchannel_give_back(bus);
		return false;
	}
	channel_start(channel);
	netvsc->channel_count++;
	return true;
}

static void subchannels_open(struct netvsc *netvsc)
{
	struct netvsc_channel *primary = netvsc->channels[0];
	u32 table[NETWORK_SEND_TABLE];
	u32 i;

	while (netvsc->channel_count <= netvsc->sub_channels)
		if (READ_ONCE(netvsc->failed) || !subchannel_open(netvsc))
			break;
	if (!netvsc->sub_channels)
		return;
	spin_lock_irq(&primary->lock);
	memcpy(table, netvsc->shared.send_table, sizeof(table));
	network_vsc_opened(&primary->vsc, netvsc->channel_count);
	/* The host's table is not to be forgotten for one made here. */
	for (i = 0; netvsc->table_given && i < NETWORK_SEND_TABLE; i++)
		WRITE_ONCE(netvsc->shared.send_table[i], table[i]);
	netvsc_settle(primary);
	spin_unlock_irq(&primary->lock);
}

int netvsc_session_begin(struct netvsc *netvsc)
{
	struct netvsc_channel *primary = netvsc->channels[0];
	int error = shared_init(netvsc);

	if (!error)
		error = channel_open(primary, netvsc->device->channel);
	if (error)
		return error;
	netvsc->session = true;
	netvsc->channel_count = 1;
	error = buffer_lend(netvsc, &netvsc->receive);
	if (!error)
		error = buffer_lend(netvsc, &netvsc->send);
	if (!error) {
		channel_start(primary);
		error = agree(netvsc);
	}
	if (error) {
		netvsc_session_end(netvsc);
		return error;
	}
	netvsc->channels_max = max_t(u16, 1, netvsc->shared.queues);
	subchannels_open(netvsc);
	return 0;
}

/* ---- the end ---- */

/* The host lets go of the buffers, if it still keeps to the protocol. */
static void goodbye(struct netvsc *netvsc)
{
	struct netvsc_channel *primary = netvsc->channels[0];
	bool talking;

	spin_lock_irq(&primary->lock);
	talking = primary->running && !netvsc->failed &&
		  !lisbus_channel_rescinded(primary->bus);
	if (talking) {
		network_vsc_close(&primary->vsc);
		netvsc_settle(primary);
	}
	spin_unlock_irq(&primary->lock);
	if (talking &&
	    wait_long(netvsc, &netvsc->closed, CLOSED_LIMIT_S) == -ETIMEDOUT)
		dev_warn(&netvsc->device->dev,
			 "the host does not let go of its buffers: the channel "
			 "is closed\n");
}

void netvsc_session_end(struct netvsc *netvsc)
{
	u32 i;

	if (!netvsc->session)
		return;
	if (netvsc->failed)
		dev_err(&netvsc->device->dev,
			"the channel is closed, the adapter is dead: %s\n",
			vmbus_status_text(netvsc->failure));
	/* A host that has no channel sends them by itself. */
	WRITE_ONCE(netvsc->by_function, false);
	goodbye(netvsc);
	for (i = netvsc->channel_count; i--;)
		channel_close(netvsc->channels[i]);
	buffer_take_back(netvsc, &netvsc->receive);
	buffer_take_back(netvsc, &netvsc->send);
	netvsc->session = false;
}

static void queues_set(struct netvsc *netvsc)
{
	u32 count = netvsc->channel_count;

	if (netif_set_real_num_tx_queues(netvsc->netdev, count) ||
	    netif_set_real_num_rx_queues(netvsc->netdev, count))
		netdev_warn(netvsc->netdev, "not all of %u queues are used\n",
			    count);
}

void netvsc_session_suspend(struct netvsc *netvsc)
{
	ASSERT_RTNL();
	netif_device_detach(netvsc->netdev);
	netif_tx_disable(netvsc->netdev);
	netvsc_session_end(netvsc);
}

int netvsc_session_resume(struct netvsc *netvsc)
{
	struct net_device *netdev = netvsc->netdev;
	int error = netvsc_session_begin(netvsc);

	if (error) {
		netif_carrier_off(netdev);
		return error;
	}
	queues_set(netvsc);
	/* Each session begins with the host's address. */
	if (netvsc->address_set &&
	    netvsc_address_tell(netvsc, netdev->dev_addr))
		netdev_warn(netdev, "the host knows another address\n");
	netif_device_attach(netdev);
	if (netif_running(netdev))
		netvsc_filter_set(netvsc);
	if (netvsc->shared.link_up)
		netif_carrier_on(netdev);
	else
		netif_carrier_off(netdev);
	return 0;
}

int netvsc_session_renew(struct netvsc *netvsc)
{
	netvsc_session_suspend(netvsc);
	return netvsc_session_resume(netvsc);
}

static void buffers_swap(struct netvsc *netvsc, struct netvsc_buffer *receive,
			 struct netvsc_buffer *send)
{
	swap(netvsc->receive, *receive);
	swap(netvsc->send, *send);
}

int netvsc_buffers_change(struct netvsc *netvsc, u32 receive_bytes,
			  u32 send_bytes)
{
	struct netvsc_buffer receive = { 0 }, send = { 0 };
	int error = netvsc_buffer_alloc(&receive, receive_bytes);

	if (!error)
		error = netvsc_buffer_alloc(&send, send_bytes);
	if (!error) {
		netvsc_session_suspend(netvsc);
		buffers_swap(netvsc, &receive, &send);
		error = netvsc_session_resume(netvsc);
		if (error) {
			buffers_swap(netvsc, &receive, &send);
			if (netvsc_session_resume(netvsc))
				netdev_err(netvsc->netdev,
					   "the adapter is dead\n");
		}
	}
	netvsc_buffer_free(&receive);
	netvsc_buffer_free(&send);
	return error;
}

/* ---- questions ---- */

int netvsc_ask(struct netvsc *netvsc, enum network_vsc_request request)
{
	struct netvsc_channel *primary = netvsc->channels[0];
	int error;

	ASSERT_RTNL();
	reinit_completion(&netvsc->answered);
	spin_lock_irq(&primary->lock);
	netvsc->asked = request;
	network_vsc_request(&primary->vsc, request);
	netvsc_settle(primary);
	spin_unlock_irq(&primary->lock);
	error = wait_long(netvsc, &netvsc->answered, ANSWER_LIMIT_S);
	spin_lock_irq(&primary->lock);
	netvsc->asked = NETWORK_VSC_REQUEST_NONE;
	spin_unlock_irq(&primary->lock);
	if (!error && netvsc->answer) {
		netdev_warn(netvsc->netdev, "the host refuses: status 0x%08x\n",
			    netvsc->answer);
		error = -EIO;
	}
	return error;
}

int netvsc_address_tell(struct netvsc *netvsc, const u8 *address)
{
	struct netvsc_channel *primary = netvsc->channels[0];

	spin_lock_irq(&primary->lock);
	ether_addr_copy(netvsc->shared.options.address, address);
	spin_unlock_irq(&primary->lock);
	return netvsc_ask(netvsc, NETWORK_VSC_REQUEST_ADDRESS);
}

int netvsc_path_switch(struct netvsc *netvsc, bool function)
{
	struct netvsc_channel *primary = netvsc->channels[0];

	ASSERT_RTNL();
	if (!netvsc->session ||
	    lisbus_channel_rescinded(netvsc->device->channel))
		return -ENODEV;
	reinit_completion(&netvsc->switched);
	spin_lock_irq(&primary->lock);
	network_vsc_data_path(&primary->vsc, function);
	netvsc_settle(primary);
	spin_unlock_irq(&primary->lock);
	return wait_long(netvsc, &netvsc->switched, ANSWER_LIMIT_S);
}
