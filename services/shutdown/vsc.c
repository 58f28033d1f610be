// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of the shutdown service. */
#include "services/ic/utf16.h"
#include "services/shutdown/vsc.h"

enum vmbus_status shutdown_vsc_init(struct shutdown_vsc *vsc,
				    u32 newest_version, bool can_hibernate)
{
	port_fill(vsc, 0, sizeof(*vsc));
	vsc->can_hibernate = can_hibernate;
	return ic_vsc_init(&vsc->ic, &shutdown_service, newest_version);
}

static void take_text(struct shutdown_action *action,
		      const struct ic_message *message)
{
	u32 offset_bytes = offsetof(struct shutdown_message, text);
	u32 units = (message->body_bytes - offset_bytes) / 2;
	const u8 *text = message->body + offset_bytes;

	if (units > SHUTDOWN_TEXT_UNITS)
		units = SHUTDOWN_TEXT_UNITS;
	/* Text is for logs only: one that does not convert is left empty. */
	if (utf16_to_utf8(action->text, sizeof(action->text), text,
			  utf16_length(text, units)) != UTF16_OK)
		action->text[0] = 0;
}

_Static_assert(offsetof(struct shutdown_message, text) == 12,
	       "three numbers stand before the text");

/* Whether the request is one that this guest carries out. */
static bool take_flags(const struct shutdown_vsc *vsc, u32 flags,
		       struct shutdown_action *action)
{
	u32 kind = flags >> 1;

	if (kind > SHUTDOWN_HIBERNATE)
		return false;
	if (kind == SHUTDOWN_HIBERNATE && !vsc->can_hibernate)
		return false;
	action->kind = (enum shutdown_kind)kind;
	action->forced = flags & SHUTDOWN_FLAG_FORCED;
	return true;
}

enum vmbus_status shutdown_vsc_receive(struct shutdown_vsc *vsc,
				       const void *data, u32 size_bytes,
				       void *response, u32 capacity_bytes,
				       u32 *response_bytes,
				       struct shutdown_action *action)
{
	/* A whole struct shutdown_message is much for a kernel's stack. */
	struct {
		u32 reason_code;
		u32 timeout_seconds;
		u32 flags;
	} request;
	struct ic_message message;
	enum vmbus_status status;

	port_fill(action, 0, sizeof(*action));
	status = ic_vsc_receive(&vsc->ic, data, size_bytes, response,
				capacity_bytes, response_bytes, &message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	if (message.body_bytes < sizeof(request))
		return VMBUS_E_IC_SHORT;
	port_copy(&request, message.body, sizeof(request));
	action->wanted = take_flags(vsc, request.flags, action);
	action->reason_code = request.reason_code;
	action->timeout_seconds = request.timeout_seconds;
	take_text(action, &message);
	*response_bytes =
		ic_vsc_echo(&vsc->ic, &message, response, capacity_bytes,
			    action->wanted ? IC_S_OK : IC_E_FAIL);
	return VMBUS_OK;
}
