/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "tests/sim/bus.h"
#include "vmbus/guest_internal.h"
#include "vmbus/host_internal.h"

static u32 bits(u32 value)
{
	return (u32)__builtin_popcount(value);
}

static const char *check_gpadl(const struct vmbus_host *host,
			       const struct vmbus_host_gpadl *gpadl)
{
	const struct vmbus_host_channel *channel =
		host_channel_told(host, gpadl->relid);
	bool held = channel && (channel->state == HOST_CHANNEL_OPENING ||
				channel->state == HOST_CHANNEL_OPEN ||
				channel->state == HOST_CHANNEL_CLOSE_WANTED ||
				channel->state == HOST_CHANNEL_CLOSING ||
				channel->state == HOST_CHANNEL_OPEN_WANTED);

	if (!channel)
		return "a GPADL belongs to no channel of the guest";
	if (gpadl->holds && !held)
		return "a GPADL of a closed channel is held";
	if (gpadl->received > gpadl->value_count)
		return "a GPADL has more values than it announced";
	if (gpadl->state == HOST_GPADL_TORNDOWN && gpadl->holds)
		return "a held GPADL counts as torn down";
	if (gpadl->state != HOST_GPADL_REFUSING &&
	    (gpadl->first > host->values_used ||
	     gpadl->value_count > host->values_used - gpadl->first))
		return "a GPADL's values lie outside of the pool's used part";
	return NULL;
}

static const char *check_gpadls(const struct vmbus_host *host)
{
	u32 live = 0, used = 0, listed = 0, notices = 0, torndowns = 0;
	u32 at, i, end = 0, previous = HOST_NONE;
	const char *wrong;

	for (i = 0; i < host->gpadl_count; i++)
		used += host->gpadls[i].state != HOST_GPADL_FREE;
	for (at = host->gpadl_first; at != HOST_NONE;
	     at = host->gpadls[at].next) {
		const struct vmbus_host_gpadl *gpadl = &host->gpadls[at];

		if (gpadl->previous != previous || ++listed > used)
			return "the list of GPADLs is broken";
		previous = at;
		wrong = check_gpadl(host, gpadl);
		if (wrong)
			return wrong;
		notices += gpadl->notice;
		torndowns += gpadl->state == HOST_GPADL_TORNDOWN;
		if (gpadl->state == HOST_GPADL_REFUSING)
			continue;
		if (gpadl->first < end)
			return "two GPADLs share values";
		end = gpadl->first + gpadl->value_count;
		live += gpadl->value_count;
	}
	if (listed != used || used != host->gpadl_used ||
	    previous != host->gpadl_last)
		return "a GPADL in use is not in the list";
	if (live != host->values_live || live > host->value_count)
		return "the count of values in GPADLs is wrong";
	if (notices != host->gpadl_notices ||
	    torndowns != host->gpadl_torndowns)
		return "a count of GPADLs is wrong";
	return NULL;
}

static const char *check_channel(const struct vmbus_host *host,
				 const struct vmbus_host_channel *channel)
{
	bool ring = channel->ring != HOST_NONE;

	switch (channel->state) {
	case HOST_CHANNEL_OPEN_WANTED:
	case HOST_CHANNEL_OPENING:
	case HOST_CHANNEL_OPEN:
	case HOST_CHANNEL_CLOSE_WANTED:
	case HOST_CHANNEL_CLOSING:
		if (!ring || !host->gpadls[channel->ring].holds)
			return "the ring of an open channel is not held";
		break;
	case HOST_CHANNEL_FREE:
		return NULL;
	default:
		if (ring)
			return "a closed channel has a ring";
	}
	if (channel->owed && !channel->send_queued)
		return "a channel's message is not going to be sent";
	if (channel->initial &&
	    !(channel->owed & HOST_OWES_OFFER && host->offers_requested))
		return "an offer is awaited that nobody sends";
	if ((channel->state == HOST_CHANNEL_OPEN_WANTED ||
	     channel->state == HOST_CHANNEL_CLOSE_WANTED ||
	     channel->state == HOST_CHANNEL_RELEASING || channel->move) &&
	    !channel->work_queued)
		return "a channel's work is not going to be done";
	return NULL;
}

static const char *check_channels(const struct vmbus_host *host)
{
	u32 i, initial = 0, held = 0, told = 0, monitored = 0;

	for (i = 0; i < host->channel_count; i++) {
		const struct vmbus_host_channel *channel = &host->channels[i];
		const char *wrong = check_channel(host, channel);

		if (wrong)
			return wrong;
		if (channel->state == HOST_CHANNEL_FREE)
			continue;
		initial += channel->initial;
		told += host_state_in(channel, HOST_STATES_TOLD);
		held += channel->state == HOST_CHANNEL_OPENING ||
			channel->state == HOST_CHANNEL_CLOSE_WANTED ||
			channel->state == HOST_CHANNEL_CLOSING;
		monitored += channel->monitor_id != VMBUS_MONITOR_ID_NONE;
	}
	if (initial != host->initial_offers)
		return "the count of awaited offers is wrong";
	if (host->state == HOST_DROPPING && held != host->closing)
		return "the count of channels to close is wrong";
	if (host->state == HOST_DROPPING && !held)
		return "a guest that is gone is never forgotten";
	if (host->state == HOST_DOWN && told)
		return "a channel is the guest's while there is none";
	if (monitored !=
	    bits(host->monitor_ids[0]) + bits(host->monitor_ids[1]) +
		    bits(host->monitor_ids[2]) + bits(host->monitor_ids[3]))
		return "a monitor id is lost";
	return NULL;
}

const char *sim_host_check(const struct vmbus_host *host)
{
	const char *wrong = check_channels(host);

	if (wrong)
		return wrong;
	if (host->state == HOST_DOWN &&
	    (host->gpadl_first != HOST_NONE || host->values_live))
		return "a GPADL outlived its guest";
	if (host->message_used > host->message_count)
		return "more answers wait than there is room for";
	return check_gpadls(host);
}

const char *sim_guest_check(const struct vmbus_guest *guest)
{
	u32 i, notices = 0;

	for (i = 0; i < guest->gpadl_count; i++) {
		const struct vmbus_guest_gpadl *gpadl = &guest->gpadls[i];

		notices += gpadl->notice;
		if (gpadl->state != GUEST_GPADL_FREE &&
		    !guest_channel_find(guest, gpadl->relid))
			return "a GPADL of the guest belongs to no channel";
		if (gpadl->state == GUEST_GPADL_FREE && gpadl->notice)
			return "a forgotten GPADL is to be told of";
	}
	if (notices != guest->gpadl_notices)
		return "the guest's count of GPADLs is wrong";
	for (i = 0; i < guest->channel_count; i++) {
		const struct vmbus_guest_channel *channel = &guest->channels[i];

		if (channel->state == GUEST_CHANNEL_FREE)
			continue;
		if (guest->state == GUEST_DOWN ||
		    guest->state == GUEST_CONTACTING)
			return "a channel outlived its connection";
		if (channel->notices && !channel->queued)
			return "a channel's notice is not going to be told";
		if (channel->rescinded &&
		    channel->state == GUEST_CHANNEL_OPENING)
			return "a rescinded channel waits to open";
	}
	return NULL;
}
