/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/host_internal.h"
#include "vmbus/messages.h"

/* States that only the caller ends. */
#define STATES_HELD                                                            \
	(HOST_STATE_BIT(HOST_CHANNEL_OPENING) |                                \
	 HOST_STATE_BIT(HOST_CHANNEL_CLOSE_WANTED) |                           \
	 HOST_STATE_BIT(HOST_CHANNEL_CLOSING))

/* ---- closing ---- */

static void channel_want_close(struct vmbus_host *host,
			       struct vmbus_host_channel *channel)
{
	channel->state = HOST_CHANNEL_CLOSE_WANTED;
	/* The guest waits for the answer to a move that lost its meaning. */
	if (channel->move) {
		channel->move = false;
		if (host->state == HOST_UP &&
		    host->version >= VMBUS_VERSION_5_3)
			host_channel_owes(host, channel,
					  HOST_OWES_MODIFY_RESPONSE);
	}
	host_list_add_work(host, channel);
}

static void channel_ring_drop(struct vmbus_host *host,
			      struct vmbus_host_channel *channel)
{
	if (channel->ring != HOST_NONE)
		host_gpadl_unhold(host, &host->gpadls[channel->ring]);
	channel->ring = HOST_NONE;
}

/* What becomes of a channel that is not open when its guest is gone. */
static void channel_settle(struct vmbus_host *host,
			   struct vmbus_host_channel *channel)
{
	host_initial_done(host, channel);
	host_gpadl_free_channel(host, host_relid(host, channel));
	channel->owed = 0;
	channel->move = false;
	channel->close_after = false;
	channel->release_after = false;
	if (channel->rescind || channel->offer.subchannel_index)
		host_channel_release(host, channel);
	else
		channel->state = HOST_CHANNEL_KNOWN;
}

/* The caller has let go of a channel that was opening, open or closing. */
static void channel_closed(struct vmbus_host *host,
			   struct vmbus_host_channel *channel)
{
	host_gpadl_unhold_channel(host, host_relid(host, channel));
	channel->ring = HOST_NONE;
	channel->close_after = false;
	if (host->state != HOST_UP) {
		channel_settle(host, channel);
		host_channel_let_go(host);
	} else if (channel->release_after) {
		channel->release_after = false;
		if (channel->rescind) {
			host_channel_release(host, channel);
		} else {
			host_gpadl_free_channel(host,
						host_relid(host, channel));
			channel->owed = 0;
			channel->state = HOST_CHANNEL_DECLINED;
		}
	} else if (channel->rescind) {
		channel->state = HOST_CHANNEL_RESCINDED;
		host_channel_owes(host, channel, HOST_OWES_RESCIND);
	} else {
		channel->state = HOST_CHANNEL_OFFERED;
	}
}

void host_channel_drop_all(struct vmbus_host *host)
{
	u32 i;

	host->closing = 0;
	for (i = 0; i < host->channel_count; i++) {
		struct vmbus_host_channel *channel = &host->channels[i];

		channel->owed = 0;
		if (channel->state == HOST_CHANNEL_OPEN)
			channel_want_close(host, channel);
		else if (channel->state == HOST_CHANNEL_OPENING)
			channel->close_after = true;
		if (host_state_in(channel, STATES_HELD))
			host->closing++;
	}
	for (i = 0; i < host->channel_count; i++) {
		struct vmbus_host_channel *channel = &host->channels[i];

		if (!host_is_live(channel) ||
		    host_state_in(channel, STATES_HELD))
			continue;
		channel_ring_drop(host, channel);
		channel_settle(host, channel);
	}
}

static void channel_rescind(struct vmbus_host *host,
			    struct vmbus_host_channel *channel)
{
	channel->rescind = true;
	switch (channel->state) {
	case HOST_CHANNEL_KNOWN:
	case HOST_CHANNEL_DECLINED:
		host_channel_release(host, channel);
		break;
	case HOST_CHANNEL_OPEN_WANTED:
		channel_ring_drop(host, channel);
		channel->open_status = VMBUS_RESULT_FAILURE;
		host_channel_owes(host, channel, HOST_OWES_OPEN_RESULT);
		/* fall through */
	case HOST_CHANNEL_OFFERED:
		channel->state = HOST_CHANNEL_RESCINDED;
		host_channel_owes(host, channel, HOST_OWES_RESCIND);
		break;
	case HOST_CHANNEL_OPENING:
		channel->close_after = true;
		break;
	case HOST_CHANNEL_OPEN:
		channel_want_close(host, channel);
		break;
	default: /* closing: goes on when closed */
		break;
	}
}

