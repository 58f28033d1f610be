/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>

#include "host/device/net_internal.h"

bool net_worker_wants(void *context, const u8 *head, u32 bytes)
{
	struct net_worker *worker = context;
	u32 tag = network_frame_tag(head, bytes);

	return bytes >= NETWORK_ETHERNET_BYTES &&
	       network_filter_passes(&worker->vsp.settings.filter, head) &&
	       network_vlan_in(&worker->vlan, &tag);
}

/* A guest that wants no frames does not find old ones when it does. */
static bool frames_drop(struct net_worker *worker)
{
	const struct iovec piece = { worker->head, sizeof(worker->head) };
	struct network_vnet vnet;

	for (u32 i = 0; i < NET_TURN_FRAMES; i++) {
		ssize_t bytes =
			net_queue_receive(worker->queue, &vnet, &piece, 1);

		if (bytes == -EAGAIN || bytes == -ENODEV) {
			worker->port_ready = false;
			return false;
		}
	}
	return true;
}

static bool slots_reserve(struct net_worker *worker, u32 frame_bytes)
{
	enum vmbus_status status = network_vsp_rx_reserve(
		&worker->vsp, &worker->slots, frame_bytes);

	if (status == VMBUS_OK)
		return true;
	if (status == VMBUS_AGAIN && !worker->starved) {
		worker->starved = true;
		__atomic_fetch_add(&worker->adapter->starved, 1,
				   __ATOMIC_SEQ_CST);
		/* What came back meanwhile was told to nobody. */
		status = network_vsp_rx_reserve(&worker->vsp, &worker->slots,
						frame_bytes);
	}
	return status == VMBUS_OK;
}

/* The next frame into the slots and the head. */
static ssize_t frame_take(struct net_worker *worker, struct network_vnet *vnet)
{
	struct network_piece pieces[NETWORK_PLACE_SLOTS];
	struct iovec iov[NETWORK_PLACE_SLOTS + 1];
	u32 count = network_vsp_rx_pieces(&worker->vsp, &worker->slots,
					  sizeof(worker->head), pieces);

	/* Of the longest frame, the last pieces may be one too many. */
	if (count > NET_PIECES_MAX - 1)
		count = NET_PIECES_MAX - 1;
	iov[0] = (struct iovec){ worker->head, sizeof(worker->head) };
	for (u32 i = 0; i < count; i++)
		iov[i + 1] = (struct iovec){ pieces[i].base, pieces[i].bytes };
	return net_queue_receive(worker->queue, vnet, iov, (int)count + 1);
}

static void batch_send(struct net_worker *worker)
{
	u8 payload[NETWORK_MESSAGE_BYTES];
	struct packet_out packet;
	struct ring_vec vec;

	if (!worker->batch.range_count)
		return;
	network_vsp_rx_out(&worker->vsp, &worker->batch, payload, &vec,
			   &packet);
	/* There is room: nothing was taken from the port without. */
	if (bus_channel_send(worker->channel, &packet) == VMBUS_OK)
		network_vsp_rx_sent(&worker->vsp, &worker->batch);
	worker->urgent = true;
}

static bool room_for_batches(struct net_worker *worker)
{
	const u32 bytes = packet_ring_bytes(
		sizeof(struct packet_transfer_header) +
			NETWORK_BATCH_RANGES *
				sizeof(struct packet_transfer_range),
		NETWORK_MESSAGE_BYTES);

	if (bus_channel_room(worker->channel, 2 * bytes))
		return true;
	/* The guest has to read for there to be any. */
	worker->urgent = true;
	return false;
}

/* What is in the slots becomes part of the batch, if the guest may hear it. */
static void frame_give(struct net_worker *worker,
		       const struct network_vnet *vnet, u32 bytes)
{
	struct network_rx rx = {
		.vnet = *vnet,
		.head = worker->head,
		.head_bytes = bytes < sizeof(worker->head)
				      ? bytes
				      : (u32)sizeof(worker->head),
		.frame_bytes = bytes,
	};

	if (!net_worker_wants(worker, rx.head, rx.head_bytes))
		return;
	rx.tag = network_frame_tag(rx.head, rx.head_bytes);
	network_vlan_in(&worker->vlan, &rx.tag);
	if (network_vsp_rx_add(&worker->vsp, &worker->slots, &rx,
			       &worker->batch) != VMBUS_AGAIN)
		return;
	batch_send(worker);
	network_vsp_rx_add(&worker->vsp, &worker->slots, &rx, &worker->batch);
}

static bool frames_take(struct net_worker *worker, u32 frame_bytes)
{
	for (u32 i = 0; i < NET_TURN_FRAMES; i++) {
		struct network_vnet vnet;
		ssize_t bytes;

		if (!slots_reserve(worker, frame_bytes) ||
		    !room_for_batches(worker))
			return false;
		bytes = frame_take(worker, &vnet);
		if (bytes == -EAGAIN || bytes == -ENODEV) {
			worker->port_ready = false;
			return false;
		}
		if (bytes > 0)
			frame_give(worker, &vnet, (u32)bytes);
	}
	return true;
}

bool net_worker_receive(struct net_worker *worker)
{
	u32 frame_bytes;
	bool more;

	if (!worker->port_ready || !worker->queue)
		return false;
	frame_bytes = network_vsp_rx_max(&worker->vsp);
	if (!frame_bytes || !worker->link_up)
		return frames_drop(worker);
	more = frames_take(worker, frame_bytes);
	batch_send(worker);
	return more;
}
