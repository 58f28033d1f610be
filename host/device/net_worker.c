/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/device/net_internal.h"

/* The number of the port's queue among the thread's descriptors. */
#define EVENT_QUEUE 0

/* ---- answers ---- */

static void answer_send(struct net_worker *worker)
{
	const struct network_vsp_action *action = &worker->action;
	struct ring_vec vec = { action->packet, action->packet_bytes };
	struct packet_out packet = {
		.type = PACKET_COMPLETION,
		.transaction_id = action->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	if (!action->answer)
		return;
	bus_channel_send(worker->channel, &packet);
	worker->urgent = true;
}

static void out_send(struct net_worker *worker,
		     const struct network_vsp_out *out)
{
	struct ring_vec vec = { out->packet, out->packet_bytes };
	struct packet_out packet = {
		.type = out->type,
		.flags = out->flags,
		.transaction_id = out->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	if (!out->packet_bytes)
		return;
	if (out->type == PACKET_DATA_TRANSFER_PAGES) {
		packet.ranges = &out->range;
		packet.range_bytes = sizeof(out->range);
		packet.range_count = 1;
		packet.transfer_pageset = out->pageset;
	}
	bus_channel_send(worker->channel, &packet);
	worker->urgent = true;
}

static void notices_send(struct net_worker *worker)
{
	struct network_vsp_out out;

	while (bus_channel_room(
		       worker->channel,
		       packet_ring_bytes(
			       sizeof(struct packet_transfer_header) +
				       sizeof(struct packet_transfer_range),
			       NETWORK_PACKET_BYTES)) &&
	       network_vsp_transmit(&worker->vsp, &out))
		out_send(worker, &out);
}

/* ---- what the guest chose ---- */

/*
 * Linux may verify what it was told is good (ethtool -K rx off is its own
 * affair), and forwards frames as they are: so checksums are complete, but of
 * segments, which only come to who wants to have them joined.
 */
static u32 takes_of(u32 offloads)
{
	u32 takes = 0;

	if (offloads & NETWORK_RX_RSC4)
		takes |= NET_TAKES_TSO4;
	if (offloads & NETWORK_RX_RSC6)
		takes |= NET_TAKES_TSO6;
	return takes;
}

static void starved_end(struct net_worker *worker)
{
	if (worker->starved)
		__atomic_fetch_sub(&worker->adapter->starved, 1,
				   __ATOMIC_SEQ_CST);
	worker->starved = false;
}

/* Slots came back here that others may wait for. */
static void slots_changed(struct net_worker *worker)
{
	starved_end(worker);
	if (__atomic_load_n(&worker->adapter->starved, __ATOMIC_SEQ_CST))
		worker->slots_back = true;
}

/* Show the guest what it was sent, at the latest now. */
static void ring_flush(struct net_worker *worker)
{
	bus_channel_flush(worker->channel);
	worker->urgent = false;
	worker->lazy = 0;
}

/* What the engine says after an action. The primary's, but for slots. */
static void changed_take(struct net_worker *worker)
{
	u8 changed = worker->action.changed;

	if (changed & NETWORK_CHANGED_SLOTS)
		slots_changed(worker);
	if (changed & ~NETWORK_CHANGED_SLOTS) {
		network_vsp_settings(&worker->vsp);
		net_port_takes_set(worker->adapter->port,
				   takes_of(worker->vsp.settings.offloads));
	}
	if (changed & NETWORK_CHANGED_ADDRESS)
		adapter_address(worker->adapter,
				worker->vsp.settings.filter.address);
	if (worker->action.ready)
		adapter_call(worker->adapter, CALL_READ);
}

/* ---- what the loop does for us ---- */

/* The loop has done what was wanted. */
static void errand_end(struct net_worker *worker)
{
	struct net_errand *errand = &worker->errand;

	if (!worker->waits)
		return;
	worker->waits = false;
	if (errand->done == ERRAND_MAP)
		net_buffer_attach(worker);
	else if (errand->done == ERRAND_SUB_CHANNELS)
		network_vsp_granted(&worker->vsp, &worker->action,
				    errand->sub_channels);
	answer_send(worker);
	changed_take(worker);
	ring_flush(worker);
}

/* ---- packets ---- */

static bool room_for_answer(struct net_worker *worker)
{
	if (bus_channel_room(worker->channel, NETWORK_VSP_ROOM_BYTES))
		return true;
	worker->urgent = true;
	return false;
}

static bool control_take(struct net_worker *worker)
{
	struct network_vsp_out response = { 0 };
	enum vmbus_status status;

	if (!net_worker_pieces(worker))
		return false;
	status = network_vsp_control(&worker->vsp, worker->pieces,
				     worker->piece_count, &worker->action,
				     &response);
	if (status != VMBUS_OK) {
		bus_channel_fail(worker->channel, status);
		return false;
	}
	answer_send(worker);
	out_send(worker, &response);
	changed_take(worker);
	return true;
}

static bool frames_begin(struct net_worker *worker)
{
	enum vmbus_status status;

	if (!net_worker_pieces(worker))
		return false;
	status = network_vsp_tx_begin(&worker->cursor, worker->pieces,
				      worker->piece_count);
	if (status != VMBUS_OK) {
		bus_channel_fail(worker->channel, status);
		return false;
	}
	worker->transfer = true;
	worker->blocked = false;
	return true;
}

static void by_function_set(struct adapter *adapter, bool by_function)
{
	by_function = by_function && adapter->vsp.vf_allocated;
	__atomic_store_n(&adapter->by_function, by_function, __ATOMIC_RELAXED);
}

/* What a packet wants; whether the next one can be taken. */
static bool action_take(struct net_worker *worker)
{
	struct network_vsp_action *action = &worker->action;
	bool go_on = true;

	switch (action->step) {
	case NETWORK_VSP_FRAMES:
		return frames_begin(worker) && net_worker_send(worker);
	case NETWORK_VSP_CONTROL:
		go_on = control_take(worker);
		break;
	case NETWORK_VSP_BUFFER:
		worker->errand.gpadl = action->gpadl;
		worker->errand.receive_buffer = action->receive_buffer;
		net_errand_begin(worker, ERRAND_MAP);
		break;
	case NETWORK_VSP_REVOKE:
		net_buffer_detach(worker);
		break;
	case NETWORK_VSP_SUB_CHANNELS:
		worker->errand.sub_channels = action->sub_channels;
		net_errand_begin(worker, ERRAND_SUB_CHANNELS);
		break;
	case NETWORK_VSP_DATA_PATH:
		by_function_set(worker->adapter, action->virtual_function);
		answer_send(worker);
		break;
	case NETWORK_VSP_ANSWER:
		answer_send(worker);
		changed_take(worker);
		break;
	default:
		changed_take(worker);
		break;
	}
	bus_channel_done(worker->channel, &worker->view);
	return go_on;
}

/* Take one packet, or go on with the one under way; false: none, or none can
 * be taken now. */
static bool packet_take(struct net_worker *worker)
{
	enum vmbus_status status;

	if (worker->stalled || worker->waits || !room_for_answer(worker))
		return false;
	if (worker->transfer)
		return net_worker_send(worker);
	if (bus_channel_receive(worker->channel, &worker->view, worker->packet,
				sizeof(worker->packet)) != VMBUS_OK)
		return false;
	status = network_vsp_receive(&worker->vsp, &worker->view,
				     &worker->action);
	if (status == VMBUS_NOT_READY) {
		worker->stalled = true;
		return false;
	}
	if (status != VMBUS_OK) {
		bus_channel_fail(worker->channel, status);
		return false;
	}
	return action_take(worker);
}

/* ---- turns ---- */

static bool packets_take(struct net_worker *worker)
{
	u32 left = NET_TURN_PACKETS;

	while (left && packet_take(worker))
		left--;
	if (worker->sent)
		net_queue_kick(worker->queue);
	worker->sent = false;
	return !left;
}

/* All that can be done now; true: there is more at once. */
static bool turn(struct net_worker *worker)
{
	bool more;

	if (!bus_channel_open(worker->channel)) {
		worker->lazy = 0;
		return false;
	}
	bus_channel_mask(worker->channel);
	network_vsp_settings(&worker->vsp);
	more = packets_take(worker);
	/* An answer that is owed has its room. */
	if (!worker->waits && net_worker_receive(worker))
		more = true;
	if (!worker->waits && !worker->place->index)
		notices_send(worker);
	bus_channel_release(worker->channel);
	if (worker->urgent || worker->lazy >= NET_LAZY_COMPLETIONS ||
	    worker->thread.slept)
		ring_flush(worker);
	if (bus_channel_unmask(worker->channel) && !worker->waits &&
	    !worker->stalled && !worker->blocked && room_for_answer(worker))
		more = true;
	return more;
}

/* The primary's worker stops the others, and is itself stopped by nobody. */
static bool turn_take(struct net_worker *worker)
{
	pthread_mutex_t *lock = &worker->place->turn;
	bool more, room = false;

	if (!worker->place->index) {
		more = turn(worker);
		if (worker->buffers_wanted)
			net_buffers_look(worker);
	} else {
		pthread_mutex_lock(lock);
		more = turn(worker);
		room = net_worker_room_came(worker);
		pthread_mutex_unlock(lock);
	}
	if (room)
		adapter_call(worker->adapter, CALL_ROOM);
	if (worker->slots_back)
		adapter_call(worker->adapter, CALL_SLOTS);
	worker->slots_back = false;
	return more;
}

/* ---- the thread ---- */

/* What the guest is told of. */
static void primary_config_take(struct net_worker *worker, u64 speed_bps,
				u32 function)
{
	network_vsp_link(&worker->vsp, worker->link_up, speed_bps);
	if (function == worker->vsp.shared->vf_serial)
		return;
	network_vsp_vf(&worker->vsp, function != 0, function);
	/* The way of one that goes is closed at once. */
	by_function_set(worker->adapter, false);
}

static void config_take(struct net_worker *worker)
{
	struct adapter *adapter = worker->adapter;
	bool looks_first;
	u64 speed_bps;
	u32 function;

	pthread_mutex_lock(&adapter->lock);
	worker->vlan = adapter->vlan;
	worker->link_up = adapter->link_up;
	speed_bps = adapter->speed_bps;
	function = adapter->function;
	pthread_mutex_unlock(&adapter->lock);
	/* Only a tap has to copy for it: there it guards what VLANs part. */
	looks_first = adapter->config.backend != RUN_NET_TAP ||
		      worker->vlan.mode != NETWORK_VLAN_OPEN;
	if (worker->queue)
		net_queue_filter_set(worker->queue,
				     looks_first ? net_worker_wants : NULL,
				     worker);
	if (!worker->place->index)
		primary_config_take(worker, speed_bps, function);
	worker->port_ready = true;
}

static void calls_take(struct net_worker *worker, u32 calls)
{
	if (calls & CALL_STOP)
		worker->stopping = true;
	if (calls & CALL_READ)
		worker->stalled = false;
	if (calls & CALL_SLOTS)
		starved_end(worker);
	if (calls & CALL_WANTED)
		worker->buffers_wanted = true;
	if (calls & CALL_CONFIG)
		config_take(worker);
	if (calls & CALL_ERRAND)
		errand_end(worker);
}

static void queue_ready(void *context, u64 number, u32 events)
{
	struct net_worker *worker = context;

	(void)number;
	(void)events;
	worker->port_ready = true;
}

static int sleep_ms(const struct net_worker *worker, bool more)
{
	if (more)
		return 0;
	return worker->lazy ? NET_LAZY_MS : -1;
}

static void *body(void *context)
{
	struct net_worker *worker = context;
	bool more = true;

	config_take(worker);
	while (!worker->stopping) {
		more = turn_take(worker);
		calls_take(worker, channel_thread_wait(&worker->thread,
						       sleep_ms(worker, more),
						       queue_ready, worker));
	}
	return NULL;
}

/* ---- start and stop ---- */

static void worker_free(struct net_worker *worker)
{
	net_queue_close(worker->queue);
	channel_thread_release(&worker->thread);
	free(worker->batches);
	free(worker);
}

static void queue_open(struct net_worker *worker)
{
	struct adapter *adapter = worker->adapter;
	struct lis_error error;

	if (net_queue_open(&worker->queue, adapter->port, worker->place->index,
			   &error) < 0) {
		worker->queue = NULL;
		adapter_tell(adapter, "net-queue", error.text);
	} else {
		net_queue_watch(worker->queue, worker->thread.epoll,
				EVENT_QUEUE);
	}
}

static struct net_worker *worker_make(struct adapter_channel *place,
				      struct machine *machine)
{
	struct net_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->place = place;
	worker->adapter = place->adapter;
	worker->channel = place->channel;
	worker->machine = machine;
	if (!net_worker_batches_make(worker) ||
	    channel_thread_init(&worker->thread, place->channel) < 0) {
		free(worker->batches);
		free(worker);
		return NULL;
	}
	queue_open(worker);
	network_vsp_init(&worker->vsp, &place->adapter->vsp, place->index);
	return worker;
}

static void worker_set(struct adapter_channel *place, struct net_worker *worker)
{
	pthread_mutex_lock(&place->adapter->lock);
	place->worker = worker;
	pthread_mutex_unlock(&place->adapter->lock);
}

int net_worker_start(struct adapter_channel *place, struct machine *machine)
{
	struct net_worker *worker = worker_make(place, machine);
	int code;

	if (!worker)
		return -ENOMEM;
	worker_set(place, worker);
	code = channel_thread_start(&worker->thread, body, worker);
	if (code < 0) {
		worker_set(place, NULL);
		worker_free(worker);
	}
	return code;
}

void net_worker_stop(struct adapter_channel *place)
{
	struct net_worker *worker = place->worker;

	if (!worker)
		return;
	channel_thread_call(&worker->thread, CALL_STOP);
	channel_thread_join(&worker->thread);
	worker_set(place, NULL);
	pthread_mutex_lock(&place->turn);
	net_worker_batches_release(worker);
	pthread_mutex_unlock(&place->turn);
	starved_end(worker);
	worker_free(worker);
}
