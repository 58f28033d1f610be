// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/fuzz/ic_fuzz.h"

#include "services/vss/vsc.h"
#include "services/vss/vsp.h"

static struct vss_vsp vsp;
static struct vss_vsc vsc;
static bool told_frozen; /* VSS_EVENT_FROZEN, and no VSS_EVENT_THAWED since */
static u32 refusals;	 /* of the guest, still to come */

static void start(u8 choice)
{
	static const struct vss_vsp_options short_options = {
		.timeout_100ns = IC_SECOND_100NS,
		.freeze_timeout_100ns = 2 * IC_SECOND_100NS,
		.hold_limit_100ns = 3 * IC_SECOND_100NS,
		.thaw_retry_100ns = IC_SECOND_100NS / 2,
	};

	ic_fuzz_require(
		!vss_vsp_init(&vsp, choice & 1 ? &short_options : NULL));
	ic_fuzz_require(!vss_vsc_init(&vsc, (choice & 2) * IC_SECOND_100NS));
	told_frozen = false;
	refusals = 0;
}

/* Who was told of a freeze is told of its end, and nobody else is. */
static void take_event(const struct vss_event *event)
{
	bool begins = event->status == VSS_OK ||
		      event->status == VSS_NO_ANSWER ||
		      event->status == VSS_CUT_SHORT;

	ic_fuzz_require(event->status < VSS_STATUS_COUNT);
	switch (event->kind) {
	case VSS_EVENT_FROZEN:
		ic_fuzz_require(!told_frozen);
		/* An unanswered thaw after a failed freeze ends it as well. */
		told_frozen = begins && (vsp.state == VSS_FROZEN ||
					 vsp.state == VSS_THAWING);
		break;
	case VSS_EVENT_THAWED:
		ic_fuzz_require(told_frozen);
		told_frozen = false;
		break;
	case VSS_EVENT_THAW_FAILED:
		ic_fuzz_require(told_frozen);
		break;
	default:
		break;
	}
}

static void take_events(void)
{
	struct vss_event event;

	while (vss_vsp_next_event(&vsp, &event))
		take_event(&event);
}

static void poke(u8 choice, u64 now_100ns)
{
	switch (choice % 8) {
	case 0:
		vss_vsp_check(&vsp, now_100ns);
		break;
	case 1:
	case 2:
		vss_vsp_freeze(&vsp, (choice >> 3) * IC_SECOND_100NS,
			       now_100ns);
		break;
	case 3:
		vss_vsp_thaw(&vsp, now_100ns);
		break;
	case 4:
		vss_vsp_probe(&vsp, now_100ns);
		break;
	case 5:
		refusals = choice >> 3;
		break;
	case 6:
		vss_vsc_thaw_due(&vsc, now_100ns);
		break;
	default:
		if (choice == 0xff)
			vss_vsp_closed(&vsp);
	}
	take_events();
}

static u32 host_transmit(u64 now_100ns, u8 *buffer, u32 capacity_bytes,
			 u64 *transaction_id)
{
	u32 size_bytes = vss_vsp_transmit(&vsp, now_100ns, buffer,
					  capacity_bytes, transaction_id);

	ic_fuzz_require(size_bytes <= VSS_VSP_PACKET_MAX);
	take_events();
	return size_bytes;
}

static enum vmbus_status host_receive(const u8 *data, u32 size_bytes,
				      u64 transaction_id, u64 now_100ns)
{
	enum vmbus_status status = vss_vsp_receive(&vsp, data, size_bytes,
						   transaction_id, now_100ns);

	take_events();
	return status;
}

static enum vmbus_status guest_receive(const u8 *data, u32 size_bytes,
				       u64 now_100ns, u8 *response,
				       u32 capacity_bytes, u32 *response_bytes)
{
	enum vmbus_status status;
	bool requested;
	u8 operation;
	u64 id;

	status = vss_vsc_receive(&vsc, data, size_bytes, 7, response,
				 capacity_bytes, response_bytes, &operation,
				 &requested);
	if (!requested)
		return status;
	ic_fuzz_require(!status && !*response_bytes);
	ic_fuzz_require(operation == VSS_OPERATION_HOT_BACKUP ||
			operation == VSS_OPERATION_FREEZE ||
			operation == VSS_OPERATION_THAW);
	*response_bytes =
		vss_vsc_respond(&vsc, refusals ? IC_E_FAIL : IC_S_OK, now_100ns,
				response, capacity_bytes, &id);
	if (refusals)
		refusals--;
	ic_fuzz_require(*response_bytes && id == 7);
	return status;
}

static void check(u64 now_100ns)
{
	enum ic_status status = vss_vsp_status(&vsp, now_100ns);

	ic_fuzz_require(status <= IC_STATUS_ERROR);
	ic_fuzz_require((status == IC_STATUS_ERROR) ==
			(vsp.ic.violation != VMBUS_OK));
	ic_fuzz_require(vss_vsp_state(&vsp) <= VSS_THAWING);
	ic_fuzz_require(!vsp.event_count);
	/* Nothing stays frozen for ever. */
	ic_fuzz_require(vss_vsp_state(&vsp) == VSS_IDLE ||
			vss_vsp_deadline_100ns(&vsp) != IC_NEVER);
	ic_fuzz_require(!vsc.frozen ||
			vss_vsc_deadline_100ns(&vsc) != IC_NEVER);
}

const struct ic_fuzz_ends vss_fuzz_ends = {
	.start = start,
	.poke = poke,
	.host_transmit = host_transmit,
	.host_receive = host_receive,
	.guest_receive = guest_receive,
	.check = check,
};
