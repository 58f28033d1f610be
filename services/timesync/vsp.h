/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of the time synchronization service.
 *
 * Here: telling the guest the host's time. Not here: clocks; the caller reads
 * the VM's reference counter and the wall clock together, at the moment of the
 * call, and passes both.
 *
 * Do not transmit while the guest is paused: it would find a pile of stale
 * times. Call timesync_vsp_sync() when it goes on.
 *
 * Source: services/timesync/wire.h; SYNC when opened and a sample every five
 * seconds: OpenVMM hyperv_ic timesync.
 */
#ifndef SERVICES_TIMESYNC_VSP_H
#define SERVICES_TIMESYNC_VSP_H

#include "services/timesync/service.h"

#define TIMESYNC_SAMPLE_PERIOD_100NS (5 * IC_SECOND_100NS)
#define TIMESYNC_SYNC_PERIOD_SECONDS 60

#define TIMESYNC_VSP_PACKET_MAX TIMESYNC_PACKET_MAX

struct timesync_vsp_config {
	u32 newest_version; /* TIMESYNC_VERSION_* to offer at most; 0: all */
	/*
	 * Linux sets its clock on SYNC only, so a clock that someone set wrong
	 * stays wrong until the next. TIMESYNC_SYNC_PERIOD_SECONDS when in
	 * doubt; 0: only when opened and by timesync_vsp_sync().
	 */
	u32 sync_period_seconds;
	u8 leap_indicator; /* told to the guest, from version 4.0; as in NTP */
	u8 stratum;	   /* likewise; 0: unspecified */
};

struct timesync_vsp {
	struct ic_vsp ic;
	struct timesync_vsp_config config;
	bool sync_wanted;
	u64 next_sample_100ns; /* 0: at once */
	u64 next_sync_100ns;   /* IC_NEVER: only when wanted */
	u64 sync_count;	       /* messages sent since the channel was opened */
	u64 sample_count;
	u64 answer_count;   /* answers; Linux gives one to each message */
	u64 answered_100ns; /* when the last came */
};

/*
 * timesync_vsp_init - at start and at each opening of the channel.
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no such version).
 */
enum vmbus_status timesync_vsp_init(struct timesync_vsp *vsp,
				    const struct timesync_vsp_config *config);

/*
 * timesync_vsp_sync - have the guest set its clock, by the next transmit: after
 * the VM was resumed, restored or migrated, or when asked by a person. Before
 * versions are settled there is nothing to do, as SYNC is sent then anyway.
 */
void timesync_vsp_sync(struct timesync_vsp *vsp);

/*
 * timesync_vsp_receive - take one packet from the guest. Arguments and results
 * are those of ic_vsp_receive(). Messages want no answer, but Linux answers
 * all of them; answers are counted.
 */
enum vmbus_status timesync_vsp_receive(struct timesync_vsp *vsp,
				       const void *data, u32 size_bytes,
				       u64 transaction_id, u64 now_100ns);

/*
 * timesync_vsp_transmit - the next packet to send, stamped with both times.
 * @now_100ns: the VM's reference counter, as the guest itself would read it
 * @wall_100ns: the host's time at that moment, since 1601 UTC
 * See heartbeat_vsp_transmit() for the others, with TIMESYNC_VSP_PACKET_MAX.
 */
u32 timesync_vsp_transmit(struct timesync_vsp *vsp, u64 now_100ns,
			  u64 wall_100ns, void *buffer, u32 capacity_bytes,
			  u64 *transaction_id);

/* timesync_vsp_deadline_100ns - when to call transmit again; 0: at once. */
u64 timesync_vsp_deadline_100ns(const struct timesync_vsp *vsp);

/* timesync_vsp_status - that of ic_vsp_status(). */
enum ic_status timesync_vsp_status(const struct timesync_vsp *vsp,
				   u64 now_100ns);

/* timesync_vsp_detail - that of ic_vsp_detail(). */
enum ic_detail timesync_vsp_detail(const struct timesync_vsp *vsp,
				   u64 now_100ns);

#endif
