/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/bus/hostile.h"

#include <errno.h>
#include <string.h>

#include "host/bus/bus_internal.h"

void bus_hostile_enable(struct bus *bus)
{
	bus->hostile = true;
}

/* ---- between an owner and its rings ---- */

void bus_hostile_begin(struct bus_channel *channel)
{
	pthread_mutex_init(&channel->hostile_lock, NULL);
	channel->seized = channel->bus->hostile_seize;
	channel->serial = ++channel->bus->hostile_serial;
}

bool bus_hostile_lock(struct bus_channel *channel)
{
	pthread_mutex_lock(&channel->hostile_lock);
	if (!channel->seized)
		return true;
	pthread_mutex_unlock(&channel->hostile_lock);
	return false;
}

void bus_hostile_unlock(struct bus_channel *channel)
{
	pthread_mutex_unlock(&channel->hostile_lock);
}

/* ---- channels ---- */

static int channel_find(struct bus *bus, u32 relid,
			struct bus_channel **channel)
{
	struct bus_channel *at = bus->channels;

	if (!bus->hostile)
		return -ENOTSUP;
	while (at && at->relid != relid)
		at = at->next;
	*channel = at;
	return at ? 0 : -ENOENT;
}

static int open_find(struct bus *bus, u32 relid, struct bus_channel **channel)
{
	int code = channel_find(bus, relid, channel);

	if (code == 0 && !bus_channel_open(*channel))
		code = -ENOTCONN;
	return code;
}

static void ring_look(struct bus_channel *channel, struct bus_hostile_row *row)
{
	u32 read_index = port_load(&channel->tx.header->read_index);

	row->ring_bytes = channel->tx.size_bytes;
	row->unread_bytes = (channel->tx.shown + row->ring_bytes - read_index) %
			    row->ring_bytes;
}

bool bus_hostile_channel(const struct bus *bus, u32 number,
			 struct bus_hostile_row *row)
{
	struct bus_channel *channel = bus->channels;

	while (channel && number--)
		channel = channel->next;
	if (!channel || !bus->hostile)
		return false;
	*row = (struct bus_hostile_row){
		.relid = channel->relid,
		.serial = channel->serial,
		.name = channel->name,
		.target_vp = bus_channel_target_vp(channel),
		.open = bus_channel_open(channel),
		.seized = channel->seized,
	};
	if (row->open)
		ring_look(channel, row);
	return true;
}

bool bus_hostile_gpadl(struct bus *bus, u32 relid, u32 number, u32 *gpadl,
		       u32 *size_bytes)
{
	struct bus_channel *channel;
	struct bus_gpadl *at;

	if (channel_find(bus, relid, &channel) < 0)
		return false;
	for (at = channel->gpadls; at && number; at = at->next)
		number--;
	if (!at)
		return false;
	*gpadl = at->id;
	*size_bytes = at->page_count * VMBUS_PAGE_BYTES;
	return true;
}

int bus_hostile_seize(struct bus *bus, u32 relid)
{
	struct bus_channel *channel;
	int code = channel_find(bus, relid, &channel);

	if (code < 0)
		return code;
	pthread_mutex_lock(&channel->hostile_lock);
	channel->seized = true;
	pthread_mutex_unlock(&channel->hostile_lock);
	return 0;
}

int bus_hostile_seize_offers(struct bus *bus, bool seize)
{
	if (!bus->hostile)
		return -ENOTSUP;
	bus->hostile_seize = seize;
	return 0;
}

int bus_hostile_rescind(struct bus *bus, u32 relid)
{
	struct bus_channel *channel;
	int code = channel_find(bus, relid, &channel);

	if (code == 0)
		bus_channel_fail(channel, VMBUS_BAD_ARGUMENT);
	return code;
}

/* ---- messages ---- */

int bus_hostile_message(struct bus *bus, u32 vp, u32 sint, u32 type,
			const void *payload, u32 size_bytes)
{
	if (!bus->hostile)
		return -ENOTSUP;
	if (!bus->machine)
		return -ENXIO;
	return machine_post(bus->machine, vp, sint, type, payload, size_bytes);
}

