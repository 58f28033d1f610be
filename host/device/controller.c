/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/device/storage_internal.h"

/* As many as processors, and a guest has up to 64 of those. */
#define SUB_CHANNELS_MAX 63

/* Random, of version 4: a guest knows its disks by it over restarts, so it is
 * the same in every VM. */
#define SCSI_INSTANCE(number)                                                  \
	GUID_FIELDS(0x5f0b1c62, 0x2b17, 0x4d0e, 0x9a, 0x3c, 0x61, 0x0e, 0x7d,  \
		    0x4b, 0x90, number)

static const struct {
	const char *name;
	struct guid instance;
	u8 path;
	u8 target;
} places[CONTROLLERS] = {
	{ "SCSI Controller 0", SCSI_INSTANCE(0), 0, 0 },
	{ "SCSI Controller 1", SCSI_INSTANCE(1), 0, 0 },
	{ "SCSI Controller 2", SCSI_INSTANCE(2), 0, 0 },
	{ "SCSI Controller 3", SCSI_INSTANCE(3), 0, 0 },
	{ "IDE Disk 0:0", STORAGE_INSTANCE_IDE(0, 0), 0, 0 },
	{ "IDE Disk 0:1", STORAGE_INSTANCE_IDE(0, 1), 0, 1 },
	{ "IDE Disk 1:0", STORAGE_INSTANCE_IDE(1, 0), 1, 0 },
	{ "IDE Disk 1:1", STORAGE_INSTANCE_IDE(1, 1), 1, 1 },
};

static const struct guid type_scsi = STORAGE_TYPE_SCSI;
static const struct guid type_ide = STORAGE_TYPE_IDE;

static bool is_ide(const struct controller *controller)
{
	return controller->number >= RUN_DISK_CONTROLLERS_MAX;
}

/* ---- workers ---- */

static void workers_call(struct controller *controller, u32 calls)
{
	for (struct port *port = controller->ports; port; port = port->next)
		if (port->worker)
			channel_thread_call(&port->worker->thread, calls);
}

void controller_call(struct controller *controller, u32 calls)
{
	pthread_mutex_lock(&controller->lock);
	workers_call(controller, calls);
	pthread_mutex_unlock(&controller->lock);
}

static void notice_call(struct controller *controller)
{
	if (controller->ports && controller->ports->worker)
		channel_thread_call(&controller->ports->worker->thread,
				    CALL_NOTICE);
}

void controller_notice(struct controller *controller)
{
	pthread_mutex_lock(&controller->lock);
	notice_call(controller);
	pthread_mutex_unlock(&controller->lock);
}

void controller_unit(struct controller *controller, u32 number,
		     struct unit *unit)
{
	struct unit *before;

	pthread_mutex_lock(&controller->lock);
	before = controller->units[number];
	controller->units[number] = unit;
	workers_call(controller, CALL_UNITS);
	notice_call(controller);
	pthread_mutex_unlock(&controller->lock);
	if (before)
		unit_let_go(before);
}

bool controller_reset_begin(struct controller *controller,
			    const struct storage_reset *what,
			    const struct storage_call *call,
			    struct worker *origin)
{
	struct reset *reset = &controller->reset;
	bool begun = false;

	pthread_mutex_lock(&controller->lock);
	if (!reset->busy) {
		begun = true;
		reset->busy = true;
		reset->number++;
		reset->what = *what;
		reset->call = *call;
		reset->origin = origin;
		reset->waiting = 0;
		for (struct port *port = controller->ports; port;
		     port = port->next)
			reset->waiting += port->worker != NULL;
		workers_call(controller, CALL_RESET);
	}
	pthread_mutex_unlock(&controller->lock);
	return begun;
}

void controller_reset_served(struct controller *controller, u32 number)
{
	struct reset *reset = &controller->reset;

	pthread_mutex_lock(&controller->lock);
	if (reset->busy && reset->number == number && !--reset->waiting &&
	    reset->origin)
		channel_thread_call(&reset->origin->thread, CALL_RESET);
	pthread_mutex_unlock(&controller->lock);
}

/* ---- what the bus calls ---- */

static void tell(struct controller *controller, const char *kind, u32 relid,
		 const char *text)
{
	struct storage_host *host = &controller->storage->host;

	host->event(host->context, kind, controller->name, relid, text);
}

