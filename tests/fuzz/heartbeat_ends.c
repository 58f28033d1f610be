// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/fuzz/ic_fuzz.h"

#include "services/heartbeat/vsc.h"
#include "services/heartbeat/vsp.h"

static struct heartbeat_vsp vsp;
static struct heartbeat_vsc vsc;

static void start(u8 choice)
{
	static const u32 versions[] = { 0, HEARTBEAT_VERSION_1_0,
					HEARTBEAT_VERSION_3_0 };

	ic_fuzz_require(!heartbeat_vsp_init(&vsp, versions[choice % 3]));
	ic_fuzz_require(!heartbeat_vsc_init(&vsc, versions[choice / 3 % 3]));
}

static void poke(u8 choice, u64 now_100ns)
{
	struct heartbeat_event event;

	heartbeat_vsc_set_application(&vsc, (enum heartbeat_application)choice);
	while (heartbeat_vsp_next_event(&vsp, now_100ns, &event))
		ic_fuzz_require(event.kind <= HEARTBEAT_EVENT_APPLICATION);
}

static u32 host_transmit(u64 now_100ns, u8 *buffer, u32 capacity_bytes,
			 u64 *transaction_id)
{
	return heartbeat_vsp_transmit(&vsp, now_100ns, buffer, capacity_bytes,
				      transaction_id);
}

static enum vmbus_status host_receive(const u8 *data, u32 size_bytes,
				      u64 transaction_id, u64 now_100ns)
{
	return heartbeat_vsp_receive(&vsp, data, size_bytes, transaction_id,
				     now_100ns);
}

static enum vmbus_status guest_receive(const u8 *data, u32 size_bytes,
				       u64 now_100ns, u8 *response,
				       u32 capacity_bytes, u32 *response_bytes)
{
	(void)now_100ns;
	return heartbeat_vsc_receive(&vsc, data, size_bytes, response,
				     capacity_bytes, response_bytes);
}

static void check(u64 now_100ns)
{
	enum ic_status status = heartbeat_vsp_status(&vsp, now_100ns);

	ic_fuzz_require(status <= IC_STATUS_ERROR);
	ic_fuzz_require((status == IC_STATUS_ERROR) ==
			(vsp.ic.violation != VMBUS_OK));
	ic_fuzz_require(heartbeat_vsp_detail(&vsp, now_100ns) <=
			IC_DETAIL_APPLICATION_STOPPED);
	ic_fuzz_require(status != IC_STATUS_ERROR ||
			heartbeat_vsp_deadline_100ns(&vsp) == IC_NEVER);
	ic_fuzz_require(vsp.contacted || status != IC_STATUS_OK);
}

const struct ic_fuzz_ends heartbeat_fuzz_ends = {
	.start = start,
	.poke = poke,
	.host_transmit = host_transmit,
	.host_receive = host_receive,
	.guest_receive = guest_receive,
	.check = check,
};
