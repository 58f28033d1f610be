/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/bus/bus_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tell(struct bus *bus, enum bus_event event, const char *name,
		 u32 relid, const char *text)
{
	bus->watcher.event(bus->watcher.context, event, name, relid, text);
}

/* ---- messages ---- */

u16 bus_post_message(struct bus *bus, u32 connection_id, u32 message_type,
		     const void *payload, u32 size_bytes)
{
	struct bus_inbox *inbox = &bus->inbox;
	struct bus_message *slot;
	u16 status = MACHINE_HV_SUCCESS;

	if (connection_id != VMBUS_CONNECTION_ID_CONTACT &&
	    connection_id != VMBUS_CONNECTION_ID_CONTACT_5)
		return MACHINE_HV_INVALID_CONNECTION_ID;
	if (message_type != VMBUS_SYNIC_MESSAGE_TYPE ||
	    size_bytes > VMBUS_SYNIC_PAYLOAD_MAX)
		return MACHINE_HV_INVALID_PARAMETER;
	pthread_mutex_lock(&inbox->lock);
	if (inbox->count == BUS_INBOX) {
		/* The guest tries again later: the pressure is its own. */
		status = MACHINE_HV_INSUFFICIENT_BUFFERS;
	} else {
		slot = &inbox->slots[(inbox->first + inbox->count) % BUS_INBOX];
		slot->connection_id = connection_id;
		slot->size_bytes = size_bytes;
		memcpy(slot->payload, payload, size_bytes);
		inbox->count++;
	}
	pthread_mutex_unlock(&inbox->lock);
	uv_async_send(&bus->wake);
	return status;
}

static bool inbox_peek(struct bus *bus, struct bus_message *message)
{
	struct bus_inbox *inbox = &bus->inbox;
	bool any;

	pthread_mutex_lock(&inbox->lock);
	any = inbox->count != 0;
	if (any)
		*message = inbox->slots[inbox->first];
	pthread_mutex_unlock(&inbox->lock);
	return any;
}

static void inbox_drop(struct bus *bus)
{
	struct bus_inbox *inbox = &bus->inbox;

	pthread_mutex_lock(&inbox->lock);
	inbox->first = (inbox->first + 1) % BUS_INBOX;
	inbox->count--;
	pthread_mutex_unlock(&inbox->lock);
}

/* Hand one message to the engine; false: none, or it takes none now. */
static bool inbox_feed(struct bus *bus)
{
	struct bus_message message;

	if (!inbox_peek(bus, &message) ||
	    vmbus_host_receive(&bus->engine, message.connection_id,
			       message.payload,
			       message.size_bytes) == VMBUS_AGAIN)
		return false;
	inbox_drop(bus);
	bus->counters.messages_in++;
	if (bus->trace_messages)
		bus->watcher.message(bus->watcher.context, BUS_TO_HOST, 0,
				     message.payload, message.size_bytes);
	return true;
}

static void message_send(struct bus *bus,
			 const struct vmbus_host_action *action)
{
	int code = -ENXIO;

	if (bus->machine)
		code = machine_post(bus->machine, action->send.vp,
				    action->send.sint, VMBUS_SYNIC_MESSAGE_TYPE,
				    action->send.payload,
				    action->send.size_bytes);
	bus->slot_busy = code == -EAGAIN;
	if (bus->slot_busy)
		return;
	if (code == 0) {
		bus->counters.messages_out++;
		if (bus->trace_messages)
			bus->watcher.message(bus->watcher.context, BUS_TO_GUEST,
					     action->send.vp,
					     action->send.payload,
					     action->send.size_bytes);
	}
	/* A guest that switched its SynIC off does not want the message. */
	vmbus_host_sent(&bus->engine);
}

/* ---- the engine's actions ---- */

