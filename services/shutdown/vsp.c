// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of the shutdown service. */
#include "services/ic/utf16.h"
#include "services/shutdown/vsp.h"

enum vmbus_status shutdown_vsp_init(struct shutdown_vsp *vsp,
				    u32 newest_version)
{
	port_fill(vsp, 0, sizeof(*vsp));
	return ic_vsp_init(&vsp->ic, &shutdown_service, newest_version);
}

bool shutdown_vsp_busy(const struct shutdown_vsp *vsp)
{
	return vsp->state == SHUTDOWN_QUEUED || vsp->state == SHUTDOWN_ASKED;
}

enum vmbus_status shutdown_vsp_request(struct shutdown_vsp *vsp,
				       const struct shutdown_request *request)
{
	if (!ic_vsp_ready(&vsp->ic))
		return VMBUS_NOT_READY;
	if (vsp->state != SHUTDOWN_IDLE)
		return VMBUS_AGAIN;
	if ((u32)request->kind > SHUTDOWN_HIBERNATE)
		return VMBUS_BAD_ARGUMENT;
	if (request->kind == SHUTDOWN_HIBERNATE &&
	    ic_version_older(vsp->ic.message_version, SHUTDOWN_VERSION_3_2))
		return VMBUS_UNSUPPORTED;
	port_fill(&vsp->message, 0, sizeof(vsp->message));
	if (request->text &&
	    utf16_from_utf8(vsp->message.text, SHUTDOWN_TEXT_UNITS, NULL,
			    request->text) != UTF16_OK)
		return VMBUS_BAD_ARGUMENT;
	vsp->message.reason_code = request->reason_code;
	vsp->message.timeout_seconds = request->timeout_seconds;
	vsp->message.flags = SHUTDOWN_FLAGS(request->kind, request->forced);
	vsp->kind = request->kind;
	vsp->deadline_100ns = request->deadline_100ns;
	vsp->state = SHUTDOWN_QUEUED;
	return VMBUS_OK;
}

static void finish(struct shutdown_vsp *vsp, enum shutdown_event_kind kind,
		   u32 status)
{
	vsp->event.kind = kind;
	vsp->event.request = vsp->kind;
	vsp->event.status = status;
	vsp->state = SHUTDOWN_DONE;
}

static void expire(struct shutdown_vsp *vsp, u64 now_100ns)
{
	if (shutdown_vsp_busy(vsp) && now_100ns >= vsp->deadline_100ns)
		finish(vsp, SHUTDOWN_EVENT_TIMED_OUT, IC_S_OK);
}

enum vmbus_status shutdown_vsp_receive(struct shutdown_vsp *vsp,
				       const void *data, u32 size_bytes,
				       u64 transaction_id, u64 now_100ns)
{
	struct ic_message message;
	enum vmbus_status status;

	expire(vsp, now_100ns);
	status = ic_vsp_receive(&vsp->ic, data, size_bytes, transaction_id,
				&message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	if (vsp->state != SHUTDOWN_ASKED ||
	    message.transaction_id != vsp->request_id)
		return VMBUS_OK;
	finish(vsp,
	       IC_FAILED(message.status) ? SHUTDOWN_EVENT_REFUSED
					 : SHUTDOWN_EVENT_ACCEPTED,
	       message.status);
	return VMBUS_OK;
}

u32 shutdown_vsp_transmit(struct shutdown_vsp *vsp, u64 now_100ns, void *buffer,
			  u32 capacity_bytes, u64 *transaction_id)
{
	u32 size_bytes;

	expire(vsp, now_100ns);
	if (ic_vsp_negotiate_due(&vsp->ic))
		return ic_vsp_negotiate(&vsp->ic, buffer, capacity_bytes,
					transaction_id);
	if (vsp->state != SHUTDOWN_QUEUED)
		return 0;
	size_bytes = ic_vsp_request(&vsp->ic, buffer, capacity_bytes,
				    sizeof(vsp->message), true, transaction_id);
	if (!size_bytes)
		return 0;
	port_copy((u8 *)buffer + IC_BODY_OFFSET, &vsp->message,
		  sizeof(vsp->message));
	vsp->request_id = *transaction_id;
	vsp->state = SHUTDOWN_ASKED;
	return size_bytes;
}

u64 shutdown_vsp_deadline_100ns(const struct shutdown_vsp *vsp)
{
	if (ic_vsp_negotiate_due(&vsp->ic) || vsp->state == SHUTDOWN_QUEUED ||
	    vsp->state == SHUTDOWN_DONE)
		return 0;
	if (vsp->state == SHUTDOWN_ASKED)
		return vsp->deadline_100ns;
	return IC_NEVER;
}

enum ic_status shutdown_vsp_status(const struct shutdown_vsp *vsp,
				   u64 now_100ns)
{
	(void)now_100ns;
	return ic_vsp_status(&vsp->ic);
}

enum ic_detail shutdown_vsp_detail(const struct shutdown_vsp *vsp,
				   u64 now_100ns)
{
	(void)now_100ns;
	return ic_vsp_detail(&vsp->ic);
}

bool shutdown_vsp_next_event(struct shutdown_vsp *vsp, u64 now_100ns,
			     struct shutdown_event *event)
{
	expire(vsp, now_100ns);
	if (vsp->state != SHUTDOWN_DONE)
		return false;
	*event = vsp->event;
	vsp->state = SHUTDOWN_IDLE;
	return true;
}
