// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/fuzz/ic_fuzz.h"

#include "services/timesync/vsc.h"
#include "services/timesync/vsp.h"

/* Some time in 2026. */
#define WALL_100NS 134120448000000000ull

static struct timesync_vsp vsp;
static struct timesync_vsc vsc;

static void start(u8 choice)
{
	static const u32 versions[] = { 0, TIMESYNC_VERSION_1_0,
					TIMESYNC_VERSION_3_0 };
	struct timesync_vsp_config config = {
		.newest_version = versions[choice % 3],
		.sync_period_seconds = choice / 9 % 2 ? 60 : 0,
	};

	ic_fuzz_require(!timesync_vsp_init(&vsp, &config));
	ic_fuzz_require(!timesync_vsc_init(&vsc, versions[choice / 3 % 3]));
}

static void poke(u8 choice, u64 now_100ns)
{
	(void)choice;
	(void)now_100ns;
	timesync_vsp_sync(&vsp);
}

static u32 host_transmit(u64 now_100ns, u8 *buffer, u32 capacity_bytes,
			 u64 *transaction_id)
{
	return timesync_vsp_transmit(&vsp, now_100ns, WALL_100NS + now_100ns,
				     buffer, capacity_bytes, transaction_id);
}

static enum vmbus_status host_receive(const u8 *data, u32 size_bytes,
				      u64 transaction_id, u64 now_100ns)
{
	return timesync_vsp_receive(&vsp, data, size_bytes, transaction_id,
				    now_100ns);
}

static enum vmbus_status guest_receive(const u8 *data, u32 size_bytes,
				       u64 now_100ns, u8 *response,
				       u32 capacity_bytes, u32 *response_bytes)
{
	struct timesync_action action;
	enum vmbus_status status;

	status = timesync_vsc_receive(&vsc, data, size_bytes, now_100ns,
				      response, capacity_bytes, response_bytes,
				      &action);
	ic_fuzz_require(action.kind == TIMESYNC_ACTION_NONE ||
			(!status && *response_bytes));
	ic_fuzz_require(action.delay_100ns <= TIMESYNC_STALE_100NS);
	/* No host can have us count before 1970, but for a stamp's age. */
	ic_fuzz_require(action.kind == TIMESYNC_ACTION_NONE ||
			action.host_time_100ns >= TIMESYNC_UNIX_EPOCH_100NS -
							  TIMESYNC_STALE_100NS);
	return status;
}

static void check(u64 now_100ns)
{
	enum ic_status status = timesync_vsp_status(&vsp, now_100ns);
	u64 time_100ns;

	ic_fuzz_require(status <= IC_STATUS_ERROR);
	ic_fuzz_require((status == IC_STATUS_ERROR) ==
			(vsp.ic.violation != VMBUS_OK));
	ic_fuzz_require(timesync_vsp_detail(&vsp, now_100ns) <=
			IC_DETAIL_PROTOCOL_MISMATCH);
	ic_fuzz_require((status == IC_STATUS_OK) ==
			(ic_vsp_ready(&vsp.ic) &&
			 timesync_vsp_deadline_100ns(&vsp) != IC_NEVER));
	ic_fuzz_require(timesync_vsc_read(&vsc, now_100ns, &time_100ns) <=
			VMBUS_NOT_READY);
}

const struct ic_fuzz_ends timesync_fuzz_ends = {
	.start = start,
	.poke = poke,
	.host_transmit = host_transmit,
	.host_receive = host_receive,
	.guest_receive = guest_receive,
	.check = check,
};
