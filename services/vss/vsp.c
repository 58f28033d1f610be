// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of the backup service. */
#include "services/vss/vsp.h"

#define TIMEOUT_100NS	     (35 * IC_SECOND_100NS)
#define FREEZE_TIMEOUT_100NS (60 * IC_SECOND_100NS)
#define HOLD_LIMIT_100NS     (60 * IC_SECOND_100NS)
#define THAW_RETRY_100NS     (5 * IC_SECOND_100NS)

static const char *const status_texts[] = {
	[VSS_OK] = "done",
	[VSS_BUSY] = "another backup operation is under way",
	[VSS_NOT_READY] = "the guest does not use the service (yet)",
	[VSS_NOT_FROZEN] = "the guest is not frozen",
	[VSS_NO_DAEMON] = ("nothing in the guest can freeze its file systems: "
			   "its backup daemon is not running"),
	[VSS_GUEST_ERROR] = "the guest reported an error",
	[VSS_NO_ANSWER] = "the guest did not answer in time",
	[VSS_HELD_TOO_LONG] = "the guest was frozen for as long as is allowed",
	[VSS_CUT_SHORT] = "the guest was thawed before it had frozen",
	[VSS_CLOSED] = "the guest closed the service meanwhile",
};

const char *vss_status_text(enum vss_status status)
{
	if ((u32)status >= PORT_ARRAY_SIZE(status_texts))
		return "unknown status";
	return status_texts[status];
}

static void set_default(u64 *option, u64 value)
{
	if (!*option)
		*option = value;
}

enum vmbus_status vss_vsp_init(struct vss_vsp *vsp,
			       const struct vss_vsp_options *options)
{
	port_fill(vsp, 0, sizeof(*vsp));
	if (options)
		vsp->options = *options;
	set_default(&vsp->options.timeout_100ns, TIMEOUT_100NS);
	set_default(&vsp->options.freeze_timeout_100ns, FREEZE_TIMEOUT_100NS);
	set_default(&vsp->options.hold_limit_100ns, HOLD_LIMIT_100NS);
	set_default(&vsp->options.thaw_retry_100ns, THAW_RETRY_100NS);
	return ic_vsp_init(&vsp->ic, &vss_service, 0);
}

/*
 * No step begins with more than one event waiting and none adds more than one,
 * and thawing and closing can each add one on top: four always suffice.
 */
static bool events_full(const struct vss_vsp *vsp)
{
	return vsp->event_count > 1;
}

static void event_add(struct vss_vsp *vsp, enum vss_event_kind kind,
		      enum vss_status status, u32 guest_status)
{
	vsp->events[vsp->event_count++] = (struct vss_event){
		.kind = kind,
		.status = status,
		.guest_status = guest_status,
	};
}

static void abandon(struct vss_vsp *vsp)
{
	if (vsp->call.state == IC_CALL_SENT)
		vsp->late_operation = vsp->operation;
	ic_call_abandon(&vsp->call);
}

static void begin(struct vss_vsp *vsp, u8 operation, u64 now_100ns)
{
	abandon(vsp);
	vsp->operation = operation;
	ic_call_begin(&vsp->call,
		      now_100ns + (operation == VSS_OPERATION_FREEZE
					   ? vsp->options.freeze_timeout_100ns
					   : vsp->options.timeout_100ns));
}

static void thaw_begin(struct vss_vsp *vsp, enum vss_status reason,
		       u64 now_100ns)
{
	vsp->state = VSS_THAWING;
	vsp->thaw_reason = reason;
	vsp->thaw_reported = false;
	begin(vsp, VSS_OPERATION_THAW, now_100ns);
}

/* ---- requests ---- */

/* A probe under way makes room for what its user asks. */
static bool idle(const struct vss_vsp *vsp)
{
	return vsp->state == VSS_IDLE ||
	       (vsp->state == VSS_CHECKING && vsp->probing);
}

enum vss_status vss_vsp_probe(struct vss_vsp *vsp, u64 now_100ns)
{
	(void)now_100ns;
	if (!ic_vsp_ready(&vsp->ic))
		return VSS_NOT_READY;
	if (vsp->state == VSS_IDLE)
		vsp->probe_wanted = true;
	return VSS_OK;
}