int bus_hostile_flag(struct bus *bus, u32 vp, u32 flag)
{
	if (!bus->hostile)
		return -ENOTSUP;
	if (!bus->machine)
		return -ENXIO;
	return machine_signal(bus->machine, vp, bus->message_sint, flag);
}

int bus_hostile_interrupt(struct bus *bus, u32 relid)
{
	struct bus_channel *channel;
	int code = open_find(bus, relid, &channel);

	if (code == 0)
		bus_channel_interrupt(channel);
	return code;
}

/* ---- rings ---- */

/* The ring is mapped twice in succession, so nothing wraps. */
static int ring_put(struct ring *tx, const void *bytes, u32 size_bytes)
{
	u32 whole = (size_bytes + 7) & ~7u;

	if (size_bytes > tx->size_bytes - 8)
		return -EMSGSIZE;
	if (ring_free_bytes(tx) < whole)
		return -EAGAIN;
	memset(tx->data + tx->local, 0, whole);
	memcpy(tx->data + tx->local, bytes, size_bytes);
	tx->local = (tx->local + whole) % tx->size_bytes;
	tx->available_bytes -= whole;
	/* Whether the guest wants a signal is the caller's to ignore. */
	ring_publish(tx);
	return 0;
}

int bus_hostile_write(struct bus *bus, u32 relid, const void *bytes,
		      u32 size_bytes)
{
	struct bus_channel *channel;
	int code = open_find(bus, relid, &channel);

	if (code < 0)
		return code;
	pthread_mutex_lock(&channel->hostile_lock);
	code = ring_put(&channel->tx, bytes, size_bytes);
	pthread_mutex_unlock(&channel->hostile_lock);
	return code;
}

int bus_hostile_receive(struct bus *bus, u32 relid, struct packet_view *view,
			void *buffer, u32 buffer_bytes)
{
	struct bus_channel *channel;
	enum vmbus_status status;
	int code = open_find(bus, relid, &channel);

	if (code < 0)
		return code;
	if (!channel->seized)
		return -EPERM;
	status = packet_peek_copy(&channel->rx, view, buffer, buffer_bytes);
	if (status)
		return status == VMBUS_AGAIN ? -EAGAIN : -EPROTO;
	packet_consume(&channel->rx, view);
	if (ring_release(&channel->rx))
		bus_channel_interrupt(channel);
	return 0;
}

int bus_hostile_header(struct bus *bus, u32 relid, enum bus_direction direction,
		       u32 offset_bytes, u32 value)
{
	struct bus_channel *channel;
	struct ring *ring;
	int code = open_find(bus, relid, &channel);

	if (code < 0)
		return code;
	if (offset_bytes % 4 || offset_bytes >= VMBUS_PAGE_BYTES)
		return -EINVAL;
	ring = direction == BUS_TO_GUEST ? &channel->tx : &channel->rx;
	port_store_release((u32 *)ring->header + offset_bytes / 4, value);
	return 0;
}

/* ---- memory ---- */

int bus_hostile_memory(struct bus *bus, u32 relid, u32 gpadl, u32 offset_bytes,
		       const void *bytes, u32 size_bytes)
{
	struct bus_channel *channel;
	u32 room_bytes = 0;
	void *at = NULL;
	bool mapped;
	int code = open_find(bus, relid, &channel);

	if (code < 0)
		return code;
	mapped = bus_gpadl_mapped(channel, gpadl, &at, &room_bytes);
	if (!mapped)
		code = bus_channel_gpadl_map(channel, gpadl, &at, &room_bytes);
	if (code < 0)
		return code;
	if (size_bytes <= room_bytes && offset_bytes <= room_bytes - size_bytes)
		memcpy((u8 *)at + offset_bytes, bytes, size_bytes);
	else
		code = -EINVAL;
	if (!mapped)
		bus_channel_gpadl_unmap(channel, gpadl);
	return code;
}
