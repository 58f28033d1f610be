// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of the heartbeat service. */
#include "services/heartbeat/vsc.h"

enum vmbus_status heartbeat_vsc_init(struct heartbeat_vsc *vsc,
				     u32 newest_version)
{
	port_fill(vsc, 0, sizeof(*vsc));
	return ic_vsc_init(&vsc->ic, &heartbeat_service, newest_version);
}

void heartbeat_vsc_set_application(struct heartbeat_vsc *vsc,
				   enum heartbeat_application application)
{
	vsc->application = application;
}

static bool tells_application(const struct heartbeat_vsc *vsc, u32 body_bytes)
{
	return vsc->application != HEARTBEAT_APPLICATION_UNKNOWN &&
	       !ic_version_older(vsc->ic.message_version,
				 HEARTBEAT_VERSION_3_0) &&
	       body_bytes >= offsetof(struct heartbeat_message, reserved);
}

enum vmbus_status heartbeat_vsc_receive(struct heartbeat_vsc *vsc,
					const void *data, u32 size_bytes,
					void *response, u32 capacity_bytes,
					u32 *response_bytes)
{
	u8 *body = (u8 *)response + IC_BODY_OFFSET;
	u32 application = vsc->application;
	struct ic_message message;
	enum vmbus_status status;
	u64 sequence;

	status = ic_vsc_receive(&vsc->ic, data, size_bytes, response,
				capacity_bytes, response_bytes, &message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	if (message.body_bytes < HEARTBEAT_MESSAGE_MIN_BYTES)
		return VMBUS_E_IC_SHORT;
	*response_bytes = ic_vsc_echo(&vsc->ic, &message, response,
				      capacity_bytes, IC_S_OK);
	port_copy(&sequence, message.body, sizeof(sequence));
	sequence++;
	port_copy(body, &sequence, sizeof(sequence));
	if (tells_application(vsc, message.body_bytes))
		port_copy(body + offsetof(struct heartbeat_message,
					  application_state),
			  &application, sizeof(application));
	vsc->answer_count++;
	return VMBUS_OK;
}
