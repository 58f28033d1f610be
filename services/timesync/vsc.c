// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of the time synchronization service. */
#include "services/timesync/vsc.h"

/* 9999-12-31 24:00 UTC, counted from 1601. */
#define TIME_END_100NS 2650467744000000000ull

enum vmbus_status timesync_vsc_init(struct timesync_vsc *vsc,
				    u32 newest_version)
{
	port_fill(vsc, 0, sizeof(*vsc));
	return ic_vsc_init(&vsc->ic, &timesync_service, newest_version);
}

/* Read the body in the form that the settled version has. */
static enum vmbus_status take_time(const struct timesync_vsc *vsc,
				   const struct ic_message *message,
				   u64 now_100ns,
				   struct timesync_reference_message *time)
{
	struct timesync_message plain;

	port_fill(time, 0, sizeof(*time));
	if (ic_version_older(vsc->ic.message_version, TIMESYNC_VERSION_4_0)) {
		if (message->body_bytes < sizeof(plain))
			return VMBUS_E_IC_SHORT;
		port_copy(&plain, message->body, sizeof(plain));
		time->host_time_100ns = plain.host_time_100ns;
		time->reference_time_100ns = now_100ns;
		time->flags = plain.flags;
		return VMBUS_OK;
	}
	if (message->body_bytes < sizeof(*time))
		return VMBUS_E_IC_SHORT;
	port_copy(time, message->body, sizeof(*time));
	return VMBUS_OK;
}

static u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

static bool plausible(const struct timesync_reference_message *time,
		      u64 now_100ns)
{
	return time->host_time_100ns >= TIMESYNC_UNIX_EPOCH_100NS &&
	       time->host_time_100ns < TIME_END_100NS &&
	       distance(now_100ns, time->reference_time_100ns) <=
		       TIMESYNC_STALE_100NS;
}

static void act(const struct timesync_reference_message *time, u64 now_100ns,
		struct timesync_action *action)
{
	/* A stamp may be ahead of a counter that was read on another CPU. */
	action->host_time_100ns =
		time->host_time_100ns + now_100ns - time->reference_time_100ns;
	if (now_100ns > time->reference_time_100ns)
		action->delay_100ns = now_100ns - time->reference_time_100ns;
	action->leap_indicator = time->leap_indicator;
	action->stratum = time->stratum;
	if (time->flags & TIMESYNC_FLAG_SYNC)
		action->kind = TIMESYNC_ACTION_SET;
	else if (time->flags & TIMESYNC_FLAG_SAMPLE)
		action->kind = TIMESYNC_ACTION_SAMPLE;
}

enum vmbus_status timesync_vsc_receive(struct timesync_vsc *vsc,
				       const void *data, u32 size_bytes,
				       u64 now_100ns, void *response,
				       u32 capacity_bytes, u32 *response_bytes,
				       struct timesync_action *action)
{
	struct timesync_reference_message time;
	struct ic_message message;
	enum vmbus_status status;
	u32 result = IC_S_OK;

	port_fill(action, 0, sizeof(*action));
	status = ic_vsc_receive(&vsc->ic, data, size_bytes, response,
				capacity_bytes, response_bytes, &message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	status = take_time(vsc, &message, now_100ns, &time);
	if (status)
		return status;
	if (plausible(&time, now_100ns)) {
		vsc->known = true;
		vsc->host_time_100ns = time.host_time_100ns;
		vsc->reference_time_100ns = time.reference_time_100ns;
		act(&time, now_100ns, action);
	} else {
		result = IC_E_INVALID_ARGUMENT;
	}
	*response_bytes = ic_vsc_echo(&vsc->ic, &message, response,
				      capacity_bytes, result);
	return VMBUS_OK;
}

enum vmbus_status timesync_vsc_read(const struct timesync_vsc *vsc,
				    u64 now_100ns, u64 *host_time_100ns)
{
	if (!vsc->known)
		return VMBUS_NOT_READY;
	if (distance(now_100ns, vsc->reference_time_100ns) >
	    TIMESYNC_STALE_100NS)
		return VMBUS_AGAIN;
	*host_time_100ns =
		vsc->host_time_100ns + now_100ns - vsc->reference_time_100ns;
	return VMBUS_OK;
}
