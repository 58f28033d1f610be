/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <string.h>

#include "tests/sim/bus.h"
#include "tests/sim/memory.h"

void sim_bus_init(struct sim_bus *bus, const struct sim_bus_config *config)
{
	struct vmbus_host_config host = {
		.channels = bus->host_channels,
		.channel_count = SIM_CHANNELS,
		.gpadls = bus->host_gpadls,
		.gpadl_count = SIM_GPADLS,
		.values = bus->host_values,
		.value_count = SIM_VALUES,
		.messages = bus->host_messages,
		.message_count = SIM_MESSAGES,
		.vp_count = SIM_VPS,
		.newest_version = config->host_newest,
	};
	struct vmbus_guest_config guest = {
		.channels = bus->guest_channels,
		.channel_count = SIM_CHANNELS,
		.gpadls = bus->guest_gpadls,
		.gpadl_count = SIM_GPADLS,
		.jobs = bus->guest_jobs,
		.job_count = SIM_JOBS,
		.target_vp = 1,
		.target_sint = VMBUS_MESSAGE_SINT,
		.newest_version = config->guest_newest,
		.first_gpadl = 0xe1e10,
	};

	memset(bus, 0, sizeof(*bus));
	bus->config = *config;
	bus->random = config->seed;
	if (vmbus_host_init(&bus->host, &host) ||
	    vmbus_guest_init(&bus->guest, &guest))
		sim_fail("an end refuses its configuration");
}

static bool post_finds_room(struct sim_bus *bus)
{
	return sim_random_below(&bus->random, 100) >= bus->config.busy_percent;
}

static void post_to_guest(struct sim_bus *bus,
			  const struct vmbus_host_action *action)
{
	if (action->send.size_bytes > sizeof(bus->slot))
		sim_fail("the host end sends %u bytes",
			 action->send.size_bytes);
	if (bus->slot_bytes || !post_finds_room(bus)) {
		bus->host_blocked = true;
		return;
	}
	memcpy(bus->slot, action->send.payload, action->send.size_bytes);
	bus->slot_bytes = action->send.size_bytes;
	bus->slot_vp = action->send.vp;
	bus->slot_sint = action->send.sint;
	vmbus_host_sent(&bus->host);
}

static void post_to_host(struct sim_bus *bus,
			 const struct vmbus_guest_action *action)
{
	enum vmbus_status status = VMBUS_AGAIN;
	struct vmbus_message_header header;

	/* A kernel empties its slots before it makes contact. */
	memcpy(&header, action->send.payload, sizeof(header));
	if (header.type == VMBUS_MESSAGE_CONTACT)
		bus->slot_bytes = 0;
	if (post_finds_room(bus))
		status = vmbus_host_receive(
			&bus->host, action->send.connection_id,
			action->send.payload, action->send.size_bytes);
	if (status == VMBUS_OK)
		vmbus_guest_sent(&bus->guest);
	else if (status == VMBUS_AGAIN)
		bus->guest_blocked = true;
	else
		vmbus_guest_send_refused(&bus->guest);
}

static bool move_host(struct sim_bus *bus)
{
	struct vmbus_host_action action;

	if (!vmbus_host_next(&bus->host, &action))
		return false;
	if (action.type == VMBUS_HOST_SEND)
		post_to_guest(bus, &action);
	else
		bus->config.on_host(bus->config.context, &action);
	return true;
}

static bool move_guest(struct sim_bus *bus)
{
	struct vmbus_guest_action action;

	if (!vmbus_guest_next(&bus->guest, &action))
		return false;
	if (action.type == VMBUS_GUEST_SEND)
		post_to_host(bus, &action);
	else
		bus->config.on_guest(bus->config.context, &action);
	return true;
}

static bool move_slot(struct sim_bus *bus)
{
	u8 message[sizeof(bus->slot)];
	enum vmbus_status status;
	u32 bytes = bus->slot_bytes;

	if (!bytes)
		return false;
	/* As a guest does: out of the slot first, so that it frees at once. */
	memcpy(message, bus->slot, bytes);
	status = vmbus_guest_receive(&bus->guest, message, bytes);
	if (status == VMBUS_AGAIN)
		return false;
	bus->slot_bytes = 0;
	return true;
}

static bool move_host_again(struct sim_bus *bus)
{
	if (!bus->host_blocked || bus->slot_bytes)
		return false;
	bus->host_blocked = false;
	vmbus_host_resend(&bus->host);
	return true;
}

static bool move_guest_again(struct sim_bus *bus)
{
	if (!bus->guest_blocked)
		return false;
	bus->guest_blocked = false;
	vmbus_guest_resend(&bus->guest);
	return true;
}

static bool move_other(struct sim_bus *bus)
{
	return bus->config.on_idle_choice &&
	       bus->config.on_idle_choice(bus->config.context);
}

static void bus_check(const struct sim_bus *bus)
{
	const char *wrong = sim_host_check(&bus->host);

	if (!wrong)
		wrong = sim_guest_check(&bus->guest);
	if (wrong)
		sim_fail("seed %llu, step %llu: %s",
			 (unsigned long long)bus->config.seed,
			 (unsigned long long)bus->steps, wrong);
}

bool sim_bus_step(struct sim_bus *bus)
{
	static bool (*const moves[])(struct sim_bus *) = {
		move_host,	 move_guest,	   move_slot,
		move_host_again, move_guest_again, move_other,
	};
	u32 count = PORT_ARRAY_SIZE(moves);
	u32 start = sim_random_below(&bus->random, count);
	u32 i;

	bus->steps++;
	for (i = 0; i < count; i++) {
		if (!moves[(start + i) % count](bus))
			continue;
		bus_check(bus);
		return true;
	}
	return false;
}

void sim_bus_run(struct sim_bus *bus)
{
	u64 limit = bus->steps + 1000000;

	while (sim_bus_step(bus))
		if (bus->steps > limit)
			sim_fail("seed %llu: the ends never come to rest",
				 (unsigned long long)bus->config.seed);
}

void sim_bus_guest_crash(struct sim_bus *bus)
{
	vmbus_guest_reset(&bus->guest);
	bus->guest_blocked = false;
	bus->slot_bytes = 0;
}

enum vmbus_status sim_bus_post(struct sim_bus *bus, const void *payload,
			       u32 size_bytes)
{
	return vmbus_host_receive(&bus->host, VMBUS_CONNECTION_ID_CONTACT_5,
				  payload, size_bytes);
}
