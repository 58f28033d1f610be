/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/components.h"

#include <stdlib.h>

#include "host/component/forward.h"

struct shutdown_component {
	struct component base; /* first */
	struct shutdown_vsp vsp;
	component_done *done;
	void *done_context;
};

COMPONENT_FORWARD(shutdown)
COMPONENT_FORWARD_SENDING(shutdown)

static void finish(struct shutdown_component *self,
		   const struct component_answer *answer)
{
	component_done *done = self->done;

	self->done = NULL;
	if (done)
		done(self->done_context, answer);
}

static void start(struct component *component, u64 now_100ns)
{
	(void)now_100ns;
	shutdown_vsp_init(&self_of(component)->vsp, 0);
}

static void stop(struct component *component)
{
	struct component_answer answer;

	component_answer_fail(&answer, "no-contact",
			      "the guest closed the service '%s' before it "
			      "answered",
			      component_name(component));
	finish(self_of(component), &answer);
}

static void settle(struct component *component, u64 now_100ns)
{
	struct component_answer answer = { .ok = true };
	struct shutdown_event event;
	const char *why;

	if (!shutdown_vsp_next_event(&self_of(component)->vsp, now_100ns,
				     &event))
		return;
	switch (event.kind) {
	case SHUTDOWN_EVENT_ACCEPTED:
		break;
	case SHUTDOWN_EVENT_REFUSED:
		why = ic_result_text(event.status);
		component_answer_fail(
			&answer, "refused", "the guest refused (0x%08x%s%s)",
			event.status, why ? ", " : "", why ? why : "");
		break;
	case SHUTDOWN_EVENT_TIMED_OUT:
		component_answer_fail(&answer, "timeout",
				      "the guest did not answer in time: it "
				      "may hang; 'lis stop --turn-off' ends "
				      "it without asking");
		break;
	}
	finish(self_of(component), &answer);
}

static const struct component_class shutdown_class = {
	.index = SERVICE_SHUTDOWN,
	.service = &shutdown_service,
	.start = start,
	.stop = stop,
	.settle = settle,
	COMPONENT_FORWARD_ROWS,
	COMPONENT_FORWARD_SENDING_ROWS,
};

struct component *shutdown_component_make(struct component_host *host)
{
	struct shutdown_component *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	component_init(&made->base, &shutdown_class, host);
	return &made->base;
}

static void request_failed(enum vmbus_status status,
			   struct component_answer *answer)
{
	switch (status) {
	case VMBUS_AGAIN:
		component_answer_fail(answer, "busy",
				      "an earlier request to end the guest "
				      "has no answer yet");
		break;
	case VMBUS_UNSUPPORTED:
		component_answer_fail(answer, "unsupported",
				      "the guest cannot hibernate: its "
				      "shutdown service is older than "
				      "version 3.2");
		break;
	case VMBUS_NOT_READY:
		component_answer_fail(answer, "no-contact",
				      "the guest's shutdown service has not "
				      "connected yet");
		break;
	default:
		component_answer_fail(answer, "too-long",
				      "the reason is not UTF-8, or longer "
				      "than 1023 characters");
	}
}

void shutdown_component_ask(struct component *component,
			    enum shutdown_kind kind, bool forced,
			    const char *text, u32 timeout_ms,
			    component_done *done, void *context)
{
	struct shutdown_component *self = self_of(component);
	struct shutdown_request request = {
		.kind = kind,
		.forced = forced,
		.reason_code = SHUTDOWN_REASON_PLANNED,
		.text = text,
		.deadline_100ns =
			component_now_100ns() + timeout_ms * IC_MS_100NS,
	};
	struct component_answer answer;
	enum vmbus_status status;

	if (!component_ready(component, &answer)) {
		done(context, &answer);
		return;
	}
	status = shutdown_vsp_request(&self->vsp, &request);
	if (status != VMBUS_OK) {
		request_failed(status, &answer);
		done(context, &answer);
		return;
	}
	self->done = done;
	self->done_context = context;
	component_run(component);
}
