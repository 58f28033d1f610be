/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/host_internal.h"

struct vmbus_host_channel *host_channel_at(const struct vmbus_host *host,
					   u32 relid)
{
	if (!relid || relid > host->channel_count)
		return NULL;
	return &host->channels[relid - 1];
}

struct vmbus_host_channel *host_channel_told(const struct vmbus_host *host,
					     u32 relid)
{
	struct vmbus_host_channel *channel = host_channel_at(host, relid);

	return channel && host_state_in(channel, HOST_STATES_TOLD) ? channel
								   : NULL;
}

bool host_channel_leaving(const struct vmbus_host_channel *channel)
{
	return channel->rescind || channel->state == HOST_CHANNEL_RESCINDED;
}

/*
 * Whether the guest still has to let go of an older offer of this device. Linux
 * drops an offer whose instance it knows, with a warning in its log.
 */
static bool offer_blocked(const struct vmbus_host *host,
			  const struct vmbus_host_channel *channel)
{
	u32 i;

	for (i = 0; i < host->channel_count; i++) {
		const struct vmbus_host_channel *other = &host->channels[i];

		if (host_state_in(other, HOST_STATES_TOLD) && other->rescind &&
		    host_same_device(&other->offer, &channel->offer))
			return true;
	}
	return false;
}

static void channel_tell(struct vmbus_host *host,
			 struct vmbus_host_channel *channel)
{
	if (host->state != HOST_UP || !host->offers_requested ||
	    channel->state != HOST_CHANNEL_KNOWN ||
	    channel->owed & HOST_OWES_OFFER ||
	    channel->offer.minimum_version > host->version ||
	    offer_blocked(host, channel))
		return;
	host_channel_owes(host, channel, HOST_OWES_OFFER);
}

void host_channel_offer_all(struct vmbus_host *host)
{
	u32 i;

	host->initial_offers = 0;
	for (i = 0; i < host->channel_count; i++) {
		struct vmbus_host_channel *channel = &host->channels[i];

		channel_tell(host, channel);
		channel->initial = channel->owed & HOST_OWES_OFFER;
		host->initial_offers += channel->initial;
	}
}

void host_initial_done(struct vmbus_host *host,
		       struct vmbus_host_channel *channel)
{
	host->initial_offers -= channel->initial;
	channel->initial = false;
}

/* The offer is gone; what waited for that is offered now. */
void host_channel_release(struct vmbus_host *host,
			  struct vmbus_host_channel *channel)
{
	u32 i;

	host_initial_done(host, channel);
	host_gpadl_free_channel(host, host_relid(host, channel));
	channel->state = HOST_CHANNEL_RELEASING;
	channel->owed = 0;
	channel->move = false;
	host_list_add_work(host, channel);
	for (i = 0; i < host->channel_count; i++) {
		struct vmbus_host_channel *other = &host->channels[i];

		if (other->state == HOST_CHANNEL_KNOWN &&
		    host_same_device(&other->offer, &channel->offer))
			channel_tell(host, other);
	}
}

static bool monitor_take(struct vmbus_host *host, u8 *id)
{
	u32 i;

	for (i = 0; i < VMBUS_MONITOR_COUNT; i++) {
		u32 group = i / VMBUS_MONITOR_GROUP_BITS;
		u32 bit = 1u << (i % VMBUS_MONITOR_GROUP_BITS);

		if (host->monitor_ids[group] & bit)
			continue;
		host->monitor_ids[group] |= bit;
		*id = (u8)i;
		return true;
	}
	return false;
}

void host_channel_free(struct vmbus_host *host,
		       struct vmbus_host_channel *channel)
{
	u32 id = channel->monitor_id;

	if (id != VMBUS_MONITOR_ID_NONE)
		host->monitor_ids[id / VMBUS_MONITOR_GROUP_BITS] &=
			~(1u << (id % VMBUS_MONITOR_GROUP_BITS));
	channel->state = HOST_CHANNEL_FREE;
}

/* Looks the table through for a twin, the primary and a free place. */
static enum vmbus_status offer_place(struct vmbus_host *host,
				     const struct vmbus_offer *offer,
				     struct vmbus_host_channel **place)
{
	bool primary = !offer->subchannel_index;
	u32 i;

	*place = NULL;
	for (i = 0; i < host->channel_count; i++) {
		struct vmbus_host_channel *channel = &host->channels[i];

		if (channel->state == HOST_CHANNEL_FREE) {
			/* One still in a list of what is to be sent waits. */
			if (!*place && !channel->send_queued)
				*place = channel;
			continue;
		}
		if (!host_is_live(channel) || channel->rescind ||
		    !host_same_device(&channel->offer, offer))
			continue;
		if (channel->offer.subchannel_index == offer->subchannel_index)
			return VMBUS_BAD_ARGUMENT;
		if (!channel->offer.subchannel_index &&
		    channel->state == HOST_CHANNEL_OPEN)
			primary = true;
	}
	if (!primary)
		return VMBUS_BAD_ARGUMENT;
	return *place ? VMBUS_OK : VMBUS_AGAIN;
}

enum vmbus_status vmbus_host_offer(struct vmbus_host *host,
				   const struct vmbus_offer *offer, u32 *relid)
{
	struct vmbus_host_channel *channel;
	u8 monitor_id = VMBUS_MONITOR_ID_NONE;
	enum vmbus_status status = offer_place(host, offer, &channel);

	if (status)
		return status;
	if (offer->monitored && !monitor_take(host, &monitor_id))
		return VMBUS_BAD_ARGUMENT;
	port_fill(channel, 0, sizeof(*channel));
	channel->offer = *offer;
	channel->monitor_id = monitor_id;
	channel->ring = HOST_NONE;
	channel->state = HOST_CHANNEL_KNOWN;
	*relid = host_relid(host, channel);
	channel_tell(host, channel);
	return VMBUS_OK;
}

u32 vmbus_host_monitor_id(const struct vmbus_host *host, u32 relid)
{
	const struct vmbus_host_channel *channel = host_channel_at(host, relid);

	return channel && host_is_live(channel) ? channel->monitor_id
						: VMBUS_MONITOR_ID_NONE;
}

const char *vmbus_host_channel_state_text(const struct vmbus_host *host,
					  u32 relid)
{
	static const char *const texts[HOST_CHANNEL_STATE_COUNT] = {
		[HOST_CHANNEL_FREE] = "not offered",
		[HOST_CHANNEL_KNOWN] = "waiting for the guest",
		[HOST_CHANNEL_OFFERED] = "offered",
		[HOST_CHANNEL_OPEN_WANTED] = "opening",
		[HOST_CHANNEL_OPENING] = "opening",
		[HOST_CHANNEL_OPEN] = "open",
		[HOST_CHANNEL_CLOSE_WANTED] = "closing",
		[HOST_CHANNEL_CLOSING] = "closing",
		[HOST_CHANNEL_RESCINDED] = "rescinded",
		[HOST_CHANNEL_DECLINED] = "declined by the guest",
		[HOST_CHANNEL_RELEASING] = "released",
	};
	const struct vmbus_host_channel *channel = host_channel_at(host, relid);

	return texts[channel ? channel->state : HOST_CHANNEL_FREE];
}
