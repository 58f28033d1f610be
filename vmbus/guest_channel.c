/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/guest_internal.h"
#include "vmbus/messages.h"

struct vmbus_guest_channel *guest_channel_find(const struct vmbus_guest *guest,
					       u32 relid)
{
	u32 i;

	for (i = 0; i < guest->channel_count; i++) {
		struct vmbus_guest_channel *channel = &guest->channels[i];

		if (channel->state != GUEST_CHANNEL_FREE &&
		    channel->relid == relid)
			return channel;
	}
	return NULL;
}

static bool same_device(const struct vmbus_offer *a,
			const struct vmbus_offer *b)
{
	return guid_equal(&a->instance, &b->instance) &&
	       guid_equal(&a->type, &b->type);
}

/* ---- what the caller asks ---- */

enum vmbus_status vmbus_guest_open(struct vmbus_guest *guest, u32 relid,
				   u32 gpadl, u32 downstream_page_offset,
				   u32 target_vp, const u8 *user_data)
{
	struct vmbus_guest_channel *channel = guest_channel_find(guest, relid);
	struct vmbus_guest_gpadl *ring = guest_gpadl_find(guest, relid, gpadl);

	if (guest->state != GUEST_UP || !channel || !ring ||
	    channel->state != GUEST_CHANNEL_OFFERED || channel->rescinded ||
	    ring->state != GUEST_GPADL_READY)
		return VMBUS_BAD_ARGUMENT;
	if (!guest_job_add(guest, VMBUS_MESSAGE_OPEN, relid))
		return VMBUS_AGAIN;
	channel->state = GUEST_CHANNEL_OPENING;
	channel->ring = gpadl;
	channel->downstream_page_offset = downstream_page_offset;
	channel->target_vp = target_vp;
	port_fill(channel->user_data, 0, sizeof(channel->user_data));
	if (user_data)
		port_copy(channel->user_data, user_data,
			  sizeof(channel->user_data));
	return VMBUS_OK;
}

/* Whoever waits for an answer about this channel is told that none comes. */
static void modify_abandon(struct vmbus_guest *guest,
			   struct vmbus_guest_channel *channel)
{
	if (!channel->modifying)
		return;
	channel->modifying = false;
	channel->modify_status = VMBUS_RESULT_FAILURE;
	guest_notice(guest, channel, GUEST_NOTICE_MODIFIED);
}

enum vmbus_status vmbus_guest_close(struct vmbus_guest *guest, u32 relid)
{
	struct vmbus_guest_channel *channel = guest_channel_find(guest, relid);

	if (guest->state != GUEST_UP || !channel ||
	    channel->state != GUEST_CHANNEL_OPEN)
		return VMBUS_BAD_ARGUMENT;
	if (!guest_job_add(guest, VMBUS_MESSAGE_CLOSE, relid))
		return VMBUS_AGAIN;
	channel->state = GUEST_CHANNEL_OFFERED;
	modify_abandon(guest, channel);
	return VMBUS_OK;
}

enum vmbus_status vmbus_guest_modify(struct vmbus_guest *guest, u32 relid,
				     u32 target_vp)
{
	struct vmbus_guest_channel *channel = guest_channel_find(guest, relid);

	if (guest->state != GUEST_UP || !channel ||
	    channel->state != GUEST_CHANNEL_OPEN || channel->modifying ||
	    channel->rescinded || guest->version < VMBUS_VERSION_4_1)
		return VMBUS_BAD_ARGUMENT;
	if (!guest_job_add(guest, VMBUS_MESSAGE_MODIFY, relid))
		return VMBUS_AGAIN;
	channel->target_vp = target_vp;
	channel->modifying = true;
	return VMBUS_OK;
}

enum vmbus_status vmbus_guest_release(struct vmbus_guest *guest, u32 relid)
{
	struct vmbus_guest_channel *channel = guest_channel_find(guest, relid);

	if (guest->state != GUEST_UP || !channel ||
	    channel->state != GUEST_CHANNEL_OFFERED)
		return VMBUS_BAD_ARGUMENT;
	if (!guest_job_add(guest, VMBUS_MESSAGE_RELID_RELEASED, relid))
		return VMBUS_AGAIN;
	guest_job_withdraw(guest, relid);
	guest_gpadl_forget(guest, relid);
	channel->state = GUEST_CHANNEL_FREE;
	channel->notices = 0;
	return VMBUS_OK;
}

enum vmbus_status vmbus_guest_set_context(struct vmbus_guest *guest, u32 relid,
					  void *context)
{
	struct vmbus_guest_channel *channel = guest_channel_find(guest, relid);

	if (!channel)
		return VMBUS_BAD_ARGUMENT;
	channel->offer.context = context;
	return VMBUS_OK;
}

/* ---- what the host sends ---- */

static enum vmbus_status offer_check(const struct vmbus_message_offer *in)
{
	if (!in->relid || in->relid > VMBUS_RELID_MAX)
		return VMBUS_E_OFFER;
	if (in->connection_id >= VMBUS_CONNECTION_ID_LIMIT)
		return VMBUS_E_OFFER;
	if (in->monitor_allocated & 1 && in->monitor_id >= VMBUS_MONITOR_COUNT)
		return VMBUS_E_OFFER;
	return VMBUS_OK;
}

