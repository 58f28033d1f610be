// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/fuzz/ic_fuzz.h"

#include "services/shutdown/vsc.h"
#include "services/shutdown/vsp.h"

static struct shutdown_vsp vsp;
static struct shutdown_vsc vsc;

static void start(u8 choice)
{
	static const u32 versions[] = { 0, SHUTDOWN_VERSION_1_0,
					SHUTDOWN_VERSION_3_0,
					SHUTDOWN_VERSION_3_1 };

	ic_fuzz_require(!shutdown_vsp_init(&vsp, versions[choice % 4]));
	ic_fuzz_require(!shutdown_vsc_init(&vsc, versions[choice / 4 % 4],
					   choice & 0x80));
}

static void poke(u8 choice, u64 now_100ns)
{
	struct shutdown_request request = {
		.kind = (enum shutdown_kind)(choice & 3),
		.forced = choice & 4,
		.text = choice & 8 ? "maintenance" : NULL,
		.deadline_100ns = now_100ns + (choice >> 4) * IC_SECOND_100NS,
	};
	struct shutdown_event event;
	enum vmbus_status status = shutdown_vsp_request(&vsp, &request);

	ic_fuzz_require(!vmbus_status_is_violation(status));
	if (shutdown_vsp_next_event(&vsp, now_100ns, &event)) {
		ic_fuzz_require(event.request <= SHUTDOWN_HIBERNATE);
		ic_fuzz_require(event.kind != SHUTDOWN_EVENT_REFUSED ||
				IC_FAILED(event.status));
	}
}

static u32 host_transmit(u64 now_100ns, u8 *buffer, u32 capacity_bytes,
			 u64 *transaction_id)
{
	return shutdown_vsp_transmit(&vsp, now_100ns, buffer, capacity_bytes,
				     transaction_id);
}

static enum vmbus_status host_receive(const u8 *data, u32 size_bytes,
				      u64 transaction_id, u64 now_100ns)
{
	return shutdown_vsp_receive(&vsp, data, size_bytes, transaction_id,
				    now_100ns);
}

static enum vmbus_status guest_receive(const u8 *data, u32 size_bytes,
				       u64 now_100ns, u8 *response,
				       u32 capacity_bytes, u32 *response_bytes)
{
	struct shutdown_action action;
	enum vmbus_status status;

	(void)now_100ns;
	status = shutdown_vsc_receive(&vsc, data, size_bytes, response,
				      capacity_bytes, response_bytes, &action);
	ic_fuzz_require(memchr(action.text, 0, sizeof(action.text)) != NULL);
	ic_fuzz_require(action.kind <= SHUTDOWN_HIBERNATE);
	/* What is carried out was answered, and was asked for properly. */
	ic_fuzz_require(!action.wanted ||
			(*response_bytes && !status && ic_vsc_ready(&vsc.ic)));
	return status;
}

static void check(u64 now_100ns)
{
	enum ic_status status = shutdown_vsp_status(&vsp, now_100ns);

	ic_fuzz_require(status <= IC_STATUS_ERROR);
	ic_fuzz_require((status == IC_STATUS_ERROR) ==
			(vsp.ic.violation != VMBUS_OK));
	ic_fuzz_require(shutdown_vsp_detail(&vsp, now_100ns) <=
			IC_DETAIL_PROTOCOL_MISMATCH);
	ic_fuzz_require(!shutdown_vsp_busy(&vsp) ||
			shutdown_vsp_deadline_100ns(&vsp) != IC_NEVER);
}

const struct ic_fuzz_ends shutdown_fuzz_ends = {
	.start = start,
	.poke = poke,
	.host_transmit = host_transmit,
	.host_receive = host_receive,
	.guest_receive = guest_receive,
	.check = check,
};
