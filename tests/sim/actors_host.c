/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <string.h>

#include "tests/sim/actors_internal.h"

static struct vmbus_host *host_of(struct actors *actors)
{
	return &actors->bus.host;
}

static void hold_map(struct actors *actors, const struct actors_hold *hold)
{
	u32 i;

	for (i = 0; i < hold->page_count; i++)
		actors->mapped[hold->pfns[i]]++;
}

static void hold_unmap(struct actors *actors, const struct actors_hold *hold)
{
	u32 i;

	for (i = 0; i < hold->page_count; i++)
		actors->mapped[hold->pfns[i]]--;
}

static void hold_fill(struct actors *actors, struct actors_hold *hold,
		      const u64 *pfns, u32 count)
{
	u32 i;

	actors_must(actors, count <= ACTORS_GPADL_PAGES,
		    "a GPADL grew on its way");
	memcpy(hold->pfns, pfns, count * sizeof(*pfns));
	hold->page_count = count;
	for (i = 0; i < count; i++)
		actors_must(actors,
			    pfns[i] < ACTORS_PAGES && (actors->lent[pfns[i]] ||
						       !actors->guest_up),
			    "the host is shown a page that was not lent");
}

static void holds_unmap(struct actors *actors, struct actors_channel *channel)
{
	while (channel->hold_count)
		hold_unmap(actors, &channel->holds[--channel->hold_count]);
}

static void open_answer(struct actors *actors, struct actors_channel *channel)
{
	bool good = actors_below(actors, 8) != 0;

	channel->state = good ? ACTORS_OPEN : ACTORS_CLOSED;
	if (good)
		hold_map(actors, &channel->ring);
	else
		holds_unmap(actors, channel);
	actors_ok(actors,
		  vmbus_host_open_done(host_of(actors), channel->relid,
				       good ? VMBUS_RESULT_SUCCESS
					    : VMBUS_RESULT_NO_RESOURCES));
}

static void close_answer(struct actors *actors, struct actors_channel *channel)
{
	hold_unmap(actors, &channel->ring);
	holds_unmap(actors, channel);
	channel->state = ACTORS_CLOSED;
	actors_ok(actors,
		  vmbus_host_close_done(host_of(actors), channel->relid));
}

static void hold_drop(struct actors *actors, struct actors_channel *channel,
		      u32 gpadl)
{
	u32 i, kept = 0;

	for (i = 0; i < channel->hold_count; i++) {
		struct actors_hold *hold = &channel->holds[i];

		if (hold->gpadl != gpadl) {
			channel->holds[kept++] = *hold;
			continue;
		}
		hold_unmap(actors, hold);
		actors_ok(actors, vmbus_host_gpadl_drop(host_of(actors),
							channel->relid, gpadl));
	}
	channel->hold_count = kept;
}

static void disconnected(struct actors *actors)
{
	u32 i;

	for (i = 0; i < ACTORS_PAGES; i++)
		actors_must(actors, !actors->mapped[i],
			    "the host maps a page of a guest that is gone");
	for (i = 0; i < SIM_CHANNELS; i++)
		actors_must(actors,
			    !actors->channels[i].used ||
				    actors->channels[i].state == ACTORS_CLOSED,
			    "a channel is open without a guest");
}

static void opened(struct actors *actors, struct actors_channel *channel,
		   const struct vmbus_host_action *action)
{
	actors_must(actors, channel->state == ACTORS_CLOSED,
		    "an open channel is to be opened");
	hold_fill(actors, &channel->ring, action->open.pfns,
		  action->open.pfn_count);
	channel->state = ACTORS_OPENING;
	channel->target_vp = action->open.target_vp;
	if (actors_below(actors, 2))
		open_answer(actors, channel);
}

static void closed(struct actors *actors, struct actors_channel *channel)
{
	actors_must(actors, channel->state == ACTORS_OPEN,
		    "a channel that is not open is to be closed");
	channel->state = ACTORS_CLOSING;
	if (actors_below(actors, 2))
		close_answer(actors, channel);
}

void actors_on_host(void *context, const struct vmbus_host_action *action)
{
	struct actors_channel *channel = action->context;
	struct actors *actors = context;

	if (action->type != VMBUS_HOST_VIOLATION && channel)
		actors_must(actors,
			    channel->used && channel->relid == action->relid,
			    "an action names a channel that is no more");
	switch (action->type) {
	case VMBUS_HOST_OPEN:
		opened(actors, channel, action);
		break;
	case VMBUS_HOST_CLOSE:
		closed(actors, channel);
		break;
	case VMBUS_HOST_TARGET_VP:
		actors_must(actors, channel->state == ACTORS_OPEN,
			    "a channel that is not open is moved");
		channel->target_vp = action->target_vp;
		break;
	case VMBUS_HOST_RELEASED:
		actors_must(actors, channel->state == ACTORS_CLOSED,
			    "an open channel is released");
		channel->used = false;
		break;
	case VMBUS_HOST_GPADL_TEARDOWN:
		hold_drop(actors, channel, action->gpadl);
		break;
	case VMBUS_HOST_DISCONNECTED:
		disconnected(actors);
		break;
	case VMBUS_HOST_VIOLATION:
		actors_violation(actors, "host", action->violation.reason);
		break;
	case VMBUS_HOST_SOCKET_CONNECT:
		vmbus_host_socket_result(
			host_of(actors), &action->socket.endpoint,
			&action->socket.service, VMBUS_RESULT_REFUSED);
		break;
	default:
		break;
	}
}