static void vsp_begin(struct controller *controller)
{
	u32 sub_channels = controller->storage->host.vcpus - 1;
	struct storage_vsp_options options = {
		.transfer_max_bytes = TRANSFER_MAX_BYTES,
		.ide = is_ide(controller),
		.ide_target = places[controller->number].target,
	};

	if (sub_channels > SUB_CHANNELS_MAX)
		sub_channels = SUB_CHANNELS_MAX;
	if (!options.ide)
		options.sub_channels_max = (u16)sub_channels;
	storage_vsp_shared_init(&controller->vsp, &options);
}

static void port_opened(void *context, struct bus_channel *channel)
{
	struct port *port = context;

	if (!port->index)
		vsp_begin(port->controller);
	if (worker_start(port, port->controller->storage->machine) < 0)
		tell(port->controller, "violation", bus_channel_relid(channel),
		     "the host has no memory or thread to serve the channel");
}

static void port_closed(void *context, struct bus_channel *channel)
{
	(void)channel;
	worker_stop(context);
}

static int port_offer(struct port *port);

static void port_released(void *context, struct bus_channel *channel)
{
	struct port *port = context;
	struct controller *controller = port->controller;
	struct port **at = &controller->ports;

	(void)channel;
	port->channel = NULL;
	if (!port->index) {
		/* An IDE disk that came before the one before had gone. */
		if (controller->rescinding && controller->units[0])
			port_offer(port);
		controller->rescinding = false;
		return;
	}
	pthread_mutex_lock(&controller->lock);
	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	pthread_mutex_unlock(&controller->lock);
	free(port);
}

static const struct bus_channel_ops port_ops = {
	.opened = port_opened,
	.closed = port_closed,
	.released = port_released,
};

/* ---- offers ---- */

static int port_offer(struct port *port)
{
	struct controller *controller = port->controller;
	struct vmbus_offer offer = {
		.type = is_ide(controller) ? type_ide : type_scsi,
		.instance = places[controller->number].instance,
		.subchannel_index = port->index,
	};
	struct storage_offer_properties properties = {
		.path = places[controller->number].path,
		.target = places[controller->number].target,
		.flags = is_ide(controller) ? STORAGE_OFFER_IDE : 0,
	};

	memcpy(offer.user_data, &properties, sizeof(properties));
	return bus_offer(controller->storage->host.bus, &offer,
			 controller->name, &port_ops, port, &port->channel);
}

static int sub_channel_offer(struct controller *controller, u16 index)
{
	struct port *port = calloc(1, sizeof(*port));
	int code;

	if (!port)
		return -ENOMEM;
	port->controller = controller;
	port->index = index;
	pthread_mutex_lock(&controller->lock);
	port->next = controller->ports->next;
	controller->ports->next = port;
	pthread_mutex_unlock(&controller->lock);
	code = port_offer(port);
	if (code < 0)
		port_released(port, NULL);
	return code;
}

void controller_look(struct controller *controller)
{
	struct worker *worker =
		controller->ports ? controller->ports->worker : NULL;
	u32 status = STORAGE_NT_SUCCESS;

	if (!worker ||
	    !__atomic_load_n(&worker->wants_sub_channels, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&worker->wants_sub_channels, false, __ATOMIC_RELAXED);
	for (u16 i = 1; i <= worker->sub_channels; i++)
		if (sub_channel_offer(controller, i) < 0)
			status = STORAGE_NT_DEVICE_BUSY;
	worker->sub_status = status;
	channel_thread_call(&worker->thread, CALL_ANSWER);
}

int controller_offer(struct controller *controller, struct lis_error *error)
{
	struct port *port = controller->ports;

	if (port->channel)
		return 0;
	if (port_offer(port) < 0)
		return lis_error_set(error, ENOSPC,
				     "the bus has no room for one more "
				     "controller");
	return 0;
}

void controller_withdraw(struct controller *controller)
{
	if (!controller->ports->channel || controller->rescinding)
		return;
	controller->rescinding = true;
	bus_rescind(controller->ports->channel);
}

struct controller *controller_make(struct storage *storage, u32 number,
				   struct lis_error *error)
{
	struct controller *controller = calloc(1, sizeof(*controller));
	struct port *port = calloc(1, sizeof(*port));

	if (!controller || !port) {
		free(controller);
		free(port);
		lis_error_set(error, ENOMEM, "out of memory");
		return NULL;
	}
	controller->storage = storage;
	controller->number = number;
	controller->name = places[number].name;
	controller->ports = port;
	port->controller = controller;
	pthread_mutex_init(&controller->lock, NULL);
	vsp_begin(controller);
	return controller;
}

void controller_free(struct controller *controller)
{
	while (controller->ports) {
		struct port *port = controller->ports;

		controller->ports = port->next;
		free(port);
	}
	pthread_mutex_destroy(&controller->lock);
	free(controller);
}
