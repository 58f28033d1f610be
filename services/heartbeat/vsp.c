// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of the heartbeat service. */
#include "services/heartbeat/vsp.h"

enum vmbus_status heartbeat_vsp_init(struct heartbeat_vsp *vsp,
				     u32 newest_version)
{
	port_fill(vsp, 0, sizeof(*vsp));
	vsp->silent_since_100ns = IC_NEVER;
	return ic_vsp_init(&vsp->ic, &heartbeat_service, newest_version);
}

static u64 lost_at_100ns(const struct heartbeat_vsp *vsp)
{
	if (vsp->silent_since_100ns == IC_NEVER)
		return IC_NEVER;
	return vsp->silent_since_100ns + HEARTBEAT_LOST_100NS;
}

enum vmbus_status heartbeat_vsp_receive(struct heartbeat_vsp *vsp,
					const void *data, u32 size_bytes,
					u64 transaction_id, u64 now_100ns)
{
	struct heartbeat_message answer = { 0 };
	struct ic_message message;
	enum vmbus_status status;

	status = ic_vsp_receive(&vsp->ic, data, size_bytes, transaction_id,
				&message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	if (message.body_bytes < HEARTBEAT_MESSAGE_MIN_BYTES)
		return ic_vsp_violate(&vsp->ic, VMBUS_E_IC_SHORT);
	port_copy(&answer, message.body,
		  message.body_bytes < sizeof(answer) ? message.body_bytes
						      : sizeof(answer));
	/* A request's sequence is its transaction id. */
	if (answer.sequence != message.transaction_id + 1)
		return ic_vsp_violate(&vsp->ic, VMBUS_E_HEARTBEAT_SEQUENCE);
	if (!ic_version_older(vsp->ic.message_version, HEARTBEAT_VERSION_3_0))
		vsp->application = answer.application_state;
	vsp->contacted = true;
	vsp->silent_since_100ns = message.transaction_id == vsp->ic.last_id
					  ? IC_NEVER
					  : now_100ns;
	if (vsp->next_send_100ns > now_100ns + HEARTBEAT_PERIOD_100NS)
		vsp->next_send_100ns = now_100ns + HEARTBEAT_PERIOD_100NS;
	return VMBUS_OK;
}

u32 heartbeat_vsp_transmit(struct heartbeat_vsp *vsp, u64 now_100ns,
			   void *buffer, u32 capacity_bytes,
			   u64 *transaction_id)
{
	struct heartbeat_message request = { 0 };
	u32 size_bytes;

	if (ic_vsp_negotiate_due(&vsp->ic))
		return ic_vsp_negotiate(&vsp->ic, buffer, capacity_bytes,
					transaction_id);
	if (!ic_vsp_ready(&vsp->ic) || now_100ns < vsp->next_send_100ns)
		return 0;
	size_bytes = ic_vsp_request(&vsp->ic, buffer, capacity_bytes,
				    sizeof(request), true, transaction_id);
	if (!size_bytes)
		return 0;
	request.sequence = *transaction_id;
	port_copy((u8 *)buffer + IC_BODY_OFFSET, &request, sizeof(request));
	if (vsp->silent_since_100ns == IC_NEVER)
		vsp->silent_since_100ns = now_100ns;
	vsp->next_send_100ns =
		now_100ns + (now_100ns >= lost_at_100ns(vsp)
				     ? HEARTBEAT_SILENT_PERIOD_100NS
				     : HEARTBEAT_PERIOD_100NS);
	return size_bytes;
}

u64 heartbeat_vsp_deadline_100ns(const struct heartbeat_vsp *vsp)
{
	u64 deadline_100ns = vsp->next_send_100ns;

	if (ic_vsp_negotiate_due(&vsp->ic))
		return 0;
	if (!ic_vsp_ready(&vsp->ic))
		return IC_NEVER;
	if (vsp->told_alive && lost_at_100ns(vsp) < deadline_100ns)
		deadline_100ns = lost_at_100ns(vsp);
	return deadline_100ns;
}

enum ic_status heartbeat_vsp_status(const struct heartbeat_vsp *vsp,
				    u64 now_100ns)
{
	enum ic_status status = ic_vsp_status(&vsp->ic);

	if (status != IC_STATUS_OK)
		return status;
	if (!vsp->contacted)
		return IC_STATUS_NO_CONTACT;
	if (now_100ns >= lost_at_100ns(vsp))
		return IC_STATUS_LOST_COMMUNICATION;
	return IC_STATUS_OK;
}

enum ic_detail heartbeat_vsp_detail(const struct heartbeat_vsp *vsp,
				    u64 now_100ns)
{
	if (heartbeat_vsp_status(vsp, now_100ns) != IC_STATUS_OK)
		return IC_DETAIL_NONE;
	if (ic_vsp_detail(&vsp->ic) != IC_DETAIL_NONE)
		return ic_vsp_detail(&vsp->ic);
	switch (vsp->application) {
	case HEARTBEAT_APPLICATION_HEALTHY:
		return IC_DETAIL_APPLICATION_HEALTHY;
	case HEARTBEAT_APPLICATION_CRITICAL:
		return IC_DETAIL_APPLICATION_CRITICAL;
	case HEARTBEAT_APPLICATION_STOPPED:
		return IC_DETAIL_APPLICATION_STOPPED;
	default:
		return IC_DETAIL_OK;
	}
}

bool heartbeat_vsp_next_event(struct heartbeat_vsp *vsp, u64 now_100ns,
			      struct heartbeat_event *event)
{
	bool alive = heartbeat_vsp_status(vsp, now_100ns) == IC_STATUS_OK;

	if (alive != vsp->told_alive) {
		if (!alive)
			event->kind = HEARTBEAT_EVENT_LOST;
		else
			event->kind = vsp->told_contacted
					      ? HEARTBEAT_EVENT_REGAINED
					      : HEARTBEAT_EVENT_FIRST;
		vsp->told_alive = alive;
		vsp->told_contacted = true;
	} else if (alive && vsp->told_application != vsp->application) {
		event->kind = HEARTBEAT_EVENT_APPLICATION;
		vsp->told_application = vsp->application;
	} else {
		return false;
	}
	event->application = (enum heartbeat_application)vsp->application;
	return true;
}
