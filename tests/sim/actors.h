/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * actors.h - two callers of the engines who do at random whatever is allowed.
 *
 * Here: offers and rescinds, GPADLs, opening and closing that takes its time,
 * moving, releasing, unloading, crashing, in any order that well-behaved ends
 * may choose; and the watch over what must hold at every moment: no violation,
 * no page back with the guest that the host maps, each open closed once. Not
 * here: misbehaviour (the fuzz targets), rings (pair.h).
 */
#ifndef TESTS_SIM_ACTORS_H
#define TESTS_SIM_ACTORS_H

#include "tests/sim/bus.h"

#define ACTORS_PAGES	   4096
#define ACTORS_GPADL_PAGES 90 /* a header and three bodies */
#define ACTORS_DEVICES	   6
#define ACTORS_HOLDS	   4

enum actors_host_state {
	ACTORS_CLOSED,
	ACTORS_OPENING,
	ACTORS_OPEN,
	ACTORS_CLOSING,
};

struct actors_hold {
	u32 gpadl;
	u32 page_count;
	u64 pfns[ACTORS_GPADL_PAGES];
};

/* What the host's caller knows of a channel. */
struct actors_channel {
	bool used;
	bool rescinded;
	u32 relid;
	struct vmbus_offer offer;
	enum actors_host_state state;
	struct actors_hold ring;
	struct actors_hold holds[ACTORS_HOLDS];
	u32 hold_count;
	u32 target_vp;
};

/* What the guest's caller knows of a channel and of a GPADL. */
struct actors_offer {
	bool used;
	bool rescinded;
	bool opening;
	bool open;
	bool modifying;
	bool closed; /* and its ring's GPADL is not gone yet */
	u32 relid;
	u32 ring;
	u32 target_vp;
};

struct actors_gpadl {
	bool used;
	bool ready;
	bool going;
	u32 relid;
	u32 id;
	u32 page_count;
	u64 pfns[ACTORS_GPADL_PAGES];
};

struct actors {
	struct sim_bus bus;
	u64 random;
	u32 moves_left;
	struct actors_channel channels[SIM_CHANNELS];
	struct actors_offer offers[SIM_CHANNELS];
	struct actors_gpadl gpadls[SIM_GPADLS];
	u8 lent[ACTORS_PAGES];	  /* by the guest that runs */
	u16 mapped[ACTORS_PAGES]; /* by the host's caller */
	bool guest_up;
	bool guest_leaving;
	bool offers_asked;
	u64 opens; /* seen by the guest: how deep a run went */
	u64 connections;
	u64 tolerated; /* violations that the test provoked itself */
	bool tolerant;
};

/*
 * Both ends fresh. @moves: how often the callers do something of their own.
 */
void actors_init(struct actors *actors, const struct sim_bus_config *config,
		 u32 moves);

/*
 * Runs until the moves are used up and both ends are at rest, then compares
 * what the two ends believe. Any contradiction ends the program.
 */
void actors_run(struct actors *actors);

/* The guest unloads if it is connected, everything must be gone. */
void actors_finish(struct actors *actors);

#endif
