// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of the backup service. */
#include "services/vss/vsc.h"

#define HOLD_LIMIT_100NS (120 * IC_SECOND_100NS)

enum vmbus_status vss_vsc_init(struct vss_vsc *vsc, u64 hold_limit_100ns)
{
	port_fill(vsc, 0, sizeof(*vsc));
	vsc->hold_limit_100ns =
		hold_limit_100ns ? hold_limit_100ns : HOLD_LIMIT_100NS;
	return ic_vsc_init(&vsc->ic, &vss_service, 0);
}

static u32 immediate_status(u8 operation)
{
	switch (operation) {
	case VSS_OPERATION_CREATE:
	case VSS_OPERATION_DELETE:
	case VSS_OPERATION_GET_DM_INFO:
	case VSS_OPERATION_BACKUP_COMPLETE:
		return IC_S_OK;
	default:
		return IC_E_NOT_SUPPORTED;
	}
}

/* An answer as long as the request, zero but for its first fields. */
static u32 answer(const struct vss_vsc *vsc, const struct ic_message *asked,
		  u8 operation, u32 status, void *response, u32 capacity_bytes)
{
	struct vss_message message = { .operation = operation };
	u32 size_bytes =
		ic_vsc_respond(&vsc->ic, asked, response, capacity_bytes,
			       asked->body_bytes, status);
	u8 *body = (u8 *)response + IC_BODY_OFFSET;

	if (!size_bytes)
		return 0;
	if (operation == VSS_OPERATION_HOT_BACKUP)
		message.flags = VSS_FLAGS_NO_AUTO_RECOVERY;
	port_fill(body, 0, asked->body_bytes);
	port_copy(body, &message, sizeof(message));
	return size_bytes;
}

enum vmbus_status vss_vsc_receive(struct vss_vsc *vsc, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  void *response, u32 capacity_bytes,
				  u32 *response_bytes, u8 *operation,
				  bool *requested)
{
	struct ic_message message;
	enum vmbus_status status;

	*requested = false;
	*response_bytes = 0;
	if (vsc->pending)
		return VMBUS_AGAIN;
	status = ic_vsc_receive(&vsc->ic, data, size_bytes, response,
				capacity_bytes, response_bytes, &message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	if (message.body_bytes < sizeof(struct vss_message))
		return VMBUS_E_IC_SHORT;
	vsc->operation = message.body[offsetof(struct vss_message, operation)];
	if (vsc->operation != VSS_OPERATION_HOT_BACKUP &&
	    vsc->operation != VSS_OPERATION_FREEZE &&
	    vsc->operation != VSS_OPERATION_THAW) {
		*response_bytes = answer(vsc, &message, vsc->operation,
					 immediate_status(vsc->operation),
					 response, capacity_bytes);
		return VMBUS_OK;
	}
	vsc->asked = message;
	vsc->asked.body = NULL;
	vsc->transaction_id = transaction_id;
	vsc->pending = true;
	*operation = vsc->operation;
	*requested = true;
	return VMBUS_OK;
}

u32 vss_vsc_respond(struct vss_vsc *vsc, u32 status, u64 now_100ns,
		    void *response, u32 capacity_bytes, u64 *transaction_id)
{
	u32 size_bytes;

	if (!vsc->pending)
		return 0;
	size_bytes = answer(vsc, &vsc->asked, vsc->operation, status, response,
			    capacity_bytes);
	if (!size_bytes)
		return 0;
	*transaction_id = vsc->transaction_id;
	vsc->pending = false;
	if (status != IC_S_OK)
		return size_bytes;
	if (vsc->operation == VSS_OPERATION_FREEZE) {
		vsc->frozen = true;
		vsc->thaw_100ns = now_100ns + vsc->hold_limit_100ns;
	} else if (vsc->operation == VSS_OPERATION_THAW) {
		vsc->frozen = false;
	}
	return size_bytes;
}

bool vss_vsc_thaw_due(struct vss_vsc *vsc, u64 now_100ns)
{
	if (!vsc->frozen || now_100ns < vsc->thaw_100ns)
		return false;
	vsc->frozen = false;
	return true;
}

u64 vss_vsc_deadline_100ns(const struct vss_vsc *vsc)
{
	return vsc->frozen ? vsc->thaw_100ns : IC_NEVER;
}