/* ---- moves ---- */

static struct actors_channel *some_channel(struct actors *actors)
{
	u32 start = actors_below(actors, SIM_CHANNELS);
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++) {
		struct actors_channel *channel =
			&actors->channels[(start + i) % SIM_CHANNELS];

		if (channel->used)
			return channel;
	}
	return NULL;
}

static bool move_offer(struct actors *actors)
{
	u8 number = (u8)actors_below(actors, ACTORS_DEVICES);
	u16 sub = (u16)(actors_below(actors, 3) ? 0
						: 1 + actors_below(actors, 3));
	struct actors_channel *channel = NULL;
	enum vmbus_status status;
	u32 i;

	for (i = 0; i < SIM_CHANNELS && !channel; i++)
		if (!actors->channels[i].used)
			channel = &actors->channels[i];
	if (!channel)
		return false;
	memset(channel, 0, sizeof(*channel));
	channel->offer.type.bytes[0] = number;
	channel->offer.instance.bytes[1] = number;
	channel->offer.subchannel_index = sub;
	channel->offer.monitored = actors_below(actors, 2);
	channel->offer.minimum_version =
		actors_below(actors, 8) ? 0 : VMBUS_VERSION_4_0;
	channel->offer.context = channel;
	/* Refused when it is offered already, or a primary is closed. */
	status = vmbus_host_offer(host_of(actors), &channel->offer,
				  &channel->relid);
	channel->used = status == VMBUS_OK;
	return channel->used;
}

static bool move_rescind(struct actors *actors)
{
	struct actors_channel *channel = some_channel(actors);

	if (!channel || actors_below(actors, 12))
		return false;
	return vmbus_host_rescind(host_of(actors), channel->relid) == VMBUS_OK;
}

static bool move_hold(struct actors *actors)
{
	struct actors_gpadl *gpadl =
		&actors->gpadls[actors_below(actors, SIM_GPADLS)];
	struct vmbus_host_gpadl_view view;
	struct actors_channel *channel = NULL;
	struct actors_hold *hold;
	u32 i;

	for (i = 0; i < SIM_CHANNELS && gpadl->used && !channel; i++)
		if (actors->channels[i].used &&
		    actors->channels[i].relid == gpadl->relid)
			channel = &actors->channels[i];
	if (!channel || channel->hold_count == ACTORS_HOLDS ||
	    vmbus_host_gpadl_find(host_of(actors), channel->relid, gpadl->id,
				  &view) ||
	    vmbus_host_gpadl_hold(host_of(actors), channel->relid, gpadl->id))
		return false;
	actors_must(actors, channel->state != ACTORS_CLOSED,
		    "a GPADL of a closed channel could be held");
	hold = &channel->holds[channel->hold_count++];
	hold->gpadl = gpadl->id;
	hold_fill(actors, hold, view.pfns, view.pfn_count);
	hold_map(actors, hold);
	return true;
}

static bool move_answer(struct actors *actors)
{
	u32 start = actors_below(actors, SIM_CHANNELS);
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++) {
		struct actors_channel *channel =
			&actors->channels[(start + i) % SIM_CHANNELS];

		if (!channel->used)
			continue;
		if (channel->state == ACTORS_OPENING)
			open_answer(actors, channel);
		else if (channel->state == ACTORS_CLOSING)
			close_answer(actors, channel);
		else
			continue;
		return true;
	}
	return false;
}

static bool move_reset(struct actors *actors)
{
	if (actors_below(actors, 600))
		return false;
	/* The machine is reset, and its memory and slots with it. */
	vmbus_host_reset(host_of(actors));
	actors_guest_crash(actors);
	return true;
}

bool actors_host_move(struct actors *actors)
{
	static bool (*const moves[])(struct actors *) = {
		move_offer, move_offer,	 move_rescind, move_hold,
		move_hold,  move_answer, move_reset,
	};

	return moves[actors_below(actors, PORT_ARRAY_SIZE(moves))](actors);
}

bool actors_host_answer(struct actors *actors)
{
	return move_answer(actors);
}