/*
 * Finds a place for an offer that contradicts none of those known. The primary
 * of a sub-channel may be gone: its release crossed the offer on the way, and
 * the host's rescind, which wants an answer, is to come.
 */
static enum vmbus_status offer_place(struct vmbus_guest *guest, u32 relid,
				     const struct vmbus_offer *offer,
				     struct vmbus_guest_channel **place)
{
	u32 i;

	*place = NULL;
	for (i = 0; i < guest->channel_count; i++) {
		struct vmbus_guest_channel *channel = &guest->channels[i];

		if (channel->state == GUEST_CHANNEL_FREE) {
			if (!*place && !channel->queued)
				*place = channel;
			continue;
		}
		if (channel->relid == relid)
			return VMBUS_E_OFFER;
		if (channel->offer.subchannel_index ==
			    offer->subchannel_index &&
		    same_device(&channel->offer, offer))
			return VMBUS_E_OFFER;
	}
	return *place ? VMBUS_OK : VMBUS_E_OFFER_LIMIT;
}

enum vmbus_status guest_on_offer(struct vmbus_guest *guest, const void *payload,
				 u32 size_bytes)
{
	struct vmbus_guest_channel *channel;
	struct vmbus_message_offer in;
	struct vmbus_offer offer;
	enum vmbus_status status;

	(void)size_bytes;
	if (!guest->offers_requested)
		return VMBUS_E_MESSAGE_STATE;
	port_copy(&in, payload, sizeof(in));
	status = offer_check(&in);
	if (status)
		return status;
	port_fill(&offer, 0, sizeof(offer));
	offer.type = in.type;
	offer.instance = in.instance;
	offer.flags = in.flags;
	offer.mmio_mib = in.mmio_mib;
	offer.mmio_optional_mib = in.mmio_optional_mib;
	offer.subchannel_index = in.subchannel_index;
	offer.monitored = in.monitor_allocated & 1;
	port_copy(offer.user_data, in.user_data, sizeof(offer.user_data));
	status = offer_place(guest, in.relid, &offer, &channel);
	if (status)
		return status;

	port_fill(channel, 0, sizeof(*channel));
	channel->offer = offer;
	channel->relid = in.relid;
	channel->connection_id = in.connection_id;
	channel->monitor_id =
		offer.monitored ? in.monitor_id : VMBUS_MONITOR_ID_NONE;
	channel->dedicated_interrupt = in.dedicated_interrupt & 1;
	channel->state = GUEST_CHANNEL_OFFERED;
	guest_notice(guest, channel, GUEST_NOTICE_OFFERED);
	return VMBUS_OK;
}

/*
 * Messages about a channel that is not known here cross the guest's release of
 * it on the way, which is nobody's fault.
 */

enum vmbus_status guest_on_rescind(struct vmbus_guest *guest,
				   const void *payload, u32 size_bytes)
{
	struct vmbus_guest_channel *channel;
	struct vmbus_message_relid in;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = guest_channel_find(guest, in.relid);
	if (!channel)
		return VMBUS_OK;
	if (channel->rescinded)
		return VMBUS_E_CHANNEL_STATE;
	channel->rescinded = true;
	guest_job_withdraw(guest, in.relid);
	if (channel->state == GUEST_CHANNEL_OPENING) {
		channel->state = GUEST_CHANNEL_OFFERED;
		channel->open_status = VMBUS_RESULT_FAILURE;
		guest_notice(guest, channel, GUEST_NOTICE_OPENED);
	}
	modify_abandon(guest, channel);
	guest_gpadl_abandon(guest, in.relid);
	guest_notice(guest, channel, GUEST_NOTICE_RESCINDED);
	return VMBUS_OK;
}

enum vmbus_status guest_on_open_result(struct vmbus_guest *guest,
				       const void *payload, u32 size_bytes)
{
	struct vmbus_guest_channel *channel;
	struct vmbus_message_open_result in;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = guest_channel_find(guest, in.relid);
	if (!channel || channel->rescinded)
		return VMBUS_OK;
	if (channel->state != GUEST_CHANNEL_OPENING || in.open_id != in.relid)
		return VMBUS_E_ANSWER;
	channel->state = in.status ? GUEST_CHANNEL_OFFERED : GUEST_CHANNEL_OPEN;
	channel->open_status = in.status;
	guest_notice(guest, channel, GUEST_NOTICE_OPENED);
	return VMBUS_OK;
}

enum vmbus_status guest_on_modify_response(struct vmbus_guest *guest,
					   const void *payload, u32 size_bytes)
{
	struct vmbus_message_modify_response in;
	struct vmbus_guest_channel *channel;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = guest_channel_find(guest, in.relid);
	/* One that was closed meanwhile was told that no answer comes. */
	if (!channel || channel->rescinded ||
	    channel->state != GUEST_CHANNEL_OPEN)
		return VMBUS_OK;
	if (!channel->modifying)
		return VMBUS_E_ANSWER;
	channel->modifying = false;
	channel->modify_status = in.status;
	guest_notice(guest, channel, GUEST_NOTICE_MODIFIED);
	return VMBUS_OK;
}
