/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/components.h"

#include <stdlib.h>

#include "host/component/forward.h"

/* Who waits for the end of one step. */
struct waiter {
	component_done *done;
	void *context;
};

struct vss_component {
	struct component base; /* first */
	struct vss_vsp vsp;
	struct waiter check;
	struct waiter freeze;
	struct waiter thaw;
	u32 thaw_refused; /* what the guest answered to the first attempt; 0 */
};

COMPONENT_FORWARD(vss)
COMPONENT_FORWARD_SENDING(vss)

static const char *reason_of(enum vss_status status)
{
	switch (status) {
	case VSS_BUSY:
		return "busy";
	case VSS_NOT_READY:
	case VSS_CLOSED:
		return "no-contact";
	case VSS_NO_DAEMON:
		return "no-daemon";
	case VSS_NO_ANSWER:
	case VSS_HELD_TOO_LONG:
		return "timeout";
	case VSS_GUEST_ERROR:
		return "guest-error";
	case VSS_CUT_SHORT:
		return "cancelled";
	default:
		return "refused";
	}
}

static void answer_of(struct component_answer *answer, enum vss_status status,
		      u32 guest_status)
{
	const char *why = ic_result_text(guest_status);

	answer->ok = status == VSS_OK;
	if (answer->ok)
		return;
	if (status == VSS_GUEST_ERROR)
		component_answer_fail(answer, reason_of(status),
				      "%s (0x%08x%s%s)",
				      vss_status_text(status), guest_status,
				      why ? ", " : "", why ? why : "");
	else
		component_answer_fail(answer, reason_of(status), "%s",
				      vss_status_text(status));
}

/* Answer a waiter, if there is one. */
static bool finish(struct waiter *waiter, enum vss_status status,
		   u32 guest_status)
{
	struct waiter was = *waiter;
	struct component_answer answer;

	if (!was.done)
		return false;
	waiter->done = NULL;
	answer_of(&answer, status, guest_status);
	was.done(was.context, &answer);
	return true;
}

static void tell(struct component *component, const char *kind,
		 const char *text)
{
	struct component_host *host = component->host;

	host->event(host->context, kind, component_name(component),
		    bus_channel_relid(component->channel), text);
}

static void thawed(struct component *component, const struct vss_event *event)
{
	struct vss_component *self = self_of(component);

	tell(component, "thawed",
	     event->status == VSS_OK ? "the guest's file systems are thawed"
				     : vss_status_text(event->status));
	/*
	 * Whatever it was thawed for, that is what was asked. But a guest that
	 * refused first may have thawed by itself long before.
	 */
	if (event->status == VSS_CLOSED)
		finish(&self->thaw, VSS_CLOSED, 0);
	else
		finish(&self->thaw,
		       self->thaw_refused ? VSS_GUEST_ERROR : VSS_OK,
		       self->thaw_refused);
	self->thaw_refused = 0;
}

static void thaw_failed(struct component *component,
			const struct vss_event *event)
{
	self_of(component)->thaw_refused = event->guest_status;
	tell(component, "thaw-failed",
	     event->guest_status
		     ? "the guest answered the thaw with an error, as it does "
		       "when it thawed by itself; it is asked again, as its "
		       "file systems may still be frozen"
		     : "the guest's file systems may still be frozen: it did "
		       "not confirm the thaw, which is tried again");
}

static void event_take(struct component *component,
		       const struct vss_event *event)
{
	struct vss_component *self = self_of(component);

	switch (event->kind) {
	case VSS_EVENT_CHECKED:
		finish(&self->check, event->status, event->guest_status);
		break;
	case VSS_EVENT_FROZEN:
		tell(component,
		     event->status == VSS_OK ? "frozen" : "freeze-failed",
		     event->status == VSS_OK
			     ? "the guest's file systems are frozen"
			     : vss_status_text(event->status));
		finish(&self->freeze, event->status, event->guest_status);
		break;
	case VSS_EVENT_THAWED:
		thawed(component, event);
		break;
	case VSS_EVENT_THAW_FAILED:
		thaw_failed(component, event);
		break;
	}
}

