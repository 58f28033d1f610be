/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of the time synchronization service.
 *
 * Here: what the host's clock shows, kept up to date by this VM's reference
 * counter between messages. Not here: the guest's clock.
 *
 * Source: services/timesync/wire.h; the age at which a stamp is too old is
 * that of drivers/hv/hv_util.c.
 */
#ifndef SERVICES_TIMESYNC_VSC_H
#define SERVICES_TIMESYNC_VSC_H

#include "services/timesync/service.h"

#define TIMESYNC_STALE_100NS (600 * IC_SECOND_100NS)

struct timesync_vsc {
	struct ic_vsc ic;
	bool known;		  /* the next two hold a stamp */
	u64 host_time_100ns;	  /* since 1601 UTC */
	u64 reference_time_100ns; /* of the counter, at that time */
};

enum timesync_action_kind {
	TIMESYNC_ACTION_NONE,
	TIMESYNC_ACTION_SET,	/* set the clock to host_time_100ns */
	TIMESYNC_ACTION_SAMPLE, /* host_time_100ns is a hint to a discipline */
};

struct timesync_action {
	enum timesync_action_kind kind;
	u64 host_time_100ns; /* the host's time now, since 1601 UTC */
	u64 delay_100ns;     /* how old the stamp was; from version 4.0 */
	u8 leap_indicator;   /* as in NTP; from version 4.0 */
	u8 stratum;	     /* as in NTP; from version 4.0 */
};

/*
 * timesync_vsc_init - before the channel is opened.
 * @newest_version: TIMESYNC_VERSION_* to accept at most; 0 for all
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no such version).
 */
enum vmbus_status timesync_vsc_init(struct timesync_vsc *vsc,
				    u32 newest_version);

/*
 * timesync_vsc_receive - take one packet from the host.
 * @now_100ns: this VM's reference counter
 * @response: @capacity_bytes of memory, at least @size_bytes
 * @response_bytes: size of the answer to send, with the request's transaction
 *                  id; 0 for none
 * @action: always filled. When several packets wait, read them all first and
 *          carry out a SET only of the last: times of earlier ones are older.
 * Results are those of ic_vsc_receive(), besides VMBUS_E_IC_SHORT for a
 * message shorter than its version's. A time before 1970 or after 9999, or a
 * stamp further than TIMESYNC_STALE_100NS from @now_100ns, is answered with
 * IC_E_INVALID_ARGUMENT and asks for no action.
 */
enum vmbus_status timesync_vsc_receive(struct timesync_vsc *vsc,
				       const void *data, u32 size_bytes,
				       u64 now_100ns, void *response,
				       u32 capacity_bytes, u32 *response_bytes,
				       struct timesync_action *action);

/*
 * timesync_vsc_read - the host's time at @now_100ns, as for a PTP clock.
 * @host_time_100ns: set on VMBUS_OK; 100 ns since 1601 UTC
 * Returns VMBUS_OK, VMBUS_NOT_READY (no message yet), VMBUS_AGAIN (the last
 * message is older than TIMESYNC_STALE_100NS).
 */
enum vmbus_status timesync_vsc_read(const struct timesync_vsc *vsc,
				    u64 now_100ns, u64 *host_time_100ns);

#endif
