/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus_internal.h"

/* Bytes between a descriptor and its payload: the page ranges of two types. */
static u32 extra_bytes(const struct packet_view *view)
{
	return view->ranges ? (u32)sizeof(struct packet_gpa_header) +
				      view->range_bytes
			    : 0;
}

static void head_put(u8 *at, const struct packet_view *view)
{
	u32 head_bytes =
		(u32)sizeof(struct packet_descriptor) + extra_bytes(view);
	struct packet_descriptor head = {
		.type = view->type,
		.offset8 = (u16)(head_bytes / 8),
		.length8 = (u16)((head_bytes + view->payload_bytes + 7) / 8),
		.flags = view->flags,
		.transaction_id = view->transaction_id,
	};
	struct packet_gpa_header ranges = { .reserved = view->transfer_pageset,
					    .range_count = view->range_count };

	memcpy(at, &head, sizeof(head));
	if (!view->ranges)
		return;
	at += sizeof(head);
	memcpy(at, &ranges, sizeof(ranges));
	memcpy(at + sizeof(ranges), view->ranges, view->range_bytes);
}

static struct bus_trace *trace_make(const struct bus_channel *channel,
				    enum bus_direction direction,
				    const struct packet_view *view)
{
	u32 head_bytes =
		(u32)sizeof(struct packet_descriptor) + extra_bytes(view);
	struct bus_trace *trace =
		malloc(sizeof(*trace) + head_bytes + view->payload_bytes);

	if (!trace)
		return NULL;
	trace->next = NULL;
	trace->name = channel->name;
	trace->relid = channel->relid;
	trace->direction = direction;
	trace->head_bytes = head_bytes;
	trace->payload_bytes = view->payload_bytes;
	head_put(trace->bytes, view);
	memcpy(trace->bytes + head_bytes, view->payload, view->payload_bytes);
	return trace;
}

static void trace_show(struct bus *bus, struct bus_trace *trace)
{
	struct bus_watcher *watcher = &bus->watcher;

	watcher->packet(watcher->context, trace->direction, trace->name,
			trace->relid, trace->bytes, trace->head_bytes,
			trace->bytes + trace->head_bytes, trace->payload_bytes);
	free(trace);
}

static void trace_leave(struct bus *bus, struct bus_trace *trace)
{
	struct bus_traces *traces = &bus->traces;

	pthread_mutex_lock(&traces->lock);
	if (traces->count < BUS_TRACES) {
		*traces->last = trace;
		traces->last = &trace->next;
		traces->count++;
		trace = NULL;
	}
	pthread_mutex_unlock(&traces->lock);
	free(trace);
	uv_async_send(&bus->wake);
}

void bus_trace_packet(struct bus_channel *channel, enum bus_direction direction,
		      const struct packet_view *view)
{
	struct bus_trace *trace = trace_make(channel, direction, view);

	if (!trace)
		return;
	if (channel->ops->signalled)
		trace_show(channel->bus, trace);
	else
		trace_leave(channel->bus, trace);
}

void bus_traces_init(struct bus_traces *traces)
{
	pthread_mutex_init(&traces->lock, NULL);
	traces->last = &traces->first;
}

static struct bus_trace *traces_take(struct bus_traces *traces)
{
	struct bus_trace *first;

	pthread_mutex_lock(&traces->lock);
	first = traces->first;
	traces->first = NULL;
	traces->last = &traces->first;
	traces->count = 0;
	pthread_mutex_unlock(&traces->lock);
	return first;
}

void bus_traces_show(struct bus *bus)
{
	struct bus_trace *trace = traces_take(&bus->traces);

	while (trace) {
		struct bus_trace *next = trace->next;

		if (bus->trace_packets)
			trace_show(bus, trace);
		else
			free(trace);
		trace = next;
	}
}

void bus_traces_release(struct bus_traces *traces)
{
	struct bus_trace *trace = traces_take(traces);

	while (trace) {
		struct bus_trace *next = trace->next;

		free(trace);
		trace = next;
	}
	pthread_mutex_destroy(&traces->lock);
}

void bus_trace(struct bus *bus, bool messages, bool packets)
{
	bus->trace_messages = messages;
	__atomic_store_n(&bus->trace_packets, packets, __ATOMIC_RELAXED);
}
