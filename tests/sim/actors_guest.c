/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <string.h>

#include "tests/sim/actors_internal.h"

static struct vmbus_guest *guest_of(struct actors *actors)
{
	return &actors->bus.guest;
}

static struct actors_offer *offer_of(struct actors *actors, u32 relid)
{
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++)
		if (actors->offers[i].used && actors->offers[i].relid == relid)
			return &actors->offers[i];
	return NULL;
}

static struct actors_gpadl *gpadl_of(struct actors *actors, u32 id)
{
	u32 i;

	for (i = 0; i < SIM_GPADLS; i++)
		if (actors->gpadls[i].used && actors->gpadls[i].id == id)
			return &actors->gpadls[i];
	return NULL;
}

static void pages_unmapped(struct actors *actors,
			   const struct actors_gpadl *gpadl)
{
	u32 i;

	for (i = 0; i < gpadl->page_count; i++)
		actors_must(actors, !actors->mapped[gpadl->pfns[i]],
			    "a page is the guest's again, the host maps it");
}

static void gpadl_end(struct actors *actors, struct actors_gpadl *gpadl)
{
	struct actors_offer *offer = offer_of(actors, gpadl->relid);
	u32 i;

	pages_unmapped(actors, gpadl);
	for (i = 0; i < gpadl->page_count; i++)
		actors->lent[gpadl->pfns[i]] = 0;
	gpadl->used = false;
	if (offer && offer->closed && offer->ring == gpadl->id)
		offer->closed = false;
}

static void rescinded(struct actors *actors, struct actors_offer *offer)
{
	u32 i;

	offer->rescinded = true;
	for (i = 0; i < SIM_GPADLS; i++)
		if (actors->gpadls[i].used &&
		    actors->gpadls[i].relid == offer->relid)
			pages_unmapped(actors, &actors->gpadls[i]);
}

/* No page of the guest that was is with the host any more. */
static void forget(struct actors *actors)
{
	memset(actors->offers, 0, sizeof(actors->offers));
	memset(actors->gpadls, 0, sizeof(actors->gpadls));
	actors->guest_up = false;
	actors->guest_leaving = false;
	actors->offers_asked = false;
}

static void all_unmapped(struct actors *actors)
{
	u32 i;

	for (i = 0; i < ACTORS_PAGES; i++)
		actors_must(actors, !actors->mapped[i],
			    "the host maps memory of an earlier guest");
	memset(actors->lent, 0, sizeof(actors->lent));
}

void actors_guest_crash(struct actors *actors)
{
	sim_bus_guest_crash(&actors->bus);
	forget(actors);
}

static void offered(struct actors *actors,
		    const struct vmbus_guest_action *action)
{
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++) {
		struct actors_offer *offer = &actors->offers[i];

		if (offer->used)
			continue;
		memset(offer, 0, sizeof(*offer));
		offer->used = true;
		offer->relid = action->relid;
		return;
	}
	actors_must(actors, false, "more is offered than there is");
}

static void ready(struct actors *actors, u32 id, u32 status)
{
	struct actors_gpadl *gpadl = gpadl_of(actors, id);

	actors_must(actors, gpadl && !gpadl->ready && !gpadl->going,
		    "a GPADL is ready that was not being made");
	gpadl->ready = !status;
	if (status)
		gpadl_end(actors, gpadl);
}

static void gone(struct actors *actors, u32 id)
{
	struct actors_gpadl *gpadl = gpadl_of(actors, id);

	actors_must(actors, gpadl && gpadl->going,
		    "a GPADL is gone that was not asked back");
	gpadl_end(actors, gpadl);
}

void actors_on_guest(void *context, const struct vmbus_guest_action *action)
{
	struct actors *actors = context;
	struct actors_offer *offer = offer_of(actors, action->relid);

	switch (action->type) {
	case VMBUS_GUEST_CONNECTED:
		all_unmapped(actors);
		actors->guest_up = true;
		actors->connections++;
		break;
	case VMBUS_GUEST_REFUSED:
		actors_must(actors, false, "the host refuses every version");
		break;
	case VMBUS_GUEST_OFFERED:
		offered(actors, action);
		break;
	case VMBUS_GUEST_RESCINDED:
		rescinded(actors, offer);
		break;
	case VMBUS_GUEST_GPADL_READY:
		ready(actors, action->gpadl.id, action->gpadl.status);
		break;
	case VMBUS_GUEST_GPADL_GONE:
		gone(actors, action->gpadl.id);
		break;
	case VMBUS_GUEST_OPENED:
		actors_must(actors, offer->opening,
			    "a channel opened that was not being opened");
		offer->opening = false;
		offer->open = !action->status;
		actors->opens += offer->open;
		break;
	case VMBUS_GUEST_MODIFIED:
		actors_must(actors, offer->modifying,
			    "a channel moved that was not being moved");
		offer->modifying = false;
		break;
	case VMBUS_GUEST_UNLOADED:
		all_unmapped(actors);
		forget(actors);
		break;
	case VMBUS_GUEST_VIOLATION:
		actors_violation(actors, "guest", action->violation.reason);
		break;
	default:
		break;
	}
}

/* ---- moves ---- */

static struct actors_offer *some_offer(struct actors *actors)
{
	u32 start = actors_below(actors, SIM_CHANNELS);
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++) {
		struct actors_offer *offer =
			&actors->offers[(start + i) % SIM_CHANNELS];

		if (offer->used)
			return offer;
	}
	return NULL;
}