enum vss_status vss_vsp_check(struct vss_vsp *vsp, u64 now_100ns)
{
	if (!ic_vsp_ready(&vsp->ic))
		return VSS_NOT_READY;
	if (!idle(vsp))
		return VSS_BUSY;
	if (vsp->state == VSS_IDLE)
		begin(vsp, VSS_OPERATION_HOT_BACKUP, now_100ns);
	vsp->state = VSS_CHECKING;
	vsp->probing = false;
	return VSS_OK;
}

enum vss_status vss_vsp_freeze(struct vss_vsp *vsp, u64 hold_limit_100ns,
			       u64 now_100ns)
{
	if (!ic_vsp_ready(&vsp->ic))
		return VSS_NOT_READY;
	if (!idle(vsp))
		return VSS_BUSY;
	vsp->hold_100ns = hold_limit_100ns ? hold_limit_100ns
					   : vsp->options.hold_limit_100ns;
	vsp->state = VSS_FREEZING;
	begin(vsp, VSS_OPERATION_FREEZE, now_100ns);
	return VSS_OK;
}

enum vss_status vss_vsp_thaw(struct vss_vsp *vsp, u64 now_100ns)
{
	switch (vsp->state) {
	case VSS_FREEZING:
		event_add(vsp, VSS_EVENT_FROZEN, VSS_CUT_SHORT, 0);
		thaw_begin(vsp, VSS_CUT_SHORT, now_100ns);
		return VSS_OK;
	case VSS_FROZEN:
		thaw_begin(vsp, VSS_OK, now_100ns);
		return VSS_OK;
	case VSS_THAWING:
		return vsp->freeze_failed ? VSS_NOT_FROZEN : VSS_OK;
	default:
		return VSS_NOT_FROZEN;
	}
}

/* ---- answers ---- */

static enum vss_status failure(u32 guest_status)
{
	return guest_status == IC_E_FAIL || guest_status == IC_E_NOT_CONNECTED
		       ? VSS_NO_DAEMON
		       : VSS_GUEST_ERROR;
}

static void take_check(struct vss_vsp *vsp, const struct ic_message *message)
{
	const struct vss_message *answer =
		(const struct vss_message *)message->body;
	enum vss_status status =
		message->status ? failure(message->status) : VSS_OK;

	vsp->state = VSS_IDLE;
	vsp->contact = status != VSS_NO_DAEMON;
	if (vsp->probing)
		return;
	event_add(vsp, VSS_EVENT_CHECKED, status, message->status);
	vsp->events[vsp->event_count - 1].flags = answer->flags;
}

static void take_freeze(struct vss_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	if (!guest_status) {
		vsp->contact = true;
		vsp->state = VSS_FROZEN;
		vsp->timer_100ns = now_100ns + vsp->hold_100ns;
		event_add(vsp, VSS_EVENT_FROZEN, VSS_OK, 0);
		return;
	}
	/*
	 * Guests thaw by themselves what they could not freeze whole, but it
	 * costs nothing to make sure; and Linux answers IC_E_FAIL for a failed
	 * freeze as for a missing daemon, but thawing fails for the latter
	 * only.
	 */
	vsp->freeze_failed = true;
	vsp->guest_status = guest_status;
	thaw_begin(vsp, VSS_GUEST_ERROR, now_100ns);
}

/* The thaw after a failed freeze: whatever came of it, the freeze ended. */
static void freeze_end(struct vss_vsp *vsp, enum vss_status status)
{
	vsp->freeze_failed = false;
	vsp->state = VSS_IDLE;
	event_add(vsp, VSS_EVENT_FROZEN, status, vsp->guest_status);
}

static void thaw_again(struct vss_vsp *vsp, enum vss_status status,
		       u32 guest_status, u64 now_100ns)
{
	vsp->timer_100ns = now_100ns + vsp->options.thaw_retry_100ns;
	if (vsp->thaw_reported)
		return;
	vsp->thaw_reported = true;
	event_add(vsp, VSS_EVENT_THAW_FAILED, status, guest_status);
}