static void settle(struct component *component, u64 now_100ns)
{
	struct vss_event event;

	(void)now_100ns;
	while (vss_vsp_next_event(&self_of(component)->vsp, &event))
		event_take(component, &event);
}

static void start(struct component *component, u64 now_100ns)
{
	(void)now_100ns;
	self_of(component)->thaw_refused = 0;
	vss_vsp_init(&self_of(component)->vsp, NULL);
}

static void stop(struct component *component)
{
	struct vss_component *self = self_of(component);

	vss_vsp_closed(&self->vsp);
	settle(component, 0);
	finish(&self->check, VSS_CLOSED, 0);
	finish(&self->freeze, VSS_CLOSED, 0);
	finish(&self->thaw, VSS_CLOSED, 0);
}

/* A guest must not be left frozen by a service that goes away. */
static bool leave(struct component *component, u64 now_100ns)
{
	struct vss_vsp *vsp = &self_of(component)->vsp;

	switch (vss_vsp_state(vsp)) {
	case VSS_FREEZING:
	case VSS_FROZEN:
		vss_vsp_thaw(vsp, now_100ns);
		component_wake(component);
		return false;
	case VSS_THAWING:
		return false;
	case VSS_IDLE:
	case VSS_CHECKING:
		break;
	}
	return true;
}

static void probe(struct component *component, u64 now_100ns)
{
	vss_vsp_probe(&self_of(component)->vsp, now_100ns);
}

static bool probing(const struct component *component)
{
	const struct vss_vsp *vsp = &self_of(component)->vsp;

	return ic_vsp_ready(&vsp->ic) && vsp->state == VSS_CHECKING;
}

static const struct component_class vss_class = {
	.index = SERVICE_VSS,
	.service = &vss_service,
	.start = start,
	.stop = stop,
	.leave = leave,
	.settle = settle,
	.probe = probe,
	.probing = probing,
	COMPONENT_FORWARD_ROWS,
	COMPONENT_FORWARD_SENDING_ROWS,
};

struct component *vss_component_make(struct component_host *host)
{
	struct vss_component *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	component_init(&made->base, &vss_class, host);
	return &made->base;
}

/* The common end of the three requests: wait, or say why not. */
static void asked(struct component *component, enum vss_status status,
		  struct waiter *waiter, component_done *done, void *context)
{
	struct component_answer answer;

	if (status != VSS_OK || waiter->done) {
		answer_of(&answer, status != VSS_OK ? status : VSS_BUSY, 0);
		done(context, &answer);
		return;
	}
	waiter->done = done;
	waiter->context = context;
	component_run(component);
}

void vss_component_check(struct component *component, component_done *done,
			 void *context)
{
	struct vss_component *self = self_of(component);
	struct component_answer answer;

	if (!component_ready(component, &answer))
		done(context, &answer);
	else
		asked(component,
		      vss_vsp_check(&self->vsp, component_now_100ns()),
		      &self->check, done, context);
}

void vss_component_freeze(struct component *component, u32 hold_limit_ms,
			  component_done *done, void *context)
{
	struct vss_component *self = self_of(component);
	struct component_answer answer;

	if (!component_ready(component, &answer))
		done(context, &answer);
	else
		asked(component,
		      vss_vsp_freeze(&self->vsp, hold_limit_ms * IC_MS_100NS,
				     component_now_100ns()),
		      &self->freeze, done, context);
}

void vss_component_thaw(struct component *component, component_done *done,
			void *context)
{
	struct vss_component *self = self_of(component);
	struct component_answer answer;

	if (!component_ready(component, &answer))
		done(context, &answer);
	else
		asked(component,
		      vss_vsp_thaw(&self->vsp, component_now_100ns()),
		      &self->thaw, done, context);
}

bool vss_component_frozen(const struct component *component)
{
	switch (vss_vsp_state(&self_of(component)->vsp)) {
	case VSS_FREEZING:
	case VSS_FROZEN:
	case VSS_THAWING:
		return true;
	case VSS_IDLE:
	case VSS_CHECKING:
		break;
	}
	return false;
}