/* Sub-channels do not outlive their primary's being open. */
static void rescind_subchannels(struct vmbus_host *host,
				const struct vmbus_host_channel *primary)
{
	u32 i;

	for (i = 0; i < host->channel_count; i++) {
		struct vmbus_host_channel *channel = &host->channels[i];

		if (host_is_live(channel) && !channel->rescind &&
		    channel->offer.subchannel_index &&
		    host_same_device(&channel->offer, &primary->offer))
			channel_rescind(host, channel);
	}
}

enum vmbus_status vmbus_host_rescind(struct vmbus_host *host, u32 relid)
{
	struct vmbus_host_channel *channel = host_channel_at(host, relid);

	if (!channel || !host_is_live(channel) || channel->rescind)
		return VMBUS_BAD_ARGUMENT;
	if (!channel->offer.subchannel_index)
		rescind_subchannels(host, channel);
	channel_rescind(host, channel);
	return VMBUS_OK;
}

/* ---- what the caller answers ---- */

enum vmbus_status vmbus_host_open_done(struct vmbus_host *host, u32 relid,
				       u32 status)
{
	struct vmbus_host_channel *channel = host_channel_at(host, relid);

	if (!channel || channel->state != HOST_CHANNEL_OPENING)
		return VMBUS_BAD_ARGUMENT;
	channel->open_status =
		channel->rescind && !status ? VMBUS_RESULT_FAILURE : status;
	if (host->state == HOST_UP)
		host_channel_owes(host, channel, HOST_OWES_OPEN_RESULT);
	if (status)
		channel_closed(host, channel);
	else if (channel->close_after)
		channel_want_close(host, channel);
	else
		channel->state = HOST_CHANNEL_OPEN;
	return VMBUS_OK;
}

enum vmbus_status vmbus_host_close_done(struct vmbus_host *host, u32 relid)
{
	struct vmbus_host_channel *channel = host_channel_at(host, relid);

	if (!channel || channel->state != HOST_CHANNEL_CLOSING)
		return VMBUS_BAD_ARGUMENT;
	channel_closed(host, channel);
	return VMBUS_OK;
}

/* ---- what the guest sends ---- */

static enum vmbus_status open_refuse(struct vmbus_host *host,
				     const struct vmbus_message_open *in,
				     enum vmbus_status status)
{
	struct vmbus_message_open_result message = {
		.header.type = VMBUS_MESSAGE_OPEN_RESULT,
		.relid = in->relid,
		.open_id = in->open_id,
		.status = status ? VMBUS_RESULT_INVALID : VMBUS_RESULT_FAILURE,
	};

	host_answer(host, &message, sizeof(message));
	return status;
}

static bool target_vp_exists(const struct vmbus_host *host, u32 target_vp)
{
	return target_vp < host->vp_count || target_vp == VMBUS_TARGET_VP_NONE;
}

/* A ring is one range of whole pages; each half a header page and data. */
static bool is_ring(const struct vmbus_host_gpadl_view *view, u32 offset_pages)
{
	return view->range_count == 1 && !view->byte_offset &&
	       view->byte_count % VMBUS_PAGE_BYTES == 0 && offset_pages >= 2 &&
	       offset_pages < view->pfn_count &&
	       view->pfn_count - offset_pages >= 2;
}

