// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* One request at a time, its deadline, and late answers. */
#include "services/ic/call.h"

void ic_call_begin(struct ic_call *call, u64 deadline_100ns)
{
	call->state = IC_CALL_QUEUED;
	call->deadline_100ns = deadline_100ns;
}

bool ic_call_due(const struct ic_call *call)
{
	return call->state == IC_CALL_QUEUED && !call->unanswered;
}

void ic_call_sent(struct ic_call *call, u64 id)
{
	call->state = IC_CALL_SENT;
	call->id = id;
}

enum ic_call_answer ic_call_answered(struct ic_call *call, u64 id)
{
	if (call->state == IC_CALL_SENT && call->id == id) {
		call->state = IC_CALL_IDLE;
		/* Guests answer in order: nothing older is still to come. */
		call->unanswered = false;
		return IC_CALL_MINE;
	}
	if (call->unanswered && call->unanswered_id == id) {
		call->unanswered = false;
		return IC_CALL_LATE;
	}
	return IC_CALL_STRAY;
}

void ic_call_abandon(struct ic_call *call)
{
	if (call->state == IC_CALL_SENT) {
		call->unanswered = true;
		call->unanswered_id = call->id;
	}
	call->state = IC_CALL_IDLE;
}

bool ic_call_expired(struct ic_call *call, u64 now_100ns)
{
	if (call->state == IC_CALL_IDLE || now_100ns < call->deadline_100ns)
		return false;
	ic_call_abandon(call);
	return true;
}

u64 ic_call_deadline_100ns(const struct ic_call *call)
{
	return call->state == IC_CALL_IDLE ? ~0ull : call->deadline_100ns;
}