static bool pages_take(struct actors *actors, struct actors_gpadl *gpadl)
{
	u32 at = actors_below(actors, ACTORS_PAGES), i, taken = 0;

	for (i = 0; i < ACTORS_PAGES && taken < gpadl->page_count; i++) {
		u32 page = (at + i * 7) % ACTORS_PAGES;

		if (!actors->lent[page])
			gpadl->pfns[taken++] = page;
	}
	if (taken < gpadl->page_count)
		return false;
	for (i = 0; i < taken; i++)
		actors->lent[gpadl->pfns[i]] = 1;
	return true;
}

static bool move_lend(struct actors *actors)
{
	struct actors_offer *offer = some_offer(actors);
	struct actors_gpadl *gpadl = NULL;
	enum vmbus_status status;
	u32 i;

	for (i = 0; i < SIM_GPADLS && !gpadl; i++)
		if (!actors->gpadls[i].used)
			gpadl = &actors->gpadls[i];
	if (!offer || offer->rescinded || !gpadl)
		return false;
	memset(gpadl, 0, sizeof(*gpadl));
	gpadl->page_count = 4 + actors_below(actors, ACTORS_GPADL_PAGES - 4);
	gpadl->relid = offer->relid;
	if (!pages_take(actors, gpadl))
		return false;
	gpadl->used = true;
	status = vmbus_guest_gpadl_create(guest_of(actors), offer->relid, 0,
					  gpadl->page_count * VMBUS_PAGE_BYTES,
					  gpadl->pfns, &gpadl->id);
	/* The rescind may be known to the engine and not yet told. */
	if (status)
		gpadl_end(actors, gpadl);
	return !status;
}

static bool move_teardown(struct actors *actors)
{
	struct actors_gpadl *gpadl =
		&actors->gpadls[actors_below(actors, SIM_GPADLS)];

	if (!gpadl->used || !gpadl->ready || gpadl->going ||
	    vmbus_guest_gpadl_teardown(guest_of(actors), gpadl->relid,
				       gpadl->id))
		return false;
	gpadl->going = true;
	return true;
}

static bool move_open(struct actors *actors)
{
	struct actors_gpadl *gpadl =
		&actors->gpadls[actors_below(actors, SIM_GPADLS)];
	struct actors_offer *offer = offer_of(actors, gpadl->relid);

	if (!gpadl->used || !gpadl->ready || gpadl->going || !offer ||
	    offer->opening || offer->open || offer->closed)
		return false;
	if (vmbus_guest_open(guest_of(actors), offer->relid, gpadl->id,
			     gpadl->page_count / 2,
			     actors_below(actors, SIM_VPS), NULL))
		return false;
	offer->opening = true;
	offer->ring = gpadl->id;
	return true;
}

static bool offer_close(struct actors *actors, struct actors_offer *offer)
{
	if (!offer->open || vmbus_guest_close(guest_of(actors), offer->relid))
		return false;
	offer->open = false;
	offer->closed = true;
	return true;
}

static bool move_close(struct actors *actors)
{
	struct actors_offer *offer = some_offer(actors);

	return offer && offer_close(actors, offer);
}

static bool move_modify(struct actors *actors)
{
	struct actors_offer *offer = some_offer(actors);
	u32 vp = actors_below(actors, SIM_VPS);

	if (!offer || offer->modifying ||
	    vmbus_guest_modify(guest_of(actors), offer->relid, vp))
		return false;
	offer->modifying = true;
	offer->target_vp = vp;
	return true;
}

/* What is left of a channel's memory goes with it; it is not used again. */
static bool offer_release(struct actors *actors, struct actors_offer *offer)
{
	u32 i;

	if (offer->opening || offer->open ||
	    vmbus_guest_release(guest_of(actors), offer->relid))
		return false;
	for (i = 0; i < SIM_GPADLS; i++) {
		struct actors_gpadl *gpadl = &actors->gpadls[i];

		if (!gpadl->used || gpadl->relid != offer->relid)
			continue;
		if (offer->rescinded)
			gpadl_end(actors, gpadl);
		gpadl->used = false;
	}
	offer->used = false;
	return true;
}

static bool move_release(struct actors *actors)
{
	struct actors_offer *offer = some_offer(actors);

	if (!offer || (!offer->rescinded && actors_below(actors, 40)))
		return false;
	return offer_release(actors, offer);
}

static bool move_connection(struct actors *actors)
{
	static const struct guid some = { { 1 } };
	u32 what = actors_below(actors, 1000);

	if (actors->guest_up && what == 0) {
		if (vmbus_guest_unload(guest_of(actors)))
			return false;
		actors->guest_leaving = true;
		return true;
	}
	if (what == 1) {
		actors_guest_crash(actors);
		return true;
	}
	if (what < 40)
		return !vmbus_guest_socket_connect(guest_of(actors), &some,
						   &some);
	return false;
}

bool actors_guest_move(struct actors *actors)
{
	static bool (*const moves[])(struct actors *) = {
		move_lend,  move_lend,	  move_open,	   move_open,
		move_open,  move_open,	  move_teardown,   move_close,
		move_close, move_release, move_connection, move_modify,
	};

	return moves[actors_below(actors, PORT_ARRAY_SIZE(moves))](actors);
}

/* What a well-behaved guest does without being asked. */
bool actors_guest_answer(struct actors *actors)
{
	u32 i;

	if (vmbus_guest_connect(guest_of(actors)) == VMBUS_OK)
		return true;
	if (actors->guest_up && !actors->offers_asked) {
		actors->offers_asked =
			!vmbus_guest_request_offers(guest_of(actors));
		return actors->offers_asked;
	}
	for (i = 0; i < SIM_CHANNELS; i++) {
		struct actors_offer *offer = &actors->offers[i];

		if (!offer->used || !offer->rescinded || actors->guest_leaving)
			continue;
		if (offer_close(actors, offer) || offer_release(actors, offer))
			return true;
	}
	return false;
}
