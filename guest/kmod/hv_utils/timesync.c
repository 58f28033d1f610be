// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Time synchronization: the clock is set when the host says so, and the host's
 * time can be read as a PTP clock, "hyperv", for chrony to follow.
 */
#include "guest/kmod/hv_utils/utils.h"
#include <linux/ptp_clock_kernel.h>
#include <linux/timekeeping.h>
#include "services/timesync/vsc.h"

struct timesync {
	struct timesync_vsc vsc;
	struct ptp_clock *clock; /* NULL: the kernel has none */
	struct ptp_clock_info info;
	struct util *util;
	bool wanted; /* the clock is to be set */
	u64 host_time_100ns;
};

static struct timespec64 unix_time(u64 host_time_100ns)
{
	return ns_to_timespec64((host_time_100ns - TIMESYNC_UNIX_EPOCH_100NS) *
				100);
}

/* ---- the PTP clock, which can only be read ---- */

static int clock_read(struct ptp_clock_info *info, struct timespec64 *now)
{
	struct timesync *timesync = container_of(info, struct timesync, info);
	enum vmbus_status status;
	u64 host_time_100ns;

	mutex_lock(&timesync->util->lock);
	status = timesync_vsc_read(&timesync->vsc, lisbus_reference_time(),
				   &host_time_100ns);
	mutex_unlock(&timesync->util->lock);
	if (status)
		return -ESTALE;
	*now = unix_time(host_time_100ns);
	return 0;
}

static int clock_set(struct ptp_clock_info *info, const struct timespec64 *now)
{
	return -EOPNOTSUPP;
}

static int clock_enable(struct ptp_clock_info *info,
			struct ptp_clock_request *request, int on)
{
	return -EOPNOTSUPP;
}

static int clock_adjust_rate(struct ptp_clock_info *info, long scaled)
{
	return -EOPNOTSUPP;
}

static int clock_adjust_time(struct ptp_clock_info *info, s64 delta)
{
	return -EOPNOTSUPP;
}

static const struct ptp_clock_info clock_info = {
	.name = "hyperv",
	.owner = THIS_MODULE,
	.gettime64 = clock_read,
	.settime64 = clock_set,
	.enable = clock_enable,
	.adjfine = clock_adjust_rate,
	.adjtime = clock_adjust_time,
};

/* ---- the component ---- */

static void begin(struct util *util)
{
	struct timesync *timesync = util->state;

	timesync_vsc_init(&timesync->vsc, 0);
	timesync->wanted = false;
}

static int start(struct util *util)
{
	struct timesync *timesync = util->state;
	struct ptp_clock *clock;

	timesync->util = util;
	timesync->info = clock_info;
	clock = ptp_clock_register(&timesync->info, &util->device->dev);
	if (IS_ERR_OR_NULL(clock))
		dev_warn(&util->device->dev, "no PTP clock: %d\n",
			 PTR_ERR_OR_ZERO(clock));
	else
		timesync->clock = clock;
	return 0;
}

static void stop(struct util *util)
{
	struct timesync *timesync = util->state;

	if (timesync->clock)
		ptp_clock_unregister(timesync->clock);
}

static enum vmbus_status receive(struct util *util, u32 size_bytes,
				 u64 transaction_id, u32 *response_bytes)
{
	struct timesync *timesync = util->state;
	struct timesync_action action;
	enum vmbus_status status;

	status = timesync_vsc_receive(&timesync->vsc, util->packet, size_bytes,
				      lisbus_reference_time(), util->response,
				      sizeof(util->response), response_bytes,
				      &action);
	if (!status && action.kind == TIMESYNC_ACTION_SET) {
		timesync->wanted = true;
		timesync->host_time_100ns = action.host_time_100ns;
	}
	return status;
}

/* Of several times that waited, the newest is the one to set. */
static void answered(struct util *util)
{
	struct timesync *timesync = util->state;
	struct timespec64 now;

	if (!timesync->wanted)
		return;
	timesync->wanted = false;
	now = unix_time(timesync->host_time_100ns);
	if (do_settimeofday64(&now))
		dev_warn_ratelimited(&util->device->dev,
				     "the clock cannot be set\n");
}

const struct util_service util_timesync = {
	.name = "time synchronization",
	.logged = "TimeSync",
	.state_bytes = sizeof(struct timesync),
	.ic_offset = offsetof(struct timesync, vsc.ic),
	.begin = begin,
	.start = start,
	.stop = stop,
	.receive = receive,
	.answered = answered,
};