enum vmbus_status host_on_open(struct vmbus_host *host, const void *payload,
			       u32 size_bytes)
{
	struct vmbus_host_gpadl_view view;
	struct vmbus_host_channel *channel;
	struct vmbus_host_gpadl *gpadl;
	struct vmbus_message_open in;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = host_channel_told(host, in.relid);
	if (!channel)
		return VMBUS_E_RELID;
	if (channel->state == HOST_CHANNEL_RESCINDED)
		return open_refuse(host, &in, VMBUS_OK);
	if (channel->state != HOST_CHANNEL_OFFERED ||
	    channel->owed & HOST_OWES_OPEN_RESULT)
		return open_refuse(host, &in, VMBUS_E_CHANNEL_STATE);
	gpadl = host_gpadl_ready(host, in.relid, in.ring_gpadl);
	if (!gpadl)
		return open_refuse(host, &in, VMBUS_E_GPADL_UNKNOWN);
	host_gpadl_view(host, gpadl, &view);
	if (!is_ring(&view, in.downstream_page_offset))
		return open_refuse(host, &in, VMBUS_E_RING_GPADL);
	if (!target_vp_exists(host, in.target_vp))
		return open_refuse(host, &in, VMBUS_E_TARGET_VP);

	gpadl->holds++;
	channel->ring = (u32)(gpadl - host->gpadls);
	channel->open_id = in.open_id;
	channel->target_vp = in.target_vp;
	channel->downstream_page_offset = in.downstream_page_offset;
	port_copy(channel->user_data, in.user_data, sizeof(in.user_data));
	channel->state = HOST_CHANNEL_OPEN_WANTED;
	host_list_add_work(host, channel);
	return VMBUS_OK;
}

enum vmbus_status host_on_close(struct vmbus_host *host, const void *payload,
				u32 size_bytes)
{
	struct vmbus_host_channel *channel;
	struct vmbus_message_relid in;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = host_channel_told(host, in.relid);
	if (!channel)
		return VMBUS_E_RELID;
	/* Linux closes what was rescinded under it, too. */
	if (host_channel_leaving(channel))
		return VMBUS_OK;
	if (channel->state != HOST_CHANNEL_OPEN ||
	    channel->owed & HOST_OWES_OPEN_RESULT)
		return VMBUS_E_CHANNEL_STATE;
	if (!channel->offer.subchannel_index)
		rescind_subchannels(host, channel);
	channel_want_close(host, channel);
	return VMBUS_OK;
}

static enum vmbus_status modify_refuse(struct vmbus_host *host, u32 relid,
				       enum vmbus_status status)
{
	struct vmbus_message_modify_response message = {
		.header.type = VMBUS_MESSAGE_MODIFY_RESPONSE,
		.relid = relid,
		.status = status ? VMBUS_RESULT_INVALID : VMBUS_RESULT_FAILURE,
	};

	if (host->version >= VMBUS_VERSION_5_3)
		host_answer(host, &message, sizeof(message));
	return status;
}

enum vmbus_status host_on_modify(struct vmbus_host *host, const void *payload,
				 u32 size_bytes)
{
	struct vmbus_host_channel *channel;
	struct vmbus_message_modify in;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = host_channel_told(host, in.relid);
	if (!channel)
		return VMBUS_E_RELID;
	if (host_channel_leaving(channel))
		return modify_refuse(host, in.relid, VMBUS_OK);
	if (channel->state != HOST_CHANNEL_OPEN)
		return modify_refuse(host, in.relid, VMBUS_E_CHANNEL_STATE);
	if (!target_vp_exists(host, in.target_vp))
		return modify_refuse(host, in.relid, VMBUS_E_TARGET_VP);
	/* One at a time, so that each is answered. */
	if (channel->move || channel->owed & HOST_OWES_MODIFY_RESPONSE)
		return VMBUS_AGAIN;
	channel->target_vp = in.target_vp;
	channel->move = true;
	host_list_add_work(host, channel);
	return VMBUS_OK;
}

enum vmbus_status host_on_released(struct vmbus_host *host, const void *payload,
				   u32 size_bytes)
{
	struct vmbus_host_channel *channel;
	struct vmbus_message_relid in;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = host_channel_told(host, in.relid);
	if (!channel)
		return VMBUS_E_RELID;
	switch (channel->state) {
	case HOST_CHANNEL_RESCINDED:
		host_channel_release(host, channel);
		return VMBUS_OK;
	case HOST_CHANNEL_OFFERED:
		/* Linux does so with a device that it cannot register. */
		host_gpadl_free_channel(host, in.relid);
		channel->owed = 0;
		channel->state = HOST_CHANNEL_DECLINED;
		return VMBUS_OK;
	case HOST_CHANNEL_CLOSE_WANTED:
	case HOST_CHANNEL_CLOSING:
		/* Linux does so when it closes an hv_sock channel itself. */
		if (channel->release_after)
			return VMBUS_E_CHANNEL_STATE;
		channel->release_after = true;
		return VMBUS_OK;
	default:
		return VMBUS_E_CHANNEL_STATE;
	}
}
