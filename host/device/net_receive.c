/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

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

/* ---- batches ---- */

bool net_worker_batches_make(struct net_worker *worker)
{
	worker->batch_count =
		worker->place->index ? 1 : worker->adapter->queues;
	worker->batches = calloc(worker->batch_count, sizeof(*worker->batches));
	return worker->batches != NULL;
}

void net_worker_batches_forget(struct net_worker *worker)
{
	worker->slots.count = 0;
	worker->held = false;
	worker->unsent = false;
	for (u32 i = 0; i < worker->batch_count; i++)
		worker->batches[i].range_count = 0;
}

void net_worker_batches_release(struct net_worker *worker)
{
	worker->held = false;
	for (u32 i = 0; i < worker->batch_count; i++)
		network_vsp_rx_release(&worker->vsp, &worker->slots,
				       &worker->batches[i]);
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

bool net_worker_room_came(struct net_worker *worker)
{
	if (!worker->awaited || !room_for_batches(worker))
		return false;
	worker->awaited = false;
	return true;
}

/* The worker of another channel, inside its turn; NULL: it is not open. */
static struct net_worker *worker_enter(struct adapter *adapter, u32 index)
{
	struct adapter_channel *place;
	struct net_worker *worker = NULL;

	pthread_mutex_lock(&adapter->lock);
	place = adapter->channels;
	while (place && (place->index != index || !place->worker))
		place = place->next;
	if (place) {
		pthread_mutex_lock(&place->turn);
		if (bus_channel_open(place->worker->channel))
			worker = place->worker;
		else
			pthread_mutex_unlock(&place->turn);
	}
	pthread_mutex_unlock(&adapter->lock);
	return worker;
}

/* Into the ring of @via, which has the room. */
static void batch_put(struct net_worker *via, struct network_rx_batch *batch)
{
	u8 payload[NETWORK_MESSAGE_BYTES];
	struct packet_out packet;
	struct ring_vec vec;

	network_vsp_rx_out(&via->vsp, batch, payload, &vec, &packet);
	if (bus_channel_send(via->channel, &packet) == VMBUS_OK)
		network_vsp_rx_sent(&via->vsp, batch);
}

/*
 * Into the own ring, which has room for the own batch, as nothing was taken
 * from the port without. That of a channel that is closed may not spend it.
 */
static bool batch_keep(struct net_worker *worker, u32 index)
{
	if (index && !room_for_batches(worker))
		return false;
	batch_put(worker, &worker->batches[index]);
	worker->urgent = true;
	return true;
}

/*
 * Send what is for a channel. False: the ring is full, and whoever reads it has
 * been asked to tell when it is not.
 */
static bool batch_send(struct net_worker *worker, u32 index)
{
	struct network_rx_batch *batch = &worker->batches[index];
	struct net_worker *via = NULL;
	bool room;

	if (!batch->range_count)
		return true;
	if (index)
		via = worker_enter(worker->adapter, index);
	if (!via)
		return batch_keep(worker, index);
	room = room_for_batches(via);
	via->awaited = !room;
	if (room) {
		batch_put(via, batch);
		bus_channel_flush(via->channel);
	}
	pthread_mutex_unlock(&via->place->turn);
	return room;
}

static void batches_send(struct net_worker *worker)
{
	worker->unsent = false;
	for (u32 i = 0; i < worker->batch_count; i++)
		if (!batch_send(worker, i))
			worker->unsent = true;
}

/* ---- frames ---- */

/*
 * The channel that the guest wants a frame on. A tap's kernel has chosen
 * already, by where the guest sends the flow.
 */
static u32 frame_channel(struct net_worker *worker, struct network_rx *rx)
{
	const struct network_rss *rss = &worker->vsp.settings.rss;
	u32 channel;

	if (worker->adapter->config.backend == RUN_NET_TAP ||
	    worker->place->index)
		return 0;
	rx->hash =
		network_rss_hash(rss, rx->head, rx->head_bytes, &rx->hash_type);
	channel = network_rss_channel(rss, rx->hash, rx->hash_type);
	return channel < worker->batch_count ? channel : 0;
}

/* The frame in the slots becomes part of its batch; false: it is held. */
static bool frame_add(struct net_worker *worker)
{
	u32 channel = worker->held_channel;
	struct network_rx_batch *batch = &worker->batches[channel];
	enum vmbus_status status = network_vsp_rx_add(
		&worker->vsp, &worker->slots, &worker->rx, batch);

	worker->held = status == VMBUS_AGAIN;
	if (!worker->held)
		return true;
	if (!batch_send(worker, channel))
		return false;
	network_vsp_rx_add(&worker->vsp, &worker->slots, &worker->rx, batch);
	worker->held = false;
	return true;
}

/* What is in the slots goes to the guest, if it may hear it. */
static bool frame_give(struct net_worker *worker,
		       const struct network_vnet *vnet, u32 bytes)
{
	struct network_rx *rx = &worker->rx;

	*rx = (struct network_rx){
		.vnet = *vnet,
		.head = worker->head,
		.head_bytes = bytes < sizeof(worker->head)
				      ? bytes
				      : (u32)sizeof(worker->head),
		.frame_bytes = bytes,
	};
	if (!net_worker_wants(worker, rx->head, rx->head_bytes))
		return true;
	rx->tag = network_frame_tag(rx->head, rx->head_bytes);
	network_vlan_in(&worker->vlan, &rx->tag);
	worker->held_channel = frame_channel(worker, rx);
	return frame_add(worker);
}

static bool frames_take(struct net_worker *worker, u32 frame_bytes)
{
	for (u32 i = 0; i < NET_TURN_FRAMES; i++) {
		struct network_vnet vnet;
		ssize_t bytes;

		if (!room_for_batches(worker))
			return false;
		if (worker->held && !frame_add(worker))
			return false;
		if (!slots_reserve(worker, frame_bytes))
			return false;
		bytes = frame_take(worker, &vnet);
		if (bytes == -EAGAIN || bytes == -ENODEV) {
			worker->port_ready = false;
			return false;
		}
		if (bytes > 0 && !frame_give(worker, &vnet, (u32)bytes))
			return false;
	}
	return true;
}

bool net_worker_receive(struct net_worker *worker)
{
	u32 frame_bytes;
	bool more;

	if (!worker->queue || (!worker->port_ready && !worker->unsent))
		return false;
	frame_bytes = network_vsp_rx_max(&worker->vsp);
	if (!frame_bytes || !worker->link_up ||
	    __atomic_load_n(&worker->adapter->by_function, __ATOMIC_RELAXED)) {
		worker->held = false;
		return frames_drop(worker);
	}
	more = frames_take(worker, frame_bytes);
	batches_send(worker);
	return more;
}