static void guest_connected(struct bus *bus,
			    const struct vmbus_host_action *action)
{
	char text[80];

	bus->message_sint = action->connected.target_sint;
	bus->monitor_gpa = action->connected.monitor_to_host_gpa;
	/* One without it is not interrupted, as it asked. */
	if (action->connected.version < VMBUS_VERSION_2_4 && bus->machine)
		bus_page_open(bus, action->connected.interrupt_page_gpa);
	snprintf(text, sizeof(text),
		 "the guest connected at VMBus version "
		 "%u.%u",
		 VMBUS_VERSION_MAJOR(action->connected.version),
		 VMBUS_VERSION_MINOR(action->connected.version));
	tell(bus, BUS_CONTACT, NULL, 0, text);
}

/* A guest that goes on and on must not push all else out of the log. */
static bool worth_telling(u64 total)
{
	return total <= BUS_VIOLATIONS_TOLD || !(total & (total - 1));
}

static void guest_violated(struct bus *bus,
			   const struct vmbus_host_action *action)
{
	const struct bus_channel *channel = action->context;
	char text[256];

	if (!worth_telling(action->violation.total))
		return;
	snprintf(text, sizeof(text),
		 "a message of the guest (type %u) was ignored: %s "
		 "(%llu of its messages were, so far)",
		 action->violation.message_type,
		 vmbus_status_text(action->violation.reason),
		 (unsigned long long)action->violation.total);
	tell(bus, BUS_VIOLATION, channel ? channel->name : NULL, action->relid,
	     text);
}

static void act(struct bus *bus, const struct vmbus_host_action *action)
{
	struct bus_channel *channel = action->context;

	switch (action->type) {
	case VMBUS_HOST_SEND:
		message_send(bus, action);
		break;
	case VMBUS_HOST_OPEN:
		bus_channel_start(channel, action);
		break;
	case VMBUS_HOST_CLOSE:
		bus_channel_stop(channel);
		break;
	case VMBUS_HOST_RELEASED:
		bus_channel_forget(channel);
		break;
	case VMBUS_HOST_TARGET_VP:
		__atomic_store_n(&channel->target_vp, action->target_vp,
				 __ATOMIC_RELAXED);
		break;
	case VMBUS_HOST_GPADL_TEARDOWN:
		bus_gpadl_teardown(bus, channel, action->relid, action->gpadl);
		break;
	case VMBUS_HOST_CONNECTED:
		guest_connected(bus, action);
		break;
	case VMBUS_HOST_DISCONNECTED:
		bus_page_close(bus);
		tell(bus, BUS_DISCONNECTED, NULL, 0,
		     "the guest disconnected from the bus");
		break;
	case VMBUS_HOST_SOCKET_CONNECT:
		vmbus_host_socket_result(&bus->engine, &action->socket.endpoint,
					 &action->socket.service,
					 VMBUS_RESULT_REFUSED);
		break;
	case VMBUS_HOST_VIOLATION:
		guest_violated(bus, action);
		break;
	}
}

void bus_pump(struct bus *bus)
{
	struct vmbus_host_action action;
	unsigned int left = BUS_INBOX;

	bus->pump_again = true;
	if (bus->pumping)
		return;
	bus->pumping = true;
	while (bus->pump_again) {
		bus->pump_again = false;
		while (vmbus_host_next(&bus->engine, &action))
			act(bus, &action);
		if (!left)
			/* All others on the loop have their turn first. */
			uv_async_send(&bus->wake);
		else if (inbox_feed(bus))
			bus->pump_again = true;
		left -= left != 0;
	}
	bus->pumping = false;
}

static void woken(uv_async_t *async)
{
	struct bus *bus = async->data;

	bus_pump(bus);
	bus_channels_settle(bus);
	bus_traces_show(bus);
}

static void slot_freed(uv_poll_t *poll, int status, int events)
{
	struct bus *bus = poll->data;
	u64 count;

	(void)events;
	if (status < 0 ||
	    read(machine_slot_eventfd(bus->machine), &count, sizeof(count)) < 0)
		return;
	if (!bus->slot_busy) {
		if (++bus->idle_notices < BUS_IDLE_NOTICES)
			return;
		machine_slots_quiet(bus->machine);
	}
	bus->idle_notices = 0;
	vmbus_host_resend(&bus->engine);
	bus_pump(bus);
}

/* ---- life ---- */