static void take_thaw(struct vss_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	vsp->contact = failure(guest_status) != VSS_NO_DAEMON;
	if (vsp->freeze_failed) {
		freeze_end(vsp, guest_status ? failure(guest_status)
					     : VSS_GUEST_ERROR);
	} else if (guest_status) {
		thaw_again(vsp, failure(guest_status), guest_status, now_100ns);
	} else {
		vsp->state = VSS_IDLE;
		event_add(vsp, VSS_EVENT_THAWED, vsp->thaw_reason, 0);
	}
}

/* An answer to a request that was given up on. */
static void take_late(struct vss_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	/* Late, but what is waited for all the same. */
	if (vsp->late_operation == VSS_OPERATION_THAW &&
	    vsp->state == VSS_THAWING && !guest_status) {
		abandon(vsp);
		take_thaw(vsp, guest_status, now_100ns);
	} else if (vsp->late_operation == VSS_OPERATION_HOT_BACKUP) {
		vsp->contact = failure(guest_status) != VSS_NO_DAEMON;
	}
}

enum vmbus_status vss_vsp_receive(struct vss_vsp *vsp, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  u64 now_100ns)
{
	enum ic_call_answer answer;
	struct ic_message message;
	enum vmbus_status status;

	if (events_full(vsp))
		return VMBUS_AGAIN;
	status = ic_vsp_receive(&vsp->ic, data, size_bytes, transaction_id,
				&message);
	if (status)
		return status;
	if (message.kind == IC_KIND_NEGOTIATED)
		vsp->probe_wanted = true;
	if (message.kind != IC_KIND_MESSAGE)
		return VMBUS_OK;
	if (message.body_bytes < sizeof(struct vss_message))
		return ic_vsp_violate(&vsp->ic, VMBUS_E_IC_SHORT);
	answer = ic_call_answered(&vsp->call, message.transaction_id);
	if (answer == IC_CALL_STRAY)
		return VMBUS_OK;
	vsp->answered = true;
	vsp->silent = false;
	if (answer == IC_CALL_LATE)
		take_late(vsp, message.status, now_100ns);
	else if (vsp->operation == VSS_OPERATION_HOT_BACKUP)
		take_check(vsp, &message);
	else if (vsp->operation == VSS_OPERATION_FREEZE)
		take_freeze(vsp, message.status, now_100ns);
	else
		take_thaw(vsp, message.status, now_100ns);
	return VMBUS_OK;
}

/* ---- time and output ---- */

static void expired(struct vss_vsp *vsp, u64 now_100ns)
{
	vsp->silent = true;
	switch (vsp->state) {
	case VSS_CHECKING:
		vsp->state = VSS_IDLE;
		if (!vsp->probing)
			event_add(vsp, VSS_EVENT_CHECKED, VSS_NO_ANSWER, 0);
		break;
	case VSS_FREEZING:
		event_add(vsp, VSS_EVENT_FROZEN, VSS_NO_ANSWER, 0);
		thaw_begin(vsp, VSS_NO_ANSWER, now_100ns);
		break;
	default:
		if (vsp->freeze_failed)
			freeze_end(vsp, VSS_NO_ANSWER);
		else
			thaw_again(vsp, VSS_NO_ANSWER, 0, now_100ns);
		break;
	}
}

static bool call_expired(struct vss_vsp *vsp, u64 now_100ns)
{
	bool sent = vsp->call.state == IC_CALL_SENT;

	if (!ic_call_expired(&vsp->call, now_100ns))
		return false;
	if (sent)
		vsp->late_operation = vsp->operation;
	return true;
}

/* What time makes due. */
static void advance(struct vss_vsp *vsp, u64 now_100ns)
{
	if (call_expired(vsp, now_100ns))
		expired(vsp, now_100ns);
	if (vsp->call.state != IC_CALL_IDLE || !ic_vsp_ready(&vsp->ic))
		return;
	if (vsp->state == VSS_FROZEN && now_100ns >= vsp->timer_100ns) {
		thaw_begin(vsp, VSS_HELD_TOO_LONG, now_100ns);
	} else if (vsp->state == VSS_THAWING && now_100ns >= vsp->timer_100ns) {
		begin(vsp, VSS_OPERATION_THAW, now_100ns);
	} else if (vsp->state == VSS_IDLE && vsp->probe_wanted) {
		vsp->probe_wanted = false;
		vsp->probing = true;
		vsp->state = VSS_CHECKING;
		begin(vsp, VSS_OPERATION_HOT_BACKUP, now_100ns);
	}
}

