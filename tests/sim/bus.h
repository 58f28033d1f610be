/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * bus.h - both engines of the bus in one process, and the wire between them.
 *
 * Here: a message slot towards the guest, hypercalls towards the host, and a
 * scheduler that a seed decides: which end runs next, and which post finds its
 * slot busy. Not here: memory, rings, what a caller does with the actions
 * (pair.h, or the test's own hooks).
 */
#ifndef TESTS_SIM_BUS_H
#define TESTS_SIM_BUS_H

#include "vmbus/guest.h"
#include "vmbus/host.h"

#define SIM_CHANNELS 24
#define SIM_GPADLS   24
#define SIM_VALUES   4096
#define SIM_MESSAGES 3
#define SIM_JOBS     32
#define SIM_VPS	     4

struct sim_bus_config {
	u64 seed;
	u32 host_newest;  /* version; 0: all */
	u32 guest_newest; /* version; 0: all */
	u32 busy_percent; /* of posts that find no room although there is */
	/* What each end is told, in order; SEND is the bus's own. */
	void (*on_host)(void *context, const struct vmbus_host_action *action);
	void (*on_guest)(void *context,
			 const struct vmbus_guest_action *action);
	/* Something else to do now and then; false: nothing. May be NULL. */
	bool (*on_idle_choice)(void *context);
	void *context;
};

struct sim_bus {
	struct sim_bus_config config;
	struct vmbus_host host;
	struct vmbus_guest guest;
	u64 random;
	u64 steps;
	bool guest_blocked; /* the host had no room for its message */
	bool host_blocked;  /* the slot was full */
	u32 slot_bytes;	    /* 0: empty */
	u8 slot[VMBUS_SYNIC_PAYLOAD_MAX];
	u32 slot_vp;
	u32 slot_sint;

	struct vmbus_host_channel host_channels[SIM_CHANNELS];
	struct vmbus_host_gpadl host_gpadls[SIM_GPADLS];
	u64 host_values[SIM_VALUES];
	struct vmbus_host_message host_messages[SIM_MESSAGES];
	struct vmbus_guest_channel guest_channels[SIM_CHANNELS];
	struct vmbus_guest_gpadl guest_gpadls[SIM_GPADLS];
	struct vmbus_guest_job guest_jobs[SIM_JOBS];
};

/* Both ends fresh, unconnected, nothing offered. */
void sim_bus_init(struct sim_bus *bus, const struct sim_bus_config *config);

/* One move of one end, chosen by the seed; false: neither can move. */
bool sim_bus_step(struct sim_bus *bus);

/* Moves until neither end can. Ends the program when that does not come. */
void sim_bus_run(struct sim_bus *bus);

/* The guest's kernel dies and another starts: no message of the old is left. */
void sim_bus_guest_crash(struct sim_bus *bus);

/* Hands the host end a message as though the guest had posted it. */
enum vmbus_status sim_bus_post(struct sim_bus *bus, const void *payload,
			       u32 size_bytes);

/* What contradicts itself inside the host end, or NULL. */
const char *sim_host_check(const struct vmbus_host *host);

/* What contradicts itself inside the guest end, or NULL. */
const char *sim_guest_check(const struct vmbus_guest *guest);

#endif