static bool tables_make(struct bus *bus)
{
	bus->channel_table = calloc(BUS_CHANNELS, sizeof(*bus->channel_table));
	bus->gpadl_table = calloc(BUS_GPADLS, sizeof(*bus->gpadl_table));
	bus->value_table = calloc(BUS_GPADL_VALUES, sizeof(*bus->value_table));
	bus->message_table = calloc(BUS_MESSAGES, sizeof(*bus->message_table));
	return bus->channel_table && bus->gpadl_table && bus->value_table &&
	       bus->message_table;
}

static int engine_init(struct bus *bus, u32 vp_count, struct lis_error *error)
{
	struct vmbus_host_config config = {
		.channels = bus->channel_table,
		.channel_count = BUS_CHANNELS,
		.gpadls = bus->gpadl_table,
		.gpadl_count = BUS_GPADLS,
		.values = bus->value_table,
		.value_count = BUS_GPADL_VALUES,
		.messages = bus->message_table,
		.message_count = BUS_MESSAGES,
		.vp_count = vp_count,
	};

	if (vmbus_host_init(&bus->engine, &config) == VMBUS_OK)
		return 0;
	return lis_error_set(error, EINVAL, "the bus refused its settings");
}

int bus_create(struct bus **result, uv_loop_t *loop, u32 vp_count,
	       const struct bus_watcher *watcher, struct lis_error *error)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	int code;

	if (!bus)
		return lis_error_set(error, ENOMEM, "no memory for the bus");
	pthread_mutex_init(&bus->inbox.lock, NULL);
	bus_traces_init(&bus->traces);
	if (!tables_make(bus))
		code = lis_error_set(error, ENOMEM, "no memory for the bus");
	else
		code = engine_init(bus, vp_count, error);
	if (code < 0) {
		bus_destroy(bus);
		return code;
	}
	bus->loop = loop;
	bus->watcher = *watcher;
	bus->message_sint = VMBUS_MESSAGE_SINT;
	uv_async_init(loop, &bus->wake, woken);
	bus->wake.data = bus;
	*result = bus;
	return 0;
}

static void inbox_clear(struct bus *bus)
{
	pthread_mutex_lock(&bus->inbox.lock);
	bus->inbox.count = 0;
	pthread_mutex_unlock(&bus->inbox.lock);
}

int bus_attach(struct bus *bus, struct machine *machine,
	       struct lis_error *error)
{
	uv_poll_t *poll = malloc(sizeof(*poll));
	int code;

	if (!poll)
		return lis_error_set(error, ENOMEM, "no memory for the bus");
	code = uv_poll_init(bus->loop, poll, machine_slot_eventfd(machine));
	if (code < 0) {
		free(poll);
		return lis_error_set(error, -code,
				     "cannot wait for message slots: %s",
				     uv_strerror(code));
	}
	/* A vCPU of the machine before may have been in the midst of posting.
	 */
	inbox_clear(bus);
	poll->data = bus;
	uv_poll_start(poll, UV_READABLE, slot_freed);
	bus->slot_poll = poll;
	bus->machine = machine;
	return 0;
}

static void poll_free(uv_handle_t *handle)
{
	free(handle);
}

void bus_detach(struct bus *bus)
{
	if (!bus->machine)
		return;
	inbox_clear(bus);
	vmbus_host_reset(&bus->engine);
	bus_pump(bus);
	uv_close((uv_handle_t *)bus->slot_poll, poll_free);
	bus->slot_poll = NULL;
	bus->machine = NULL;
}

void bus_close(struct bus *bus)
{
	uv_close((uv_handle_t *)&bus->wake, NULL);
}

void bus_destroy(struct bus *bus)
{
	while (bus->channels) {
		struct bus_channel *channel = bus->channels;

		bus->channels = channel->next;
		free(channel);
	}
	free(bus->channel_table);
	free(bus->gpadl_table);
	free(bus->value_table);
	free(bus->message_table);
	pthread_mutex_destroy(&bus->inbox.lock);
	bus_traces_release(&bus->traces);
	free(bus);
}

u32 bus_version(const struct bus *bus)
{
	return vmbus_host_version(&bus->engine);
}

const struct bus_counters *bus_counters(const struct bus *bus)
{
	return &bus->counters;
}
