/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/bus/bus_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void tell(struct bus_channel *channel, enum bus_event event,
		 const char *text)
{
	struct bus_watcher *watcher = &channel->bus->watcher;

	watcher->event(watcher->context, event, channel->name, channel->relid,
		       text);
}

/* One thread counts, others may look. */
static void count(u64 *counter, u64 more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

static bool has_worker(const struct bus_channel *channel)
{
	return !channel->ops->signalled;
}

/* ---- signals from the guest ---- */

static bool signal_take(struct bus_signal *signal)
{
	u64 times;

	if (read(signal->fd, &times, sizeof(times)) < 0)
		return false;
	count(&signal->channel->counters.signals_in, times);
	return true;
}

static void signalled(uv_poll_t *poll, int status, int events)
{
	struct bus_signal *signal = (struct bus_signal *)poll;
	struct bus_channel *channel = signal->channel;

	(void)events;
	if (status < 0 || !channel || !signal_take(signal))
		return;
	if (bus_channel_failure(channel) == VMBUS_OK)
		channel->ops->signalled(channel->context, channel);
}

int bus_channel_signal_fd(const struct bus_channel *channel)
{
	return channel->signal->fd;
}

void bus_channel_signalled(struct bus_channel *channel)
{
	count(&channel->counters.signals_in, 1);
}

static void signal_free(struct bus_signal *signal)
{
	if (signal->fd >= 0)
		close(signal->fd);
	free(signal);
}

static void signal_closed(uv_handle_t *handle)
{
	signal_free((struct bus_signal *)handle);
}

static struct bus_signal *signal_make(struct bus_channel *channel)
{
	struct bus_signal *signal = calloc(1, sizeof(*signal));

	if (!signal)
		return NULL;
	signal->channel = channel;
	signal->monitor_id = VMBUS_MONITOR_ID_NONE;
	signal->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (signal->fd < 0 ||
	    (!has_worker(channel) &&
	     uv_poll_init(channel->bus->loop, &signal->poll, signal->fd) < 0)) {
		signal_free(signal);
		return NULL;
	}
	return signal;
}

/* Of a monitored channel the guest may signal by its bit, too. */
static bool monitor_connect(struct bus_channel *channel)
{
	struct bus *bus = channel->bus;
	u32 id = vmbus_host_monitor_id(&bus->engine, channel->relid);

	if (id == VMBUS_MONITOR_ID_NONE || !bus->monitor_gpa)
		return true;
	if (machine_monitor(bus->machine, bus->monitor_gpa, id,
			    channel->signal->fd))
		return false;
	channel->signal->monitor_id = id;
	return true;
}

static bool signal_connect(struct bus_channel *channel)
{
	struct bus_signal *signal = signal_make(channel);

	if (!signal)
		return false;
	channel->signal = signal;
	if (!has_worker(channel))
		uv_poll_start(&signal->poll, UV_READABLE, signalled);
	if (machine_connect(channel->bus->machine,
			    vmbus_host_connection_id(channel->relid),
			    signal->fd))
		return false;
	return monitor_connect(channel);
}

static void signal_disconnect(struct bus_channel *channel)
{
	struct bus_signal *signal = channel->signal;

	if (!signal)
		return;
	machine_disconnect(channel->bus->machine,
			   vmbus_host_connection_id(channel->relid));
	if (signal->monitor_id != VMBUS_MONITOR_ID_NONE)
		machine_unmonitor(channel->bus->machine, signal->monitor_id,
				  signal->fd);
	channel->signal = NULL;
	signal->channel = NULL;
	if (has_worker(channel))
		signal_free(signal);
	else
		uv_close((uv_handle_t *)&signal->poll, signal_closed);
}

/* ---- rings ---- */

static void rings_unmap(struct bus_channel *channel)
{
	struct machine *machine = channel->bus->machine;

	if (channel->in_rings)
		machine_unmap_pages(machine, channel->in_rings,
				    channel->in_pages, true);
	if (channel->out_rings)
		machine_unmap_pages(machine, channel->out_rings,
				    channel->out_pages, true);
	channel->in_rings = NULL;
	channel->out_rings = NULL;
}

static u32 rings_map(struct bus_channel *channel,
		     const struct vmbus_host_action *action)
{
	struct machine *machine = channel->bus->machine;
	const u64 *pfns = action->open.pfns;
	u32 in_bytes, out_bytes;

	channel->in_pages = action->open.downstream_page_offset;
	channel->out_pages = action->open.pfn_count - channel->in_pages;
	if (machine_map_pages(machine, pfns, channel->in_pages, true,
			      &channel->in_rings) < 0 ||
	    machine_map_pages(machine, pfns + channel->in_pages,
			      channel->out_pages, true,
			      &channel->out_rings) < 0)
		return VMBUS_RESULT_NO_RESOURCES;
	in_bytes = (channel->in_pages - 1) * VMBUS_PAGE_BYTES;
	out_bytes = (channel->out_pages - 1) * VMBUS_PAGE_BYTES;
	if (ring_init_reader(&channel->rx, channel->in_rings,
			     (u8 *)channel->in_rings + RING_HEADER_BYTES,
			     in_bytes, true) != VMBUS_OK ||
	    ring_init_writer(&channel->tx, channel->out_rings,
			     (u8 *)channel->out_rings + RING_HEADER_BYTES,
			     out_bytes, true) != VMBUS_OK)
		return VMBUS_RESULT_INVALID;
	return VMBUS_RESULT_SUCCESS;
}

/* ---- what the engine wants ---- */

void bus_channel_start(struct bus_channel *channel,
		       const struct vmbus_host_action *action)
{
	struct bus *bus = channel->bus;
	u32 result = VMBUS_RESULT_NO_RESOURCES;

	/* Opened anew by the guest before the offer could be taken back. */
	if (bus_channel_failure(channel) != VMBUS_OK) {
		vmbus_host_open_done(&bus->engine, channel->relid,
				     VMBUS_RESULT_REFUSED);
		return;
	}
	if (bus->machine)
		result = rings_map(channel, action);
	if (result == VMBUS_RESULT_SUCCESS && !signal_connect(channel))
		result = VMBUS_RESULT_NO_RESOURCES;
	if (result != VMBUS_RESULT_SUCCESS) {
		signal_disconnect(channel);
		rings_unmap(channel);
		tell(channel, BUS_VIOLATION,
		     "the guest could not open the channel: its rings cannot "
		     "be mapped, or their indices are wrong");
		vmbus_host_open_done(&bus->engine, channel->relid, result);
		return;
	}
	channel->target_vp = action->open.target_vp;
	channel->open = true;
	vmbus_host_open_done(&bus->engine, channel->relid, result);
	tell(channel, BUS_OPENED, "the guest opened the channel");
	channel->ops->opened(channel->context, channel);
}

void bus_channel_stop(struct bus_channel *channel)
{
	struct bus *bus = channel->bus;

	if (channel->open) {
		channel->ops->closed(channel->context, channel);
		channel->open = false;
		tell(channel, BUS_CLOSED, "the channel was closed");
	}
	signal_disconnect(channel);
	bus_channel_gpadls_unmap(channel);
	rings_unmap(channel);
	vmbus_host_close_done(&bus->engine, channel->relid);
}

void bus_channel_forget(struct bus_channel *channel)
{
	struct bus_channel **at = &channel->bus->channels;

	while (*at != channel)
		at = &(*at)->next;
	*at = channel->next;
	tell(channel, BUS_RELEASED, "the guest let go of the channel");
	channel->ops->released(channel->context, channel);
	free(channel);
}

/* ---- what the owner wants ---- */

int bus_offer(struct bus *bus, const struct vmbus_offer *offer,
	      const char *name, const struct bus_channel_ops *ops,
	      void *context, struct bus_channel **result)
{
	struct bus_channel *channel = calloc(1, sizeof(*channel));
	struct vmbus_offer row = *offer;

	if (!channel)
		return -ENOSPC;
	channel->bus = bus;
	channel->ops = ops;
	channel->context = context;
	channel->name = name;
	if (bus->hostile)
		bus_hostile_begin(channel);
	row.context = channel;
	if (vmbus_host_offer(&bus->engine, &row, &channel->relid) != VMBUS_OK) {
		free(channel);
		return -ENOSPC;
	}
	channel->next = bus->channels;
	bus->channels = channel;
	*result = channel;
	tell(channel, BUS_OFFERED, "the channel is offered to the guest");
	bus_pump(bus);
	return 0;
}

void bus_rescind(struct bus_channel *channel)
{
	struct bus *bus = channel->bus;

	if (channel->rescinding)
		return;
	channel->rescinding = true;
	tell(channel, BUS_RESCINDED, "the channel's offer was taken back");
	vmbus_host_rescind(&bus->engine, channel->relid);
	bus_pump(bus);
}

void bus_channel_fail(struct bus_channel *channel, enum vmbus_status status)
{
	if (bus_channel_failure(channel) != VMBUS_OK)
		return;
	__atomic_store_n(&channel->failure, status, __ATOMIC_RELEASE);
	uv_async_send(&channel->bus->wake);
}

static void failure_tell(struct bus_channel *channel)
{
	char text[256];

	snprintf(text, sizeof(text), "the channel was closed: %s",
		 vmbus_status_text(bus_channel_failure(channel)));
	channel->failure_told = true;
	tell(channel, BUS_VIOLATION, text);
}

void bus_channels_settle(struct bus *bus)
{
	struct bus_channel *channel;

again:
	for (channel = bus->channels; channel; channel = channel->next) {
		if (bus_channel_failure(channel) == VMBUS_OK ||
		    channel->failure_told)
			continue;
		failure_tell(channel);
		/* This may free any of the list. */
		bus_rescind(channel);
		goto again;
	}
}

bool bus_channel_open(const struct bus_channel *channel)
{
	return channel->open && bus_channel_failure(channel) == VMBUS_OK;
}

enum vmbus_status bus_channel_failure(const struct bus_channel *channel)
{
	return __atomic_load_n(&channel->failure, __ATOMIC_ACQUIRE);
}

u32 bus_channel_relid(const struct bus_channel *channel)
{
	return channel->relid;
}

u32 bus_channel_target_vp(const struct bus_channel *channel)
{
	return __atomic_load_n(&channel->target_vp, __ATOMIC_RELAXED);
}

struct bus_channel_counters
bus_channel_counters(const struct bus_channel *channel)
{
	const struct bus_channel_counters *from = &channel->counters;
	struct bus_channel_counters to = {
		.packets_in =
			__atomic_load_n(&from->packets_in, __ATOMIC_RELAXED),
		.packets_out =
			__atomic_load_n(&from->packets_out, __ATOMIC_RELAXED),
		.signals_in =
			__atomic_load_n(&from->signals_in, __ATOMIC_RELAXED),
		.interrupts_out = __atomic_load_n(&from->interrupts_out,
						  __ATOMIC_RELAXED),
	};

	return to;
}

/* ---- packets ---- */

static enum vmbus_status checked(struct bus_channel *channel,
				 enum vmbus_status status)
{
	if (vmbus_status_is_violation(status))
		bus_channel_fail(channel, status);
	return status;
}

void bus_channel_interrupt(struct bus_channel *channel)
{
	struct bus *bus = channel->bus;
	u32 vp = bus_channel_target_vp(channel);

	if (vp == VMBUS_TARGET_VP_NONE)
		return;
	count(&channel->counters.interrupts_out, 1);
	if (bus_page_interrupt(bus, channel->relid))
		return;
	machine_signal(bus->machine, vp, bus->message_sint, channel->relid);
}

static bool tracing(const struct bus_channel *channel)
{
	return __atomic_load_n(&channel->bus->trace_packets, __ATOMIC_RELAXED);
}

static void trace_out(struct bus_channel *channel,
		      const struct packet_out *packet)
{
	struct packet_view view = {
		.type = packet->type,
		.flags = packet->flags,
		.transaction_id = packet->transaction_id,
	};

	for (u32 i = 0; i < packet->vec_count; i++) {
		view.payload = packet->vec[i].base;
		view.payload_bytes = packet->vec[i].size_bytes;
		bus_trace_packet(channel, BUS_TO_GUEST, &view);
	}
}

enum vmbus_status bus_channel_send(struct bus_channel *channel,
				   const struct packet_out *packet)
{
	enum vmbus_status status;

	if (!bus_rings_enter(channel))
		return VMBUS_OK;
	status = packet_write(&channel->tx, packet);
	bus_rings_leave(channel);
	if (status == VMBUS_OK) {
		count(&channel->counters.packets_out, 1);
		if (tracing(channel))
			trace_out(channel, packet);
	}
	return checked(channel, status);
}

void bus_channel_flush(struct bus_channel *channel)
{
	if (!bus_rings_enter(channel))
		return;
	if (ring_publish(&channel->tx))
		bus_channel_interrupt(channel);
	bus_rings_leave(channel);
}

bool bus_channel_room(struct bus_channel *channel, u32 bytes)
{
	enum vmbus_status status;

	if (!bus_rings_enter(channel))
		return true;
	status = ring_reserve(&channel->tx, bytes);
	bus_rings_leave(channel);
	return checked(channel, status) == VMBUS_OK;
}

enum vmbus_status bus_channel_receive(struct bus_channel *channel,
				      struct packet_view *view, void *buffer,
				      u32 buffer_bytes)
{
	enum vmbus_status status;

	if (!bus_rings_enter(channel))
		return VMBUS_AGAIN;
	status = packet_peek_copy(&channel->rx, view, buffer, buffer_bytes);
	bus_rings_leave(channel);
	if (status == VMBUS_OK && tracing(channel))
		bus_trace_packet(channel, BUS_TO_HOST, view);
	return checked(channel, status);
}

void bus_channel_done(struct bus_channel *channel,
		      const struct packet_view *view)
{
	if (!bus_rings_enter(channel))
		return;
	count(&channel->counters.packets_in, 1);
	packet_consume(&channel->rx, view);
	bus_rings_leave(channel);
}

bool bus_channel_release(struct bus_channel *channel)
{
	bool more;

	if (!bus_rings_enter(channel))
		return false;
	if (ring_release(&channel->rx))
		bus_channel_interrupt(channel);
	more = !ring_empty(&channel->rx);
	bus_rings_leave(channel);
	return more;
}

void bus_channel_mask(struct bus_channel *channel)
{
	if (!bus_rings_enter(channel))
		return;
	ring_mask(&channel->rx);
	bus_rings_leave(channel);
}

bool bus_channel_unmask(struct bus_channel *channel)
{
	bool more;

	if (!bus_rings_enter(channel))
		return false;
	more = ring_unmask(&channel->rx);
	bus_rings_leave(channel);
	return more;
}
