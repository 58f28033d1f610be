/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/device/net_internal.h"

void net_errand_begin(struct net_worker *worker, enum errand what)
{
	worker->waits = true;
	__atomic_store_n(&worker->errand.what, what, __ATOMIC_RELEASE);
	adapters_wake(worker->adapter->adapters);
}

/* What a worker has of a buffer that goes is void. */
static void buffer_forget(struct net_worker *worker, bool receive_buffer)
{
	if (receive_buffer) {
		net_worker_batches_forget(worker);
	} else if (worker->transfer) {
		worker->blocked = false;
		worker->cursor.offset_bytes = worker->cursor.bytes;
	}
}

/* Nobody else is in the engine from the one to the other. */
static void others_stop(struct adapter *adapter)
{
	pthread_mutex_lock(&adapter->lock);
	for (struct adapter_channel *place = adapter->channels; place;
	     place = place->next)
		if (place->index)
			pthread_mutex_lock(&place->turn);
}

static void others_go(struct adapter *adapter)
{
	for (struct adapter_channel *place = adapter->channels; place;
	     place = place->next)
		if (place->index)
			pthread_mutex_unlock(&place->turn);
	pthread_mutex_unlock(&adapter->lock);
}

void net_buffer_detach(struct net_worker *worker)
{
	struct adapter *adapter = worker->adapter;
	bool receive_buffer = worker->action.receive_buffer;

	others_stop(adapter);
	for (struct adapter_channel *place = adapter->channels; place;
	     place = place->next)
		if (place->worker)
			buffer_forget(place->worker, receive_buffer);
	network_vsp_detach(&worker->vsp, &worker->action);
	others_go(adapter);
	if (receive_buffer)
		worker->has_receive = false;
	else
		worker->has_send = false;
	worker->errand.receive_buffer = receive_buffer;
	net_errand_begin(worker, ERRAND_UNMAP);
}

void net_buffer_attach(struct net_worker *worker)
{
	const struct net_errand *errand = &worker->errand;

	others_stop(worker->adapter);
	network_vsp_attach(&worker->vsp, &worker->action, errand->base,
			   errand->bytes, errand->slots);
	others_go(worker->adapter);
	if (!errand->base)
		return;
	if (errand->receive_buffer)
		worker->has_receive = true;
	else
		worker->has_send = true;
}

void net_buffers_look(struct net_worker *worker)
{
	struct adapter *adapter = worker->adapter;

	if (worker->waits || worker->transfer)
		return;
	worker->action = (struct network_vsp_action){ 0 };
	worker->action.step = NETWORK_VSP_REVOKE;
	if (worker->has_receive &&
	    __atomic_load_n(&adapter->receive.wanted, __ATOMIC_ACQUIRE))
		worker->action.receive_buffer = true;
	else if (!worker->has_send ||
		 !__atomic_load_n(&adapter->send.wanted, __ATOMIC_ACQUIRE))
		return;
	net_buffer_detach(worker);
	worker->action.answer = false;
}