/*
 * A thaw does not wait for the answer to a freeze that was given up on: it must
 * be in the ring when the guest gets that far, even if we are gone by then.
 */
static bool due(const struct vss_vsp *vsp)
{
	if (vsp->operation == VSS_OPERATION_THAW &&
	    vsp->late_operation != VSS_OPERATION_THAW)
		return vsp->call.state == IC_CALL_QUEUED;
	return ic_call_due(&vsp->call);
}

u32 vss_vsp_transmit(struct vss_vsp *vsp, u64 now_100ns, void *buffer,
		     u32 capacity_bytes, u64 *transaction_id)
{
	struct vss_message message = { 0 };
	u32 size_bytes;

	if (ic_vsp_negotiate_due(&vsp->ic))
		return ic_vsp_negotiate(&vsp->ic, buffer, capacity_bytes,
					transaction_id);
	if (!events_full(vsp))
		advance(vsp, now_100ns);
	if (!due(vsp))
		return 0;
	message.operation = vsp->operation;
	size_bytes = ic_vsp_request(&vsp->ic, buffer, capacity_bytes,
				    sizeof(message), true, transaction_id);
	if (!size_bytes)
		return 0;
	port_copy((u8 *)buffer + IC_BODY_OFFSET, &message, sizeof(message));
	ic_call_sent(&vsp->call, *transaction_id);
	return size_bytes;
}

u64 vss_vsp_deadline_100ns(const struct vss_vsp *vsp)
{
	if (vsp->call.state != IC_CALL_IDLE)
		return ic_call_deadline_100ns(&vsp->call);
	if (vsp->state == VSS_FROZEN || vsp->state == VSS_THAWING)
		return vsp->timer_100ns;
	return IC_NEVER;
}

bool vss_vsp_next_event(struct vss_vsp *vsp, struct vss_event *event)
{
	u32 i;

	if (!vsp->event_count)
		return false;
	*event = vsp->events[0];
	vsp->event_count--;
	for (i = 0; i < vsp->event_count; i++)
		vsp->events[i] = vsp->events[i + 1];
	return true;
}

enum ic_status vss_vsp_status(const struct vss_vsp *vsp, u64 now_100ns)
{
	enum ic_status status = ic_vsp_status(&vsp->ic);

	(void)now_100ns;
	if (status != IC_STATUS_OK)
		return status;
	if (vsp->silent && vsp->answered)
		return IC_STATUS_LOST_COMMUNICATION;
	return vsp->contact && !vsp->silent ? IC_STATUS_OK
					    : IC_STATUS_NO_CONTACT;
}

enum ic_detail vss_vsp_detail(const struct vss_vsp *vsp, u64 now_100ns)
{
	(void)now_100ns;
	return ic_vsp_detail(&vsp->ic);
}

enum vss_state vss_vsp_state(const struct vss_vsp *vsp)
{
	return idle(vsp) ? VSS_IDLE : vsp->state;
}

void vss_vsp_closed(struct vss_vsp *vsp)
{
	if (vsp->state == VSS_CHECKING && !vsp->probing)
		event_add(vsp, VSS_EVENT_CHECKED, VSS_CLOSED, 0);
	else if (vsp->state == VSS_FREEZING || vsp->freeze_failed)
		event_add(vsp, VSS_EVENT_FROZEN, VSS_CLOSED, 0);
	else if (vsp->state == VSS_FROZEN || vsp->state == VSS_THAWING)
		event_add(vsp, VSS_EVENT_THAWED, VSS_CLOSED, 0);
	vsp->state = VSS_IDLE;
	vsp->freeze_failed = false;
	vsp->probe_wanted = false;
	port_fill(&vsp->call, 0, sizeof(vsp->call));
	/* Neither ready nor due: nothing more until the next init. */
	vsp->ic.negotiation = IC_NEGOTIATION_ASKED;
}
