/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <string.h>

#include "tests/sim/actors_internal.h"
#include "vmbus/guest_internal.h"
#include "vmbus/host_internal.h"

u32 actors_below(struct actors *actors, u32 limit)
{
	return sim_random_below(&actors->random, limit);
}

void actors_must(const struct actors *actors, bool holds, const char *else_what)
{
	if (!holds)
		sim_fail("seed %llu, step %llu: %s",
			 (unsigned long long)actors->bus.config.seed,
			 (unsigned long long)actors->bus.steps, else_what);
}

void actors_ok(const struct actors *actors, enum vmbus_status status)
{
	actors_must(actors, status == VMBUS_OK, vmbus_status_text(status));
}

void actors_violation(struct actors *actors, const char *end,
		      enum vmbus_status reason)
{
	if (!actors->tolerant)
		sim_fail("seed %llu, step %llu: the %s end complains: %s",
			 (unsigned long long)actors->bus.config.seed,
			 (unsigned long long)actors->bus.steps, end,
			 vmbus_status_text(reason));
	actors->tolerated++;
}

static bool some_move(void *context)
{
	struct actors *actors = context;
	u32 tries;

	if (actors_below(actors, 2) && actors_guest_answer(actors))
		return true;
	for (tries = 0; actors->moves_left && tries < 20; tries++) {
		bool done = actors_below(actors, 3) ? actors_guest_move(actors)
						    : actors_host_move(actors);

		if (!done)
			continue;
		actors->moves_left--;
		return true;
	}
	return actors_guest_answer(actors) || actors_host_answer(actors);
}

void actors_init(struct actors *actors, const struct sim_bus_config *config,
		 u32 moves)
{
	struct sim_bus_config bus = *config;

	memset(actors, 0, sizeof(*actors));
	bus.on_host = actors_on_host;
	bus.on_guest = actors_on_guest;
	bus.on_idle_choice = some_move;
	bus.context = actors;
	actors->random = ~config->seed;
	actors->moves_left = moves;
	sim_bus_init(&actors->bus, &bus);
}

/* At rest nothing is under way at the guest. */
static void guest_at_rest(const struct actors *actors)
{
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++) {
		const struct actors_offer *offer = &actors->offers[i];

		actors_must(actors, !offer->used || !offer->opening,
			    "an open was never answered");
		actors_must(actors, !offer->used || !offer->modifying,
			    "a move was never answered");
		actors_must(actors, !offer->used || !offer->rescinded,
			    "a rescinded channel was never released");
	}
	for (i = 0; i < SIM_GPADLS; i++) {
		const struct actors_gpadl *gpadl = &actors->gpadls[i];

		actors_must(actors, !gpadl->used || gpadl->ready,
			    "the making of a GPADL was never answered");
		actors_must(actors, !gpadl->used || !gpadl->going,
			    "the end of a GPADL was never answered");
	}
}

/* At rest both ends believe the same of every channel. */
static void channels_agree(const struct actors *actors)
{
	const struct vmbus_host *host = &actors->bus.host;
	const struct vmbus_guest *guest = &actors->bus.guest;
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++) {
		const struct actors_channel *known = &actors->channels[i];
		const struct vmbus_host_channel *there;
		const struct vmbus_guest_channel *here;

		if (!known->used)
			continue;
		there = host_channel_at(host, known->relid);
		here = guest_channel_find(guest, known->relid);
		switch (there->state) {
		case HOST_CHANNEL_KNOWN:
		case HOST_CHANNEL_DECLINED:
			actors_must(actors, !here,
				    "the guest has a channel too many");
			break;
		case HOST_CHANNEL_OFFERED:
			actors_must(actors,
				    here && here->state ==
						    GUEST_CHANNEL_OFFERED,
				    "a channel is closed at one end only");
			break;
		case HOST_CHANNEL_OPEN:
			actors_must(actors,
				    here && here->state == GUEST_CHANNEL_OPEN &&
					    known->state == ACTORS_OPEN &&
					    known->target_vp == here->target_vp,
				    "a channel is open at one end only");
			break;
		default:
			actors_must(actors, false,
				    "a channel is on its way for ever");
		}
	}
}

void actors_run(struct actors *actors)
{
	sim_bus_run(&actors->bus);
	actors_must(actors, actors->guest_up, "the guest is not connected");
	guest_at_rest(actors);
	channels_agree(actors);
}

void actors_finish(struct actors *actors)
{
	u32 i;

	actors->bus.config.on_idle_choice = NULL;
	if (vmbus_guest_unload(&actors->bus.guest) == VMBUS_OK)
		actors->guest_leaving = true;
	sim_bus_run(&actors->bus);
	while (actors_host_answer(actors))
		sim_bus_run(&actors->bus);
	actors_must(actors, !actors->guest_up, "the host does not unload");
	for (i = 0; i < ACTORS_PAGES; i++)
		actors_must(actors, !actors->lent[i] && !actors->mapped[i],
			    "a page was lost");
	actors_must(actors, actors->bus.host.gpadl_first == HOST_NONE,
		    "a GPADL outlived the guest");
}
