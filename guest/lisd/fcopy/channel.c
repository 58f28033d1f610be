/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "guest/lisd/fcopy/channel.h"

#include <string.h>

enum vmbus_status channel_init(struct channel *channel, void *rings,
			       size_t size_bytes)
{
	size_t half = size_bytes / 2;
	u8 *second = (u8 *)rings + half;
	enum vmbus_status status;
	u32 data_bytes;

	memset(channel, 0, sizeof(*channel));
	if (half % RING_HEADER_BYTES || half <= RING_HEADER_BYTES ||
	    half - RING_HEADER_BYTES > RING_MAX_BYTES)
		return VMBUS_BAD_ARGUMENT;
	data_bytes = (u32)(half - RING_HEADER_BYTES);
	status = ring_init_writer(&channel->tx, rings,
				  (u8 *)rings + RING_HEADER_BYTES, data_bytes,
				  false);
	if (!status)
		status = ring_init_reader(&channel->rx, second,
					  second + RING_HEADER_BYTES,
					  data_bytes, false);
	if (!status)
		status = fcopy_vsc_init(&channel->vsc);
	return status;
}

static enum vmbus_status answer_send(struct channel *channel)
{
	const struct ring_vec payload = { channel->answer,
					  channel->answer_bytes };
	const struct packet_out packet = {
		.type = PACKET_DATA_INBAND,
		.transaction_id = channel->answer_id,
		.vec = &payload,
		.vec_count = 1,
	};
	enum vmbus_status status = packet_write(&channel->tx, &packet);

	channel->answer_waits = status == VMBUS_AGAIN;
	return status;
}

/* What one packet asks, and its answer into channel->answer. */
static enum vmbus_status packet_serve(struct channel *channel,
				      struct copy *copy,
				      const struct packet_view *view)
{
	enum vmbus_status status;
	bool requested;
	u32 result;

	channel->answer_id = view->transaction_id;
	status = fcopy_vsc_receive(
		&channel->vsc, view->payload, view->payload_bytes,
		view->transaction_id, channel->answer, sizeof(channel->answer),
		&channel->answer_bytes, &channel->request, &requested);
	if (status || !requested)
		return status;
	result = copy_serve(copy, &channel->request);
	channel->answer_bytes =
		fcopy_vsc_respond(&channel->vsc, result, channel->answer,
				  sizeof(channel->answer), &channel->answer_id);
	return VMBUS_OK;
}

static enum vmbus_status drain(struct channel *channel, struct copy *copy)
{
	struct packet_view view;
	enum vmbus_status status;

	for (;;) {
		if (channel->answer_waits) {
			status = answer_send(channel);
			if (status)
				return status;
		}
		status = packet_peek_copy(&channel->rx, &view, channel->packet,
					  sizeof(channel->packet));
		if (status)
			return status;
		status = packet_serve(channel, copy, &view);
		if (status)
			return status;
		packet_consume(&channel->rx, &view);
		channel->answer_waits = channel->answer_bytes;
	}
}

enum vmbus_status channel_serve(struct channel *channel, struct copy *copy,
				bool *signal)
{
	enum vmbus_status status;

	*signal = false;
	do {
		ring_mask(&channel->rx);
		status = drain(channel, copy);
		if (ring_publish(&channel->tx))
			*signal = true;
		if (ring_release(&channel->rx))
			*signal = true;
		if (status != VMBUS_AGAIN)
			return status;
		/* Packets that wait are for when the answer has gone. */
	} while (ring_unmask(&channel->rx) && !channel->answer_waits);
	return VMBUS_OK;
}
